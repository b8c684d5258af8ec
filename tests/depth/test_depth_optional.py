"""Marigold and MoGe: what they ask of their packages, what they make of the answer, and what is said without them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import huggingface_hub
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from at_defaults import normalise_depth
from scipy.stats import spearmanr
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.depth import get_depth, marigold, moge
from cuts3d.depth._pixels import photo_size
from cuts3d.depth.marigold import load_marigold
from cuts3d.depth.moge import load_moge
from cuts3d.errors import WeightsUnavailableError
from cuts3d.grids import resize_map
from cuts3d.scenes import make_scene
from cuts3d.types import DepthMap
from cuts3d.weights.folders import WEIGHTS_VARIABLE

REAL_FOLDER = os.environ.get(WEIGHTS_VARIABLE)  # the suite takes the variable away
LOADERS = {"marigold": load_marigold, "moge": load_moge}
SCENE = make_scene("two boxes", size=(120, 160))

Calls = list[dict[str, Any]]


def photo(h: int, w: int, seed: int = 0) -> ImageArray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)


def scene_depth(shape: tuple[int, ...]) -> torch.Tensor:
    """Depth of the scene in metres, [h, w]."""
    return F.interpolate(torch.from_numpy(SCENE.depth)[None, None], size=shape)[0, 0]


class FakePipeline:
    """A `MarigoldDepthPipeline` that knows the scene, with a little of its generator's noise."""

    calls: ClassVar[Calls] = []

    @classmethod
    def from_pretrained(cls, source: str, **options: Any) -> FakePipeline:
        cls.calls.append({"source": source, **options})
        return cls()

    def set_progress_bar_config(self, *, disable: bool) -> None:
        assert disable

    def to(self, device: torch.device) -> FakePipeline:
        return self

    def __call__(self, image: torch.Tensor, *, generator: torch.Generator, **options: Any) -> SimpleNamespace:
        assert image.min() >= 0 and image.max() <= 1
        self.calls.append({"image": tuple(image.shape), **options})
        h, w = image.shape[-2:]
        shape = (round(768 * h / max(h, w)), round(768 * w / max(h, w)))
        depth = scene_depth(shape) / 10 + 0.01 * torch.rand(shape, generator=generator)
        return SimpleNamespace(prediction=depth[None, None])


class FakeMoGe(nn.Module):
    """A `MoGeModel` that knows the scene, and of its far wall knows nothing."""

    calls: ClassVar[Calls] = []

    @classmethod
    def from_pretrained(cls, source: str, **options: Any) -> FakeMoGe:
        cls.calls.append({"source": source, **options})
        return cls()

    def infer(self, image: torch.Tensor, *, use_fp16: bool) -> dict[str, torch.Tensor]:
        assert image.min() >= 0 and image.max() <= 1 and use_fp16 == torch.cuda.is_available()
        depth = scene_depth(tuple(image.shape[-2:])).expand(len(image), -1, -1).to(image.device)
        mask = depth < 8
        return {"depth": torch.where(mask, depth, torch.inf), "mask": mask}


