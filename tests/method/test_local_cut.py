"""LocalCut (method 1.5): terminals, the component that is kept, trivial cuts, wrong input."""

import numpy as np
import pytest
from at_defaults import choose_terminals, cut_of, k_nearest_graph
from helpers import chain
from hypothesis import assume, given
from hypothesis import strategies as st

from cuts3d.errors import InputError
from cuts3d.method.local_cut import eigenvector_on, keep_seed_part
from cuts3d.types import Bipartition, KnnGraph, PointCloud

seeds = st.integers(0, 10_000)
FORMS = st.sampled_from(["gaussian", "euclidean"])


def test_single_terminals_are_the_largest_and_the_smallest_signed_entry():
    x = np.array([[0.1, 0.9, -0.05], [0.4, -0.7, 0.0]])
    sources, sinks = choose_terminals(x, x > 0, terminals="single")
    assert sources.tolist() == [1]
    assert sinks.tolist() == [4]  # not the smallest absolute value, which is 0.0


@given(seeds, st.floats(0, 0.2), st.integers(3, 12), st.integers(3, 12))
def test_terminals_are_the_extremes_inside_and_outside_the_region(seed, fraction, h, w):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((h, w))
    region = x > 0
    assume(region.any() and not region.all())
    sources, sinks = choose_terminals(x, region, fraction=fraction)
    count = max(1, round(fraction * h * w))
    flat, inside = x.ravel(), region.ravel()
    assert sorted(flat[sources])[::-1] == sorted(flat[inside])[::-1][:count]
    assert sorted(flat[sinks]) == sorted(flat[~inside])[:count]
    assert flat[sources[0]] == flat[inside].max()


@given(seeds)
def test_terminals_are_disjoint_and_never_outside_the_graph(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((6, 6))
    x[rng.random((6, 6)) < 0.3] = np.nan
    region = (np.nan_to_num(x) > 0) & ~np.isnan(x)
    assume(region.any())
    sources, sinks = choose_terminals(x, region, fraction=0.2)
    assert not set(sources) & set(sinks)
    assert not np.isnan(x.ravel()[np.concatenate([sources, sinks])]).any()
    assert region.ravel()[sources].all()


def test_ties_go_to_the_lower_index():
    x = np.array([[-1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])
    sources, sinks = choose_terminals(x, x > 0, fraction=0.34)
    assert sources.tolist() == [1, 2]
    assert sinks.tolist() == [0, 4]


def test_a_region_that_is_the_whole_graph_still_has_a_sink():
    x = np.arange(9.0).reshape(3, 3)
    sources, sinks = choose_terminals(x, np.ones((3, 3), bool), terminals="single")
    assert (sources.tolist(), sinks.tolist()) == ([8], [0])


def test_the_kept_part_is_the_source_side_within_b_around_the_strongest_source():
    side = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], bool)
    region = np.array([[1, 1, 1, 1], [0, 1, 1, 1]], bool)
    kept = keep_seed_part(side.ravel(), region, np.array([1, 3]))
    assert kept.astype(int).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]


def two_planes() -> tuple[KnnGraph, np.ndarray, np.ndarray]:
    """12×12 points: the region is columns 2-5 (near) and 6-9 (far), the rest is background."""
    region = np.zeros((12, 12), bool)
    region[2:10, 2:10] = True
    y, x = np.meshgrid(np.arange(12) / 12, np.arange(12) / 12, indexing="ij")
    z = np.where(region, np.where(np.arange(12)[None, :] < 6, 0.0, 0.5), 2.0)
    graph = k_nearest_graph(
        PointCloud(points=np.stack([x, y, z], -1).reshape(-1, 3), grid_shape=(12, 12)), k_neighbors=8
    )
    eigenvector = np.where(region, 1.0 + 0.01 * x, -1.0 - 0.01 * y)
    eigenvector[4, 3] = 3.0
    return graph, eigenvector, region


def test_a_depth_step_inside_a_region_ends_the_cut():
    graph, eigenvector, region = two_planes()
    cut = cut_of(graph, eigenvector, region, tau_knn=0.15, component=region)
    assert cut.fallback == ""
    assert not cut.connected
    assert cut.flow == 0
    near = region & (np.arange(12) < 6)[None, :]
    assert (cut.mask == near).all()
    assert cut.sources.tolist() == [4 * 12 + 3]


