"""Errors that a person can act on: one sentence that says what was expected, what came, what to do."""


class CutS3DError(Exception):
    """Base of every error that the package raises on purpose."""


class InputError(CutS3DError, ValueError):
    """A photo, depth map or array that cannot be used."""


class ConfigError(CutS3DError, ValueError):
    """A parameter that is unknown or out of its range."""


class WeightsUnavailableError(CutS3DError, RuntimeError):
    """Weights that can be found neither locally nor on a hub."""


LONGEST = 80  # characters of a wrong value that a sentence repeats


def shown(value: object) -> str:
    """A value of anybody's as a sentence repeats it: on one line, and no more of it than is of use."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # a whole number of more than 4,300 digits has no text
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


MEMORY_WORDS = ("out of memory", "can't allocate memory", "std::bad_alloc", "Cannot allocate memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, here or where the error came from; Torch says so in plain RuntimeErrors on a CPU."""
    said = isinstance(error, RuntimeError | OSError) and any(words in str(error) for words in MEMORY_WORDS)
    cause = error.__cause__
    return isinstance(error, MemoryError) or said or (cause is not None and out_of_memory(cause))
