"""Many visitors at once on the real app: `python -m benchmarks.load --visitors 16 --minutes 10`.

Each comes with a photo of a size and a colour of its own, moves β and τ_knn, opens tabs, uploads again, prepares the
files, calls the endpoint, leaves and comes back; one action after the other, with a pause to look. Every answer is
checked for whose photo it shows. Stops by itself, and ends the server whatever happens.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import random
import re
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import skimage.data
from PIL import Image

from benchmarks.server import Server, serve
from benchmarks.visitor import API, PATIENCE, Json, Visit
from benchmarks.watch import Watch

SETTLE = 60.0  # seconds after which memory should be flat
PAUSE = (0.3, 1.2)  # seconds between two actions of a visitor
STAY = 30  # actions until a visitor leaves and comes back
TABS = ("Pipeline", "Affinity", "NCut", "3D", "Depth", "Confidence", "Instances", "Methods", "Export")
ASPECT = re.compile(r"aspect-ratio:(\d+)/(\d+)")
PHOTO = re.compile(r"url\((?:&quot;)?(data:image/webp;base64,[A-Za-z0-9+/=]+)")


@dataclass
class Report:
    """What happened.

    Attributes:
        seconds: Of every answered action, by kind.
        errors: Sentences, by kind.
        mixed: Answers that showed another visitor's photo, in words.
        checked: Marks of a photo's owner that were looked at.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    mixed: list[str] = field(default_factory=list)
    checked: int = 0


@dataclass
class Person:
    """Somebody with a photo that nobody else has.

    Attributes:
        number: From 0.
        folder: For the photos.
        uploads: How many were sent; each is a little taller than the one before.
    """

    number: int
    folder: Path
    uploads: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the newest photo. No two people ever share a width."""
        return 240 + 10 * self.number, 240 + 2 * (self.uploads % 60)

    @property
    def colour(self) -> np.ndarray:
        """The tint of this one's photos, float [3]."""
        angle = 2.399963 * self.number + np.array([0.0, 2.0944, 4.1888])  # golden angle: neighbours differ
        return 127.5 + 127.5 * np.cos(angle)

    def new_photo(self) -> Path:
        """Another photo, as a file."""
        self.uploads += 1
        ground = np.asarray(Image.fromarray(skimage.data.astronaut()).resize(self.size), dtype=np.float64)
        path = self.folder / f"photo-of-{self.number:03}.png"
        Image.fromarray((0.5 * ground + 0.5 * self.colour).astype(np.uint8)).save(path)
        return path

    def check(self, found: dict[str, Any], report: Report) -> None:
        """Look whose photo an answer shows."""
        text = json.dumps(found)
        for width, height in ASPECT.findall(text):
            report.checked += 1
            if (int(width), int(height)) != self.size:
                report.mixed.append(f"{self.number}: a picture of {width}×{height}, not {self.size}")
        for uri in PHOTO.findall(text):
            report.checked += 1
            picture = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB")
            if not self.owns(picture):
                report.mixed.append(f"{self.number}: a photo of another colour")

    def owns(self, picture: Image.Image) -> bool:
        """Whether a picture has this one's proportions and tint."""
        mean = np.asarray(picture, dtype=np.float64).mean(axis=(0, 1))
        expected = 0.5 * self.colour + 0.5 * skimage.data.astronaut().mean(axis=(0, 1))
        same_shape = abs(picture.width / picture.height - self.size[0] / self.size[1]) < 0.01
        return same_shape and float(np.abs(mean - expected).max()) < 12


