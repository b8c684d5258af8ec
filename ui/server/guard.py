"""What stands before Gradio: doors that this page does not need stay shut, bodies are bounded, headers are set."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from gradio.utils import get_upload_folder
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.server.uploads import LARGEST_REQUEST, LARGEST_UPLOAD, MEGABYTE

API = "/gradio_api/"
SHUT = (  # of Gradio's own; each reads, writes, fetches or runs something for whoever asks
    *("process_recording", "deep_link", "vibe-", "undo-vibe-", "dev/", "profiling/"),
    *("proxy=", "file=http:", "file=https:", "file/", "custom_component/", "component_server", "stream/"),
)
RESERVE = 500 * MEGABYTE  # of the disk, which uploads leave free
DISK_FULL = "The server's disk is full. Old uploads are deleted every hour: try again later."
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # the address of a private Space carries a token
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
# Gradio needs inline scripts and `new Function`. Who may frame the page is left open: a Space is a frame. On a Space
# no policy is sent, since Gradio asks the hub there.
POLICY = "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; object-src 'none'; base-uri 'self'"


class Guard:
    """ASGI middleware around Gradio's routes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = dict(HEADERS)
        if "SPACE_ID" not in os.environ:
            self.headers["Content-Security-Policy"] = POLICY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = _refused(scope)
        if refused is not None:
            await refused(scope, receive, answer)
            return
        try:
            await self.app(scope, _bounded(receive, _most(scope)), answer)
        except OSError as error:
            if started or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            await PlainTextResponse(DISK_FULL, 507)(scope, receive, answer)


def _refused(scope: Scope) -> PlainTextResponse | None:
    """The answer to a request that Gradio is not to see."""
    if _door(scope).lower().startswith(SHUT):
        return PlainTextResponse("Not found", 404)
    length = Headers(scope=scope).get("content-length")
    if length is not None and (not length.isdecimal() or int(length) > _most(scope)):
        return PlainTextResponse(f"At most {_most(scope) // MEGABYTE} MB can be sent at once.", 413)
    if _is_upload(scope):
        if length is None:
            return PlainTextResponse("An upload must say its length.", 411)
        if _free(Path(get_upload_folder())) - int(length) < RESERVE:
            return PlainTextResponse(DISK_FULL, 507)
    return None


def _door(scope: Scope) -> str:
    """The part of a path behind Gradio's prefix, wherever the app is mounted; empty where there is none."""
    return scope["path"].partition(API)[2].lstrip("/")


def _is_upload(scope: Scope) -> bool:
    return scope["method"] == "POST" and _door(scope).rstrip("/") == "upload"


def _most(scope: Scope) -> int:
    """Bytes that a request may bring."""
    return (LARGEST_UPLOAD if _is_upload(scope) else LARGEST_REQUEST) * MEGABYTE


def _bounded(receive: Receive, most: int) -> Receive:
    """A body that does not say its length is cut off where it grows too long."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= most else {"type": "http.disconnect"}

    return counted


def _free(folder: Path) -> int:
    """Free bytes of the disk that a folder lies on, or will lie on."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
