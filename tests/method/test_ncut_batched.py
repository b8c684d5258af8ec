"""NCuts in a batch, compared with the dense solver and with single NCuts (method 1.4)."""

from typing import Literal

import numpy as np
import pytest
import scipy.linalg
import torch
from at_defaults import cosine_affinity, graph_weights
from helpers import blobs

import cuts3d.run.scene
from cuts3d.config import CutS3DConfig
from cuts3d.depth import estimate_depth
from cuts3d.extract.first_cuts import provide_first_cuts
from cuts3d.memo import Memo
from cuts3d.method.ncut import bipartition
from cuts3d.method.ncut_batched import bipartitions, second_eigenvectors
from cuts3d.run.methods import find_masks
from cuts3d.run.pipeline import run_pipeline
from cuts3d.scenes import SCENES, make_scene

GRID = (14, 17)


def graphs(count: int, mode: Literal["binary", "soft"] = "binary") -> np.ndarray:
    """Graphs of synthetic features, float32 [B, n, n]."""
    sample = [blobs(GRID, 1 + seed % 3, seed=seed, noise=0.6) for seed in range(count)]
    return np.stack([graph_weights(cosine_affinity(m.vectors), tau_ncut=0.3, mode=mode) for m in sample])


@pytest.mark.parametrize("mode", ["binary", "soft"])
def test_eigenpairs_are_those_of_the_dense_solver(mode):
    weights = graphs(6, mode)
    found, values, converged = second_eigenvectors(torch.from_numpy(weights))
    assert converged.all()
    for w, x, value in zip(weights.astype(np.float64), found.numpy(), values.numpy(), strict=True):
        d = np.diag(w.sum(axis=1))
        expected, vectors = scipy.linalg.eigh(d - w, d, subset_by_index=(1, 1))
        assert value == pytest.approx(expected[0], abs=1e-5)
        cosine = abs(x @ vectors[:, 0]) / np.linalg.norm(x) / np.linalg.norm(vectors[:, 0])
        assert cosine > 1 - 1e-5


def test_bipartitions_do_not_depend_on_the_batch():
    weights = graphs(5)
    together = bipartitions(torch.from_numpy(weights), GRID)
    for w, cut in zip(weights, together, strict=True):
        plain = bipartition(w, GRID)
        assert (cut.mask == plain.mask).all()
        assert (cut.component == plain.component).all()
        assert cut.corners == plain.corners
        assert cut.eigenvector[plain.seed] == pytest.approx(cut.eigenvector[cut.seed], abs=1e-4)  # patches alike tie
        assert cut.eigenvalue == pytest.approx(plain.eigenvalue, abs=1e-5)
        (separate,) = bipartitions(torch.from_numpy(w[None]), GRID)
        assert (separate.mask == cut.mask).all()


def test_graphs_that_do_not_converge_go_to_the_other_solver(monkeypatch):
    weights = torch.from_numpy(graphs(2))
    *_, converged = second_eigenvectors(weights, steps=3)
    assert not converged.any()
    monkeypatch.setattr("cuts3d.method.ncut_batched.TOLERANCE", 0.0)
    monkeypatch.setattr(second_eigenvectors, "__kwdefaults__", {"steps": 3, "tolerance": 1e-4})
    for w, cut in zip(weights.numpy(), bipartitions(weights, GRID), strict=True):
        assert (cut.mask == bipartition(w, GRID).mask).all()


def test_graphs_in_two_pieces_are_cut_between_them():
    weights = np.full((2, 40, 40), 1e-5, dtype=np.float32)
    weights[0, :15, :15] = weights[0, 15:, 15:] = 1.0
    weights[1, :25, :25] = weights[1, 25:, 25:] = 1.0
    x, values, _ = second_eigenvectors(torch.from_numpy(weights))
    assert values.numpy() == pytest.approx([0, 0], abs=1e-3)
    signs = np.sign(x.numpy())
    assert len(set(signs[0, :15])) == len(set(signs[0, 15:])) == len(set(signs[1, :25])) == 1
    assert signs[0, 0] != signs[0, -1]


def test_equal_blocks_whose_eigenvalues_coincide_are_cut_between_them():
    parts = np.repeat(np.arange(4), 10)
    weights = np.where(parts[:, None] == parts[None, :], 1.0, 1e-3).astype(np.float32)
    (cut,) = bipartitions(torch.from_numpy(weights[None]), (4, 10))
    assert cut.mask.any()
    assert not cut.mask.all()
    assert all(len(set(row.tolist())) == 1 for row in cut.mask)
    assert cut.eigenvalue == pytest.approx(bipartition(weights, (4, 10)).eigenvalue, abs=1e-5)


@pytest.mark.parametrize("region", ["exhaust", "once", "recursive"])
def test_a_run_uses_the_first_cut_of_the_batch_and_computes_the_others(embedded_network, region):
    config = CutS3DConfig().replace(image_size=224, crf=False, region=region)
    images = [make_scene(name, size=(120, 160)).image for name in SCENES]
    memos = [Memo() for _ in images]
    provide_first_cuts(images, memos, config, "cpu")
    for image, memo in zip(images, memos, strict=True):
        cuts = [step.value for step in run_pipeline(image, config, memo=memo) if step.stage == "ncut"]
        plain = [step.value for step in run_pipeline(image, config) if step.stage == "ncut"]
        assert (cuts[0].mask == plain[0].mask).all()
        assert cuts[0].eigenvalue == pytest.approx(plain[0].eigenvalue, abs=1e-4)
        assert cuts[0].eigenvalue != plain[0].eigenvalue or region == "recursive"  # by another solver
        assert len({id(cut) for cut in cuts}) == len(cuts)
        assert [m.mask.tobytes() for m in find_masks(image, config, memo=memo)]


def fails_on_boxes(image, name, *, features):
    if (image == make_scene("two boxes", size=(60, 80)).image).all():
        raise ZeroDivisionError("by hand")
    return estimate_depth(image, name, features=features)


def test_a_photo_whose_stages_fail_gets_no_cut_and_the_others_are_cut(pixel_config, monkeypatch):
    failing = make_scene("two boxes", size=(60, 80)).image
    monkeypatch.setattr(cuts3d.run.scene, "estimate_depth", fails_on_boxes)
    images = [make_scene("three balls", size=(60, 80)).image, failing, make_scene("four cans", size=(60, 80)).image]
    memos = [Memo() for _ in images]
    provide_first_cuts(images, memos, pixel_config, "cpu")
    for image, memo in zip(images, memos, strict=True):
        if image is not failing:
            list(run_pipeline(image, pixel_config.replace(region="once", max_instances=1), memo=memo))
            assert memo.calls["ncut"] == 0
    provide_first_cuts(images[1:2], memos[1:2], pixel_config, "cpu")
    with pytest.raises(ZeroDivisionError):
        list(run_pipeline(failing, pixel_config, memo=memos[1]))


@pytest.mark.gpu
def test_a_gpu_finds_the_same_cuts():
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    weights = graphs(4)
    for on_gpu, on_cpu in zip(
        bipartitions(torch.from_numpy(weights).cuda(), GRID), bipartitions(torch.from_numpy(weights), GRID), strict=True
    ):
        assert (on_gpu.mask == on_cpu.mask).all()
