"""What a visitor asks for beyond the masks: a comparison of depth estimators, and files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import gradio as gr

from cuts3d.run.compare import compare_each, summarise
from ui.draw import status
from ui.draw.render import to_image
from ui.events.opening import MAX_SIDE
from ui.events.runs import failed, redraw, selector, summary
from ui.events.visitors import no_photo, session_of
from ui.session.downloads import write_downloads
from ui.session.drawing import Drawing, Update
from ui.session.sessions import Session
from ui.tabs import cloud, depth
from ui.viewer import standalone_html

DEPTH_OUTPUTS = ("status", "depth_table")


def compare_depths(visitor: str, names: Sequence[str]) -> Iterator[Update]:
    """Segment the open photo with several depth estimators and show each as soon as it is done."""
    session = session_of(visitor)
    if session is None or not session.explorer.results:
        yield no_photo(visitor)
        return
    try:
        yield from _compare(session, list(names))
    except Exception as error:
        yield failed(error)


def _compare(session: Session, names: list[str]) -> Iterator[Update]:
    explorer, entries = session.explorer, []
    yield {"status": status.running("comparing depth estimators", 0.05)}
    for entry in compare_each(
        explorer.photo, names, config=explorer.config, depth=session.own_depth, view_side=MAX_SIDE
    ):
        entries.append(entry)
        done = 0.05 + 0.9 * len(entries) / len(names)
        table = depth.rows(entries, None, explorer.config)
        yield {"depth_table": table, "status": status.running("comparing depth estimators", done)}
    table = depth.rows(entries, summarise(entries, explorer.config), explorer.config)
    yield {"depth_table": table, "status": summary(session)}


def prepare_files(visitor: str) -> Iterator[Update]:
    """Write all files of the current result."""
    session = session_of(visitor)
    if session is None or not session.explorer.results:
        yield no_photo(visitor)
        return
    yield {"status": status.running("writing the files", 0.9)}
    folder = Path(tempfile.mkdtemp(prefix="cuts3d-"))
    try:
        update, paths = _write(session, folder)
        yield {
            **update,
            "files": gr.update(value=[str(path) for path in paths], visible=True),
            "status": summary(session),
        }  # Gradio copies the files to its own cache before it asks for more
    except Exception as error:
        yield failed(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(session: Session, folder: Path) -> tuple[Update, list[Path]]:
    """Run the CRF where it has not run yet, draw all tabs, and write the files; what changed, and the paths."""
    with session.lock:
        explorer, source = session.explorer, session.source
        explorer.update()
        update = redraw(session, every_tab=True)
        drawing = Drawing(session)
        html = standalone_html(cloud.base_of(drawing), cloud.value_of(drawing), title=source.title)
        shown = {name: to_image(picture, explorer.image) for name, picture in session.drawn.pictures.items()}
        result = explorer.own_size()
        paths = write_downloads(
            folder, result, explorer.config, file_name=source.file_name, pictures=shown, view_html=html
        )
        return {**update, "chosen": selector(drawing)}, paths
