"""MoGe-2 (Wang et al., 2025), the small model: metric depth. It needs the package moge of its authors.

The network also predicts where depth is undefined, mainly in the sky. There the map is unknown (NaN).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.backbones.pixels import resized_tensor
from cuts3d.depth._pixels import photo_size
from cuts3d.depth.available import require_package
from cuts3d.depth.network import NetworkEstimator
from cuts3d.depth.registry import DepthSpec, register_depth
from cuts3d.weights.locate import weights_path
from cuts3d.weights.source import WeightSource, summary, wrong_checkpoint

SOURCE = WeightSource(
    name="moge",
    title="MoGe-2 small",
    repository="Ruicheng/moge-2-vits-normal",
    revision="679230677b4d282c6f304189a93e98e14f085902",
    file="model.pt",
    put="model.pt of the repository Ruicheng/moge-2-vits-normal as 'moge.pt'",
)
PACKAGES = "moge@git+https://github.com/microsoft/MoGe.git"


def prepare(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], as the network's input, float32 [3, h, w] in [0, 1], of `photo_size`."""
    return resized_tensor(image, photo_size((image.shape[0], image.shape[1])))


def infer(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Depth in metres, float [B, h, w], NaN where it is undefined, from pixels in [0, 1], [B, 3, h, w]."""
    output = network.infer(pixels, use_fp16=pixels.is_cuda)
    depth = output["depth"].float()
    valid = torch.isfinite(depth) & (depth > 0)
    if "mask" in output:
        valid &= output["mask"].bool()
    return torch.where(valid, depth, torch.nan)


def estimator(network: nn.Module) -> NetworkEstimator:
    """An estimator that runs the network; its maps have the size of the input."""
    return NetworkEstimator(network=network, prepare=prepare, kind="metric", title=SOURCE.title, forward=infer)


def load_moge() -> NetworkEstimator:
    """MoGe-2 from the user's own file, else from the Hugging Face hub.

    Raises:
        WeightsUnavailableError: The package is not installed, or the weights are missing or cannot be read.
    """
    module = require_package("moge.model.v2", title=SOURCE.title, packages=f"git+{PACKAGES.partition('+')[2]}")
    path = weights_path(SOURCE)
    try:
        network = module.MoGeModel.from_pretrained(str(path))
    except Exception as error:  # the package reads the file in its own way
        raise wrong_checkpoint(SOURCE.label(path), SOURCE.title, summary(error)) from error
    return estimator(network.eval().requires_grad_(False))


register_depth(
    DepthSpec(
        name=SOURCE.name,
        title=SOURCE.title,
        kind="metric",
        source=SOURCE.origin,
        trained_on="a mixture of public real and rendered data sets",
        licence="MIT (its DINOv2 code: Apache-2.0)",
        load=load_moge,
        weights=SOURCE,
        input_rule="longer side at most 1,024; the network chooses its working size",
        download_mb=141,
        packages=PACKAGES,
    )
)
