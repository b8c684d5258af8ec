"""NCut (method 1.4), compared with the dense generalised solver."""

from typing import Any, Literal

import numpy as np
import pytest
import scipy.linalg
from at_defaults import cosine_affinity, graph_weights
from helpers import TOLERANCE, blobs, cosine, dense_second_eigenpair
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse.linalg import ArpackNoConvergence

from cuts3d.grids import iou
from cuts3d.method import ncut
from cuts3d.method.ncut import DENSE_BELOW, bipartition, orient, second_eigenvector, spectrum


def weights_of(grid=(10, 14), n_objects=2, *, seed=0, noise=0.6, mode: Literal["binary", "soft"] = "binary"):
    sample = blobs(grid, n_objects, seed=seed, noise=noise)
    return graph_weights(cosine_affinity(sample.vectors), tau_ncut=0.3, mode=mode), sample


def no_convergence(*args, **options):
    raise ArpackNoConvergence("no convergence", np.empty(0), np.empty((0, 0)))


@given(
    st.integers(0, 1000),
    st.integers(1, 3),
    st.integers(6, 12),
    st.integers(6, 14),
    st.sampled_from(["binary", "soft"]),
    st.floats(0.1, 0.9),
)
def test_lanczos_finds_the_vector_of_the_dense_generalised_solver(seed, n_objects, h, w, mode, noise):
    weights, _ = weights_of((h, w), n_objects, seed=seed, noise=noise, mode=mode)
    expected, value, gap = dense_second_eigenpair(weights)
    assume(gap > 1e-3)  # nearer together the vector is not determined
    x, eigenvalue, solver = second_eigenvector(weights)
    assert solver == "lanczos"
    assert cosine(x, expected) >= TOLERANCE["eigenvector"]
    assert eigenvalue == pytest.approx(value, abs=TOLERANCE["eigenvalue"])


@given(st.integers(0, 1000), st.sampled_from([(1, 3), (2, 2), (3, 3), (4, 5), (5, 6)]))
def test_tiny_graphs_agree_with_the_dense_generalised_solver(seed, grid):
    n = grid[0] * grid[1]
    assert n < DENSE_BELOW
    w = np.random.default_rng(seed).uniform(0.01, 1, (n, n)).astype(np.float32)
    w = np.maximum(w, w.T)
    expected, value, gap = dense_second_eigenpair(w)
    assume(gap > 1e-3)
    x, eigenvalue, solver = second_eigenvector(w)
    assert solver == "dense"
    assert cosine(x, expected) >= TOLERANCE["eigenvector"]
    assert eigenvalue == pytest.approx(value, abs=TOLERANCE["eigenvalue"])


def test_two_patches_are_cut_in_two():
    cut = bipartition(np.array([[1.0, 0.2], [0.2, 1.0]], np.float32), (1, 2))
    assert np.count_nonzero(cut.mask) == 1
    assert cut.eigenvalue == pytest.approx(2 * 0.2 / 1.2, abs=1e-6)


def test_the_eigenvector_has_unit_length_and_solves_the_generalised_equation():
    weights, _ = weights_of()
    x, value, _ = second_eigenvector(weights)
    w = weights.astype(np.float64)
    degree = w.sum(axis=1)
    assert np.linalg.norm(x) == pytest.approx(1)
    assert np.abs(degree * x - w @ x - value * degree * x).max() < 1e-2 * np.abs(degree * x).max()
    assert abs(degree @ x) < 1e-4 * degree.sum() * np.abs(x).max()  # D-orthogonal to the constant vector


def test_the_result_is_the_same_on_every_call():
    weights, sample = weights_of((16, 16), 3)
    first, second = bipartition(weights, sample.grid), bipartition(weights.copy(), sample.grid)
    assert (first.eigenvector == second.eigenvector).all()
    assert first.eigenvalue == second.eigenvalue
    assert (first.mask == second.mask).all()


def test_the_global_random_state_is_neither_read_nor_moved():
    weights, sample = weights_of()
    before: Any = np.random.get_state()  # noqa: NPY002 - the legacy state is what is watched
    first = bipartition(weights, sample.grid)
    after: Any = np.random.get_state()  # noqa: NPY002
    assert (after[1] == before[1]).all()
    np.random.seed(99)  # noqa: NPY002
    assert (bipartition(weights, sample.grid).eigenvector == first.eigenvector).all()


def test_the_dense_solver_takes_over_where_lanczos_does_not_converge(monkeypatch):
    weights, sample = weights_of()
    fast = bipartition(weights, sample.grid)
    monkeypatch.setattr(ncut, "eigsh", no_convergence)
    slow = bipartition(weights, sample.grid)
    assert (fast.solver, slow.solver) == ("lanczos", "dense")
    assert cosine(fast.eigenvector, slow.eigenvector) >= TOLERANCE["eigenvector"]
    assert slow.eigenvalue == pytest.approx(fast.eigenvalue, abs=TOLERANCE["eigenvalue"])
    assert (fast.mask == slow.mask).all()


