"""The benchmark of growth: its straight lines, its verdicts, and that it still runs the product's stages."""

import pytest

from benchmarks import growth, growth_point


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5, 2.0])
def test_the_exponent_of_a_power_law_is_its_power(power):
    slope, error = growth.exponent([(n, 3.0 * n**power) for n in (100, 400, 900, 3600)])
    assert slope == pytest.approx(power, abs=1e-9)
    assert error == pytest.approx(0.0, abs=1e-6)


def test_scatter_about_the_line_widens_the_error_of_the_exponent():
    costs = [(n, n * factor) for n, factor in zip((100, 400, 900, 3600), (1.0, 1.3, 0.8, 1.1), strict=True)]
    slope, error = growth.exponent(costs)
    assert error > 0.05
    assert abs(slope - 1) < 3 * error


def test_a_stage_that_grows_too_fast_is_called_so():
    def verdicts(power: float) -> str:
        costs = {n: {"k-NN graph": {"seconds": [n**power], "megabytes": float(n)}} for n in (100, 400, 1600)}
        return growth.tables(costs)[-1]

    assert "as it must" in verdicts(1.1)
    assert "faster than needed (time)" in verdicts(1.6)


def test_a_point_of_each_kind_measures_every_stage_once(embedded_network):
    measured = growth_point.patches(16) | growth_point.points(60)
    assert set(growth.BOUNDS) - set(measured) <= {"max-flow, OR-tools"}  # measured where it is installed
    assert set(measured) <= set(growth.BOUNDS)
    for cost in measured.values():
        assert min(cost["seconds"]) > 0
        assert cost["megabytes"] >= 0
