"""Checks of the values of a configuration, with errors that say what to change."""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from cuts3d.errors import ConfigError, shown

Range = tuple[float, float]  # both ends are included


def check(config: Any, what: str, ranges: dict[str, Range]) -> None:
    """Check the type and range of each field of a configuration.

    Args:
        config: A dataclass of plain values, tuples of them, and literals.
        what: Name of the configuration in errors.
        ranges: Range of a number, or of each number of a tuple, by field.

    Raises:
        ConfigError: A field has a wrong value; the message names it and says what it must be.
    """
    for name, kind in _hints(type(config)).items():
        value = getattr(config, name)
        if not _fits(value, kind):
            raise ConfigError(f"The {what}'s '{name}' must be {_words(kind)}; it is {shown(value)}.")
        numbers = value if isinstance(value, tuple) else (value,)
        low, high = ranges.get(name, (0, 0))
        if name in ranges and not all(low <= number <= high for number in numbers if number is not None):
            raise ConfigError(f"The {what}'s '{name}' must lie between {low:g} and {high:g}; it is {shown(value)}.")


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: Any, kind: Any) -> bool:
    if isinstance(kind, type):  # checked first: an untrusted file may contain a million values
        return type(value) in ((int, float) if kind is float else (kind,))
    of = get_args(kind)
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in of
    if get_origin(kind) is UnionType:
        return any(_fits(value, one) for one in of)
    kinds = of[:1] * len(value) if of[-1] is Ellipsis and isinstance(value, tuple) else of
    return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_fits, value, kinds))


def _words(kind: Any) -> str:
    of = get_args(kind)
    if get_origin(kind) is Literal:
        return f"one of {', '.join(of)}"
    if get_origin(kind) is UnionType:
        return " or ".join(_words(one) for one in of)
    if get_origin(kind) is tuple:
        return f"a list of {'two ' if of[-1] is not Ellipsis else ''}{_words(of[0]).removeprefix('a ')}s"
    words = {int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}
    return words.get(kind, f"a {kind.__name__}")
