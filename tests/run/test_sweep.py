"""The confidence sweep: what each of the T cuts keeps (method 1.6)."""

from __future__ import annotations

import numpy as np
import pytest
from at_defaults import sweep_thresholds

from cuts3d.errors import ConfigError
from cuts3d.run.sweep import confidence_sweep, read_sweep


def test_each_instance_has_its_taus_areas_and_cuts(photo, pixel_config) -> None:
    found = confidence_sweep(
        photo.image, config=pixel_config, tau_knn_min=0.02, tau_knn=0.2, num_cuts=5, depth=photo.depth
    )
    assert found.instances
    assert len(found.instances) == len(found.segmentation.instances)
    for one, instance in zip(found.instances, found.segmentation.instances, strict=True):
        np.testing.assert_allclose(one.taus, sweep_thresholds(0.2, num_cuts=5, tau_knn_min=0.02))
        assert one.cuts.shape == (5, *instance.coarse_mask.shape)
        np.testing.assert_allclose(one.area_shares, [cut.mean() for cut in one.cuts])
        assert one.mean_confidence == pytest.approx(instance.mean_confidence)
        np.testing.assert_array_equal(one.cuts[-1], instance.coarse_mask)


def test_by_default_the_sweep_uses_the_values_of_the_configuration(photo, pixel_config) -> None:
    found = confidence_sweep(photo.image, config=pixel_config.replace(num_cuts=3), depth=photo.depth)
    for one in found.instances:
        assert one.taus[-1] == pixel_config.local_cut.tau_knn
        assert one.taus.size == 3


def test_a_sweep_is_read_from_a_result_without_computing(photo, pixel_config) -> None:
    result = confidence_sweep(photo.image, config=pixel_config, depth=photo.depth).segmentation
    again = read_sweep(result)
    assert again.segmentation is result
    assert [one.cuts for one in again.instances] == [c.cuts for c in result.confidences]


def test_a_wrong_value_is_refused(photo, pixel_config) -> None:
    with pytest.raises(ConfigError, match="num_cuts must lie between 1 and 64; it is 0"):
        confidence_sweep(photo.image, config=pixel_config, num_cuts=0)


def test_a_large_photo_is_reduced(photo, pixel_config) -> None:
    found = confidence_sweep(np.kron(photo.image, np.ones((2, 2, 1), np.uint8)), config=pixel_config, view_side=160)
    assert found.segmentation.image.shape == (120, 160, 3)
