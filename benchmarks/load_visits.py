"""A visitor of the load test: a photo of its own, random actions, and a check whose photo every answer shows."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import random
import re
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

from benchmarks.visitor import API, Json, Visit

PAUSE = (0.3, 1.2)  # seconds between two actions of a visitor
ACTIONS = 30  # after so many actions a visitor leaves and comes back
TABS = ("pipeline", "affinity", "ncut", "3d", "depth", "confidence", "instances", "methods", "export")  # by id
ASPECT = re.compile(r"aspect-ratio:(\d+)/(\d+)")
PHOTO = re.compile(r"url\((?:&quot;)?(data:image/webp;base64,[A-Za-z0-9+/=]+)")


@dataclass
class Report:
    """Results of the load test.

    Attributes:
        seconds: Seconds of every answered action, by kind.
        errors: Error sentences, by kind.
        mixed: One sentence for each answer that showed the photo of another visitor.
        checked: Number of checks whose photo an answer shows.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    mixed: list[str] = field(default_factory=list)
    checked: int = 0


@dataclass
class Person:
    """A visitor whose photos differ from those of all others in size and colour.

    Attributes:
        number: Number of the visitor, from 0.
        folder: Folder for the photos.
        uploads: Number of photos so far; each is a little taller than the one before.
    """

    number: int
    folder: Path
    uploads: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the newest photo. No two visitors have the same width."""
        return 240 + 10 * self.number, 240 + 2 * (self.uploads % 60)

    @property
    def colour(self) -> np.ndarray:
        """Tint of the photos, float [3]."""
        angle = 2.399963 * self.number + np.array([0.0, 2.0944, 4.1888])  # golden angle: consecutive visitors differ
        return 127.5 + 127.5 * np.cos(angle)

    def new_photo(self) -> Path:
        """File of a new photo."""
        self.uploads += 1
        ground = np.asarray(Image.fromarray(skimage.data.astronaut()).resize(self.size), dtype=np.float64)
        path = self.folder / f"photo-of-{self.number:03}.png"
        Image.fromarray((0.5 * ground + 0.5 * self.colour).astype(np.uint8)).save(path)
        return path

    def check(self, found: dict[str, Any], report: Report) -> None:
        """Check that an answer shows this visitor's photo."""
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
        """Whether a picture has the proportions and the tint of this visitor's photos."""
        mean = np.asarray(picture, dtype=np.float64).mean(axis=(0, 1))
        expected = 0.5 * self.colour + 0.5 * skimage.data.astronaut().mean(axis=(0, 1))
        same_shape = abs(picture.width / picture.height - self.size[0] / self.size[1]) < 0.01
        return same_shape and float(np.abs(mean - expected).max()) < 12


class Visits:
    """Visits of a person, until the time is over."""

    def __init__(self, person: Person, http: httpx.AsyncClient, report: Report, end: float) -> None:
        self.person, self.http, self.report, self.end = person, http, report, end
        self.random = random.Random(person.number)
        self.visit: Visit | None = None

    async def run(self) -> None:
        """Open the page, use it, leave, and come back; never raises."""
        while time.monotonic() < self.end:
            await self._timed("arrive", self._arrive)
            for _ in range(ACTIONS):
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
        """Open the page, which shows an example, and upload a photo."""
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
        if self.random.random() < 0.5:  # otherwise the slider moves on before the CRF
            await self._timed("refine", lambda: self._here.follow(name, "input"))
        return found

    async def _tab(self) -> dict[str, Any]:
        return await self._here.trigger(f"tab-{self.random.choice(TABS)}", "select")

    async def _files(self) -> dict[str, Any]:
        found = await self._here.trigger("prepare", "click")
        if "Press Run" in str(found.get("status")):  # closed, since other photos were opened
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
