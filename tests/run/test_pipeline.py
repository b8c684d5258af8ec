"""The whole pipeline: order of the stages, ranges of the values, instances."""

import itertools

import numpy as np
import pytest
from helpers import Photo, best_iou, pixel_spec, squares_photo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuts3d import CutS3D, CutS3DConfig, DepthMap, Segmentation
from cuts3d.backbones import registry
from cuts3d.errors import ConfigError, InputError
from cuts3d.grids import iou
from cuts3d.run.pipeline import run_pipeline
from cuts3d.run.scene import cut_grid
from cuts3d.types import Instance


def segment(image: np.ndarray, config: CutS3DConfig, depth: DepthMap | None = None) -> Segmentation:
    return CutS3D(config).segment(image, depth=depth)


def check_segmentation(found: Segmentation, config: CutS3DConfig) -> None:
    """Check what is true for every result."""
    size = found.image.shape[:2]
    assert len(found.instances) == len(found.confidences) <= config.masks.max_instances
    taken = np.zeros(size, bool)
    for instance, confidence in zip(found.instances, found.confidences, strict=True):
        assert instance.mask.dtype == np.bool_
        assert instance.mask.shape == size
        assert instance.mask.any()
        assert config.masks.region == "recursive" or not (instance.mask & taken).any()
        taken |= instance.mask
        assert instance.confidence.dtype == np.float32
        assert instance.confidence.shape == size
        assert instance.confidence.min() >= 0
        assert instance.confidence.max() <= 1
        assert (instance.confidence[~instance.mask] == 1).all()
        assert type(instance.score) is float
        assert 0 <= instance.score <= 1
        assert instance.mean_confidence == pytest.approx(confidence.mean)
        assert config.masks.score == "distinct" or instance.score <= confidence.mean
        assert instance.coarse_mask.shape == found.cloud.grid_shape
        assert not (instance.coarse_mask & np.isnan(confidence.values)).any()
        assert 0 <= instance.ncut < len(found.bipartitions)
        assert confidence.cuts.shape[0] == config.confidence.num_cuts
        assert instance.area == instance.mask.sum()
    assert all(d.reason for d in found.dropped)
    assert found.num_fallbacks == sum(i.cut.fallback != "" for i in found.instances)


def test_each_square_and_the_bar_become_separate_instances(photo, pixel_config):
    found = segment(photo.image, pixel_config, photo.depth)
    check_segmentation(found, pixel_config)
    assert len(found.instances) == 3
    for label in (1, 2, 3):
        assert best_iou(photo.labels == label, [i.mask for i in found.instances]) > 0.9


def test_without_depth_the_touching_squares_are_one_mask(photo, pixel_config):
    found = segment(photo.image, pixel_config)
    assert best_iou(np.isin(photo.labels, (1, 2)), [i.mask for i in found.instances]) > 0.9


def test_stages_come_in_the_order_of_the_paper(photo, pixel_config):
    steps = list(run_pipeline(photo.image, pixel_config, depth=photo.depth))
    names = [s.stage for s in steps]
    assert names[:5] == ["features", "depth", "importance", "affinity", "sharpened"]
    assert names[5] == "ncut"
    assert names[-1] == "segmentation"
    cutting, refining = names[5 : names.index("coarse")], names[names.index("coarse") + 1 : -1]
    assert set(refining) == {"refine"}
    allowed = {"ncut": {"graph"}, "graph": {"local_cut", "graph", "ncut"}}
    for before, after in itertools.pairwise(cutting):
        assert after in allowed.get(before, {"confidence", "graph", "ncut"})
        assert (before == "local_cut") == (after == "confidence")


def test_the_masks_before_the_crf_are_those_of_a_run_without_it(photo, pixel_config):
    steps = {s.stage: s.value for s in run_pipeline(photo.image, pixel_config.replace(crf=True), depth=photo.depth)}
    without = segment(photo.image, pixel_config.replace(crf=False), depth=photo.depth)
    for before, plain in zip(steps["coarse"].instances, without.instances, strict=True):
        assert (before.mask == plain.mask).all()
        assert before.number == plain.number
    assert any(
        (a.mask != b.mask).any()
        for a, b in zip(steps["coarse"].instances, steps["segmentation"].instances, strict=False)
    )


