"""Names of detectron2's checkpoints: each has a place of ours, and another network's file is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cuts3d.detector.checkpoint import PUBLISHED, checkpoint_path, load_network
from cuts3d.detector.config import NetworkConfig
from cuts3d.detector.detectron2 import MARK, convert, our_name
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.errors import InputError, WeightsUnavailableError
from cuts3d.weights.folders import WEIGHTS_VARIABLE

KEYS = Path(__file__).parents[3] / "shared" / "reference" / "cascade_rcnn" / "keys.json"
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
FEW = ("weight", "bias")
BLOCKS = {2: 3, 3: 4, 4: 6, 5: 3}  # of ResNet-50, by detectron2's stage
State = dict[str, Tensor]


def pairs(*, pyramid_norm: bool = True) -> dict[str, str]:
    """Their names and ours, written out by loops: what the patterns are held to."""
    found: dict[str, str] = {}

    def add(theirs: str, ours: str, parts: tuple[str, ...]) -> None:
        found.update({f"{theirs}.{part}": f"{ours}.{part}" for part in parts})

    def add_conv(theirs: str, ours: str, norm: str) -> None:
        add(theirs, ours, ("weight",))
        add(f"{theirs}.norm", norm, NORM)

    body = "backbone.body"
    add_conv("backbone.bottom_up.stem.conv1", f"{body}.conv1", f"{body}.bn1")
    for stage, count in BLOCKS.items():
        for block in range(count):
            theirs, ours = f"backbone.bottom_up.res{stage}.{block}", f"{body}.layer{stage - 1}.{block}"
            for conv in (1, 2, 3):
                add_conv(f"{theirs}.conv{conv}", f"{ours}.conv{conv}", f"{ours}.bn{conv}")
            if block == 0:
                add_conv(f"{theirs}.shortcut", f"{ours}.downsample.0", f"{ours}.downsample.1")
        for side, blocks in (("lateral", "inner"), ("output", "layer")):
            theirs, ours = f"backbone.fpn_{side}{stage}", f"backbone.fpn.{blocks}_blocks.{stage - 2}"
            if pyramid_norm:
                add_conv(theirs, f"{ours}.0", f"{ours}.1")
            else:
                add(theirs, f"{ours}.0", FEW)
    for theirs, ours in (("conv", "conv.0.0"), ("objectness_logits", "cls_logits"), ("anchor_deltas", "bbox_pred")):
        add(f"proposal_generator.rpn_head.{theirs}", f"rpn.head.{ours}", FEW)
    for k in range(3):
        for part in ("box_head.{}.fc1", "box_head.{}.fc2", "box_predictor.{}.cls_score", "box_predictor.{}.bbox_pred"):
            add(f"roi_heads.{part.format(k)}", f"heads.stages.{k}.{part.split('.')[-1]}", FEW)
    for place, part in enumerate(("mask_fcn1", "mask_fcn2", "mask_fcn3", "mask_fcn4", "deconv", "predictor")):
        add(f"roi_heads.mask_head.{part}", f"heads.mask_head.{2 * place}", FEW)
    return found


def shapes(config: NetworkConfig) -> dict[str, list[int]]:
    """Of all tensors of ours, by our names."""
    with torch.device("meta"):
        return {k: list(v.shape) for k, v in CascadeMaskRCNN(config).state_dict().items()}


def made_state(*, pyramid_norm: bool = True) -> State:
    """Their checkpoint: each tensor is filled with its own number, and takes no memory."""
    ours = shapes(NetworkConfig(pyramid_norm=pyramid_norm))
    names = pairs(pyramid_norm=pyramid_norm).items()
    return {theirs: torch.tensor(float(i)).expand(ours[mine]) for i, (theirs, mine) in enumerate(names)}


@pytest.fixture(scope="module")
def whole() -> State:
    return made_state()


@pytest.fixture
def state(whole: State) -> State:
    return dict(whole)


def saved(folder: Path, state: State) -> Path:
    path = folder / "model_final.pth"
    torch.save({"model": state, "iteration": 7, "optimizer": {"state": {}}}, path)
    return path


# names


@pytest.mark.skipif(not KEYS.is_file(), reason="the list of the original's keys is not here")
def test_the_names_of_this_file_are_those_of_the_original() -> None:
    ours = shapes(NetworkConfig())
    assert {theirs: ours[mine] for theirs, mine in pairs().items()} == dict(json.loads(KEYS.read_text()))


@pytest.mark.parametrize("pyramid_norm", [True, False])
def test_every_name_has_one_place_and_every_place_a_name(pyramid_norm: bool) -> None:
    wanted = pairs(pyramid_norm=pyramid_norm)
    assert {theirs: our_name(theirs) for theirs in wanted} == wanted
    config, converted = convert(made_state(pyramid_norm=pyramid_norm), "net.pth")
    assert config == NetworkConfig(pyramid_norm=pyramid_norm)
    assert {k: list(v.shape) for k, v in converted.items()} == shapes(config)
    assert len(converted) == len(wanted) == (408 if pyramid_norm else 376)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "backbone.bottom_up.stem.conv1.bias",
        "backbone.bottom_up.res2.0.conv1.weight.more",
        "more.backbone.bottom_up.res2.0.conv1.weight",
        "backbone.bottom_up.res2.0.conv1.norm.num_batches",
        "backbone.bottom_up.res2.conv1.weight",
        "backbone.bottom_up.resA.0.conv1.weight",
        "roi_heads.box_head.fc1.weight",
        "roi_heads.box_head.0.conv1.weight",
        "roi_heads.box_predictor.cls_score.weight",
        "roi_heads.mask_head.mask_fcn1.norm.weight",
        "backbone{0.__class__}",
    ],
)
def test_other_names_have_no_place(name: str) -> None:
    assert our_name(name) is None


def test_our_own_names_are_not_theirs() -> None:
    assert {our_name(mine) for mine in pairs().values()} == {None}


# a whole file


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> CascadeMaskRCNN:
    """Of a file with frozen norms, which have no counters."""
    state = {k: v for k, v in made_state().items() if not k.endswith("num_batches_tracked")}
    network, info = load_network(saved(tmp_path_factory.mktemp("detectron2"), state))
    assert info == {}
    return network


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_detector_is_read_by_its_name(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsUnavailableError, match=rf"'{name}.pth' into a folder") as caught:
        load_network(name)
    assert "nothing is downloaded" in str(caught.value) and WEIGHTS_VARIABLE in str(caught.value)
    torch.save({"model": state, "iteration": 1}, tmp_path / f"{name}.pth")
    assert checkpoint_path(name) == tmp_path / f"{name}.pth"
    network, info = load_network(name)
    assert info == {}
    own, theirs = "heads.stages.2.cls_score.weight", "roi_heads.box_predictor.2.cls_score.weight"
    assert torch.equal(network.state_dict()[own], state[theirs])


def test_another_network_under_a_published_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    torch.save({"model": {"backbone.conv1.weight": torch.zeros(1)}}, tmp_path / "cuts3d.pth")
    with pytest.raises(InputError, match=r"'cuts3d.pth' is neither"):
        load_network("cuts3d")


def test_each_tensor_gets_its_own_values(loaded: CascadeMaskRCNN) -> None:
    numbers = {mine: i for i, mine in enumerate(pairs().values())}
    found = loaded.state_dict()
    assert found.keys() == numbers.keys()
    for name, value in found.items():
        wanted = 0 if name.endswith("num_batches_tracked") else numbers[name]
        assert (value == wanted).all(), name


def test_pixels_are_rgb_by_the_mean_of_the_original(loaded: CascadeMaskRCNN) -> None:
    red = torch.zeros(3, 32, 32)
    red[0] = 1
    first = loaded.batch([red]).tensors[0, :, 0, 0]
    wanted = torch.tensor([(255 - 123.675) / 58.395, -116.28 / 57.12, -103.53 / 57.375])
    torch.testing.assert_close(first, wanted)


# what else a file may hold


def test_what_is_not_learned_is_left_out(state: State) -> None:
    wanted = set(convert(state, "net.pth")[1])
    mean, std = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    more = {"pixel_mean": mean.view(3, 1, 1).half(), "pixel_std": std.view(3, 1, 1)}
    anchors = {f"proposal_generator.anchor_generator.cell_anchors.{i}": torch.zeros(3, 4) for i in range(5)}
    assert set(convert(state | more | anchors, "net.pth")[1]) == wanted


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("pixel_mean", torch.tensor([103.53, 116.28, 123.675]), "103.53, 116.28, 123.675"),
        ("pixel_std", torch.ones(3, 1, 1), "1, 1, 1"),
        ("pixel_mean", torch.full((3,), torch.nan), "nan, nan, nan"),
        ("pixel_mean", torch.zeros(1).expand(10**6, 10**7), "something else"),
        ("pixel_std", torch.zeros(0), "something else"),
    ],
)
def test_other_pixels_are_refused(state: State, key: str, value: Tensor, shown: str) -> None:
    """Blue first, as detectron2's own networks have it, would be found a little worse and nobody would know why."""
    with pytest.raises(InputError, match=rf"'net\.pth' .* for another input: its '{key}' .* it is {shown}\."):
        convert(state | {key: value}, "net.pth")


