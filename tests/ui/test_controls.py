"""The sidebar's controls: one per parameter, inside its range, and nothing lost on the way there and back."""

from __future__ import annotations

import math
from typing import Any, get_args

import gradio as gr
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.backbones import list_backbones
from cuts3d.config import LITERAL, CutS3DConfig, parameter_field, parameter_stages, parameter_type
from cuts3d.errors import ConfigError
from cuts3d.run.explorer import Explorer
from ui import controls
from ui.controls import ALL, OWN_DEPTH, PRESETS, Control, from_component, params_from, to_component, values_from
from ui.events import settings
from ui.session.permalink import from_query

SLIDERS = [c for c in ALL if c.low is not None]
CHOSEN = [c for c in ALL if c.low is None]
BY_NAME = {c.name: c for c in ALL}
NAMES = [c.name for c in ALL]


def offered(control: Control) -> list[Any]:
    """Parameter values that a control without a slider offers."""
    kind, optional = parameter_type(control.name)
    if control.choices:
        return [value for _, value in control.choices if value != OWN_DEPTH]
    values = [True, False] if kind is bool else list(get_args(kind))
    return [*values, None] if optional else values


def positions(control: Control) -> st.SearchStrategy[Any]:
    """Parameter values that a control can stand for."""
    if control.low is None or control.high is None:
        return st.sampled_from(offered(control))
    kind, optional = parameter_type(control.name)
    if kind is int:
        return st.integers(int(control.low), int(control.high))
    inside = st.floats(control.low, control.high, exclude_max=control.none_at is not None)
    if control.name == "tau_ncut":
        own = {spec.tau_ncut for spec in list_backbones()}
        inside = inside.filter(lambda value: value not in own)  # a backbone's own value means None
    return st.one_of(st.none(), inside) if optional else inside


any_params = st.fixed_dictionaries({c.name: positions(c) for c in ALL})


def config(params: dict[str, Any]) -> CutS3DConfig:
    return CutS3DConfig().replace(**params)


def test_every_parameter_has_exactly_one_control():
    assert sorted(NAMES) == sorted(parameter_stages())
    assert len(set(NAMES)) == len(NAMES)


def test_labels_are_there_and_differ():
    labels = [c.label for c in ALL]
    assert all(label.strip() for label in labels)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("control", SLIDERS, ids=lambda c: c.name)
def test_a_slider_offers_only_what_the_configuration_takes(control):
    field = parameter_field(control.name)
    assert field.metadata["low"] <= control.low < control.high <= field.metadata["high"]
    for end in (control.low, control.high):
        config({control.name: from_component(control, end)})


@pytest.mark.parametrize("control", CHOSEN, ids=lambda c: c.name)
def test_a_dropdown_offers_only_what_the_configuration_takes(control):
    values = offered(control)
    assert len(values) >= 2
    for value in values:
        config({control.name: value})


@pytest.mark.parametrize("control", SLIDERS, ids=lambda c: c.name)
def test_defaults_and_presets_stand_on_a_step_of_their_slider(control):
    """Else the browser moves them, and what is shown is not what was set."""
    for preset in PRESETS.values():
        place = values_from(preset)[NAMES.index(control.name)]
        steps = (place - control.low) / control.step
        assert steps == pytest.approx(round(steps), abs=1e-6), f"{control.name} = {place}"


def test_untouched_controls_are_the_default_configuration():
    assert config(params_from(values_from({}))) == CutS3DConfig()
    assert len(values_from({})) == len(ALL)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_comes_through_the_controls_unchanged(name):
    assert config(params_from(values_from(PRESETS[name]))) == config(PRESETS[name])
    assert name in controls.PRESET_TEXTS


def test_the_paper_s_preset_is_its_literal_configuration():
    assert config(PRESETS["Paper"]) == LITERAL


@given(any_params)
def test_parameters_come_through_the_controls_unchanged(params):
    assert config(params_from(values_from(params))) == config(params)


@given(any_params)
def test_controls_set_from_their_own_parameters_do_not_move(params):
    values = values_from(params)
    assert values_from(params_from(values)) == values


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True), any_params)
def test_one_control_sets_one_parameter(names, params):
    """Values travel by their place in a row: a change of some places changes these parameters and no other."""
    base, changed = params_from(values_from({})), {name: params[name] for name in names}
    found = params_from(values_from(changed))
    assert {name: found[name] for name in NAMES if name not in names} == {
        name: base[name] for name in NAMES if name not in names
    }
    assert config({n: found[n] for n in names}) == config(changed)


@pytest.fixture(scope="module")
def components() -> dict[str, Any]:
    with gr.Blocks():
        return {control.name: controls.build(control) for control in ALL}


@pytest.mark.parametrize("control", ALL, ids=lambda c: c.name)
def test_every_component_is_built_at_a_value_that_it_offers(components, control):
    component = components[control.name]
    assert component.label == control.label
    assert component.elem_id == control.name
    assert component.info.startswith(parameter_field(control.name).metadata["text"])
    if isinstance(component, gr.Slider):
        assert component.minimum <= component.value <= component.maximum
        assert (component.minimum, component.maximum, component.step) == (control.low, control.high, control.step)
    elif isinstance(component, gr.Dropdown):
        keys = [value for _, value in component.choices]
        assert component.value in keys
        assert len(set(keys)) == len(keys)
        assert all(text.strip() for text, _ in component.choices)
    else:
        assert component.value is parameter_field(control.name).default


def test_the_components_start_where_the_untouched_row_says(components):
    assert [component.value for component in components.values()] == values_from({})


