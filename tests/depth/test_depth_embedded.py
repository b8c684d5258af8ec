"""The embedded depth head: the right way round, one backbone pass for two uses, and the figures of its model card."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from cuts3d import CutS3DConfig, Explorer
from cuts3d.backbones import vit
from cuts3d.depth import estimate_depth, get_depth, read_depth
from cuts3d.depth.embedded import WEIGHTS
from cuts3d.depth.head import STEEPER, fit_to_photo, output_size, sharpen, steepen
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


@pytest.mark.parametrize("name", ["embedded", "none"])
def test_a_depth_map_names_the_estimator_that_made_it(name: str) -> None:
    assert estimate_depth(make_scene("two boxes").image, name).source == name


def test_a_given_depth_map_names_no_estimator() -> None:
    assert read_depth(np.ones((8, 8), np.float32)).source == ""


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
    from cuts3d.io.photos import read_image
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
def test_on_measured_depth_its_error_is_no_larger_than_the_teachers_and_its_borders_are_better() -> None:
    pytest.importorskip("onnxruntime")
    from training.depth_head.evaluate import rgbd_figures
    from training.depth_head.teachers import load_teacher

    folder = SHARED / "data" / "rgbd"
    teacher = rgbd_figures(load_teacher(f"onnx:{SHARED / 'models' / 'tcmonodepth_small_192x320.onnx'}"), folder)
    ours = rgbd_figures(lambda photo: estimate_depth(photo).values, folder)
    assert ours["absrel"] <= teacher["absrel"]
    assert ours["edge_f"] > 1.2 * teacher["edge_f"]


def rows(profile: torch.Tensor, height: int = 40) -> torch.Tensor:
    """Depth that is the same in every row; float [1, height, n]."""
    return profile.float().repeat(1, height, 1)


def test_a_steep_ramp_becomes_steeper_about_its_middle_and_its_sides_stay() -> None:
    ramp = rows(torch.clamp((torch.arange(80) - 36.5) / 6, 0, 1))
    out = steepen(ramp)
    torch.testing.assert_close(out[..., :36], torch.zeros(1, 40, 36))
    torch.testing.assert_close(out[..., 44:], torch.ones(1, 40, 36))
    assert out[0, 20].diff().max() == pytest.approx(STEEPER / 6, rel=0.01)
    torch.testing.assert_close(out + out.flip(2), torch.ones_like(out))
    torch.testing.assert_close(steepen(ramp * 30 - 7), out * 30 - 7, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("turned", [False, True])
def test_a_floor_stays_a_slope(turned: bool) -> None:
    slope = rows(torch.linspace(0, 1, 238), 238)
    slope = slope.transpose(1, 2) if turned else slope
    torch.testing.assert_close(steepen(slope), slope)


def test_depth_follows_the_borders_of_the_photo() -> None:
    ramp = rows(torch.clamp((torch.arange(40) - 16) / 4, 0, 1))
    photo = rows((torch.arange(40) >= 17).float())[:, None].repeat(1, 3, 1, 1)
    out = fit_to_photo(ramp, photo)
    assert out[0, 20, 17] - out[0, 20, 16] > 1.5 * (ramp[0, 20, 17] - ramp[0, 20, 16])
    torch.testing.assert_close(out[0, :, 30:], ramp[0, :, 30:])


@pytest.mark.parametrize("side", [24, 25, 238])
def test_sharpening_keeps_the_range_and_each_photo_of_a_batch_to_itself(side: int) -> None:
    generator = torch.Generator().manual_seed(0)
    smooth = (
        torch.rand(2, (side + 1) // 2, (side + 1) // 2, generator=generator) * torch.tensor([1.0, 9])[:, None, None]
    )
    guide = torch.rand(2, 3, side, side, generator=generator)
    out = sharpen(smooth, guide)
    assert out.shape == (2, side, side)
    for one, before, photo in zip(out, smooth, guide, strict=True):
        assert before.min() - 1e-5 <= one.min() <= one.max() <= before.max() + 1e-5
        torch.testing.assert_close(one, sharpen(before[None], photo[None])[0])


def test_constant_depth_stays_constant() -> None:
    torch.testing.assert_close(
        sharpen(torch.full((1, 12, 12), 3.0), torch.rand(1, 3, 24, 24)), torch.full((1, 24, 24), 3.0)
    )
