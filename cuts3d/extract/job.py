"""The settings of an extraction, in one record that is sent to every worker."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cuts3d import __version__
from cuts3d.backbones import get_backbone
from cuts3d.config import CutS3DConfig
from cuts3d.depth import get_depth
from cuts3d.errors import ConfigError
from cuts3d.run.methods import check_method, needed_features


@dataclass(frozen=True, kw_only=True)
class Job:
    """The settings that, together with the images, determine every byte of the result.

    Attributes:
        method: One of `cuts3d.run.methods.METHODS`.
        config: All parameters.
        images_per_shard: Images of one unit of work: what a worker does at a time, and what is lost if it is killed.
        batch: Images of one forward pass of a network.
    """

    method: str
    config: CutS3DConfig
    images_per_shard: int = 64
    batch: int = 4

    def __post_init__(self) -> None:
        """Check what can be checked without loading a network.

        Raises:
            ConfigError: An unknown method, backbone or depth, or a number below 1.
        """
        check_method(self.method)
        get_backbone(self.config.features.backbone)
        get_depth(self.config.depth.depth)
        for name in ("images_per_shard", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name.replace('_', ' ')} must be at least 1; it is {getattr(self, name)}.")

    @cached_property
    def info(self) -> dict[str, Any]:
        """The `info` of the result: version, method, networks, configuration, and a hash of them."""
        networks = {options.backbone: get_backbone(options.backbone).source for options, _ in self.needs}
        info = {
            "description": "CutS3D Explorer pseudo-labels",
            "version": __version__,
            "method": self.method,
            "backbones": networks,
            "depth": self.config.depth.depth if self.method == "cuts3d" else None,
            "config": self.config.to_dict(),
        }
        return {**info, "hash": hashlib.sha256(json.dumps(info, sort_keys=True).encode()).hexdigest()[:16]}

    @property
    def needs(self) -> Any:
        """The features that the method needs; see `needed_features`."""
        return needed_features(self.method, self.config)

    def settings(self) -> dict[str, Any]:
        """What must be equal for shards of two runs to be parts of one result."""
        return {**self.info, "images_per_shard": self.images_per_shard, "batch": self.batch}
