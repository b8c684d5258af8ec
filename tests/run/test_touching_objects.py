"""The claim of CutS3D: it separates touching objects of one kind at different depths; MaskCut joins them."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from at_defaults import normalise_features
from helpers import best_iou

from cuts3d import CutS3D, CutS3DConfig, Segmentation
from cuts3d.baselines import maskcut
from cuts3d.grids import resize_mask
from cuts3d.scenes import SCENES, SyntheticScene

PARAMETERS = {"depth_scale": 3.0, "tau_knn": 0.06, "k_neighbors": 12, "max_instances": 5, "crf": False}
LEAST_IOU = 0.6
SCENE_NAMES = sorted(SCENES)


@pytest.fixture(scope="module")
def segmented(embedded_network, scene) -> Callable[[str], tuple[SyntheticScene, Segmentation]]:
    """A synthetic scene and its segmentation with true depth, each computed once."""

    @cache
    def run(name: str) -> tuple[SyntheticScene, Segmentation]:
        rendered = scene(name)
        config = CutS3DConfig().replace(**PARAMETERS)
        return rendered, CutS3D(config).segment(rendered.image, depth=rendered.depth_map)

    return run


def objects_of(rendered: SyntheticScene) -> list[np.ndarray]:
    return [rendered.labels == i for i in range(1, len(SCENES[rendered.name]) + 1)]


@pytest.mark.parametrize("name", SCENE_NAMES)
def test_every_touching_object_becomes_a_separate_instance(segmented, name):
    rendered, found = segmented(name)
    masks = [i.mask for i in found.instances]
    for number, truth in enumerate(objects_of(rendered), start=1):
        assert best_iou(truth, masks) >= LEAST_IOU, f"object {number}"


@pytest.mark.parametrize("name", ["two boxes", "box before ball"])
def test_two_touching_objects_are_separated_with_the_default_parameters(embedded_network, scene, name):
    rendered = scene(name)
    found = CutS3D(CutS3DConfig().replace(crf=False)).segment(rendered.image, depth=rendered.depth_map)
    for number, truth in enumerate(objects_of(rendered), start=1):
        assert best_iou(truth, [i.mask for i in found.instances]) >= LEAST_IOU, f"object {number}"


@pytest.mark.parametrize("name", SCENE_NAMES)
def test_no_instance_covers_two_objects(segmented, name):
    rendered, found = segmented(name)
    for instance in found.instances:
        covered = [(instance.mask & truth).sum() / truth.sum() for truth in objects_of(rendered)]
        assert sum(c > 0.5 for c in covered) <= 1


@pytest.mark.parametrize("name", SCENE_NAMES)
def test_maskcut_on_the_same_features_joins_them_in_one_mask(segmented, name):
    rendered, found = segmented(name)
    vectors = normalise_features(found.features.vectors, center=found.features.center)
    first = maskcut(vectors.T, grid_shape=found.features.grid_shape)[0]
    mask = resize_mask(first, rendered.labels.shape)
    for number, truth in enumerate(objects_of(rendered), start=1):
        assert (mask & truth).sum() / truth.sum() > 0.8, f"object {number}"


@pytest.mark.parametrize("name", SCENE_NAMES)
def test_objects_score_confidence_and_their_masks_come_from_real_cuts(segmented, name):
    rendered, found = segmented(name)
    for truth in objects_of(rendered):
        best = max(found.instances, key=lambda i: best_iou(truth, [i.mask]))
        assert best.cut.fallback == ""
        assert 0.5 <= best.mean_confidence <= 1


def test_without_depth_the_same_pipeline_joins_them_too(embedded_network, scene):
    """Depth separates the objects, not the rest of the method."""
    rendered = scene("two boxes")
    config = CutS3DConfig().replace(**PARAMETERS, depth="none", image_size=336)
    found = CutS3D(config).segment(rendered.image)
    covered = [[(i.mask & truth).sum() / truth.sum() for truth in objects_of(rendered)] for i in found.instances]
    assert any(min(shares) > 0.5 for shares in covered)
