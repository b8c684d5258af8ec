"""The parameters of the configuration that the baselines use."""

from __future__ import annotations

from dataclasses import dataclass

from cuts3d.config import CutS3DConfig, FeatureConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineOptions:
    """The part of the configuration on which the masks of a baseline depend.

    Attributes:
        features: Backbone, and which of its features are used.
        tau_ncut: τ_ncut; None: the default of the baseline.
        epsilon: ε, weight between patches that are not linked.
        max_instances: N, for the baselines that have it.
        min_area: Smallest fraction of the patches that a mask covers.
    """

    features: FeatureConfig
    tau_ncut: float | None
    epsilon: float
    max_instances: int
    min_area: float

    @classmethod
    def of(cls, config: CutS3DConfig) -> BaselineOptions:
        """Its part of the whole configuration."""
        return cls(
            features=config.features,
            tau_ncut=config.affinity.tau_ncut,
            epsilon=config.affinity.epsilon,
            max_instances=config.masks.max_instances,
            min_area=config.masks.min_area,
        )
