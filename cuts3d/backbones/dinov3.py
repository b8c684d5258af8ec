"""DINOv3 ViT-S/16 and ViT-B/16 (Siméoni et al., arXiv 2508.10104) as timm builds them; read from a local file only.

Positions are rotations of queries and keys inside the blocks (RoPE), and four register tokens follow the class token.
The weights are under the DINOv3 License. Its text comes with them and has to be accepted, so nothing is downloaded.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from cuts3d.backbones.hub import timm_keys
from cuts3d.backbones.registry import BackboneSpec, register_backbone
from cuts3d.backbones.vit import ViTBackbone
from cuts3d.weights.checkpoints import State, load_strictly
from cuts3d.weights.files import load_checkpoint
from cuts3d.weights.folders import WEIGHTS_VARIABLE
from cuts3d.weights.locate import weights_path
from cuts3d.weights.source import WeightSource, wrong_checkpoint

_UNUSED = ("rope", "local_cls_norm.")  # fixed rotations, and a norm that only training used
_RENAMED = (("storage_tokens", "reg_token"), (".ls1.gamma", ".gamma_1"), (".ls2.gamma", ".gamma_2"))


class RopeViT(ViTBackbone):
    """Wraps `timm.models.eva.Eva` with rotary position embeddings, which fit to any grid.

    Keys and queries are those before the rotation, so that equal patches have equal vectors at every position.
    """

    def _embed(self, pixels: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
        vit = self.vit
        patches = vit.patch_embed.proj(pixels)  # [B, C, h, w]
        tokens = vit.patch_embed.norm(patches.flatten(2).transpose(1, 2))  # [B, h*w, C]
        prefix = [token.expand(len(tokens), -1, -1) for token in (vit.cls_token, vit.reg_token)]
        return vit.norm_pre(torch.cat([*prefix, tokens], dim=1)), (patches.shape[-2], patches.shape[-1])

    def _block(self, block: Any, x: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        return block(x, rope=self.vit.rope.get_embed(shape=grid))


def dinov3_keys(state: State, *, label: str) -> dict[str, torch.Tensor]:
    """Rename the tensors of a checkpoint of timm or of its authors to timm's names.

    Args:
        state: Tensors by name, as saved.
        label: Name of the checkpoint, for the error.

    Returns:
        Tensors under timm's names, without those that inference does not need. timm's network has no bias of query,
        key and value, because the published biases are all 0; those of the keys are masked out in training.

    Raises:
        WeightsUnavailableError: A bias of queries or values is not 0.
    """
    renamed: dict[str, torch.Tensor] = {}
    for name, tensor in timm_keys(state, label=label).items():
        if name.startswith(_UNUSED) or name.endswith(".bias_mask"):
            continue
        if name.endswith((".attn.qkv.bias", ".attn.q_bias", ".attn.v_bias")):
            query, _, value = tensor.chunk(3) if name.endswith("qkv.bias") else (tensor, tensor, tensor)
            if query.any() or value.any():
                raise wrong_checkpoint(label, "DINOv3", f"'{name}' is not 0")
            continue
        for theirs, ours in _RENAMED:
            name = name.replace(theirs, ours)  # noqa: PLW2901 - the name under which it is kept
        renamed[name] = tensor
    return renamed


def build_dinov3(timm_name: str, state: State, *, label: str) -> RopeViT:
    """Build timm's network and load all of its tensors.

    Raises:
        WeightsUnavailableError: A tensor is missing, unknown or of another shape.
    """
    import timm

    vit = timm.create_model(timm_name, pretrained=False, num_classes=0)
    load_strictly(vit, dinov3_keys(state, label=label), label=label, title=f"timm's {timm_name}")
    return RopeViT(vit)


def load_dinov3(source: WeightSource, timm_name: str) -> RopeViT:
    """Load DINOv3 from the user's own file.

    Raises:
        WeightsUnavailableError: The file is missing, or has the weights of another network.
    """
    path = weights_path(source)
    return build_dinov3(timm_name, load_checkpoint(path), label=source.label(path))


def _declare(name: str, timm_name: str, title: str) -> None:
    repository = f"timm/{timm_name}"
    source = WeightSource(
        name=name,
        title=title,
        put=f"model.safetensors of {repository}, or the checkpoint of its authors, as '{name}.safetensors' or "
        f"'{name}.pth'",
        manual="its DINOv3 License has to be accepted first, and no commit of its repository could be verified",
    )
    register_backbone(
        BackboneSpec(
            name=name,
            title=title,
            source=f"Local file {name}.safetensors or {name}.pth in ${WEIGHTS_VARIABLE} ({repository})",
            trained_on="LVD-1689M, self-supervised (DINOv3): distilled from a ViT-7B",
            licence="DINOv3 License (Meta's own terms; its authors' repositories are gated)",
            patch_size=16,
            image_size=480,
            center=True,  # as for DINOv2; not measured, because no weights were in reach
            tau_ncut=0.15,
            load=partial(load_dinov3, source, timm_name),
        )
    )


_declare("dinov3_vits16", "vit_small_patch16_dinov3.lvd1689m", "DINOv3 ViT-S/16")
_declare("dinov3_vitb16", "vit_base_patch16_dinov3.lvd1689m", "DINOv3 ViT-B/16")
