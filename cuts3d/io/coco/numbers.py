"""Numbers of untrusted documents, also where they are written as text."""

from __future__ import annotations

import re
import sys
from numbers import Real
from typing import Any

_NUMBER = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*", re.ASCII)


def as_number(value: Any) -> float | None:
    """A finite number, also from text such as "0.5"; None for anything else, also for true and false."""
    if type(value) is float and abs(value) <= sys.float_info.max:  # nearly all are
        return value
    if isinstance(value, str):
        if len(value) > sys.float_info.max_10_exp or not _NUMBER.fullmatch(value):
            return None
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | Real):
        return None
    if not abs(value) <= sys.float_info.max:  # pyright: ignore[reportOperatorIssue]
        return None
    return float(value)


def as_flag(value: Any) -> bool | None:
    """Yes or no, however it is written: true, 1, 1.0, "1", "true"; None for anything that is neither."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return {0.0: False, 1.0: True}.get(as_number(value))  # pyright: ignore[reportArgumentType]