@pytest.mark.parametrize("control", CHOSEN, ids=lambda c: c.name)
def test_a_dropdown_gives_back_the_value_of_its_choice(control):
    for value in offered(control):
        found = from_component(control, to_component(control, value))
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize("control", ALL, ids=lambda c: c.name)
@pytest.mark.parametrize("bad", [math.nan, math.inf, "bogus", [], {}, -1e9, 1e9, None], ids=repr)
def test_what_a_control_cannot_say_is_a_config_error_and_nothing_else(control, bad):
    """A forged client may send anything; only what means `None` or the end of a slider may pass."""
    _, optional = parameter_type(control.name)
    if bad is None and optional and control.low is None:
        assert from_component(control, bad) is None
        return
    if control.none_at is not None and isinstance(bad, float) and bad >= control.none_at:
        assert from_component(control, bad) is None
        return
    if control.name in ("backbone", "depth") and bad == "bogus":
        return  # the registry refuses it, once it is asked
    with pytest.raises(ConfigError, match=r".{10,}"):
        config({control.name: from_component(control, bad)})


def test_an_emptied_slider_says_which_one():
    with pytest.raises(ConfigError, match="β"):
        from_component(BY_NAME["beta"], None)


def test_the_end_of_the_adaptive_stop_means_never():
    control = BY_NAME["max_ncut"]
    assert from_component(control, 1.0) is None
    assert from_component(control, 0.99) == 0.99
    assert to_component(control, None) == 1.0


def test_the_photo_s_own_depth_is_wanted_unless_an_estimator_is_named():
    assert controls.wants_own_depth(values_from({}))
    assert controls.wants_own_depth(values_from({"beta": 0.2}))
    assert not controls.wants_own_depth(values_from({"depth": "none"}))
    assert not controls.wants_own_depth(values_from(PRESETS["MaskCut"]))
    assert not controls.wants_own_depth(values_from({}, own_depth=False))
    assert controls.wants_own_depth(values_from({"depth": "none"}, own_depth=True))
    assert params_from(values_from({}, own_depth=False))["depth"] == CutS3DConfig().depth.depth


@pytest.mark.parametrize(
    "query",
    [{"image_size": "518"}, {"layer": "-8"}, {"cut_size": "75"}, {"epsilon": "0.002"}, {"depth_scale": "0.1"}],
    ids=str,
)
def test_a_link_may_hold_more_than_the_controls_offer_and_they_still_say_something_valid(components, query):
    """A link takes any valid configuration; what a component does not offer, Gradio refuses at every later event."""
    _, params, warnings = from_query(query)
    assert set(params) == set(query) or warnings
    values = values_from(params)
    config(params_from(values))
    for component, value in zip(components.values(), values, strict=True):
        if isinstance(component, gr.Dropdown):
            assert value in [key for _, key in component.choices], f"{component.label} has no choice {value!r}"
        if isinstance(component, gr.Slider):
            assert component.minimum <= value <= component.maximum


# ---- the threshold that follows the backbone


BACKBONES = list_backbones()
SHOWN_TAU = NAMES.index("tau_ncut")


@pytest.mark.parametrize("spec", BACKBONES, ids=lambda spec: spec.name)
def test_the_slider_of_tau_ncut_shows_the_value_that_runs(spec):
    """It showed the embedded backbone's 0.05 where another one's own 0.15 ran."""
    values = values_from({"backbone": spec.name})
    assert values[SHOWN_TAU] == spec.tau_ncut
    params = params_from(values)
    assert params["tau_ncut"] is None
    explorer = Explorer(np.zeros((32, 32, 3), np.uint8), config(params))
    assert explorer.tau_ncut == values[SHOWN_TAU]
    steps = spec.tau_ncut / BY_NAME["tau_ncut"].step
    assert steps == pytest.approx(round(steps), abs=1e-6), "the browser would move the slider"


@pytest.mark.parametrize("value", [0.0, 0.31, *sorted({spec.tau_ncut for spec in BACKBONES})])
@pytest.mark.parametrize("spec", BACKBONES[:3], ids=lambda spec: spec.name)
def test_what_the_slider_of_tau_ncut_shows_is_what_runs_wherever_it_stands(spec, value):
    values = values_from({"backbone": spec.name, "tau_ncut": value})
    explorer = Explorer(np.zeros((32, 32, 3), np.uint8), config(params_from(values)))
    assert explorer.tau_ncut == values[SHOWN_TAU] == value


def test_another_backbone_moves_the_slider_to_its_own_value():
    first = BACKBONES[0]
    other = next(spec for spec in BACKBONES if spec.tau_ncut != first.tau_ncut)
    update = settings.follow_backbone("ann", first.tau_ncut, other.name, first.tau_ncut)
    assert update["own_tau"] == update["tau_ncut"]["value"] == other.tau_ncut
    assert f"{other.tau_ncut:g}" in update["tau_ncut"]["info"]
    back = settings.follow_backbone("ann", update["own_tau"], first.name, update["tau_ncut"]["value"])
    assert back["own_tau"] == back["tau_ncut"]["value"] == first.tau_ncut


def test_another_backbone_leaves_a_threshold_that_the_visitor_has_set():
    first = BACKBONES[0]
    other = next(spec for spec in BACKBONES if spec.tau_ncut != first.tau_ncut)
    update = settings.follow_backbone("ann", first.tau_ncut, other.name, 0.3)
    assert update["tau_ncut"]["value"] == 0.3
    assert update["own_tau"] == other.tau_ncut
    assert settings.follow_backbone("ann", first.tau_ncut, "bogus", 0.3) == {}


def test_a_preset_and_a_link_say_the_own_value_of_their_backbone():
    for name in PRESETS:
        update = settings.choose_preset("ann", name)
        assert set(update) == {*NAMES, "preset_text", "own_tau"}
        assert update["own_tau"] == controls.own_threshold(update["backbone"])
        assert f"{update['own_tau']:g}" in update["tau_ncut"]["info"]
