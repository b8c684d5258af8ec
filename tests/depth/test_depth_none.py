"""Without depth the method is MaskCut: its first mask, from the same features and threshold."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from cuts3d import CutS3DConfig, Explorer
from cuts3d.scenes import SCENES, make_scene

FLAT = {"depth": "none", "crf": False, "region": "once", "max_instances": 1}


def first_masks(photo: np.ndarray, config: CutS3DConfig) -> tuple[np.ndarray, np.ndarray]:
    """Ours and MaskCut's, on the patch grid."""
    explorer = Explorer(photo, config.replace(**FLAT))
    return explorer.update().instances[0].coarse_mask, explorer.baseline("maskcut")[0].mask


@pytest.mark.parametrize("name", SCENES)
def test_flat_depth_gives_maskcut_s_mask_on_made_scenes(name: str) -> None:
    ours, theirs = first_masks(make_scene(name).image, CutS3DConfig())
    assert (ours == theirs).all()


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_flat_depth_gives_maskcut_s_mask_on_photos(name: str) -> None:
    ours, theirs = first_masks(getattr(skimage.data, name)(), CutS3DConfig())
    assert (ours == theirs).all()


def test_with_depth_it_is_another_method() -> None:
    scene = make_scene("two boxes")
    explorer = Explorer(scene.image, CutS3DConfig().replace(crf=False), depth=scene.depth_map)
    ours, theirs = explorer.update().instances[0].coarse_mask, explorer.baseline("maskcut")[0].mask
    assert ours.sum() < 0.8 * theirs.sum()  # one box, where MaskCut joins both
