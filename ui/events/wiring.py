"""Connects the page's components with the handlers. Updates travel by name; here they become rows of outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from ui import controls
from ui.draw import status
from ui.events import looking, visitors
from ui.events.gradio_patches import forget_visitor
from ui.events.requests import EVERY, HANDLERS, HEAVY, QUIET, Handler
from ui.events.visiting import VISIT_OUTPUTS, visit
from ui.session.answers import next_step
from ui.session.drawing import Update
from ui.tabs import TABS, Tab
from ui.tabs.tab import Event, Request

Answer = Callable[[str, gr.EventData | None, Sequence[Any]], Update | Iterator[Update]]
Row = Any  # one value, or a list of them: what Gradio expects for one output, or for several
PAGE_EVENTS = (  # what a visitor can do outside the tabs
    Event(request="choose_example", on=(("examples", "select"),), payload=("index",)),
    Event(request="open_upload", on=(("upload", "upload"),), inputs=("upload", "depth_file", "depth_kind")),
    Event(request="open_upload", on=(("sent_photo", "upload"),), inputs=("sent_photo", "depth_file", "depth_kind")),
    Event(request="take_depth", on=(("sent_depth", "upload"),), inputs=("sent_depth", "depth_kind")),
    Event(
        request="change_depth",
        on=(("depth_file", "upload"), ("depth_file", "clear"), ("depth_kind", "input")),
        inputs=("depth_file", "depth_kind"),
    ),
    Event(request="choose_preset", on=(("preset", "input"),), inputs=("preset",)),
    Event(request="reset", on=(("reset", "click"),)),
    Event(request="choose_instance", on=(("chosen", "input"),), inputs=("chosen",)),
)
FILES = {"upload": "photo", "sent_photo": "photo", "depth_file": "depth", "sent_depth": "depth"}
MESSAGES: dict[Request, tuple[str, ...]] = {  # what `page.js` sends over the bus: the request, and its fields
    "pick_patch": ("y", "x"),
    "move_patch": ("rows", "columns"),
    "open_tab": ("tab",),
    "use_depth": ("depth",),
}


@dataclass(frozen=True, slots=True)
class Wiring:
    """The page's components, and the events that connect them with the handlers.

    Attributes:
        page: The page.
        parts: What events read and change, by name; one `gr.Tab` for each tab as `tab-` and its id.
        params: One control per parameter, in the order of `controls.ALL`.
    """

    page: gr.Blocks
    parts: Mapping[str, Any]
    params: Mapping[str, Any]

    def wire(self) -> None:
        """Connect everything, first what the browser keeps: an event's later listeners wait for its earlier ones."""
        self._keep()
        for event in PAGE_EVENTS:
            self._event(event)
        for request, fields in MESSAGES.items():
            self._event(Event(request=request, on=(("bus", request),), payload=fields))
        for tab in TABS:
            self._show(tab)
            for event in tab.events:
                self._event(event, tab)
        self._controls()
        self._visit()

    def _event(self, event: Event, tab: Tab | None = None) -> None:
        triggers = [getattr(self.parts[component], kind) for component, kind in event.on]
        if event.on_open and tab is not None:
            triggers.append(self.parts[f"tab-{tab.id}"].select)
        inputs = [self.parts[name] for name in event.inputs]
        listen = triggers[0] if len(triggers) == 1 else partial(gr.on, triggers)  # `gr.on` takes no event of our own
        self._request(listen, event.request, inputs, event.payload)

    def _request(
        self, listen: Callable[..., Any], request: Request, inputs: Sequence[Any] = (), payload: Sequence[str] = ()
    ) -> Any:
        """Let an event make a request, and whatever follows its answer."""
        handler = HANDLERS[request]
        reads = [*inputs, *(self.params.values() if handler.reads_controls else ())]
        targets = [*(self.parts[name] for name in handler.outputs), *(self.params[name] for name in handler.sets)]
        options = handler.queue | ({"show_progress_on": self.parts["status"]} if handler.queue is HEAVY else {})
        asked = listen(_call(handler, len(inputs), payload), reads, targets, **options)
        if request == "take_depth":
            asked.then(None, js="() => window.cuts3d.depthTaken()", **QUIET)
        if handler.then is not None:
            self._request(asked.then, handler.then)
        return asked

    def _show(self, tab: Tab) -> None:
        """Draw a tab when it is opened."""

        def show(visitor: str, _: Any, __: Any) -> Update:
            answers = visitors.ANSWERS.of(visitor)
            if answers is not None:
                answers.claim(("tabs",), next_step())  # a late answer opens no other tab
            return looking.show_tab(visitor, tab.id)

        names = ("status", *tab.outputs)
        targets = [self.parts[name] for name in names]
        self.parts[f"tab-{tab.id}"].select(_ordered(names, show, opens_itself=True), None, targets, **EVERY)

    def _controls(self) -> None:
        quick = [control.input for name, control in self.params.items() if name not in controls.NETWORKS]
        networks = [self.params[name].input for name in controls.NETWORKS if name != "backbone"]
        self._request(partial(gr.on, quick), "change")
        self._request(partial(gr.on, [*networks, self.parts["run"].click]), "run")
        threshold = [self.parts["own_tau"], self.params["backbone"], self.params["tau_ncut"]]
        self._request(self.params["backbone"].input, "follow_backbone", threshold)

    def _visit(self) -> None:
        """What happens when a visitor comes and leaves."""
        names = (*VISIT_OUTPUTS, *self.params)

        def come(request: gr.Request, kept: str | None) -> Row:
            visitors.ANSWERS.begin(str(request.session_hash))
            update, warnings = visit(str(request.session_hash), dict(request.query_params), kept)
            for warning in warnings:
                gr.Warning(escape(warning))
            return row(names, update)

        def leave(request: gr.Request) -> None:
            visitor = str(request.session_hash)
            visitors.close(visitor)
            forget_visitor(self.page, visitor)

        first = [*(self.parts[name] for name in VISIT_OUTPUTS), *self.params.values()]
        came = self.page.load(come, [self.parts["kept"]], first, js="() => window.cuts3d.kept()", **QUIET)
        self._request(came.then, "open_example", [self.parts["first_example"]])
        came.then(None, js="() => window.cuts3d.sendAgain()", **QUIET)
        self.page.unload(leave)

    def _keep(self) -> None:
        """Let the browser keep what the visitor has set; the server is not asked."""
        settings = {name: self.parts[name] for name in ("preset", "depth_kind")} | dict(self.params)
        names = json.dumps(list(settings))
        gr.on(
            [component.change for component in settings.values()],
            None,
            list(settings.values()),
            js=f"(...values) => window.cuts3d.keep({names}, values)",
            **QUIET,
        )
        for tab in TABS:
            self.parts[f"tab-{tab.id}"].select(None, js=f"() => window.cuts3d.keepTab('{tab.id}')", **QUIET)
        for name, kind in FILES.items():
            js = f"(file) => {{ window.cuts3d.keepFile('{kind}', file); }}"
            self.parts[name].upload(None, [self.parts[name]], js=js, **QUIET)


