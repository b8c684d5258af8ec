"""The guard in front of Gradio and the temporary files, each without the page."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.server import guard
from ui.server.guard import BLOCKED, DISK_FULL, HEADERS, Guard
from ui.server.leftovers import sweep, use_private_folder
from ui.server.uploads import LARGEST_CHECKPOINT, LARGEST_PHOTO, LARGEST_UPLOAD, MEGABYTE

UPLOAD = "/gradio_api/upload"


async def anything(request: Request) -> Response:
    """Answers with the length of the body; fails like a full disk where the path asks for it."""
    if request.url.path.endswith("full"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    headers = {"Referrer-Policy": "no-referrer"} if request.url.path.endswith("strict") else {}
    return PlainTextResponse(str(len(await request.body())), headers=headers)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setattr(guard, "RESERVE", 0)
    routes = [Route("/{path:path}", anything, methods=["GET", "POST", "HEAD"])]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Guard)]), raise_server_exceptions=False)


def test_every_answer_has_the_headers_refusals_too(client) -> None:
    for path in ("/", "/gradio_api/proxy=x", "/gradio_api/full"):
        answer = client.get(path)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "object-src 'none'" in answer.headers["content-security-policy"]
    assert client.get("/strict").headers["referrer-policy"] == "no-referrer"


def test_a_space_may_frame_the_page_and_ask_its_hub(client, monkeypatch) -> None:
    answer = client.get("/")
    assert "frame-ancestors" not in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers
    monkeypatch.setenv("SPACE_ID", "user/explorer")
    space = TestClient(Starlette(routes=[Route("/", anything)], middleware=[Middleware(Guard)]))
    assert "content-security-policy" not in space.get("/").headers


@pytest.mark.parametrize("route", BLOCKED)
def test_an_unused_route_is_blocked_in_every_spelling(client, route) -> None:
    for prefix in ("/gradio_api/", "/gradio_api//", "/mounted/below/gradio_api/"):
        for name in (route, route.upper(), f"%{ord(route[0]):02x}{route[1:]}"):
            assert client.get(f"{prefix}{name}anything").status_code == 404
            assert client.post(f"{prefix}{name}anything").status_code == 404


def test_routes_that_the_page_needs_are_open(client) -> None:
    needed = (
        "info",
        "file=x.png",
        "queue/join",
        "queue/data",
        "call/segment",
        "heartbeat/a",
        "mcp/",
        "upload_progress",
    )
    for path in ("/", "/config", "/theme.css", *(f"/gradio_api/{name}" for name in needed)):
        assert client.get(path).status_code == 200, path


def test_a_body_is_limited_with_and_without_content_length(client, monkeypatch) -> None:
    monkeypatch.setattr(guard, "MEGABYTE", 10)  # of which 100 are allowed
    assert client.post("/gradio_api/queue/join", content=b"x" * 1000).text == "1000"
    refused = client.post("/gradio_api/queue/join", content=b"x" * 1001)
    assert (refused.status_code, refused.text) == (413, "At most 100 MB can be sent at once.")
    assert client.post("/gradio_api/queue/join", content=b"x", headers={"content-length": "-1"}).status_code == 413
    assert client.post("/gradio_api/queue/join", content=iter([b"x" * 900, b"x" * 100])).text == "1000"
    assert not client.post("/gradio_api/queue/join", content=iter([b"x" * 900, b"x" * 101])).is_success


def test_an_upload_needs_content_length_and_is_limited(client, monkeypatch) -> None:
    monkeypatch.setattr(guard, "MEGABYTE", 1)
    assert client.post(UPLOAD, content=b"x" * LARGEST_UPLOAD).is_success
    assert client.post(UPLOAD, content=b"x" * (LARGEST_UPLOAD + 1)).status_code == 413
    assert client.post(UPLOAD, content=iter([b"x"])).status_code == 411


def test_the_largest_upload_fits_into_one_request() -> None:
    from ui.session.page_training import MOST_PHOTOS

    assert max(LARGEST_CHECKPOINT, MOST_PHOTOS * LARGEST_PHOTO) < LARGEST_UPLOAD


def test_uploads_leave_room_on_the_disk(client, monkeypatch) -> None:
    monkeypatch.setattr(guard, "RESERVE", guard._free(Path(tempfile.gettempdir())) + MEGABYTE)
    for path in (UPLOAD, f"{UPLOAD}/"):
        answer = client.post(path, content=b"x")
        assert (answer.status_code, answer.text) == (507, DISK_FULL)
    assert client.post("/gradio_api/queue/join", content=b"x").is_success


def test_a_full_disk_is_reported_in_a_sentence(client) -> None:
    answer = client.post("/gradio_api/full", content=b"x")
    assert (answer.status_code, answer.text) == (507, DISK_FULL)


# ---- temporary files


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path


def test_temporary_files_go_to_a_private_folder(temporary) -> None:
    folder = use_private_folder()
    assert folder.parent == temporary
    assert folder.stat().st_mode & 0o077 == 0
    assert Path(tempfile.mkdtemp()).parent == folder


def test_a_second_server_shares_the_folder(temporary, monkeypatch) -> None:
    folder = use_private_folder()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert use_private_folder() == folder


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_used(temporary, monkeypatch) -> None:
    theirs = use_private_folder()
    os.chown(theirs, 12345, 12345)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert use_private_folder() != theirs


def test_old_files_and_the_folders_they_leave_empty_are_deleted_and_nothing_else(temporary) -> None:
    old, new = temporary / "old" / "deep", temporary / "new"
    outside = temporary.parent / f"{temporary.name}-outside"
    for folder in (old, new, outside):
        folder.mkdir(parents=True)
        (folder / "photo.png").write_bytes(b"x")
    (old / "link").symlink_to(outside, target_is_directory=True)
    hours_ago = time.time() - 3 * 3600
    for path in (old / "photo.png", old / "link", old, old.parent, outside / "photo.png"):
        os.utime(path, (hours_ago, hours_ago), follow_symlinks=False)
    assert sweep(temporary) == 2
    assert not (old / "photo.png").exists()
    assert not (old / "link").is_symlink()
    assert (new / "photo.png").exists()
    assert (outside / "photo.png").exists()
    sweep(temporary, age=-1)
    assert list(temporary.iterdir()) == []


def test_a_folder_that_vanishes_does_not_stop_the_sweep(temporary, monkeypatch) -> None:
    for name in ("gone", "there"):
        (temporary / name).mkdir()
        (temporary / name / "photo.png").write_bytes(b"x")
    look = os.scandir

    def vanishing(path: str) -> Any:
        if Path(path).name == "gone":
            raise FileNotFoundError(path)
        return look(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert sweep(temporary, age=-1) == 1
    assert not (temporary / "there").exists()
