"""From an event on the page to pictures. Each handler asks the explorer and draws only what changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr
import numpy as np

from cuts3d.backbones import get_backbone
from cuts3d.errors import CutS3DError
from cuts3d.explorer import Explorer
from cuts3d.stages import StageResult
from cuts3d.types import Bipartition, LocalCut, Segmentation
from ui import pictures
from ui.examples import load_example
from ui.figures import cloud_figure
from ui.sessions import Session, Sessions

MAX_SIDE = 1600  # photos are worked on at this longer side on the page
SESSIONS = Sessions()
PICTURES = ("photo", "depth", "before", "after", "eigenvector", "bipartition", "confidence", "masks")
OUTPUTS = ("session", "status", *PICTURES, "cloud", "table")
STAGE_WORDS = {
    "features": "features of the backbone",
    "depth": "depth",
    "importance": "spatial importance",
    "affinity": "affinity",
    "sharpened": "sharpened affinity",
    "ncut": "normalised cut",
    "graph": "k-NN graph",
    "local_cut": "min-cut in 3D",
    "confidence": "spatial confidence",
    "refine": "fit to the photo's edges",
}
Update = dict[str, Any]


def open_example(name: str, old: str | None, beta: float, tau_knn: float) -> Iterator[tuple[Any, ...]]:
    """Open an example scene or photo and segment it."""
    image, depth = load_example(name)
    yield from _open(image, depth, name, old, beta, tau_knn)


def open_upload(path: str | None, old: str | None, beta: float, tau_knn: float) -> Iterator[tuple[Any, ...]]:
    """Open an uploaded photo and segment it."""
    if path is None:
        yield _row({"status": "Upload a photo, or choose an example."})
        return
    yield from _open(path, None, "your photo", old, beta, tau_knn)


def change(session_id: str | None, beta: float, tau_knn: float) -> Iterator[tuple[Any, ...]]:
    """Segment the open photo again with other parameters."""
    session = SESSIONS.get(session_id)
    if session is None:
        yield _row({"status": _error("This photo was closed to make room for others. Open it again.")})
        return
    yield from _run(session, beta, tau_knn)


def pick_patch(session_id: str | None, event: gr.SelectData) -> tuple[Any, ...]:
    """Show the affinity of the clicked patch."""
    session = SESSIONS.get(session_id)
    if session is None or ("sharpened", 0) not in session.last:
        return _row({"status": _error("This photo was closed to make room for others. Open it again.")})
    shape = session.explorer.image.shape[:2]
    h, w = pictures.display_shape(shape)
    rows, columns = session.last["features", 0].value.grid_shape
    x, y = event.index[0], event.index[1]
    session.patch = (min(rows - 1, int(y / h * rows)), min(columns - 1, int(x / w * columns)))
    return _row(_patch_pictures(session))


def _open(
    source: Any, depth: Any, title: str, old: str | None, beta: float, tau_knn: float
) -> Iterator[tuple[Any, ...]]:
    blank: Update = dict.fromkeys((*PICTURES, "cloud"))
    try:
        explorer = Explorer(source, depth=depth, max_side=MAX_SIDE)
    except CutS3DError as error:
        yield _row({"status": _error(str(error))})
        return
    SESSIONS.close(old)
    session = Session(explorer=explorer, title=title)
    yield _row({**blank, "session": SESSIONS.add(session), "status": "Loading the networks …", "table": ""})
    yield from _run(session, beta, tau_knn)


def _run(session: Session, beta: float, tau_knn: float) -> Iterator[tuple[Any, ...]]:
    """Walk the stages; a picture is sent as soon as its stage is there, and only if it changed."""
    with session.lock:
        before = dict(session.last)
        try:
            for step in session.explorer.stages(beta=beta, tau_knn=tau_knn):
                key = (step.stage, step.index)
                session.last[key] = step
                known = before.get(key)
                if known is not None and known.value is step.value:
                    continue
                update = _draw(session, step)
                if step.stage in STAGE_WORDS:
                    update.setdefault("status", f"Done: {STAGE_WORDS[step.stage]} …")
                if update:
                    yield _row(update)
        except CutS3DError as error:
            yield _row({"status": _error(str(error))})


def _draw(session: Session, step: StageResult) -> Update:
    image = session.explorer.image
    shape = image.shape[:2]
    if step.stage == "features" and session.patch is None:
        rows, columns = step.value.grid_shape
        session.patch = (rows // 2, columns // 2)
    if step.stage == "depth":
        clip = session.explorer.config.cloud.depth_clip
        return {"depth": pictures.depth_picture(step.value, shape, clip_percent=clip)}
    if step.stage == "sharpened":
        return _patch_pictures(session)
    if step.stage == "ncut" and step.index == 0:
        plain = pictures.bipartition_picture(image, step.value, [], [], step.value.mask.shape)  # until a cut adds rings
        eigenvector = pictures.fit(pictures.colour_map(step.value.eigenvector), shape)
        return {"eigenvector": eigenvector, "bipartition": plain}
    if step.stage == "local_cut" and step.index == 0:
        return {"bipartition": _bipartition(session, step.value)}
    if step.stage == "segmentation":
        return _final(session, step.value)
    return {}


def _patch_pictures(session: Session) -> Update:
    patch = session.patch or (0, 0)
    grid = session.last["features", 0].value.grid_shape
    image = session.explorer.image
    shape = image.shape[:2]
    return {
        "photo": pictures.photo_picture(image, grid, patch),
        "before": pictures.affinity_picture(session.last["affinity", 0].value, grid, patch, shape),
        "after": pictures.affinity_picture(session.last["sharpened", 0].value, grid, patch, shape),
    }


def _bipartition(session: Session, cut: LocalCut) -> np.ndarray:
    partition: Bipartition = session.last["ncut", 0].value
    grid = cut.mask.shape
    sources, sinks = ([(int(i) // grid[1], int(i) % grid[1]) for i in cells] for cells in (cut.sources, cut.sinks))
    return pictures.bipartition_picture(session.explorer.image, partition, sources, sinks, grid)


def _final(session: Session, result: Segmentation) -> Update:
    shape = result.image.shape[:2]
    update: Update = {
        "masks": pictures.masks_picture(result),
        "cloud": cloud_figure(result, session.explorer.config),
        "table": instance_table(result),
        "status": summary(session, result),
    }
    if result.instances:
        values, covered = pictures.merged_confidence(result.instances)
        update["confidence"] = pictures.confidence_picture(values, covered, shape)
    else:
        update["confidence"] = pictures.fit(np.full((2, 2, 3), 128, np.uint8), shape)
    return update


def instance_table(result: Segmentation) -> str:
    """Markdown table of the instances, and of what was dropped."""
    lines = ["| # | area | confidence | cut value | joined before the cut | note |", "|--:|--:|--:|--:|:--|:--|"]
    for number, instance in enumerate(result.instances, start=1):
        joined = "yes" if instance.cut.connected else "no: τ_knn alone separated them"
        area = 100 * instance.area / instance.mask.size
        note = f"fallback to MaskCut: {instance.cut.fallback}" if instance.cut.fallback else ""
        confidence, cut = instance.mean_confidence, instance.cut.flow
        lines.append(f"| {number} | {area:.1f} % | {confidence:.2f} | {cut:.2f} | {joined} | {note} |")
    lines += [f"\nNCut {d.ncut + 1}: {d.reason}." for d in result.dropped]
    return "\n".join(lines)


def summary(session: Session, result: Segmentation) -> str:
    """One honest line: what was found, with which networks."""
    spec = get_backbone(result.features.backbone)
    count = len(result.instances)
    found = f"**{count} instance{'s' if count != 1 else ''}** in {session.title}"
    return f"{found} · backbone: {spec.title} · depth: {result.depth.estimator}"


def _error(text: str) -> str:
    return f'<span class="error">{text}</span>'


def _row(update: Update) -> tuple[Any, ...]:
    return tuple(update.get(name, gr.skip()) for name in OUTPUTS)
