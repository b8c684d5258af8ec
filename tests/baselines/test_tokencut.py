"""TokenCut (method 3.2): comparison with a plain, slow implementation, and each rule on small examples."""

import numpy as np
import pytest
import scipy.linalg
from at_defaults import normalise_features
from helpers import best_iou, blobs

from cuts3d.baselines.tokencut import salient_part, tokencut
from cuts3d.errors import InputError


def plain_tokencut(vectors: np.ndarray, grid: tuple[int, int], tau: float) -> np.ndarray:
    """The mask. Independent of the package, dense, in float64, the component by flood fill."""
    unit = vectors.astype(np.float64) / np.linalg.norm(vectors, axis=1, keepdims=True)
    w = np.where(unit @ unit.T > tau, 1.0, 1e-5)
    d = np.diag(w.sum(axis=1))
    x = scipy.linalg.eigh(d - w, d, subset_by_index=(1, 1))[1][:, 0].reshape(grid)
    row, column = (int(i) for i in np.unravel_index(np.abs(x).argmax(), grid))
    b = x > x.mean()
    if not b[row, column]:
        b = ~b
    mask, waiting = np.zeros(grid, bool), [(row, column)]
    while waiting:
        r, c = waiting.pop()
        if 0 <= r < grid[0] and 0 <= c < grid[1] and b[r, c] and not mask[r, c]:
            mask[r, c] = True
            waiting += [(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)]
    return mask


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("n_objects", "noise"), [(1, 0.5), (2, 0.8), (3, 0.8)])
def test_the_mask_equals_that_of_the_plain_implementation(seed, n_objects, noise):
    sample = blobs((13, 17), n_objects, seed=seed, noise=noise)
    masks, scores = tokencut(sample.vectors, grid_shape=sample.grid, tau=0.3, min_area=0)
    assert masks.dtype == np.bool_
    assert masks.shape == (1, 13, 17)
    assert (masks[0] == plain_tokencut(sample.vectors, sample.grid, 0.3)).all()
    assert scores.tolist() == [1.0]


def test_the_mask_equals_that_of_the_plain_implementation_on_a_real_photo(embedded_network, embedded_spec, scene):
    from cuts3d.backbones import extract_features

    features = extract_features(embedded_network, embedded_spec, scene("two boxes").image, image_size=224)
    vectors = normalise_features(features.vectors, center=True)
    masks, _ = tokencut(vectors, grid_shape=(16, 16))
    assert (masks[0] == plain_tokencut(vectors, (16, 16), 0.2)).all()


@pytest.mark.parametrize("seed", range(4))
def test_one_disc_is_found(seed):
    sample = blobs((14, 14), 1, seed=seed, noise=0.3)
    masks, _ = tokencut(sample.vectors, grid_shape=sample.grid, tau=0.3)
    assert best_iou(sample.labels == 1, list(masks)) > 0.9


def test_the_seed_decides_the_side_and_the_sign_does_not_matter():
    x = np.array([[1, 1, 1, 1], [1, -9, 1, -2], [1, -8, 1, 1]], float)
    expected = np.zeros((3, 4), bool)
    expected[1:, 1] = True  # not the -2, which is of the same side but apart
    assert (salient_part(x) == expected).all()
    assert (salient_part(-x) == expected).all()


def test_there_is_no_corner_rule():
    """MaskCut flips a foreground with three corners; TokenCut follows the seed."""
    x = -np.ones((5, 5))
    x[:, 0] = x[0] = 2.0
    x[-1, 0] = 3.0
    assert salient_part(x)[[0, 0, -1], [0, -1, 0]].all()


def test_parts_that_touch_at_a_corner_only_are_two():
    x = -np.ones((4, 4))
    x[1, 1], x[2, 2] = 5.0, 4.0
    assert salient_part(x).sum() == 1


def test_a_mask_below_the_least_area_is_dropped():
    sample = blobs((14, 14), 1, seed=0, noise=0.1)
    fraction = tokencut(sample.vectors, grid_shape=sample.grid, tau=0.3)[0][0].mean()
    assert len(tokencut(sample.vectors, grid_shape=sample.grid, tau=0.3, min_area=fraction)[0]) == 1
    masks, scores = tokencut(sample.vectors, grid_shape=sample.grid, tau=0.3, min_area=fraction + 0.01)
    assert masks.shape == (0, 14, 14)
    assert scores.shape == (0,)


@pytest.mark.parametrize(
    ("vectors", "grid"),
    [
        (np.ones((100, 8)), (10, 10)),
        (np.zeros((100, 8)), (10, 10)),
        (np.random.default_rng(0).standard_normal((4, 8)), (2, 2)),
        (np.random.default_rng(0).standard_normal((12, 8)), (1, 12)),
        (np.eye(36), (6, 6)),  # no two patches are alike: nothing is linked
    ],
)
def test_patches_without_differences_give_no_mask(vectors, grid):
    masks, scores = tokencut(vectors, grid_shape=grid)
    assert masks.shape == (0, *grid)
    assert scores.size == 0


@pytest.mark.parametrize("shape", [(24, 100), (99, 24), (2400,)])
def test_features_that_do_not_fit_the_grid_are_refused_with_both_shapes(shape):
    with pytest.raises(InputError, match=r"must be \[100, C\] for a 10×10 grid"):
        tokencut(np.zeros(shape), grid_shape=(10, 10))
