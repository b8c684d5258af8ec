"""The parameters that baselines read, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from cuts3d.config import CutS3DConfig, FeatureConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineOptions:
    """Part of the configuration that every baseline gets; the key of its remembered masks.

    Attributes:
        features: Backbone, and how it is used.
        tau_ncut: τ_ncut where it is configured; None: the baseline's own rule.
        epsilon: ε, weight of a missing link.
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
