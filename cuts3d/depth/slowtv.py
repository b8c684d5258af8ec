"""Kick Back & Relax (Spencer et al., ICCV 2023): ConvNeXt-B and a small decoder, trained on SlowTV without labels.

The weights are read from a local file only: their repository is under the GNU GPL with the Commons Clause (commercial
use: ask the authors), so nothing here downloads or ships them. The network is written here on timm's encoder, after
the published architecture (Monodepth2's decoder: five steps that double the size, encoder levels joined at strides
16, 8 and 4), and reads the authors' training checkpoint, `kbr.ckpt`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.depth._pixels import Shape, imagenet_input, to_multiple
from cuts3d.depth.network import NetworkEstimator
from cuts3d.depth.registry import DepthSpec, register_depth
from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.checkpoints import State, load_strictly
from cuts3d.weights.files import load_checkpoint
from cuts3d.weights.folders import WEIGHTS_VARIABLE, find_local

NAME = "slowtv"
TITLE = "Kick Back & Relax (SlowTV)"
URL = "https://www.dropbox.com/s/o8j4wyhnhgvh4o7/kbr.ckpt?dl=0"

LANDSCAPE_WIDTH = 640
PORTRAIT_HEIGHT = 384
STEP = 32
LEAST = 2 * STEP  # a level of one cell could not be padded by reflection
WIDTHS = (256, 128, 64, 32, 16)  # channels after each step

# A training checkpoint holds the pose network as well; the depth network's tensors stand under this prefix.
_DEPTH = "nets.depth."
_PREFIXES = {
    "encoder.": "encoder.",
    **{f"decoders.disp.decoder.{2 * i}.conv.": f"steps.{i}.before." for i in range(len(WIDTHS))},
    **{f"decoders.disp.decoder.{2 * i + 1}.conv.": f"steps.{i}.after." for i in range(len(WIDTHS))},
    "decoders.disp.decoder.10.": "head.",
}
_UNUSED = tuple(f"decoders.disp.decoder.{i}." for i in (11, 12, 13))  # outputs at smaller scales, for training


def _conv(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1, padding_mode="reflect")


class Step(nn.Module):
    """Doubles the size, and joins an encoder level where there is one of that size."""

    def __init__(self, channels: int, joined: int, out: int) -> None:
        super().__init__()
        self.before = _conv(channels, out)
        self.after = _conv(out + joined, out)

    def forward(self, x: torch.Tensor, level: torch.Tensor | None) -> torch.Tensor:
        """[B, C, h, w] and perhaps [B, joined, 2h, 2w] to [B, out, 2h, 2w]."""
        x = F.interpolate(F.elu(self.before(x)), scale_factor=2, mode="nearest")
        return F.elu(self.after(x if level is None else torch.cat([x, level], dim=1)))


class SlowTV(nn.Module):
    """The network.

    Args:
        encoder: timm's name of the encoder; the published checkpoint has ConvNeXt-B.
    """

    def __init__(self, encoder: str = "convnext_base") -> None:
        import timm

        super().__init__()
        levels: Any = timm.create_model(encoder, pretrained=False, features_only=True)
        self.encoder = levels
        *joined, deepest = levels.feature_info.channels()
        sizes = zip((deepest, *WIDTHS[:-1]), (*reversed(joined), 0, 0), WIDTHS, strict=True)
        self.steps = nn.ModuleList(Step(*size) for size in sizes)
        self.head = _conv(WIDTHS[-1], 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalised pixels [B, 3, h, w], sides multiples of 32, to disparity in (0, 1), [B, h, w], larger = nearer."""
        *joined, x = self.encoder(pixels)
        for step, level in zip(self.steps, (*reversed(joined), None, None), strict=True):
            x = step(x, level)
        return torch.sigmoid(self.head(x))[:, 0]


def input_shape(shape: Shape) -> Shape:
    """Input (height, width) of a photo: 640 wide, or 384 high where it is upright, to multiples of 32."""
    h, w = shape
    scale = LANDSCAPE_WIDTH / w if w >= h else PORTRAIT_HEIGHT / h
    return to_multiple(int(h * scale), STEP, least=LEAST), to_multiple(int(w * scale), STEP, least=LEAST)


def prepare(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], as the network's input, float32 [3, h, w]."""
    return imagenet_input(image, input_shape((image.shape[0], image.shape[1])), mode="bilinear")


def estimator(network: nn.Module) -> NetworkEstimator:
    """The network with its input rule; its maps have the input's size and no padding."""
    return NetworkEstimator(
        network=network,
        prepare=prepare,
        forward=lambda net, pixels: net(pixels),
        finish=lambda raw, shape: raw,
        kind="disparity",
        title=TITLE,
    )


def build(state: State, *, source: str, encoder: str = "convnext_base") -> SlowTV:
    """The network with the tensors of the authors' checkpoint.

    Args:
        state: Tensors under the official names, with or without the training code's prefix.
        source: Where they come from, for the error.
        encoder: timm's name of the encoder.

    Raises:
        WeightsUnavailableError: A tensor is missing, unknown or of another shape.
    """
    depth = {k.removeprefix(_DEPTH): v for k, v in state.items() if k.startswith(_DEPTH)} or state
    network = SlowTV(encoder)
    load_strictly(network, depth, _PREFIXES, unused=_UNUSED, source=source, title=TITLE)
    return network


def load_slowtv() -> NetworkEstimator:
    """Kick Back & Relax from `slowtv.pt`, `.pth` or `.safetensors` in `$CUTS3D_WEIGHTS`.

    Raises:
        WeightsUnavailableError: No such file, or it is another network's.
    """
    path = find_local(NAME)
    if path is None:
        raise WeightsUnavailableError(
            f"{TITLE} is read from a local file only: fetch its authors' checkpoint, {URL}, put it as '{NAME}.pt' into "
            f"a folder and name that folder in the environment variable {WEIGHTS_VARIABLE}, or choose the embedded "
            "depth, which needs no download."
        )
    return estimator(build(load_checkpoint(path), source=f"'{path.name}'"))


register_depth(
    DepthSpec(
        name=NAME,
        title=TITLE,
        kind="disparity",
        source=f"kbr.ckpt of github.com/jspenmar/slowtv_monodepth, renamed {NAME}.pt",
        trained_on="SlowTV, Mannequin Challenge and KITTI videos, self-supervised",
        licence="GNU GPL with the Commons Clause (commercial use: ask the authors)",
        load=load_slowtv,
        input_rule="640 wide, or 384 high where upright, both sides to multiples of 32, bilinear",
    )
)