def test_one_object_is_cut_from_its_background():
    weights, sample = weights_of((14, 14), 1, noise=0.2)
    cut = bipartition(weights, sample.grid)
    assert iou(cut.mask, sample.labels > 0) == 1
    assert cut.mask[cut.seed]
    assert cut.corners == 0
    assert (cut.component == cut.mask).all()
    assert 0 <= cut.eigenvalue < 0.05


@pytest.mark.parametrize("n", [20, 80])
def test_a_disconnected_graph_is_cut_along_its_parts(n):
    """Without the floor ε, λ₂ is 0; the cut must still separate whole parts."""
    part = np.arange(n) < n // 4
    w = (part[:, None] == part[None, :]).astype(np.float32)
    cut = bipartition(w, (1, n))
    assert cut.eigenvalue == pytest.approx(0, abs=1e-6)
    assert (cut.mask[0] == part).all() or (cut.mask[0] == ~part).all()


def test_a_disconnected_graph_of_unequal_links_is_cut_along_its_parts():
    rng = np.random.default_rng(5)
    for n in (16, 60):
        part = np.arange(n) < n // 3
        w = rng.uniform(0.2, 1, (n, n)) * (part[:, None] == part[None, :])
        cut = bipartition(np.maximum(w, w.T).astype(np.float32), (1, n))
        assert (cut.mask[0] == part).all() or (cut.mask[0] == ~part).all(), n


def blocks(sizes: list[int], between: float, *, seed: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Links of 1, or of random weights, inside each block and of `between` across; and each node's block."""
    part = np.repeat(np.arange(len(sizes)), sizes)
    inside = np.ones((part.size, part.size))
    if seed is not None:
        inside = np.random.default_rng(seed).uniform(0.3, 1, inside.shape)
        inside = np.maximum(inside, inside.T)
    return np.where(part[:, None] == part[None, :], inside, between).astype(np.float32), part


@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(0, 1000), st.booleans())
def test_unlinked_parts_are_never_divided(sizes, seed, plain):
    """The eigenvalue 0 occurs once per part. Any linear combination is a solution, but no part may be divided."""
    w, part = blocks(sizes, 0.0, seed=None if plain else seed)
    cut = bipartition(w, (1, part.size))
    assert cut.eigenvalue == pytest.approx(0, abs=1e-5)
    assert cut.mask.any()
    assert not cut.mask.all()
    for number in range(len(sizes)):
        assert len(set(cut.mask[0][part == number].tolist())) == 1


@given(st.integers(2, 5), st.integers(2, 24), st.sampled_from([1e-5, 1e-3, 0.1, 0.5]))
def test_a_vector_of_a_repeated_eigenvalue_lies_in_its_space(count, size, between):
    """Equal blocks: λ₂ = λ₃ = …; the vector must be a linear combination of those of the dense solver."""
    w, _ = blocks([size] * count, between)
    degree = w.sum(axis=1, dtype=np.float64)
    x, value, _ = second_eigenvector(w)
    values, vectors = scipy.linalg.eigh(np.diag(degree) - w.astype(np.float64), np.diag(degree))
    assert value == pytest.approx(values[1], abs=TOLERANCE["eigenvalue"])
    space = vectors[:, 1:][:, values[1:] < values[1] + 1e-6]  # D-orthonormal
    within = space @ (space.T @ (degree * x))
    assert cosine(within, x) >= TOLERANCE["eigenvector"]


def test_unlinked_parts_with_the_epsilon_floor_are_solved_correctly():
    sample = blobs((12, 12), 2, noise=0.0)
    weights = graph_weights(cosine_affinity(sample.vectors), tau_ncut=0.5)
    expected, value, _ = dense_second_eigenpair(weights)
    x, eigenvalue, _ = second_eigenvector(weights)
    assert cosine(x, expected) >= TOLERANCE["eigenvector"]
    assert eigenvalue == pytest.approx(value, abs=TOLERANCE["eigenvalue"])


def test_a_graph_without_structure_gives_a_finite_answer():
    cut = bipartition(np.ones((64, 64), np.float32), (8, 8))
    assert np.isfinite(cut.eigenvector).all()
    assert 0 <= cut.eigenvalue <= 2


def test_the_mask_is_where_the_eigenvector_is_above_its_mean():
    x = np.array([[0.0, 1.0, 5.0], [0.0, 1.0, 2.0]])
    oriented, mask, flipped, _ = orient(x, np.ones((2, 3), bool))
    assert not flipped
    assert (oriented == x).all()
    assert (mask == (x > 1.5)).all()


