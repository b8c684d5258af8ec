"""Middleware in front of Gradio: it blocks unused routes, limits request bodies and sets security headers."""

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
BLOCKED = (  # routes of Gradio that read, write, fetch or run something for any client, and that the page does not use
    *("process_recording", "deep_link", "vibe-", "undo-vibe-", "dev/", "profiling/"),
    *("proxy=", "file=http:", "file=https:", "file/", "custom_component/", "component_server", "stream/"),
)
RESERVE = 500 * MEGABYTE  # bytes of the disk that uploads leave free
NO_SPACE = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # not every system has quotas
DISK_FULL = "The server's disk is full. Old uploads are deleted every hour: try again later."
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # the address of a private Space carries a token
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
# Gradio needs inline scripts and `new Function`. Frames are not restricted, since a Space shows the page in a frame. On
# a Space no policy is sent, since Gradio sends requests to the hub there.
POLICY = "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; object-src 'none'; base-uri 'self'"


class Guard:
    """ASGI middleware around Gradio's routes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = dict(HEADERS)
        if "SPACE_ID" not in os.environ:
            self.headers["Content-Security-Policy"] = POLICY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it to the app."""
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
            if started or error.errno not in NO_SPACE:
                raise
            await PlainTextResponse(DISK_FULL, 507)(scope, receive, answer)


def _refused(scope: Scope) -> PlainTextResponse | None:
    """Refusal of a request that must not reach Gradio; None: it is allowed."""
    if _route(scope).lower().startswith(BLOCKED):
        return PlainTextResponse("Not found", 404)
    length = Headers(scope=scope).get("content-length")
    if length is not None and (not length.isdecimal() or int(length) > _most(scope)):
        return PlainTextResponse(f"At most {_most(scope) // MEGABYTE} MB can be sent at once.", 413)
    if _is_upload(scope):
        if length is None:
            return PlainTextResponse("An upload needs the header Content-Length.", 411)
        if _free(Path(get_upload_folder())) - int(length) < RESERVE:
            return PlainTextResponse(DISK_FULL, 507)
    return None


def _route(scope: Scope) -> str:
    """The part of a path after Gradio's prefix, wherever the app is mounted; empty for other paths."""
    return scope["path"].partition(API)[2].lstrip("/")


def _is_upload(scope: Scope) -> bool:
    return scope["method"] == "POST" and _route(scope).rstrip("/") == "upload"


def _most(scope: Scope) -> int:
    """Largest body of a request, bytes."""
    return (LARGEST_UPLOAD if _is_upload(scope) else LARGEST_REQUEST) * MEGABYTE


def _bounded(receive: Receive, most: int) -> Receive:
    """Disconnect when a body without Content-Length becomes longer than `most` bytes."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= most else {"type": "http.disconnect"}

    return counted


def _free(folder: Path) -> int:
    """Free bytes of the disk of a folder; the folder need not exist."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
