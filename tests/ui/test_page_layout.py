"""The page as Gradio sees it: what is public, what queues with what, and what has a name."""

from __future__ import annotations

import inspect
import re
from types import SimpleNamespace
from typing import Any, get_args

import gradio as gr
import pytest
from gradio.components.api_component import Api
from gradio.routes import App

from ui import controls
from ui.events import opening, wiring
from ui.events.requests import HANDLERS, Handler
from ui.page import build_page, launch_options
from ui.server.theme import FOLDER
from ui.tabs import BY_ID, TABS
from ui.tabs.tab import Request

PUBLIC = ["segment", "compare_depth", "confidence_sweep", "detect"]


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    return build_page()


@pytest.fixture(scope="module")
def events(page) -> list[Any]:
    """What the server is asked; other events let the browser keep something."""
    return [event for event in page.fns.values() if event.fn is not None]


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
        *((name, "input") for name in controls.NETWORKS if name != "backbone"),
    ],
)
def test_what_runs_a_network_is_heavy(page, events, elem_id, kind):
    found = listening(page, events, elem_id, kind)
    assert len(found) == 1
    assert heavy(found[0])


def test_another_backbone_sets_its_threshold_first_and_then_runs(page, events):
    (event,) = listening(page, events, "backbone", "input")
    assert not heavy(event)
    assert event.trigger_mode == "multiple"
    (run,) = [one for one in events if one.trigger_after == event._id]
    assert heavy(run)


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


SEGMENTS = {opening.open_example, opening.choose_example, opening.open_upload, opening.change_depth} | {
    opening.take_depth,
    opening.change,
    opening.run,
}


def handlers_of(events: list[Any]) -> list[tuple[Any, Handler]]:
    """Every event that makes a request, with the request's handler."""
    found = []
    for event in events:
        rows = inspect.getclosurevars(event.fn).nonlocals.get("rows") if event.fn else None
        cells = inspect.getclosurevars(inspect.getclosurevars(rows).nonlocals["answer"]).nonlocals if rows else {}
        if "handler" in cells:
            found.append((event, cells["handler"]))
    return found


def test_every_request_has_a_handler_and_is_made_somewhere(events):
    assert set(HANDLERS) == set(get_args(Request))
    made = [handler for _, handler in handlers_of(events)]
    assert all(any(handler is one for one in made) for handler in HANDLERS.values())


def test_every_event_that_segments_is_followed_by_the_crf(events):
    followers = {e.trigger_after: e for e in events if e.concurrency_id == "refine"}
    segmenting = [event for event, handler in handlers_of(events) if handler.answer in SEGMENTS]
    assert len(segmenting) >= len(SEGMENTS)
    assert {event._id for event in segmenting} == set(followers)
    assert not any(follower.trigger_only_on_success for follower in followers.values())


def test_an_event_has_no_more_outputs_than_its_handler_declares(page, events):
    for event, handler in handlers_of(events):
        assert len(event.outputs) == len(handler.outputs) + len(handler.sets), handler.answer
    sizes = sorted(len(event.outputs) for event in events if event.api_visibility == "private")
    assert sizes[-1] <= len(controls.ALL) + 7, "a visit sets all controls; nothing else changes as much"
    every = sorted(len(event.outputs) for event in page.fns.values() if event.api_visibility == "private")
    assert every[len(every) // 2] <= 13
    quick = sorted(len(event.outputs) for event in events if event.concurrency_id == "fast")
    assert quick[len(quick) // 2] <= 13


def test_an_update_becomes_a_row_and_leaves_the_rest_alone():
    names = ("status", "masks", "depth")
    assert wiring.row(names, {"status": "S", "masks": None}) == ["S", None, gr.skip()]
    assert wiring.row(names, {}) == [gr.skip()] * 3
    assert wiring.row(("tabs",), {"tabs": 1}) == 1, "Gradio takes the value itself where there is one output"
    with pytest.raises(KeyError, match="viewer"):
        wiring.row(names, {"viewer": 1})


# ---- tabs


def test_the_page_has_the_tabs_of_the_table_in_their_order(page):
    shown = [(b.id, b.label) for b in page.blocks.values() if isinstance(b, gr.Tab)]
    assert shown == [(tab.id, tab.title) for tab in TABS]
    assert set(BY_ID) == {tab.id for tab in TABS}


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.id)
def test_opening_a_tab_changes_the_tab_and_the_status_line_only(page, events, tab):
    item = next(b for b in page.blocks.values() if isinstance(b, gr.Tab) and b.id == tab.id)
    opened = [event for event in events if (item._id, "select") in triggers(event)]
    assert len(opened) == 1 + sum(event.on_open for event in tab.events)
    shown = opened[0]
    ids = [getattr(component, "elem_id", "") for component in shown.outputs]
    assert len(shown.outputs) == 1 + len(tab.outputs)
    assert ids[0] == "status"


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.id)
def test_a_tab_builds_what_its_outputs_and_events_name(tab):
    with gr.Blocks():
        parts = tab.build()
    assert set(tab.outputs) <= set(parts)
    for event in tab.events:
        assert {component for component, _ in event.on} | set(event.inputs) <= set(parts)
        assert not (event.inputs and event.payload)


def test_cards_open_tabs_that_there_are(page):
    cards = [b.html_template for b in page.blocks.values() if isinstance(b, gr.HTML)]
    opened = {tab for template in cards for tab in re.findall(r'data-open="([^"]+)"', template)}
    assert opened
    assert opened <= set(BY_ID)


def test_the_bus_carries_every_request_that_the_script_sends(page, events):
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    sent = dict(re.findall(r'api\.send\("(\w+)", (\{[^}]*\})', script))
    assert set(sent) == set(wiring.MESSAGES)
    for request, fields in wiring.MESSAGES.items():
        assert all(re.search(rf"\b{field}\b", sent[request]) for field in fields), request
        (event,) = listening(page, events, "bus", request)
        assert event.trigger_mode == "multiple", "another mode would repeat an older message"


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
