"""`Explorer`: an open photo. After a change of a parameter, only the stages that depend on it run again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cuts3d.arrays import FloatArray, ImageArray
from cuts3d.backbones.features import tau_ncut_of
from cuts3d.baselines import BASELINES, BaselineOptions, baseline_masks
from cuts3d.config import CutS3DConfig, own_config, refuse_backbone_options
from cuts3d.errors import ConfigError, InputError
from cuts3d.graphs import affinity_network
from cuts3d.io.depth_maps import DepthInput
from cuts3d.io.photos import ImageInput
from cuts3d.memo import Memo
from cuts3d.method.ncut import nodes_spectrum
from cuts3d.run.inputs import read_inputs, reduced_view
from cuts3d.run.pipeline import run_pipeline
from cuts3d.run.regions import region_graph
from cuts3d.run.scene import Scene, open_scene
from cuts3d.run.stages import StageResult, last_value, returned
from cuts3d.types import CoarseMask, DepthKind, KnnGraph, Segmentation

if TYPE_CHECKING:
    import networkx as nx

KEEP = {"features": 3, "depth": 4, "affinity": 1, "sharpened": 2, "weights": 0, "cloud": 4, "crf": 1}  # the large ones
KEEP_OTHERS = 48


class Explorer:
    """Remembers the results of the stages of one photo.

    Attributes:
        inputs: The photo, the depth map and the features as they were read, with notes on what was done to them
            (`inputs.notes`).
        photo: The photo as it is seen (EXIF orientation applied), at its own size, uint8 [H, W, 3].
        image: The copy on which masks are shown, uint8 [h, w, 3]: the photo reduced to `view_side`.
        depth: The user's own depth map, or None. It may be removed and set again between runs.
        config: The configuration of the last run. With features of the user's own its backbone is `own_features`.
        results: Results of the last run by stage and index.
    """

    def __init__(
        self,
        photo: ImageInput,
        config: CutS3DConfig | None = None,
        *,
        depth: DepthInput | None = None,
        depth_kind: DepthKind = "relative",
        view_side: int | None = None,
        features: ArrayLike | None = None,
        affinity: ArrayLike | None = None,
    ) -> None:
        """Open a photo.

        Args:
            photo: Path, PIL image or array.
            config: The first configuration.
            depth: The user's own depth map; it overrides the estimator.
            depth_kind: Kind of its values.
            view_side: The masks of `stages` and `update` have at most this longer side, in pixels, so that a change of
                a parameter is shown at once for a large photo too. The networks read the photo at its own size, and
                `own_size` gives its masks. None: all masks have the photo's own size.
            features: Patch features of your own, [h, w, C] over the whole photo; no backbone runs. See `read_features`.
            affinity: Cosine similarity of every two patches, [h, w, h, w], in place of features. See `read_affinity`.

        Raises:
            InputError: The photo, the depth map, the features or the affinity cannot be used.
        """
        self.inputs = read_inputs(photo, depth, depth_kind=depth_kind, features=features, affinity=affinity)
        self.photo, self.depth = self.inputs.photo.pixels, self.inputs.depth
        self.image = reduced_view(self.photo, view_side)
        own = self.inputs.features
        self.config = config or CutS3DConfig() if own is None else own_config(config or CutS3DConfig(), own.source)
        self.results: dict[tuple[str, int], Any] = {}
        self._memo = Memo(KEEP, otherwise=KEEP_OTHERS)
        self._photo = self._memo.given(self.photo)

    def stages(self, **params: Any) -> Iterator[StageResult]:
        """Change parameters and yield the results of all stages in order; see `run_pipeline`."""
        given = self.inputs.features
        if given is not None:
            refuse_backbone_options(params, given.source)
        before, self.config = self.config, self.config.replace(**params)

        def run() -> Iterator[StageResult]:
            self.results = {}
            try:
                for step in self._run(view=self.image):
                    self.results[step.stage, step.index] = step.value
                    yield step
            except ConfigError:  # some wrong values are only noticed after a network is loaded
                self.config = before
                raise

        return run()

    def update(self, **params: Any) -> Segmentation:
        """Change parameters and return the new segmentation.

        Raises:
            ConfigError: A parameter is unknown or out of range; the earlier configuration stays.
        """
        return last_value(self.stages(**params))

    def own_size(self) -> Segmentation:
        """The segmentation with masks at the photo's own size, as from `CutS3D.segment`; known stages are reused."""
        return last_value(self._run())

    def _run(self, *, view: ImageArray | None = None) -> Iterator[StageResult]:
        given = self.inputs.features
        return run_pipeline(self.photo, self.config, depth=self.depth, memo=self._memo, view=view, given=given)

    def baseline(self, name: str) -> tuple[CoarseMask, ...]:
        """Masks of the photo by a baseline, on the patch grid, before the CRF, best first.

        Args:
            name: One of `cuts3d.baselines.BASELINES`.

        Raises:
            ConfigError: No baseline has that name, or the photo was opened with features of the user's own.
        """
        if name not in BASELINES:
            raise ConfigError(f"Unknown baseline '{name}'; choose one of: {', '.join(BASELINES)}.")
        if self.inputs.features is not None:
            raise ConfigError(
                "A baseline reads a backbone's own features; open the photo without features of your own."
            )
        options = BaselineOptions.of(self.config)
        return self._memo("baseline", baseline_masks, self._photo, name, options, self._memo).value

    def spectrum(self, ncut: int = 0, *, count: int = 10) -> FloatArray:
        """Smallest generalised eigenvalues of one NCut of the last run, float64 [count]."""
        scene = self._scene()
        nodes = ~np.isnan(self.results["ncut", ncut].eigenvector)
        return self._memo("spectrum", nodes_spectrum, scene.weights, nodes, count).value

    def knn_graph(self, instance: int = 0) -> KnnGraph:
        """The k-NN graph in which an instance of the last run was cut (method 1.5).

        Args:
            instance: Place in `Segmentation.instances`, from 0.

        Raises:
            InputError: There is no such instance, or it was not cut in 3D.
        """
        result = self._last()
        cut = result.instances[_place(instance, len(result.instances), "instance")].cut
        if cut.source_side is None:
            raise InputError(f"Instance {instance + 1} has no graph: {cut.fallback}.")
        scene = self._scene()
        return self._memo("graph", region_graph, scene.cloud, cut.region, self.config.cloud, self.config.graph).value

    def knn_network(self, instance: int = 0, *, tau_knn: float | None = None) -> nx.Graph:
        """That graph as an `nx.Graph`, with capacities, positions, source and sink; see `KnnGraph.to_networkx`.

        Args:
            instance: Place in `Segmentation.instances`, from 0.
            tau_knn: Edges longer than τ_knn are left out; None: that of the last run.

        Raises:
            InputError: There is no such instance, or it was not cut in 3D.
        """
        graph, cut = self.knn_graph(instance), self._last().instances[instance].cut
        return graph.to_networkx(tau_knn=tau_knn, options=self.config.local_cut, cut=cut)

    def affinity_network(self, ncut: int = 0) -> nx.Graph:
        """The graph of an NCut of the last run as an `nx.Graph` (method 1.2, 1.4).

        Nodes are the patches that are in the graph, with `row`, `column`, the entry of the `eigenvector`, and whether
        they are `foreground`, the side B. Links have their `weight`; pairs whose weight is ε are left out, and ε is the
        graph's attribute `epsilon`.

        Args:
            ncut: Place in `Segmentation.bipartitions`, from 0.

        Raises:
            InputError: There is no such NCut.
        """
        partitions = self._last().bipartitions
        partition = partitions[_place(ncut, len(partitions), "NCut")]
        scene = self._scene()
        rows, columns = np.nonzero(~np.isnan(partition.eigenvector))
        index = rows * partition.mask.shape[1] + columns
        named = {"eigenvector": partition.eigenvector[rows, columns], "foreground": partition.mask[rows, columns]}
        nodes = {"row": rows, "column": columns, **named}
        return affinity_network(scene.weights.value[np.ix_(index, index)], nodes, epsilon=self.config.affinity.epsilon)

    def _scene(self) -> Scene:
        return returned(open_scene(self.photo, self.config, self._memo, self.depth, self.inputs.features))

    def _last(self) -> Segmentation:
        result = self.results.get(("segmentation", 0)) or self.results.get(("coarse", 0))
        if result is None:
            raise InputError("The photo has not been segmented yet: call update() first.")
        return result

    @property
    def tau_ncut(self) -> float:
        """τ_ncut in use: the configured value, or the default of the backbone or of given features."""
        return tau_ncut_of(self.config)

    @property
    def calls(self) -> Counter[str]:
        """How often each stage was computed since the photo was opened; remembered results do not count."""
        return self._memo.calls


def _place(index: int, count: int, what: str) -> int:
    if not 0 <= index < count:
        raise InputError(f"There is no {what} with the index {index}: the last run found {count}.")
    return index
