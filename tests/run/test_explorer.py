"""The explorer: which stages a changed parameter recomputes."""

from collections import Counter

import numpy as np
import pytest
from at_defaults import normalise_features
from helpers import pixel_spec

from cuts3d import ConfigError, CutS3D, CutS3DConfig, DepthMap, Explorer
from cuts3d.backbones import registry
from cuts3d.baselines.maskcut import maskcut
from cuts3d.config import parameter_stages
from cuts3d.depth import DepthSpec
from cuts3d.depth import registry as depth_registry
from cuts3d.grids import iou, resize_mask
from cuts3d.types import Segmentation

EARLY = ("features", "depth", "importance", "affinity", "sharpened")
LATE = ("ncut", "graph", "local_cut", "confidence", "refine")


@pytest.fixture
def explorer(photo, pixel_config) -> Explorer:
    opened = Explorer(photo.image, pixel_config, depth=photo.depth)
    opened.update()
    return opened


def computed(explorer: Explorer, **params) -> Counter[str]:
    """Which stages an update computes, and how often."""
    before = explorer.calls.copy()
    explorer.update(**params)
    return explorer.calls - before


def same(a: Segmentation, b: Segmentation) -> bool:
    return len(a.instances) == len(b.instances) and all(
        (x.mask == y.mask).all() and (x.confidence == y.confidence).all() and x.cut.flow == y.cut.flow
        for x, y in zip(a.instances, b.instances, strict=True)
    )


def test_the_first_run_computes_every_stage(photo, pixel_config):
    opened = Explorer(photo.image, pixel_config.replace(depth="none"))
    assert computed(opened) == Counter(
        features=1, depth=1, z=1, importance=1, affinity=1, weights=1, cloud=1, **{k: opened.calls[k] for k in LATE}
    )
    assert all(opened.calls[k] >= 1 for k in LATE)


def test_a_repeated_update_computes_nothing(explorer):
    assert not computed(explorer)


def test_the_estimator_does_not_run_if_a_depth_map_is_given(explorer):
    assert explorer.calls["depth"] == 0


@pytest.mark.parametrize(
    ("params", "touched"),
    [
        ({"beta": 0.2}, {"importance", "sharpened", "weights", *LATE}),
        ({"sigma": 5.0}, {"importance", "sharpened", "weights", *LATE}),
        ({"pair_rule": "mean"}, {"sharpened", "weights", *LATE}),
        ({"direction": "lower"}, {"sharpened", "weights", *LATE}),
        ({"tau_ncut": 0.4}, {"weights", *LATE}),
        ({"epsilon": 1e-4}, {"weights", *LATE}),
        ({"k_neighbors": 20}, {"graph", "local_cut", "confidence", "refine"}),
        ({"depth_scale": 2.0}, {"cloud", "graph", "local_cut", "confidence", "refine"}),
        ({"camera": "perspective"}, {"cloud", "graph", "local_cut", "confidence", "refine"}),
        ({"sigma_c": 0.1}, {"local_cut", "confidence", "graph", "refine"}),
        ({"solver": "networkx-boykov-kolmogorov"}, {"local_cut", "confidence"}),
        ({"num_cuts": 3}, {"confidence"}),
        ({"tau_knn_min": 0.01}, {"confidence"}),
        ({"confidence_floor": 0.1}, {"confidence"}),
        ({"crf_iterations": 2}, {"refine"}),
        ({"max_overlap": 0.1}, set()),
        ({"max_instances": 2}, set()),
        ({"depth": "none"}, set()),
    ],
    ids=lambda v: str(v) if isinstance(v, dict) else "",
)
def test_a_parameter_recomputes_only_the_stages_that_depend_on_it(explorer, params, touched):
    assert set(computed(explorer, **params)) <= touched


@pytest.mark.parametrize(
    "params",
    [{"beta": 0.2}, {"tau_ncut": 0.4}, {"k_neighbors": 20}, {"solver": "networkx-dinitz"}, {"num_cuts": 3}],
)
def test_a_parameter_does_recompute_the_stage_that_reads_it(explorer, params):
    stage = {"beta": "sharpened", "tau_ncut": "ncut", "k_neighbors": "graph"}
    stage |= {"solver": "local_cut", "num_cuts": "confidence"}
    assert computed(explorer, **params)[stage[next(iter(params))]] >= 1


