"""Features or an affinity of the user's own, in place of a backbone: what holds where nothing is configured."""

from __future__ import annotations

from typing import NoReturn

from cuts3d.backbones.registry import BackboneSpec, get_backbone
from cuts3d.config import OWN_AFFINITY, OWN_FEATURES
from cuts3d.errors import ConfigError


def _refuse() -> NoReturn:
    raise ConfigError("Features of your own are given with a photo: CutS3D(…).segment(photo, features=…).")


def _spec(name: str, title: str) -> BackboneSpec:
    return BackboneSpec(
        name=name,
        title=title,
        source="given with the photo",
        trained_on="given with the photo: what they were trained on is not known here",
        licence="yours",
        patch_size=16,
        image_size=480,  # pixels in which the ranges of the CRF are stated, as published (method 1.7)
        center=False,
        tau_ncut=0.15,
        load=_refuse,
    )


OWN = {spec.name: spec for spec in (_spec(OWN_FEATURES, "your features"), _spec(OWN_AFFINITY, "your affinity"))}
"""Declarations of given features and of a given affinity (method 1.11). They are in no list of backbones."""


def used_backbone(name: str) -> BackboneSpec:
    """The declaration of what a run used: of a registered backbone, or of features of the user's own.

    Args:
        name: `PatchFeatures.backbone`, or `FeatureConfig.backbone` of a run.

    Raises:
        ConfigError: No backbone has that name.
    """
    return OWN[name] if name in OWN else get_backbone(name)
