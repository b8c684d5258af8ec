"""ZoeDepth, DPT, Depth Anything V2 and Depth Pro: input, padding, direction, weights and the hub's failures.

The networks are of the true classes, shrunken and randomly initialised; the true ones run where a hub is reachable.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import torch
from at_defaults import normalise_depth
from safetensors.torch import load_file, save_file
from scipy.stats import spearmanr
from torch import nn
from torch.nn.functional import interpolate, pad

from cuts3d.arrays import ImageArray
from cuts3d.depth import depth_anything, depth_pro, dpt, get_depth, missing_reason, zoedepth
from cuts3d.depth._pixels import input_size, photo_size
from cuts3d.depth.network import NetworkEstimator
from cuts3d.depth.transformers_network import TransformersModel, load_network, pixel_values
from cuts3d.errors import InputError, WeightsUnavailableError
from cuts3d.scenes import SyntheticScene
from cuts3d.weights.folders import WEIGHTS_VARIABLE
from cuts3d.weights.locate import local_weights

MODELS: dict[str, TransformersModel] = {
    model.source.name: model
    for model in (zoedepth.MODEL, dpt.HYBRID, dpt.LARGE, depth_anything.SMALL, depth_anything.BASE, depth_pro.MODEL)
}
METRIC = ("zoedepth", "depth_pro")
PARAMETERS = {  # millions, as published
    "zoedepth": 345.1,
    "dpt_hybrid": 122.4,
    "dpt_large": 343.0,
    "depth_anything_v2_small": 24.8,
    "depth_anything_v2_base": 97.5,
    "depth_pro": 952.0,
}
QUICK = ("zoedepth", "dpt_hybrid", "dpt_large", "depth_anything_v2_small")  # Depth Pro sees 1536² pixels: seconds
SIZES = ((37, 211), (211, 37), (480, 640), (8, 8), (101, 99))
WRAP: dict[str, Callable[[nn.Module], NetworkEstimator]] = {
    "zoedepth": zoedepth.wrap,
    "dpt_hybrid": lambda network: dpt.wrap(network, title="hybrid"),
    "dpt_large": lambda network: dpt.wrap(network, title="large"),
    "depth_anything_v2_small": lambda network: depth_anything.wrap(network, title="small"),
    "depth_anything_v2_base": lambda network: depth_anything.wrap(network, title="base"),
    "depth_pro": depth_pro.wrap,
}
VIT = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 37}
NECK = {"neck_hidden_sizes": [16, 16, 16, 16], "fusion_hidden_size": 16}


def small_zoedepth() -> tuple[Any, Any]:
    network_class, config = zoedepth.architecture()
    stages = ["stage1", "stage2", "stage3", "stage4"]
    values = config.to_dict() | NECK | {"bottleneck_features": 16, "num_attractors": [4, 3, 2, 1]}
    values |= {"bin_embedding_dim": 8, "num_relative_features": 8}
    values["patch_transformer_intermediate_size"] = 16
    backbone = {k: v for k, v in values["backbone_config"].items() if k not in ("stage_names", "out_indices")}
    values["backbone_config"] = backbone | VIT | {"image_size": 64, "out_features": stages}
    return network_class, type(config)(**values)


def small_dpt() -> tuple[Any, Any]:
    network_class, config = dpt.large()
    return network_class, type(config)(**(config.to_dict() | VIT | NECK | {"backbone_out_indices": [0, 1, 2, 3]}))


def small_hybrid() -> tuple[Any, Any]:
    network_class, config = dpt.hybrid()
    bit = {"model_type": "bit", "global_padding": "same", "layer_type": "bottleneck", "depths": [1, 1, 1]}
    bit |= {"out_features": ["stage1", "stage2", "stage3"], "embedding_dynamic_padding": True, "num_groups": 2}
    bit |= {"hidden_sizes": [16, 16, 16], "embedding_size": 16}
    values = config.to_dict() | VIT | NECK | {"backbone_out_indices": [0, 1, 2, 3], "backbone_config": bit}
    return network_class, type(config)(**(values | {"backbone_featmap_shape": [1, 16, 24, 24]}))


def small_depth_anything() -> tuple[Any, Any]:
    network_class, config = depth_anything.architecture(24, 2, 16, (16, 16, 16, 16))
    backbone = {"model_type": "dinov2", "image_size": 518, "hidden_size": 24, "num_hidden_layers": 4}
    backbone |= {"num_attention_heads": 2, "out_indices": [1, 2, 3, 4], "reshape_hidden_states": False}
    return network_class, type(config)(**(config.to_dict() | {"backbone_config": backbone}))


def small_depth_pro() -> tuple[Any, Any]:
    network_class, config = depth_pro.architecture()
    vit = {"model_type": "dinov2", "image_size": 384, "patch_size": 16, "hidden_size": 8, "num_hidden_layers": 2}
    vit |= {"num_attention_heads": 1, "use_mask_token": False}
    values = config.to_dict() | {f"{kind}_model_config": vit for kind in ("image", "patch", "fov")}
    values |= {"fusion_hidden_size": 8, "intermediate_hook_ids": [1, 0], "intermediate_feature_dims": [8, 8]}
    return network_class, type(config)(**(values | {"scaled_images_feature_dims": [8, 8, 8]}))


SMALL = {
    "zoedepth": small_zoedepth,
    "dpt_hybrid": small_hybrid,
    "dpt_large": small_dpt,
    "depth_anything_v2_small": small_depth_anything,
    "depth_anything_v2_base": small_depth_anything,
    "depth_pro": small_depth_pro,
}


@cache
def small_network(name: str) -> Any:
    """A shrunken network of the true class with random weights; read only."""
    torch.manual_seed(1)
    network_class, config = SMALL[name]()
    network = network_class(config).eval()
    for name_, parameter in network.named_parameters():  # zeros and ones would hide a tensor that was not loaded
        parameter.data.add_(0.1 * torch.randn_like(parameter))
        if name_ in ("head.head.4.bias", "head.conv3.bias", "head.layers.4.bias"):
            parameter.data.add_(1.0)  # keeps the last ReLU from answering 0 everywhere
    return network


@cache
def small_estimator(name: str) -> NetworkEstimator:
    return WRAP[name](small_network(name))


def random_photo(shape: tuple[int, int], seed: int = 0) -> ImageArray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def processor_of(name: str) -> Any:
    module = {"zoedepth": zoedepth, "depth_pro": depth_pro, "dpt_large": dpt, "dpt_hybrid": dpt}
    return module.get(name, depth_anything).processor()


# Declarations and architectures


@pytest.mark.parametrize("name", MODELS)
def test_declaration_is_complete(name: str) -> None:
    spec, source = get_depth(name), MODELS[name].source
    assert all((spec.title, spec.trained_on, spec.licence, spec.input_rule))
    assert spec.kind == ("metric" if name in METRIC else "disparity") == small_estimator(name).kind
    assert spec.source == f"{source.repository} on the Hugging Face hub" and spec.weights is source
    assert len(source.revision) == 40 or (name == "depth_pro" and "hf download" in missing_reason(spec))
    assert not spec.embedded and not spec.packages and not spec.tokens_of
    bytes_each = 2 if name == "depth_pro" else 4
    assert spec.download_mb == pytest.approx(PARAMETERS[name] * bytes_each, rel=0.01)
    assert ("NC" in spec.licence) == (name == "depth_anything_v2_base")


@pytest.mark.parametrize("name", MODELS)
def test_architecture_has_the_published_number_of_parameters(name: str) -> None:
    network_class, config = MODELS[name].architecture()
    with torch.device("meta"):
        network = network_class(config)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(PARAMETERS[name], abs=0.05)


# The photo's way in


@pytest.mark.parametrize("name", MODELS)
def test_input_equals_the_processor_of_transformers(name: str) -> None:
    for shape in ((37, 211), (211, 37), (60, 80), (480, 640)) if name != "depth_pro" else ((37, 211),):
        photo = random_photo(shape)
        theirs = processor_of(name)(photo, return_tensors="pt")["pixel_values"][0]
        torch.testing.assert_close(small_estimator(name).prepare(photo), theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((480, 640), (518, 686)), ((32, 64), (252, 518)), ((8, 4000), (14, 518)), ((500, 9000), (518, 2044))],
)
def test_input_size_follows_the_rule_and_bounds_panoramas(shape: tuple[int, int], size: tuple[int, int]) -> None:
    assert input_size(shape, (518, 518), 14) == size
    assert input_size((shape[1], shape[0]), (518, 518), 14) == (size[1], size[0])


@pytest.mark.parametrize("name", MODELS)
def test_tiny_photo_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(InputError, match="The photo is 1×1 pixels; at least 8×8 are needed"):
        small_estimator(name)(random_photo((1, 1)))


# The map's way out


@pytest.mark.parametrize("name", QUICK)
def test_map_has_the_photos_shape_at_any_size(name: str) -> None:
    for shape in SIZES:
        depth = small_estimator(name)(random_photo(shape))
        assert depth.values.shape == shape and depth.values.dtype == np.float32
        assert np.isfinite(depth.values).all()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(3000, 2001), (2, 4096), (1025, 1024)])
def test_large_photo_keeps_its_aspect_within_the_working_size(name: str, shape: tuple[int, int]) -> None:
    values = small_estimator(name).finish(torch.rand(64, 96) + 1, shape)
    assert tuple(values.shape) == photo_size(shape) and max(values.shape) == 1024
    assert values.shape[0] / 1024 == pytest.approx(shape[0] / max(shape), abs=1e-3)


@pytest.mark.parametrize("name", MODELS)
def test_map_equals_the_post_processor_of_transformers(name: str) -> None:
    raw, shape = torch.rand(1, 64, 96) + 0.5, (240, 321)
    view = torch.tensor([48.0])
    stub = Stub(lambda _: SimpleNamespace(predicted_depth=raw, field_of_view=view))
    ours = WRAP[name](stub)(random_photo(shape))
    more = {"source_sizes": [shape]} if name == "zoedepth" else {"target_sizes": [shape]}
    theirs = processor_of(name).post_process_depth_estimation(stub(pixel_values=raw), **more)[0]["predicted_depth"]
    np.testing.assert_allclose(ours.values, theirs.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_plain_photo_gives_finite_depth(name: str, level: int) -> None:
    depth = small_estimator(name)(np.full((60, 80, 3), level, np.uint8))
    assert np.isfinite(depth.values).all() and np.isfinite(normalise_depth(depth)).all()


@pytest.mark.parametrize("name", QUICK)
def test_batch_equals_single_calls_and_leaves_no_state(name: str) -> None:
    estimator = small_estimator(name)
    photos = [random_photo((60, 80), 1), random_photo((80, 60), 2), random_photo((60, 80), 3) // 4]
    before = {k: v.clone() for k, v in estimator.network.state_dict().items()}
    batch = estimator.batch(photos)
    for photo, depth in zip(photos, batch, strict=True):
        np.testing.assert_allclose(estimator(photo).values, depth.values, rtol=5e-5, atol=1e-5)
    assert np.abs(batch[0].values - batch[2].values).max() > 3e-4  # so that an order mixed up would show
    assert estimator.batch([]) == []
    assert all(torch.equal(before[k], v) for k, v in estimator.network.state_dict().items())


def test_zoedepth_sees_one_photo_at_a_time() -> None:
    seen: list[int] = []

    def answer(pixels: torch.Tensor) -> Any:
        seen.append(len(pixels))
        return SimpleNamespace(predicted_depth=pixels.mean(1) + 2)

    zoedepth.wrap(Stub(answer)).batch([random_photo((60, 80), seed) for seed in range(3)])
    assert seen == [1, 1, 1]  # its heads are chosen by a vote of the whole batch


def test_depth_pro_runs_as_a_whole() -> None:
    depth = small_estimator("depth_pro")(random_photo((37, 53)))
    assert depth.values.shape == (37, 53) and depth.kind == "metric"
    assert np.isfinite(depth.values).all() and depth.values.min() >= depth_pro.NEAREST


# Near and far


class Stub(nn.Module):
    """A network whose output is known."""

    def __init__(self, answer: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, pixel_values: torch.Tensor) -> Any:
        return self.answer(pixel_values)


def knowing_network(name: str, metres: torch.Tensor) -> Stub:
    """What the true network would say of a scene of known depth, float [H, W]."""
    view = torch.deg2rad(torch.tensor([48.0]))
    if name == "zoedepth":
        rows, columns = (zoedepth.padding(side) for side in metres.shape)
        target = pad(metres[None, None], (columns, columns, rows, rows), mode="reflect")
    elif name == "depth_pro":
        target = 1 / metres[None, None] / (2 * torch.tan(view / 2))
    else:
        target = 7 / metres[None, None] + 3

    def answer(pixels: torch.Tensor) -> Any:
        map_ = interpolate(target, pixels.shape[2:], mode="bilinear")[:, 0].expand(len(pixels), -1, -1)
        return SimpleNamespace(predicted_depth=map_, field_of_view=torch.rad2deg(view).expand(len(pixels)))

    return Stub(answer)


@pytest.mark.parametrize("name", MODELS)
def test_near_and_far_are_the_right_way_round(name: str, scene: Callable[[str], SyntheticScene]) -> None:
    made = scene("two boxes")
    depth = WRAP[name](knowing_network(name, torch.from_numpy(made.depth)))(made.image)
    z = normalise_depth(depth)
    assert depth.values.shape == made.depth.shape
    near, far = made.depth < np.percentile(made.depth, 0.5), made.depth > np.percentile(made.depth, 99)
    assert z[near].max() < 0.03 and z[far].min() > 0.9
    assert spearmanr(z.ravel(), made.depth.ravel()).statistic > 0.99
    if depth.kind == "metric":
        assert np.median(np.abs(depth.values / made.depth - 1)) < 0.01


# Local weights


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `$CUTS3D_WEIGHTS`, and a hub that must not be asked."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked although local weights are there")

    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    for function in ("try_to_load_from_cache", "get_hf_file_metadata", "hf_hub_download"):
        monkeypatch.setattr(huggingface_hub, function, refuse)
    return tmp_path


def shrunken(name: str) -> TransformersModel:
    return replace(MODELS[name], architecture=SMALL[name])


def assert_same_state(network: nn.Module, name: str) -> None:
    loaded, wanted = network.state_dict(), small_network(name).state_dict()
    assert loaded.keys() == wanted.keys()
    assert all(torch.equal(loaded[k], v) for k, v in wanted.items())
    assert not network.training and not any(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_folder_with_its_own_configuration_loads(folder: Path, name: str) -> None:
    small_network(name).save_pretrained(folder / name)
    assert local_weights(MODELS[name].source) == folder / name / "model.safetensors"
    estimator = get_depth(name).load()
    assert isinstance(estimator, NetworkEstimator)
    assert_same_state(estimator.network, name)
    if name in QUICK:  # buffers that no file holds are there as well
        photo = random_photo((60, 80))
        np.testing.assert_array_equal(estimator(photo).values, small_estimator(name)(photo).values)


@pytest.mark.parametrize("name", MODELS)
def test_single_file_loads_under_the_published_names(folder: Path, name: str) -> None:
    small_network(name).save_pretrained(folder / "saved")  # transformers saves under its older names, as published
    state = load_file(folder / "saved" / "model.safetensors")
    if name != "depth_pro":
        state.pop(
            "neck.fusion_stage.layers.0.residual_layer1.convolution1.weight", None
        )  # never run, not in every file
    if name.startswith(("depth", "zoe")):
        assert any(".encoder.layer.0.attention.attention.query.weight" in k for k in state)
    save_file(state, folder / f"{name}.safetensors")
    network = load_network(shrunken(name))
    wanted = small_network(name).state_dict()
    assert all(torch.equal(network.state_dict()[k], wanted[k]) for k in wanted if "layers.0.residual_layer1" not in k)


def test_half_precision_file_becomes_float32(folder: Path) -> None:
    state = {k: v.half() for k, v in small_network("dpt_large").state_dict().items()}
    save_file(state, folder / "dpt_large.safetensors")
    network = load_network(shrunken("dpt_large"))
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_pickle_of_tensors_loads(folder: Path) -> None:
    torch.save(small_network("dpt_hybrid").state_dict(), folder / "dpt_hybrid.pth")
    assert_same_state(load_network(shrunken("dpt_hybrid")), "dpt_hybrid")


@pytest.mark.parametrize("wrong", ["empty", "another network", "another size"])
def test_wrong_checkpoint_names_the_first_tensors(folder: Path, wrong: str) -> None:
    state = dict(small_network("dpt_large").state_dict()) if wrong == "another size" else {"a": torch.zeros(1)}
    if wrong == "another size":
        state["head.head.4.bias"] = torch.zeros(7)
    save_file({} if wrong == "empty" else state, folder / "dpt_large.safetensors")
    with pytest.raises(WeightsUnavailableError) as caught:
        load_network(shrunken("dpt_large"))
    message = str(caught.value)
    assert "'dpt_large.safetensors' is not a checkpoint of transformers' DPTForDepthEstimation" in message
    said = (
        "'head.head.4.bias' has another shape" if wrong == "another size" else "'dpt.embeddings.cls_token' is missing"
    )
    assert said in message and WEIGHTS_VARIABLE in message and len(message) < 800


def test_broken_configuration_says_what_to_do(folder: Path) -> None:
    small_network("dpt_large").save_pretrained(folder / "dpt_large")
    (folder / "dpt_large" / "config.json").write_text("{")
    with pytest.raises(WeightsUnavailableError, match=r"'dpt_large/config\.json' cannot be read"):
        get_depth("dpt_large").load()


# The hub


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """No local folder and nothing in the hub's cache."""
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)


