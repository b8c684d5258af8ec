"""Shared by the tests: synthetic inputs, plain reference implementations, one table of tolerances."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import torch
import torch.nn.functional as F
from torch import nn

from cuts3d.arrays import BoolArray, FloatArray, ImageArray, IntArray
from cuts3d.backbones import BackboneSpec
from cuts3d.types import DepthMap, KnnGraph, PointCloud

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / "shared"

TOLERANCE = {
    "eigenvector": 0.9999,  # smallest |cos| between Lanczos and the dense solver
    "eigenvalue": 1e-5,
    "float32": 1e-6,
    "onnx": 1e-4,  # difference of the tokens of the network and of its ONNX graph
}


@dataclass(frozen=True)
class Blobs:
    """Synthetic patch features with known segments: 0 is background, 1, 2, … are the objects."""

    vectors: FloatArray  # [h*w, C]
    labels: IntArray  # [h, w]

    @property
    def grid(self) -> tuple[int, int]:
        return (self.labels.shape[0], self.labels.shape[1])


def blobs(
    grid: tuple[int, int], n_objects: int, *, seed: int = 0, noise: float = 0.1, channels: int = 24, same: bool = False
) -> Blobs:
    """Discs of different sizes next to each other on a background, each with its own feature direction.

    Args:
        grid: (h, w).
        n_objects: Number of discs.
        seed: Seed of directions, sizes and noise.
        noise: Length of the noise that is added to the unit vectors.
        channels: C, more than `n_objects`.
        same: Whether all discs have the same direction, as objects of one class.
    """
    rng = np.random.default_rng(seed)
    h, w = grid
    labels = np.zeros(grid, dtype=np.int32)
    y, x = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
    cell = w / n_objects
    for number in range(n_objects):
        radius = min(cell, h) * rng.uniform(0.28, 0.42)
        row = rng.uniform(min(radius, (h - 1) / 2), max(h - 1 - radius, (h - 1) / 2))
        labels[(y - row) ** 2 + (x - (number + 0.5) * cell + 0.5) ** 2 <= radius**2] = number + 1
    directions = np.linalg.qr(rng.standard_normal((channels, n_objects + 1)))[0].T
    if same:
        directions[2:] = directions[1]
    grain = noise * rng.standard_normal((h * w, channels)) / np.sqrt(channels)
    return Blobs((directions[labels.ravel()] + grain).astype(np.float32), labels)


def dense_second_eigenpair(weights: FloatArray) -> tuple[FloatArray, float, float]:
    """Reference: x and λ₂ of (D − W) x = λ D x by the dense generalised solver, and the gap to λ₃."""
    w = np.asarray(weights, dtype=np.float64)
    degree = np.diag(w.sum(axis=1))
    last = min(2, len(w) - 1)
    values, vectors = scipy.linalg.eigh(degree - w, degree, subset_by_index=(0, last))
    return vectors[:, 1], float(values[1]), float(values[last] - values[1]) if last == 2 else np.inf


def cosine(a: FloatArray, b: FloatArray) -> float:
    return float(abs(a.ravel() @ b.ravel()) / (np.linalg.norm(a) * np.linalg.norm(b)))


def chain(lengths: list[float]) -> KnnGraph:
    """Nodes 0, 1, 2, … in a row, with edges of these lengths."""
    order = np.argsort(lengths, kind="stable")
    edges = np.stack([np.arange(len(lengths)), np.arange(1, len(lengths) + 1)], axis=1)[order].astype(np.int32)
    return KnnGraph(edges=edges, lengths=np.array(lengths, dtype=np.float64)[order], num_nodes=len(lengths) + 1)


def random_cloud(n: int, *, seed: int = 0) -> PointCloud:
    points = np.random.default_rng(seed).uniform(0, 1, (n, 3))
    return PointCloud(points=points, grid_shape=(1, n))


class PixelBackbone(nn.Module):
    """Takes the place of a ViT: the feature of a patch is its mean colour."""

    def __init__(self, patch_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.unused = nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(
        self, pixels: torch.Tensor, *, feature: str, layer: int, token_layers: tuple[int, ...] = ()
    ) -> tuple[torch.Tensor, list[torch.Tensor], tuple[int, int]]:
        pooled = F.avg_pool2d(pixels, self.patch_size)
        vectors = pooled.flatten(2).transpose(1, 2)
        return vectors, [vectors for _ in token_layers], (pooled.shape[-2], pooled.shape[-1])


def pixel_spec(name: str = "pixels", **changes: Any) -> BackboneSpec:
    network: Any = PixelBackbone(8)
    declared: dict[str, Any] = {
        "name": name,
        "title": "mean colours",
        "source": "tests",
        "trained_on": "nothing",
        "licence": "Apache-2.0",
        "patch_size": 8,
        "image_size": 160,
        "load": lambda: network,
    }
    return BackboneSpec(**{**declared, **changes})


@dataclass(frozen=True)
class Photo:
    """A drawn photo with its ground truth."""

    image: ImageArray  # uint8 [H, W, 3]
    depth: DepthMap
    labels: IntArray  # [H, W]; 0 is background


def squares_photo(size: tuple[int, int] = (120, 160)) -> Photo:
    """Two touching red squares, the right one farther away, and a separate green bar, on blue; depth steps at edges."""
    h, w = size
    labels = np.zeros(size, dtype=np.int32)
    labels[h * 3 // 10 : h * 7 // 10, w * 2 // 10 : w * 45 // 100] = 1
    labels[h * 3 // 10 : h * 7 // 10, w * 45 // 100 : w * 7 // 10] = 2
    labels[h * 8 // 10 : h * 95 // 100, w * 3 // 10 : w * 6 // 10] = 3
    colours = np.array([[20, 40, 200], [220, 30, 20], [220, 30, 20], [30, 190, 40]])
    grain = np.random.default_rng(3).normal(0, 4, (*size, 3))
    image = np.clip(colours[labels] + grain, 0, 255).astype(np.uint8)
    depth = np.array([0.95, 0.1, 0.5, 0.3], dtype=np.float32)[labels]
    depth += np.linspace(0, 0.02, w, dtype=np.float32)[None, :]
    return Photo(image, DepthMap(values=depth, kind="relative", estimator="drawn"), labels)


def best_iou(mask: BoolArray, masks: list[BoolArray]) -> float:
    """Largest IoU of a mask with any of the masks; 0 if there are none."""
    return max((float((mask & m).sum() / max(1, (mask | m).sum())) for m in masks), default=0.0)
