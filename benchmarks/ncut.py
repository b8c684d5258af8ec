"""NCut by Lanczos, compared with the dense generalised eigensolver that the published MaskCut code uses."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from benchmarks.timing import measure, spread
from cuts3d.backbones import extract_features, get_backbone
from cuts3d.backbones.loaded import loaded_backbone
from cuts3d.method.affinity import cosine_affinity, graph_weights
from cuts3d.method.ncut import second_eigenvector
from cuts3d.scenes import make_scene

GRID = 60


def run() -> list[str]:
    spec = get_backbone("dinov2_vits14_focus")
    image = make_scene("three balls").image
    features = extract_features(loaded_backbone(spec.name), spec, image, image_size=GRID * spec.patch_size)
    affinity = cosine_affinity(features.vectors, center=features.center)
    weights = graph_weights(affinity, tau_ncut=spec.tau_ncut, epsilon=1e-5, mode="binary")
    degree = weights.sum(axis=1, dtype=np.float64)
    laplacian = np.diag(degree) - weights

    fast = measure(lambda: second_eigenvector(weights))
    dense = measure(lambda: scipy.linalg.eigh(laplacian, np.diag(degree), subset_by_index=(1, 1)), repeats=1, warm_up=0)
    x, eigenvalue, solver = second_eigenvector(weights)
    values, vectors = scipy.linalg.eigh(laplacian, np.diag(degree), subset_by_index=(1, 1))
    reference = vectors[:, 0]
    cosine = abs(x @ reference) / np.linalg.norm(x) / np.linalg.norm(reference)
    return [
        f"| NCut, {GRID * GRID:,} patches, {solver} | {spread(fast)} |",
        f"| dense generalised `eigh` (one eigenpair) | {spread(dense)} |",
        f"| ratio | **{dense[0] / fast[0]:.0f}×** |",
        f"| abs cosine of the two vectors | {cosine:.7f} |",
        f"| λ₂, ours and dense | {eigenvalue:.6f}, {values[0]:.6f} |",
    ]
