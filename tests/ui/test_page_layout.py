"""The page as Gradio sees it: what is public, what queues with what, and what has a name."""

from __future__ import annotations

import inspect
import re
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio.components.api_component import Api
from gradio.routes import App

from ui import controls
from ui.events import handlers, runs, wiring
from ui.page import TABS, build_page, launch_options

PUBLIC = ["segment", "compare_depth", "confidence_sweep", "detect"]


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    return build_page()


@pytest.fixture(scope="module")
def events(page) -> list[Any]:
    return list(page.fns.values())


def public(events: list[Any]) -> list[Any]:
    return [event for event in events if event.api_visibility == "public"]


# ---- what the world may call


def test_exactly_four_endpoints_are_public(page, events):
    assert list(page.get_api_info()["named_endpoints"]) == [f"/{name}" for name in PUBLIC]
    assert page.get_api_info()["unnamed_endpoints"] == {}
    assert [event.api_name for event in public(events)] == PUBLIC
    assert {event.api_visibility for event in events} == {"public", "private"}


def test_no_public_endpoint_takes_untyped_json(events):
    """Over MCP, Gradio uploads every file of the server that a file object inside free JSON names."""
    for event in public(events):
        for component in event.inputs:
            assert not isinstance(component, gr.JSON | gr.State), component
            assert isinstance(component, Api | gr.File), component
            schema: Any = component.api_info()
            assert schema, component.label
            if schema.get("type") == "object" and isinstance(component, Api):
                nested = [schema["additionalProperties"], *schema["properties"].values()]
                kinds = {kind["type"] for value in nested for kind in value["anyOf"]}
                assert kinds <= {"number", "string", "boolean", "null"}


def test_every_input_of_a_public_endpoint_is_named(page):
    for endpoint in page.get_api_info()["named_endpoints"].values():
        names = [p["parameter_name"] for p in endpoint["parameters"]]
        assert names[0] == "photo"
        assert len(set(names)) == len(names)
        assert all(p["label"] for p in endpoint["parameters"])


# ---- what queues with what


def heavy(event: Any) -> bool:
    return event.concurrency_id == "heavy"


def test_every_event_that_may_run_a_network_shares_one_queue_of_one(events):
    """Runs are generators or endpoints; a quick one moves no network, and the CRF has a place of its own."""
    runs = [e for e in events if inspect.isgeneratorfunction(e.fn) or e.api_visibility == "public"]
    assert {e.concurrency_id for e in runs} == {"heavy", "fast", "refine", "training"}
    assert {e.concurrency_limit for e in events if heavy(e)} == {1}
    assert all(heavy(e) for e in public(events))


def triggers(event: Any) -> set[tuple[Any, str]]:
    return set(event.targets)


def listening(page: gr.Blocks, events: list[Any], elem_id: str, kind: str) -> list[Any]:
    ids = [b._id for b in page.blocks.values() if getattr(b, "elem_id", None) == elem_id]
    assert len(ids) == 1, elem_id
    return [event for event in events if (ids[0], kind) in triggers(event)]


@pytest.mark.parametrize(
    ("elem_id", "kind"),
    [
        ("upload", "upload"),
        ("examples", "select"),
        ("depth-file", "upload"),
        ("depth-file", "clear"),
        ("run", "click"),
        ("prepare", "click"),
        *((name, "input") for name in controls.NETWORKS),
    ],
)
def test_what_runs_a_network_is_heavy(page, events, elem_id, kind):
    found = listening(page, events, elem_id, kind)
    assert len(found) == 1
    assert heavy(found[0])


@pytest.mark.parametrize("name", [c.name for c in controls.ALL if c.name not in controls.NETWORKS])
def test_a_slider_is_answered_beside_the_queue_and_only_its_last_place_counts(page, events, name):
    (event,) = listening(page, events, name, "input")
    assert not heavy(event)
    assert event.trigger_mode == "always_last"
    assert listening(page, events, name, "change") == [], "the server's own updates would come back as requests"


@pytest.mark.parametrize("elem_id", ["upload", "examples", "run"])
def test_a_click_during_a_run_is_not_lost(page, events, elem_id):
    """The default mode drops it: another example or backbone chosen during a run would be shown as chosen, and not run.

    The button `run` shares its event with the network controls.
    """
    kind = {"upload": "upload", "examples": "select"}.get(elem_id, "click")
    (event,) = listening(page, events, elem_id, kind)
    assert event.trigger_mode in ("always_last", "multiple")


