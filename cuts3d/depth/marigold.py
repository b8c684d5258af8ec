"""Marigold (Ke et al., CVPR 2024): a diffusion model that paints depth; needs the package diffusers.

It starts from noise. The noise has one seed here, and each photo its own draw, so that a photo's depth is always the
same, alone or in a batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cuts3d.depth._pixels import photo_tensor
from cuts3d.depth.network import NetworkEstimator
from cuts3d.depth.registry import DepthSpec, register_depth
from cuts3d.weights.folders import WEIGHTS_VARIABLE, local_folder
from cuts3d.weights.hub import ask_hub
from cuts3d.weights.missing import not_had
from cuts3d.weights.optional import require

NAME = "marigold"
TITLE = "Marigold v1.1"
REPOSITORY = "prs-eth/marigold-depth-v1-1"
REVISION = "9571e7123e258cf052b4e54241f17971c290e9a8"
PACKAGES = "diffusers accelerate"

STEPS = 4  # denoising steps, the model's own default
SEED = 0


class Painter(nn.Module):
    """A diffusion pipeline in a network's clothes."""

    def __init__(self, pipeline: Any) -> None:
        super().__init__()
        self.pipeline = pipeline

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels in [0, 1], [B, 3, H, W], to depth in [0, 1], [B, h, w], 0 = near; the longer side becomes 768."""
        pipeline = self.pipeline.to(pixels.device)
        maps = [
            pipeline(
                one[None],
                num_inference_steps=STEPS,
                ensemble_size=1,
                match_input_resolution=False,
                generator=torch.Generator(pixels.device).manual_seed(SEED),
                output_type="pt",
            ).prediction[0, 0]
            for one in pixels
        ]
        return torch.stack(maps)


def estimator(pipeline: Any) -> NetworkEstimator:
    """The pipeline as an estimator; it resizes, pads and unpads by itself."""
    return NetworkEstimator(
        network=Painter(pipeline),
        prepare=photo_tensor,
        forward=lambda net, pixels: net(pixels),
        finish=lambda raw, shape: raw,
        kind="relative",
        title=TITLE,
    )


def load_marigold() -> NetworkEstimator:
    """Marigold from the folder `marigold` in `$CUTS3D_WEIGHTS`, else from the Hugging Face hub.

    Raises:
        WeightsUnavailableError: diffusers is not installed, or the weights cannot be had.
    """
    diffusers = require("diffusers", title=TITLE, packages=PACKAGES)
    half = torch.float16 if torch.cuda.is_available() else torch.float32
    options: dict[str, Any] = {"torch_dtype": half, "use_safetensors": True}
    folder = local_folder(NAME)
    source = f"the folder '{folder}'" if folder else f"{REPOSITORY} on the Hugging Face hub"
    try:
        if folder is None:
            ask_hub(REPOSITORY, "model_index.json", REVISION)
            options |= {"revision": REVISION, "variant": "fp16"}
        pipeline = diffusers.MarigoldDepthPipeline.from_pretrained(str(folder or REPOSITORY), **options)
    except Exception as error:  # the hub's clients raise their own kinds, which change with their versions
        put = f"a copy of the repository {REPOSITORY}, as a folder '{NAME}',"
        raise not_had(TITLE, source=source, put=put, error=error) from error
    pipeline.set_progress_bar_config(disable=True)
    return estimator(pipeline)


register_depth(
    DepthSpec(
        name=NAME,
        title=TITLE,
        kind="relative",
        source=f"Hugging Face hub, {REPOSITORY}, or a folder '{NAME}' in ${WEIGHTS_VARIABLE}",
        trained_on="Hypersim and Virtual KITTI 2 (rendered), from Stable Diffusion 2",
        licence="CreativeML Open RAIL++-M",
        load=load_marigold,
        input_rule="longer side 768, by diffusers; 4 steps from noise of a fixed seed",
        download_mb=2600,
        revision=REVISION,
        packages=PACKAGES,
    )
)
