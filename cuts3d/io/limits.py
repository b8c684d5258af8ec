"""Sizes of pictures that are read."""

from __future__ import annotations

from cuts3d.errors import InputError

MAX_PIXELS = 120_000_000  # larger files are refused before they are decoded
MIN_SIDE = 8  # pixels
DRAWINGS = ("EPS", "WMF")  # to read them, Pillow would run another program


def check_size(size: tuple[int, int], name: str) -> None:
    """Refuse a photo that is too large or too small.

    Args:
        size: (width, height) in pixels.
        name: Its name, for the message.

    Raises:
        InputError: It is.
    """
    width, height = size
    if width * height > MAX_PIXELS:
        raise InputError(f"{name} has {width}×{height} pixels; the limit is {MAX_PIXELS // 10**6} megapixels.")
    if min(size) < MIN_SIDE:
        raise InputError(f"The photo is {width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed.")
