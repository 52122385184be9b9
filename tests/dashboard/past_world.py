"""A composed node on the test city with a scripted stretch: what its sockets and panels said live is kept beside what was recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from composition import Node, compose
from dashboard.api import add_api, create_server
from dashboard.live import add_live
from dashboard.live_hub import LiveClient, LiveHub
from dispatch.clock import ManualClock
from dispatch.commands import Acknowledge, Arrive, Caller, Depart, Feedback, Locate, Note, Push, ReceiveIncident
from dispatch.duty_commands import RegisterUnit
from dispatch.model import Actor, Grade, UnitKind
from geodata.cities.city import City
from operations.services import Services
from operations.tracking.reports import FeedSession, PositionReport
from settings import Settings
from storage.readings import Reading
from tests.cities import CITY, COUNTY, EAST, WEST, degrees
from tests.dashboard.live_world import as_actor, header, serving
from tests.operations.access_world import NOW

VIEWER = Actor("viewer", "viewer", COUNTY)
OPERATOR = Actor("operator", "operator", COUNTY)
CITY_DESK = Actor("city", "commander", CITY)
FEED = FeedSession("gps", Actor("gps", "feed", CITY, kind="token"))
UNITS = {"w1": WEST, "w2": WEST, "e1": EAST, "e2": EAST}


class PastWorld:
    """One running node, its live socket and API."""

    def __init__(self, node: Node, clock: ManualClock, address: str, hub: LiveHub, server: FastAPI) -> None:
        self.node = node
        self.server = server
        self.hub = hub
        self.services: Services = node.services
        self.clock = clock
        self.url = f"ws://{address}/live"
        self.http = f"http://{address}"

    async def do(self, command: Any, actor: Actor = OPERATOR) -> Any:
        return await self.services.handler.handle(command, actor)

    async def drive(self, *places: tuple[str, float, float], late_s: float = 0.0) -> None:
        """Fixes of crews: unit, metres east, metres north; to the step in which tracks keep a place."""
        reports = [
            PositionReport(unit_id=unit_id, lon=round(lon, 6), lat=round(lat, 6), position_at=at, speed_mps=8.0, heading_deg=90.0)
            for unit_id, east_m, north_m in places
            for lon, lat in [degrees(east_m, north_m)]
            for at in [self.clock.now() - timedelta(seconds=late_s)]
        ]
        assert not await self.services.intake.positions(reports, FEED)

    async def read(self, element: str, element_id: str, **properties: Any) -> None:
        lon, lat = degrees(600, 600)
        now = self.clock.unix_s()
        await self.services.elements.readings([Reading(element, element_id, lon, lat, now, now, properties)])

    async def told(self) -> None:
        """Everything that is so by now has been written to every socket of the present."""
        services = self.services

        def lacks(client: LiveClient) -> bool:
            return bool(client.texts) or client.needs_hello or client.sent.seq != services.positions.seq

        while services.bus.is_waiting or any(map(lacks, self.hub._clients)):  # noqa: ASYNC110 the hub offers nothing to wait for
            await asyncio.sleep(0.01)

    async def written(self) -> None:
        """Tracks on disk."""
        writer = self.node.tracks._writer
        writer.take()
        await asyncio.to_thread(writer.write)


async def register(world: PastWorld) -> None:
    admin = Actor("admin", "admin", CITY)
    for unit_id, org_code in UNITS.items():
        unit = RegisterUnit(unit_id=unit_id, callsign=unit_id.upper(), kind=UnitKind.PATROL_CAR, org_code=org_code)
        await world.do(unit, admin)


async def stretch(world: PastWorld) -> AsyncIterator[float]:
    """Some minutes of work; yields each instant (Unix s) at which it has come to rest. Nothing is told by the clock in them."""
    incident_ids: dict[str, str] = {}

    async def receive(name: str, east_m: float | None, **more: Any) -> None:
        place = {} if east_m is None else dict(zip(("lon", "lat"), degrees(east_m, 500), strict=True))
        call = ReceiveIncident(incident_type="theft", grade=Grade.ORDINARY, text=name, caller=Caller("王", "13800001234"), **place, **more)
        incident_ids[name] = (await world.do(call)).incident_id

    async def crew(kind: Any, name: str, unit_id: str, **more: Any) -> None:
        told = kind(incident_id=incident_ids[name], unit_ids=(unit_id,), on_behalf_of=unit_id, channel="radio", **more)
        await world.do(told)

    await register(world)
    yield world.clock.unix_s()
    steps = [
        lambda: world.drive(("w1", 100, 100), ("w2", 200, 500), ("e1", 800, 500)),
        lambda: receive("first", 300),
        lambda: world.drive(("w1", 130, 100), ("e2", 900, 300)),
        lambda: world.do(Push(incident_id=incident_ids["first"], unit_ids=("w2",))),
        lambda: world.read("weather_station", "ws-1", wind_mps=4.0),
        lambda: crew(Acknowledge, "first", "w2"),
        lambda: world.drive(("w2", 230, 500), ("w1", 130, 100)),
        lambda: crew(Depart, "first", "w2"),
        lambda: receive("second", None),
        lambda: world.drive(("w2", 290, 500), ("e1", 780, 500), late_s=4.0),
        lambda: world.do(Locate(incident_id=incident_ids["second"], lon=degrees(800, 400)[0], lat=degrees(800, 400)[1])),
        lambda: world.do(Push(incident_id=incident_ids["second"], unit_ids=("e1", "e2"))),
        lambda: crew(Arrive, "first", "w2"),
        lambda: world.read("weather_station", "ws-1", wind_mps=9.0),
        lambda: world.do(Note(incident_id=incident_ids["first"], text="back door")),
        lambda: world.drive(("w2", 300, 500), ("e1", 790, 450), ("e2", 850, 350)),
        lambda: crew(Feedback, "first", "w2", text="nobody there"),
    ]
    for step in steps:
        world.clock.advance(4)
        await step()
        yield world.clock.unix_s()


@asynccontextmanager
async def past_world(city: City, folder: Path) -> AsyncIterator[PastWorld]:
    """Composed, running, served, and stopped again."""
    clock = ManualClock(NOW)
    settings = Settings(city=city.folder, data=folder / "data", demo=False, webhook_hosts="127.0.0.1", admin_second_factor=False)
    node = await asyncio.to_thread(compose, settings, city, clock)
    server: FastAPI = create_server()
    add_api(server, node.services)
    hub = add_live(server, node.services)
    async with node.running(), serving(as_actor(server)) as address:
        yield PastWorld(node, clock, address, hub, server)


__all__ = ["CITY_DESK", "OPERATOR", "VIEWER", "PastWorld", "header", "past_world", "register", "stretch"]
