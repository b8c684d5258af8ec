"""Remembers the results of the stages of one photo. The key of a result follows from the arguments of its function."""

from __future__ import annotations

import dataclasses
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping
from types import FunctionType
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")
P = TypeVar("P")
UNLIMITED = 1 << 30


class Keyed(Generic[T]):
    """A value with a key: the stage that computes it, and the keys of the arguments.

    The value is computed when it is first read. If all results that use it are remembered, it is never computed.

    Attributes:
        key: Equal for the same stage with equal arguments; hashable.
    """

    __slots__ = ("_compute", "_value", "key")

    def __init__(self, key: Hashable, compute: Callable[[], T]) -> None:
        self.key = key
        self._compute: Callable[[], T] | None = compute
        self._value: T | None = None

    @property
    def value(self) -> T:
        """The value; computed at the first call."""
        if self._compute is not None:
            self._value, self._compute = self._compute(), None
        return self._value  # pyright: ignore[reportReturnType]

    def part(self, value: P, *which: Hashable) -> Keyed[P]:
        """A part of this value, with its own key.

        Args:
            value: The part.
            which: Distinguishes the part from the other parts.
        """
        return Keyed((self.key, *which), lambda: value)


class Memo:
    """Computes stages of one photo; returns the remembered result if the same stage had equal arguments before.

    A stage is a function of a module, so it reads nothing but its arguments. Each argument is part of the key: a
    `Keyed` value with its key; a frozen configuration, number, text or Boolean mask with its value. A new parameter
    is therefore part of the key as soon as the function takes it.

    Attributes:
        calls: How often each stage was computed; remembered results do not count.
    """

    def __init__(self, keep: Mapping[str, int] | None = None, *, otherwise: int = UNLIMITED) -> None:
        """Create an empty memo.

        Args:
            keep: Number of results that are remembered, by stage; the least recently used one is dropped first.
            otherwise: The same for the stages that `keep` does not name; 0 remembers nothing.
        """
        self.calls: Counter[str] = Counter()
        self._keep, self._otherwise = dict(keep or {}), otherwise
        self._results: dict[str, OrderedDict[Hashable, Any]] = {}
        self._given: dict[int, Any] = {}

    def __call__(self, stage: str, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Keyed[T]:
        """Result of `function(*args, **kwargs)`; computed now unless it is remembered.

        Args:
            stage: Name of the stage.
            function: A function of a module, without a closure.
            args: `Keyed` values (the function gets their values), plain values, Boolean masks, or a `Memo`.
            kwargs: The same, by name.

        Raises:
            TypeError: The function is a closure, or an argument has no key.
        """
        result = self.lazy(stage, function, *args, **kwargs)
        result.value  # noqa: B018 - computes it
        return result

    def lazy(self, stage: str, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Keyed[T]:
        """The same as a call, but the value is computed when it is first read."""
        key = self.key(stage, function, *args, **kwargs)

        def compute() -> T:
            return function(*map(_value, args), **{name: _value(arg) for name, arg in kwargs.items()})

        return Keyed(key, lambda: self.remembered(stage, key, compute))

    def key(self, stage: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Hashable:
        """The key of a result."""
        if not isinstance(function, FunctionType | type) or getattr(function, "__closure__", None):
            raise TypeError(f"The stage '{stage}' must be a function of a module: a closure could hide an argument.")
        return (stage, *map(_key, args), *((name, _key(arg)) for name, arg in sorted(kwargs.items())))

    def given(self, value: T) -> Keyed[T]:
        """A value from outside, such as the photo or the user's own depth map; its key is its identity."""
        self._given[id(value)] = value  # kept, so that no other object can get its id
        return Keyed(("given", id(value)), lambda: value)

    def provide(self, value: T, stage: str, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Keyed[T]:
        """Remember a result that was computed elsewhere, for example in a batch."""
        key = self.key(stage, function, *args, **kwargs)
        self._results.setdefault(stage, OrderedDict())[key] = value
        return Keyed(key, lambda: value)

    def remembered(self, stage: str, key: Hashable, compute: Callable[[], T]) -> T:
        """The result of a key; computed if it is not remembered."""
        results = self._results.setdefault(stage, OrderedDict())
        if key in results:
            results.move_to_end(key)
            return results[key]
        self.calls[stage] += 1
        value = compute()
        results[key] = value
        while len(results) > self._keep.get(stage, self._otherwise):
            results.popitem(last=False)
        return value


def forgetful() -> Memo:
    """A memo that remembers nothing."""
    return Memo(otherwise=0)


def _value(argument: Any) -> Any:
    return argument.value if isinstance(argument, Keyed) else argument


def _key(argument: Any) -> Hashable:
    if isinstance(argument, Keyed):
        return argument.key
    if isinstance(argument, Memo):
        return None  # it changes how a result is computed, not what it is
    if isinstance(argument, np.ndarray):
        if argument.dtype != np.bool_:
            raise TypeError(f"An array of {argument.dtype} has no key; pass it as a result of the memo.")
        return (argument.shape, argument.tobytes())
    if dataclasses.is_dataclass(argument) and type(argument).__hash__ is object.__hash__:
        raise TypeError(f"A {type(argument).__name__} has no key; pass it as a result of the memo.")
    hash(argument)  # raises TypeError
    return argument  # pyright: ignore[reportReturnType]
