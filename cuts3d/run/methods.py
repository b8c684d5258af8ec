"""One call for our method (method 1) and the baselines (method 3): `extract` and the page use it."""

from __future__ import annotations

from cuts3d.arrays import ImageArray
from cuts3d.backbones.features import feature_request
from cuts3d.baselines import BASELINES, BaselineOptions, Needs, baseline_masks
from cuts3d.config import CutS3DConfig
from cuts3d.errors import ConfigError
from cuts3d.memo import Memo
from cuts3d.run.masks import refine_coarse
from cuts3d.run.pipeline import run_pipeline
from cuts3d.run.stages import last_value
from cuts3d.types import DepthMap, FoundMask

OURS = "cuts3d"
METHODS = (OURS, *BASELINES)


def needed_features(method: str, config: CutS3DConfig) -> Needs:
    """Features that a method needs, as requests for `photo_features`.

    Raises:
        ConfigError: Unknown method.
    """
    check_method(method)
    if method == OURS:
        return (feature_request(config.features),)
    return BASELINES[method].needs(BaselineOptions.of(config))


def find_masks(
    image: ImageArray,
    config: CutS3DConfig,
    *,
    method: str = OURS,
    depth: DepthMap | None = None,
    memo: Memo | None = None,
) -> list[FoundMask]:
    """Masks of one photo by any method, all with the same refinement, in the order of the method.

    Args:
        image: uint8 [H, W, 3].
        config: Features, smallest area and refinement apply to every method; τ_ncut and N to the methods that have
            them; the other parameters to our method.
        method: One of `METHODS`.
        depth: The user's own depth map; only our method uses depth.
        memo: Remembers stages of this photo, or provides features and cuts from a batch; None: a new memo.

    Raises:
        ConfigError: Unknown method.
    """
    check_method(method)
    memo = memo or Memo()
    if method == OURS:
        result = last_value(run_pipeline(image, config, depth=depth, memo=memo))
        return [FoundMask.of(instance) for instance in result.instances]
    coarse = baseline_masks(image, method, BaselineOptions.of(config), memo)
    return refine_coarse(memo.given(image), coarse, config, memo)


def check_method(method: str) -> None:
    """Raise a ConfigError unless the method is known."""
    if method not in METHODS:
        raise ConfigError(f"Unknown method '{method}'; choose one of: {', '.join(METHODS)}.")
