"""DiffNCuts, the paper's backbone: DINO ViT-S fine-tuned with a differentiable NCut (Liu and Gould, ECCV 2024).

The weights are read from a local file only. Their authors state no licence, so they are neither shipped nor downloaded.

DiffNCuts was trained for a soft affinity, `W = A·[A > τ] + 1e-6·[A ≤ τ]`, and the ordinary eigenproblem of `D − W`
(method 3). `affinity="soft"` with `epsilon=1e-6` gives that W. How CutS3D uses the backbone is not published
(method 1.2).
"""

from __future__ import annotations

from cuts3d.backbones.hub import build_vit, timm_keys
from cuts3d.backbones.registry import BackboneSpec, register_backbone
from cuts3d.backbones.vit import ViTBackbone
from cuts3d.weights.checkpoints import State
from cuts3d.weights.files import load_checkpoint
from cuts3d.weights.folders import WEIGHTS_VARIABLE
from cuts3d.weights.locate import weights_path
from cuts3d.weights.source import WeightSource

PATCH_SIZE = 8  # as declared; a file of patch size 16 is read as well
SOURCE = WeightSource(
    name="diffncuts",
    title="DiffNCuts, DINO ViT-S/8 (the paper's)",
    put="the checkpoint of its authors as 'diffncuts.pth' or 'diffncuts.safetensors'",
    manual="its authors state no licence",
)

_TIMM_NAMES = {8: "vit_small_patch8_224.dino", 16: "vit_small_patch16_224.dino"}


def patch_size_of(state: State) -> int:
    """Patch size in pixels, from the shape of the patch embedding [C, 3, p, p].

    Args:
        state: Tensors under timm's names.

    Returns:
        8 or 16; the declared size for any other embedding, which the strict loading then refuses by name.
    """
    weight = state.get("patch_embed.proj.weight")
    side = PATCH_SIZE if weight is None or weight.ndim != 4 else int(weight.shape[-1])
    return side if side in _TIMM_NAMES else PATCH_SIZE


def load_diffncuts() -> ViTBackbone:
    """Load DiffNCuts from `diffncuts.safetensors`, `.pth` or `.pt` in `$CUTS3D_WEIGHTS`.

    A file of patch size 16 differs from the declared size of 8. `ViTBackbone.patch_size` has the true size, the default
    image size of 480 px fits both, and `extract_features` returns the network's own grid.

    Raises:
        WeightsUnavailableError: The file is missing, or is not a DINO ViT-S of patch size 8 or 16.
    """
    path = weights_path(SOURCE)
    label = SOURCE.label(path)
    state = timm_keys(load_checkpoint(path), label=label)
    return build_vit(_TIMM_NAMES[patch_size_of(state)], state, label=label)


register_backbone(
    BackboneSpec(
        name=SOURCE.name,
        title=SOURCE.title,
        source=f"Local file {SOURCE.name}.pth or {SOURCE.name}.safetensors in ${WEIGHTS_VARIABLE}",
        trained_on="DINO (self-supervised, ImageNet-1k), then fine-tuned without labels by a differentiable NCut",
        licence="None stated by its authors",
        patch_size=PATCH_SIZE,
        image_size=480,
        center=False,
        tau_ncut=0.15,
        load=load_diffncuts,
    )
)
