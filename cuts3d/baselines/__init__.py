"""The neighbours, on the same features: each a file, each declared here by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cuts3d.baselines.maskcut import maskcut, maskcut_masks
from cuts3d.config import CutS3DConfig, FeatureConfig
from cuts3d.stages import Memo
from cuts3d.types import CoarseMask, ImageArray

Needs = tuple[tuple[FeatureConfig, tuple[int, ...]], ...]


def _own_features(config: CutS3DConfig) -> Needs:
    return ((config.features, ()),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A neighbour's method.

    Attributes:
        title: Name for people, with its source.
        masks: (photo, configuration, memo) -> masks on the patch grid, best first.
        needs: Features that it reads: options and token layers, as the memo's keys.
    """

    title: str
    masks: Callable[[ImageArray, CutS3DConfig, Memo], list[CoarseMask]]
    needs: Callable[[CutS3DConfig], Needs] = _own_features


BASELINES: dict[str, Baseline] = {
    "maskcut": Baseline(title="MaskCut (CutLER)", masks=maskcut_masks),
}

__all__ = ["BASELINES", "Baseline", "Needs", "maskcut"]
