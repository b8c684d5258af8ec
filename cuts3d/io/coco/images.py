"""The identity of an image in a COCO document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from cuts3d.errors import shown
from cuts3d.io.coco.faults import Size
from cuts3d.io.coco.ids import ImageId, as_id
from cuts3d.io.coco.numbers import as_number


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An entry of `images`, and the only record that says which image is meant.

    Attributes:
        id: What `image_id` of an annotation refers to; whole numbers are int, however they are written.
        name: Path of the file inside its folder, with `/`; None where the document states none.
        size: (h, w) in pixels, upright: after the EXIF orientation is applied; None where the document states none.
    """

    id: ImageId
    name: str | None
    size: Size | None

    @classmethod
    def from_coco(cls, entry: Mapping[str, Any]) -> ImageRecord:
        """Read an entry of `images`; LVIS, which has no `file_name`, names images by `coco_url`.

        Raises:
            ValueError: The id, the name or the size cannot be used; the message completes "image 3 …".
        """
        own_id = as_id(entry.get("id"))
        if own_id is None:
            raise ValueError("needs an 'id' that is a whole number or text")
        return cls(id=own_id, name=_name(entry), size=_size(entry))

    def to_coco(self) -> dict[str, Any]:
        """The entry of `images`; name and size must be known."""
        assert self.name is not None and self.size is not None
        return {"id": self.id, "file_name": self.name, "width": self.size[1], "height": self.size[0]}


def _name(entry: Mapping[str, Any]) -> str | None:
    for key in ("file_name", "coco_url"):
        value = as_id(entry.get(key)) if isinstance(entry.get(key), int | float) else entry.get(key)
        if value is None or value == "":
            continue
        if not isinstance(value, int | str):
            raise ValueError(f"has the '{key}' {shown(value)}, which is no text")
        return str(value) if key == "file_name" else PurePosixPath(str(value)).name
    return None


def _size(entry: Mapping[str, Any]) -> Size | None:
    h, w = entry.get("height"), entry.get("width")
    if h is None or w is None:
        return None
    sides = [as_number(side) for side in (h, w)]
    if not all(side is not None and side > 0 and side == int(side) for side in sides):
        raise ValueError(f"has the size {shown(w)}×{shown(h)}, not two positive whole numbers")
    return int(sides[0] or 0), int(sides[1] or 0)
