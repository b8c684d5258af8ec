"""What a run is given: a photo, perhaps a depth map or features of the same frame, read once for all entry points."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from cuts3d.arrays import ImageArray
from cuts3d.grids import fit_longer_side, resize_image
from cuts3d.io.depth_maps import DepthInput, read_depth
from cuts3d.io.limits import MIN_SIDE
from cuts3d.io.photos import ImageInput, Photo, read_photo
from cuts3d.run.given import GivenFeatures, read_given
from cuts3d.types import DepthKind, DepthMap


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Inputs:
    """A photo, the user's depth map, and features or an affinity of the user's own, if there are any."""

    photo: Photo
    depth: DepthMap | None
    features: GivenFeatures | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to both, one sentence each."""
        return (*self.photo.notes, *(self.depth.notes if self.depth is not None else ()))


def read_inputs(
    photo: ImageInput,
    depth: DepthInput | None,
    *,
    depth_kind: DepthKind,
    features: ArrayLike | None = None,
    affinity: ArrayLike | None = None,
) -> Inputs:
    """Read a photo at its own size, and a depth map and features in its frame.

    Args:
        photo: Path, PIL image or array.
        depth: The user's own depth map, or None.
        depth_kind: Kind of its values.
        features: Features of the user's own, [h, w, C]; see `read_given`.
        affinity: An affinity of the user's own, [h, w, h, w].

    Raises:
        InputError: One of them cannot be used.
    """
    seen = read_photo(photo, max_side=None)
    own = read_given(features, affinity, (seen.pixels.shape[0], seen.pixels.shape[1]))
    if depth is None:
        return Inputs(photo=seen, depth=None, features=own)
    given = read_depth(depth, kind=depth_kind, photo_shape=seen.full_shape, orientation=seen.orientation)
    return Inputs(photo=seen, depth=given, features=own)


def reduced_view(image: ImageArray, side: int | None) -> ImageArray:
    """A copy of a photo, uint8 [H, W, 3], on which masks are shown.

    Args:
        image: The photo.
        side: Its longer side in pixels; None, or a smaller photo: the photo itself.
    """
    if side is None:
        return image
    return resize_image(image, fit_longer_side(image.shape, side, least=MIN_SIDE, enlarge=False))
