"""A visitor of the page without a browser: it sends the page's events over HTTP, as the page's script does."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from gradio_client.utils import apply_diff

Json = dict[str, Any]
API = "gradio_api"
PATIENCE = httpx.Timeout(300.0, connect=60.0)


class Refused(Exception):
    """The server answered with an error."""


@dataclass(frozen=True)
class Layout:
    """Components and events of the page, read from its configuration."""

    config: Json

    def component(self, elem_id: str) -> int:
        """Number of the component with an element id."""
        return next(c["id"] for c in self.config["components"] if c["props"].get("elem_id") == elem_id)

    def event(self, elem_id: str | None, kind: str) -> Json:
        """The request to the server that a component triggers; None: the page itself."""
        number = None if elem_id is None else self.component(elem_id)
        found = (d for d in self.config["dependencies"] if self._triggers(d, number, kind))
        return next(found)

    def after(self, event: Json) -> Json | None:
        """The event that runs after another one; None: there is none."""
        followers = (d for d in self.config["dependencies"] if d["trigger_after"] == event["id"] and d["backend_fn"])
        return next(followers, None)

    def names(self, event: Json) -> list[str]:
        """Names of the outputs of an event."""
        by_id = {c["id"]: str(c["props"].get("elem_id") or c["id"]) for c in self.config["components"]}
        return [by_id[number] for number in event["outputs"]]

    def values(self) -> dict[int, Any]:
        """Initial value of every component."""
        return {c["id"]: c["props"].get("value") for c in self.config["components"]}

    def _triggers(self, event: Json, number: int | None, kind: str) -> bool:
        named = any(k == kind and (number is None or n == number) for n, k in event["targets"])
        return named and event["backend_fn"]  # the others let the browser keep something


@dataclass
class Visit:
    """One open page.

    Attributes:
        http: The connection.
        layout: Components and events of the page.
        values: Current values, by component.
        session: Secret id of the session.
    """

    http: httpx.AsyncClient
    layout: Layout
    values: dict[int, Any]
    session: str = field(default_factory=lambda: secrets.token_hex(8))
    _heartbeat: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, http: httpx.AsyncClient) -> Visit:
        """Load the page and start its heartbeat."""
        (await http.get("")).raise_for_status()
        layout = Layout((await http.get("config")).raise_for_status().json())
        visit = cls(http, layout, layout.values())
        visit._heartbeat = asyncio.create_task(visit._beat())
        await visit.trigger(None, "load")  # the server answers pages that it knows
        return visit

    async def leave(self) -> None:
        """Close the page; the server notices that the heartbeat ends."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            await asyncio.gather(self._heartbeat, return_exceptions=True)

    async def upload(self, photo: Path) -> Json:
        """Send a file; returns the value that the page passes to an event."""
        answer = await self.http.post(f"{API}/upload", files={"files": (photo.name, photo.read_bytes())})
        (path,) = answer.raise_for_status().json()
        return {"path": path, "orig_name": photo.name, "meta": {"_type": "gradio.FileData"}}

    async def trigger(self, elem_id: str | None, kind: str, data: Json | None = None) -> dict[str, Any]:
        """Trigger an event; returns the last value of every output that it set, by name."""
        return await self._run(self.layout.event(elem_id, kind), data)

    async def follow(self, elem_id: str | None, kind: str) -> dict[str, Any]:
        """Trigger the event that runs after another one."""
        after = self.layout.after(self.layout.event(elem_id, kind))
        return {} if after is None else await self._run(after, None)

    async def call(self, name: str, *inputs: Any) -> list[Any]:
        """Call a public endpoint as a script would."""
        answer = await self.http.post(f"{API}/call/{name}", json={"data": list(inputs)})
        event = answer.raise_for_status().json()["event_id"]
        stream = (await self.http.get(f"{API}/call/{name}/{event}")).raise_for_status().text
        kind, data = stream.strip().split("\n\n")[-1].split("\n", 1)
        if kind != "event: complete":
            raise Refused(stream[-500:])
        return json.loads(data.removeprefix("data: "))

    async def _run(self, event: Json, data: Json | None) -> dict[str, Any]:
        body = {
            "data": [self.values.get(number) for number in event["inputs"]],
            "event_data": data,
            "fn_index": event["id"],
            "trigger_id": event["targets"][0][0] if event["targets"] else None,
            "session_hash": self.session,
        }
        joined = await self.http.post(f"{API}/queue/join", json=body)
        if joined.status_code != httpx.codes.OK:
            raise Refused(f"{joined.status_code} {joined.text[:300]}")
        rows = [row async for row in self._rows(joined.json()["event_id"])]
        found: dict[str, Any] = {}
        for row in rows:
            for name, number, value in zip(self.layout.names(event), event["outputs"], row, strict=True):
                skipped = isinstance(value, dict) and value.get("__type__") == "update"
                new = value.get("value") if skipped else value
                if not skipped or "value" in value:
                    found[name] = self.values[number] = new
        return found

    async def _rows(self, event: str) -> AsyncIterator[list[Any]]:
        """Every answer of an event, complete; the server sends only the differences from the answer before."""
        last: list[Any] | None = None
        async with self.http.stream("GET", f"{API}/queue/data", params={"session_hash": self.session}) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data: "):
                    continue
                message = json.loads(line.removeprefix("data: "))
                if message["msg"] == "close_stream":
                    return
                if message["msg"] in ("unexpected_error", "server_stopped"):
                    raise Refused(str(message)[:300])
                if message.get("event_id") != event or "output" not in message:
                    continue
                if not message.get("success", True):
                    raise Refused(str(message["output"])[:300])
                row: list[Any] = message["output"].get("data") or []
                if message["msg"] == "process_generating":
                    whole = row if last is None else [apply_diff(a, b) for a, b in zip(last, row, strict=True)]
                    yield whole
                    last = whole
                elif row:
                    yield row

    async def _beat(self) -> None:
        async with self.http.stream("GET", f"{API}/heartbeat/{self.session}", timeout=None) as stream:
            async for _ in stream.aiter_lines():
                pass
