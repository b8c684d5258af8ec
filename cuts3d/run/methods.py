"""Every method that finds masks, ours and the baselines', behind one call: what `extract` and the page run."""

from __future__ import annotations

from cuts3d.arrays import ImageArray
from cuts3d.baselines import BASELINES
from cuts3d.config import CutS3DConfig, FeatureConfig
from cuts3d.depth import get_depth
from cuts3d.errors import ConfigError
from cuts3d.run.masks import refine_coarse
from cuts3d.run.pipeline import run_pipeline
from cuts3d.run.stages import Memo, StageResult, remembering
from cuts3d.types import DepthMap, FoundMask

OURS = "cuts3d"
METHODS = (OURS, *BASELINES)


def needed_features(method: str, config: CutS3DConfig) -> tuple[tuple[FeatureConfig, tuple[int, ...]], ...]:
    """What of the backbones a method reads: options and token layers, each a key of the memo's `features`.

    The first entry of ours is what the embedded depth head reads too.

    Raises:
        ConfigError: Unknown method.
    """
    check_method(method)
    if method == OURS:
        source = get_depth(config.depth.depth)
        shared = source.tokens_of == config.features.backbone
        return ((config.features, source.token_layers if shared else ()),)
    return BASELINES[method].needs(config)


def find_masks(
    image: ImageArray,
    config: CutS3DConfig,
    *,
    method: str = OURS,
    depth: DepthMap | None = None,
    memo: Memo | None = None,
) -> list[FoundMask]:
    """Masks of one photo by any method, refined alike, best first in the method's own order.

    Args:
        image: uint8 [H, W, 3].
        config: Features, least area and refinement hold for every method; τ_ncut and N for those that know them; the
            rest for ours.
        method: One of `METHODS`.
        depth: A depth map of the user's own; only ours reads depth.
        memo: Remembers stages, or hands in features and depth that a batch has computed; None: of this photo only.

    Raises:
        ConfigError: Unknown method.
    """
    check_method(method)
    memo = memo or remembering()
    if method == OURS:
        last: StageResult | None = None
        for last in run_pipeline(image, config, depth=depth, memo=memo):  # noqa: B007 - the last one counts
            pass
        assert last is not None
        return [FoundMask.of(instance) for instance in last.value.instances]
    return refine_coarse(image, BASELINES[method].masks(image, config, memo), config, memo)


def check_method(method: str) -> None:
    """Raise a ConfigError unless the method is known."""
    if method not in METHODS:
        raise ConfigError(f"Unknown method '{method}'; choose one of: {', '.join(METHODS)}.")
