"""A photo held open: change a parameter, and only the stages that it touches run again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from cuts3d.arrays import FloatArray
from cuts3d.backbones.features import tau_ncut_of
from cuts3d.baselines import BASELINES, BaselineOptions, baseline_masks
from cuts3d.config import CutS3DConfig
from cuts3d.errors import ConfigError
from cuts3d.io.depth_maps import DepthInput, read_depth
from cuts3d.io.photos import ImageInput, read_image
from cuts3d.memo import Memo
from cuts3d.method.ncut import nodes_spectrum
from cuts3d.run.pipeline import run_pipeline
from cuts3d.run.scene import open_scene
from cuts3d.run.stages import StageResult, last_value, returned
from cuts3d.types import CoarseMask, DepthKind, Segmentation

KEEP = {"features": 3, "depth": 4, "affinity": 1, "sharpened": 2, "weights": 0, "cloud": 4, "crf": 1}  # the large ones
KEEP_OTHERS = 48


class Explorer:
    """Keeps one photo's stage results.

    Attributes:
        image: The photo, uint8 [H, W, 3].
        depth: A depth map of the user's own, or None; may be put aside and taken up again between runs.
        config: The configuration of the last run.
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
        self.results: dict[tuple[str, int], Any] = {}
        self._memo = Memo(KEEP, otherwise=KEEP_OTHERS)
        self._photo = self._memo.given(self.image)

    def stages(self, **params: Any) -> Iterator[StageResult]:
        """Change parameters and yield every stage's result in order; see `run_pipeline`."""
        before, self.config = self.config, self.config.replace(**params)

        def run() -> Iterator[StageResult]:
            self.results = {}
            try:
                for step in run_pipeline(self.image, self.config, depth=self.depth, memo=self._memo):
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
        return last_value(self.stages(**params))

    def baseline(self, name: str) -> tuple[CoarseMask, ...]:
        """A baseline's masks of the photo on the patch grid, before any CRF, best first.

        Args:
            name: One of `cuts3d.baselines.BASELINES`.

        Raises:
            ConfigError: No baseline has that name.
        """
        if name not in BASELINES:
            raise ConfigError(f"Unknown baseline '{name}'; choose one of: {', '.join(BASELINES)}.")
        options = BaselineOptions.of(self.config)
        return self._memo("baseline", baseline_masks, self._photo, name, options, self._memo).value

    def spectrum(self, ncut: int = 0, *, count: int = 10) -> FloatArray:
        """Smallest generalised eigenvalues of one NCut of the last run, float64 [count]."""
        scene = returned(open_scene(self.image, self.config, self._memo, self.depth))
        nodes = ~np.isnan(self.results["ncut", ncut].eigenvector)
        return self._memo("spectrum", nodes_spectrum, scene.weights, nodes, count).value

    @property
    def tau_ncut(self) -> float:
        """τ_ncut in use: the configured one, else the default of the backbone."""
        return tau_ncut_of(self.config)

    @property
    def calls(self) -> Counter[str]:
        """How often each stage was computed, not remembered, since the photo was opened."""
        return self._memo.calls
