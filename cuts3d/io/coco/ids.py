"""Ids of COCO documents, compared as what they name."""

from __future__ import annotations

import re
from numbers import Integral, Real
from typing import Any

ImageId = int | str
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,3999})(\.0+)?")  # Python reads no more than 4,300 digits
EXACT = 2**53  # above it, a float does not name one whole number


def as_id(value: Any) -> ImageId | None:
    """An id as what it names: 1, 1.0, "1" and "1.0" are the number 1; "01" and "a" stay text.

    Zeros in front make another id, because padded text is usually the name of a file.

    Args:
        value: An `id`, `image_id` or `category_id`, or a member of `ann_ids`, of an untrusted document.

    Returns:
        None if it can be no id: true and false, null, a fraction, a list.
    """
    if type(value) is int:  # nearly all are, and the checks below take ten times as long
        return value
    if isinstance(value, str):
        number = _WHOLE_NUMBER.fullmatch(value)
        return int(value.split(".", maxsplit=1)[0]) if number else value
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    if isinstance(value, Integral):
        return int(value)
    return int(value) if abs(value) <= EXACT and value == int(value) else None  # pyright: ignore[reportOperatorIssue, reportArgumentType]