def test_a_second_source_on_another_object_does_not_join_that_object_to_the_mask():
    """Objects of one class have equally large entries: sources lie on both objects, the strongest one on the first."""
    graph, eigenvector, region = two_planes()
    eigenvector[4, 7] = 2.9  # on the far plane
    cut = cut_of(graph, eigenvector, region, tau_knn=0.15, terminal_fraction=2 / 144, component=region)
    assert len(cut.sources) == 2
    near = region & (np.arange(12) < 6)[None, :]
    assert (cut.mask == near).all()


def test_a_cut_that_keeps_almost_nothing_falls_back_to_the_component():
    graph, eigenvector, region = two_planes()
    cut = cut_of(graph, eigenvector, region, tau_knn=0.001, component=region)
    assert "almost nothing" in cut.fallback
    assert (cut.mask == region).all()


def test_without_a_component_the_trivial_cut_stays():
    graph, eigenvector, region = two_planes()
    cut = cut_of(graph, eigenvector, region, tau_knn=0.001)
    assert cut.fallback == ""
    assert np.argwhere(cut.mask).tolist() == [[4, 3]]


def test_a_cut_that_separates_the_sink_only_falls_back_to_the_component():
    region = np.zeros((6, 6), bool)
    region[:5] = True
    eigenvector = np.where(region, 1.0, -1.0)
    eigenvector[2, 2], eigenvector[5, 5] = 2.0, -2.0
    lengths = [0.01] * 34 + [0.05]
    cut = cut_of(chain(lengths), eigenvector, region, tau_knn=1, terminals="single", component=region)
    assert "sink only" in cut.fallback
    assert (cut.mask == region).all()
    assert cut.connected


def test_the_least_area_decides_what_is_trivial():
    graph, eigenvector, region = two_planes()
    near = np.count_nonzero(region) // 2
    options = {"tau_knn": 0.15, "component": region}
    assert cut_of(graph, eigenvector, region, min_area=(near - 1) / 144, **options).fallback == ""
    assert cut_of(graph, eigenvector, region, min_area=near / 144, **options).fallback != ""


@given(seeds, FORMS, st.sampled_from(["single", "fraction"]))
def test_a_cut_stays_within_its_region_and_holds_its_strongest_source(seed, form, terminals):
    rng = np.random.default_rng(seed)
    eigenvector = rng.standard_normal((7, 8))
    region = eigenvector > 0.2
    assume(region.any())
    cloud = PointCloud(points=rng.uniform(0, 1, (56, 3)), grid_shape=(7, 8))
    cut = cut_of(
        k_nearest_graph(cloud, k_neighbors=6), eigenvector, region, tau_knn=0.4, capacity=form, terminals=terminals
    )
    assert not (cut.mask & ~region).any()
    assert cut.mask.ravel()[cut.sources[0]]
    assert cut.flow >= 0
    assert cut.connected or cut.flow == 0


def partition_of(eigenvector: np.ndarray) -> Bipartition:
    mask = eigenvector > 0
    return Bipartition(
        eigenvector=eigenvector, mask=mask, eigenvalue=0.0, seed=(0, 0), corners=0, flipped=False, solver="dense",
        component=mask,
    )  # fmt: skip


@pytest.mark.parametrize("case", ["empty", "outside of the graph"])
def test_a_region_without_a_point_to_cut_from_is_refused(case):
    region = np.array([[False, False, case != "empty"]])
    with pytest.raises(InputError, match="this region has none"):
        cut_of(chain([0.01, 0.01]), np.array([[0.5, -0.5, np.nan]]), region)


def test_the_eigenvector_on_its_own_grid_is_unchanged():
    x = np.random.default_rng(0).standard_normal((4, 5))
    assert eigenvector_on(partition_of(x), (4, 5)) is x


def test_a_finer_eigenvector_is_nan_where_nodes_left_the_graph_and_not_mixed_next_to_them():
    x = np.full((4, 4), 2.0)
    x[:, :2] = np.nan
    fine = eigenvector_on(partition_of(x), (16, 16))
    assert fine.dtype == np.float64
    assert np.isnan(fine[:, :7]).all()
    assert np.allclose(fine[:, 9:], 2.0, atol=1e-5)
    assert np.nanmax(np.abs(fine - 2.0)) < 1e-5
