"""Transparent pixels: blended with a background on which the photo can be seen. And whether it can be seen at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cuts3d.errors import InputError

BACKGROUNDS = {"white": (255, 255, 255), "grey": (128, 128, 128), "black": (0, 0, 0)}  # tried in this order
LEAST_DEVIATION = 2.0  # of a channel's levels, of 255
MOST_EQUAL = 0.99  # fraction of the pixels that may have one level
SAMPLED = 256  # about how many rows and columns are looked at


def blended(image: Image.Image) -> tuple[Image.Image, str]:
    """A picture without transparency, and a note if its background is not white.

    White is taken unless it hides what the picture shows: then the first of grey and black that does not.

    Args:
        image: Of any mode of 8 bits.

    Raises:
        InputError: Every pixel is fully transparent.
    """
    if not (image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info):
        return image.convert("RGB"), ""
    rgba = image.convert("RGBA")
    if rgba.getextrema()[3][1] == 0:  # pyright: ignore[reportIndexIssue, reportGeneralTypeIssues]
        raise InputError("Every pixel of the photo is fully transparent; save it without transparency.")
    on_white = _on(rgba, "white")
    if not nearly_uniform(np.asarray(on_white)):
        return on_white, ""
    for name in ("grey", "black"):
        other = _on(rgba, name)
        if not nearly_uniform(np.asarray(other)):
            return other, f"On white the photo would be blank, so its transparent pixels became {name}."
    return on_white, ""


def nearly_uniform(pixels: NDArray[np.uint8]) -> bool:
    """Whether a picture, uint8 [H, W, 3], shows next to nothing.

    So it is where every channel has a standard deviation below 2, or one value that covers over 99 %.
    """
    rows, columns = (max(1, side // SAMPLED) for side in pixels.shape[:2])
    return all(_flat(pixels[::rows, ::columns, channel]) for channel in range(3))


def _flat(channel: NDArray[np.uint8]) -> bool:
    return bool(channel.std() < LEAST_DEVIATION or np.bincount(channel.ravel()).max() > MOST_EQUAL * channel.size)


def _on(rgba: Image.Image, background: str) -> Image.Image:
    return Image.alpha_composite(Image.new("RGBA", rgba.size, BACKGROUNDS[background]), rgba).convert("RGB")