def assert_says_what_to_do(error: WeightsUnavailableError, name: str) -> None:
    words = (name, MODELS[name].source.repository, "Hugging Face hub", WEIGHTS_VARIABLE, "embedded")
    assert all(word in str(error) for word in words)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "depth_pro"])
@pytest.mark.parametrize("step", ["probe", "download"])
@pytest.mark.usefixtures("empty_cache")
def test_hub_failure_says_what_to_do(monkeypatch: pytest.MonkeyPatch, name: str, step: str) -> None:
    cause = ConnectionError("the cable is cut.\nsecond line")

    def fail(*_: object, **__: object) -> None:
        raise cause

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", fail if step == "probe" else lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(WeightsUnavailableError) as caught:
        get_depth(name).load()
    assert_says_what_to_do(caught.value, name)
    assert "(ConnectionError: the cable is cut)" in str(caught.value)
    assert caught.value.__cause__ is cause


@pytest.mark.usefixtures("empty_cache")
def test_what_has_no_verified_commit_is_not_fetched_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", asked)
    with pytest.raises(WeightsUnavailableError, match="hf download apple/DepthPro-hf") as caught:
        get_depth("depth_pro").load()
    assert_says_what_to_do(caught.value, "depth_pro")


@pytest.mark.usefixtures("empty_cache")
def test_hub_that_never_answers_costs_one_short_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    url = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
    monkeypatch.setattr(huggingface_hub.file_download, "HUGGINGFACE_CO_URL_TEMPLATE", url, raising=False)
    start = time.monotonic()
    with pytest.raises(WeightsUnavailableError) as caught:
        get_depth("zoedepth").load()
    assert time.monotonic() - start < 10
    assert_says_what_to_do(caught.value, "zoedepth")


