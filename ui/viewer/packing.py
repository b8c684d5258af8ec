"""Arrays as text for the browser."""

from __future__ import annotations

import base64
import io
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cuts3d.arrays import ImageArray


def packed(values: NDArray[Any]) -> str:
    """The bytes of an array of any dtype, in C order, as base64 of zlib; `data.js` unpacks them."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 6)).decode("ascii")


def plain(values: NDArray[Any]) -> str:
    """The bytes of a small array, in C order, as base64 without compression."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def unpacked(text: str) -> NDArray[np.uint8]:
    """The inverse of `packed`, as bytes: uint8 [n]."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=np.uint8)


def webp_uri(image: ImageArray) -> str:
    """A photo, uint8 [H, W, 3], as the data URI of a WebP file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="WEBP", quality=88, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