def test_unknown_names_are_named_and_counted(state: State) -> None:
    state["roi_heads.keypoint_head.weight"] = torch.zeros(1)
    with pytest.raises(InputError, match=r"'net\.pth' .* another network: .* 'roi_heads\.keypoint_head\.weight'\."):
        convert(state, "net.pth")
    state["sem_seg_head.weight"] = state["sem_seg_head.bias"] = torch.zeros(1)
    with pytest.raises(InputError, match=r"unknown tensor 'roi_heads\.keypoint_head\.weight' and 2 more\."):
        convert(state, "net.pth")


@pytest.mark.parametrize(
    "missing",
    [
        "backbone.bottom_up.res3.0.shortcut.norm.running_var",
        "backbone.fpn_output4.norm.bias",
        "proposal_generator.rpn_head.anchor_deltas.bias",
        "roi_heads.box_head.1.fc2.weight",
        "roi_heads.mask_head.predictor.weight",
    ],
)
def test_what_is_missing_is_named(state: State, tmp_path: Path, missing: str) -> None:
    del state[missing]
    with pytest.raises(InputError, match=rf"1 tensors are missing and 0 do not fit \(such as '{pairs()[missing]}'"):
        load_network(saved(tmp_path, state))


def test_a_pyramid_of_which_one_norm_is_missing_is_refused(state: State, tmp_path: Path) -> None:
    """This norm tells the two kinds of pyramid apart."""
    del state["backbone.fpn_lateral2.norm.weight"]
    with pytest.raises(InputError, match=r"8 tensors are missing .*'backbone.fpn.inner_blocks.0.0.bias'"):
        load_network(saved(tmp_path, state))


