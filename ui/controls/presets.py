"""Presets: parameters that differ from the defaults, and what each preset is for."""

from __future__ import annotations

from typing import Any

from cuts3d.config import ADAPTIVE, LITERAL, CutS3DConfig


def changed(config: CutS3DConfig) -> dict[str, Any]:
    """The parameters in which a configuration differs from the defaults."""
    own = CutS3DConfig().to_dict()
    return {name: value for name, value in config.to_dict().items() if value != own[name]}


PRESETS: dict[str, dict[str, Any]] = {
    "Ours": {},
    "Paper": changed(LITERAL),
    "MaskCut": {
        "feature": "key",
        "tau_ncut": 0.15,
        "sharpen": False,
        "depth": "none",
        "region": "once",
        "score": "order",
        "crf_size": 480,
    },
    "Adaptive": changed(ADAPTIVE),
    "Fine": {"image_size": 840, "max_instances": 8, "max_ncut": 0.9},
}
PRESET_TEXTS = {
    "Ours": "Ours: the formulas of the paper, and our own choices where the paper leaves something open.",
    "Paper": "Paper: its text taken literally. Single terminals, Euclidean capacities, one cut per NCut.",
    "MaskCut": "MaskCut: no depth and no sharpening, one mask per NCut.",
    "Adaptive": "Adaptive: up to 20 masks, only those that are distinct. Masks may be nested. Takes a few seconds.",
    "Fine": "Fine: 60×60 patches, up to 8 masks. Takes about ten seconds on two cores.",
}
