"""What can be wrong with the mask or the box of one annotation, and whether it concerns the whole document."""

from __future__ import annotations

Size = tuple[int, int]  # h, w in pixels
ROUNDING = 1.0  # pixels by which a side of a reduced photo may differ
TURNED = (
    "width and height are exchanged, so one of the two is in the orientation of the stored file and the other is of "
    "the photo as seen (EXIF orientation applied, as in all files of CutS3D): turn the first one"
)
RESIZED = "both are of the photo at different sizes: bring masks, boxes and sizes to one of them"


class GeometryError(ValueError):
    """A mask or box that cannot be compared with others; its annotation can be left out."""


class EmptyMaskError(GeometryError):
    """A shape without any pixel."""


class FrameError(ValueError):
    """A mask in other coordinates than those of its image; then no mask of its document can be trusted."""


def frame_difference(own: Size, other: Size) -> str | None:
    """What explains that two sizes (h, w) of the same photo differ; None where they are equal or nothing does.

    Either width and height are exchanged, with or without a change of scale, or only the scale is another.
    """
    if own == other:
        return None
    if _same_shape(own, other):
        return RESIZED
    return TURNED if _same_shape((own[1], own[0]), other) else None


def _same_shape(own: Size, other: Size) -> bool:
    large, small = (own, other) if max(own) >= max(other) else (other, own)
    scale = max(small) / max(large)
    return all(abs(scale * a - b) <= ROUNDING for a, b in zip(large, small, strict=True))
