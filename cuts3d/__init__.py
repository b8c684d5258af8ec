"""CutS3D: unsupervised instance segmentation that cuts the semantics of self-supervised features in 3D.

Public names load on first use, so that `python -m cuts3d --help` does not wait for Torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cuts3d.config import ADAPTIVE, LITERAL, CutS3DConfig
    from cuts3d.detector.api import Detector
    from cuts3d.detector.records import Detection
    from cuts3d.errors import ConfigError, CutS3DError, InputError, WeightsUnavailableError
    from cuts3d.run.api import CutS3D
    from cuts3d.run.explorer import Explorer
    from cuts3d.types import DepthMap, Instance, Segmentation

__version__ = "0.1.0"

_HOMES = {
    "ADAPTIVE": "config",
    "CutS3D": "run.api",
    "CutS3DConfig": "config",
    "LITERAL": "config",
    "ConfigError": "errors",
    "CutS3DError": "errors",
    "DepthMap": "types",
    "Detection": "detector.records",
    "Detector": "detector.api",
    "Explorer": "run.explorer",
    "InputError": "errors",
    "Instance": "types",
    "Segmentation": "types",
    "WeightsUnavailableError": "errors",
}

__all__ = [
    "ADAPTIVE",
    "LITERAL",
    "ConfigError",
    "CutS3D",
    "CutS3DConfig",
    "CutS3DError",
    "DepthMap",
    "Detection",
    "Detector",
    "Explorer",
    "InputError",
    "Instance",
    "Segmentation",
    "WeightsUnavailableError",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"cuts3d.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'cuts3d' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
