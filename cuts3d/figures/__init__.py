"""Pictures of the method as Plotly figures, for notebooks, reports and the page: one function a picture.

The modules import Plotly only when a figure is made. Each function takes `theme`, `light` or `dark`.
"""

from cuts3d.figures.affinity import affinity_histogram_figure, patch_affinity_figure
from cuts3d.figures.agreement import agreement_figure
from cuts3d.figures.cloud import cloud_figure
from cuts3d.figures.confidence import area_figure, confidence_sweep_figure
from cuts3d.figures.depth import depth_figure
from cuts3d.figures.masks import masks_figure
from cuts3d.figures.ncut import eigenvectors_figure, spectrum_figure
from cuts3d.figures.templates import Theme, figure_template
from cuts3d.figures.training import metric_lines, training_figure

__all__ = [
    "Theme",
    "affinity_histogram_figure",
    "agreement_figure",
    "area_figure",
    "cloud_figure",
    "confidence_sweep_figure",
    "depth_figure",
    "eigenvectors_figure",
    "figure_template",
    "masks_figure",
    "metric_lines",
    "patch_affinity_figure",
    "spectrum_figure",
    "training_figure",
]
