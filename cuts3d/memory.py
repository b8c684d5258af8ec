"""Errors that mean that memory ran out, whoever raises them."""

from __future__ import annotations

WORDS = ("out of memory", "can't allocate memory", "std::bad_alloc", "Cannot allocate memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, here or where the error came from; Torch says so in plain RuntimeErrors on a CPU."""
    said = isinstance(error, RuntimeError | OSError) and any(words in str(error) for words in WORDS)
    cause = error.__cause__
    return isinstance(error, MemoryError) or said or (cause is not None and out_of_memory(cause))
