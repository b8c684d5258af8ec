"""Marigold (Ke et al., CVPR 2024): a diffusion model for relative depth. It needs the package diffusers.

Diffusion starts from noise. Every photo gets the noise of one fixed seed, so its depth is always the same, whether it
runs by itself or in a batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from cuts3d.backbones.pixels import photo_tensor
from cuts3d.depth.available import require_package
from cuts3d.depth.network import NetworkEstimator
from cuts3d.depth.registry import DepthSpec, register_depth
from cuts3d.weights.locate import local_weights, weights_path
from cuts3d.weights.source import WeightSource, missing_weights, summary, wrong_checkpoint

REPOSITORY = "prs-eth/marigold-depth-v1-1"
SOURCE = WeightSource(
    name="marigold",
    title="Marigold v1.1",
    repository=REPOSITORY,
    revision="9571e7123e258cf052b4e54241f17971c290e9a8",
    file="model_index.json",
    folder_only=True,
    put=f"a copy of the repository {REPOSITORY} as a folder 'marigold'",
)
PACKAGES = "diffusers accelerate"

STEPS = 4  # denoising steps, the model's own default
SEED = 0


class Diffusion(nn.Module):
    """A diffusion pipeline as a network module."""

    def __init__(self, pipeline: Any) -> None:
        super().__init__()
        self.pipeline = pipeline

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Depth in [0, 1], 0 = near, [B, h, w], with a longer side of 768, from pixels in [0, 1], [B, 3, H, W]."""
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
    """An estimator that runs the pipeline, which resizes and pads by itself."""
    return NetworkEstimator(network=Diffusion(pipeline), prepare=photo_tensor, kind="relative", title=SOURCE.title)


def load_marigold() -> NetworkEstimator:
    """Marigold from the folder `marigold` in `$CUTS3D_WEIGHTS`, else from the Hugging Face hub.

    Raises:
        WeightsUnavailableError: diffusers is not installed, or the weights are missing or cannot be read.
    """
    diffusers = require_package("diffusers", title=SOURCE.title, packages=PACKAGES)
    half = torch.float16 if torch.cuda.is_available() else torch.float32
    options: dict[str, Any] = {"torch_dtype": half, "use_safetensors": True}
    own = local_weights(SOURCE)
    if own is None:
        weights_path(SOURCE)  # the list of the pipeline's files; diffusers downloads these files
        options |= {"revision": SOURCE.revision, "variant": "fp16"}
    try:
        pipeline = diffusers.MarigoldDepthPipeline.from_pretrained(str(own.parent if own else REPOSITORY), **options)
    except Exception as error:  # diffusers and the hub's client raise their own types, which change with their versions
        if own is None:
            raise missing_weights(SOURCE, error) from error
        raise wrong_checkpoint(f"The folder '{SOURCE.name}'", SOURCE.title, summary(error)) from error
    pipeline.set_progress_bar_config(disable=True)
    return estimator(pipeline)


register_depth(
    DepthSpec(
        name=SOURCE.name,
        title=SOURCE.title,
        kind="relative",
        source=SOURCE.origin,
        trained_on="Hypersim and Virtual KITTI 2 (rendered), from Stable Diffusion 2",
        licence="CreativeML Open RAIL++-M",
        load=load_marigold,
        weights=SOURCE,
        input_rule="longer side 768, by diffusers; 4 steps from noise of a fixed seed",
        download_mb=2600,
        packages=PACKAGES,
    )
)
