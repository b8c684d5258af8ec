"""Which event of the page calls which handler. Updates travel by name; here they become rows of outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import gradio as gr

from cuts3d.run.compare import OWN_DEPTH
from ui import controls
from ui.events import detector_handlers, handlers, training_handlers
from ui.session.drawing import Update
from ui.session.examples import example_names
from ui.session.permalink import from_query

Row = list[Any]
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
FAST: dict[str, Any] = {**QUIET, "concurrency_id": "fast", "concurrency_limit": 2}
REFINE: dict[str, Any] = {
    **QUIET,
    "trigger_mode": "always_last",
    "concurrency_id": "refine",
    "concurrency_limit": 8,
}  # most of them wait for a pause
HEAVY: dict[str, Any] = {  # networks: one at a time, and the status line tells the place in the queue
    "api_visibility": "private",
    "concurrency_id": "heavy",
    "concurrency_limit": 1,
    "show_progress": "minimal",
    "trigger_mode": "multiple",
}
TRAINING: dict[str, Any] = {  # minutes, beside the queue of the networks; all but one are told to wait at once
    **QUIET,
    "concurrency_id": "training",
    "concurrency_limit": 8,
}
NO_OUTPUT = (
    *("against", "prepare", "compare_left", "compare_right", "estimators", "compare_depth"),
    *("detect", "train", "cancel_training", "training_photos", "training_examples", "training_steps"),
)


class Wiring:
    """Wires the page's components to the handlers.

    Attributes:
        parts: What the tabs and the head are made of, by name.
        params: One component per parameter, in the order of `controls.ALL`.
        side: Photo, examples, depth map, presets and buttons.
        outputs: All that a handler may update, by the name it uses.
    """

    def __init__(
        self, parts: dict[str, Any], params: dict[str, Any], side: dict[str, Any], tabs: gr.Tabs, bus: gr.HTML
    ) -> None:
        self.parts, self.params, self.side, self.tabs, self.bus = parts, params, side, tabs, bus
        self.outputs = {name: part for name, part in parts.items() if name not in NO_OUTPUT}
        self.outputs |= {f"param {name}": component for name, component in params.items()}
        self.values, self.targets = list(params.values()), list(self.outputs.values())
        self.heavy = {**HEAVY, "show_progress_on": parts["status"]}

    def wire(self, page: gr.Blocks) -> None:
        """Wire everything."""
        self._photo(page)
        self._parameters()
        self._presets()
        self._views()
        self._tabs()
        self._detector()

    def _row(self, update: Update) -> Row:
        return [update.get(name, gr.skip()) for name in self.outputs]

    def _rows(self, updates: Iterator[Update]) -> Iterator[Row]:
        """Rows of a run; Gradio sends the last one twice, so it is an empty one."""
        for update in updates:
            yield self._row(update)
        yield self._row({})

    def _run(self, event: Any, handler: Callable[..., Iterator[Update]], inputs: Row, **options: Any) -> Any:
        """An event that runs stages, followed by the CRF. The handler gets the visitor, then the inputs."""

        def run(request: gr.Request, *values: Any) -> Iterator[Row]:
            yield from self._rows(handler(str(request.session_hash), *values))

        started = event(run, inputs, self.targets, **options)
        self._then_refine(started)
        return started

    def _then_refine(self, event: Any) -> None:
        def refine(request: gr.Request) -> Iterator[Row]:
            yield from self._rows(handlers.refine(str(request.session_hash)))

        event.then(refine, None, self.targets, **REFINE)

    def _reply(self, event: Any, handler: Callable[..., Update], inputs: Row, **options: Any) -> None:
        """An event that is answered at once."""

        def run(request: gr.Request, *values: Any) -> Row:
            return self._row(handler(str(request.session_hash), *values))

        event(run, inputs, self.targets, **FAST, **options)

    def _reply_to_data(self, event: Any, handler: Callable[[str, Any], Update]) -> None:
        """The same for a component of our own, whose data goes to the handler.

        Every event is sent: "always_last" would repeat an older event's data.
        """

        def run(request: gr.Request, event: gr.EventData) -> Row:
            return self._row(handler(str(request.session_hash), event._data))

        event(run, None, self.targets, trigger_mode="multiple", **FAST)

    def _photo(self, page: gr.Blocks) -> None:
        def first(request: gr.Request, *values: Any) -> Iterator[Row]:
            query = dict(request.query_params)
            example, params, warnings = from_query(query)
            for warning in warnings:
                gr.Warning(escape(warning))
            if params or "depth" in query:
                values = tuple(controls.values_from(params, own_depth="depth" not in query))
                yield self._row({f"param {name}": v for name, v in zip(self.params, values, strict=True)})
            name = example or example_names()[0]
            yield from self._rows(handlers.open_example(str(request.session_hash), name, values))

        def chosen(request: gr.Request, event: gr.SelectData, *values: Any) -> Iterator[Row]:
            name = example_names()[int(event.index)]
            yield from self._rows(handlers.open_example(str(request.session_hash), name, values))

        def leave(request: gr.Request) -> None:
            visitor = str(request.session_hash)
            handlers.close(visitor)
            page.state_holder.session_data.pop(visitor, None)  # Gradio would keep what it showed for good

        def upload(visitor: str, path: Any, depth: Any, kind: Any, *values: Any) -> Iterator[Update]:
            return handlers.open_upload(visitor, path, depth, kind, values)

        def depth(visitor: str, path: Any, kind: Any, *values: Any) -> Iterator[Update]:
            return handlers.change_depth(visitor, path, kind, values)

        self._then_refine(page.load(first, self.values, self.targets, **self.heavy))
        self._then_refine(self.side["examples"].select(chosen, self.values, self.targets, **self.heavy))
        page.unload(leave)
        own = [self.side["depth_file"], self.side["depth_kind"]]
        self._run(self.side["upload"].upload, upload, [self.side["upload"], *own, *self.values], **self.heavy)
        events = [self.side["depth_file"].upload, self.side["depth_file"].clear, self.side["depth_kind"].input]
        self._run(_any_of(events), depth, [*own, *self.values], **self.heavy)

    def _parameters(self) -> None:
        light = [c.input for name, c in self.params.items() if name not in controls.NETWORKS]
        networks = [self.params[name].input for name in controls.NETWORKS]
        self._run(_any_of(light), _quick, self.values, trigger_mode="always_last", **FAST)
        self._run(_any_of([*networks, self.side["run"].click]), _thorough, self.values, **self.heavy)

        def drag(event: gr.EventData) -> float:
            return min(max(float(event._data["tau"]), 0.0), 1.0)

        dragged = self.parts["histogram"].input(drag, None, self.params["tau_ncut"], trigger_mode="multiple", **FAST)
        self._run(dragged.then, _quick, self.values, **FAST)

    def _presets(self) -> None:
        first = next(iter(controls.PRESETS))

        def values(name: str) -> Row:
            return [*controls.values_from(controls.PRESETS[name]), controls.PRESET_TEXTS[name]]

        targets = [*self.values, self.side["preset_text"]]
        chosen = self.side["preset"].input(values, self.side["preset"], targets, **QUIET)
        self._run(chosen.then, _thorough, self.values, **self.heavy)
        cleared = self.side["reset"].click(
            lambda: [first, *values(first)], None, [self.side["preset"], *targets], **QUIET
        )
        self._run(cleared.then, _thorough, self.values, **self.heavy)

    def _views(self) -> None:
        def from_masks(visitor: str, data: Any) -> Update:
            number = int(data["instance"]) + 1
            return {**handlers.choose_instance(visitor, number), "chosen": str(number)}

        self._reply_to_data(self.bus.select, lambda visitor, d: handlers.pick_patch(visitor, d["y"], d["x"]))
        self._reply_to_data(self.bus.change, lambda visitor, d: handlers.move_patch(visitor, d["rows"], d["columns"]))
        viewer, masks = self.parts["viewer"], self.parts["instances"]
        self._reply_to_data(viewer.select, lambda visitor, d: handlers.pick_patch(visitor, d["row"], d["column"]))
        self._reply_to_data(masks.select, from_masks)
        self._reply(self.parts["chosen"].input, handlers.choose_instance, [self.parts["chosen"]])
        both = [self.parts["compare_left"], self.parts["compare_right"]]
        self._reply(_any_of([choice.input for choice in both]), handlers.compare, both)
        self._run(self.parts["against"].input, handlers.choose_baseline, [self.parts["against"]], **self.heavy)
        self._run(self.parts["prepare"].click, handlers.prepare_files, [], **self.heavy)
        self._run(self.parts["compare_depth"].click, handlers.compare_depths, [self.parts["estimators"]], **self.heavy)

    def _tabs(self) -> None:
        def show(request: gr.Request, event: gr.SelectData) -> Row:
            return self._row(handlers.show_tab(str(request.session_hash), str(event.value).lower()))

        def open_tab(request: gr.Request, event: gr.EventData) -> Row:
            tab = str(event._data["tab"])
            return [gr.Tabs(selected=tab), *self._row(handlers.show_tab(str(request.session_hash), tab))]

        def use_depth(request: gr.Request, event: gr.EventData) -> Row:
            name = event._data["depth"]
            choice = controls.OWN_DEPTH if name == OWN_DEPTH else name
            shown = {**handlers.show_tab(str(request.session_hash), "3d"), "param depth": choice}
            return [gr.Tabs(selected="3d"), *self._row(shown)]

        taken = self.bus.input(use_depth, None, [self.tabs, *self.targets], trigger_mode="multiple", **QUIET)
        self._run(taken.then, _thorough, self.values, **self.heavy)
        self.tabs.select(show, None, self.targets, trigger_mode="multiple", **FAST)
        self.bus.click(open_tab, None, [self.tabs, *self.targets], trigger_mode="multiple", **FAST)

    def _detector(self) -> None:
        tab = next(tab for tab in self.tabs.children if getattr(tab, "id", None) == "detector")
        opened: Row = [tab.select, self.parts["detect"].click]  # pyright: ignore[reportAttributeAccessIssue]
        self._run(_any_of(opened), detector_handlers.open_tab, [], **self.heavy)
        checkpoint, threshold = self.parts["checkpoint"], self.parts["score_threshold"]
        self._run(checkpoint.upload, detector_handlers.use_checkpoint, [checkpoint], **self.heavy)
        self._reply(checkpoint.clear, detector_handlers.drop_checkpoint, [])
        chosen = [self.parts[name] for name in ("training_photos", "training_examples", "training_steps")]
        trained = self._run(self.parts["train"].click, training_handlers.train_here, chosen, **TRAINING)
        self._run(trained.then, detector_handlers.look_again, [], **self.heavy)
        self._reply(self.parts["cancel_training"].click, training_handlers.cancel, [])
        self._reply(threshold.input, detector_handlers.choose_threshold, [threshold], trigger_mode="always_last")


def _quick(visitor: str, *values: Any) -> Iterator[Update]:
    return handlers.change(visitor, values)


def _thorough(visitor: str, *values: Any) -> Iterator[Update]:
    return handlers.change(visitor, values, progressive=True)


def _any_of(triggers: Row) -> Callable[..., Any]:
    def event(function: Any, inputs: Any, outputs: Any, **options: Any) -> Any:
        return gr.on(triggers, function, inputs, outputs, **options)

    return event