@pytest.mark.usefixtures("empty_cache")
def test_hub_gives_the_pinned_revision(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, float]] = []
    taken: list[tuple[str, str, str]] = []

    def download(repository: str, file: str, *, revision: str, etag_timeout: float) -> str:
        assert 0 < etag_timeout <= 10
        taken.append((repository, file, revision))
        torch.save(small_network("dpt_hybrid").state_dict(), tmp_path / file)
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda url, *, timeout: asked.append((url, timeout)))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert_same_state(load_network(shrunken("dpt_hybrid")), "dpt_hybrid")
    source = MODELS["dpt_hybrid"].source
    assert taken == [(source.repository, "pytorch_model.bin", source.revision)]
    ((url, seconds),) = asked
    assert url.endswith(f"{source.repository}/resolve/{source.revision}/pytorch_model.bin") and 0 < seconds <= 10


@pytest.mark.weights
@pytest.mark.parametrize("name", MODELS)
def test_true_weights_see_the_near_box_nearer(
    monkeypatch: pytest.MonkeyPatch, name: str, scene: Callable[[str], SyntheticScene]
) -> None:
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    try:
        estimate = get_depth(name).load()
    except WeightsUnavailableError as error:
        assert_says_what_to_do(error, name)
        pytest.skip(str(error))
    made = scene("two boxes")
    z = normalise_depth(estimate(made.image, None))
    near, far = sorted((made.labels == label for label in (1, 2)), key=lambda m: np.median(made.depth[m]))
    assert np.median(z[near]) < np.median(z[far]) < np.median(z[made.depth > 8.0])


def test_processor_is_not_changed_by_a_call() -> None:
    before = depth_anything.processor().to_dict()
    pixel_values(depth_anything.processor(), random_photo((20, 30)), (14, 28))
    assert depth_anything.processor().to_dict() == before
