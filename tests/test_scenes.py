"""Synthetic scenes: known depth, known instances."""

import numpy as np
import pytest
from scipy import ndimage

from cuts3d.errors import ConfigError
from cuts3d.scenes import SCENES, WALL_Z, make_scene

NAMES = sorted(SCENES)
pytestmark = pytest.mark.parametrize("name", NAMES)


def test_a_scene_is_the_same_on_every_call(name):
    first, second = (make_scene(name, size=(60, 80)) for _ in range(2))
    assert (first.image == second.image).all()
    assert (first.depth == second.depth).all()
    assert (first.labels == second.labels).all()


def test_photo_depth_and_labels_have_one_size_and_the_types_declared(name, scene):
    rendered = scene(name)
    assert rendered.image.shape == (240, 320, 3)
    assert rendered.depth.shape == rendered.labels.shape == (240, 320)
    assert (rendered.image.dtype, rendered.depth.dtype, rendered.labels.dtype) == (np.uint8, np.float32, np.int32)
    assert rendered.depth_map.kind == "metric"
    assert (rendered.depth_map.values == rendered.depth).all()


def test_labels_are_0_for_background_and_1_to_n_for_the_solids(name, scene):
    assert np.unique(scene(name).labels).tolist() == list(range(len(SCENES[name]) + 1))


def test_every_object_is_large_enough_to_be_found(name, scene):
    labels = scene(name).labels
    for number in range(1, len(SCENES[name]) + 1):
        assert (labels == number).mean() > 0.015, f"solid {number}"
        parts, _ = ndimage.label(labels == number)
        assert np.bincount(parts[parts > 0]).max() > 0.99 * (labels == number).sum()


def test_depth_is_positive_and_ends_at_the_wall(name, scene):
    depth = scene(name).depth
    assert np.isfinite(depth).all()
    assert depth.min() > 0
    assert depth.max() < WALL_Z * 1.1


def test_an_object_is_nearer_than_what_it_hides(name, scene):
    """Inside each object, depth changes less than at its border to the objects behind it."""
    rendered = scene(name)
    medians = [np.median(rendered.depth[rendered.labels == i]) for i in range(1, len(SCENES[name]) + 1)]
    places = [s.centre[2] for s in SCENES[name]]
    assert np.argsort(medians).tolist() == np.argsort(places).tolist()
    assert np.diff(medians).min() > 0.5


def test_depth_fits_the_solids_that_labels_name(name, scene):
    rendered = scene(name)
    for number, solid in enumerate(SCENES[name], start=1):
        reach = np.linalg.norm(solid.size)
        distance = rendered.depth[rendered.labels == number]
        # distance along the tilted axis of a point within `reach` of the centre
        centre = np.array(solid.centre) - np.array([0.0, -1.55, 0.0])
        middle = centre @ np.array([0.0, np.sin(np.radians(19)), np.cos(np.radians(19))])
        assert np.abs(distance - middle).max() <= reach + 1e-3


def test_consecutive_objects_touch_in_the_photo(name, scene):
    labels = scene(name).labels
    for number in range(1, len(SCENES[name])):
        grown = ndimage.binary_dilation(labels == number, iterations=2)
        assert (grown & (labels == number + 1)).any(), f"{number} and {number + 1}"


def test_objects_of_one_scene_look_alike(name, scene):
    """Their mean colours are similar, and different from the table: features alone join them."""
    rendered = scene(name)
    means = np.array([rendered.image[rendered.labels == i].mean(axis=0) for i in range(1, len(SCENES[name]) + 1)])
    assert np.ptp(means, axis=0).max() < 60


def test_size_changes_resolution_and_not_the_scene(name):
    small, large = make_scene(name, size=(60, 80)), make_scene(name, size=(120, 160))
    agree = (np.maximum(small.labels, 0) == np.maximum(large.labels, 0)[1::2, 1::2]).mean()
    assert agree > 0.97


def test_an_unknown_scene_is_refused_and_the_known_ones_listed(name):
    with pytest.raises(ConfigError, match=f"Unknown scene 'moon'.*{name}"):
        make_scene("moon")
