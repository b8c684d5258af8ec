"""The baselines, on the same features: each a file, each declared here by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cuts3d.arrays import ImageArray
from cuts3d.baselines.freemask import freemask_masks
from cuts3d.baselines.maskcut import maskcut, maskcut_masks
from cuts3d.baselines.patches import Needs
from cuts3d.baselines.promerge import promerge_masks
from cuts3d.baselines.tokencut import tokencut_masks
from cuts3d.baselines.votecut import members, votecut_masks
from cuts3d.config import CutS3DConfig
from cuts3d.run.stages import Memo
from cuts3d.types import CoarseMask


def _own_features(config: CutS3DConfig) -> Needs:
    return ((config.features, ()),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A baseline's method.

    Attributes:
        name: For people.
        source: Paper or system that it comes from, and the year.
        rule: What it does, in one sentence.
        masks: (photo, configuration, memo) -> masks on the patch grid, best first.
        needs: Features that it reads: options and token layers, as the memo's keys.
    """

    name: str
    source: str
    rule: str
    masks: Callable[[ImageArray, CutS3DConfig, Memo], list[CoarseMask]]
    needs: Callable[[CutS3DConfig], Needs] = _own_features

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

__all__ = ["BASELINES", "Baseline", "Needs", "maskcut"]
