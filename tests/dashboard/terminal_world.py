"""A small city whose commands are really carried out (journal in memory), with terminals on a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dashboard.terminal_socket import add_terminal_socket
from dispatch.commands import Caller, Command, Push, ReceiveIncident
from dispatch.deadlines import load_targets
from dispatch.duty_commands import RegisterUnit
from dispatch.model import Actor, Grade, UnitKind
from operations.access.authority import Authority
from operations.access.personal import PersonalData
from operations.incidents.bus import Bus
from operations.incidents.handle import Handler, Outcome
from operations.incidents.premises import Premises
from operations.records.history import History
from operations.tracking.positions import PositionTable
from operations.tracking.stage_watch import StageWatch
from operations.tracking.trails import Trails
from storage.audit import Look
from storage.memory_journal import MemoryJournal
from tests.dashboard.live_world import as_actor, header, nowhere, serving
from tests.operations import access_world as world

DESK = world.actor("operator", world.CITY)


class NoEnricher:
    async def enrich(self, command: Command, actor: Any, picture: Any, incident: Any) -> Command:
        return command


class FakeIntake:
    """Keeps positions; refuses those on the equator."""

    def __init__(self) -> None:
        self.reports: list[Any] = []

    async def positions(self, reports: list[Any], feed: Any) -> list[tuple[int, str]]:
        self.reports += reports
        return [(index, "outside_city") for index, report in enumerate(reports) if report.lat == 0.0]


class TerminalWorld:
    def __init__(self) -> None:
        self.clock = world.clock()
        self.authority = Authority(world.organisations(), self.clock)
        self.bus = Bus()
        journal = MemoryJournal()
        self.handler = Handler(journal, self.clock, self.bus, self.authority, NoEnricher())
        self.history = History(journal, threads=1)
        self.looks: list[Look] = []
        self.personal = PersonalData(self.history, self.authority, self, self.clock)
        self.intake = FakeIntake()
        self.positions = PositionTable()
        self.stages = StageWatch(Trails(lambda: self.handler.picture, self.positions), lambda: self.handler.picture, self.clock, nowhere)
        self.premises = Premises(self.authority, self.history, self.clock)
        self.targets = load_targets()
        self.pushes: Any = None

    def append(self, looks: list[Look]) -> None:
        """The list of looks at personal data."""
        self.looks += looks

    async def ask(self, command: Command, actor: Actor = DESK) -> Outcome:
        return await self.handler.handle(command, actor)

    async def register(self, unit_id: str, org_code: str = world.STATION, *, marked: bool = True) -> None:
        await self.ask(RegisterUnit(unit_id=unit_id, callsign=unit_id, kind=UnitKind.PATROL_CAR, org_code=org_code, marked=marked))

    async def call(self, caller: Caller | None = None, org_code: str = world.STATION) -> str:
        call = ReceiveIncident(incident_type="theft", grade=Grade.URGENT, text="bag", org_code=org_code, lon=121.5, lat=29.8, caller=caller)
        incident_id = (await self.ask(call)).incident_id
        assert incident_id is not None
        return incident_id

    async def push(self, incident_id: str, *unit_ids: str) -> None:
        await self.ask(Push(incident_id=incident_id, unit_ids=unit_ids))

    def assignment(self, incident_id: str, unit_id: str) -> Any:
        assignment = self.handler.picture.incidents[incident_id].assignment_of(unit_id)
        assert assignment is not None
        return assignment


@asynccontextmanager
async def terminal_city() -> AsyncIterator[tuple[TerminalWorld, str]]:
    """A running city with units `car` and `van` (same station) and `far`, and the URL of its terminals' socket."""
    city = TerminalWorld()
    await city.handler.start()
    for unit_id, org_code in (("car", world.STATION), ("van", world.STATION), ("far", world.FAR)):
        await city.register(unit_id, org_code)
    server = FastAPI()
    city.pushes = add_terminal_socket(server, city)  # type: ignore[arg-type]
    try:
        async with serving(as_actor(server)) as address:
            yield city, f"ws://{address}/terminal/socket"
    finally:
        await city.handler.stop()
        await city.history.stop()


@dataclass
class Terminal:
    """A device that keeps every message; `confirming` makes it say `delivered` to pushes and recalls."""

    url: str
    actor: Actor
    confirming: bool = True
    messages: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None
    _socket: ClientConnection | None = None
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Terminal:
        self._socket = await connect(self.url, additional_headers=header(self.actor), compression=None)
        self._reader = asyncio.create_task(self._read(self._socket))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._socket is not None
        assert self._reader is not None
        await self._socket.close()
        await self._reader

    async def say(self, message: dict[str, Any] | str | bytes) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps(message) if isinstance(message, dict) else message)

    async def until(self, condition: Any, timeout_s: float = 15.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.05)  # what is waited for may be in the picture

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                message = json.loads(text)
                self.messages.append(message)
                self._news.set()
                if self.confirming and message["type"] in ("push", "recall"):
                    names = ("unit_id", "incident_id", "assignment_id")
                    await self.say({"type": "delivered", **{name: message[name] for name in names}})
        self.close_code = socket.close_code
        self._news.set()
