"""MaskCut (method 3.1), compared with a plain, slow implementation of the published rules."""

import numpy as np
import pytest
import scipy.linalg
from at_defaults import normalise_features
from helpers import blobs
from scipy import ndimage

from cuts3d.baselines import maskcut
from cuts3d.baselines import maskcut as maskcut_function
from cuts3d.errors import InputError
from cuts3d.types import Bipartition


def plain_maskcut(vectors: np.ndarray, grid: tuple[int, int], tau: float, rounds: int) -> tuple[list, list[bool]]:
    """Masks, and which rounds were rejected. Independent of the package, dense, in float64."""
    n = grid[0] * grid[1]
    painted, previous = np.zeros(grid, bool), np.zeros(grid, bool)
    masks, rejections = [], []
    for number in range(rounds):
        kept = np.where(painted.reshape(n, 1), 0.0, vectors.astype(np.float64))
        length = np.linalg.norm(kept, axis=1, keepdims=True)
        unit = kept / np.where(length > 0, length, 1)
        w = np.where(unit @ unit.T > tau, 1.0, 1e-5)
        d = np.diag(w.sum(axis=1))
        _, x = scipy.linalg.eigh(d - w, d, subset_by_index=(1, 1))
        x = x[:, 0].reshape(grid)
        b = x > x.mean()
        seed = np.unravel_index(np.abs(x).argmax(), grid)
        corners = int(b[0, 0]) + int(b[0, -1]) + int(b[-1, 0]) + int(b[-1, -1])
        if corners >= 3 or not b[seed]:
            x, b = -x, ~b
        seed = np.unravel_index(x.argmax(), grid)
        parts, _ = ndimage.label(b)
        mask = parts == parts[seed]
        union = (mask | previous).sum()
        overlap = (mask & previous).sum() / union if union else 0.0
        rejected = number > 0 and (overlap > 0.5 or mask.sum() <= 0.01 * n)
        if rejected:
            mask = np.zeros(grid, bool)
        rejections.append(bool(rejected))
        earlier = np.logical_or.reduce(masks) if masks else np.zeros(grid, bool)
        masks.append(mask & ~earlier)
        previous = mask
        painted = painted | mask
    return masks, rejections


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n_objects", "noise"), [(1, 0.5), (2, 0.8), (3, 0.8)])
def test_masks_equal_those_of_the_plain_implementation(seed, n_objects, noise):
    sample = blobs((13, 17), n_objects, seed=seed, noise=noise)
    vectors = normalise_features(sample.vectors)
    expected, rejected = plain_maskcut(vectors, sample.grid, 0.3, 4)
    assert n_objects > 1 or rejected == [False, True, False, True]  # the quirk is among what is compared
    found = maskcut(vectors.T, grid_shape=sample.grid, tau=0.3, max_instances=4)
    assert found.shape == (4, 13, 17)
    for number, mask in enumerate(expected):
        assert (found[number] == mask).all(), f"round {number}"


def test_masks_equal_those_of_the_plain_implementation_on_a_real_photo(embedded_network, embedded_spec, scene):
    from cuts3d.backbones import extract_features

    features = extract_features(embedded_network, embedded_spec, scene("two boxes").image, image_size=224)
    vectors = normalise_features(features.vectors, center=True)
    expected, _ = plain_maskcut(vectors, (16, 16), 0.15, 3)
    found = maskcut(vectors.T, grid_shape=(16, 16), tau=0.15)
    assert [m.sum() for m in found] == [m.sum() for m in expected]
    assert (found == np.array(expected)).all()


class Script:
    """Replaces the NCut: gives a prepared component in each round, and records the graph."""

    def __init__(self, components: list[np.ndarray]) -> None:
        self.components, self.graphs = list(components), []

    def __call__(self, weights: np.ndarray, grid_shape: tuple[int, int]) -> Bipartition:
        self.graphs.append(weights.copy())
        mask = self.components.pop(0)
        return Bipartition(
            eigenvector=mask.astype(float), mask=mask, eigenvalue=0.1, seed=(0, 0), corners=0, flipped=False,
            solver="dense", component=mask,
        )  # fmt: skip


