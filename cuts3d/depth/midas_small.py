"""MiDaS v2.1 small (Ranftl et al., TPAMI 2020): EfficientNet-Lite3 and a small fusion decoder, disparity out.

The network is written here on timm's encoder, after the published architecture, and reads the official checkpoint,
`midas_v21_small_256.pt`. That file has 21.3 M parameters. The coarsest fusion has nothing to fuse with, so 4.7 M of
them are never used; they are left out, and 16.6 M remain.
"""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path
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
from cuts3d.weights.files import load_checkpoint, sha256_of
from cuts3d.weights.folders import WEIGHTS_VARIABLE, cache_dir, find_local

NAME = "midas_small"
TITLE = "MiDaS v2.1 small"
RELEASE = "v2_1"
FOLDER = f"https://github.com/isl-org/MiDaS/releases/download/{RELEASE}"
FILE = "model-small-70d6b9c8.pt"  # the name that states the first digits of its SHA-256
OTHER_FILE = "midas_v21_small_256.pt"  # the same network, as newer releases call it
SHA256_START = "70d6b9c8"

ENCODER = "tf_efficientnet_lite3"
SIDE = 256
STEP = 32
WIDTHS = (64, 128, 256, 512)  # channels of the fusion at strides 4, 8, 16, 32
TIMEOUT = 5.0  # seconds to wait for the release's first answer

# Their names, in order of the network: the encoder is cut into four layers, as timm's blocks 0–1, 2, 3–4, 5–6.
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
    """Two 3×3 convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, h, w] to the same shape."""
        return x + self.conv2(F.relu(self.conv1(F.relu(x))))


class Fusion(nn.Module):
    """Adds one encoder level to what comes from below it, refines the sum and doubles its size."""

    def __init__(self, channels: int, out: int, *, coarsest: bool) -> None:
        super().__init__()
        self.skip = None if coarsest else Residual(channels)
        self.refine = Residual(channels)
        self.narrow = nn.Conv2d(channels, out, 1)

    def forward(self, level: torch.Tensor, below: torch.Tensor | None) -> torch.Tensor:
        """[B, C, h, w] and, but for the coarsest level, [B, C, h, w] from below, to [B, out, 2h, 2w]."""
        x = level if below is None or self.skip is None else below + self.skip(level)
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
    """The network with its input rule; its maps have the input's size and no padding."""
    return NetworkEstimator(
        network=network,
        prepare=prepare,
        forward=lambda net, pixels: net(pixels),
        finish=lambda raw, shape: raw,
        kind="disparity",
        title=TITLE,
    )


def build(state: State, *, source: str) -> MidasSmall:
    """The network with the tensors of an official checkpoint.

    Args:
        state: Tensors under the official names.
        source: Where they come from, for the error.

    Raises:
        WeightsUnavailableError: A tensor is missing, unknown or of another shape.
    """
    network = MidasSmall()
    load_strictly(network, state, _PREFIXES, unused=_UNUSED, source=source, title=TITLE)
    return network


def fetch() -> Path:
    """The official file, downloaded once into the cache and held to the digits of SHA-256 in its name.

    Raises whatever the download raises; `HF_HUB_OFFLINE` is honoured.
    """
    path = cache_dir() / FILE
    if path.is_file() and sha256_of(path).startswith(SHA256_START):
        return path
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise ConnectionError("downloads are switched off by HF_HUB_OFFLINE")
    probe = urllib.request.Request(f"{FOLDER}/{FILE}", method="HEAD")
    urllib.request.urlopen(probe, timeout=TIMEOUT).close()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.hub.download_url_to_file(f"{FOLDER}/{FILE}", str(path), SHA256_START, progress=False)
    return path


def load_midas_small() -> NetworkEstimator:
    """MiDaS small from `midas_small.pt`, `.pth` or `.safetensors` in `$CUTS3D_WEIGHTS`, else from its release.

    Raises:
        WeightsUnavailableError: No such file, it is another network's, or the release cannot be reached.
    """
    path = find_local(NAME)
    if path is None:
        try:
            path = fetch()
        except Exception as error:  # no network, no space, another hash: all end in one piece of advice
            first_line = (str(error).splitlines() or [""])[0].rstrip(". ")
            raise WeightsUnavailableError(
                f"{TITLE} could not be downloaded ({type(error).__name__}: {first_line}). Fetch {FOLDER}/{OTHER_FILE} "
                f"(86 MB), put it as '{NAME}.pt' into a folder and name that folder in the environment variable "
                f"{WEIGHTS_VARIABLE}, or choose the embedded depth, which needs no download."
            ) from error
    return estimator(build(load_checkpoint(path), source=f"'{path.name}'"))


register_depth(
    DepthSpec(
        name=NAME,
        title=TITLE,
        kind="disparity",
        source=f"github.com/isl-org/MiDaS, release {RELEASE}, {FILE}",
        trained_on="ReDWeb, DIML, Movies, MegaDepth, WSVD, TartanAir, HRWSI, ApolloScape, BlendedMVS, IRS",
        licence="MIT",
        load=load_midas_small,
        input_rule="longer side 256, both sides to multiples of 32, bicubic",
        download_mb=86,
        revision=RELEASE,
    )
)
