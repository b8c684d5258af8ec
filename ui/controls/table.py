"""Which control stands for which parameter: one each, grouped by the stages of the method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cuts3d.backbones import list_backbones
from cuts3d.depth import list_depths

OWN = "the backbone's own"
OWN_DEPTH = "own"  # a choice of depth: the photo's own map where there is one, else the embedded estimator


@dataclass(frozen=True, slots=True)
class Control:
    """How one parameter is shown.

    Attributes:
        name: The parameter.
        label: Its title, with the paper's symbol.
        low: Lower end of the slider; None: the parameter has no slider.
        high: Upper end.
        step: Step of the slider.
        none_at: Slider position that means `None`.
        choices: Fixed choices of a dropdown, as (text, value).
    """

    name: str
    label: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    none_at: float | None = None
    choices: tuple[tuple[str, Any], ...] = ()


EPSILONS = tuple((f"{e:g}", e) for e in (1e-6, 1e-5, 1e-4, 1e-3))
CUT_SIZES = (("the patch grid", None), *((f"{n} points", n) for n in (60, 90, 120)))
SIZES = ((OWN, None), *((f"{14 * n} px", 14 * n) for n in (16, 24, 34, 48, 60)))
CRF_SIZES = tuple((f"{n} px", n) for n in (119, 170, 240, 480))
SOLVERS = (
    ("SciPy: Dinic", "scipy"),
    ("NetworkX: Dinic, slow", "networkx-dinitz"),
    ("NetworkX: Boykov-Kolmogorov, slow", "networkx-boykov-kolmogorov"),
)
DEPTHS = (("the photo's own map, else embedded", OWN_DEPTH), *((s.title, s.name) for s in list_depths()))
MAIN = (
    Control("beta", "β · sharpening", 0.0, 1.0, 0.01),
    Control("tau_knn", "τ_knn · longest link", 0.01, 0.4, 0.005),
)
GROUPS: dict[str, tuple[Control, ...]] = {
    "Networks": (
        Control("backbone", "Backbone", choices=tuple((s.title, s.name) for s in list_backbones())),
        Control("depth", "Depth", choices=DEPTHS),
        Control("image_size", "Input side", choices=SIZES),
        Control("feature", "Feature kind"),
        Control("layer", "Layer", choices=((OWN, None), *((f"{n} from the end", -n) for n in range(1, 7)))),
        Control("center", "Centre the features", choices=((OWN, None), ("yes", True), ("no", False))),
    ),
    "Spatial importance · β, σ": (
        Control("sharpen", "Sharpen by depth"),
        Control("sigma", "σ · blur of the depth, patches", 0.5, 12.0, 0.1),
        Control("pair_rule", "Pair rule"),
        Control("direction", "Direction"),
    ),
    "Affinity and NCut · τ_ncut": (
        Control("tau_ncut", "τ_ncut · threshold", 0.0, 1.0, 0.005),
        Control("affinity", "Link weights"),
        Control("epsilon", "ε · weight of a missing link", choices=EPSILONS),
    ),
    "Point cloud": (
        Control("depth_scale", "Depth scale", 0.25, 12.0, 0.25),
        Control("background_depth", "Background depth", 0.0, 10.0, 0.1),
        Control("depth_clip", "Clipped depth, %", 0.0, 20.0, 0.5),
        Control("camera", "Camera"),
        Control("field_of_view", "Field of view, degrees", 10.0, 120.0, 1.0),
        Control("cut_size", "Resolution of the cut", choices=CUT_SIZES),
    ),
    "k-NN graph and min-cut · k, σ_c": (
        Control("k_neighbors", "k · neighbours", 2, 64, 1),
        Control("sigma_c", "σ_c · length scale of a link", 0.002, 0.2, 0.001),
        Control("terminals", "Terminals"),
        Control("terminal_fraction", "Fraction of points as terminals", 0.0, 0.05, 0.0005),
        Control("capacity", "Capacity of a link"),
        Control("solver", "Solver of the min-cut", choices=SOLVERS),
        Control("confidence_floor", "Lowest confidence inside a mask", 0.0, 1.0, 0.05),
    ),
    "Masks · N": (
        Control("max_instances", "N · maximum number of masks", 1, 20, 1),
        Control("region", "Cuts of a region"),
        Control("max_depth", "Depth of the recursion", 1, 8, 1),
        Control("score", "Score of the masks"),
        Control("min_area", "Minimum area, fraction", 0.0, 0.2, 0.001),
        Control("max_overlap", "Maximum overlap, IoU", 0.0, 1.0, 0.05),
        Control("max_ncut", "Stop above this NCut value", 0.0, 1.0, 0.01, none_at=1.0),
    ),
    "CRF": (
        Control("crf", "Fit masks to the photo's edges"),
        Control("crf_size", "Resolution of the CRF", choices=CRF_SIZES),
        Control("crf_iterations", "Mean-field steps", 1, 30, 1),
        Control("foreground_probability", "Foreground probability", 0.5, 0.99, 0.01),
        Control("gaussian_sxy", "Gaussian range, px", 0.5, 30.0, 0.5),
        Control("gaussian_compat", "Gaussian weight", 0.0, 50.0, 0.5),
        Control("bilateral_sxy", "Bilateral range, px", 1.0, 150.0, 1.0),
        Control("bilateral_srgb", "Bilateral colour step", 0.5, 50.0, 0.5),
        Control("bilateral_compat", "Bilateral weight", 0.0, 50.0, 0.5),
        Control("crf_min_iou", "Minimum IoU after the CRF", 0.0, 1.0, 0.05),
    ),
}
CONFIDENCE = (  # on the Confidence tab, next to what they change
    Control("tau_knn_min", "τ_knn from", 0.005, 0.2, 0.005),
    Control("num_cuts", "T · cuts", 1, 16, 1),
)
ALL: tuple[Control, ...] = (*MAIN, *(c for group in GROUPS.values() for c in group), *CONFIDENCE)
NAMES: tuple[str, ...] = tuple(control.name for control in ALL)
NETWORKS = tuple(c.name for c in GROUPS["Networks"])  # a change of these runs a network again
