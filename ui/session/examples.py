"""Photos that need no upload: the project's synthetic scenes, and photos that come with scikit-image."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cuts3d.arrays import ImageArray
from cuts3d.scenes import SCENES, make_scene
from cuts3d.types import DepthMap

PHOTOS = {"astronaut": "astronaut", "cup of coffee": "coffee", "cat": "chelsea"}  # title -> name in skimage.data
MOTORCYCLE = "motorcycle"  # a stereo pair with its disparity, measured by structured light


def example_names() -> list[str]:
    """Titles of all examples, synthetic scenes first."""
    return [*SCENES, *PHOTOS, MOTORCYCLE]


@lru_cache(maxsize=16)
def load_example(name: str) -> tuple[ImageArray, DepthMap | None]:
    """The photo, uint8 [H, W, 3], and its true depth, or None where it is unknown."""
    if name in SCENES:
        scene = make_scene(name)
        return scene.image, scene.depth_map
    import skimage.data

    if name == MOTORCYCLE:
        left, _, disparity = skimage.data.stereo_motorcycle()
        values = np.where(np.isfinite(disparity), disparity, np.nan).astype(np.float32)
        return np.asarray(left), DepthMap(values=values, kind="disparity", estimator="measured (structured light)")
    return np.asarray(getattr(skimage.data, PHOTOS[name])()), None


@lru_cache(maxsize=16)
def thumbnail(name: str) -> ImageArray:
    """A small picture for the gallery of examples, uint8 [96, 128, 3]."""
    from PIL import Image, ImageOps

    image = make_scene(name, size=(96, 128)).image if name in SCENES else load_example(name)[0]
    return np.asarray(ImageOps.fit(Image.fromarray(image), (128, 96)))
