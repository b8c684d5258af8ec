"""What a run is given: a photo and perhaps a depth map of the same frame, read once for all entry points."""

from __future__ import annotations

from dataclasses import dataclass

from cuts3d.io.depth_maps import DepthInput, read_depth
from cuts3d.io.photos import ImageInput, Photo, read_photo
from cuts3d.types import DepthKind, DepthMap


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Inputs:
    """A photo and the user's depth map, if there is one."""

    photo: Photo
    depth: DepthMap | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to both, one sentence each."""
        return (*self.photo.notes, *(self.depth.notes if self.depth is not None else ()))


def read_inputs(
    photo: ImageInput, depth: DepthInput | None, *, depth_kind: DepthKind, max_side: int | None = None
) -> Inputs:
    """Read a photo, and a depth map in its frame.

    Args:
        photo: Path, PIL image or array.
        depth: The user's own depth map, or None.
        depth_kind: Kind of its values.
        max_side: Larger photos are reduced to this longer side, in pixels.

    Raises:
        InputError: One of them cannot be used.
    """
    seen = read_photo(photo, max_side=max_side)
    if depth is None:
        return Inputs(photo=seen, depth=None)
    given = read_depth(depth, kind=depth_kind, photo_shape=seen.full_shape, orientation=seen.orientation)
    return Inputs(photo=seen, depth=given)