def test_without_a_stem_it_is_neither_network(state: State) -> None:
    del state[MARK]
    for content in (state, {}):
        with pytest.raises(InputError, match="neither a detector of this project nor a detectron2 checkpoint"):
            convert(content, "net.pth")


OTHER: dict[str, tuple[dict[str, tuple[int, ...]], str]] = {
    "80 classes": ({f"roi_heads.box_predictor.{k}.cls_score.weight": (81, 1024) for k in range(3)}, "0 .* 3 do not"),
    "one head": ({"roi_heads.box_head.fc1.weight": (1024, 12544)}, "unknown tensor 'roi_heads.box_head.fc1.weight'"),
    "ResNet-101": ({"backbone.bottom_up.res4.22.conv1.weight": (256, 1024, 1, 1)}, "'backbone.body.layer3.22.conv1"),
    "four stages": ({"roi_heads.box_head.3.fc1.weight": (1024, 12544)}, "'heads.stages.3.fc1.weight'"),
    "norms in heads": ({"roi_heads.mask_head.mask_fcn1.norm.weight": (256,)}, "unknown tensor"),
}


@pytest.mark.parametrize("kind", OTHER)
def test_other_networks_of_detectron2_are_refused(state: State, tmp_path: Path, kind: str) -> None:
    changed, sentence = OTHER[kind]
    with pytest.raises(InputError, match=sentence):
        load_network(saved(tmp_path, state | {k: torch.zeros(1).expand(shape) for k, shape in changed.items()}))