def test_the_yielded_results_are_those_of_the_segmentation(photo, pixel_config):
    steps = list(run_pipeline(photo.image, pixel_config, depth=photo.depth))
    found = steps[-1].value

    def of(stage):
        return [s for s in steps if s.stage == stage]

    assert of("features")[0].value is found.features
    assert of("depth")[0].value is found.depth is photo.depth
    assert of("importance")[0].value is found.importance
    assert [s.value for s in of("ncut")] == list(found.bipartitions)
    assert [s.index for s in of("ncut")] == list(range(len(found.bipartitions)))
    assert [s.value for s in of("confidence")] == list(found.confidences)
    assert [s.value for s in of("refine")] == list(found.instances)
    assert [s.index for s in of("local_cut")] == list(range(len(of("local_cut"))))


def test_importance_lies_on_the_patch_grid_between_beta_and_1(photo, pixel_config):
    found = segment(photo.image, pixel_config.replace(beta=0.3), photo.depth)
    assert found.importance is not None
    assert found.importance.shape == found.features.grid_shape == (20, 20)
    assert found.importance.min() == pytest.approx(0.3)
    assert found.importance.max() == pytest.approx(1)


@pytest.mark.parametrize("n", [1, 2, 3, 6])
@pytest.mark.parametrize("region", ["exhaust", "once"])
def test_there_are_never_more_than_n_instances(photo, pixel_config, n, region):
    config = pixel_config.replace(max_instances=n, region=region)
    found = segment(photo.image, config, photo.depth)
    check_segmentation(found, config)
    assert len(found.instances) == min(n, 3)


def test_fewer_instances_are_the_first_of_more(photo, pixel_config):
    many = segment(photo.image, pixel_config, photo.depth).instances
    few = segment(photo.image, pixel_config.replace(max_instances=2), photo.depth).instances
    assert all((a.mask == b.mask).all() for a, b in zip(few, many, strict=False))


def test_exhaust_takes_several_instances_from_one_region_and_once_takes_one(photo, pixel_config):
    exhaust = segment(photo.image, pixel_config, photo.depth)
    once = segment(photo.image, pixel_config.replace(region="once"), photo.depth)
    assert [i.ncut for i in exhaust.instances] == [0, 0, 0]
    assert [i.ncut for i in once.instances] == [0, 1, 2]


def test_once_removes_the_cut_and_not_the_whole_region_from_the_graph(photo, pixel_config):
    found = segment(photo.image, pixel_config.replace(region="once"), photo.depth)
    gone = np.isnan(found.bipartitions[1].eigenvector)
    assert (gone == found.instances[0].coarse_mask).all()


def test_exhaust_removes_the_whole_region_before_the_next_cut(photo, pixel_config):
    found = segment(photo.image, pixel_config.replace(max_instances=6), photo.depth)
    assert len(found.bipartitions) > 1
    gone = np.isnan(found.bipartitions[1].eigenvector)
    assert (gone & found.bipartitions[0].mask).sum() == found.bipartitions[0].mask.sum()


def test_two_runs_give_the_same_result_to_the_last_bit(photo, pixel_config):
    a, b = (segment(photo.image, pixel_config.replace(crf=True), photo.depth) for _ in range(2))
    assert len(a.instances) == len(b.instances) > 0
    for first, second in zip(a.instances, b.instances, strict=True):
        assert (first.mask == second.mask).all()
        assert (first.confidence == second.confidence).all()
        assert first.score == second.score
    assert all((p.eigenvector == q.eigenvector).all() for p, q in zip(a.bipartitions, b.bipartitions, strict=True))


def test_max_ncut_stops_the_search_at_the_first_larger_ncut_value(photo, pixel_config):
    free = segment(photo.image, pixel_config.replace(region="once", max_instances=6), photo.depth)
    values = [b.eigenvalue for b in free.bipartitions]
    limit = (values[1] + values[2]) / 2
    found = segment(photo.image, pixel_config.replace(region="once", max_instances=6, max_ncut=limit), photo.depth)
    assert len(found.instances) == 2
    assert found.dropped[-1].ncut == 2
    assert "NCut value" in found.dropped[-1].reason


def test_a_rejected_cut_has_a_reason(photo, pixel_config):
    found = segment(photo.image, pixel_config.replace(min_area=0.5), photo.depth)
    assert [d.reason for d in found.dropped] == ["the bipartition is smaller than the least area"]


def test_patches_that_are_all_linked_equally_are_not_divided(photo, pixel_config):
    found = segment(photo.image, pixel_config.replace(max_instances=6), photo.depth)
    assert found.bipartitions[-1].eigenvalue == pytest.approx(1, abs=1e-6)  # only the plain background is left
    assert [d.reason.split(":")[0] for d in found.dropped] == ["all these patches are linked equally (NCut value 1)"]
    plain = segment(np.full_like(photo.image, 90), pixel_config, photo.depth)
    assert plain.instances == ()
    assert plain.dropped[0].reason == found.dropped[0].reason


