"""Parameters: names, ranges, types, round trips."""

import dataclasses
import json
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.backbones import get_backbone
from cuts3d.config import LITERAL, CutS3DConfig, parameter_field, parameter_stages, parameter_type
from cuts3d.depth import get_depth
from cuts3d.errors import ConfigError

NAMES = sorted(parameter_stages())
RANGED = [n for n in NAMES if parameter_field(n).metadata["low"] is not None]
NUMBERS = [n for n in NAMES if parameter_type(n)[0] in (int, float)]


def values_of(name: str) -> st.SearchStrategy[Any]:
    """All values that a parameter may take."""
    kind, optional = parameter_type(name)
    meta = parameter_field(name).metadata
    if get_origin(kind) is Literal:
        found: st.SearchStrategy[Any] = st.sampled_from(get_args(kind))
    elif kind is bool:
        found = st.booleans()
    elif kind is int:
        found = st.integers(int(meta["low"]), int(meta["high"]))
    elif kind is float:
        found = st.floats(meta["low"], meta["high"])
    else:
        found = st.text(max_size=8)
    return st.none() | found if optional else found


parameters = st.fixed_dictionaries({}, optional={name: values_of(name) for name in NAMES})


def test_parameter_names_are_unique_across_the_stages():
    count = sum(len(dataclasses.fields(getattr(CutS3DConfig(), s.name))) for s in dataclasses.fields(CutS3DConfig))
    assert count == len(parameter_stages())


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_says_what_it_does_and_numbers_have_a_range(name):
    meta = parameter_field(name).metadata
    assert len(meta["text"]) > 15
    assert meta["text"].endswith(".")
    if name in NUMBERS:
        assert meta["low"] < meta["high"]


@given(parameters)
def test_any_configuration_survives_json(params):
    config = CutS3DConfig().replace(**params)
    text = json.dumps(config.to_dict(), allow_nan=False)
    assert CutS3DConfig.from_dict(json.loads(text)) == config


@given(parameters)
def test_replace_changes_what_is_named_and_nothing_else(params):
    before = CutS3DConfig()
    after = before.replace(**params).to_dict()
    assert after == {**before.to_dict(), **params}
    assert before == CutS3DConfig()


@given(parameters)
def test_equal_configurations_have_equal_hashes_so_that_stages_can_be_remembered(params):
    a, b = CutS3DConfig().replace(**params), CutS3DConfig().replace(**params)
    assert a == b
    assert hash(a) == hash(b)


def test_a_configuration_from_before_there_were_solvers_means_scipy():
    config = CutS3DConfig().replace(beta=0.3)
    old = {name: value for name, value in config.to_dict().items() if name != "solver"}
    assert CutS3DConfig.from_dict(old) == config
    assert config.local_cut.solver == "scipy"


def test_from_dict_of_nothing_is_the_default():
    assert CutS3DConfig.from_dict({}) == CutS3DConfig()


@pytest.mark.parametrize("name", RANGED)
def test_the_ends_of_a_range_are_allowed_and_beyond_them_is_refused_by_name(name):
    meta, kind = parameter_field(name).metadata, parameter_type(name)[0]
    for end, step in ((meta["low"], -1), (meta["high"], 1)):
        assert CutS3DConfig().replace(**{name: kind(end)}).to_dict()[name] == end
        beyond = end + step if kind is int else end + step * max(1e-6, abs(end) * 1e-6)
        with pytest.raises(ConfigError, match=f"{name} must lie between"):
            CutS3DConfig().replace(**{name: beyond})


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_finite_number_is_refused_by_name(name):
    for value in (float("nan"), float("inf"), float("-inf"), "3", True, [1], {}, 1j):
        with pytest.raises(ConfigError, match=f"^{name} must"):
            CutS3DConfig().replace(**{name: value})


