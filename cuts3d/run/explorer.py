"""A photo held open: change a parameter, and only the stages that it touches run again."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

import numpy as np

from cuts3d.arrays import FloatArray
from cuts3d.backbones import get_backbone
from cuts3d.baselines import BASELINES
from cuts3d.config import CutS3DConfig
from cuts3d.errors import ConfigError
from cuts3d.io.depth_maps import DepthInput, read_depth
from cuts3d.io.photos import ImageInput, read_image
from cuts3d.method.affinity import graph_weights
from cuts3d.method.ncut import spectrum
from cuts3d.run.pipeline import run_pipeline
from cuts3d.run.stages import Stage, StageResult
from cuts3d.types import CoarseMask, DepthKind, Segmentation

T = TypeVar("T")

KEEP = {"features": 3, "depth": 4, "affinity": 1, "sharpened": 2, "crf": 1}  # the large ones; the others keep 48
KEEP_OTHERS = 48


class Explorer:
    """Keeps one photo's stage results.

    Attributes:
        image: The photo, uint8 [H, W, 3].
        depth: A depth map of the user's own, or None; may be put aside and taken up again between runs.
        config: The configuration of the last run.
        calls: How often each stage was computed (not remembered) since the photo was opened.
        results: What the last run yielded, by stage and index.
    """

    def __init__(
        self,
        photo: ImageInput,
        config: CutS3DConfig | None = None,
        *,
        depth: DepthInput | None = None,
        depth_kind: DepthKind = "relative",
        max_side: int | None = None,
    ) -> None:
        """Open a photo.

        Args:
            photo: Path, PIL image or array.
            config: Starting configuration.
            depth: A depth map of the user's own.
            depth_kind: What its values mean.
            max_side: Reduce larger photos to this longer side.
        """
        self.image = read_image(photo, max_side=max_side)
        shape = (self.image.shape[0], self.image.shape[1])
        self.depth = None if depth is None else read_depth(depth, kind=depth_kind, photo_shape=shape)
        self.config = config or CutS3DConfig()
        self.calls: Counter[str] = Counter()
        self.results: dict[tuple[str, int], Any] = {}
        self._memory: dict[str, OrderedDict[Hashable, Any]] = {}

    def stages(self, **params: Any) -> Iterator[StageResult]:
        """Change parameters and yield every stage's result in order; see `run_pipeline`."""
        before, self.config = self.config, self.config.replace(**params)

        def run() -> Iterator[StageResult]:
            self.results = {}
            try:
                for step in run_pipeline(self.image, self.config, depth=self.depth, memo=self._remember):
                    self.results[step.stage, step.index] = step.value
                    yield step
            except ConfigError:  # some values are only known to be wrong once a network is there
                self.config = before
                raise

        return run()

    def update(self, **params: Any) -> Segmentation:
        """Change parameters and return the new segmentation.

        Raises:
            ConfigError: A parameter is unknown or out of range; the former configuration stays.
        """
        result: StageResult | None = None
        for result in self.stages(**params):  # noqa: B007 - the last one counts
            pass
        assert result is not None
        return result.value

    def baseline(self, name: str) -> tuple[CoarseMask, ...]:
        """A baseline's masks of the photo on the patch grid, before any CRF, best first.

        Args:
            name: One of `cuts3d.baselines.BASELINES`.

        Raises:
            ConfigError: No baseline has that name.
        """
        if name not in BASELINES:
            raise ConfigError(f"Unknown baseline '{name}'; choose one of: {', '.join(BASELINES)}.")
        c = self.config
        key = (name, c.features, c.affinity.tau_ncut, c.affinity.epsilon, c.masks.max_instances, c.masks.min_area)
        return self._remember(
            "baseline", key, lambda: tuple(BASELINES[name].masks(self.image, c, self._sharing_networks))
        )

    def spectrum(self, ncut: int = 0, *, count: int = 10) -> FloatArray:
        """Smallest generalised eigenvalues of one NCut of the last run, float64 [count]."""
        partition, sharpened = self.results["ncut", ncut], self.results["sharpened", 0]
        nodes = np.flatnonzero(~np.isnan(partition.eigenvector))
        c = self.config
        key = (
            c.features,
            c.depth,
            c.importance,
            c.affinity,
            c.cloud.depth_clip,
            id(self.depth),
            nodes.tobytes(),
            count,
        )

        def compute() -> FloatArray:
            part = sharpened if nodes.size == len(sharpened) else sharpened[np.ix_(nodes, nodes)]
            options, tau = c.affinity, self.tau_ncut
            weights = graph_weights(part, tau_ncut=tau, epsilon=options.epsilon, mode=options.affinity)
            return spectrum(weights, count=count)

        return self._remember("spectrum", key, compute)

    @property
    def tau_ncut(self) -> float:
        """τ_ncut in use: the configured one, or the backbone's own."""
        own = self.config.affinity.tau_ncut
        return get_backbone(self.config.features.backbone).tau_ncut if own is None else own

    def _sharing_networks(self, stage: Stage, key: Any, compute: Callable[[], T]) -> T:
        """The memo, but features that are there with a depth head's tokens serve who wants none."""
        if stage == "features":
            options, layers = key
            passes = [other for other in self._memory.get("features", ()) if other[0] == options]  # pyright: ignore
            key = next((other for other in passes if not layers), key)
        return self._remember(stage, key, compute)

    def _remember(self, stage: Stage, key: Hashable, compute: Callable[[], T]) -> T:
        memory = self._memory.setdefault(stage, OrderedDict())
        if key in memory:
            memory.move_to_end(key)
            return memory[key]
        self.calls[stage] += 1
        value = compute()
        memory[key] = value
        while len(memory) > KEEP.get(stage, KEEP_OTHERS):
            memory.popitem(last=False)
        return value
