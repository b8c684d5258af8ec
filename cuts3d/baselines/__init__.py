"""The baselines, on the same features: each a file, each declared here by name."""

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


def _own_features(options: BaselineOptions) -> Needs:
    return (feature_request(options.features),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A baseline's method.

    Attributes:
        name: For people.
        source: Paper or system that it comes from, and the year.
        rule: What it does, in one sentence.
        masks: (photo, options, memo) -> masks on the patch grid, best first.
        needs: Features that it reads, each a request to the backbone.
    """

    name: str
    source: str
    rule: str
    masks: Callable[[Keyed[ImageArray], BaselineOptions, Memo], list[CoarseMask]]
    needs: Callable[[BaselineOptions], Needs] = _own_features

    @property
    def title(self) -> str:
        """Name and source."""
        return f"{self.name} ({self.source})"


BASELINES: dict[str, Baseline] = {
    "maskcut": Baseline(
        name="MaskCut",
        source="CutLER, 2023",
        rule="CutLER's rules to the letter: NCut on the binarised affinity, N times over what is left.",
        masks=maskcut_masks,
    ),
    "tokencut": Baseline(
        name="TokenCut",
        source="2022",
        rule="One NCut, and the part of it that holds the strongest patch.",
        masks=tokencut_masks,
    ),
    "votecut": Baseline(
        name="VoteCut",
        source="CuVLER, 2024",
        rule="The last keys and the tokens of the last four blocks are cut each; where the cuts agree is a mask.",
        masks=votecut_masks,
        needs=members,
    ),
    "promerge": Baseline(
        name="ProMerge",
        source="2024",
        rule="The background by a vote, then seeds on a grid whose masks merge where they overlap; no eigenvector.",
        masks=promerge_masks,
    ),
    "freemask": Baseline(
        name="Free Mask",
        source="FreeSOLO, 2022",
        rule="Features as queries at three scales, soft masks, Matrix-NMS; ranked by how sure a mask is of itself.",
        masks=freemask_masks,
    ),
}


def baseline_masks(image: ImageArray, name: str, options: BaselineOptions, memo: Memo) -> tuple[CoarseMask, ...]:
    """Masks of a photo, uint8 [H, W, 3], by one of `BASELINES`, on the patch grid, best first."""
    return tuple(BASELINES[name].masks(memo.given(image), options, memo))


__all__ = ["BASELINES", "Baseline", "BaselineOptions", "Needs", "baseline_masks", "maskcut"]