def test_a_changed_tau_knn_keeps_the_first_ncut_and_its_graph(explorer):
    calls = computed(explorer, tau_knn=0.3)
    assert not any(calls[stage] for stage in (*EARLY, "ncut"))
    assert calls["local_cut"] >= 1
    first = explorer.update(tau_knn=0.3).bipartitions[0]
    assert explorer.update(tau_knn=0.15).bipartitions[0] is first


def test_a_changed_beta_keeps_features_and_affinity(explorer):
    calls = computed(explorer, beta=0.1)
    assert calls["features"] == calls["affinity"] == 0
    assert calls["sharpened"] == 1


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ({"tau_knn": 0.3}, {"tau_knn": 0.15}),
        ({"beta": 0.1}, {"beta": 0.45}),
        ({"k_neighbors": 30, "num_cuts": 2}, {"k_neighbors": 12, "num_cuts": 6}),
        ({"crf": True}, {"crf": False}),
        ({"region": "once", "max_instances": 5}, {"region": "exhaust", "max_instances": 3}),
    ],
    ids=str,
)
def test_going_back_to_an_earlier_value_computes_nothing(explorer, there, back):
    before = explorer.update()
    explorer.update(**there)
    assert not computed(explorer, **back)
    assert same(explorer.update(), before)


CHANGES = {
    "backbone": "coarse pixels", "image_size": 128, "feature": "query", "layer": 3, "center": True, "depth": "none",
    "sharpen": False, "beta": 0.1, "sigma": 1.0, "pair_rule": "max", "direction": "lower", "tau_ncut": 0.5,
    "affinity": "soft", "epsilon": 1e-3, "camera": "perspective", "field_of_view": 90.0, "depth_scale": 0.7,
    "depth_clip": 8.0, "background_depth": 0.5, "cut_size": 40, "k_neighbors": 5, "tau_knn": 0.4, "sigma_c": 0.2,
    "terminals": "single", "terminal_fraction": 0.05, "capacity": "euclidean",
    "solver": "networkx-dinitz", "num_cuts": 2, "tau_knn_min": 0.1,
    "confidence_floor": 0.9, "max_instances": 2, "region": "once", "min_area": 0.12, "max_overlap": 0.0,
    "max_depth": 2, "score": "order", "max_ncut": 0.5, "crf": False,
    "crf_size": 64, "crf_iterations": 1, "foreground_probability": 0.55, "gaussian_sxy": 1.0,
    "gaussian_compat": 1.0, "bilateral_sxy": 10.0, "bilateral_srgb": 40.0, "bilateral_compat": 1.0,
    "crf_min_iou": 0.99,
}  # fmt: skip


def test_every_parameter_has_a_change_to_try():
    assert set(CHANGES) == set(parameter_stages())


@pytest.mark.parametrize("region", ["exhaust", "recursive"])
@pytest.mark.parametrize("name", sorted(CHANGES))
def test_remembered_stages_never_change_the_result(monkeypatch, photo, pixel_config, name, region):
    """An update gives the same result as a new run, whatever was computed before."""
    monkeypatch.setitem(registry._SPECS, "coarse pixels", pixel_spec("coarse pixels", image_size=128))
    base = pixel_config.replace(
        region=region,
        crf=True,
        tau_knn=0.2,
        min_area=0.06,  # above the bar: a larger one changes the fallback only
        depth="embedded" if name == "depth" else "none",
        camera="perspective" if name == "field_of_view" else "orthographic",
    )
    opened = Explorer(photo.image, base, depth=photo.depth)
    opened.update()
    changed = base.replace(**{name: CHANGES[name]})
    assert changed != base
    assert same(opened.update(**{name: CHANGES[name]}), CutS3D(changed).segment(photo.image, depth=photo.depth))


def test_another_estimator_recomputes_the_depth_and_all_that_follows(monkeypatch, photo, pixel_config):
    def ramp(image, features):
        values = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (30, 1))
        return DepthMap(values=values, kind="relative", estimator="ramp")

    spec = DepthSpec(
        name="ramp", title="", kind="relative", source="", trained_on="", licence="", load=lambda: ramp
    )  # fmt: skip
    monkeypatch.setitem(depth_registry._SPECS, "ramp", spec)
    opened = Explorer(photo.image, pixel_config)
    opened.update()
    calls = computed(opened, depth="ramp")
    assert calls["depth"] == 1
    assert calls["features"] == calls["affinity"] == 0
    assert opened.update().depth.estimator == "ramp"
    assert same(opened.update(), CutS3D(pixel_config.replace(depth="ramp")).segment(photo.image))
    assert not computed(opened, depth="none")