def test_every_run_is_followed_by_the_crf(events):
    runs = [e for e in events if inspect.isgeneratorfunction(e.fn) and e.concurrency_id in ("heavy", "fast")]
    followers = {e.trigger_after: e for e in events if e.concurrency_id == "refine"}
    assert runs
    for event in runs:
        assert event._id in followers
        assert not followers[event._id].trigger_only_on_success


def test_all_runs_update_the_same_outputs_in_the_same_order(events):
    runs = [e for e in events if inspect.isgeneratorfunction(e.fn)]
    rows = {tuple(component._id for component in event.outputs) for event in runs}
    assert len(rows) == 1


def test_every_name_that_a_handler_updates_is_an_output(page):
    names = set(wiring_of(page).outputs)
    assert set(handlers.PICTURES) <= names
    assert {"status", "chosen", "viewer", "files", "photo_source", "compare"} <= names


def wiring_of(page: gr.Blocks) -> wiring.Wiring:
    """The wiring, from the closure of any run."""
    for event in page.fns.values():
        for cell in getattr(event.fn, "__closure__", None) or ():
            if isinstance(cell.cell_contents, wiring.Wiring):
                return cell.cell_contents
    raise AssertionError("no run of the page knows its wiring")


def test_an_update_becomes_a_row_and_leaves_the_rest_alone(page):
    wired = wiring_of(page)
    names = list(wired.outputs)
    row = wired._row({"status": "S", "masks": None, "no such output": 1})
    assert len(row) == len(names)
    assert row[names.index("status")] == "S"
    assert row[names.index("masks")] is None
    others = [value for name, value in zip(names, row, strict=True) if name not in ("status", "masks")]
    assert all(value == gr.skip() for value in others)


# ---- names


CONTROLS = (
    gr.Slider,
    gr.Dropdown,
    gr.Checkbox,
    gr.Radio,
    gr.Image,
    gr.File,
    gr.Files,
    gr.Code,
    gr.Gallery,
    gr.ImageSlider,
)


def test_every_control_has_a_name(page):
    for block in page.blocks.values():
        if isinstance(block, CONTROLS):
            assert block.label, f"{type(block).__name__} {block.elem_id} has none for a screen reader"
        if isinstance(block, gr.Button) and block.visible:
            assert str(block.value).strip()


def test_every_parameter_is_on_the_page_once(page):
    ids = [b.elem_id for b in page.blocks.values() if getattr(b, "elem_id", None)]
    assert len(ids) == len(set(ids))
    assert {c.name for c in controls.ALL} <= set(ids)


def test_tabs_have_the_names_that_events_and_cards_use(page):
    """A chosen tab travels as its title, in small letters."""
    shown = {b.id: b.label for b in page.blocks.values() if isinstance(b, gr.Tab)}
    assert list(shown) == list(TABS)
    assert all(label is not None and label.lower() == name for name, label in shown.items())
    assert set(runs.TABS) | {"pipeline"} == set(shown)


def test_the_page_fetches_nothing(page):
    """Markup that the server sends loads nothing from another machine, and links to none but the paper's."""
    for block in page.blocks.values():
        if isinstance(block, gr.HTML):
            texts = " ".join(str(part or "") for part in (block.value, block.html_template, block.js_on_load))
            found = set(re.findall(r"(?:src|href|url|fetch)[=(]+[\"']?(https?://[^\s\"'<>)]+)", texts))
            assert found <= {"https://arxiv.org/abs/2411.16319"}, found


# ---- launch


def test_launch_takes_every_option():
    parameters = inspect.signature(gr.Blocks.launch).parameters
    options = launch_options()
    assert set(options) <= set(parameters)
    assert options["ssr_mode"] is False
    assert options["show_error"] is False
    assert options["css"]
    assert options["head"].startswith("<script>")


def test_who_leaves_is_forgotten(page) -> None:
    App.create_app(page)
    others = page.state_holder["stays"]
    assert page.state_holder["leaves"].config_values, "what Gradio keeps of a visitor"
    (leave,) = [one for one in page.fns.values() if ("unload" in {kind for _, kind in one.targets})]
    leave.fn(SimpleNamespace(session_hash="leaves"))
    assert "leaves" not in page.state_holder
    assert page.state_holder["stays"] is others
    leave.fn(SimpleNamespace(session_hash="was never here"))


def test_who_comes_back_after_a_lost_connection_may_choose_an_instance(page) -> None:
    App.create_app(page)
    (radio,) = [one for one in page.blocks.values() if getattr(one, "elem_id", None) == "chosen"]
    state = page.state_holder["came back"]  # a new one: that of before went with the connection
    assert state[radio._id].preprocess("3") == "3"
