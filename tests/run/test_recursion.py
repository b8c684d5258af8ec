"""Recursive cuts (method 1.9): candidates of the tree, and which of them are kept."""

import dataclasses

import numpy as np
import pytest
from helpers import best_iou

from cuts3d import CutS3D
from cuts3d.config import LocalCutConfig
from cuts3d.grids import iou
from cuts3d.run.explorer import Explorer
from cuts3d.run.recursion import WHOLE, Candidate, candidates, connected_parts, keep_best
from cuts3d.types import Bipartition, LocalCut

GRID = (8, 8)


def halves(nodes: np.ndarray) -> Bipartition:
    """Divides the nodes in two across their longer side; the first half is the foreground."""
    rows, columns = np.nonzero(nodes)
    along = rows if np.ptp(rows) > np.ptp(columns) else columns
    x = np.full(GRID, np.nan)
    x[rows, columns] = np.median(along) - along
    mask = nodes & (np.nan_to_num(x, nan=-1.0) > 0)
    return Bipartition(
        eigenvector=x, mask=mask, eigenvalue=0.1, seed=(0, 0), corners=0, flipped=False, solver="dense", component=mask
    )


def cut_of(mask: np.ndarray, fallback: str = "") -> LocalCut:
    none = np.zeros(0, dtype=np.int64)
    return LocalCut(
        mask=mask, region=mask, sources=none, sinks=none, flow=0.0, connected=False, num_edges=0, fallback=fallback
    )


def tree(max_depth: int, ncut=halves, cuts=lambda side: iter(()), min_area: float = 0.01) -> list[Candidate]:
    return candidates(
        ncut,
        lambda side: (*cuts(side), *connected_parts(side, GRID, LocalCutConfig())),
        lambda mask: float(mask.mean()),
        grid_shape=GRID,
        min_area=min_area,
        max_depth=max_depth,
    )


@pytest.mark.parametrize(("levels", "parts"), [(1, 2), (2, 6), (3, 14)])
def test_both_sides_of_every_cut_are_cut_again(levels, parts):
    found = tree(levels)
    assert len(found) == parts
    for level in range(1, levels + 1):
        of_level = [c.cut.mask for c in found if c.cut.mask.sum() == 64 >> level]
        assert (np.sum(of_level, axis=0) == 1).all()  # the sides of a level are the whole grid, each patch once


def test_parts_without_a_cut_in_3d_have_a_fallback_reason_and_a_score():
    for one in tree(2):
        assert one.cut.fallback == WHOLE
        assert one.score == one.cut.mask.mean()
        assert (one.partition.mask & one.cut.mask).sum() == one.cut.mask.sum()


def test_cuts_in_3d_and_parts_are_candidates_and_equal_masks_are_listed_once():
    corner = np.zeros(GRID, dtype=bool)
    corner[:2, :2] = True
    found = tree(1, cuts=lambda side: iter([cut_of(corner), cut_of(side.mask)]))
    assert sum((c.cut.mask == corner).all() for c in found) == 1
    assert len({c.cut.mask.tobytes() for c in found}) == len(found) == 3
    assert not any(c.cut.fallback for c in found if (c.cut.mask == corner).all())


def test_an_ncut_with_a_large_eigenvalue_ends_its_branch():
    assert tree(3, ncut=lambda nodes: dataclasses.replace(halves(nodes), eigenvalue=0.99)) == []


def test_too_small_and_too_large_masks_are_no_candidates():
    assert all(0.1 < c.cut.mask.mean() <= 0.8 for c in tree(5, min_area=0.1))
    most = np.ones(GRID, dtype=bool)
    most[0] = False
    assert not any((c.cut.mask == most).all() for c in tree(1, cuts=lambda side: iter([cut_of(most)])))


def test_the_best_candidates_are_kept_if_they_do_not_repeat_a_better_one():
    offered = tree(3)
    for limit in (0.0, 0.5, 1.0):
        kept = [offered[place] for place in keep_best(offered, count=6, max_overlap=limit)]
        scores = [c.score for c in kept]
        assert scores == sorted(scores, reverse=True)
        masks = [c.cut.mask for c in kept]
        assert all(iou(a, b) <= limit for n, a in enumerate(masks) for b in masks[:n])
        left = [c for c in offered if c not in kept]
        if len(kept) < 6:
            assert all(any(iou(c.cut.mask, m) > limit for m in masks) for c in left)
    assert len(keep_best(offered, count=2, max_overlap=1.0)) == 2


def test_the_mode_finds_every_object_of_the_photo_and_may_nest_masks(photo, pixel_config):
    config = pixel_config.replace(region="recursive", max_instances=12, max_overlap=0.6)
    found = CutS3D(config).segment(photo.image, depth=photo.depth)
    masks = [i.mask for i in found.instances]
    for label in (1, 2, 3):
        assert best_iou(photo.labels == label, masks) > 0.9
    scores = [i.score for i in found.instances]
    assert scores == sorted(scores, reverse=True)
    assert all(iou(a, b) <= 0.6 for n, a in enumerate(masks) for b in masks[:n])


def test_the_tree_is_remembered_if_only_the_selection_changes(photo, pixel_config):
    explorer = Explorer(photo.image, pixel_config.replace(region="recursive"), depth=photo.depth)
    explorer.update(max_instances=2)
    explorer.update(max_instances=6, max_overlap=0.3)
    assert explorer.calls["tree"] == 1
    explorer.update(max_depth=2)
    assert explorer.calls["tree"] == 2
    explorer.update(tau_knn=0.3)
    assert explorer.calls["tree"] == 3
