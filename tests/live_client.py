"""A client of the live socket, written from docs/live-protocol.md alone: it imports nothing of the project.

It keeps what a screen would keep (units, positions, incidents) and what a test wants to know about the frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

HEADER = struct.Struct("<HBBIQd8x")
RECORD = struct.Struct("<IiiBBBBHH")
FULL, CHANGES = 0, 1


@dataclass
class Dot:
    """A unit's position as last told; ages in seconds as of `picture_at`."""

    lon: float
    lat: float
    heading_deg: float | None
    speed_kmh: int | None
    status: int
    flags: int
    heard_age_s: float
    fix_age_s: float
    picture_at: float


@dataclass
class Frame:
    kind: int
    revision: int
    picture_at: float
    indices: list[int]
    received_at: float  # loop time


@dataclass
class LiveClient:
    """State of one connection; `run` keeps it up to date."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    revision: int = 0
    hellos: list[dict[str, Any]] = field(default_factory=list)
    units: dict[int, dict[str, Any]] = field(default_factory=dict)
    dots: dict[int, Dot] = field(default_factory=dict)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    texts: list[dict[str, Any]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    close_code: int | None = None
    _socket: ClientConnection | None = None
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> LiveClient:
        self._socket = await connect(self.url, additional_headers=self.headers, compression=None, max_size=None)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._socket is not None
        assert self._reader is not None
        await self._socket.close()
        await self._reader

    async def send(self, message: dict[str, Any] | str | bytes) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps(message) if isinstance(message, dict) else message)

    async def until(self, condition: Any, timeout_s: float = 15.0) -> None:
        """Wait until `condition()` holds."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [text for text in self.texts if text["type"] == kind]

    async def _read(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(ConnectionClosed):
            async for message in self._socket:
                if isinstance(message, str):
                    self.raw.append(message.encode())
                    self._text(json.loads(message))
                else:
                    self.raw.append(message)
                    self._frame(message)
                self._news.set()
        self.close_code = self._socket.close_code
        self._news.set()

    def _text(self, text: dict[str, Any]) -> None:
        self.texts.append(text)
        kind = text["type"]
        if kind == "hello":
            self._hello(text)
        elif kind == "units":
            self.units.update({row["index"]: row for row in text["units"]})
            for index in text["gone"]:
                self.units.pop(index, None)
                self.dots.pop(index, None)
        elif kind == "incident":
            self.incidents[text["incident"]["incident_id"]] = text["incident"]
        elif kind == "incident_gone":
            self.incidents.pop(text["incident_id"], None)
        if kind in ("hello", "incident", "incident_gone"):
            self.revision = max(self.revision, text["revision"])

    def _hello(self, hello: dict[str, Any]) -> None:
        self.hellos.append(hello)
        self.units = {row["index"]: row for row in hello["units"]}
        self.dots = {}
        if hello["resumed"]:
            self.incidents = {i: self.incidents[i] for i in hello["incident_ids"] if i in self.incidents}
        else:
            self.incidents = {incident["incident_id"]: incident for incident in hello["incidents"]}

    def _frame(self, message: bytes) -> None:
        magic, version, kind, count, revision, picture_at = HEADER.unpack_from(message)
        assert magic == 0x444C
        assert version == 1
        assert len(message) == HEADER.size + count * RECORD.size
        if kind == FULL:
            self.dots = {}
        indices = []
        for index, lon, lat, heading, speed, status, flags, heard, fix in RECORD.iter_unpack(message[HEADER.size :]):
            assert index in self.units, f"index {index} was not announced"
            heading_deg = None if heading == 255 else heading * 2.0
            speed_kmh = None if speed == 255 else speed
            self.dots[index] = Dot(lon / 1e6, lat / 1e6, heading_deg, speed_kmh, status, flags, heard / 10, fix / 10, picture_at)
            indices.append(index)
        self.frames.append(Frame(kind, revision, picture_at, indices, asyncio.get_running_loop().time()))
