"""Labels in the formats of other tools: `convert`, and predictions from `supervision.Detections`."""

from cuts3d.formats.conversion import Converted, convert
from cuts3d.formats.sv_detections import predictions_from_supervision

__all__ = ["Converted", "convert", "predictions_from_supervision"]
