"""Fixtures of the suite: the embedded network and the synthetic scenes, each once; the user's cache is not used."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread each; idle threads of PyTorch keep the other's core busy
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))  # `pytest` alone finds the packages too

from helpers import SHARED, Photo, pixel_spec, squares_photo  # noqa: E402

from cuts3d.backbones import BackboneSpec, ViTBackbone, get_backbone, registry  # noqa: E402
from cuts3d.config import CutS3DConfig  # noqa: E402
from cuts3d.scenes import SyntheticScene, make_scene  # noqa: E402

settings.register_profile(
    "suite", deadline=None, max_examples=25, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of two processes one has all tests in the browser, which mostly wait, and the other the rest, file by file."""
    for item in items:
        name = "browser" if item.path.parent.name == "browser" else str(item.path.relative_to(REPO))
        item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Converted weights of this run go into a temporary folder, so that an old cache cannot hide an error."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUTS3D_CACHE", str(folder))
        patch.delenv("CUTS3D_WEIGHTS", raising=False)
        yield folder


@pytest.fixture(scope="session")
def embedded_spec() -> BackboneSpec:
    return get_backbone("dinov2_vits14_focus")


@pytest.fixture(scope="session")
def embedded_network(embedded_spec: BackboneSpec) -> ViTBackbone:
    from cuts3d.backbones.loaded import loaded_backbone

    return loaded_backbone(embedded_spec.name)


@pytest.fixture(scope="session")
def scene() -> Callable[[str], SyntheticScene]:
    """`scene("two boxes")`: a synthetic scene at 240×320, rendered once."""
    return cache(lambda name: make_scene(name, size=(240, 320)))


@pytest.fixture(scope="session")
def photo() -> Photo:
    """Two touching red squares at different depths, and a green bar, on blue."""
    return squares_photo()


@pytest.fixture
def pixel_backbone(monkeypatch: pytest.MonkeyPatch) -> BackboneSpec:
    """A backbone `pixels` whose features are mean colours: the whole pipeline in milliseconds."""
    spec = pixel_spec()
    monkeypatch.setitem(registry._SPECS, spec.name, spec)
    return spec


@pytest.fixture
def pixel_config(pixel_backbone: BackboneSpec) -> CutS3DConfig:
    """Configuration for `photo` on the `pixels` backbone: depth separates the squares, no CRF."""
    return CutS3DConfig().replace(
        backbone=pixel_backbone.name, depth="none", crf=False, depth_scale=3.0, tau_knn=0.15, k_neighbors=12
    )


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of development data next to the project; the test is skipped if it is missing."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"development data is missing: there is no folder '{SHARED / 'data'}'")
    return SHARED
