"""DINO and DINOv2 as timm builds them; the weights come from a local file, else from the Hugging Face hub.

A file `<name>.safetensors`, `.pth` or `.pt` in `$CUTS3D_WEIGHTS` wins, with timm's key names or the original ones.
From the hub only safetensors are read. One request without retries asks whether the hub answers before timm
downloads: timm alone needs 47 s to give up without a network.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from cuts3d.backbones.registry import BackboneSpec, register_backbone
from cuts3d.backbones.vit import ViTBackbone
from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.files import load_checkpoint
from cuts3d.weights.folders import WEIGHTS_VARIABLE, find_local
from cuts3d.weights.missing import unavailable

HUB_FILE = "model.safetensors"
HUB_TIMEOUT = 5.0  # seconds to wait for the hub's first answer

_PREFIXES = ("module.", "backbone.", "encoder.", "model.", "vit.")
_NOT_BACKBONE = ("head.", "dino_head.", "ibot_head.", "mask_token")


def timm_keys(state: dict[str, torch.Tensor], *, source: str) -> dict[str, torch.Tensor]:
    """Rename a checkpoint's tensors to timm's names and drop what is no part of the backbone.

    DINO and DINOv2 name their tensors as timm does, under the prefixes of their training code.

    Args:
        state: Tensors by name, as saved.
        source: Where they come from, for the error.

    Returns:
        Tensors without prefixes, heads and mask token.

    Raises:
        WeightsUnavailableError: Two tensors get one name, as where a student and a teacher share a file.
    """
    renamed: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        key = name
        while prefix := next((p for p in _PREFIXES if key.startswith(p)), ""):
            key = key.removeprefix(prefix)
        if key in renamed:
            raise WeightsUnavailableError(f"{source} holds more than one network: '{key}' occurs twice.")
        if not key.startswith(_NOT_BACKBONE):
            renamed[key] = tensor
    return renamed


def _mismatches(vit: Any, state: dict[str, torch.Tensor]) -> list[str]:
    """What keeps `state` from fitting, each a short phrase; the first two of every kind come first."""
    wanted = vit.state_dict()
    missing = [f"'{k}' is missing" for k in wanted if k not in state]
    unknown = [f"'{k}' is unknown" for k in state if k not in wanted]
    shapes = [
        f"'{k}' is {tuple(state[k].shape)} instead of {tuple(v.shape)}"
        for k, v in wanted.items()
        if k in state and state[k].shape != v.shape
    ]
    kinds = (missing, unknown, shapes)
    return [phrase for kind in kinds for phrase in kind[:2]] + [phrase for kind in kinds for phrase in kind[2:]]


def build_vit(timm_name: str, state: dict[str, torch.Tensor], *, source: str) -> ViTBackbone:
    """Build timm's network and load all of its tensors.

    Args:
        timm_name: timm's model name with its tag.
        state: Tensors under timm's names, see `timm_keys`.
        source: Where they come from, for the error.

    Raises:
        WeightsUnavailableError: A tensor is missing, unknown or of another shape.
    """
    import timm

    vit = timm.create_model(timm_name, pretrained=False, num_classes=0)
    wrong = _mismatches(vit, state)
    if wrong:
        more = f" and {len(wrong) - 6} more" if len(wrong) > 6 else ""
        raise WeightsUnavailableError(
            f"{source} is not a checkpoint of timm's {timm_name}: {'; '.join(wrong[:6])}{more}. "
            f"Put the right checkpoint into the folder ${WEIGHTS_VARIABLE}, or use the embedded models."
        )
    vit.load_state_dict(state, strict=True)
    return ViTBackbone(vit)


def fetch_state(timm_name: str, revision: str) -> dict[str, torch.Tensor]:
    """Tensors of one of timm's hub repositories, out of the hub's cache where they were fetched before.

    Honours `HF_HUB_OFFLINE`, `HF_HOME` and `HF_ENDPOINT`. Raises whatever the hub client and timm raise.

    Args:
        timm_name: timm's model name with its tag; the repository is `timm/<timm_name>`.
        revision: Commit or branch of the repository.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    from timm.models import load_state_dict_from_hf

    repository = f"timm/{timm_name}"
    if not isinstance(try_to_load_from_cache(repository, HUB_FILE, revision=revision), str):
        get_hf_file_metadata(hf_hub_url(repository, HUB_FILE, revision=revision), timeout=HUB_TIMEOUT)
    return load_state_dict_from_hf(f"{repository}@{revision}", filename=HUB_FILE)


def load_hub(name: str, timm_name: str, revision: str) -> ViTBackbone:
    """Load a DINO or DINOv2 backbone.

    Args:
        name: Registry name, which is the local file's name as well.
        timm_name: timm's model name with its tag.
        revision: Commit or branch of the hub repository.

    Raises:
        WeightsUnavailableError: No usable local file, and the hub does not give the weights.
    """
    path = find_local(name)
    if path is not None:
        source = f"'{path.name}'"
        return build_vit(timm_name, timm_keys(load_checkpoint(path), source=source), source=source)
    hub = f"timm/{timm_name} on the Hugging Face hub"
    try:
        state = fetch_state(timm_name, revision)
    except Exception as error:  # the hub's clients raise their own kinds, which change with their versions
        first_line = (str(error).splitlines() or [""])[0].rstrip(". ")
        raise unavailable(name, hub=hub, reason=f"{type(error).__name__}: {first_line}") from error
    return build_vit(timm_name, timm_keys(state, source=hub), source=hub)


def _declare(name: str, timm_name: str, title: str, *, patch_size: int, revision: str = "main") -> None:
    second = name.startswith("dinov2")
    register_backbone(
        BackboneSpec(
            name=name,
            title=title,
            source=f"Hugging Face hub, timm/{timm_name}",
            trained_on=f"{'LVD-142M' if second else 'ImageNet-1k'}, self-supervised ({'DINOv2' if second else 'DINO'})",
            licence="Apache-2.0",
            patch_size=patch_size,
            image_size=476 if patch_size == 14 else 480,
            center=second,
            tau_ncut=0.15,
            load=partial(load_hub, name, timm_name, revision),
        )
    )


# The commits of DINOv2 are those that at least two unrelated public projects pin. For DINO there were none to compare,
# and no hub was in reach to look one up, so its branch is followed; the strict loading guards both.
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
