"""The embedded depth head: the right way round, one backbone pass for two uses, and the figures of its model card."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from cuts3d import CutS3DConfig, Explorer
from cuts3d.backbones import vit
from cuts3d.depth import estimate_depth, get_depth
from cuts3d.depth.embedded import WEIGHTS
from cuts3d.depth.head import output_size
from cuts3d.grids import resize_map
from cuts3d.scenes import SCENES, make_scene

SHARED = WEIGHTS.parents[3] / "shared"
needs_shared = pytest.mark.skipif(
    not (SHARED / "data" / "rgbd").is_dir(), reason="the development data (../shared/data) is not on this machine"
)


@pytest.mark.parametrize("name", list(SCENES))
def test_near_and_far_are_the_right_way_round(name: str) -> None:
    scene = make_scene(name)
    depth = estimate_depth(scene.image)
    assert depth.kind == "disparity"
    predicted = resize_map(depth.inverse(), scene.depth.shape)
    assert spearmanr(predicted.ravel()[::7], (1 / scene.depth).ravel()[::7]).statistic > 0.7


def test_one_backbone_pass_serves_semantics_and_depth(monkeypatch) -> None:
    calls = []
    original = vit.ViTBackbone.forward
    monkeypatch.setattr(vit.ViTBackbone, "forward", lambda *a, **k: calls.append(1) or original(*a, **k))
    Explorer(make_scene("two boxes").image, CutS3DConfig().replace(crf=False)).update()
    assert len(calls) == 1


def test_depth_without_features_runs_the_backbone_itself() -> None:
    image = make_scene("two boxes").image
    result = Explorer(image, CutS3DConfig().replace(crf=False)).update()
    np.testing.assert_allclose(estimate_depth(image).values, result.depth.values, atol=1e-5)


def test_other_grids_give_finer_depth() -> None:
    image = make_scene("two boxes").image
    result = Explorer(image, CutS3DConfig().replace(crf=False, image_size=336)).update()
    assert result.depth.values.shape == (output_size(24), output_size(24))


def test_the_weights_are_small_and_declared() -> None:
    assert WEIGHTS.stat().st_size < 12e6
    spec = get_depth("embedded")
    assert spec.embedded
    assert "taught" in spec.trained_on
    assert (WEIGHTS.parent / "README.md").is_file()


@needs_shared
@pytest.mark.slow
def test_it_agrees_with_its_teacher_on_photos_it_never_saw() -> None:
    pytest.importorskip("onnxruntime")
    from cuts3d.image_io import read_image
    from training.depth_head.teachers import load_teacher
    from training.depth_head.views import is_held_out

    teacher = load_teacher(f"onnx:{SHARED / 'models' / 'tcmonodepth_small_192x320.onnx'}")
    photos = sorted((SHARED / "data" / "scenes_unlabelled").glob("*.jpg"))
    scores = []
    for path in [p for p in photos if is_held_out(p)][:24]:
        photo = read_image(path)
        depth = estimate_depth(photo).values
        scores.append(spearmanr(depth.ravel(), resize_map(teacher(photo), depth.shape).ravel()).statistic)
    assert np.median(scores) >= 0.95


@needs_shared
@pytest.mark.slow
def test_its_error_on_measured_depth_is_within_ten_percent_of_the_teachers() -> None:
    pytest.importorskip("onnxruntime")
    from training.depth_head.evaluate import rgbd_figures
    from training.depth_head.teachers import load_teacher

    folder = SHARED / "data" / "rgbd"
    teacher = load_teacher(f"onnx:{SHARED / 'models' / 'tcmonodepth_small_192x320.onnx'}")
    ours = rgbd_figures(lambda photo: estimate_depth(photo).values, folder)
    assert ours["absrel"] <= 1.1 * rgbd_figures(teacher, folder)["absrel"]
