"""DINOv3: rotary positions and register tokens against timm's own forward pass; files of timm and of the authors."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from cuts3d.backbones import extract_features, get_backbone
from cuts3d.backbones.dinov3 import RopeViT
from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights import locate
from cuts3d.weights.folders import WEIGHTS_VARIABLE
from cuts3d.weights.source import MODEL_FILE

TIMM_NAMES = {"dinov3_vits16": "vit_small_patch16_dinov3", "dinov3_vitb16": "vit_base_patch16_dinov3"}
KINDS = ("query", "key", "value")
SIZES = [(256, 256), (80, 112)]  # the native one, and a grid of 5 by 7


def random_weights(vit: Any) -> Any:
    """Weights under which every token depends on every other.

    timm's layer scales of 1e-5 would hide all blocks, and with small norms each token would attend to all alike.
    """
    torch.manual_seed(0)
    for name, tensor in vit.named_parameters():
        torch.nn.init.normal_(tensor, std=0.05)
        if "gamma_" in name or (name.endswith("weight") and "norm" in name):
            tensor.data.add_(0.5 if "gamma_" in name else 1.0)
    return vit.eval()


@cache
def random_vit(name: str) -> Any:
    """timm's own network of the published architecture with random weights; read only."""
    return random_weights(timm.create_model(TIMM_NAMES[name], pretrained=False, num_classes=0))


@cache
def short_vit() -> Any:
    """The same with three blocks."""
    return random_weights(timm.create_model(TIMM_NAMES["dinov3_vits16"], pretrained=False, num_classes=0, depth=3))


def state_of(name: str) -> dict[str, torch.Tensor]:
    return dict(random_vit(name).state_dict())


def theirs(state: dict[str, torch.Tensor], *, bias: float = 0.0) -> dict[str, torch.Tensor]:
    """A state dict under the names of the authors' code, with what timm leaves out."""
    changed = {"rope_embed.periods": torch.ones(16), "mask_token": torch.zeros(1, 384)}
    for name, tensor in state.items():
        new = (
            name.replace("reg_token", "storage_tokens").replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma")
        )
        changed[new] = tensor
        if name.endswith("attn.qkv.weight"):
            query, key, value = torch.full((384,), bias), torch.ones(384), torch.zeros(384)
            changed[new.replace("weight", "bias")] = torch.cat([query, key, value])
            changed[new.replace("weight", "bias_mask")] = torch.cat(
                [torch.ones(384), torch.zeros(384), torch.ones(384)]
            )
    return changed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `$CUTS3D_WEIGHTS`, and a hub that must not be asked."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(locate, "download", refuse)
    return tmp_path


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_vectors_and_tokens_are_those_of_timm_without_class_and_register_tokens(size: tuple[int, int]) -> None:
    vit = short_vit()
    caught: list[torch.Tensor] = []
    pixels = torch.rand(2, 3, *size)
    handle = vit.blocks[-1].attn.qkv.register_forward_hook(lambda *args: caught.append(args[2]))
    with torch.inference_mode():
        normed = vit.forward_features(pixels)
        raw = vit.forward_intermediates(pixels, indices=[0, 2], intermediates_only=True, output_fmt="NLC")
    handle.remove()
    network, patches = RopeViT(vit), size[0] * size[1] // 256
    assert normed.shape == (2, 5 + patches, 384)  # a class token and four registers
    found, tokens, grid = network(pixels, feature="token", layer=-1, token_layers=(0, 2))
    assert grid == (size[0] // 16, size[1] // 16)
    torch.testing.assert_close(found, normed[:, 5:], rtol=1e-4, atol=1e-4)
    for ours, timms in zip(tokens, raw, strict=True):
        torch.testing.assert_close(ours, timms, rtol=1e-4, atol=1e-4)
    for index, kind in enumerate(KINDS):
        vectors, _, _ = network(pixels, feature=kind, layer=-1)
        torch.testing.assert_close(vectors, caught[0][:, 5:, 384 * index : 384 * (index + 1)], rtol=1e-4, atol=1e-4)


def test_the_comparison_sees_positions_and_registers() -> None:
    """Without rotations, and with other registers, the tokens are others: the test above can fail."""
    vit, pixels = short_vit(), torch.rand(1, 3, 80, 112)
    network = RopeViT(vit)
    found, _, _ = network(pixels, feature="token", layer=-1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RopeViT, "_block", lambda _, block, x, grid: block(x))
        unrotated, _, _ = network(pixels, feature="token", layer=-1)
    assert float((found - unrotated).abs().max()) > 1e-2
    registers = vit.reg_token.clone()
    try:
        vit.reg_token.data.zero_()
        other, _, _ = network(pixels, feature="token", layer=-1)
    finally:
        vit.reg_token.data.copy_(registers)
    assert float((found - other).abs().max()) > 1e-2


@pytest.mark.parametrize("name", TIMM_NAMES)
def test_a_file_of_timm_loads(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    save_file(state_of(name), folder / name / MODEL_FILE)
    loaded = get_backbone(name).load().vit.state_dict()
    assert loaded.keys() == state_of(name).keys()
    assert all(torch.equal(loaded[key], value) for key, value in state_of(name).items())


def test_a_file_of_the_authors_loads(folder: Path) -> None:
    torch.save(theirs(state_of("dinov3_vits16")), folder / "dinov3_vits16.pth")
    loaded = get_backbone("dinov3_vits16").load().vit.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in state_of("dinov3_vits16").items())


def test_a_bias_that_timm_would_ignore_is_refused(folder: Path) -> None:
    torch.save(theirs(state_of("dinov3_vits16"), bias=0.5), folder / "dinov3_vits16.pth")
    with pytest.raises(WeightsUnavailableError, match=r"not a checkpoint of DINOv3: 'blocks.0.attn.qkv.bias' is not 0"):
        get_backbone("dinov3_vits16").load()


def test_another_network_is_refused(folder: Path) -> None:
    other = timm.create_model("vit_small_patch16_224.dino", pretrained=False, num_classes=0, depth=1)
    save_file(other.state_dict(), folder / "dinov3_vits16.safetensors")
    with pytest.raises(WeightsUnavailableError, match="not a checkpoint of timm's vit_small_patch16_dinov3"):
        get_backbone("dinov3_vits16").load()


@pytest.mark.parametrize("name", TIMM_NAMES)
def test_nothing_is_downloaded(folder: Path, name: str) -> None:
    with pytest.raises(WeightsUnavailableError, match="nothing is downloaded, because its DINOv3 License") as caught:
        get_backbone(name).load()
    assert f"timm/{TIMM_NAMES[name]}.lvd1689m" in str(caught.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", TIMM_NAMES)
def test_the_declaration_agrees_with_timm(name: str) -> None:
    config = timm.get_pretrained_cfg(f"{TIMM_NAMES[name]}.lvd1689m")
    spec = get_backbone(name)
    assert config is not None and config.hf_hub_id is not None
    assert (spec.mean, spec.std) == (config.mean, config.std)
    assert config.hf_hub_id in spec.source
    assert config.license == "dinov3-license" and spec.licence.startswith("DINOv3 License")


def test_features_of_a_photo(folder: Path) -> None:
    save_file(state_of("dinov3_vits16"), folder / "dinov3_vits16.safetensors")
    spec = get_backbone("dinov3_vits16")
    photo = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    features = extract_features(spec.load(), spec, photo, image_size=96)
    assert features.grid_shape == (6, 6) and features.vectors.shape == (36, 384)
    assert features.backbone == "dinov3_vits16" and features.center
