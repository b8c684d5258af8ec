"""Compares depth estimators on one photo: the result of each, and the agreement of their masks and depths."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr

from cuts3d.arrays import FloatArray, ImageArray
from cuts3d.backbones.features import feature_request, photo_features
from cuts3d.config import CutS3DConfig
from cuts3d.depth import estimate_depth, get_depth
from cuts3d.depth.edges import edge_f_score
from cuts3d.depth.loaded import loaded_estimator
from cuts3d.errors import ConfigError, CutS3DError, warn_of
from cuts3d.grids import fit_longer_side, iou, sample_map
from cuts3d.io.depth_maps import DepthInput
from cuts3d.io.photos import ImageInput
from cuts3d.memo import Memo
from cuts3d.method.depth_range import normalise_depth
from cuts3d.run.inputs import read_inputs, reduced_view
from cuts3d.run.pipeline import run_pipeline
from cuts3d.run.stages import StageResult, last_value
from cuts3d.types import DepthKind, DepthMap, PatchFeatures, Segmentation

OWN_DEPTH = "file"  # name of the user's own depth map among the names of the estimators
COMPARED_SIDE = 160  # depth maps are compared on a grid of this longer side


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ComparedDepth:
    """Result of one estimator.

    Attributes:
        name: Name in the registry, or `file`.
        title: Name that is displayed.
        kind: Kind of its depth values.
        segmentation: Segmentation with its depth; None if it is not available.
        milliseconds: Time of depth and all later stages, without loading the network and without the shared features.
        megabytes: Memory of its network, without the backbone that all share.
        error: Reason why it is not available; empty if it worked.
    """

    name: str
    title: str
    kind: DepthKind
    segmentation: Segmentation | None
    milliseconds: float
    megabytes: float
    error: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DepthComparison:
    """Comparison of several estimators on one photo.

    Attributes:
        entries: One per estimator, in the given order.
        names: Names of the n estimators that worked, in the order of the rows and columns of the matrices.
        mask_iou: Agreement of their masks, float64 [n, n] in [0, 1]; see `matched_iou`.
        depth_spearman: Rank correlation of their depth, float64 [n, n] in [−1, 1]; NaN if one of the two is constant.
        edge_f: Agreement of their depth borders, float64 [n, n] in [0, 1]; see `edge_f_score`.
    """

    entries: tuple[ComparedDepth, ...]
    names: tuple[str, ...]
    mask_iou: FloatArray
    depth_spearman: FloatArray
    edge_f: FloatArray


def compare_depth(
    photo: ImageInput,
    estimators: Sequence[str],
    *,
    config: CutS3DConfig | None = None,
    depth: DepthInput | None = None,
    depth_kind: DepthKind = "relative",
    view_side: int | None = None,
) -> DepthComparison:
    """Segment one photo with several depth estimators; the backbone runs once.

    Args:
        photo: Path, PIL image or array.
        estimators: Names in the registry, and `file` for the depth map below. Repeated names count once.
        config: All other parameters.
        depth: The user's own depth map, for `file`.
        depth_kind: Kind of its values.
        view_side: The masks have at most this longer side, in pixels; the networks read the photo at its
            own size. None: the photo's own size.

    Returns:
        The result of each estimator, or the reason why it is not available; the others are compared all the same.

    Raises:
        ConfigError: No name is given, a name is unknown, `file` is given without a depth map, or a parameter is wrong.
        InputError: The photo or the depth map cannot be used.
        WeightsUnavailableError: The weights of the backbone are not available.
    """
    config = config or CutS3DConfig()
    steps = compare_each(photo, estimators, config=config, depth=depth, depth_kind=depth_kind, view_side=view_side)
    return summarise(tuple(steps), config)


def compare_each(
    photo: ImageInput,
    estimators: Sequence[str],
    *,
    config: CutS3DConfig,
    depth: DepthInput | None = None,
    depth_kind: DepthKind = "relative",
    view_side: int | None = None,
) -> Iterator[ComparedDepth]:
    """`compare_depth` as a generator: it yields each estimator as soon as it is done."""
    names = _checked_names(estimators, has_depth=depth is not None)
    inputs = read_inputs(photo, depth, depth_kind=depth_kind)
    warn_of(inputs.notes)
    image, given = inputs.photo.pixels, inputs.depth
    view = reduced_view(image, view_side)
    memo = Memo({"features": 1, "affinity": 1}, otherwise=0)  # the other stages depend on the depth
    features = photo_features(memo.given(image), feature_request(config.features), memo).value
    for name in names:
        segment = partial(run_pipeline, image, config, memo=memo, view=view)
        yield _entry(name, given if name == OWN_DEPTH else None, image, features, segment)


def summarise(entries: Sequence[ComparedDepth], config: CutS3DConfig) -> DepthComparison:
    """Agreement of the estimators that worked."""
    worked = [(entry.name, entry.segmentation) for entry in entries if entry.segmentation is not None]
    found = [segmentation for _, segmentation in worked]
    depths = [_compared_depth(result, config.cloud.depth_clip) for result in found]
    return DepthComparison(
        entries=tuple(entries),
        names=tuple(name for name, _ in worked),
        mask_iou=_matrix(found, matched_iou),
        depth_spearman=_matrix(depths, _spearman),
        edge_f=_matrix(depths, edge_f_score),
    )


def matched_iou(first: Segmentation, second: Segmentation) -> float:
    """Agreement of two sets of masks of one photo, in [0, 1].

    It is the sum of the IoUs of the best one-to-one matching, divided by the larger number of masks. A mask without a
    partner therefore counts as 0. The agreement is 1 if neither set has masks.
    """
    a, b = ([instance.mask for instance in result.instances] for result in (first, second))
    if not a or not b:
        return float(len(a) == len(b))
    overlaps = np.array([[iou(mask, other) for other in b] for mask in a])
    pairs = linear_sum_assignment(overlaps, maximize=True)
    return float(overlaps[pairs].sum() / max(len(a), len(b)))


def _checked_names(estimators: Sequence[str], *, has_depth: bool) -> list[str]:
    names = list(dict.fromkeys(estimators))
    if not names:
        raise ConfigError("Name at least one depth estimator to compare.")
    for name in names:
        if name != OWN_DEPTH:
            get_depth(name)
        elif not has_depth:
            raise ConfigError(f"'{OWN_DEPTH}' means your own depth map; none was given.")
    return names


def _entry(
    name: str,
    given: DepthMap | None,
    image: ImageArray,
    features: PatchFeatures,
    segment: Callable[..., Iterator[StageResult]],
) -> ComparedDepth:
    title, kind = (given.estimator, given.kind) if given else (get_depth(name).title, get_depth(name).kind)
    segmentation: Segmentation | None = None
    milliseconds, megabytes, error = 0.0, 0.0, ""
    try:
        if given is None:
            megabytes = _megabytes(loaded_estimator(name))  # loaded before the time is measured
        start = time.perf_counter()
        found = given or estimate_depth(image, name, features=features)
        segmentation = last_value(segment(depth=found))
        milliseconds = 1000 * (time.perf_counter() - start)
    except CutS3DError as reason:
        error = str(reason)
    return ComparedDepth(
        name=name,
        title=title,
        kind=kind,
        segmentation=segmentation,
        milliseconds=milliseconds,
        megabytes=megabytes,
        error=error,
    )


def _megabytes(estimate: Any) -> float:
    """Memory of the network of an estimator in megabytes; 0 if it has none."""
    network = getattr(estimate, "network", None)
    return sum(p.numel() * p.element_size() for p in network.parameters()) / 1e6 if network is not None else 0.0


def _matrix(items: Sequence[Any], agreement: Callable[[Any, Any], float]) -> FloatArray:
    """Symmetric matrix of agreements, float64 [n, n]."""
    matrix = np.empty((len(items), len(items)))
    for i, first in enumerate(items):
        for j, second in enumerate(items[: i + 1]):
            matrix[i, j] = matrix[j, i] = agreement(first, second)
    return matrix


def _spearman(first: FloatArray, second: FloatArray) -> float:
    """Spearman's ρ of two depth maps; NaN if one is constant, because it has no ranks."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(spearmanr(first.ravel(), second.ravel()).statistic)


def _compared_depth(result: Segmentation, clip_percent: float) -> FloatArray:
    """Depth z on the grid on which depth maps are compared, float [h, w]."""
    grid = fit_longer_side(result.image.shape, COMPARED_SIDE, least=2)
    return sample_map(normalise_depth(result.depth, clip_percent=clip_percent), grid)
