"""MiDaS v2.1 small: the official checkpoint's names and counts, the input rule, and what is refused."""

from __future__ import annotations

import io
import os
import urllib.request
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from at_defaults import normalise_depth
from scipy.stats import spearmanr
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.depth import get_depth
from cuts3d.depth.midas_small import SOURCE, MidasSmall, build, estimator, input_shape, load_midas_small
from cuts3d.errors import WeightsUnavailableError
from cuts3d.grids import resize_map
from cuts3d.scenes import make_scene
from cuts3d.weights import locate
from cuts3d.weights.files import sha256_of
from cuts3d.weights.folders import WEIGHTS_VARIABLE, cache_dir

REAL_FOLDER = os.environ.get(WEIGHTS_VARIABLE)  # the suite takes the variable away
USED, UNUSED = 16_600_929, 4_719_616  # Qualcomm's card of MiDaS_small says 16.6 M: what a traced network holds
FILE_MIB = 81.8  # the official file, as torch.hub reports its download

State = dict[str, torch.Tensor]


@cache
def official_layers() -> nn.ModuleDict:
    """The encoder as the official network cuts it: stem and blocks 0–1, block 2, blocks 3–4, blocks 5–6."""
    torch.manual_seed(1)
    net: Any = timm.create_model("tf_efficientnet_lite3", pretrained=False).eval()
    first = nn.Sequential(net.conv_stem, net.bn1, nn.Identity(), *net.blocks[0:2])
    rest = [nn.Sequential(*net.blocks[a:b]) for a, b in ((2, 3), (3, 5), (5, 9))]
    return nn.ModuleDict({f"layer{i + 1}": layer for i, layer in enumerate((first, *rest))})


def official_decoder() -> dict[str, tuple[int, ...]]:
    """Shapes of the decoder's weights under the official names; a bias stands beside all but the first four."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (channels, width) in enumerate(zip((32, 48, 136, 384), (64, 128, 256, 512), strict=True), start=1):
        shapes[f"layer{i}_rn"] = (width, channels, 3, 3)
        for conv in ("resConfUnit1.conv1", "resConfUnit1.conv2", "resConfUnit2.conv1", "resConfUnit2.conv2"):
            shapes[f"refinenet{i}.{conv}"] = (width, width, 3, 3)
        shapes[f"refinenet{i}.out_conv"] = (max(64, width // 2), width, 1, 1)
    return shapes | {"output_conv.0": (32, 64, 3, 3), "output_conv.2": (32, 32, 3, 3), "output_conv.4": (1, 32, 1, 1)}


@cache
def official_state() -> State:
    """A checkpoint with the official names, random values; read only."""
    state = {f"pretrained.{k}": v for k, v in official_layers().state_dict().items()}
    torch.manual_seed(2)
    for name, shape in official_decoder().items():
        state[f"scratch.{name}.weight"] = torch.randn(shape) / np.sqrt(np.prod(shape[1:]))
        if not name.endswith("_rn"):
            state[f"scratch.{name}.bias"] = torch.full(shape[:1], 0.1)
    return state


@cache
def network() -> MidasSmall:
    return build(official_state(), label="made")


def photo(h: int, w: int, seed: int = 0) -> ImageArray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `$CUTS3D_WEIGHTS`, and no release to ask."""
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(locate, "download", None)
    return tmp_path


# The network


def test_counts_are_the_published_ones() -> None:
    assert sum(p.numel() for p in network().parameters()) == USED
    state = official_state()
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert sum(v.numel() for k, v in state.items() if not k.endswith(statistics)) == USED + UNUSED
    assert sum(v.numel() * v.element_size() for v in state.values()) / 2**20 == pytest.approx(FILE_MIB, abs=0.3)


def test_official_names_load_strictly_and_reach_their_places() -> None:
    state, loaded = official_state(), network().state_dict()
    assert len(loaded) == len(state) - 4
    assert torch.equal(loaded["encoder.blocks.6.0.bn3.weight"], state["pretrained.layer4.1.0.bn3.weight"])
    assert torch.equal(loaded["fuse.0.narrow.bias"], state["scratch.refinenet1.out_conv.bias"])
    assert torch.equal(loaded["fuse.3.refine.conv2.weight"], state["scratch.refinenet4.resConfUnit2.conv2.weight"])
    assert not network().training and not any(p.requires_grad for p in network().parameters())


