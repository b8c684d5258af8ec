"""Features and an affinity of the user's own: bit for bit the backbone's, honest records, and clear refusals."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given as drawn
from hypothesis import strategies as st
from test_explorer import same

from cuts3d import ConfigError, CutS3D, CutS3DConfig, Explorer, InputError
from cuts3d.backbones import features as backbone_features
from cuts3d.backbones.features import feature_request, photo_vectors
from cuts3d.config import LITERAL
from cuts3d.io.coco import coco_document
from cuts3d.io.results import save_all, stage_arrays
from cuts3d.method.affinity import feature_affinity
from cuts3d.run.given import MAX_PATCHES, read_given
from ui.draw import status

SHAPE = (96, 128)


@pytest.fixture
def vectors(photo, pixel_config):
    """Features of the backbone `pixels`, [h, w, C]."""
    found = photo_vectors(photo.image, *feature_request(pixel_config.features))
    return found.vectors.reshape(*found.grid_shape, -1)


@pytest.fixture
def own(pixel_config, pixel_backbone) -> CutS3DConfig:
    """The configuration that says of given features what the backbone `pixels` declares."""
    declared = pixel_backbone
    return pixel_config.replace(center=declared.center, tau_ncut=declared.tau_ncut, image_size=declared.image_size)


@pytest.fixture
def no_backbone(monkeypatch):
    """Every call of a backbone is an error."""

    def refuse(*_, **__):
        raise AssertionError("a backbone ran")

    monkeypatch.setattr(backbone_features, "compute", refuse)


def affinity_of(photo, config):
    features = photo_vectors(photo.image, *feature_request(config.features))
    h, w = features.grid_shape
    return feature_affinity(features).reshape(h, w, h, w)


def test_features_of_the_embedded_backbone_give_its_masks_bit_for_bit(scene, embedded_spec):
    image, config = scene("two boxes").image, CutS3DConfig().replace(image_size=476)
    computed = CutS3D(config).segment(image)
    h, w = computed.features.grid_shape
    declared = config.replace(center=embedded_spec.center, tau_ncut=embedded_spec.tau_ncut)
    found = CutS3D(declared).segment(image, features=computed.features.vectors.reshape(h, w, -1), depth=computed.depth)
    assert computed.instances
    assert same(found, computed)
    affinity = feature_affinity(computed.features).reshape(h, w, h, w)
    assert same(CutS3D(declared).segment(image, affinity=affinity, depth=computed.depth), computed)


@pytest.mark.parametrize("crf", [False, True])
def test_given_features_run_no_backbone(photo, vectors, own, pixel_config, monkeypatch, crf):
    expected = CutS3D(pixel_config.replace(crf=crf)).segment(photo.image, depth=photo.depth)
    monkeypatch.setattr(backbone_features, "_runner", None)
    found = CutS3D(own.replace(crf=crf)).segment(photo.image, depth=photo.depth, features=vectors)
    assert same(found, expected)
    assert found.instances


def test_a_given_affinity_runs_no_backbone(photo, own, pixel_config, monkeypatch):
    expected = CutS3D(pixel_config).segment(photo.image, depth=photo.depth)
    affinity = affinity_of(photo, pixel_config)
    monkeypatch.setattr(backbone_features, "_runner", None)
    assert same(CutS3D(own).segment(photo.image, depth=photo.depth, affinity=affinity), expected)


def test_defaults_are_those_of_dino(photo, vectors):
    explorer = Explorer(photo.image, features=vectors, depth=photo.depth)
    assert explorer.tau_ncut == 0.15
    assert not explorer.update().features.center
    assert explorer.update(center=True).features.center


def test_the_embedded_depth_runs_its_own_backbone(scene):
    image = scene("two boxes").image
    vectors = np.random.default_rng(0).normal(size=(12, 16, 5))
    found = CutS3D().segment(image, features=vectors)
    assert found.depth.source == "embedded"
    assert np.array_equal(found.depth.values, CutS3D().segment(image).depth.values)


# ---- the explorer


def test_a_moved_slider_computes_only_what_depends_on_it(photo, vectors, own):
    explorer = Explorer(photo.image, own, depth=photo.depth, features=vectors)
    first = explorer.update()
    before = explorer.calls.copy()
    assert same(explorer.update(), first)
    assert not explorer.calls - before
    explorer.update(tau_knn=0.05)
    assert not {"features", "affinity", "cloud"} & set(explorer.calls - before)
    before = explorer.calls.copy()
    explorer.update(center=True)
    assert {"features", "affinity"} <= set(explorer.calls - before)


def test_two_explorers_of_one_photo_do_not_share_features(photo, vectors, own):
    rng = np.random.default_rng(1)
    other = Explorer(photo.image, own, depth=photo.depth, features=rng.normal(size=vectors.shape))
    first = Explorer(photo.image, own, depth=photo.depth, features=vectors)
    assert not same(first.update(), other.update())
    assert same(first.update(), CutS3D(own).segment(photo.image, depth=photo.depth, features=vectors))


@pytest.mark.parametrize("kind", ["features", "affinity"])
def test_a_later_change_of_the_array_changes_nothing(photo, vectors, own, pixel_config, kind):
    array = vectors.copy() if kind == "features" else affinity_of(photo, pixel_config)
    inputs: dict[str, Any] = {kind: array}
    explorer = Explorer(photo.image, own, depth=photo.depth, **inputs)
    first = explorer.update()
    array[:] = 0
    assert same(explorer.update(tau_ncut=0.0), explorer.update(tau_ncut=0.0))
    assert same(explorer.update(tau_ncut=own.affinity.tau_ncut), first)


@pytest.mark.parametrize("change", [{"backbone": "pixels"}, {"feature": "key"}, {"layer": -2}])
def test_a_parameter_of_a_backbone_is_refused(photo, vectors, own, change):
    explorer = Explorer(photo.image, own, depth=photo.depth, features=vectors)
    before = explorer.config
    with pytest.raises(ConfigError, match="own features"):
        explorer.update(**change)
    assert explorer.config == before


def test_centring_an_affinity_is_refused(photo, own, pixel_config):
    explorer = Explorer(photo.image, own, depth=photo.depth, affinity=affinity_of(photo, pixel_config))
    assert explorer.config.features.center is None
    with pytest.raises(ConfigError, match="center"):
        explorer.update(center=True)


def test_spectrum_and_own_size_use_the_given_features(photo, vectors, own, no_backbone):
    explorer = Explorer(photo.image, own, depth=photo.depth, features=vectors, view_side=40)
    reduced = explorer.update()
    assert explorer.spectrum(count=3).shape == (3,)
    assert explorer.own_size().image.shape[0] > reduced.image.shape[0]
    with pytest.raises(ConfigError, match="baseline"):
        explorer.baseline("maskcut")


# ---- records


@pytest.mark.parametrize("kind", ["features", "affinity"])
def test_no_record_names_a_backbone(photo, vectors, pixel_config, tmp_path, kind):
    array = vectors if kind == "features" else affinity_of(photo, pixel_config)
    config = LITERAL.replace(crf=False, backbone=pixel_config.features.backbone)
    inputs: dict[str, Any] = {kind: array}
    explorer = Explorer(photo.image, config, depth=photo.depth, **inputs)
    result = explorer.update()
    assert result.features.backbone == f"own_{kind}"
    assert explorer.config.features.backbone == f"own_{kind}"
    info = coco_document(result, file_name="a.jpg")["info"]
    assert info["backbone"] == info["config"]["backbone"] == f"own_{kind}"
    assert info["config"]["feature"] is None
    assert f"backbone: your {kind}" in status.summary(explorer, "photo", costs=["1 s"], done=True)
    save_all(result, tmp_path, file_name="a.jpg")
    assert json.loads((tmp_path / "instances.json").read_text())["info"] == info
    assert ("features" in np.load(tmp_path / "stages.npz")) == (kind == "features")


def test_a_record_is_no_backbone(photo):
    config = CutS3DConfig.from_dict({"backbone": "own_features"})
    with pytest.raises(ConfigError, match="features=…"):
        CutS3D(config).segment(photo.image)


def test_large_features_are_saved_without_overflow(photo, vectors, own):
    result = CutS3D(own).segment(photo.image, depth=photo.depth, features=1e6 * vectors)
    assert np.array_equal(stage_arrays(result)["features"], result.features.vectors)
    small = CutS3D(own).segment(photo.image, depth=photo.depth, features=vectors)
    assert stage_arrays(small)["features"].dtype == np.float16


# ---- what is accepted


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.uint8])
def test_numbers_of_every_type(dtype):
    array = np.random.default_rng(0).integers(0, 9, (6, 8, 5)).astype(dtype)
    given = read_given(array, None, SHAPE)
    assert given is not None and given.affinity is None
    assert given.features.vectors.dtype == np.float32
    assert np.array_equal(given.features.vectors, array.reshape(48, 5).astype(np.float32))


def test_a_tensor_is_an_array():
    given = read_given(torch.ones(6, 8, 2), None, SHAPE)
    assert given is not None and given.features.grid_shape == (6, 8)


def test_an_array_in_another_order_is_the_same_array():
    array = np.random.default_rng(0).normal(size=(5, 6, 8)).astype(np.float32)
    given = read_given(array.transpose(1, 2, 0), None, SHAPE)
    assert given is not None
    assert np.array_equal(given.features.vectors, array.reshape(5, 48).T)


@drawn(st.integers(40, 4000), st.integers(40, 4000), st.sampled_from([8, 14, 16]), st.sampled_from(["down", "up"]))
def test_a_grid_of_whole_patches_of_the_photo_is_accepted(height, width, patch, rounding):
    h, w = (max(2, side // patch + (rounding == "up")) for side in (height, width))
    scale = max(1, int(np.ceil(np.sqrt(h * w / MAX_PATCHES))))
    if scale == 1:
        assert read_given(np.ones((h, w, 1)), None, (height, width)) is not None


@pytest.mark.parametrize("grid", [(6, 8), (8, 8), (5, 7), (34, 34)])
def test_grids_of_the_photo_and_squares_are_accepted(grid):
    assert read_given(np.ones((*grid, 3)), None, SHAPE) is not None


def test_negative_cosines_become_zero_and_rounding_is_repaired():
    rng = np.random.default_rng(0)
    unit = rng.normal(size=(48, 4))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosines = (unit @ unit.T).astype(np.float16)
    cosines[0, 1] += np.float16(1e-3)
    given = read_given(None, cosines.reshape(6, 8, 6, 8), SHAPE)
    assert given is not None and given.affinity is not None
    assert np.array_equal(given.affinity, given.affinity.T)
    assert given.affinity.min() == 0 and given.affinity.max() <= 1
    np.testing.assert_allclose(given.affinity, np.maximum(unit @ unit.T, 0), atol=2e-3)


# ---- what is refused


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((48, 5)), r"shape \[h, w, C\]; it is \[48, 5\]"),
        (np.ones((6, 8, 0)), "C is 0"),
        (np.ones((8, 6, 5)), "8×6.*96×128.*axes exchanged"),
        (np.ones((20, 60, 5)), "20×60.*cropped"),
        (np.ones((1, 1, 5)), "at least 2 patches"),
        (np.ones((121, 121, 1)), "at most 14,400"),
        (np.full((6, 8, 5), np.nan), "240 of 240 values are not"),
        (np.full((6, 8, 5), 1e300), "finite in float32"),
        (np.full((6, 8, 5), 1e30), "largest absolute value"),
        (np.zeros((6, 8, 5)), "largest absolute value"),
        (np.ones((6, 8, 5), complex), "type is complex"),
        (np.full((6, 8, 5), "a"), "array of numbers"),
        ([[1, 2], [3]], "array of shape"),
    ],
)
def test_unusable_features_are_refused(array, words):
    with pytest.raises(InputError, match=words):
        read_given(array, None, SHAPE)


def unit_affinity(**changes: float) -> np.ndarray:
    matrix = np.eye(48).reshape(6, 8, 6, 8)
    for place, value in changes.items():
        matrix[tuple(int(digit) for digit in place.removeprefix("at"))] = value
    return matrix


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.eye(48), r"reshape a matrix \[N, N\] to it; it is \[48, 48\]"),
        (np.ones((6, 8, 8, 6)), "twice the same grid"),
        (np.ones((8, 6, 8, 6)), "axes exchanged"),
        (unit_affinity(at0001=0.5), "symmetric.*differ by 0.5"),
        (unit_affinity(at0000=1.1), "reach from 0 to 1.1"),
        (unit_affinity(at0000=-1.1), "reach from -1.1 to 1"),
        (unit_affinity(at0000=np.inf), "finite"),
        (-np.ones((6, 8, 6, 8)), "links no patches"),
        (np.ones((6, 8, 6, 8), bool), "type is bool"),
    ],
)
def test_an_unusable_affinity_is_refused(array, words):
    with pytest.raises(InputError, match=words):
        read_given(None, array, SHAPE)


def test_features_and_an_affinity_together_are_refused(photo, vectors):
    with pytest.raises(InputError, match="either"):
        CutS3D().segment(photo.image, features=vectors, affinity=np.ones((2, 2, 2, 2)))
    with pytest.raises(InputError, match="aspect ratio"):
        Explorer(photo.image, features=np.ones((5, 40, 3)))
