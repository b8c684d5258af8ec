"""MoGe-2 (Wang et al., 2025), the small model: metric depth; needs the package moge of its authors.

It also says where depth means nothing, the sky above all; there the map is unknown (NaN).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.depth._pixels import Shape, photo_tensor
from cuts3d.depth.network import NetworkEstimator
from cuts3d.depth.registry import DepthSpec, register_depth
from cuts3d.grids import resize_image
from cuts3d.io.depth_maps import WORKING_SIDE
from cuts3d.weights.folders import find_local
from cuts3d.weights.hub import ask_hub
from cuts3d.weights.missing import not_had
from cuts3d.weights.optional import require

NAME = "moge"
TITLE = "MoGe-2 small"
REPOSITORY = "Ruicheng/moge-2-vits-normal"
REVISION = "679230677b4d282c6f304189a93e98e14f085902"
PACKAGES = "moge@git+https://github.com/microsoft/MoGe.git"


def input_shape(shape: Shape) -> Shape:
    """Input (height, width) of a photo: its own, or reduced to a longer side of 1,024; the map has it as well."""
    scale = min(1.0, WORKING_SIDE / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def prepare(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], as the network's input in [0, 1], float32 [3, h, w]."""
    return photo_tensor(resize_image(image, input_shape((image.shape[0], image.shape[1]))))


def infer(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Pixels in [0, 1], [B, 3, h, w], to depth in metres, [B, h, w], NaN where it is invalid."""
    found = network.infer(pixels, use_fp16=pixels.is_cuda)
    depth = found["depth"].float()
    valid = torch.isfinite(depth) & (depth > 0)
    if "mask" in found:
        valid &= found["mask"].bool()
    return torch.where(valid, depth, torch.nan)


def estimator(network: nn.Module) -> NetworkEstimator:
    """The network with its input rule; its maps have the input's size."""
    return NetworkEstimator(
        network=network, prepare=prepare, forward=infer, finish=lambda raw, shape: raw, kind="metric", title=TITLE
    )


def load_moge() -> NetworkEstimator:
    """MoGe-2 from `moge.pt` or `.pth` in `$CUTS3D_WEIGHTS`, else from the Hugging Face hub.

    Raises:
        WeightsUnavailableError: The package is not installed, or the weights cannot be had.
    """
    module = require("moge.model.v2", title=TITLE, packages=f"git+{PACKAGES.partition('+')[2]}")
    path = find_local(NAME)
    source = f"'{path.name}'" if path else f"{REPOSITORY} on the Hugging Face hub"
    try:
        if path is not None:
            network = module.MoGeModel.from_pretrained(str(path))
        else:
            ask_hub(REPOSITORY, "model.pt", REVISION)
            network = module.MoGeModel.from_pretrained(REPOSITORY, revision=REVISION)
    except Exception as error:  # the hub's clients raise their own kinds, which change with their versions
        put = f"model.pt of the repository {REPOSITORY}, as '{NAME}.pt',"
        raise not_had(TITLE, source=source, put=put, error=error) from error
    return estimator(network.eval().requires_grad_(False))


register_depth(
    DepthSpec(
        name=NAME,
        title=TITLE,
        kind="metric",
        source=f"Hugging Face hub, {REPOSITORY}",
        trained_on="a mixture of public real and rendered data sets",
        licence="MIT (its DINOv2 code: Apache-2.0)",
        load=load_moge,
        input_rule="longer side at most 1,024; the working size is the network's own",
        download_mb=141,
        revision=REVISION,
        packages=PACKAGES,
    )
)
