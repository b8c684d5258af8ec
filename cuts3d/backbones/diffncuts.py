"""DiffNCuts, the paper's backbone: DINO ViT-S fine-tuned with a differentiable NCut (Liu and Gould, ECCV 2024).

The weights are read from a local file only: their authors state no licence, so nothing here downloads or ships them.

DiffNCuts was made for a soft affinity, `W = A·[A > τ] + 1e-6·[A ≤ τ]`, and the ordinary eigenproblem of `D − W`
(method 3); `affinity="soft"` with `epsilon=1e-6` gives that W. What CutS3D does with it is not known (method 1.2).
"""

from __future__ import annotations

import torch

from cuts3d.backbones.hub import build_vit, timm_keys
from cuts3d.backbones.registry import BackboneSpec, register_backbone
from cuts3d.backbones.vit import ViTBackbone
from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.files import load_checkpoint
from cuts3d.weights.folders import WEIGHTS_VARIABLE, find_local

NAME = "diffncuts"
PATCH_SIZE = 8  # as declared; a file of patch 16 is read as well

_TIMM_NAMES = {8: "vit_small_patch8_224.dino", 16: "vit_small_patch16_224.dino"}


def patch_size_of(state: dict[str, torch.Tensor]) -> int:
    """Pixels a patch side, read off the patch embedding [C, 3, p, p]; the declared size where that says nothing.

    Args:
        state: Tensors under timm's names.

    Returns:
        8 or 16. Any other embedding is left to the strict loading to name.
    """
    weight = state.get("patch_embed.proj.weight")
    side = PATCH_SIZE if weight is None or weight.ndim != 4 else int(weight.shape[-1])
    return side if side in _TIMM_NAMES else PATCH_SIZE


def load_diffncuts() -> ViTBackbone:
    """Load DiffNCuts from `diffncuts.safetensors`, `.pth` or `.pt` in `$CUTS3D_WEIGHTS`.

    The network knows its own patch size, `network.vit.patch_embed.patch_size`. With a file of patch 16 it is not the
    declared 8; the default side of 480 px fits both, and the grid that `extract_features` returns is the network's.

    Raises:
        WeightsUnavailableError: No such file, or it is not a DINO ViT-S of patch 8 or 16.
    """
    path = find_local(NAME)
    if path is None:
        raise WeightsUnavailableError(
            f"DiffNCuts is read from a local file only: get its checkpoint from its authors, put it as '{NAME}.pth' or "
            f"'{NAME}.safetensors' into a folder and name that folder in the environment variable {WEIGHTS_VARIABLE}, "
            "or use the embedded models, which need no download."
        )
    source = f"'{path.name}'"
    state = timm_keys(load_checkpoint(path), source=source)
    return build_vit(_TIMM_NAMES[patch_size_of(state)], state, source=source)


register_backbone(
    BackboneSpec(
        name=NAME,
        title="DiffNCuts, DINO ViT-S/8 (the paper's)",
        source=f"Local file {NAME}.pth or {NAME}.safetensors in ${WEIGHTS_VARIABLE}",
        trained_on="DINO (self-supervised, ImageNet-1k), then fine-tuned without labels by a differentiable NCut",
        licence="None stated by its authors",
        patch_size=PATCH_SIZE,
        image_size=480,
        center=False,
        tau_ncut=0.15,
        load=load_diffncuts,
    )
)
