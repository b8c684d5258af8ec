"""Features or an affinity of the user's own, which take the place of a backbone (method 1.11)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cuts3d.arrays import FloatArray
from cuts3d.config import OWN_AFFINITY, OWN_FEATURES
from cuts3d.errors import InputError
from cuts3d.types import PatchFeatures

MIN_GRID = 2  # patches along a side
MAX_PATCHES = 14_400  # 120×120: the affinity then takes 0.8 GB
SMALLEST, LARGEST = 1e-6, 1e15  # of the largest |f|: beyond these, float32 loses the length of a vector
COSINE_TOLERANCE = 2e-3  # half precision rounds by less


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GivenFeatures:
    """What takes the place of a backbone.

    Attributes:
        features: The features; with `affinity`, only their grid.
        affinity: Affinity A, float32 [h*w, h*w] in [0, 1], symmetric to the last bit; None: computed from the features.
    """

    features: PatchFeatures
    affinity: FloatArray | None = None

    @property
    def source(self) -> str:
        """`own_features` or `own_affinity`."""
        return self.features.backbone


def read_given(
    features: ArrayLike | None, affinity: ArrayLike | None, photo_shape: tuple[int, int]
) -> GivenFeatures | None:
    """Check the features or the affinity that came with a photo, and copy them.

    Args:
        features: Float or integer [h, w, C]; see `read_features`.
        affinity: Float [h, w, h, w]; see `read_affinity`.
        photo_shape: Height and width of the photo as it is seen.

    Returns:
        What was given; None if nothing was.

    Raises:
        InputError: Both were given, or one of them cannot be used.
    """
    if features is not None and affinity is not None:
        raise InputError("Give either features or an affinity: the affinity of features is computed from them.")
    if features is not None:
        return read_features(features, photo_shape)
    return None if affinity is None else read_affinity(affinity, photo_shape)


def read_features(features: ArrayLike, photo_shape: tuple[int, int]) -> GivenFeatures:
    """Features of a photo from any network.

    Args:
        features: Float or integer [h, w, C], not normalised: row by row the vector of each patch, without class and
            register tokens. The grid covers the whole photo. It is square, as of a photo that was resized to a square,
            or has the photo's aspect ratio. Each side has at least 2 patches; together they are at most 14,400.
        photo_shape: Height and width of the photo as it is seen.

    Raises:
        InputError: They have another shape, another aspect ratio or another type, are not finite, or are all 0.
    """
    values = _numbers(features, "features", "[h, w, C]", ndim=3)
    h, w, channels = values.shape
    if channels == 0:
        raise InputError("features must have shape [h, w, C] with at least one channel; C is 0.")
    _check_grid((h, w), "features", photo_shape)
    largest = float(np.abs(values).max())
    if not SMALLEST <= largest <= LARGEST:
        raise InputError(
            f"The largest absolute value of features must lie between {SMALLEST:g} and {LARGEST:g}; it is "
            f"{largest:g}. Their scale does not change the affinity: multiply them by a constant."
        )
    vectors = PatchFeatures(vectors=values.reshape(h * w, channels), grid_shape=(h, w), backbone=OWN_FEATURES)
    return GivenFeatures(features=vectors)


def read_affinity(affinity: ArrayLike, photo_shape: tuple[int, int]) -> GivenFeatures:
    """Cosine similarity of every two patches of a photo.

    Args:
        affinity: Float [h, w, h, w]: entry [i, j, k, l] compares the patch in row i, column j with that in row k,
            column l. Values lie in [−1, 1]; negative ones become 0 (method 1.2). A matrix [N, N] does not tell its
            grid: reshape it. The grid is like that of `read_features`.
        photo_shape: Height and width of the photo as it is seen.

    Raises:
        InputError: It has another shape, aspect ratio or type, is not finite, not symmetric, or out of its range.
    """
    values = _numbers(affinity, "affinity", "[h, w, h, w]; reshape a matrix [N, N] to it", ndim=4)
    h, w = values.shape[:2]
    if values.shape != (h, w, h, w):
        raise InputError(f"affinity must have shape [h, w, h, w], twice the same grid; it is {list(values.shape)}.")
    _check_grid((h, w), "affinity", photo_shape)
    matrix = values.reshape(h * w, h * w)
    low, high = float(matrix.min()), float(matrix.max())
    if low < -1 - COSINE_TOLERANCE or high > 1 + COSINE_TOLERANCE:
        raise InputError(f"affinity must hold cosines between -1 and 1; its values reach from {low:g} to {high:g}.")
    if high <= 0:
        raise InputError("affinity links no patches: no value is above 0.")
    difference = float(np.abs(matrix - matrix.T).max())
    if difference > COSINE_TOLERANCE:
        raise InputError(
            f"affinity must be symmetric: [i, j, k, l] and [k, l, i, j] must be equal; they differ by {difference:g}."
        )
    symmetric = np.clip((matrix + matrix.T) / 2, 0.0, 1.0)
    grid = PatchFeatures(vectors=np.empty((h * w, 0), np.float32), grid_shape=(h, w), backbone=OWN_AFFINITY)
    return GivenFeatures(features=grid, affinity=symmetric)


def centred(features: PatchFeatures, center: bool | None) -> PatchFeatures:
    """Given features with the option of the configuration; None means no centring, as for DINO."""
    return dataclasses.replace(features, center=bool(center))


def _numbers(given: ArrayLike, name: str, shape: str, *, ndim: int) -> FloatArray:
    """A finite copy, float32, so that later changes of the array change nothing."""
    try:
        values = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} must be an array of shape {shape} ({error}).") from error
    if values.dtype.kind not in "fiu":
        raise InputError(f"{name} must be an array of numbers; its type is {values.dtype}.")
    if values.ndim != ndim:
        raise InputError(f"{name} must have shape {shape}; it is {list(values.shape)}.")
    with np.errstate(over="ignore"):
        copy = np.array(values, dtype=np.float32, order="C")
    unusable = int(np.count_nonzero(~np.isfinite(copy)))
    if unusable:
        raise InputError(f"{name} must be finite in float32; {unusable:,} of {copy.size:,} values are not.")
    return copy


def _check_grid(grid: tuple[int, int], name: str, photo_shape: tuple[int, int]) -> None:
    """Refuse a grid that is too small, too large, or of another aspect ratio than the photo and than a square."""
    (h, w), (height, width) = grid, photo_shape
    if min(grid) < MIN_GRID or h * w > MAX_PATCHES:
        raise InputError(
            f"The grid of {name} must have at least {MIN_GRID} patches a side and at most {MAX_PATCHES:,} in all; "
            f"it is {h}×{w}."
        )
    fits = abs(h * width - w * height) < height + width  # each side is a whole number of patches, rounded up or down
    if h != w and not fits:
        advice = "are its axes exchanged?" if abs(w * width - h * height) < height + width else "was the photo cropped?"
        raise InputError(
            f"The grid of {name} must be square or have the photo's aspect ratio; it is {h}×{w} (rows×columns), and "
            f"the photo is {height}×{width} pixels (height×width): {advice}"
        )
