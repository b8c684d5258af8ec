"""Public endpoints for scripts (`gradio_client`) and agents (MCP): segment, compare_depth, confidence_sweep, detect.

The photo is a hidden file component: its data model makes Gradio refuse every path that was not uploaded. The other
inputs are typed by a JSON schema. Parameters may only be plain values: over MCP, Gradio's own client would upload any
file of the server that a nested file object names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from cuts3d.arrays import ImageArray
from cuts3d.config import CutS3DConfig, parameter_field, parameter_stages
from cuts3d.depth import list_depths
from cuts3d.detector.config import DEFAULT_SCORE
from cuts3d.errors import ConfigError, CutS3DError, InputError
from cuts3d.io.coco import coco_document
from cuts3d.io.overlays import draw_masks, draw_overlay
from cuts3d.io.photos import Photo, read_image, read_photo
from cuts3d.run.compare import compare_depth as compare
from cuts3d.run.compare_report import comparison_document
from cuts3d.run.explorer import Explorer
from cuts3d.run.sweep import confidence_sweep as sweep
from ui.events.gradio_patches import outputs_apart, typed, written_with_a_sentence
from ui.events.opening import MAX_SIDE
from ui.server.guard import DISK_FULL
from ui.server.uploads import check_photo
from ui.session import detectors

Json = dict[str, Any]
Parameters = Json | str | None  # an object, or its JSON text
NUMBER = {"anyOf": [{"type": "number"}, {"type": "null"}]}
WHOLE = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
NAMES = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
VALUE = {"anyOf": [{"type": kind} for kind in ("number", "string", "boolean", "null")]}
OBJECT = {"type": "object", "additionalProperties": True}


def add_endpoints() -> None:
    """Add the endpoints to the page; called inside its `Blocks` context. They are invisible."""
    photo = gr.File(label="photo", visible=False)
    overlay = gr.Image(label="overlay", format="png", visible=False)
    written_with_a_sentence(overlay, DISK_FULL)
    parameters, result = typed("parameters", _parameters_schema()), typed("result", OBJECT)
    estimators = typed("estimators", NAMES)
    sweep_inputs = [typed("tau_knn_min", NUMBER), typed("tau_knn", NUMBER), typed("num_cuts", WHOLE)]
    outputs_apart()
    _add(segment, [photo, parameters], [result, overlay])
    _add(compare_depth, [photo, estimators, parameters], [result])
    _add(confidence_sweep, [photo, *sweep_inputs, parameters], [result])
    _add(detect, [photo, typed("score_threshold", NUMBER)], [result, overlay])


def segment(request: gr.Request, photo: str, parameters: Parameters = None) -> tuple[Json | str, ImageArray]:
    """Find the objects of a photo without labels: instance masks by CutS3D.

    Args:
        request: Sent by Gradio; not an input.
        photo: The photo: a file, or its http(s) address.
        parameters: Parameters of the method that differ from the defaults, such as {"beta": 0.3, "tau_knn": 0.1}.

    Returns:
        A COCO document (one annotation per instance: mask, box, score, confidence; at the photo's own size, with its
        EXIF orientation applied), and the photo with its masks, at most 1,600 pixels wide or high.
    """
    with _sentences():
        config, given = _config(parameters), _given(photo)
        explorer = Explorer(given.pixels, config, view_side=MAX_SIDE)
        overlay = draw_overlay(explorer.update())
        document = coco_document(explorer.own_size(), file_name=Path(photo).name)
        return _reply(document, request, given), overlay


def compare_depth(
    request: gr.Request, photo: str, estimators: list[str] | None = None, parameters: Parameters = None
) -> Json | str:
    """Segment a photo with several depth estimators and measure how well they agree.

    Args:
        request: Sent by Gradio; not an input.
        photo: The photo: a file, or its http(s) address.
        estimators: Names of depth estimators; if empty, all that need no download.
        parameters: Parameters of the method that differ from the defaults, such as {"beta": 0.3, "tau_knn": 0.1}.

    Returns:
        Per estimator its kind, instances, mean score, milliseconds or error; matrices of agreement between them.
    """
    with _sentences():
        config, given = _config(parameters), _given(photo)
        found = compare(given.pixels, estimators or _embedded(), config=config, view_side=MAX_SIDE)
        return _reply(comparison_document(found), request, given)


def confidence_sweep(
    request: gr.Request,
    photo: str,
    tau_knn_min: float | None = None,
    tau_knn: float | None = None,
    num_cuts: int | None = None,
    parameters: Parameters = None,
) -> Json | str:
    """Cut a photo in 3D at several thresholds and report what each instance keeps at each of them.

    Args:
        request: Sent by Gradio; not an input.
        photo: The photo: a file, or its http(s) address.
        tau_knn_min: Smallest threshold of the sweep.
        tau_knn: Largest threshold of the sweep, that of the final cut.
        num_cuts: Number of thresholds.
        parameters: Parameters of the method that differ from the defaults, such as {"beta": 0.3, "k_neighbors": 16}.

    Returns:
        Per instance its thresholds, the fraction of the photo that each cut keeps, and its mean confidence.
    """
    with _sentences():
        config, given = _config(parameters), _given(photo)
        found = sweep(
            given.pixels,
            config=config,
            tau_knn_min=tau_knn_min,
            tau_knn=tau_knn,
            num_cuts=num_cuts,
            view_side=MAX_SIDE,
        )
        instances = [
            {
                "taus": np.round(one.taus, 6).tolist(),
                "area_shares": np.round(one.area_shares, 6).tolist(),
                "mean_confidence": round(one.mean_confidence, 6),
            }
            for one in found.instances
        ]
        return _reply({"instances": instances}, request, given)


def detect(request: gr.Request, photo: str, score_threshold: float | None = None) -> tuple[Json | str, ImageArray]:
    """Find the objects of a photo by the trained detector: class-agnostic instance masks, best first.

    Args:
        request: Sent by Gradio; not an input.
        photo: The photo: a file, or its http(s) address.
        score_threshold: Lowest score of the detections that are returned, from 0 to 1; 0.5 by default.

    Returns:
        A COCO document (one annotation per object: mask, box, score; at the photo's own size, with its EXIF
        orientation applied), and the photo with its masks, at most 1,600 pixels wide or high.
    """
    with _sentences():
        threshold = DEFAULT_SCORE if score_threshold is None else score_threshold
        given = _given(photo)
        view = read_image(given.pixels, max_side=MAX_SIDE)
        document, masks = detectors.coco_of(given.pixels, view, Path(photo).name, threshold)
        return _reply(document, request, given), draw_masks(view, masks)


def _add(function: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    gr.Button(visible=False).click(
        function,
        inputs,
        outputs,
        api_name=function.__name__,
        concurrency_id="heavy",
        concurrency_limit=1,
        show_progress="hidden",
    )


def _parameters_schema() -> Json:
    """Every parameter with its description. The configuration checks the ranges: its errors say more than a schema."""
    described = {name: {**VALUE, "description": parameter_text(name)} for name in parameter_stages()}
    return {"type": "object", "properties": described, "additionalProperties": VALUE}


def parameter_text(name: str) -> str:
    """What a parameter does, its range and its default, in one sentence."""
    field = parameter_field(name)
    low, high = field.metadata["low"], field.metadata["high"]
    between = "" if low is None else f" From {low:g} to {high:g}."
    return f"{field.metadata['text']}{between} Default: {json.dumps(field.default)}."


def _embedded() -> list[str]:
    return [spec.name for spec in list_depths() if spec.embedded]


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn errors that are meant for people into their sentence, without a traceback."""
    try:
        yield
    except CutS3DError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _given(photo: str | None) -> Photo:
    """The photo at its own size."""
    if photo is None:
        raise InputError("No photo was given.")
    check_photo(photo)
    return read_photo(photo, max_side=None)


def _config(parameters: Parameters) -> CutS3DConfig:
    if isinstance(parameters, str):
        try:
            parameters = json.loads(parameters or "{}")
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"The parameters are not JSON ({error}).") from error
    if not isinstance(parameters, dict | None):
        raise ConfigError('The parameters must be one object, such as {"beta": 0.3}.')
    return CutS3DConfig.from_dict(parameters or {})


def _reply(document: Json, request: gr.Request, photo: Photo) -> Json | str:
    """The document, with notes on the photo; as JSON text over MCP, where Gradio would write a Python dictionary."""
    if photo.notes:
        document = {**document, "notes": list(photo.notes)}
    by_agent = request.headers.get("x-gradio-user") == "mcp"
    return json.dumps(document, ensure_ascii=False) if by_agent else document