def test_updates_add_up_and_the_configuration_is_kept(explorer):
    explorer.update(beta=0.2)
    explorer.update(tau_knn=0.3)
    assert explorer.config.importance.beta == 0.2
    assert explorer.config.local_cut.tau_knn == 0.3


@pytest.mark.parametrize(
    "params",
    [{"beta": 7}, {"beta": 0.3, "betta": 1}, {"backbone": "nobody"}, {"depth": "nothing"}, {"image_size": 101}],
)
def test_a_bad_parameter_keeps_the_former_configuration(explorer, params):
    before, result = explorer.config, explorer.update()
    with pytest.raises(ConfigError):
        explorer.update(**params)
    assert explorer.config == before
    assert same(explorer.update(), result)


def test_stages_are_yielded_one_by_one_with_the_remembered_ones(explorer):
    names = [step.stage for step in explorer.stages(num_cuts=4)]
    assert names[:5] == list(EARLY)
    assert names[-1] == "segmentation"


def test_what_is_remembered_is_bounded(photo, pixel_config):
    opened = Explorer(photo.image, pixel_config, depth=photo.depth)
    for k in range(2, 90):
        opened.update(k_neighbors=k, num_cuts=1, max_instances=1)
    for beta in np.linspace(0.1, 0.9, 5):
        opened.update(beta=float(beta))
    sizes = {stage: len(kept) for stage, kept in opened._memo._results.items()}
    assert sizes["sharpened"] <= 2
    assert sizes["affinity"] == 1
    assert max(sizes.values()) <= 48


def test_a_large_photo_is_reduced_on_request(photo, pixel_backbone):
    opened = Explorer(np.tile(photo.image, (3, 3, 1)), CutS3DConfig(), view_side=200)
    assert opened.image.shape == (150, 200, 3)


def test_masks_are_shown_small_and_given_at_the_photos_own_size(photo, pixel_config):
    large = np.kron(photo.image, np.ones((3, 3, 1), np.uint8))
    opened = Explorer(large, pixel_config.replace(crf=True, crf_min_iou=0.0), view_side=100)
    shown, before = opened.update(), opened.calls.copy()
    own = opened.own_size()
    assert opened.calls == before  # no stage ran again
    alone = CutS3D(opened.config).segment(large)
    assert own.image.shape == large.shape
    assert shown.image.shape == (75, 100, 3)
    assert len(own.instances) == len(alone.instances) == len(shown.instances) > 0
    for one, expected, small in zip(own.instances, alone.instances, shown.instances, strict=True):
        assert np.array_equal(one.mask, expected.mask)
        assert iou(resize_mask(one.mask, small.mask.shape), small.mask) > 0.95


def test_opening_a_photo_computes_nothing(photo, pixel_config):
    assert not Explorer(photo.image, pixel_config).calls


def test_maskcut_runs_on_the_same_features_once(explorer, photo):
    masks = explorer.baseline("maskcut")
    features = explorer.results["features", 0]
    plain = maskcut(
        normalise_features(features.vectors, center=features.center).T,
        grid_shape=features.grid_shape,
        tau=registry.get_backbone(explorer.config.features.backbone).tau_ncut,
    )
    assert (np.array([one.mask for one in masks]) == plain[plain.any(axis=(1, 2))]).all()
    assert not computed(explorer)
    assert explorer.baseline("maskcut") is masks


def test_a_baseline_reuses_the_backbone_pass_of_the_depth_head(embedded_network, scene):
    explorer = Explorer(scene("two boxes").image, CutS3DConfig().replace(image_size=112, crf=False))
    explorer.update()
    assert explorer.baseline("tokencut")
    assert explorer.calls["features"] == 1
    explorer.baseline("votecut")
    assert explorer.calls["features"] == 2


def test_an_unknown_baseline_is_refused(explorer):
    with pytest.raises(ConfigError, match="maskcut, tokencut"):
        explorer.baseline("cutler")


def test_the_spectrum_belongs_to_the_requested_ncut(explorer):
    found = explorer.update()
    values = explorer.spectrum(0)
    assert values[0] == pytest.approx(0, abs=1e-4)
    assert values[1] == pytest.approx(found.bipartitions[0].eigenvalue, abs=2e-3)
    assert (np.diff(values) >= 0).all()
    assert explorer.spectrum(0) is values
    explorer.update(tau_ncut=0.5)
    assert explorer.spectrum(0) is not values