def test_a_min_area_above_every_object_gives_no_mask_and_a_reason(photo, pixel_config):
    found = segment(photo.image, pixel_config.replace(min_area=0.5), photo.depth)
    assert found.instances == ()
    assert found.dropped


def test_a_mask_that_repeats_an_earlier_one_is_dropped_with_a_reason(photo, pixel_config):
    strict = segment(photo.image, pixel_config.replace(max_overlap=0.0, crf=True, crf_min_iou=0.0), photo.depth)
    check_segmentation(strict, pixel_config)
    loose = segment(photo.image, pixel_config.replace(max_overlap=1.0, crf=True, crf_min_iou=0.0), photo.depth)
    assert len(strict.instances) <= len(loose.instances)
    assert all(d.reason == "it repeats an earlier mask" for d in strict.dropped)


def test_flat_depth_skips_the_sharpening(photo, pixel_config):
    found = segment(photo.image, pixel_config)
    assert found.importance is None
    assert found.depth.estimator == "none (flat)"


def test_switching_the_sharpening_off_leaves_no_importance(photo, pixel_config):
    assert segment(photo.image, pixel_config.replace(sharpen=False), photo.depth).importance is None


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("depth", ["none", "constant"])
@pytest.mark.parametrize("region", ["exhaust", "once"])
def test_a_photo_of_one_colour_at_one_depth_does_not_crash(pixel_config, level, depth, region):
    image = np.full((40, 60, 3), level, np.uint8)
    flat = DepthMap(values=np.full((40, 60), 3.0, np.float32), kind="metric", estimator="flat")
    config = pixel_config.replace(crf=True, region=region)
    check_segmentation(segment(image, config, flat if depth == "constant" else None), config)


@pytest.mark.parametrize("center", [True, False])
def test_features_without_any_difference_do_not_crash(monkeypatch, photo, pixel_config, center):
    monkeypatch.setitem(registry._SPECS, "same", pixel_spec("same", center=center))
    image = np.full((80, 80, 3), 90, np.uint8)
    config = pixel_config.replace(backbone="same", max_instances=5)
    check_segmentation(segment(image, config, photo_depth(photo)), config)


def photo_depth(photo: Photo) -> DepthMap:
    return DepthMap(values=photo.depth.values[:, :120], kind="relative", estimator="square")


@pytest.mark.parametrize("size", [(8, 8), (9, 300), (300, 9), (64, 48)])
def test_photos_of_any_shape_give_masks_of_their_size(pixel_config, size):
    image = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
    config = pixel_config.replace(crf=True)
    check_segmentation(segment(image, config), config)


@pytest.mark.parametrize("side", [30, 64, 100])
def test_a_finer_cut_grid_gives_finer_masks(photo, pixel_config, side):
    config = pixel_config.replace(cut_size=side)
    found = segment(photo.image, config, photo.depth)
    check_segmentation(found, config)
    assert found.cloud.grid_shape == (max(20, round(side * 0.75)), side)
    assert best_iou(photo.labels == 1, [i.mask for i in found.instances]) > 0.8


def test_the_cut_grid_has_the_photo_s_aspect_and_is_never_coarser_than_the_patches():
    assert cut_grid((34, 34), (300, 400), None) == (34, 34)
    assert cut_grid((34, 34), (300, 400), 120) == (90, 120)
    assert cut_grid((34, 34), (100, 400), 120) == (34, 120)
    assert cut_grid((34, 34), (300, 400), 10) == (34, 34)


def test_earlier_masks_win_where_refined_masks_overlap(photo, pixel_config):
    found = segment(photo.image, pixel_config.replace(crf=True), photo.depth)
    total = sum(i.mask.astype(int) for i in found.instances)
    assert np.max(total) == 1


def test_a_given_depth_map_overrides_the_estimator(photo, pixel_config):
    found = segment(photo.image, pixel_config.replace(depth="embedded"), photo.depth)
    assert found.depth is photo.depth


def test_the_direction_of_depth_comes_from_its_kind(photo, pixel_config):
    disparity = DepthMap(values=1.5 - photo.depth.values, kind="disparity", estimator="turned")
    a, b = (segment(photo.image, pixel_config, d) for d in (photo.depth, disparity))
    assert np.allclose(a.cloud.points, b.cloud.points, atol=1e-5)
    assert all(iou(p.mask, q.mask) == 1 for p, q in zip(a.instances, b.instances, strict=True))