def row(names: Sequence[str], update: Update) -> Row:
    """The values of an event's outputs, in their order; those that the update does not name stay.

    Raises:
        KeyError: The update names what the event does not declare.
    """
    undeclared = update.keys() - set(names)
    if undeclared:
        raise KeyError(f"The event does not declare {', '.join(sorted(undeclared))} as outputs.")
    values = [update.get(name, gr.skip()) for name in names]
    return values[0] if len(values) == 1 else values


def _call(handler: Handler, inputs: int, payload: Sequence[str]) -> Callable[..., Iterator[Row]]:
    """A handler as the function that Gradio calls with the request, the message and the inputs' values."""

    def answer(visitor: str, event: gr.EventData | None, values: Sequence[Any]) -> Any:
        fields = [getattr(event, name) for name in payload]
        own, controls_values = values[:inputs], [values[inputs:]] if handler.reads_controls else []
        return handler.answer(visitor, *fields, *own, *controls_values)

    return _ordered((*handler.outputs, *handler.sets), answer, with_message=bool(payload))


def _ordered(
    names: Sequence[str], answer: Answer, *, with_message: bool = False, opens_itself: bool = False
) -> Callable[..., Iterator[Row]]:
    """The function that Gradio calls for an event: it sends what is newer than what the page shows.

    Gradio asks a generator for its next row after it has sent the one before. Until then it is this answer's turn. All
    answers are generators for that reason.

    Args:
        names: The event's outputs.
        answer: Gets the visitor, the message or None, and the inputs' values. Returns an update, or yields several.
        with_message: Whether the event comes with a message.
        opens_itself: Whether the page itself makes the event, perhaps before its visit has begun.
    """

    def rows(request: gr.Request, event: gr.EventData | None, values: Sequence[Any]) -> Iterator[Row]:
        visitor = str(request.session_hash)
        answers, asked = visitors.ANSWERS.of(visitor), next_step()
        if answers is None:
            said = "status" in names and not opens_itself
            yield row(names, {"status": status.forgotten()} if said else {})
            return
        found = answer(visitor, event, values)
        for update in [found] if isinstance(found, dict) else found:
            step = asked if isinstance(found, dict) else next_step()
            with answers.sending(update, step) as newer:
                yield row(names, newer)
        yield row(names, {})  # Gradio sends the last one twice

    def with_event(request: gr.Request, event: gr.EventData, *values: Any) -> Iterator[Row]:
        yield from rows(request, event, values)

    def without_event(request: gr.Request, *values: Any) -> Iterator[Row]:
        yield from rows(request, None, values)

    return with_event if with_message else without_event
