"""Kick Back & Relax (Spencer et al., ICCV 2023): ConvNeXt-B and a small decoder, trained on SlowTV without labels.

The weights are read from a local file only. Their repository is under the GNU GPL with the Commons Clause (commercial
use: ask the authors), so they are neither shipped nor downloaded. The network follows the published architecture on
timm's encoder: Monodepth2's decoder, five steps that double the size, with skip connections at strides 16, 8 and 4. It
reads the authors' training checkpoint, `kbr.ckpt`.
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
from cuts3d.weights.checkpoints import State, load_strictly
from cuts3d.weights.files import load_checkpoint
from cuts3d.weights.locate import weights_path
from cuts3d.weights.source import WeightSource

SOURCE = WeightSource(
    name="slowtv",
    title="Kick Back & Relax (SlowTV)",
    put="the authors' checkpoint kbr.ckpt (https://www.dropbox.com/s/o8j4wyhnhgvh4o7/kbr.ckpt?dl=0) as 'slowtv.pt'",
    manual="its licence restricts commercial use",
)

LANDSCAPE_WIDTH = 640
PORTRAIT_HEIGHT = 384
STEP = 32
LEAST = 2 * STEP  # a level of a single cell cannot be padded by reflection
WIDTHS = (256, 128, 64, 32, 16)  # channels after each step

# A training checkpoint contains a pose network as well. This prefix marks the tensors of the depth network.
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
    """Doubles the size, and concatenates the encoder level of that size if there is one."""

    def __init__(self, channels: int, joined: int, out: int) -> None:
        super().__init__()
        self.before = _conv(channels, out)
        self.after = _conv(out + joined, out)

    def forward(self, x: torch.Tensor, level: torch.Tensor | None) -> torch.Tensor:
        """Features [B, C, h, w] and a level [B, joined, 2h, 2w] or None, to [B, out, 2h, 2w]."""
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
    """Input (height, width) of a photo: 640 wide in landscape format, 384 high in portrait, to multiples of 32."""
    h, w = shape
    scale = LANDSCAPE_WIDTH / w if w >= h else PORTRAIT_HEIGHT / h
    return to_multiple(int(h * scale), STEP, least=LEAST), to_multiple(int(w * scale), STEP, least=LEAST)


def prepare(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], as the network's input, float32 [3, h, w]."""
    return imagenet_input(image, input_shape((image.shape[0], image.shape[1])), mode="bilinear")


def estimator(network: nn.Module) -> NetworkEstimator:
    """An estimator that runs the network; its maps have the size of the input."""
    return NetworkEstimator(network=network, prepare=prepare, kind="disparity", title=SOURCE.title)


def build(state: State, *, label: str, encoder: str = "convnext_base") -> SlowTV:
    """The network with the tensors of the authors' checkpoint.

    Args:
        state: Tensors under the official names, with or without the training code's prefix.
        label: Name of the checkpoint, for the error.
        encoder: timm's name of the encoder.

    Raises:
        WeightsUnavailableError: A tensor is missing, unknown or of another shape.
    """
    depth = {k.removeprefix(_DEPTH): v for k, v in state.items() if k.startswith(_DEPTH)} or state
    network = SlowTV(encoder)
    load_strictly(network, depth, label=label, title=SOURCE.title, prefixes=_PREFIXES, unused=_UNUSED)
    return network


def load_slowtv() -> NetworkEstimator:
    """Kick Back & Relax from `slowtv.pt`, `.pth` or `.safetensors` in `$CUTS3D_WEIGHTS`.

    Raises:
        WeightsUnavailableError: The file is missing, or is that of another network.
    """
    path = weights_path(SOURCE)
    return estimator(build(load_checkpoint(path), label=SOURCE.label(path)))


register_depth(
    DepthSpec(
        name=SOURCE.name,
        title=SOURCE.title,
        kind="disparity",
        source="kbr.ckpt of github.com/jspenmar/slowtv_monodepth, renamed to slowtv.pt",
        trained_on="SlowTV, Mannequin Challenge and KITTI videos, self-supervised",
        licence="GNU GPL with the Commons Clause (commercial use: ask the authors)",
        load=load_slowtv,
        weights=SOURCE,
        input_rule="640 wide in landscape format, 384 high in portrait format, both sides to multiples of 32, bilinear",
    )
)
