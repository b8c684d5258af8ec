"""Parameters, links and calls of the endpoints; and the whole method on unusual photos with unusual depth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from benchmarks.strange.case import Case, Rng, chance, one_of
from benchmarks.strange.depths import KINDS, depth_values
from benchmarks.strange.photos import photo_bytes, pixels, size_of
from benchmarks.strange.values import NAMES, STRANGE_NAMES, as_text, fitting, parameters, strange
from cuts3d import CutS3D
from cuts3d.backbones import register_backbone, registry
from cuts3d.config import CutS3DConfig
from cuts3d.io.coco import coco_document
from cuts3d.types import DepthMap, Segmentation
from tests.helpers import pixel_spec
from ui.events import endpoints
from ui.session.permalink import from_query

SIZES = (None, 64, 80, 160)  # multiples of the toy backbone's patch
LIGHT = {"image_size": 160, "cut_size": 40, "crf_size": 64, "crf_iterations": 3, "num_cuts": 6, "max_instances": 4}
FIRST = {"backbone": "pixels", "depth": "none"}
REQUEST = gr.Request(headers={})


@contextmanager
def toy_backbone() -> Iterator[None]:
    """A backbone `pixels` whose features are mean colours, so that the whole method takes milliseconds."""
    spec = pixel_spec()
    register_backbone(spec)
    try:
        yield
    finally:
        del registry._SPECS[spec.name]


def configuration(rng: Rng, folder: Path) -> Case:
    """Parameters from a file or a script; a configuration that is accepted must survive a round trip through JSON."""
    del folder
    params = parameters(rng)
    return Case(f"parameters {params!r:.300}", lambda: _round_trip(params))


def link(rng: Rng, folder: Path) -> Case:
    """The query of a link; it must never raise an error, and must always give a configuration."""
    del folder
    names = [one_of(rng, (*NAMES, *STRANGE_NAMES, "example", "__theme")) for _ in range(int(rng.integers(1, 6)))]
    query = {name: str(fitting(rng, name) if name in NAMES and chance(rng, 0.5) else _text(rng)) for name in names}

    def read() -> None:
        _, params, sentences = from_query(query)
        CutS3DConfig.from_dict(params)
        assert all("\n" not in sentence and len(sentence) < 2000 for sentence in sentences)

    return Case(f"link {query!r:.300}", read)


def api_call(rng: Rng, folder: Path) -> Case:
    """A call of an endpoint by a script."""
    path = folder / "asked.png"
    Image.fromarray(pixels(rng, (40, 32))).save(path)
    photo: Any = one_of(rng, (str(path),) * 8 + (None, str(folder / "gone.png"), str(folder)))
    params = as_text(rng, FIRST | light(parameters(rng, good=0.15)))
    if chance(rng, 0.1):
        params = strange(rng)
        params = FIRST if params in (None, {}, "") else params  # all defaults would run the large network
    number = lambda: one_of(rng, (None, 0.05, 0.1, -1, 3, strange(rng)))  # noqa: E731
    name = one_of(rng, ("segment", "compare_depth", "confidence_sweep"))
    arguments: dict[str, tuple[Any, ...]] = {
        "segment": (photo, params),
        "compare_depth": (
            photo,
            one_of(rng, (["none"], ["none", "none"], ["file"], ["bogus"], ["file:/etc/x"])),
            params,
        ),
        "confidence_sweep": (photo, number(), number(), one_of(rng, (None, 2, 0, 65, strange(rng))), params),
    }
    call = getattr(endpoints, name)
    return Case(f"{name}{arguments[name][1:]!r:.400}", lambda: json.dumps(_document(call(REQUEST, *arguments[name]))))


def whole_method(rng: Rng, folder: Path) -> Case:
    """Segment any photo with parameters at the ends of their ranges, with and without a depth map."""
    chosen = {name: fitting(rng, name) for name in NAMES if chance(rng, 0.3)}
    params = light(chosen) | FIRST | {"image_size": one_of(rng, SIZES)}
    photo: Any
    if chance(rng, 0.4):
        description, content = photo_bytes(rng)
        photo = folder / "segmented"
        photo.write_bytes(content)
    else:
        size = size_of(rng)
        description, photo = f"array {size}", pixels(rng, size)
    depth: Any = None
    if chance(rng, 0.6):
        shape = photo.shape[:2] if isinstance(photo, np.ndarray) else (30, 40)
        depth = depth_values(rng, (max(2, shape[0]), max(2, shape[1])))
        if chance(rng, 0.3):
            depth = DepthMap(values=depth_values(rng, (7, 5)), kind="disparity", estimator="made")
    kind = one_of(rng, KINDS)
    return Case(f"{description}, depth {depth is not None}, {params!r}", lambda: _segmented(photo, depth, kind, params))


def light(params: dict[str, Any]) -> dict[str, Any]:
    """The same parameters, limited so that a run does not take minutes."""
    most = {name: top for name, top in LIGHT.items() if isinstance(params.get(name), int | float)}
    return params | {name: min(params[name], top) for name, top in most.items() if params[name] > top}


def _text(rng: Rng) -> str:
    found = strange(rng)
    return found if isinstance(found, str) else repr(found)[:5000]


def _round_trip(params: dict[str, Any]) -> CutS3DConfig:
    config = CutS3DConfig.from_dict(params)
    assert CutS3DConfig.from_dict(json.loads(json.dumps(config.to_dict(), allow_nan=False))) == config
    return config


def _document(reply: Any) -> Any:
    return reply[0] if isinstance(reply, tuple) else reply


def _segmented(photo: Any, depth: Any, kind: Any, params: dict[str, Any]) -> Segmentation:
    config = CutS3DConfig().replace(**params)
    found = CutS3D(config).segment(photo, depth=depth, depth_kind=kind)
    for one in found.instances:
        assert one.mask.shape == found.image.shape[:2]
        assert one.mask.any()
        assert 0 <= one.score <= 1
        assert 0 <= one.mean_confidence <= 1
        assert 0 <= one.confidence.min() <= one.confidence.max() <= 1
    json.dumps(coco_document(found, file_name="photo"), allow_nan=False)
    return found
