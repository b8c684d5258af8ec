"""Evaluation of pseudo-labels and detections against a COCO ground truth, all categories as one."""

from cuts3d.evaluate.evaluation import Counts, Evaluation, evaluate
from cuts3d.evaluate.figures import Figures
from cuts3d.evaluate.notices import Notice
from cuts3d.evaluate.report import markdown, to_json

__all__ = ["Counts", "Evaluation", "Figures", "Notice", "evaluate", "markdown", "to_json"]
