"""The identity of an image in a COCO document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import PurePosixPath
from typing import Any

from cuts3d.errors import shown

ImageId = int | str
Size = tuple[int, int]  # h, w in pixels


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An entry of `images`, and the only record that says which image is meant.

    Attributes:
        id: What `image_id` of an annotation refers to.
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
            ValueError: The id or the size cannot be used; the message completes "image 3 …".
        """
        if not isinstance(entry.get("id"), (Integral, str)):
            raise ValueError("needs an 'id' that is a whole number or text")
        name = entry.get("file_name")
        if name is None and entry.get("coco_url"):
            name = PurePosixPath(str(entry["coco_url"])).name
        return cls(id=entry["id"], name=None if name is None else str(name), size=_size(entry))

    def to_coco(self) -> dict[str, Any]:
        """The entry of `images`; name and size must be known."""
        assert self.name is not None and self.size is not None
        return {"id": self.id, "file_name": self.name, "width": self.size[1], "height": self.size[0]}


def _size(entry: Mapping[str, Any]) -> Size | None:
    h, w = entry.get("height"), entry.get("width")
    if h is None or w is None:
        return None
    if not all(isinstance(side, Integral) and int(side) > 0 for side in (h, w)):
        raise ValueError(f"has the size {shown(w)}×{shown(h)}, not two positive whole numbers")
    return int(h), int(w)
