"""The T cuts behind the spatial confidence (paper; method 1.6): which patches each cut keeps, at which τ_knn."""

from __future__ import annotations

from dataclasses import dataclass

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.config import CutS3DConfig
from cuts3d.errors import warn_of
from cuts3d.io.depth_maps import DepthInput
from cuts3d.io.photos import ImageInput
from cuts3d.run.explorer import Explorer
from cuts3d.types import DepthKind, Segmentation, SpatialConfidence


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class InstanceSweep:
    """The cuts of one instance.

    Attributes:
        taus: Thresholds τ_knn, float64 [T], ascending; the last is that of the final cut.
        area_shares: Fraction of the grid that each cut keeps, float64 [T] in [0, 1].
        mean_confidence: Mean spatial confidence inside the mask, in [0, 1].
        cuts: Binary cuts BC(t), bool [T, h, w] on the grid of the 3D cut.
    """

    taus: FloatArray
    area_shares: FloatArray
    mean_confidence: float
    cuts: BoolArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ConfidenceSweep:
    """The cuts of all instances of a photo.

    Attributes:
        instances: One per instance, in the order in which they were cut.
        segmentation: The result to which the cuts belong.
    """

    instances: tuple[InstanceSweep, ...]
    segmentation: Segmentation


def confidence_sweep(
    photo: ImageInput,
    *,
    config: CutS3DConfig | None = None,
    tau_knn_min: float | None = None,
    tau_knn: float | None = None,
    num_cuts: int | None = None,
    depth: DepthInput | None = None,
    depth_kind: DepthKind = "relative",
    view_side: int | None = None,
) -> ConfidenceSweep:
    """Cut one photo at T values of τ_knn (paper, spatial confidence; method 1.6).

    Args:
        photo: Path, PIL image or array.
        config: All parameters; the next three override it.
        tau_knn_min: Smallest τ_knn of the sweep, as a fraction of the longer image side.
        tau_knn: Largest τ_knn of the sweep, that of the final cut.
        num_cuts: T.
        depth: The user's own depth map; it overrides the estimator.
        depth_kind: Kind of its values.
        view_side: The masks of the result have at most this longer side, in pixels; the networks read the photo at its
            own size. None: the photo's own size.

    Returns:
        The T cuts of every instance.

    Raises:
        ConfigError: A parameter is out of its range.
        InputError: The photo or the depth map cannot be used.
        WeightsUnavailableError: The weights of a network are not available.
    """
    given = {"tau_knn_min": tau_knn_min, "tau_knn": tau_knn, "num_cuts": num_cuts}
    chosen = (config or CutS3DConfig()).replace(**{name: value for name, value in given.items() if value is not None})
    explorer = Explorer(photo, chosen, depth=depth, depth_kind=depth_kind, view_side=view_side)
    warn_of(explorer.inputs.notes)
    return read_sweep(explorer.update())


def read_sweep(result: Segmentation) -> ConfidenceSweep:
    """The sweep of a segmentation; nothing is computed again."""
    return ConfidenceSweep(instances=tuple(_instance_sweep(c) for c in result.confidences), segmentation=result)


def _instance_sweep(confidence: SpatialConfidence) -> InstanceSweep:
    return InstanceSweep(
        taus=confidence.taus,
        area_shares=confidence.cuts.mean(axis=(1, 2)),
        mean_confidence=confidence.mean,
        cuts=confidence.cuts,
    )
