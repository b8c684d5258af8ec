"""The sentence for weights that cannot be had."""

from __future__ import annotations

from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.folders import WEIGHTS_VARIABLE


def unavailable(name: str, *, hub: str, reason: str) -> WeightsUnavailableError:
    """The one error for weights that cannot be had: what, from where, and three ways out."""
    return WeightsUnavailableError(
        f"The weights of '{name}' could not be had from {hub} ({reason}). "
        f"Go online once, or put '{name}.safetensors' or '{name}.pth' into a folder and name it in the environment "
        f"variable {WEIGHTS_VARIABLE}, or use the embedded models, which need no download."
    )


OTHERWISE = "or choose the embedded depth, which needs no download."


def not_had(title: str, *, source: str, put: str, error: Exception) -> WeightsUnavailableError:
    """The error for weights that could not be loaded.

    Args:
        title: Of the estimator.
        source: Where they were looked for.
        put: What to put into `$CUTS3D_WEIGHTS` instead.
        error: What went wrong.
    """
    first_line = (str(error).splitlines() or [""])[0].rstrip(". ")
    return WeightsUnavailableError(
        f"{title} could not be had from {source} ({type(error).__name__}: {first_line}). Go online once, or put {put} "
        f"into a folder and name that folder in the environment variable {WEIGHTS_VARIABLE}, {OTHERWISE}"
    )
