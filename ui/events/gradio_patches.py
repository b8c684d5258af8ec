"""Changes of Gradio's internals that the page needs. Each names the version that it was written for and its reason.

`tests/ui/test_gradio_patches.py` checks every patch: it fails where a new Gradio no longer needs it, or moved what is
patched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from anyio.to_thread import run_sync
from gradio.components.api_component import Api
from gradio.mcp import GradioMCPServer

WRITTEN_FOR = "6.31"  # major and minor version of Gradio


def uploads_give_their_path() -> None:
    """Let boxes for a photo hand over the path of an uploaded file without opening it.

    Gradio 6.31 decodes the photo before the handler runs, so a broken file would end in Gradio's own error instead of
    a sentence on the page. It makes a component again, of the same class, for a visitor whose box an event has changed.
    """
    gr.Image.preprocess = lambda self, payload: payload.path if payload else None


def written_with_a_sentence(picture: gr.Image, sentence: str) -> None:
    """Let a picture that an endpoint returns fail with a sentence where the disk is full.

    Gradio 6.31 writes the file after the endpoint's function has returned, so the function cannot catch the error.
    """
    postprocess: Callable[[Any], Any] = picture.postprocess

    def write(value: Any) -> Any:
        try:
            return postprocess(value)
        except OSError as error:
            raise gr.Error(sentence, print_exception=False) from error

    picture.postprocess = write  # pyright: ignore[reportAttributeAccessIssue]


def outputs_apart() -> None:
    """Give an agent that asks for no progress one MCP content per output.

    Gradio 6.31 puts the list of all outputs into one text there.
    """
    GradioMCPServer._execute_tool_without_progress = _all_outputs


async def _all_outputs(self: GradioMCPServer, job: Any) -> list[Any]:
    outputs = await run_sync(job.result)
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def forget_visitor(page: gr.Blocks, visitor: str) -> None:
    """Free what Gradio keeps of a visitor who left.

    Gradio 6.31 keeps the state of a visitor until `state_session_capacity` is reached.
    """
    page.state_holder.session_data.pop(visitor, None)


def typed(label: str, schema: dict[str, Any]) -> Api:
    """An input or output that is nothing but its JSON schema.

    Gradio 6.31 makes such components only in `gr.api`, from type hints, which hold no descriptions and no unions.
    """
    return Api(None, schema, label=label)