def test_encoder_equals_the_official_layers() -> None:
    pixels = torch.randn(1, 3, 64, 96)
    x, layers = pixels, official_layers()
    with torch.inference_mode():
        for i, found in enumerate(network().encoder(pixels), start=1):
            x = layers[f"layer{i}"](x)
            torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-5)


def plain_decoder(levels: list[torch.Tensor]) -> torch.Tensor:
    """The plain reference: the decoder step by step, on the official names."""
    state = official_state()

    def conv(name: str, x: torch.Tensor) -> torch.Tensor:
        weight = state[f"scratch.{name}.weight"]
        return F.conv2d(x, weight, state.get(f"scratch.{name}.bias"), padding=weight.shape[-1] // 2)

    def unit(name: str, x: torch.Tensor) -> torch.Tensor:
        return x + conv(f"{name}.conv2", conv(f"{name}.conv1", x.relu()).relu())

    x = torch.zeros(1)
    for i in (4, 3, 2, 1):
        level = conv(f"layer{i}_rn", levels[i - 1])
        x = level if i == 4 else x + unit(f"refinenet{i}.resConfUnit1", level)
        x = F.interpolate(unit(f"refinenet{i}.resConfUnit2", x), scale_factor=2, mode="bilinear", align_corners=True)
        x = conv(f"refinenet{i}.out_conv", x)
    x = F.interpolate(conv("output_conv.0", x), scale_factor=2, mode="bilinear")
    return conv("output_conv.4", conv("output_conv.2", x).relu()).relu()[:, 0]


def test_network_equals_the_plain_reference() -> None:
    pixels = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        expected = plain_decoder(network().encoder(pixels))
        torch.testing.assert_close(network()(pixels), expected, rtol=1e-4, atol=1e-5)
    assert expected.shape == (1, 64, 96) and expected.std() > 0


@pytest.mark.parametrize(
    ("size", "expected"),
    [((480, 640), (192, 256)), ((640, 427), (256, 160)), ((101, 333), (64, 256)), ((10, 900), (32, 256))],
)
def test_input_rule(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert input_shape(size) == expected
    depth = estimator(network())(photo(*size))
    assert depth.values.shape == expected and depth.values.dtype == np.float32
    assert depth.kind == "disparity" and (depth.values >= 0).all() and np.ptp(depth.values) > 0


def test_batch_equals_singles() -> None:
    estimate = estimator(network())
    photos = [photo(60, 80, 1), photo(80, 60, 2), photo(90, 120, 3)]
    for one, many in zip(photos, estimate.batch(photos), strict=True):
        alone = estimate(one).values
        np.testing.assert_allclose(many.values, alone, rtol=0, atol=1e-4 * float(np.ptp(alone)))


class Known(nn.Module):
    """Gives the disparity of a scene, whatever it sees."""

    def __init__(self, depth: np.ndarray) -> None:
        super().__init__()
        self.disparity = 1 / torch.from_numpy(depth)[None, None]

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return F.interpolate(self.disparity, size=pixels.shape[-2:]).expand(len(pixels), -1, -1, -1)[:, 0]


def test_near_and_far_are_the_right_way_round() -> None:
    scene = make_scene("two boxes", size=(120, 160))
    z = resize_map(normalise_depth(estimator(Known(scene.depth))(scene.image)), scene.depth.shape)
    assert z[scene.labels == 1].mean() < z[scene.labels == 2].mean() < z[scene.depth > 8].mean()
    assert spearmanr(z.ravel(), scene.depth.ravel()).statistic > 0.95


# Files


def test_local_file_loads(folder: Path) -> None:
    torch.save(official_state(), folder / "midas_small.pt")
    image = photo(32, 256)
    np.testing.assert_array_equal(load_midas_small()(image).values, estimator(network())(image).values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scratch.layer1_rn.weight": None}, "'scratch.layer1_rn.weight' is missing"),
        ({"scratch.extra": torch.zeros(1)}, "'scratch.extra' is unknown"),
        ({"scratch.output_conv.4.bias": torch.zeros(2)}, "'scratch.output_conv.4.bias' is (2,) instead of (1,)"),
    ],
    ids=["missing", "extra", "shape"],
)
def test_other_tensors_are_named(change: dict[str, torch.Tensor | None], words: str) -> None:
    state = {k: v for k, v in {**official_state(), **change}.items() if v is not None}
    with pytest.raises(WeightsUnavailableError) as caught:
        build(state, label="'a.pt'")
    assert all(w in str(caught.value) for w in ("'a.pt' is not a checkpoint of MiDaS", WEIGHTS_VARIABLE, words))


def test_another_network_is_refused_in_one_sentence() -> None:
    with pytest.raises(WeightsUnavailableError, match=r"'conv1\.weight' is unknown; .* and 473 more\.") as caught:
        build({"conv1.weight": torch.zeros(1)}, label="'a.pt'")
    assert len(str(caught.value)) < 600


class Hostile:
    """Makes a folder when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def test_pickle_with_code_is_refused_and_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    torch.save({"state_dict": {}, "args": Hostile()}, folder / "midas_small.pt")
    with pytest.raises(WeightsUnavailableError, match="not a checkpoint of plain tensors"):
        load_midas_small()
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_text_is_refused(folder: Path, suffix: str) -> None:
    (folder / f"midas_small.{suffix}").write_text("<html>404</html>")
    with pytest.raises(WeightsUnavailableError, match=f"'midas_small.{suffix}' is not a checkpoint of plain tensors"):
        load_midas_small()


# The release


@pytest.fixture
def no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing local, an empty cache, and a record of what the release is asked for."""
    asked: list[str] = []

    def answer(request: urllib.request.Request, *, timeout: float) -> Any:
        assert request.get_method() == "HEAD" and 0 < timeout <= 10
        asked.append(request.full_url)
        raise OSError("no route to host.")

    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("CUTS3D_CACHE", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    return asked


def test_unreachable_release_says_what_to_do(no_file: list[str]) -> None:
    with pytest.raises(WeightsUnavailableError) as caught:
        load_midas_small()
    words = ("OSError: no route to host)", "midas_v21_small_256.pt", "'midas_small.pt'", WEIGHTS_VARIABLE, "embedded")
    assert all(w in str(caught.value) for w in words)
    assert no_file == [f"https://github.com/isl-org/MiDaS/releases/download/v2_1/{SOURCE.file}"]


def test_offline_is_honoured(no_file: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsUnavailableError, match="switched off by HF_HUB_OFFLINE"):
        load_midas_small()
    assert not no_file


def test_download_is_held_to_its_hash_and_kept(no_file: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def download(url: str, target: str, hash_prefix: str, progress: bool) -> None:
        started.append(hash_prefix)
        torch.save({"a": torch.zeros(1)}, target)

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO())
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    path = locate.download(SOURCE)
    assert path == cache_dir() / SOURCE.file and started == [SOURCE.sha256]
    assert locate.download(SOURCE) == path and len(started) == 2  # a cached file of another hash is fetched again
    assert locate.download(replace(SOURCE, sha256=sha256_of(path)[:8])) == path and len(started) == 2
    assert SOURCE.sha256 in SOURCE.file and len(SOURCE.sha256) == 8


def test_declaration() -> None:
    spec = get_depth("midas_small")
    assert (spec.kind, spec.licence, spec.load) == ("disparity", "MIT", load_midas_small)
    assert 80 < spec.download_mb < 90 and spec.weights is SOURCE and not spec.packages


@pytest.mark.weights
def test_the_real_file_sees_the_nearer_box(monkeypatch: pytest.MonkeyPatch) -> None:
    if not REAL_FOLDER or not list(Path(REAL_FOLDER).expanduser().glob("midas_small.*")):
        pytest.skip(f"there is no midas_small.pt in ${WEIGHTS_VARIABLE}")
    monkeypatch.setenv(WEIGHTS_VARIABLE, REAL_FOLDER)
    scene = make_scene("two boxes")
    found = resize_map(load_midas_small()(scene.image).values, scene.depth.shape)
    assert spearmanr(found.ravel(), (1 / scene.depth).ravel()).statistic > 0.7
