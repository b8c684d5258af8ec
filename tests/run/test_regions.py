"""LocalCuts inside one region: what is remembered never changes them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from at_defaults import back_project

from cuts3d.config import CutS3DConfig
from cuts3d.memo import Keyed, Memo, forgetful
from cuts3d.run.regions import CutOptions, region_cuts
from cuts3d.types import Bipartition, PointCloud

GRID = (20, 20)


def scene_of_a_lone_source() -> tuple[Bipartition, PointCloud]:
    """A region of 8×8 patches at one depth, but for its source, which lies apart; the seed's component is one patch.

    The first cut keeps the source only and falls back to the component, which is too small: the region stays the same.
    Only a second cut of it, without a component to fall back to, takes the source away and lets the rest be cut.
    """
    mask = np.zeros(GRID, dtype=bool)
    mask[4:12, 4:12] = True
    component = np.zeros(GRID, dtype=bool)
    component[18, 18] = True
    depth = np.full(GRID, 0.2, np.float32)
    depth[6, 6] = 0.9
    eigenvector = np.where(mask, 1.0, -1.0) + np.linspace(0, 0.01, mask.size).reshape(GRID)
    eigenvector[6, 6] = 3.0
    partition = Bipartition(
        eigenvector=eigenvector,
        mask=mask | component,
        eigenvalue=0.1,
        seed=(18, 18),
        corners=0,
        flipped=False,
        solver="dense",
        component=component,
    )
    return partition, back_project(depth, (200, 200))


@pytest.mark.parametrize("memo", [Memo, forgetful])
def test_a_first_cut_that_fell_back_is_not_taken_for_the_second_one_of_the_same_region(memo):
    partition, cloud = scene_of_a_lone_source()
    options = dataclasses.replace(CutOptions.of(CutS3DConfig()), min_area=0.01)
    cuts = [
        cut.value.mask
        for _, cut in region_cuts(Keyed("partition", lambda: partition), Keyed("cloud", lambda: cloud), options, memo())
    ]
    assert len(cuts) == 1
    assert cuts[0].sum() == 63  # all of the region but the lone source
    assert not cuts[0][6, 6]
