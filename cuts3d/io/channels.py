"""Pictures from arrays of numbers: which channels are colours, and which one is transparency."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from cuts3d.errors import InputError
from cuts3d.io.levels import levels_of
from cuts3d.io.tiff import MIN_IS_BLACK, MIN_IS_WHITE, RGB, SEPARATED, Layout

ALPHA = (1, 2)  # values of ExtraSamples: premultiplied, and not
PREMULTIPLIED = 1


def picture_of_array(array: np.ndarray) -> tuple[Image.Image, tuple[str, ...]]:
    """A picture of 8 bits from an array of a user, and notes on its range.

    Args:
        array: Boolean, integer or float [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] (with transparency).

    Raises:
        InputError: It has another shape or type, or no finite value.
    """
    notes: tuple[str, ...] = ()
    if isinstance(array, np.ma.MaskedArray):
        fraction = float(np.ma.getmaskarray(array).mean()) if array.size else 0.0
        notes = (f"{_percent(fraction)} of the photo is masked and became black.",) if fraction else ()
        array = np.where(np.ma.getmaskarray(array), np.zeros((), array.dtype), array.data)
    _check_shape(array.shape)
    if array.dtype.kind not in "buif":
        raise InputError(f"An image array must hold integers, floats or booleans; this one is {array.dtype}.")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    colours, alpha = (array[..., :3], array[..., 3]) if array.shape[2:] == (4,) else (array, None)
    image, found = _picture(colours, alpha)
    return image, (*notes, *found)


def picture_of_samples(samples: np.ndarray, layout: Layout, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """A picture of 8 bits from the samples of a TIFF file, and notes on its range and on bands that were left out.

    Args:
        samples: Integer or float [H, W] or [H, W, C].
        layout: How they were stored, which says what they mean.
        name: Name of the file, for messages.

    Raises:
        InputError: The samples are no colours that are known here.
    """
    bands = samples.shape[2] if samples.ndim == 3 else 1
    grey, colours = layout.photometric in (MIN_IS_WHITE, MIN_IS_BLACK), {RGB: 3, SEPARATED: 4}
    count = 1 if grey else colours.get(layout.photometric, 0)
    extra = layout.extra[:1]
    transparent = bool(extra) and extra[0] in ALPHA and bands > count
    if bands < count or count == 0 or (grey and bands > 1 + transparent) or samples.dtype.kind not in "buif":
        raise InputError(
            f"{name} has {bands} bands of {samples.dtype} that are not marked as colours; save one (grey) or three "
            "(RGB) of them as a photo."
        )
    samples = samples.reshape(*samples.shape[:2], bands)
    alpha = samples[..., count] if transparent else None
    found, notes = _picture(
        samples[..., 0] if count == 1 else samples[..., :count],
        alpha,
        mode="CMYK" if layout.photometric == SEPARATED else "RGBa" if extra == (PREMULTIPLIED,) and count == 3 else "",
    )
    if layout.photometric == MIN_IS_WHITE:
        found = Image.eval(found, lambda level: 255 - level) if alpha is None else found
    left = bands - count - transparent
    return found, (*notes, *([bands_note(left)] if left else []))


def bands_note(count: int) -> str:
    """The note on bands that are no colours."""
    return f"{count} further band{'' if count == 1 else 's'} of the photo {'was' if count == 1 else 'were'} left out."


def _picture(colours: np.ndarray, alpha: np.ndarray | None, *, mode: str = "") -> tuple[Image.Image, tuple[str, ...]]:
    levels, notes = _levels(colours)
    if alpha is None:
        return (
            Image.frombytes(mode, levels.shape[1::-1], levels.tobytes()) if mode == "CMYK" else Image.fromarray(levels)
        ), notes
    opaque, _ = _levels(alpha)
    if mode == "CMYK":
        return Image.frombytes(mode, levels.shape[1::-1], levels.tobytes()), notes
    if levels.ndim == 2:
        return Image.merge("LA", (Image.fromarray(levels), Image.fromarray(opaque))), notes
    stacked = np.dstack([levels, opaque])
    return Image.frombytes(mode or "RGBA", levels.shape[1::-1], stacked.tobytes()), notes


def _levels(values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    if values.dtype == np.uint8:
        return values, ()
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * 255, ()
    found, unknown = levels_of(values), ""
    if values.dtype.kind == "f" and (missing := float(np.isnan(values).mean())):
        unknown = f"{_percent(missing)} of the photo is not a number and became black."
    return found.apply(values), tuple(note for note in (found.note, unknown) if note)


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) in (2, 3) and 0 not in shape and (len(shape) == 2 or shape[2] in (1, 3, 4)):
        return
    hint = ""
    if len(shape) == 3 and shape[0] in (1, 3, 4) and 0 not in shape:
        hint = " Its channels come first: give array.transpose(1, 2, 0)."
    elif len(shape) == 4 and shape[0] == 1:
        hint = " It is a batch of one: give array[0]."
    raise InputError(f"An image array must be [H, W], [H, W, 3] or [H, W, 4]; this one is {list(shape)}.{hint}")


def other_kind(source: Any) -> str:
    """The message on an input that is neither path nor picture."""
    kind = type(source).__name__
    hint = " Of a tensor [3, H, W], give tensor.permute(1, 2, 0).cpu().numpy()." if hasattr(source, "detach") else ""
    return f"A photo must be a path, a PIL image or an array; this one is a {kind}.{hint}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %" if fraction >= 0.001 else "Less than 0.1 %"
