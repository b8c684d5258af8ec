"""Comparison of depth estimators: shared features, agreement, and a missing estimator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cuts3d import CutS3D
from cuts3d.backbones import features
from cuts3d.depth import DepthSpec, registry
from cuts3d.depth.loaded import _estimator
from cuts3d.errors import ConfigError, WeightsUnavailableError
from cuts3d.run.compare import compare_depth, matched_iou
from cuts3d.types import DepthMap


def depth_spec(name: str, load: Any, **changes: Any) -> DepthSpec:
    declared = {"title": name, "kind": "relative", "source": "tests", "trained_on": "nothing", "licence": "Apache-2.0"}
    return DepthSpec(name=name, load=load, **{**declared, **changes})


@pytest.fixture
def estimators(photo, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`drawn` gives the depth of the photo, `mirrored` gives it as disparity, `gone` has no weights."""
    values = photo.depth.values
    disparity = DepthMap(values=5.0 - 2.0 * values, kind="disparity", estimator="mirrored")

    def unavailable() -> Any:
        raise WeightsUnavailableError("The weights of 'gone' are not available.")

    for spec in (
        depth_spec("drawn", lambda: lambda image, features: photo.depth),
        depth_spec("mirrored", lambda: lambda image, features: disparity, kind="disparity"),
        depth_spec("gone", unavailable),
    ):
        monkeypatch.setitem(registry._SPECS, spec.name, spec)
    _estimator.cache_clear()
    yield
    _estimator.cache_clear()


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the backbones that ran, in order."""
    ran: list[str] = []
    plain = features.extract_batch

    def counted(network: Any, spec: Any, *rest: Any, **options: Any) -> Any:
        ran.append(spec.name)
        return plain(network, spec, *rest, **options)

    monkeypatch.setattr("cuts3d.backbones.features.extract_batch", counted)
    return ran


def test_equal_depths_agree_and_the_backbone_runs_once(photo, pixel_config, estimators, passes) -> None:
    found = compare_depth(photo.image, ["drawn", "mirrored", "none"], config=pixel_config)
    assert passes == ["pixels"]
    assert found.names == ("drawn", "mirrored", "none")
    np.testing.assert_allclose(found.mask_iou, found.mask_iou.T)
    np.testing.assert_allclose(np.diag(found.mask_iou), 1.0)
    assert found.mask_iou[0, 1] == pytest.approx(1.0)
    assert found.mask_iou[0, 2] < 0.9  # constant depth cannot separate the touching squares
    assert found.depth_spearman[0, 1] == pytest.approx(1.0, abs=1e-6)
    assert np.isnan(found.depth_spearman[2]).all()
    assert all(entry.milliseconds > 0 and not entry.error for entry in found.entries)
    assert [entry.kind for entry in found.entries] == ["relative", "disparity", "relative"]


def test_each_result_equals_a_separate_run(photo, pixel_config, estimators) -> None:
    for entry in compare_depth(photo.image, ["drawn", "none"], config=pixel_config).entries:
        separate = CutS3D(pixel_config.replace(depth=entry.name)).segment(photo.image)
        assert entry.segmentation is not None
        assert len(separate.instances) == len(entry.segmentation.instances) > 0
        for one, other in zip(separate.instances, entry.segmentation.instances, strict=True):
            np.testing.assert_array_equal(one.mask, other.mask)
            assert one.score == other.score


def test_a_missing_estimator_gives_its_reason_and_the_others_are_compared(photo, pixel_config, estimators) -> None:
    found = compare_depth(photo.image, ["gone", "drawn"], config=pixel_config)
    gone, drawn = found.entries
    assert gone.segmentation is None
    assert gone.error == "The weights of 'gone' are not available."
    assert drawn.segmentation is not None
    assert found.names == ("drawn",)
    assert found.mask_iou.shape == found.depth_spearman.shape == (1, 1)


def test_matrices_are_empty_if_all_estimators_are_missing(photo, pixel_config, estimators) -> None:
    found = compare_depth(photo.image, ["gone"], config=pixel_config)
    assert found.names == ()
    assert found.mask_iou.shape == (0, 0)


def test_the_given_depth_map_has_the_name_file(photo, pixel_config, estimators) -> None:
    values = photo.depth.values
    found = compare_depth(photo.image, ["file", "drawn", "file"], config=pixel_config, depth=values)
    assert found.names == ("file", "drawn")
    assert found.mask_iou[0, 1] == pytest.approx(1.0)
    assert "depth array" in found.entries[0].title


@pytest.mark.parametrize(
    ("names", "sentence"),
    [([], "at least one"), (["bogus"], "Unknown depth estimator 'bogus'"), (["file"], "none was given")],
)
def test_wrong_names_are_refused_before_any_work(photo, pixel_config, passes, names, sentence) -> None:
    with pytest.raises(ConfigError, match=sentence):
        compare_depth(photo.image, names, config=pixel_config)
    assert passes == []


def test_a_mask_without_a_partner_counts_as_0(photo, pixel_config) -> None:
    result = CutS3D(pixel_config).segment(photo.image, depth=photo.depth)
    assert len(result.instances) >= 2
    fewer = replace(result, instances=result.instances[:1])
    none = replace(result, instances=())
    assert matched_iou(result, fewer) == pytest.approx(1 / len(result.instances))
    assert matched_iou(result, replace(result, instances=result.instances[::-1])) == pytest.approx(1.0)
    assert matched_iou(result, none) == matched_iou(none, result) == 0.0
    assert matched_iou(none, none) == 1.0


def test_the_matching_is_the_best_one_not_the_greedy_one() -> None:
    def masks(*spans: tuple[int, int]) -> Any:
        row = np.arange(12)[None]
        return SimpleNamespace(instances=[SimpleNamespace(mask=(row >= a) & (row < b)) for a, b in spans])

    first, second = masks((0, 6), (6, 12)), masks((0, 12), (0, 4))
    assert matched_iou(first, second) == pytest.approx((4 / 6 + 6 / 12) / 2)


@pytest.mark.slow
def test_the_embedded_head_reads_the_shared_tokens(scene, embedded_network, passes) -> None:
    image = scene("two boxes").image
    found = compare_depth(image, ["none", "embedded"])
    assert passes == ["dinov2_vits14_focus"]
    separate = CutS3D().segment(image)
    embedded = found.entries[1].segmentation
    assert embedded is not None
    assert len(separate.instances) == len(embedded.instances)
    np.testing.assert_array_equal(separate.depth.values, embedded.depth.values)
    for one, other in zip(separate.instances, embedded.instances, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
