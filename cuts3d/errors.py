"""Errors of the package. Each message is one sentence: what was expected, what was given, what to do."""

import warnings
from collections.abc import Sequence


class CutS3DError(Exception):
    """Base class of all errors that the package raises on purpose."""


class InputError(CutS3DError, ValueError):
    """A photo, depth map or array that cannot be used."""


class ConfigError(CutS3DError, ValueError):
    """A parameter that is unknown or out of its range."""


class WeightsUnavailableError(CutS3DError, RuntimeError):
    """Weights that are not available, neither locally nor from a hub."""


class MissingPackageError(CutS3DError, ImportError):
    """A package that is not installed, or that does not load here; the core does without it."""


class InputNote(UserWarning):
    """What was done to a photo or a depth map, or what is strange about it: a warning, one sentence."""


def warn_of(notes: Sequence[str]) -> None:
    """Tell users of the library what they see neither on a page nor on a command line."""
    for note in notes:
        warnings.warn(note, InputNote, stacklevel=3)


MAX_CHARACTERS = 80  # of a wrong value that a message repeats


def shown(value: object) -> str:
    """Text of an untrusted value for a message: on one line, and shortened."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python does not print an integer of more than 4,300 digits
        text = f"a very long {type(value).__name__}"
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"


MEMORY_WORDS = ("out of memory", "can't allocate memory", "std::bad_alloc", "Cannot allocate memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether the error, or its cause, says that memory ran out. On a CPU, Torch raises a plain RuntimeError then."""
    reported = isinstance(error, RuntimeError | OSError) and any(words in str(error) for words in MEMORY_WORDS)
    cause = error.__cause__
    return isinstance(error, MemoryError) or reported or (cause is not None and out_of_memory(cause))
