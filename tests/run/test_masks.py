"""From cuts on the grid to masks of the photo: numbers, order, one CRF."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import cuts3d.method.refine
from cuts3d.config import CutS3DConfig, RefineConfig
from cuts3d.memo import Keyed, Memo, forgetful
from cuts3d.run.explorer import Explorer
from cuts3d.run.masks import photo_masks
from cuts3d.run.scene import Scene
from cuts3d.run.search import FoundCut
from cuts3d.types import Dropped, Instance, LocalCut, SpatialConfidence

GRID, PHOTO = (20, 20), (60, 80)


def rectangle(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(GRID, dtype=bool)
    mask[rows, columns] = True
    return mask


LEFT = rectangle(slice(2, 10), slice(1, 8))
RIGHT = rectangle(slice(2, 10), slice(12, 19))
BELOW = rectangle(slice(13, 19), slice(4, 16))
EMPTY = np.zeros(GRID, dtype=bool)


def cut(mask: np.ndarray) -> LocalCut:
    terminals = np.zeros(1, dtype=np.int64)
    return LocalCut(
        mask=mask, region=mask, sources=terminals, sinks=terminals, flow=1.0, connected=True, num_edges=1
    )  # fmt: skip


def scene_and_cuts(masks: list[np.ndarray], config: CutS3DConfig) -> tuple[Scene, list[FoundCut]]:
    """A scene and cuts of it, one per NCut, each with confidence 0.8, ranked by the order of cutting."""
    image = np.random.default_rng(0).integers(0, 256, (*PHOTO, 3), dtype=np.uint8)
    taus = np.array([config.local_cut.tau_knn])
    cuts = [
        FoundCut(
            ncut=ncut,
            cut=cut(mask),
            confidence=SpatialConfidence(values=np.full(GRID, 0.8, np.float32), cuts=mask[None], taus=taus, mean=0.8),
        )
        for ncut, mask in enumerate(masks)
    ]
    scene = SimpleNamespace(photo=Keyed("photo", lambda: image), config=config.replace(score="order"))
    return cast(Scene, scene), cuts


def found_masks(masks: list[np.ndarray], config: CutS3DConfig, options: RefineConfig, memo: Memo) -> list[Any]:
    return list(photo_masks(*scene_and_cuts(masks, config), options, memo, PHOTO))


def instances_of(masks: list[np.ndarray], config: CutS3DConfig) -> tuple[list[Instance], list[Dropped]]:
    found = found_masks(masks, config, config.refine, forgetful())
    dropped = [one for one in found if isinstance(one, Dropped)]
    return [one[0] for one in found if not isinstance(one, Dropped)], dropped


@pytest.fixture
def config(pixel_backbone) -> CutS3DConfig:
    return CutS3DConfig().replace(backbone=pixel_backbone.name, crf=False)


def test_every_cut_becomes_a_mask_of_the_photo_s_size_at_the_same_position(config):
    instances, dropped = instances_of([LEFT, RIGHT, BELOW], config)
    assert dropped == []
    assert [i.number for i in instances] == [1, 2, 3]
    assert [i.ncut for i in instances] == [0, 1, 2]
    for instance, mask in zip(instances, (LEFT, RIGHT, BELOW), strict=True):
        assert instance.mask.shape == PHOTO
        large = np.kron(mask, np.ones((3, 4), dtype=bool))
        assert (instance.mask & large).sum() / (instance.mask | large).sum() > 0.9
        assert instance.coarse_mask is instance.cut.mask


@pytest.mark.parametrize("hole", [0, 1, 2])
def test_numbers_and_scores_do_not_change_when_a_cut_is_dropped(config, hole):
    masks = [LEFT, RIGHT, BELOW]
    whole, _ = instances_of(masks, config)
    masks[hole] = EMPTY
    instances, dropped = instances_of(masks, config)
    assert [d.ncut for d in dropped] == [hole]
    assert dropped[0].reason
    kept = [i for i in whole if i.number != hole + 1]
    assert [(i.number, i.ncut, i.score) for i in instances] == [(i.number, i.ncut, i.score) for i in kept]
    for now, before in zip(instances, kept, strict=True):
        np.testing.assert_array_equal(now.mask, before.mask)


def test_the_score_by_order_is_the_confidence_divided_by_the_position(config):
    instances, _ = instances_of([LEFT, RIGHT, BELOW], config)
    np.testing.assert_allclose([i.score for i in instances], [0.8, 0.4, 0.8 / 3], rtol=1e-6)


def test_masks_never_overlap_and_earlier_masks_win(config):
    wide = rectangle(slice(2, 10), slice(1, 12))
    instances, dropped = instances_of([LEFT, wide, BELOW], config.replace(max_overlap=1.0))
    assert dropped == []
    assert np.sum([i.mask for i in instances], axis=0).max() == 1
    separate, _ = instances_of([LEFT], config)
    np.testing.assert_array_equal(instances[0].mask, separate[0].mask)


def test_a_mask_that_repeats_an_earlier_one_is_dropped_and_removes_nothing_from_others(config):
    instances, dropped = instances_of([LEFT, LEFT, RIGHT], config)
    assert [i.number for i in instances] == [1, 3]
    assert [(d.ncut, d.reason) for d in dropped] == [(1, "it repeats an earlier mask")]


def test_a_mask_that_earlier_ones_cover_is_dropped(config):
    inside = rectangle(slice(4, 6), slice(3, 5))
    instances, dropped = instances_of([LEFT, inside], config.replace(max_overlap=1.0))
    assert [i.number for i in instances] == [1]
    assert [d.reason for d in dropped] == ["earlier masks cover it"]


def test_holes_of_a_mask_are_filled(config):
    ring = LEFT.copy()
    ring[5:7, 3:5] = False
    (filled,), _ = instances_of([ring], config)
    (plain,), _ = instances_of([LEFT], config)
    np.testing.assert_array_equal(filled.mask, plain.mask)


def test_a_mask_dropped_by_the_refinement_has_a_reason(config, monkeypatch):
    def refuse_second(mask, options, crf):
        lies_right = mask[:, 2 * mask.shape[1] // 3 :].sum() > 0.1 * mask.size
        return (mask, "the CRF changed it too much (IoU 0.10)" if lies_right else "")

    monkeypatch.setattr(cuts3d.method.refine, "refine_mask", refuse_second)
    instances, dropped = instances_of([LEFT, RIGHT], config)
    assert [i.number for i in instances] == [1]
    assert [d.reason for d in dropped] == ["the CRF changed it too much (IoU 0.10)"]


# ---- the CRF


@pytest.fixture
def opened(photo, pixel_config) -> Explorer:
    explorer = Explorer(photo.image, pixel_config.replace(crf=True, crf_iterations=2), depth=photo.depth)
    explorer.update()
    return explorer


def test_one_crf_serves_every_mask_of_a_photo(opened):
    assert len(opened.results["segmentation", 0].instances) >= 2
    assert opened.calls["crf"] == 1


def test_other_cuts_of_the_photo_reuse_its_crf(opened):
    opened.update(tau_knn=0.3, beta=0.1)
    assert opened.calls["refine"] > len(opened.results["coarse", 0].instances)
    assert opened.calls["crf"] == 1


@pytest.mark.parametrize("change", [{"bilateral_srgb": 20.0}, {"image_size": 128}], ids=str)
def test_other_crf_parameters_build_a_new_crf(opened, change):
    opened.update(**change)
    assert opened.calls["crf"] == 2


def test_no_crf_is_built_if_the_crf_is_off(photo, pixel_config):
    explorer = Explorer(photo.image, pixel_config, depth=photo.depth)
    explorer.update()
    assert explorer.calls["refine"] >= 2
    assert explorer.calls["crf"] == 0


def test_a_shared_crf_gives_the_same_masks_as_separate_ones(config):
    """The CRF refines one mask after another: an earlier mask must not influence a later one."""
    options = dataclasses.replace(config.refine, crf=True, crf_iterations=3, crf_min_iou=0.0)
    masks = [LEFT, RIGHT, BELOW, LEFT | BELOW]
    wide, memo = config.replace(max_overlap=1.0, region="recursive"), Memo()
    shared = found_masks(masks, wide, options, memo)
    separate = [found_masks([mask], wide, options, forgetful())[0] for mask in masks]
    assert memo.calls["crf"] == 1
    assert len(shared) == len(separate)
    for ours, plain in zip(shared, separate, strict=True):
        assert isinstance(ours, Dropped) == isinstance(plain, Dropped)
        if not isinstance(ours, Dropped) and not isinstance(plain, Dropped):
            np.testing.assert_array_equal(ours[0].mask, plain[0].mask)