class Stay:
    """A person's visits until the time is over."""

    def __init__(self, person: Person, http: httpx.AsyncClient, report: Report, end: float) -> None:
        self.person, self.http, self.report, self.end = person, http, report, end
        self.random = random.Random(person.number)
        self.visit: Visit | None = None

    async def run(self) -> None:
        """Come, use the page, leave, come again; never raises."""
        while time.monotonic() < self.end:
            await self._timed("arrive", self._arrive)
            for _ in range(STAY):
                if self.visit is None or time.monotonic() > self.end:
                    break
                await asyncio.sleep(self.random.uniform(*PAUSE))
                kind, action = self._choose()
                await self._timed(kind, action)
            if self.visit is not None:
                await self.visit.leave()
                self.visit = None

    def _choose(self) -> tuple[str, Callable[[], Awaitable[dict[str, Any]]]]:
        kinds: dict[str, tuple[Callable[[], Awaitable[dict[str, Any]]], int]] = {
            "τ_knn": (lambda: self._slide("tau_knn", 0.01, 0.4), 40),
            "β": (lambda: self._slide("beta", 0.0, 1.0), 20),
            "tab": (self._tab, 25),
            "upload": (self._upload, 6),
            "files": (self._files, 3),
            "segment": (self._segment, 6),
        }
        kind = self.random.choices(list(kinds), [weight for _, weight in kinds.values()])[0]
        return kind, kinds[kind][0]

    async def _timed(self, kind: str, action: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        start = time.perf_counter()
        try:
            found = await action()
            self.report.seconds[kind].append(time.perf_counter() - start)
            if kind != "arrive":
                self.person.check(found, self.report)
            line = str(found.get("status") or "")
            if 'role="alert"' in line or "role='alert'" in line:
                self.report.errors[kind].append(re.sub("<[^>]+>", "", line))
        except Exception as error:
            self.report.errors[kind].append(f"{type(error).__name__}: {error} {traceback.format_exc(limit=-1)}")

    @property
    def _here(self) -> Visit:
        assert self.visit is not None
        return self.visit

    async def _arrive(self) -> dict[str, Any]:
        """The page opens with an example; the photo of one's own comes next."""
        self.visit = await Visit.open(self.http)
        found = await self.visit.trigger(None, "load")
        await self._timed("upload", self._upload)
        return found

    async def _upload(self) -> dict[str, Any]:
        photo = self.person.new_photo()
        given = await self._here.upload(photo)
        self._here.values[self._here.layout.component("upload")] = given
        found = await self._here.trigger("upload", "upload")
        if not any(PHOTO.search(str(value)) for value in found.values()):
            raise ValueError(f"no photo came back: {found.get('status')}")
        await self._timed("refine", lambda: self._here.follow("upload", "upload"))
        return found

    async def _slide(self, name: str, low: float, high: float) -> dict[str, Any]:
        self._here.values[self._here.layout.component(name)] = round(self.random.uniform(low, high), 4)
        found = await self._here.trigger(name, "input")
        if self.random.random() < 0.5:  # otherwise the hand moves on before the CRF
            await self._timed("refine", lambda: self._here.follow(name, "input"))
        return found

    async def _tab(self) -> dict[str, Any]:
        name = self.random.choice(TABS)
        event: Json = {"index": TABS.index(name), "value": name, "selected": True}
        return await self._here.trigger("tabs", "select", event)

    async def _files(self) -> dict[str, Any]:
        found = await self._here.trigger("prepare", "click")
        if "Press Run" in str(found.get("status")):  # closed to make room for others
            await self._timed("run", lambda: self._here.trigger("run", "click"))
            found = await self._here.trigger("prepare", "click")
        file = next(f for f in found["files"] if f["path"].endswith("instances.json"))
        document = (await self.http.get(f"{API}/file={file['path']}")).raise_for_status().json()
        self._check_size(document["images"][0])
        return found

    async def _segment(self) -> dict[str, Any]:
        photo = self.person.folder / f"photo-of-{self.person.number:03}.png"
        given = await self._here.upload(photo)
        document, overlay = await self._here.call("segment", given, {"crf": False})
        self._check_size(document["images"][0])
        if document["images"][0]["file_name"] != photo.name:
            self.report.mixed.append(f"{self.person.number}: got {document['images'][0]['file_name']}")
        picture = await self.http.get(f"{API}/file={overlay['path']}")
        with Image.open(io.BytesIO(picture.raise_for_status().content)) as image:
            self._check_size({"width": image.width, "height": image.height})
        return {}

    def _check_size(self, image: Json) -> None:
        self.report.checked += 1
        if (image["width"], image["height"]) != self.person.size:
            size = f"{image['width']}×{image['height']}"
            self.report.mixed.append(f"{self.person.number}: an answer of {size}, not {self.person.size}")


async def press(server: Server, visitors: int, seconds: float) -> tuple[Report, Watch]:
    """Let people visit a running server at once for a time."""
    report, watch = Report(), Watch(server.process.pid, server.folder / "temporary")
    looking = asyncio.create_task(watch.forever())
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=visitors)
    with tempfile.TemporaryDirectory(prefix="cuts3d-load-") as folder:
        async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE, limits=limits, trust_env=False) as http:
            end = time.monotonic() + seconds
            people = [Person(number, Path(folder)) for number in range(visitors)]
            await asyncio.gather(*(Stay(person, http, report, end).run() for person in people))
    looking.cancel()
    watch.look()
    return report, watch


def table(report: Report, watch: Watch, visitors: int) -> list[str]:
    """The figures, as rows of a Markdown table."""
    done, failed = sum(map(len, report.seconds.values())), sum(map(len, report.errors.values()))
    lines = [
        f"| visitors, actions, errors | {visitors}, {done}, {failed} |",
        f"| marks of the owner checked, of another visitor | {report.checked}, {len(report.mixed)} |",
    ]
    for kind, seconds in sorted(report.seconds.items()):
        middle, high, highest = np.percentile(seconds, [50, 95, 99])
        errors = len(report.errors[kind])
        name = f"{kind}: count, errors; p50, p95, p99"
        lines.append(f"| {name} | {len(seconds)}, {errors}; {middle:.2f}, {high:.2f}, {highest:.2f} s |")
    minute, last = watch.at(SETTLE), watch.samples[-1]
    peak, half = max(s.memory for s in watch.samples), max(SETTLE, last.seconds / 2)
    memory = f"{minute.memory:.0f}, {last.memory:.0f}, {peak:.0f} MB"
    slopes = f"{watch.slope(SETTLE):+.1f}, {watch.slope(half):+.1f} MB a minute"
    held = f"{minute.files}, {minute.threads}; {last.files}, {last.threads}"
    lines += [
        f"| memory at 1 minute, at the end ({last.seconds / 60:.1f} min), peak | {memory} |",
        f"| slope of the memory after 1 minute, over the second half | {slopes} |",
        f"| open files, threads: at 1 minute, at the end | {held} |",
        f"| temporary files: at 1 minute, at the end | {minute.disk:.0f}, {last.disk:.0f} MB |",
    ]
    return lines


def main() -> None:
    """Run, print the figures, and say by the exit code whether all went well."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--visitors", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cuts3d-server-") as folder, serve(Path(folder)) as server:
        report, watch = asyncio.run(press(server, options.visitors, 60 * options.minutes))
        log = server.log
    print("| what | figure |\n|:--|--:|", *table(report, watch, options.visitors), sep="\n")
    every = [f"{kind}: {error}" for kind, errors in report.errors.items() for error in errors]
    print(*every[:20], *report.mixed[:20], sep="\n")
    if "Traceback" in log:
        print(log[log.index("Traceback") :][:5000])
    raise SystemExit(bool(every or report.mixed or "Traceback" in log))


if __name__ == "__main__":
    main()
