"""MiDaS v2.1 small (Ranftl et al., TPAMI 2020): EfficientNet-Lite3 and a small fusion decoder; disparity.

The network follows the published architecture on timm's encoder, and reads the official checkpoint of 21.3 M
parameters. The coarsest fusion layer has nothing to fuse, so 4.7 M of them are never used and are left out.
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

RELEASE = "v2_1"
_FOLDER = f"https://github.com/isl-org/MiDaS/releases/download/{RELEASE}"
_SHA256 = "70d6b9c8"
_FILE = f"model-small-{_SHA256}.pt"
SOURCE = WeightSource(
    name="midas_small",
    title="MiDaS v2.1 small",
    url=f"{_FOLDER}/{_FILE}",
    file=_FILE,
    sha256=_SHA256,
    put=f"{_FOLDER}/midas_v21_small_256.pt (86 MB) as 'midas_small.pt'",  # the same network in a newer release
)

ENCODER = "tf_efficientnet_lite3"
SIDE = 256
STEP = 32
WIDTHS = (64, 128, 256, 512)  # channels of the fusion at strides 4, 8, 16, 32

# Our names by the official ones. The official encoder has four layers: timm's blocks 0–1, 2, 3–4 and 5–6.
_PREFIXES = {
    "pretrained.layer1.0.": "encoder.conv_stem.",
    "pretrained.layer1.1.": "encoder.bn1.",
    "pretrained.layer1.3.": "encoder.blocks.0.",
    "pretrained.layer1.4.": "encoder.blocks.1.",
    "pretrained.layer2.0.": "encoder.blocks.2.",
    "pretrained.layer3.0.": "encoder.blocks.3.",
    "pretrained.layer3.1.": "encoder.blocks.4.",
    "pretrained.layer4.0.": "encoder.blocks.5.",
    "pretrained.layer4.1.": "encoder.blocks.6.",
    **{f"scratch.layer{i + 1}_rn.": f"widen.{i}." for i in range(4)},
    **{f"scratch.refinenet{i + 1}.resConfUnit1.": f"fuse.{i}.skip." for i in range(3)},
    **{f"scratch.refinenet{i + 1}.resConfUnit2.": f"fuse.{i}.refine." for i in range(4)},
    **{f"scratch.refinenet{i + 1}.out_conv.": f"fuse.{i}.narrow." for i in range(4)},
    "scratch.output_conv.": "head.",
}
_UNUSED = ("scratch.refinenet4.resConfUnit1.",)


class Residual(nn.Module):
    """Two 3×3 convolutions with a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, h, w] to the same shape."""
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class Fusion(nn.Module):
    """Adds an encoder level to the coarser result, refines the sum and doubles its size."""

    def __init__(self, channels: int, out: int, *, coarsest: bool) -> None:
        super().__init__()
        self.skip = None if coarsest else Residual(channels)
        self.refine = Residual(channels)
        self.narrow = nn.Conv2d(channels, out, 1)

    def forward(self, level: torch.Tensor, coarser: torch.Tensor | None) -> torch.Tensor:
        """A level [B, C, h, w] and the coarser result [B, C, h, w], None at the coarsest level; to [B, out, 2h, 2w]."""
        x = level if coarser is None or self.skip is None else coarser + self.skip(level)
        return self.narrow(F.interpolate(self.refine(x), scale_factor=2, mode="bilinear", align_corners=True))


class MidasSmall(nn.Module):
    """The network."""

    def __init__(self) -> None:
        import timm

        super().__init__()
        encoder: Any = timm.create_model(ENCODER, pretrained=False, features_only=True, out_indices=(1, 2, 3, 4))
        self.encoder = encoder
        channels = encoder.feature_info.channels()
        self.widen = nn.ModuleList(
            nn.Conv2d(c, width, 3, padding=1, bias=False) for c, width in zip(channels, WIDTHS, strict=True)
        )
        narrower = (WIDTHS[0], *WIDTHS[:-1])
        self.fuse = nn.ModuleList(
            Fusion(width, out, coarsest=width == WIDTHS[-1]) for width, out in zip(WIDTHS, narrower, strict=True)
        )
        self.head = nn.Sequential(
            nn.Conv2d(WIDTHS[0], 32, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 1, 1),
            nn.ReLU(),
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Normalised pixels [B, 3, h, w], sides multiples of 32, to disparity ≥ 0, [B, h, w], larger = nearer."""
        levels = [widen(x) for widen, x in zip(self.widen, self.encoder(pixels), strict=True)]
        x: torch.Tensor | None = None
        for fuse, level in zip(reversed(self.fuse), reversed(levels), strict=True):
            x = fuse(level, x)
        return self.head(x)[:, 0]


def input_shape(shape: Shape) -> Shape:
    """Input (height, width) of a photo: longer side 256, the other in proportion, to a multiple of 32."""
    scale = SIDE / max(shape)
    return to_multiple(shape[0] * scale, STEP, least=STEP), to_multiple(shape[1] * scale, STEP, least=STEP)


def prepare(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], as the network's input, float32 [3, h, w]."""
    return imagenet_input(image, input_shape((image.shape[0], image.shape[1])), mode="bicubic")


def estimator(network: nn.Module) -> NetworkEstimator:
    """An estimator that runs the network; its maps have the size of the input."""
    return NetworkEstimator(network=network, prepare=prepare, kind="disparity", title=SOURCE.title)


def build(state: State, *, label: str) -> MidasSmall:
    """The network with the tensors of the official checkpoint.

    Args:
        state: Tensors under the official names.
        label: Name of the checkpoint, for the error.

    Raises:
        WeightsUnavailableError: A tensor is missing, unknown or of another shape.
    """
    network = MidasSmall()
    load_strictly(network, state, label=label, title=SOURCE.title, prefixes=_PREFIXES, unused=_UNUSED)
    return network


def load_midas_small() -> NetworkEstimator:
    """MiDaS small from the user's own file, else from its release.

    Raises:
        WeightsUnavailableError: The weights are missing, or are those of another network.
    """
    path = weights_path(SOURCE)
    return estimator(build(load_checkpoint(path), label=SOURCE.label(path)))


register_depth(
    DepthSpec(
        name=SOURCE.name,
        title=SOURCE.title,
        kind="disparity",
        source=f"github.com/isl-org/MiDaS, release {RELEASE}, {SOURCE.file}",
        trained_on="ReDWeb, DIML, Movies, MegaDepth, WSVD, TartanAir, HRWSI, ApolloScape, BlendedMVS, IRS",
        licence="MIT",
        load=load_midas_small,
        weights=SOURCE,
        input_rule="longer side 256, both sides to multiples of 32, bicubic",
        download_mb=86,
    )
)