def test_unusable_depth_and_unknown_names_are_refused_clearly(photo, pixel_config):
    empty = DepthMap(values=np.full((12, 16), np.nan, np.float32), kind="metric", estimator="hole")
    with pytest.raises(InputError, match="usable values"):
        segment(photo.image, pixel_config, empty)
    with pytest.raises(ConfigError, match="Unknown backbone 'nobody'"):
        segment(photo.image, pixel_config.replace(backbone="nobody"), photo.depth)
    with pytest.raises(ConfigError, match="Unknown depth estimator 'nothing'"):
        segment(photo.image, pixel_config.replace(depth="nothing"))


def test_a_photo_may_be_a_path_an_image_or_an_array(photo, pixel_config, tmp_path):
    from PIL import Image

    Image.fromarray(photo.image).save(tmp_path / "p.png")
    results = [
        CutS3D(pixel_config).segment(source, depth=photo.depth)
        for source in (str(tmp_path / "p.png"), tmp_path / "p.png", Image.fromarray(photo.image), photo.image)
    ]
    assert all((r.image == photo.image).all() for r in results)


def test_the_photo_given_is_not_written_to(photo, pixel_config):
    before = photo.image.copy()
    segment(photo.image, pixel_config.replace(crf=True), photo.depth)
    assert (photo.image == before).all()


def test_a_box_encloses_its_mask_tightly():
    mask = np.zeros((30, 40), bool)
    mask[5:12, 7:20] = True
    mask[20, 33] = True
    instance = Instance(
        mask=mask, score=1.0, coarse_mask=mask, coarse_confidence=np.ones((30, 40), np.float32), number=1, ncut=0,
        cut=None,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    assert instance.bbox == (7, 5, 27, 16)
    assert instance.area == 7 * 13 + 1


STAGE_PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "sharpen": st.booleans(),
        "beta": st.floats(0, 1),
        "sigma": st.floats(0.1, 30),
        "pair_rule": st.sampled_from(["product", "mean", "max"]),
        "direction": st.sampled_from(["raise", "lower"]),
        "tau_ncut": st.floats(0, 1),
        "affinity": st.sampled_from(["binary", "soft"]),
        "epsilon": st.floats(1e-9, 0.1),
        "center": st.booleans(),
        "camera": st.sampled_from(["orthographic", "perspective"]),
        "field_of_view": st.floats(5, 150),
        "depth_scale": st.floats(0.01, 20),
        "depth_clip": st.floats(0, 20),
        "background_depth": st.floats(0, 100),
        "cut_size": st.none() | st.integers(8, 48),
        "k_neighbors": st.integers(2, 40),
        "tau_knn": st.floats(0.001, 2),
        "sigma_c": st.floats(0.001, 1),
        "terminals": st.sampled_from(["fraction", "single"]),
        "terminal_fraction": st.floats(0, 0.2),
        "capacity": st.sampled_from(["gaussian", "euclidean"]),
        "num_cuts": st.integers(1, 8),
        "tau_knn_min": st.floats(0.0005, 2),
        "confidence_floor": st.floats(0, 1),
        "max_instances": st.integers(1, 8),
        "region": st.sampled_from(["exhaust", "once", "recursive"]),
        "max_depth": st.integers(1, 4),
        "score": st.sampled_from(["distinct", "order", "confidence"]),
        "min_area": st.floats(0, 0.5),
        "max_overlap": st.floats(0, 1),
        "max_ncut": st.none() | st.floats(0, 1),
    },
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STAGE_PARAMETERS)
def test_any_allowed_configuration_gives_a_sound_result(pixel_config, params):
    rendered = squares_photo((48, 64))
    config = pixel_config.replace(image_size=80, **params)
    check_segmentation(segment(rendered.image, config, rendered.depth), config)


def test_the_embedded_backbone_finds_the_objects_of_a_synthetic_scene(embedded_network, scene):
    rendered = scene("two boxes")
    config = CutS3DConfig().replace(depth="none", image_size=336, max_instances=3)
    found = segment(rendered.image, config)
    check_segmentation(found, config)
    assert found.features.backbone == "dinov2_vits14_focus"
    assert found.features.grid_shape == (24, 24)
    assert best_iou(rendered.labels > 0, [i.mask for i in found.instances]) > 0.6
