"""Wrong and unusual values for parameters and for fields of documents."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from benchmarks.strange.case import Rng, chance, one_of
from cuts3d.config import parameter_field, parameter_stages, parameter_type

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e-320, 1e300, 2**31, 2**63, -(2**64), 10**400),
    *(float("nan"), float("inf"), float("-inf")),
    *("", "nan", "0.3", "1e999", "\0", "two\nlines", "\ud800", "Größe ✂️", "x" * 10_000, "' OR 1=1 --", "{{7*7}}"),
    *("../../etc/passwd", "/etc/passwd", "file:/etc/passwd", "http://127.0.0.1:1/", "__class__", "none", "embedded"),
    *([], {}, [1, 2], [[]], {"path": "/etc/passwd"}, [None] * 100, {"a": {"b": {}}}),
)
NAMES = tuple(parameter_stages())
STRANGE_NAMES = ("", "betta", "self", "params", "__init__", "features", "x" * 5000, "\0", "two\nlines", "\ud800", "β")


def strange(rng: Rng) -> Any:
    """A value that hardly any field expects."""
    return copy.deepcopy(one_of(rng, STRANGE))


def fitting(rng: Rng, name: str) -> Any:
    """A value of a parameter inside its range, in half of the cases at an end of it."""
    kind, optional = parameter_type(name)
    low, high = (parameter_field(name).metadata[end] for end in ("low", "high"))
    if optional and chance(rng, 0.2):
        return None
    if kind is bool:
        return chance(rng, 0.5)
    if get_origin(kind) is not None:
        return one_of(rng, get_args(kind))
    if kind is str:
        return parameter_field(name).default
    value = one_of(rng, (low, high, rng.uniform(low, high), rng.uniform(low, high)))
    return int(value) if kind is int else float(value)


def beyond(rng: Rng, name: str) -> Any:
    """A value just outside the range of a parameter, or far outside; any strange value if it has no range."""
    low, high = (parameter_field(name).metadata[end] for end in ("low", "high"))
    if low is None:
        return strange(rng)
    return one_of(rng, (low - 1e-9, low - 1, high + 1e-9, high + 1, -high * 1e6, high * 1e6, str(low)))


def parameters(rng: Rng, *, good: float = 0.4) -> dict[str, Any]:
    """A few parameters by name: with the probability `good` all valid, else with one wrong value or name."""
    names = [one_of(rng, NAMES) for _ in range(int(rng.integers(0, 8)))]
    found = {name: fitting(rng, name) for name in names}
    if chance(rng, good):
        return found
    name = one_of(rng, NAMES)
    return one_of(
        rng,
        (
            lambda: found | {name: beyond(rng, name)},
            lambda: found | {name: strange(rng)},
            lambda: found | {one_of(rng, STRANGE_NAMES): strange(rng)},
        ),
    )()


def as_text(rng: Rng, params: Any) -> Any:
    """The same parameters, in some cases as JSON text, in others as text that is no JSON."""
    if not chance(rng, 0.4):
        return params
    text = json.dumps(params)
    broken = (
        "",
        "{",
        "[" * 100_000,
        '{"beta":' * 50_000,
        "null",
        "7",
        '"x"',
        "[]",
        '{"beta": 1e999}',
        '{"a": "\\ud800"}',
    )
    return text if chance(rng, 0.6) else one_of(rng, (*broken, text[:-1], "\0" + text, text + text))


def mangled(rng: Rng, document: Any, times: int = 1) -> Any:
    """A copy of a JSON document in which some values are replaced or removed.

    Args:
        rng: Chooses the values.
        document: The document, which is not changed.
        times: How many values are replaced or removed.
    """
    changed = copy.deepcopy(document)
    for _ in range(times):
        container, key = one_of(rng, list(_positions(changed)) or [({"": None}, "")])
        if chance(rng, 0.2):
            del container[key]
        else:
            container[key] = strange(rng)
    return changed


def _positions(container: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of a document: the object or list that contains it, and its key or index there."""
    for key, value in list(container.items() if isinstance(container, dict) else enumerate(container)):
        yield container, key
        if isinstance(value, dict | list):
            yield from _positions(value)
