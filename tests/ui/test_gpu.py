"""ZeroGPU: the backbone runs through `spaces.GPU` on a ZeroGPU Space, and unchanged elsewhere."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from cuts3d import CutS3D
from cuts3d.backbones.features import use_runner
from ui.server.gpu import spaces_package, use_zero_gpu


@pytest.fixture(autouse=True)
def own_runner() -> Iterator[None]:
    yield
    use_runner()


def fake_spaces(calls: list[str]) -> SimpleNamespace:
    """Calls in another process: what goes in and comes out is pickled."""

    def lend(function):
        def lent(*arguments):
            name, *rest = pickle.loads(pickle.dumps(arguments))
            calls.append(name.__name__)
            return pickle.loads(pickle.dumps(function(name, *rest)))

        return lent

    return SimpleNamespace(GPU=lend)


@pytest.mark.parametrize(("variable", "asked"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_a_gpu_is_asked_for_only_on_zero_gpu(variable, asked, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "spaces", fake_spaces([]))
    monkeypatch.setenv("SPACES_ZERO_GPU", variable)
    assert (spaces_package() is not None) == asked


def test_the_backbone_and_nothing_else_runs_on_the_lent_gpu(photo, pixel_config, monkeypatch) -> None:
    plain = CutS3D(pixel_config).segment(photo.image, depth=photo.depth)
    calls: list[str] = []
    monkeypatch.setitem(sys.modules, "spaces", fake_spaces(calls))
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    use_zero_gpu()
    lent = CutS3D(pixel_config).segment(photo.image, depth=photo.depth)
    assert calls == ["compute"]
    assert [i.mask.tobytes() for i in lent.instances] == [i.mask.tobytes() for i in plain.instances]


def test_without_the_package_nothing_changes(photo, pixel_config, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "spaces", None)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    use_zero_gpu()
    assert CutS3D(pixel_config).segment(photo.image, depth=photo.depth).instances