@pytest.mark.parametrize("value", ["x" * 10**6, 10**5000, list(range(10**4)), np.zeros((50, 50))], ids=type)
@pytest.mark.parametrize("name", ["beta", "num_cuts", "crf", "region"])
def test_a_long_value_is_not_repeated_in_full(name, value):
    with pytest.raises(ConfigError, match=f"^{name} must") as raised:
        CutS3DConfig().replace(**{name: value})
    assert len(str(raised.value)) < 250
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["x" * 10**6, "two\nlines", "\ud800"])
def test_an_untrusted_name_is_repeated_on_one_line_of_valid_text(name):
    for refused in (lambda: CutS3DConfig.from_dict({name: 1}), lambda: get_backbone(name), lambda: get_depth(name)):
        with pytest.raises(ConfigError, match=r"^Unknown ") as raised:
            refused()
        assert "\n" not in str(raised.value)
        assert len(str(raised.value)) < 2000
        str(raised.value).encode()


@pytest.mark.parametrize("name", ["beta", "num_cuts"])
def test_a_whole_number_too_large_for_a_float_is_refused_by_name(name):
    """JSON has no largest number: a file may contain one of 400 digits."""
    with pytest.raises(ConfigError, match=f"^{name} must"):
        CutS3DConfig.from_dict({name: 10**400})


@pytest.mark.parametrize("name", NAMES)
def test_none_is_accepted_only_for_optional_parameters(name):
    if parameter_type(name)[1]:
        assert CutS3DConfig().replace(**{name: None}).to_dict()[name] is None
    else:
        with pytest.raises(ConfigError, match=f"^{name} must be"):
            CutS3DConfig().replace(**{name: None})


@pytest.mark.parametrize("value", [1, 0, "yes", 1.0])
def test_a_switch_takes_true_and_false_only(value):
    with pytest.raises(ConfigError, match="sharpen must be true or false"):
        CutS3DConfig().replace(sharpen=value)


@pytest.mark.parametrize("value", ["products", "", 3, ["product"], None])
def test_a_choice_names_its_choices(value):
    with pytest.raises(ConfigError, match="pair_rule must be one of product, mean, max"):
        CutS3DConfig().replace(pair_rule=value)


def test_a_whole_number_may_come_as_a_float_but_a_fraction_not():
    assert CutS3DConfig().replace(num_cuts=4.0).confidence.num_cuts == 4
    assert isinstance(CutS3DConfig().replace(num_cuts=4.0).confidence.num_cuts, int)
    with pytest.raises(ConfigError, match="num_cuts must be a whole number"):
        CutS3DConfig().replace(num_cuts=4.5)


def test_a_number_is_kept_as_a_plain_python_number():
    config = CutS3DConfig().replace(beta=np.float64(0.25), depth_scale=2)
    assert type(config.importance.beta) is float
    assert type(config.cloud.depth_scale) is float
    assert config == CutS3DConfig().replace(beta=0.25, depth_scale=2.0)


@pytest.mark.parametrize("name", ["betta", "", "tau", "features", "self"])
def test_an_unknown_name_is_refused_and_the_known_ones_listed(name):
    with pytest.raises(ConfigError, match=f"Unknown parameter '{name}'.*beta.*tau_knn"):
        CutS3DConfig.from_dict({name: 1})


def test_configurations_are_frozen():
    config = CutS3DConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.importance.beta = 0.1  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.masks = config.masks  # pyright: ignore[reportAttributeAccessIssue]


def test_a_stage_built_by_hand_is_checked_too():
    stage = dataclasses.replace(CutS3DConfig().importance, beta=7.0)
    with pytest.raises(ConfigError, match="beta"):
        CutS3DConfig(importance=stage)


def test_literal_follows_the_text_of_the_paper():
    assert LITERAL.local_cut.terminals == "single"
    assert LITERAL.local_cut.capacity == "euclidean"
    assert LITERAL.masks.region == "once"


def test_the_paper_s_values_are_the_defaults():
    config = CutS3DConfig()
    assert config.importance.beta == 0.45
    assert (config.importance.pair_rule, config.importance.direction) == ("product", "raise")
    assert config.affinity.epsilon == 1e-5
    assert config.confidence.confidence_floor == 0.5
    refine = config.refine
    assert (refine.foreground_probability, refine.crf_iterations, refine.crf_min_iou) == (0.73, 10, 0.5)
    assert (refine.gaussian_sxy, refine.gaussian_compat) == (3, 7)
    assert (refine.bilateral_sxy, refine.bilateral_srgb, refine.bilateral_compat) == (50, 5, 10)
