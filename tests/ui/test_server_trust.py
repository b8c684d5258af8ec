"""The real server, watched by an audit hook: what it opens, writes and connects to under misuse.

The tests run in their order: the last ones kill the server and fill its disk.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import itertools
import json
import os
import pickle
import shutil
import signal
import subprocess
import threading
import time
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from PIL import Image

from benchmarks.load import press
from benchmarks.load_visits import Person, Report
from benchmarks.server import ROOT, Server, serve
from benchmarks.visitor import Refused, Visit
from ui.server.guard import DISK_FULL, HEADERS

T = TypeVar("T")
LIMIT = 2  # MB per checkpoint, instead of 400
WITNESS = """
import os, runpy, sys
sink = os.open(os.environ["WITNESS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
ASKED = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
def witness(event, args):
    if event in ASKED:
        os.write(sink, f"{event} {args[1:] if event == 'socket.connect' else args}\\n".encode())
    elif event == "open" and isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        os.write(sink, f"write {os.path.abspath(args[0])}\\n".encode())
sys.addaudithook(witness)
from ui.server import guard, uploads
guard.RESERVE, uploads.LARGEST_CHECKPOINT = 1_000_000, LIMIT
runpy.run_path("app.py", run_name="__main__")
""".replace("LIMIT", str(LIMIT))
META = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The server's folder, its temporary files on a small disk of their own where that can be had."""
    folder = tmp_path_factory.mktemp("trust")
    disk = folder / "temporary"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=150m", "tmpfs", str(disk)]
    mounted = bool(shutil.which("mount")) and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    (folder / "script.py").write_text(WITNESS)
    yield folder
    if mounted:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@contextmanager
def started(folder: Path, port: int | None = None) -> Iterator[Server]:
    environment = {"WITNESS": str(folder / "witness.txt"), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    with serve(folder, port=port, script=str(folder / "script.py"), environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with started(folder) as server:
        yield server


def uploads_of(server: Server) -> Path:
    (own,) = (server.folder / "temporary").glob("cuts3d-page-*")
    return own / "gradio"


def in_a_loop_of_its_own(work: Callable[[], Awaitable[T]]) -> T:
    """Run in another thread: where the browser's tests ran before, this one has a loop already."""

    async def run() -> T:
        return await work()

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(run())).result()


def visiting(server: Server, work: Callable[[Visit], Awaitable[T]]) -> T:
    """Open the page, do something on it, leave."""

    async def visit() -> T:
        async with httpx.AsyncClient(base_url=server.url, timeout=120, trust_env=False) as http:
            visit = await Visit.open(http)
            try:
                return await work(visit)
            finally:
                await visit.leave()

    return in_a_loop_of_its_own(visit)


def upload(server: Server, name: str, content: bytes) -> httpx.Response:
    return httpx.post(f"{server.url}gradio_api/upload", files={"files": (name, content)}, timeout=60)


def png(size: tuple[int, int] = (64, 48)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


# ---- visitors


@pytest.mark.slow
def test_visitors_at_once_get_their_own_answers(server) -> None:
    report, watch = in_a_loop_of_its_own(lambda: press(server, 2, 1.0))
    assert report.errors == {}
    assert report.mixed == []
    assert len(report.seconds["upload"]) == 2
    assert report.checked > 10
    assert watch.samples[-1].memory > 100


def test_the_load_test_notices_the_photo_of_another_visitor(server, tmp_path) -> None:
    first, second = Person(0, tmp_path), Person(1, tmp_path)

    async def open_as_second(visit: Visit) -> dict[str, Any]:
        visit.values[visit.layout.component("upload")] = await visit.upload(second.new_photo())
        return await visit.trigger("upload", "upload")

    found, right, wrong = visiting(server, open_as_second), Report(), Report()
    second.check(found, right)
    first.check(found, wrong)
    assert right.mixed == []
    assert right.checked == len(wrong.mixed) > 5


# ---- files of the server


def spellings(target: Path, inside: Path, *, all_codes: bool) -> set[str]:
    """Ways to name a file: absolute, relative, climbing out of a folder that is allowed, and each of them encoded."""
    path = str(target)
    climbing = f"{inside}/{os.path.relpath(path, inside)}"
    plain = [path, os.path.relpath(path, ROOT), "../" * 12 + path[1:], climbing, f"file://{path}", f"/{path}"]
    encoders: list[Callable[[str], str]] = [
        lambda name: quote(name, safe=""),
        quote,
        lambda name: quote(quote(name, safe="")),
        lambda name: quote(name).replace("..", "%2e%2e"),
        lambda name: quote(name.replace("/", "\\")),
        lambda name: f"{quote(name)}%00.png",
    ]
    return {encode(name) for encode, name in itertools.product(encoders if all_codes else encoders[:2], plain)}


DOORS = (
    *("gradio_api/file=", "gradio_api/file/", "file=", "file/", "static/", "assets/", "svelte/"),
    *("gradio_api/custom_component/image/client/", "?deep_link=", "gradio_api/proxy="),
)


def test_no_file_of_the_server_can_be_downloaded(server) -> None:
    inside = uploads_of(server)
    (inside.parent / "secret.txt").write_text("a secret beside the uploads")
    targets = [Path("/etc/passwd"), ROOT / "app.py", ROOT / ".git" / "HEAD", inside.parent / "secret.txt"]
    targets = [target for target in targets if target.is_file()]
    contents = [target.read_bytes()[:16] for target in targets]
    connection, tried, given = http.client.HTTPConnection("127.0.0.1", server.port), 0, []
    for target in targets:
        names = {door: spellings(target, inside, all_codes=door in DOORS[:2]) for door in DOORS}
        for place, name in ((door, name) for door in DOORS for name in names[door]):
            connection.request("GET", f"/{place}{name}")
            answer = connection.getresponse()
            body, tried = answer.read(), tried + 1
            page = place.startswith("?")  # the page itself, whatever the link says
            if any(content in body for content in contents) or (answer.status < 400 and not page):
                given.append((answer.status, place, name))
    connection.close()
    assert given == []
    assert tried > 400


def test_an_upload_needs_its_complete_address(server) -> None:
    (path,) = upload(server, "holiday.png", png()).json()
    base = f"{server.url}gradio_api/file="
    own = httpx.get(base + path)
    assert (own.status_code, own.headers["content-type"]) == (200, "image/png")
    content_hash = Path(path).parent
    assert len(content_hash.name) == 64, "the address can be had only by who has the photo"
    for guess in (content_hash, content_hash.parent, content_hash.parent / "holiday.png", content_hash.parent / "*"):
        for end in ("", "/", "/*", "/holiday.pn?"):
            assert httpx.get(f"{base}{guess}{quote(end)}").status_code >= 400


@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "script.js", "page.xhtml"])
def test_an_upload_that_a_browser_would_run_is_only_saved(server, name) -> None:
    (path,) = upload(server, name, b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>").json()
    answer = httpx.get(f"{server.url}gradio_api/file={path}")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


NAMES = (
    *("../../evil.png", "/etc/evil.png", "..\\..\\evil.png", "a/../../../evil.png", "..", ".", "/", "~/evil.png"),
    *("%2e%2e%2fevil.png", "C:\\evil.png", "evil\x00.png", "\n.png", "x" * 5000, "ö☃.png", " ", "-rf", "con"),
)


def test_uploads_are_stored_in_their_folder_whatever_their_name(server) -> None:
    inside = uploads_of(server)
    for name in NAMES:
        answer = upload(server, name, name.encode())
        if answer.is_success:
            (path,) = answer.json()
            resolved = Path(path).resolve()
            assert resolved.parent.parent == inside.resolve(), name
            assert resolved.is_file()
        else:
            assert 400 <= answer.status_code < 500, (name[:20], answer.status_code)
            assert "Traceback" not in answer.text


INPUTS = (
    ("upload", "upload", "upload"),
    ("depth-file", "upload", "depth-file"),
    ("checkpoint", "upload", "checkpoint"),
    ("train", "click", "training-photos"),
)


@pytest.mark.parametrize(("elem_id", "kind", "component"), INPUTS)
def test_no_event_of_the_page_takes_a_file_of_the_server(server, elem_id, kind, component) -> None:
    async def give(visit: Visit) -> None:
        number = visit.layout.component(component)
        for path in ("/etc/passwd", str(ROOT / "assets" / "page.jpg"), f"{uploads_of(server)}/../secret.txt"):
            file: Any = {"path": path, "meta": META}
            visit.values[number] = [file] if component == "training-photos" else file
            with pytest.raises(Refused):
                await visit.trigger(elem_id, kind)

    visiting(server, give)


def test_the_queue_cannot_be_bypassed(server) -> None:
    config = httpx.get(f"{server.url}config").json()
    for event in config["dependencies"]:
        body = {"data": [], "fn_index": event["id"], "session_hash": "somebody"}
        answer = httpx.post(f"{server.url}gradio_api/run/predict", json=body)
        assert answer.status_code >= 400, event["api_name"]


# ---- sizes and headers


def test_an_upload_that_is_too_large_is_one_sentence(server) -> None:
    before = set(uploads_of(server).iterdir())
    answer = upload(server, "large.png", b"x" * (LIMIT * 1_100_000))
    assert answer.status_code == 413
    assert "maximum allowed size" in answer.text and "Traceback" not in answer.text
    assert set(uploads_of(server).iterdir()) == before, "the part that came is deleted"


def test_every_answer_has_the_headers(server) -> None:
    (path,) = upload(server, "a.png", png()).json()
    for place in ("", "config", "theme.css", "gradio_api/info", f"gradio_api/file={path}", "nowhere"):
        answer = httpx.get(server.url + place)
        assert HEADERS.items() <= {k.title(): v for k, v in answer.headers.items()}.items(), place


def test_no_telemetry_and_no_history(server) -> None:
    config = httpx.get(f"{server.url}config").json()
    assert config["analytics_enabled"] is False
    assert config["run_history"] is False
    for place in ("monitoring", "monitoring/summary", "gradio_api/runs"):
        assert httpx.get(server.url + place).status_code >= 400, place


# ---- files that carry code


class Harmful:
    """Makes a folder when unpickled."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.victim),))


def harmful(victim: Path) -> dict[str, bytes]:
    code, array = pickle.dumps(Harmful(victim)), io.BytesIO()
    np.save(array, np.array([Harmful(victim)], dtype=object), allow_pickle=True)
    archive, checkpoint = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("depth.npy", array.getvalue())
    with zipfile.ZipFile(checkpoint, "w") as file:  # as torch.save writes
        file.writestr("archive/data.pkl", code)
        file.writestr("archive/version", "3")
    return {"pickle": code, "npy": array.getvalue(), "npz": archive.getvalue(), "torch": checkpoint.getvalue()}


@pytest.mark.slow
def test_no_uploaded_file_runs_code(server, tmp_path) -> None:
    victim = tmp_path / "made by code"
    names = {"depth-file": ["d.npy"], "checkpoint": ["c.safetensors", "c.pth"]}

    async def give(visit: Visit) -> None:
        visit.values[visit.layout.component("upload")] = await visit.upload(photo)
        await visit.trigger("upload", "upload")
        for content, (elem_id, spelled) in itertools.product(harmful(victim).values(), names.items()):
            for name in spelled:
                (tmp_path / name).write_bytes(content)
                visit.values[visit.layout.component(elem_id)] = await visit.upload(tmp_path / name)
                found = await visit.trigger(elem_id, "upload")
                assert 'role="alert"' in found["status"], (name, found)
            visit.values[visit.layout.component(elem_id)] = None

    photo = Person(0, tmp_path).new_photo()
    visiting(server, give)
    assert not victim.exists()


# ---- what the audit hook recorded


@pytest.mark.slow
def test_the_server_connects_to_nothing_and_writes_only_its_own_files(server, folder, own_cache, tmp_path) -> None:
    async def use(visit: Visit) -> None:
        await visit.trigger(None, "load")
        visit.values[visit.layout.component("upload")] = await visit.upload(photo)
        await visit.trigger("upload", "upload")
        for tab in ("3d", "methods", "export", "detector"):
            await visit.trigger(f"tab-{tab}", "select")
        await visit.trigger("detect", "click")
        files = (await visit.trigger("prepare", "click"))["files"]
        assert len(files) == 7
        await visit.call("segment", await visit.upload(photo), {"crf": False})

    photo = Person(0, tmp_path).new_photo()
    visiting(server, use)
    lines = (folder / "witness.txt").read_text().splitlines()
    assert [line for line in lines if line.startswith("socket.") and not is_at_home(line)] == []
    begun = [line for line in lines if line.startswith(("subprocess", "os."))]
    assert [line for line in begun if "/sbin/ldconfig" not in line] == [], "ctypes looks for libraries by it"
    written = {Path(line.removeprefix("write ")) for line in lines if line.startswith("write ")}
    allowed = (folder / "temporary", own_cache, Path("/dev"), Path("/proc"))
    assert {path for path in written if not any(path.is_relative_to(place) for place in allowed)} == set()
    assert any(path.is_relative_to(folder / "temporary") for path in written)


def is_at_home(line: str) -> bool:
    return any(f"'{host}'" in line for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0"))


# ---- other machines


class Counting(BaseHTTPRequestHandler):
    """A web server inside the house that should never be asked."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(png())

    do_HEAD = do_GET


@pytest.fixture
def inner_service() -> Iterator[str]:
    service = HTTPServer(("127.0.0.1", 0), Counting)
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{service.server_address[1]}/photo.png"
    service.shutdown()
    thread.join()
    service.server_close()


def test_the_server_does_not_forward_requests_into_its_network(server, inner_service) -> None:
    async def call(visit: Visit) -> None:
        for path in (inner_service, inner_service.replace("127.0.0.1", "localhost"), inner_service.upper()):
            for photo in ({"path": path, "meta": META}, {"path": path, "url": path, "meta": META}):
                with pytest.raises(Refused):
                    await visit.call("segment", photo, {"crf": False})

    visiting(server, call)
    for place in (f"gradio_api/file={inner_service}", f"gradio_api/proxy={inner_service}"):
        assert httpx.get(server.url + place).status_code == 404
    assert Counting.asked == 0


# ---- killed, and a full disk


@pytest.mark.slow
def test_a_killed_server_starts_again_on_the_same_port_and_folder(server, folder, tmp_path) -> None:
    """Then its disk fills, and empties again."""
    assert upload(server, "left behind.png", png()).is_success
    killed = in_a_loop_of_its_own(lambda: _kill_while_visited(server))
    assert killed.errors, "whoever was waiting is told"
    old = uploads_of(server)
    assert any(old.rglob("*.png"))
    hours_ago = time.time() - 3 * 3600
    for path in old.rglob("*"):
        os.utime(path, (hours_ago, hours_ago))
    with started(folder, port=server.port) as again:
        assert again.url == server.url
        report, _ = in_a_loop_of_its_own(lambda: press(again, 1, 0.5))
        assert report.errors == {} and report.mixed == []
        assert not any(path.stat().st_mtime < hours_ago + 60 for path in old.rglob("*.png")), "leftovers are swept"
        _fill_the_disk(again, tmp_path)


async def _kill_while_visited(server: Server) -> Report:
    visits = asyncio.create_task(press(server, 2, 3.0))
    await asyncio.sleep(1.5)
    os.kill(server.process.pid, signal.SIGKILL)
    return (await visits)[0]


def _fill_the_disk(server: Server, tmp_path: Path) -> None:
    disk = server.folder / "temporary"
    if not os.path.ismount(disk):
        pytest.skip("no small disk can be mounted here, so it is not filled")
    person = Person(3, tmp_path)

    async def use(visit: Visit) -> None:
        given = await visit.upload(person.new_photo())
        visit.values[visit.layout.component("upload")] = given
        await visit.trigger("upload", "upload")
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(b"x" * 4096)
        answer = await asyncio.to_thread(upload, server, "more.png", png())
        assert (answer.status_code, answer.text) == (507, DISK_FULL)
        visit.values[visit.layout.component("tau_knn")] = 0.05
        assert "instance" in (await visit.trigger("tau_knn", "input"))["status"], "what needs no disk goes on"
        found = await visit.trigger("prepare", "click")
        assert 'role="alert"' in found["status"] and "No space left" in found["status"]
        with pytest.raises(Refused, match="disk"):
            await visit.call("segment", given, {"crf": False})
        filler.unlink()
        assert len((await visit.trigger("prepare", "click"))["files"]) == 7
        document, _ = await visit.call("segment", given, {"crf": False})
        assert json.dumps(document)

    visiting(server, use)
