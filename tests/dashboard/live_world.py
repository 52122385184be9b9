"""A small city on a real uvicorn server, for tests of the sockets: real authority, table, picture; journal in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import uvicorn
from fastapi import FastAPI

from dashboard.edge import Visitor
from dashboard.live import add_live
from dashboard.server import listen_socket, server_config
from dispatch.deadlines import load_targets
from dispatch.duty_events import UnitRegistered
from dispatch.events import AnyEvent, IncidentReceived, Recorded, UnitPushed
from dispatch.evolve import evolve
from dispatch.model import Actor, Grade, Incident, Unit, UnitKind, UnitStatus
from dispatch.picture import OperatingPicture
from operations.access.authority import Authority
from operations.incidents.bus import Bus
from operations.incidents.deadline_watch import loop_view
from operations.outgoing.screens import Screens
from operations.situation.coverage import Area
from operations.tracking.positions import PositionTable
from operations.tracking.stage_watch import StageWatch
from operations.tracking.trails import Trails
from tests.operations import access_world as world


class FakeHandler:
    """Holds the picture; events are put into it directly."""

    def __init__(self) -> None:
        self.picture = OperatingPicture()


class FakeHistory:
    def __init__(self) -> None:
        self.journal: list[Recorded] = []

    async def changes(self, since: int, limit: int) -> list[Recorded]:
        return [recorded for recorded in self.journal if recorded.revision > since][:limit]


class FakeElements:
    def __init__(self) -> None:
        self.hydrants = 3

    def counts(self) -> dict[str, Any]:
        return {"hydrant": {"count": self.hydrants, "newest_at": None, "state": "static"}}


class FakeCoverage:
    """Says which units count: all that the actor sees."""

    def __init__(self, live: LiveWorld) -> None:
        self._live = live
        self.ground = object()

    def moment(self) -> Any:
        table = self._live.positions
        unit_ids = tuple(table.unit_ids[: table.count])
        moment = SimpleNamespace(at=self._live.clock.now(), seq=table.seq, picture=self._live.handler.picture, unit_ids=unit_ids)
        moment.ground = self.ground
        return moment

    def at(self, moment: Any, area: Area) -> dict[str, Any]:
        return {"picture_at": moment.at, "units": len(area.units)}


def nowhere(unit: Unit, lon: float, lat: float) -> bool:
    """No crew is ever back."""
    return False


class LiveWorld:
    """What the live socket needs of the services, and the means to make things happen."""

    def __init__(self) -> None:
        self.clock = world.clock()
        self.organisations = world.organisations()
        self.authority = Authority(self.organisations, self.clock)
        self.positions = PositionTable()
        self.handler = FakeHandler()
        self.history = FakeHistory()
        self.bus = Bus()
        self.screens = Screens(self.authority, self.clock)
        self.elements = FakeElements()
        self.health = SimpleNamespace(snapshot=lambda: {"feeds": {}})
        self.coverage: Any = FakeCoverage(self)
        self.scene_video: Any = SimpleNamespace(under_way=[])
        self.ptz: Any = SimpleNamespace(listen=lambda listener: lambda: None)
        self.targets = load_targets()
        self.stages = StageWatch(Trails(lambda: self.handler.picture, self.positions), lambda: self.handler.picture, self.clock, nowhere)
        self.hub: Any = None

    def loop_view(self, incident: Incident) -> dict[str, Any]:
        return loop_view(incident, self.targets) | {"suggestions": msgspec.to_builtins(self.stages.of(incident))}

    def record(self, *bodies: AnyEvent) -> tuple[Recorded, ...]:
        """Journal, fold and publish events, as the handler does."""
        batch = []
        for body in bodies:
            recorded = self._recorded(body)
            self.handler.picture = evolve(self.handler.picture, recorded)
            self.history.journal.append(recorded)
            batch.append(recorded)
        self.bus.publish(tuple(batch))
        return tuple(batch)

    def _recorded(self, body: AnyEvent) -> Recorded:
        incident_id = getattr(body, "incident_id", None)
        incident = self.handler.picture.incidents.get(incident_id or "")
        revision = self.handler.picture.revision + 1
        return Recorded(
            revision=revision,
            event_id=f"event-{revision}",
            node="test",
            incident_id=incident_id,
            incident_version=None if incident_id is None else (incident.version if incident else 0) + 1,
            schema=1,
            occurred_at=self.clock.now(),
            recorded_at=self.clock.now(),
            actor="desk",
            actor_role="operator",
            command_id=None,
            on_behalf_of=None,
            channel="desk",
            body=body,
            previous_hash="",
            hash="",
        )

    def register(self, unit_id: str, org_code: str = world.STATION, *, marked: bool = True) -> None:
        self.record(UnitRegistered(unit_id, callsign=unit_id.upper(), kind=UnitKind.PATROL_CAR, org_code=org_code, marked=marked))
        self.positions.ensure(unit_id, UnitKind.PATROL_CAR, UnitStatus.AVAILABLE)

    def move(self, lon: float, lat: float, *unit_ids: str) -> None:
        indices = np.array([self.positions.index_of(unit_id) for unit_id in unit_ids], dtype=np.int64)
        at = np.full(len(indices), self.clock.unix_s())
        unknown = np.full(len(indices), np.nan)
        self.positions.write(indices, np.full(len(indices), lon), np.full(len(indices), lat), at, at, unknown, unknown)

    def call(self, incident_id: str, org_code: str = world.STATION, incident_type: str = "theft") -> None:
        number = self.handler.picture.next_number
        self.record(
            IncidentReceived(
                incident_id,
                number=number,
                incident_type=incident_type,
                grade=Grade.ORDINARY,
                text=f"text of {incident_id}",
                org_code=org_code,
                called_at=self.clock.now(),
                caller_digest="digest-of-caller",
            )
        )

    def push(self, incident_id: str, *unit_ids: str) -> None:
        self.record(*(UnitPushed(incident_id, assignment_id=f"{incident_id}/{unit_id}", unit_id=unit_id) for unit_id in unit_ids))


@asynccontextmanager
async def serving(application: Any) -> AsyncIterator[str]:
    """`host:port` of a server that runs inside the test's own event loop."""
    listening = listen_socket("127.0.0.1", 0)
    server = uvicorn.Server(server_config(application))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    try:
        yield "{}:{}".format(*listening.getsockname())
    finally:
        server.should_exit = True
        await task


def as_actor(application: Any) -> Any:
    """Middleware in place of the edge: the actor comes as JSON in a header, and stays logged in unless a second one says so."""

    async def with_actor(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        valid = b"x-expires" not in headers
        if b"x-actor" in headers:
            actor = msgspec.json.decode(headers[b"x-actor"], type=Actor)
            scope.setdefault("state", {})["visitor"] = Visitor(actor, "wgs84", False, lambda: asyncio.sleep(0, valid))
        await application(scope, receive, send)

    return with_actor


def header(actor: Actor) -> dict[str, str]:
    return {"x-actor": msgspec.json.encode(actor).decode()}


@asynccontextmanager
async def live_city(live: LiveWorld) -> AsyncIterator[str]:
    """URL of the live socket of `live`."""
    server = FastAPI()
    live.hub = add_live(server, live)  # type: ignore[arg-type]
    async with serving(as_actor(server)) as address:
        yield f"ws://{address}/live"
