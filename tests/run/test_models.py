"""Loaded networks of a process: each is loaded once, and freed when another is loaded."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from cuts3d.depth import get_depth, registry
from cuts3d.depth.loaded import _estimator, loaded_estimator
from cuts3d.types import DepthMap


class Heavy:
    """An estimator that holds memory."""

    def __call__(self, image, features) -> DepthMap:
        return DepthMap(values=np.zeros((2, 2), np.float32), kind="relative", estimator="heavy")


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("first", "second"):
        monkeypatch.setitem(registry._SPECS, name, replace(get_depth("none"), name=name, load=Heavy))
    _estimator.cache_clear()
    yield
    _estimator.cache_clear()


def test_an_estimator_is_loaded_once(two) -> None:
    assert loaded_estimator("first") is loaded_estimator("first")


def test_the_memory_of_an_estimator_is_freed_when_another_is_loaded(two) -> None:
    gone = weakref.ref(loaded_estimator("first"))
    loaded_estimator("second")
    gc.collect()
    assert gone() is None
