"""The baselines (method 3): other methods on the same features, one file each, registered here by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cuts3d.arrays import ImageArray
from cuts3d.backbones.features import feature_request
from cuts3d.baselines.freemask import freemask_masks
from cuts3d.baselines.maskcut import maskcut, maskcut_masks
from cuts3d.baselines.options import BaselineOptions
from cuts3d.baselines.patches import Needs
from cuts3d.baselines.promerge import promerge_masks
from cuts3d.baselines.tokencut import tokencut_masks
from cuts3d.baselines.votecut import members, votecut_masks
from cuts3d.memo import Keyed, Memo
from cuts3d.types import CoarseMask


def _configured_features(options: BaselineOptions) -> Needs:
    return (feature_request(options.features),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """One baseline.

    Attributes:
        name: Name that is displayed.
        source: Paper or system where it was published, and the year.
        rule: What it does, in one sentence.
        masks: (photo, options, memo) -> masks on the patch grid, best first.
        needs: Features that it needs, as requests for `photo_features`.
    """

    name: str
    source: str
    rule: str
    masks: Callable[[Keyed[ImageArray], BaselineOptions, Memo], list[CoarseMask]]
    needs: Callable[[BaselineOptions], Needs] = _configured_features

    @property
    def title(self) -> str:
        """Name and source."""
        return f"{self.name} ({self.source})"


BASELINES: dict[str, Baseline] = {
    "maskcut": Baseline(
        name="MaskCut",
        source="CutLER, 2023",
        rule="Exactly the rules of CutLER: NCut on the binary affinity, N times, each time without the earlier masks.",
        masks=maskcut_masks,
    ),
    "tokencut": Baseline(
        name="TokenCut",
        source="2022",
        rule="One NCut; the mask is the connected part that contains the patch with the largest entry.",
        masks=tokencut_masks,
    ),
    "votecut": Baseline(
        name="VoteCut",
        source="CuVLER, 2024",
        rule="NCut on the last keys and the tokens of the last four blocks. Regions on which the cuts agree are masks.",
        masks=votecut_masks,
        needs=members,
    ),
    "promerge": Baseline(
        name="ProMerge",
        source="2024",
        rule="A vote finds the background. Seeds on a grid give masks, which merge if they overlap. No eigenvector.",
        masks=promerge_masks,
    ),
    "freemask": Baseline(
        name="Free Mask",
        source="FreeSOLO, 2022",
        rule="Features at three scales are queries for soft masks. Matrix-NMS ranks them and removes duplicates.",
        masks=freemask_masks,
    ),
}


def baseline_masks(image: ImageArray, name: str, options: BaselineOptions, memo: Memo) -> tuple[CoarseMask, ...]:
    """Masks of a photo, uint8 [H, W, 3], by one of `BASELINES`, on the patch grid, best first."""
    return tuple(BASELINES[name].masks(memo.given(image), options, memo))


__all__ = ["BASELINES", "Baseline", "BaselineOptions", "Needs", "baseline_masks", "maskcut"]
