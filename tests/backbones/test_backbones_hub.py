"""DINO, DINOv2 and DiffNCuts: local checkpoints under every spelling, the hub's failures, the declarations."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from cuts3d.backbones import extract_features, get_backbone, list_backbones
from cuts3d.backbones.hub import timm_keys
from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights import locate
from cuts3d.weights.folders import WEIGHTS_VARIABLE
from cuts3d.weights.source import MODEL_FILE

TIMM_NAMES = {
    "dino_vits8": "vit_small_patch8_224.dino",
    "dino_vits16": "vit_small_patch16_224.dino",
    "dino_vitb8": "vit_base_patch8_224.dino",
    "dinov2_vits14": "vit_small_patch14_dinov2.lvd142m",
    "dinov2_vitb14": "vit_base_patch14_dinov2.lvd142m",
}
SMALL = ("dino_vits8", "dino_vits16", "dinov2_vits14")
KINDS = ("query", "key", "value")


@cache
def random_vit(name: str) -> Any:
    """timm's own network with random weights; read only."""
    torch.manual_seed(0)
    return timm.create_model(TIMM_NAMES[name], pretrained=False, num_classes=0).eval()


def random_state(name: str) -> dict[str, torch.Tensor]:
    return dict(random_vit(name).state_dict())


def assert_same_state(network: Any, name: str) -> None:
    loaded = network.vit.state_dict()
    assert loaded.keys() == random_state(name).keys()
    assert all(torch.equal(loaded[k], v) for k, v in random_state(name).items())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `$CUTS3D_WEIGHTS`, and a hub that must not be asked."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked although a local file is there")

    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(locate, "download", refuse)
    return tmp_path


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """No local folder and nothing in the hub's cache."""
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)


# Declarations


def test_registry_lists_the_embedded_backbone_first() -> None:
    specs = list_backbones()
    assert specs[0].embedded and not any(s.embedded for s in specs[1:])
    assert {*TIMM_NAMES, "diffncuts"} <= {s.name for s in specs}


@pytest.mark.parametrize("spec", list_backbones(), ids=lambda s: s.name)
def test_declaration_is_complete(spec: Any) -> None:
    assert all((spec.name, spec.title, spec.source, spec.trained_on, spec.licence))
    assert callable(spec.load)
    assert spec.patch_size in (8, 14, 16)
    assert spec.image_size % spec.patch_size == 0
    assert spec.feature == ("token" if spec.embedded else "key")
    assert spec.layer == -1
    assert spec.center == spec.name.startswith(("dinov2", "dinov3"))
    assert 0 < spec.tau_ncut < 1
    assert len(spec.mean) == len(spec.std) == 3


@pytest.mark.parametrize("name", TIMM_NAMES)
def test_declaration_agrees_with_timm(name: str) -> None:
    config = timm.get_pretrained_cfg(TIMM_NAMES[name])
    spec = get_backbone(name)
    assert config is not None
    assert (spec.mean, spec.std) == (config.mean, config.std)
    assert f"patch{spec.patch_size}_" in TIMM_NAMES[name]
    assert config.hf_hub_id == spec.source.removesuffix(" on the Hugging Face hub")


# Local files


@pytest.mark.parametrize("name", SMALL)
def test_off_native_forward_has_the_grid_of_the_input(folder: Path, name: str) -> None:
    save_file(random_state(name), folder / f"{name}.safetensors")
    spec, network = get_backbone(name), get_backbone(name).load()
    pixels = torch.rand(2, 3, 5 * spec.patch_size, 7 * spec.patch_size)
    for kind in (*KINDS, "token"):
        vectors, tokens, grid = network(pixels, feature=kind, layer=-1, token_layers=(2, 11))
        assert grid == (5, 7)
        assert vectors.shape == (2, 35, 384) and vectors.dtype == torch.float32
        assert [t.shape for t in tokens] == [(2, 35, 384)] * 2
        assert torch.isfinite(vectors).all()