def scripted(monkeypatch, *components: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    import sys

    script = Script(list(components))
    monkeypatch.setattr(sys.modules["cuts3d.baselines.maskcut"], "bipartition", script)
    vectors = np.random.default_rng(0).standard_normal((16, 100)).astype(np.float32)
    masks = maskcut_function(vectors, grid_shape=(10, 10), tau=0.2, max_instances=len(components))
    return masks, script.graphs


def box(top: int, bottom: int, left: int = 0, right: int = 10) -> np.ndarray:
    mask = np.zeros((10, 10), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_a_rejected_round_leaves_the_graph_unchanged_and_the_next_accepts_what_is_left(monkeypatch):
    first, alike = box(0, 5), box(0, 6)
    masks, graphs = scripted(monkeypatch, first, alike, alike)
    assert (masks[0] == first).all()
    assert not masks[1].any()  # IoU 5/6 with the mask before
    assert (graphs[1] == graphs[2]).all()
    assert not (graphs[0] == graphs[1]).all()
    assert (masks[2] == box(5, 6)).all()  # compared with an empty mask, accepted, the earlier mask subtracted


def test_the_overlap_is_measured_against_the_round_before_only(monkeypatch):
    masks, _ = scripted(monkeypatch, box(0, 4), box(6, 9), box(0, 5))
    assert (masks[1] == box(6, 9)).all()
    assert (masks[2] == box(4, 5)).all()  # nearly the first mask again, which no one remembers


def test_the_overlap_of_exactly_one_half_is_accepted(monkeypatch):
    masks, _ = scripted(monkeypatch, box(0, 4), box(0, 2))
    assert not masks[1].any()
    masks, _ = scripted(monkeypatch, box(0, 4), box(2, 10, 0, 5))  # 10 of 70
    assert masks[1].sum() == 30


def test_a_later_mask_of_one_percent_is_rejected_but_a_first_one_is_not(monkeypatch):
    dot = box(9, 10, 9, 10)
    masks, _ = scripted(monkeypatch, dot, box(0, 1, 0, 1), box(0, 1, 0, 2))
    assert (masks[0] == dot).all()
    assert not masks[1].any()
    assert masks[2].sum() == 2


def test_accepted_patches_get_zero_features_and_links_of_epsilon(monkeypatch):
    _, graphs = scripted(monkeypatch, box(0, 3), box(5, 9))
    taken = box(0, 3).ravel()
    assert (graphs[1][taken] == np.float32(1e-5)).all()
    assert (graphs[1][~taken][:, ~taken] == graphs[0][~taken][:, ~taken]).all()


def test_masks_never_overlap():
    sample = blobs((12, 20), 3, seed=5, noise=1.0)
    masks = maskcut(sample.vectors.T, grid_shape=sample.grid, tau=0.2, max_instances=6)
    assert masks.sum(axis=0).max() <= 1


@pytest.mark.parametrize("shape", [(100, 24), (24, 99), (2400,)])
def test_features_that_do_not_fit_the_grid_are_refused_with_both_shapes(shape):
    with pytest.raises(InputError, match=r"must be \[C, 100\] for a 10×10 grid"):
        maskcut(np.zeros(shape), grid_shape=(10, 10))


def test_one_class_of_touching_objects_is_one_mask():
    """The limit that CutS3D overcomes: features alone cannot separate two objects of one kind."""
    sample = blobs((14, 20), 2, seed=1, noise=0.3, same=True)
    labels = sample.labels.copy()
    vectors = sample.vectors.reshape(14, 20, -1).copy()
    bridge = (slice(6, 9), slice(3, 17))
    vectors[bridge] = vectors[labels == 1].mean(axis=0)
    masks = maskcut(vectors.reshape(280, -1).T, grid_shape=(14, 20), tau=0.3)
    both = (labels > 0) & masks[0]
    assert both.sum() > 0.9 * (labels > 0).sum()
