"""A photo and its depth map, read as one frame by every entry point."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cuts3d import CutS3D, Explorer
from cuts3d.errors import InputNote


@pytest.fixture
def turned(photo, tmp_path):
    """A photo that is stored on its side, and its depth map in the stored frame."""
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rot90(photo.image).copy()).save(tmp_path / "photo.png", exif=exif)
    np.save(tmp_path / "depth.npy", np.rot90(photo.depth.values).copy())
    return tmp_path / "photo.png", tmp_path / "depth.npy"


def test_a_turned_photo_with_the_depth_of_its_file_has_the_masks_of_the_upright_one(
    photo, pixel_config, turned
) -> None:
    file, depth = turned
    upright = CutS3D(pixel_config).segment(photo.image, depth=photo.depth.values)
    with pytest.warns(InputNote, match="EXIF orientation"):
        found = CutS3D(pixel_config).segment(file, depth=depth)
    assert found.image.shape == photo.image.shape
    assert len(found.instances) == len(upright.instances) > 0
    for one, other in zip(found.instances, upright.instances, strict=True):
        assert np.array_equal(one.mask, other.mask)


def test_the_explorer_keeps_the_notes(pixel_config, turned) -> None:
    file, depth = turned
    notes = Explorer(file, pixel_config, depth=depth).inputs.notes
    assert [note for note in notes if "turned like the photo" in note]
