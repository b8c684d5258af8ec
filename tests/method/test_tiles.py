"""Matrices computed tile by tile, compared with the same computed at once."""

from pathlib import Path

import numpy as np
import pytest
import torch
from at_defaults import cosine_affinity, normalise_features, sharpen_affinity

from cuts3d.method.tiles import TILE, row_sums, symmetric_matrix

SIZES = (1, TILE - 1, TILE, TILE + 1, 2 * TILE + 37)


@pytest.mark.parametrize("size", SIZES)
def test_tiles_of_any_number_fill_the_whole_matrix(size):
    values = torch.rand(size, size, generator=torch.Generator().manual_seed(size))
    whole = torch.maximum(values, values.T)
    assert (symmetric_matrix(size, lambda rows, columns: whole[rows, columns]) == whole).all()


def test_entries_that_round_differently_across_the_diagonal_become_equal():
    values = torch.rand(TILE + 9, TILE + 9, generator=torch.Generator().manual_seed(1))
    sample = symmetric_matrix(TILE + 9, lambda rows, columns: values[rows, columns])
    assert (sample == sample.T).all()


@pytest.mark.parametrize("shape", [(1, 5), (TILE + 3, 70), (3, TILE + 1, 6)])
def test_row_sums_are_those_in_float64(shape):
    matrix = torch.rand(shape, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(row_sums(matrix), matrix.double().sum(dim=-1), rtol=1e-12, atol=0)


def test_affinity_and_sharpening_over_several_tiles_are_those_of_the_formulas():
    n = 2 * TILE + 37
    rng = np.random.default_rng(3)
    vectors, importance = rng.standard_normal((n, 8)), rng.uniform(0.45, 1, (1, n)).astype(np.float32)
    unit = normalise_features(vectors).astype(np.float64)
    cosines = np.clip(unit @ unit.T, 0, 1)
    affinity = cosine_affinity(vectors)
    assert np.allclose(affinity, cosines, atol=1e-6)
    exponent = 1 - importance.T.astype(np.float64) * importance
    expected = np.where(affinity > 0, affinity.astype(np.float64) ** exponent, 0)
    sharpened = sharpen_affinity(affinity, importance)
    assert np.allclose(sharpened, expected, atol=1e-5)
    assert (sharpened == sharpened.T).all()


@pytest.mark.parametrize("stage", ["affinity", "sharpening", "row sums"])
def test_no_temporary_array_is_as_large_as_the_matrix(stage):
    n = 5000  # 100 MB
    affinity = np.full((n, n), 0.5, np.float32)
    importance, vectors = np.full((50, 100), 0.5, np.float32), np.ones((n, 4), np.float32)
    work = {
        "affinity": (lambda: cosine_affinity(vectors), 1),
        "sharpening": (lambda: sharpen_affinity(affinity, importance), 1),
        "row sums": (lambda: row_sums(torch.from_numpy(affinity)), 0),
    }
    call, results = work[stage]
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = _kilobytes("VmRSS")
    call()
    assert _kilobytes("VmHWM") - before < (results + 0.4) * affinity.nbytes / 1e3


def _kilobytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field)))