@pytest.mark.parametrize("name", SMALL)
def test_vectors_equal_a_hook_on_timms_qkv_at_the_native_size(folder: Path, name: str) -> None:
    torch.save(random_state(name), folder / f"{name}.pth")
    network, vit = get_backbone(name).load(), random_vit(name)
    caught: list[torch.Tensor] = []
    pixels = torch.rand(1, 3, *vit.patch_embed.img_size)
    handle = vit.blocks[-1].attn.qkv.register_forward_hook(lambda *args: caught.append(args[2]))
    with torch.inference_mode():
        normed = vit.forward_features(pixels)
    handle.remove()
    for index, kind in enumerate(KINDS):
        vectors, _, _ = network(pixels, feature=kind, layer=-1)
        torch.testing.assert_close(vectors, caught[0][:, 1:, 384 * index : 384 * (index + 1)], rtol=1e-4, atol=1e-5)
    tokens, _, _ = network(pixels, feature="token", layer=-1)
    torch.testing.assert_close(tokens, normed[:, 1:], rtol=1e-4, atol=1e-5)


def test_extract_features_from_a_photo(folder: Path) -> None:
    save_file(random_state("dino_vits16"), folder / "dino_vits16.safetensors")
    spec = get_backbone("dino_vits16")
    photo = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    features = extract_features(spec.load(), spec, photo, image_size=96)
    assert features.grid_shape == (6, 6) and features.vectors.shape == (36, 384)
    assert features.backbone == "dino_vits16" and not features.center


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "encoder.", "module.backbone."])
@pytest.mark.parametrize("wrapper", ["", "teacher", "state_dict"])
def test_original_style_checkpoint_loads(folder: Path, prefix: str, wrapper: str) -> None:
    state = {prefix + k: v for k, v in random_state("dino_vits16").items()}
    state["head.mlp.0.weight"] = torch.zeros(4, 384)
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, folder / "dino_vits16.pth")
    assert_same_state(get_backbone("dino_vits16").load(), "dino_vits16")


def test_original_dinov2_checkpoint_loads_without_its_mask_token(folder: Path) -> None:
    torch.save(random_state("dinov2_vits14") | {"mask_token": torch.zeros(1, 384)}, folder / "dinov2_vits14.pth")
    assert_same_state(get_backbone("dinov2_vits14").load(), "dinov2_vits14")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, ("'cls_token' is missing", "and 144 more")),
        ({"conv1.weight": torch.zeros(1)}, ("'cls_token' is missing", "'conv1.weight' is unknown")),
        ("dino_vits8", ("'pos_embed' is (1, 785, 384) instead of (1, 197, 384)", "'patch_embed.proj")),
        ("dinov2_vits14", ("'blocks.0.ls1.gamma' is unknown", "'pos_embed' is (1, 1370, 384)")),
    ],
    ids=["empty", "another network", "another patch size", "another family"],
)
def test_wrong_checkpoint_names_the_first_keys(
    folder: Path, state: str | dict[str, torch.Tensor], words: tuple[str, ...]
) -> None:
    torch.save(random_state(state) if isinstance(state, str) else state, folder / "dino_vits16.pth")
    with pytest.raises(WeightsUnavailableError) as caught:
        get_backbone("dino_vits16").load()
    message = str(caught.value)
    assert all(w in message for w in ("'dino_vits16.pth'", TIMM_NAMES["dino_vits16"], WEIGHTS_VARIABLE, *words))
    assert len(message) < 800


def test_two_networks_in_one_file_are_refused() -> None:
    with pytest.raises(WeightsUnavailableError, match="more than one network: 'cls_token' occurs twice"):
        timm_keys({"module.cls_token": torch.zeros(1), "encoder.cls_token": torch.ones(1)}, label="'x.pth'")


