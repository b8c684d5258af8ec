"""Kick Back & Relax: the training checkpoint's names, the input rule, and what is refused."""

from __future__ import annotations

import os
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
from cuts3d.depth import get_depth, slowtv
from cuts3d.depth.slowtv import SlowTV, build, estimator, input_shape, load_slowtv
from cuts3d.errors import WeightsUnavailableError
from cuts3d.grids import resize_map
from cuts3d.scenes import make_scene
from cuts3d.weights.folders import WEIGHTS_VARIABLE

REAL_FOLDER = os.environ.get(WEIGHTS_VARIABLE)  # the suite takes the variable away
SMALL = "convnext_atto"  # the same family, 3 M parameters
ENCODER = 87_564_416  # ConvNeXt-B without its classifier; timm publishes 88.59 M with it
DECODER = 5_086_065

State = dict[str, torch.Tensor]


def official_decoder(channels: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Shapes of the decoder's weights under the official names, for the encoder's channels at strides 4 to 32."""
    a, b, c, d = channels
    inputs = [d, 256 + c, 256, 128 + b, 128, 64 + a, 64, 32, 32, 16]
    outputs = [256, 256, 128, 128, 64, 64, 32, 32, 16, 16]
    blocks = {f"{i}.conv": (o, n, 3, 3) for i, (n, o) in enumerate(zip(inputs, outputs, strict=True))}
    return blocks | {f"{10 + i}": (1, n, 3, 3) for i, n in enumerate((16, 32, 64, 128))}


@cache
def official_state(encoder: str = SMALL) -> State:
    """The depth network of a checkpoint with the official names, random values; read only."""
    torch.manual_seed(3)
    net: Any = timm.create_model(encoder, pretrained=False, features_only=True)
    state = {f"encoder.{k}": v for k, v in net.state_dict().items()}
    for name, shape in official_decoder(tuple(net.feature_info.channels())).items():
        state[f"decoders.disp.decoder.{name}.weight"] = torch.randn(shape) / np.sqrt(np.prod(shape[1:]))
        state[f"decoders.disp.decoder.{name}.bias"] = torch.zeros(shape[:1])
    return state


def training_checkpoint(state: State) -> dict[str, Any]:
    """As Lightning 2.0 saves it: depth network, pose network, settings and what training needs to go on."""
    return {
        "epoch": 59,
        "pytorch-lightning_version": "2.0.0",
        "state_dict": {f"nets.depth.{k}": v for k, v in state.items()} | {"nets.pose.encoder.a": torch.zeros(2)},
        "hyper_parameters": {"cfg": {"net": {"depth": {"enc_name": "convnext_base", "mask_name": None}}}},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 1e-4}]}],
        "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": {"best_model_score": torch.tensor(0.1)}},
    }


@cache
def network() -> SlowTV:
    return build(official_state(), label="made", encoder=SMALL)


def photo(h: int, w: int, seed: int = 0) -> ImageArray:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `$CUTS3D_WEIGHTS`."""
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small inputs."""
    monkeypatch.setattr(slowtv, "LANDSCAPE_WIDTH", 96)
    monkeypatch.setattr(slowtv, "PORTRAIT_HEIGHT", 64)


# The network


def test_names_and_counts_of_the_true_network() -> None:
    with torch.device("meta"):
        net = SlowTV()
    state = official_state("convnext_base")
    assert sum(p.numel() for p in net.encoder.parameters()) == ENCODER
    assert sum(p.numel() for p in net.parameters()) == ENCODER + DECODER
    assert len(net.state_dict()) == len(state) - 6
    for name in (
        "encoder.stem_0.weight",
        "encoder.stages_2.blocks.26.mlp.fc2.bias",
        "encoder.stages_3.downsample.1.weight",
        "encoder.stages_0.blocks.0.gamma",
        "decoders.disp.decoder.0.conv.weight",
        "decoders.disp.decoder.9.conv.bias",
        "decoders.disp.decoder.13.weight",
    ):
        assert name in state


@pytest.mark.usefixtures("tiny")
def test_the_true_network_reads_a_training_checkpoint(folder: Path) -> None:
    state = {k: torch.zeros(1).expand(v.shape) for k, v in official_state("convnext_base").items()}  # a small file
    torch.save(training_checkpoint(state), folder / "slowtv.pt")
    depth = load_slowtv()(photo(50, 70))
    assert depth.values.shape == (64, 96) and depth.kind == "disparity"
    assert (depth.values == 0.5).all()  # the sigmoid of nothing


def test_official_names_reach_their_places() -> None:
    state, loaded = official_state(), network().state_dict()
    assert torch.equal(loaded["steps.0.before.weight"], state["decoders.disp.decoder.0.conv.weight"])
    assert torch.equal(loaded["steps.4.after.weight"], state["decoders.disp.decoder.9.conv.weight"])
    assert torch.equal(loaded["head.weight"], state["decoders.disp.decoder.10.weight"])
    assert not network().training and not any(p.requires_grad for p in network().parameters())


def plain_decoder(levels: list[torch.Tensor]) -> torch.Tensor:
    """The plain reference: the decoder step by step, on the official names."""
    state = official_state()

    def conv(name: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = (state[f"decoders.disp.decoder.{name}.{k}"] for k in ("weight", "bias"))
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias)

    x = levels[3]
    for i, level in enumerate((levels[2], levels[1], levels[0], None, None)):
        x = F.elu(conv(f"{2 * i}.conv", x)).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        x = F.elu(conv(f"{2 * i + 1}.conv", x if level is None else torch.cat([x, level], 1)))
    return conv("10", x).sigmoid()[:, 0]


def test_network_equals_the_plain_reference() -> None:
    pixels = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        expected = plain_decoder(network().encoder(pixels))
        torch.testing.assert_close(network()(pixels), expected, rtol=1e-4, atol=1e-5)
    assert expected.shape == (1, 64, 96) and expected.std() > 0


@pytest.mark.parametrize("wrap", [False, True], ids=["bare", "training"])
def test_both_spellings_load(wrap: bool) -> None:
    state = training_checkpoint(official_state())["state_dict"] if wrap else official_state()
    loaded = build(state, label="made", encoder=SMALL).state_dict()
    assert all(torch.equal(v, loaded[k]) for k, v in network().state_dict().items())


@pytest.mark.parametrize(
    ("size", "expected"),
    [((480, 640), (480, 640)), ((1080, 1920), (352, 640)), ((640, 480), (384, 288)), ((100, 2000), (64, 640))],
)
def test_input_rule(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert input_shape(size) == expected


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("size", [(64, 96), (51, 77), (77, 51), (5, 200)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    depth = estimator(network())(photo(*size))
    assert depth.values.shape == input_shape(size) and depth.values.dtype == np.float32
    assert ((depth.values > 0) & (depth.values < 1)).all() and np.ptp(depth.values) > 0


@pytest.mark.usefixtures("tiny")
def test_batch_equals_singles() -> None:
    estimate = estimator(network())
    photos = [photo(60, 80, 1), photo(80, 60, 2), photo(90, 120, 3)]
    for one, many in zip(photos, estimate.batch(photos), strict=True):
        np.testing.assert_allclose(many.values, estimate(one).values, rtol=1e-4, atol=1e-5)


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoder.stem_0.bias": None}, "'encoder.stem_0.bias' is missing"),
        ({"decoders.mask.decoder.0.conv.bias": torch.zeros(1)}, "'decoders.mask.decoder.0.conv.bias' is unknown"),
        ({"decoders.disp.decoder.10.bias": torch.zeros(3)}, "'decoders.disp.decoder.10.bias' is (3,) instead of (1,)"),
    ],
    ids=["missing", "extra", "shape"],
)
def test_other_tensors_are_named(change: dict[str, torch.Tensor | None], words: str) -> None:
    state = {k: v for k, v in {**official_state(), **change}.items() if v is not None}
    with pytest.raises(WeightsUnavailableError) as caught:
        build(state, label="'a.pt'", encoder=SMALL)
    assert all(w in str(caught.value) for w in ("'a.pt' is not a checkpoint of Kick Back", WEIGHTS_VARIABLE, words))
    assert len(str(caught.value)) < 400


def test_another_network_is_refused() -> None:
    with pytest.raises(WeightsUnavailableError, match=r"'conv1\.weight' is unknown"):
        build({"conv1.weight": torch.zeros(1)}, label="'a.pt'", encoder=SMALL)


class Hostile:
    """Makes a folder when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("ran",)


def test_pickle_with_code_is_refused_and_not_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    torch.save(training_checkpoint({}) | {"args": Hostile()}, folder / "slowtv.pth")
    with pytest.raises(WeightsUnavailableError, match="not a checkpoint of plain tensors"):
        load_slowtv()
    assert not (folder / "ran").exists()


def test_text_is_refused(folder: Path) -> None:
    (folder / "slowtv.pt").write_text("<html>Dropbox</html>")
    with pytest.raises(WeightsUnavailableError, match=r"'slowtv\.pt' is not a checkpoint of plain tensors"):
        load_slowtv()


@pytest.mark.parametrize("variable", [None, "an empty folder"])
def test_missing_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None) -> None:
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    if variable:
        monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsUnavailableError) as caught:
        load_slowtv()
    assert all(w in str(caught.value) for w in ("kbr.ckpt", "'slowtv.pt'", WEIGHTS_VARIABLE, "embedded"))


def test_declaration() -> None:
    spec = get_depth("slowtv")
    assert (spec.kind, spec.load) == ("disparity", load_slowtv)
    assert "Commons Clause" in spec.licence and "GPL" in spec.licence
    assert spec.weights is not None and not spec.weights.downloads and not spec.packages and not spec.embedded


@pytest.mark.weights
@pytest.mark.slow
def test_the_real_file_sees_the_nearer_box(monkeypatch: pytest.MonkeyPatch) -> None:
    if not REAL_FOLDER or not list(Path(REAL_FOLDER).expanduser().glob("slowtv.*")):
        pytest.skip(f"there is no slowtv.pt in ${WEIGHTS_VARIABLE}")
    monkeypatch.setenv(WEIGHTS_VARIABLE, REAL_FOLDER)
    scene = make_scene("two boxes")
    found = resize_map(load_slowtv()(scene.image).values, scene.depth.shape)
    assert spearmanr(found.ravel(), (1 / scene.depth).ravel()).statistic > 0.5