def test_a_vector_whose_largest_entry_is_negative_is_flipped():
    x = np.full((4, 4), 0.1)
    x[1, 1] = -3.0
    oriented, mask, flipped, corners = orient(x, np.ones((4, 4), bool))
    assert flipped
    assert corners == 0
    assert np.argwhere(mask).tolist() == [[1, 1]]
    assert (oriented == -x).all()


@pytest.mark.parametrize(
    ("bright_corners", "flip"), [([0], False), ([0, 1], False), ([0, 1, 2], True), ([0, 1, 2, 3], True)]
)
def test_three_foreground_corners_flip_the_vector(bright_corners, flip):
    x = np.zeros((5, 5))
    x[2, 2] = 4.0  # the seed is in B, so corners alone decide
    for corner in bright_corners:
        x[[(0, 0), (0, -1), (-1, 0), (-1, -1)][corner]] = 3.0
    _, mask, flipped, corners = orient(x, np.ones((5, 5), bool))
    assert flipped is flip
    assert corners == (4 - len(bright_corners) if flip else len(bright_corners))
    assert mask[2, 2] is not np.bool_(flip)


def test_a_vector_that_both_rules_concern_is_flipped_once():
    x = np.zeros((5, 5))
    x[2, 2] = -9.0
    _, mask, flipped, corners = orient(x, np.ones((5, 5), bool))
    assert flipped
    assert corners == 0
    assert np.argwhere(mask).tolist() == [[2, 2]]


@given(st.integers(0, 500))
def test_orientation_does_not_depend_on_the_sign_that_the_solver_returns(seed):
    x = np.random.default_rng(seed).standard_normal((6, 7))
    nodes = np.ones((6, 7), bool)
    a, mask_a, _, _ = orient(x, nodes)
    b, mask_b, _, _ = orient(-x, nodes)
    assert (a == b).all()
    assert (mask_a == mask_b).all()


def test_corners_outside_the_graph_do_not_count():
    x = np.full((5, 5), 3.0)
    x[1:4, 1:4] = 0.0
    x[2, 2] = 4.0
    nodes = np.ones((5, 5), bool)
    nodes[0, 0] = nodes[0, -1] = False
    _, mask, flipped, corners = orient(x, nodes)
    assert not flipped
    assert corners == 2
    assert not mask[0, 0]


def test_nodes_outside_the_graph_are_nan_and_do_not_change_the_cut():
    weights, sample = weights_of((10, 12), 2, noise=0.4)
    nodes = sample.labels != 1
    cut = bipartition(weights, sample.grid, nodes=nodes)
    index = np.flatnonzero(nodes)
    separate, value, _ = second_eigenvector(weights[np.ix_(index, index)])
    assert (np.isnan(cut.eigenvector) == ~nodes).all()
    assert cosine(cut.eigenvector[nodes], separate) == pytest.approx(1)
    assert cut.eigenvalue == pytest.approx(value)
    assert not cut.mask[~nodes].any()
    assert nodes[cut.seed]
    assert iou(cut.mask, sample.labels == 2) > 0.9


def test_the_component_is_the_4_connected_part_of_the_seed():
    sample = blobs((10, 24), 2, noise=0.3, same=True)
    weights = graph_weights(cosine_affinity(sample.vectors), tau_ncut=0.3)
    cut = bipartition(weights, sample.grid)
    assert iou(cut.mask, sample.labels > 0) > 0.95  # two discs of one kind in one semantic region
    assert iou(cut.component, sample.labels == sample.labels[cut.seed]) > 0.95


@given(st.integers(0, 200))
def test_a_bipartition_is_consistent_with_itself(seed):
    weights, sample = weights_of((7, 9), 2, seed=seed, noise=0.8)
    cut = bipartition(weights, sample.grid)
    assert cut.mask.any()
    assert not cut.mask.all()
    assert cut.mask[cut.seed]
    assert cut.eigenvector[cut.seed] == cut.eigenvector.max()
    assert (cut.component & ~cut.mask).sum() == 0
    assert cut.component[cut.seed]
    assert cut.corners <= 3 or cut.flipped


@pytest.mark.parametrize("n", [3, 40, 150])
def test_the_spectrum_is_that_of_the_dense_generalised_problem(n):
    points = np.random.default_rng(n).standard_normal((n, 3))
    weights = np.exp(-((points[:, None] - points[None]) ** 2).sum(-1)).astype(np.float32)
    degree = np.diag(weights.sum(axis=1, dtype=np.float64))
    dense = scipy.linalg.eigh(degree - weights.astype(np.float64), degree, eigvals_only=True)
    found = spectrum(weights, count=8)
    assert found.shape == (min(8, n),)
    np.testing.assert_allclose(found, dense[: min(8, n)], atol=1e-3)