class Hostile:
    """Makes a folder when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("name", ["dino_vits16", "diffncuts"])
def test_pickle_with_code_is_refused_and_not_run(folder: Path, name: str) -> None:
    torch.save({"state_dict": {}, "args": Hostile(folder / "ran")}, folder / f"{name}.pth")
    with pytest.raises(WeightsUnavailableError, match="not a checkpoint of plain tensors"):
        get_backbone(name).load()
    assert not (folder / "ran").exists()


# The hub


def assert_says_what_to_do(error: WeightsUnavailableError, name: str) -> None:
    assert all(word in str(error) for word in (name, "Hugging Face hub", WEIGHTS_VARIABLE, "embedded"))


@pytest.mark.parametrize("name", TIMM_NAMES)
@pytest.mark.parametrize("step", ["probe", "download"])
@pytest.mark.usefixtures("empty_cache")
def test_hub_failure_says_what_to_do(monkeypatch: pytest.MonkeyPatch, name: str, step: str) -> None:
    cause = ConnectionError("the cable is cut.\nsecond line")

    def fail(*_: object, **__: object) -> None:
        raise cause

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", fail if step == "probe" else lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(WeightsUnavailableError) as caught:
        get_backbone(name).load()
    assert_says_what_to_do(caught.value, name)
    assert "(ConnectionError: the cable is cut)" in str(caught.value)
    assert caught.value.__cause__ is cause


@pytest.mark.usefixtures("empty_cache")
def test_offline_mode_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsUnavailableError, match="OfflineModeIsEnabled") as caught:
        get_backbone("dino_vits16").load()
    assert_says_what_to_do(caught.value, "dino_vits16")


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.usefixtures("empty_cache")
def test_hub_gives_safetensors_of_the_pinned_revision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cached: bool
) -> None:
    asked: list[tuple[str, float]] = []
    loaded: list[tuple[str, str, str]] = []
    path = tmp_path / MODEL_FILE
    save_file(random_state("dinov2_vits14"), path)

    def give(repository: str, file: str, *, revision: str, **options: float) -> str:
        assert all(0 < seconds <= 10 for seconds in options.values())
        loaded.append((repository, file, revision))
        return str(path)

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache" if cached else "hf_hub_download", give)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda url, *, timeout: asked.append((url, timeout)))
    assert_same_state(get_backbone("dinov2_vits14").load(), "dinov2_vits14")
    ((name, filename, revision),) = loaded
    assert name == "timm/vit_small_patch14_dinov2.lvd142m" and len(revision) == 40
    assert filename == MODEL_FILE == "model.safetensors"
    assert len(asked) == (0 if cached else 1)
    assert all(url.endswith(f"{name}/resolve/{revision}/{filename}") and 0 < s <= 10 for url, s in asked)


def test_a_folder_as_the_hub_client_writes_it_is_read(folder: Path) -> None:
    (folder / "dino_vits16").mkdir()
    save_file(random_state("dino_vits16"), folder / "dino_vits16" / MODEL_FILE)
    assert_same_state(get_backbone("dino_vits16").load(), "dino_vits16")


@pytest.mark.weights
def test_true_hub_weights_tell_patches_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    spec = get_backbone("dino_vits16")
    try:
        network = spec.load()
    except WeightsUnavailableError as error:
        assert_says_what_to_do(error, "dino_vits16")
        pytest.skip(str(error))
    photo = np.zeros((96, 96, 3), dtype=np.uint8)
    photo[:, 48:] = 255
    vectors = extract_features(network, spec, photo, image_size=96).vectors.reshape(6, 6, 384)
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    assert np.vdot(unit[2, 1], unit[3, 1]) > np.vdot(unit[2, 1], unit[2, 4])


# DiffNCuts


@pytest.mark.parametrize("name", ["dino_vits8", "dino_vits16"])
def test_diffncuts_infers_its_patch_size(folder: Path, name: str) -> None:
    patch = get_backbone(name).patch_size
    torch.save({f"module.{k}": v for k, v in random_state(name).items()}, folder / "diffncuts.pth")
    spec = get_backbone("diffncuts")
    network = spec.load()
    assert network.vit.patch_embed.patch_size == (patch, patch)
    assert_same_state(network, name)
    photo = np.zeros((40, 40, 3), dtype=np.uint8)
    assert extract_features(network, spec, photo, image_size=96).grid_shape == (96 // patch, 96 // patch)
    assert spec.image_size % patch == 0


@pytest.mark.parametrize("name", ["", "dinov2_vits14"], ids=["empty", "patch 14"])
def test_diffncuts_refuses_another_network(folder: Path, name: str) -> None:
    torch.save(random_state(name) if name else {}, folder / "diffncuts.pth")
    with pytest.raises(
        WeightsUnavailableError, match=r"'diffncuts\.pth' is not a checkpoint of timm's vit_small_patch8"
    ):
        get_backbone("diffncuts").load()


@pytest.mark.parametrize("variable", [None, "an empty folder"])
def test_diffncuts_missing_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    if variable:
        monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    with pytest.raises(WeightsUnavailableError) as caught:
        get_backbone("diffncuts").load()
    assert all(word in str(caught.value) for word in ("DiffNCuts", "diffncuts.pth", WEIGHTS_VARIABLE, "embedded"))
