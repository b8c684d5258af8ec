"""Patches of Gradio: each is for the version that is installed, reaches what it is for, and is still needed."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest
from anyio import run
from gradio.data_classes import ImageData
from gradio.mcp import GradioMCPServer
from gradio.routes import App
from PIL import UnidentifiedImageError

from ui.events import gradio_patches
from ui.events.gradio_patches import (
    forget_visitor,
    outputs_apart,
    typed,
    uploads_give_their_path,
    written_with_a_sentence,
)

IMAGE_PREPROCESS = gr.Image.preprocess  # before a page is built


def test_the_patches_are_for_the_installed_version():
    assert gr.__version__.startswith(f"{gradio_patches.WRITTEN_FOR}."), (
        "read the patches again: does this version still need each of them, and does each still reach its target?"
    )


def test_an_upload_arrives_as_its_path_unopened(tmp_path, monkeypatch):
    file = tmp_path / "broken.png"
    file.write_text("no picture")
    monkeypatch.setattr(gr.Image, "preprocess", IMAGE_PREPROCESS)
    photo = gr.Image(type="filepath", image_mode=None)
    with pytest.raises(UnidentifiedImageError):
        photo.preprocess(ImageData(path=str(file)))
    uploads_give_their_path()
    for box in (photo, type(photo)(**photo.constructor_args)):  # as Gradio makes it again
        assert box.preprocess(ImageData(path=str(file))) == str(file)
        assert box.preprocess(None) is None


def test_a_picture_that_cannot_be_written_is_one_sentence(monkeypatch):
    picture = gr.Image(format="png")

    def full(_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(picture, "postprocess", full)
    written_with_a_sentence(picture, "The disk is full.")
    with pytest.raises(gr.Error, match="The disk is full"):
        picture.postprocess(None)


class Job:
    """A finished call of an endpoint."""

    def __init__(self, outputs: Any) -> None:
        self.outputs = outputs

    def result(self) -> Any:
        return self.outputs


@pytest.mark.parametrize(
    ("outputs", "contents"), [(("a", 1), ["a", 1]), (["a"], ["a"]), ("a", ["a"]), ({"b": 2}, [{"b": 2}])]
)
def test_an_agent_gets_one_content_per_output(monkeypatch, outputs, contents):
    original = GradioMCPServer._execute_tool_without_progress
    assert inspect.iscoroutinefunction(original)
    monkeypatch.setattr(GradioMCPServer, "_execute_tool_without_progress", original)  # put back after the test
    outputs_apart()
    patched: Any = GradioMCPServer._execute_tool_without_progress
    with ThreadPoolExecutor(1) as other:  # Playwright keeps a loop in the thread of the tests
        assert other.submit(run, patched, None, Job(outputs)).result() == contents


def test_what_gradio_keeps_of_a_visitor_is_freed():
    with gr.Blocks() as page:
        gr.Textbox()
    forget_visitor(page, "was never here")
    App.create_app(page)
    assert page.state_holder["ann"].config_values is not None
    assert "ann" in page.state_holder
    forget_visitor(page, "ann")
    assert "ann" not in page.state_holder


def test_a_typed_input_is_its_schema():
    schema = {"type": "object", "properties": {"beta": {"type": "number", "description": "β"}}}
    with gr.Blocks():
        made = typed("parameters", schema)
    assert made.api_info() == schema
    assert made.label == "parameters"
