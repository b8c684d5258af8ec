"""DINO and DINOv2 as timm builds them, with weights from a local file, else from the Hugging Face hub.

A local file may have timm's tensor names or the original ones. From the hub only safetensors are read.
"""

from __future__ import annotations

from functools import partial

import torch

from cuts3d.backbones.registry import BackboneSpec, register_backbone
from cuts3d.backbones.vit import ViTBackbone
from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.checkpoints import State, load_strictly
from cuts3d.weights.files import load_checkpoint
from cuts3d.weights.locate import weights_path
from cuts3d.weights.source import WeightSource

_PREFIXES = ("module.", "backbone.", "encoder.", "model.", "vit.")
_NOT_BACKBONE = ("head.", "dino_head.", "ibot_head.", "mask_token")


def timm_keys(state: State, *, label: str) -> dict[str, torch.Tensor]:
    """Rename a checkpoint's tensors to timm's names and drop those that do not belong to the backbone.

    DINO and DINOv2 use timm's names behind the prefixes of their training code.

    Args:
        state: Tensors by name, as saved.
        label: Name of the checkpoint, for the error.

    Returns:
        Tensors without prefixes, heads and mask token.

    Raises:
        WeightsUnavailableError: Two tensors get the same name, for example those of a student and a teacher.
    """
    renamed: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        key = name
        while prefix := next((p for p in _PREFIXES if key.startswith(p)), ""):
            key = key.removeprefix(prefix)
        if key in renamed:
            raise WeightsUnavailableError(f"{label} contains more than one network: '{key}' occurs twice.")
        if not key.startswith(_NOT_BACKBONE):
            renamed[key] = tensor
    return renamed


def build_vit(timm_name: str, state: State, *, label: str) -> ViTBackbone:
    """Build timm's network and load all of its tensors.

    Args:
        timm_name: timm's model name with its tag.
        state: Tensors under timm's names, see `timm_keys`.
        label: Name of the checkpoint, for the error.

    Raises:
        WeightsUnavailableError: A tensor is missing, unknown or of another shape.
    """
    import timm

    vit = timm.create_model(timm_name, pretrained=False, num_classes=0)
    load_strictly(vit, state, label=label, title=f"timm's {timm_name}")
    return ViTBackbone(vit)


def load_hub(source: WeightSource, timm_name: str) -> ViTBackbone:
    """Load a DINO or DINOv2 backbone.

    Raises:
        WeightsUnavailableError: The weights are missing, or are those of another network.
    """
    path = weights_path(source)
    label = source.label(path)
    return build_vit(timm_name, timm_keys(load_checkpoint(path), label=label), label=label)


def _declare(name: str, timm_name: str, title: str, *, patch_size: int, revision: str = "main") -> None:
    second = name.startswith("dinov2")
    source = WeightSource(name=name, title=title, repository=f"timm/{timm_name}", revision=revision)
    register_backbone(
        BackboneSpec(
            name=name,
            title=title,
            source=source.origin,
            trained_on=f"{'LVD-142M' if second else 'ImageNet-1k'}, self-supervised ({'DINOv2' if second else 'DINO'})",
            licence="Apache-2.0",
            patch_size=patch_size,
            image_size=476 if patch_size == 14 else 480,
            center=second,
            tau_ncut=0.15,
            load=partial(load_hub, source, timm_name),
        )
    )


# The commits of DINOv2 are pinned by at least two unrelated public projects. No pinned commit of DINO was found, and it
# could not be looked up without network access, so its main branch is used. Both are guarded by the strict loading.
_declare("dino_vits8", "vit_small_patch8_224.dino", "DINO ViT-S/8", patch_size=8)
_declare("dino_vits16", "vit_small_patch16_224.dino", "DINO ViT-S/16", patch_size=16)
_declare("dino_vitb8", "vit_base_patch8_224.dino", "DINO ViT-B/8", patch_size=8)
_declare(
    "dinov2_vits14",
    "vit_small_patch14_dinov2.lvd142m",
    "DINOv2 ViT-S/14",
    patch_size=14,
    revision="4476dc0c66daca2ef4a40d2625b4a7063f02b685",
)
_declare(
    "dinov2_vitb14",
    "vit_base_patch14_dinov2.lvd142m",
    "DINOv2 ViT-B/14",
    patch_size=14,
    revision="4685c99dabffe5affac90bd99dbffd25801ae58d",
)