def hub_path(repository: str, file: str, *, revision: str, etag_timeout: float) -> str:
    """Where the hub's client keeps a file; the fakes do not read it."""
    assert 0 < etag_timeout <= 10
    return f"/hub/{repository}/{revision}/{file}"


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Both packages as fakes, no local folder, and a hub that answers; gives the addresses it was asked for."""
    asked: list[str] = []
    names = ("diffusers", "moge", "moge.model", "moge.model.v2")
    modules = {name: ModuleType(name) for name in names}
    vars(modules["diffusers"])["MarigoldDepthPipeline"] = FakePipeline
    vars(modules["moge.model.v2"])["MoGeModel"] = FakeMoGe
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    for fake in (FakePipeline, FakeMoGe):
        monkeypatch.setattr(fake, "calls", [])
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub_path)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda url, *, timeout: asked.extend([url]))
    return asked


def assert_right_way_round(depth: DepthMap) -> None:
    z = resize_map(normalise_depth(depth), SCENE.depth.shape)
    assert z[SCENE.labels == 1].mean() < z[SCENE.labels == 2].mean()
    near = SCENE.depth < 8
    assert spearmanr(z[near], SCENE.depth[near]).statistic > 0.9


# Marigold


def test_marigold_loads_the_pinned_revision(packages: list[str]) -> None:
    load_marigold()
    (call,) = FakePipeline.calls
    assert call["source"] == "prs-eth/marigold-depth-v1-1" and len(call["revision"]) == 40
    assert call["variant"] == "fp16" and call["use_safetensors"]
    assert call["torch_dtype"] == (torch.float16 if torch.cuda.is_available() else torch.float32)
    assert packages == [
        f"https://huggingface.co/{marigold.REPOSITORY}/resolve/{marigold.SOURCE.revision}/model_index.json"
    ]


def test_marigold_paints_at_its_own_size_with_near_in_front(packages: list[str]) -> None:
    depth = load_marigold()(SCENE.image)
    assert depth.kind == "relative" and depth.values.shape == (576, 768) and depth.values.dtype == np.float32
    assert_right_way_round(depth)
    assert FakePipeline.calls[1] == {
        "image": (1, 3, 120, 160),
        "num_inference_steps": 4,
        "ensemble_size": 1,
        "match_input_resolution": False,
        "output_type": "pt",
    }


@pytest.mark.parametrize("name", LOADERS)
def test_the_same_every_time_and_in_a_batch(packages: list[str], name: str) -> None:
    estimate = LOADERS[name]()
    photos = [photo(51, 77, 1), photo(51, 77, 2), photo(77, 51, 3)]
    for one, many in zip(photos, estimate.batch(photos), strict=True):
        np.testing.assert_array_equal(many.values, estimate(one).values)


def test_marigold_reads_a_local_folder_without_the_hub(
    packages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "marigold").mkdir()
    (tmp_path / "marigold" / "model_index.json").touch()
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    load_marigold()
    (call,) = FakePipeline.calls
    assert call["source"] == str(tmp_path / "marigold") and "revision" not in call and not packages


# MoGe


def test_moge_loads_the_pinned_revision(packages: list[str]) -> None:
    load_moge()
    repository, revision = "Ruicheng/moge-2-vits-normal", moge.SOURCE.revision
    assert FakeMoGe.calls == [{"source": f"/hub/{repository}/{revision}/model.pt"}] and len(revision) == 40
    assert packages == [f"https://huggingface.co/{repository}/resolve/{revision}/model.pt"]


def test_moge_is_metric_and_unknown_where_it_is_masked(packages: list[str]) -> None:
    depth = load_moge()(SCENE.image)
    assert depth.kind == "metric" and depth.values.shape == SCENE.depth.shape
    far = SCENE.depth >= 8
    assert far.any() and np.isnan(depth.values[far]).all()
    np.testing.assert_allclose(depth.values[~far], SCENE.depth[~far], rtol=1e-6)
    assert_right_way_round(depth)


def test_moge_without_a_mask_still_drops_what_is_no_depth() -> None:
    answer = {"depth": torch.tensor([[[1.0, torch.inf, 0.0, -1.0, torch.nan]]])}
    network = SimpleNamespace(infer=lambda pixels, use_fp16: answer)
    depth = moge.infer(network, torch.zeros(1, 3, 1, 5))
    np.testing.assert_array_equal(depth[0, 0].numpy(), [1, np.nan, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    ("size", "expected"), [((51, 77), (51, 77)), ((1, 1), (1, 1)), ((2000, 3001), (682, 1024)), ((4096, 2), (1024, 1))]
)
def test_moge_input_rule(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert photo_size(size) == expected
    assert moge.prepare(photo(*size)).shape == (3, *expected)


def test_moge_reads_a_local_file_without_the_hub(
    packages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "moge.pt").touch()
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    load_moge()
    assert FakeMoGe.calls == [{"source": str(tmp_path / "moge.pt")}] and not packages


# What is said


@pytest.mark.parametrize(
    ("name", "module", "install"),
    [
        ("marigold", "diffusers", "pip install diffusers accelerate"),
        ("moge", "moge", "pip install git+https://github.com/microsoft/MoGe.git"),
    ],
)
def test_missing_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, install: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(WeightsUnavailableError) as caught:
        LOADERS[name]()
    assert all(w in str(caught.value) for w in (get_depth(name).title, f"'{install}'", "embedded"))


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("step", ["probe", "download"])
def test_hub_failure_says_what_to_do(
    packages: list[str], monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    cause = ConnectionError("the cable is cut.\nsecond line")

    def fail(*_: object, **__: object) -> None:
        raise cause

    if step == "probe":
        monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", fail)
    elif name == "marigold":  # diffusers downloads the pipeline's files by itself
        monkeypatch.setattr(FakePipeline, "from_pretrained", fail)
    else:
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(WeightsUnavailableError) as caught:
        LOADERS[name]()
    words = ("(ConnectionError: the cable is cut)", "Hugging Face hub", WEIGHTS_VARIABLE, "embedded", f"'{name}")
    assert all(w in str(caught.value) for w in words) and caught.value.__cause__ is cause


@pytest.mark.parametrize(
    ("name", "file", "label"),
    [("marigold", "marigold/model_index.json", "The folder 'marigold'"), ("moge", "moge.pt", "'moge.pt'")],
)
def test_a_local_copy_that_cannot_be_read_is_named(
    packages: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, file: str, label: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("not a model")

    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    for fake in (FakePipeline, FakeMoGe):
        monkeypatch.setattr(fake, "from_pretrained", fail)
    with pytest.raises(WeightsUnavailableError, match=f"{label} is not a checkpoint of .*: OSError"):
        LOADERS[name]()
    assert not packages


@pytest.mark.parametrize("name", LOADERS)
def test_declaration(name: str) -> None:
    spec = get_depth(name)
    assert spec.load is LOADERS[name] and spec.packages
    assert spec.weights is not None and len(spec.weights.revision) == 40
    assert all((spec.title, spec.source, spec.trained_on, spec.licence, spec.input_rule)) and spec.download_mb > 100
    assert not spec.embedded and not spec.tokens_of


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize("name", LOADERS)
def test_the_real_thing_sees_the_nearer_box(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if REAL_FOLDER:
        monkeypatch.setenv(WEIGHTS_VARIABLE, REAL_FOLDER)
    try:
        estimate = LOADERS[name]()
    except WeightsUnavailableError as error:
        pytest.skip(str(error))
    scene = make_scene("two boxes")
    z = resize_map(normalise_depth(estimate(scene.image)), scene.depth.shape)
    assert spearmanr(z.ravel(), scene.depth.ravel()).statistic > 0.7
