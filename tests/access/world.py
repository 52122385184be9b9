"""The whole application on a small city in which everything worth protecting exists once, and everyone who might ask for it.

What is protected belongs to the station WEST. Everyone asks from a *place* of their own: an organisation, and thereby a relation
to WEST.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from dash import Dash
from fastapi import FastAPI

from composition import compose
from dashboard import web
from dashboard.edge import Edge
from dashboard.login import DemoAccounts
from dispatch.clock import ManualClock
from dispatch.commands import Acknowledge, AddFinding, Caller, Command, Push, ReceiveIncident
from dispatch.duty_circles import Force, Gate, Tier
from dispatch.duty_commands import AnswerMuster, MusterReserves, PlanShift, RegisterUnit, SendBroadcast, SetDutyCircle, SetUnitStatus
from dispatch.model import Actor, Grade, UnitKind, UnitStatus
from dispatch.shifts import Rostered
from geodata.building.source import SourceOrganisation
from operations.access.authority import ENROLLING
from operations.access.oidc import Client, Provider
from operations.access.permissions import Role
from operations.footage.scene_recording import Asked, Reception
from operations.services import Services
from operations.tracking.reports import CameraReport, FeedSession
from serving import mount_native_feed
from settings import Settings
from tests.access.asgi import started
from tests.cities import CITY, COUNTY, EAST, WEST, build_test_city, degrees
from tests.identity_provider import CLIENT_ID, ISSUER, REDIRECT, SECRET, IdentityProvider
from tests.operations.access_world import NOW
from tests.operations.photos import taken
from tests.operations.recorded import recorded
from tests.passwords import QUICK

TEAM, SISTER = "330203010100", "330203030000"  # below WEST; beside it, without an area that could be near
OTHER_COUNTY, FAR = "330205000000", "330205010000"
SYSTEM = Actor("system", "admin", CITY, kind="system")
PASSWORD = "correct horse 9"

# Where one asks from, and what WEST is to that organisation's desk.
PLACES = {
    "own": WEST,
    "below": COUNTY,  # WEST lies below the asker
    "city": CITY,  # below as well; the city also sees plain clothes
    "above": TEAM,  # WEST lies above the asker
    "neighbour": EAST,  # within five minutes by road
    "sibling": SISTER,
    "elsewhere": FAR,  # another county's
}
REACHING = frozenset({"own", "below", "city"})  # places whose scope WEST lies in

# What must not be read by everyone; each string occurs in exactly one thing.
TEXT = "two-men-fighting-at-the-west-gate"
CALLER, NUMBER = "Wang Xiaoming-Westgate", "13812345678"
COMPLAINT, COMPLAINER = "officer-was-rude-at-the-west-gate", "13987654321"
PLAIN = "plain-x7"
MEMBER = "badge-022117"
FAR_TEXT, FAR_NUMBER = "burglary-in-the-other-county", "13700001111"
CAMERA_URL = "rtsp://10.9.8.7/west-gate"
CAMERA_PASSWORD = "camera-pass-55"
EVIDENCE = "evidence-of-the-west-gate"
PHOTO_AT = "2026-04-30 11:21:09"  # as its camera wrote it
MUSTER, LEADER = "reserves-to-the-west-gate", "chief-of-the-west-gate"
CIRCLE = "circle-of-the-west-gate"
FINDING = "a-nearer-crew-stood-at-the-west-gate"
WEBHOOK_URL = "http://127.0.0.1:9/hook-of-the-west"


@dataclass(frozen=True)
class Who:
    """Someone who asks. `place` is a key of PLACES; `role` empty: nobody the system knows."""

    name: str
    role: str = ""
    place: str = "own"
    unit_id: str | None = None
    kind: str = "token"  # token, session, wall, desk (a session narrowed to a station), nobody
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def is_known(self) -> bool:
        return self.role != ""


@dataclass
class AccessWorld:
    """One running node, who may ask it, and the ids of what is protected."""

    services: Services
    edge: Edge
    server: FastAPI
    dash: Dash
    clock: ManualClock
    runner: asyncio.Runner
    known: dict[str, str] = field(default_factory=dict)  # ids by name: incident, complaint, far, upload, …
    askers: list[Who] = field(default_factory=list)

    def run(self, awaitable: Any) -> Any:
        return self.runner.run(awaitable)

    def handle(self, command: Command, actor: Actor = SYSTEM) -> Any:
        return self.run(self.services.handler.handle(command, actor))

    def unit(self, unit_id: str, org_code: str, at_m: tuple[float, float], **more: Any) -> None:
        self.handle(RegisterUnit(unit_id=unit_id, callsign=unit_id.upper(), kind=UnitKind.PATROL_CAR, org_code=org_code, **more))
        lon, lat = degrees(*at_m)
        index = np.array([self.services.positions.follow(self.services.handler.picture.units[unit_id])])
        now, unknown = np.array([self.clock.unix_s() - 60.0]), np.array([np.nan], np.float32)
        self.services.positions.write(index, np.array([lon]), np.array([lat]), now, now, unknown, unknown)

    def incident(self, text: str, number: str, org_code: str, incident_type: str = "assault", name: str = "Li") -> str:
        lon, lat = degrees(500, 500)
        call = ReceiveIncident(
            incident_type=incident_type,
            grade=Grade.URGENT,
            text=text,
            lon=lon,
            lat=lat,
            org_code=org_code,
            caller=Caller(name=name, number=number),
        )
        found: str = self.handle(call).incident_id
        return found

    def who(self, role: str, place: str = "own", kind: str = "token") -> Who:
        """The one asker of this description."""
        (found,) = [one for one in self.askers if (one.role, one.place, one.kind) == (role, place, kind) and one.unit_id == self._unit(one)]
        return found

    @staticmethod
    def _unit(one: Who) -> str | None:
        return crew_of(one.place) if one.role == Role.OFFICER and one.kind != "gateway" else None


def crew_of(place: str) -> str:
    """The unit an officer of a place belongs to; that of WEST is on the incident."""
    return "car-west" if place == "own" else f"car-{place}"


@contextmanager
def access_world(folder: Path) -> Iterator[AccessWorld]:
    """Composed, filled, running, and stopped again."""
    clock = ManualClock(NOW)
    lon, lat = degrees(550, 550)

    def bare(code: str, name: str, level: str, parent: str) -> SourceOrganisation:
        return SourceOrganisation(code, name, name, level, parent, lon, lat, False)

    more = [
        bare(TEAM, "West team", "station", WEST),
        bare(SISTER, "Sister station", "station", COUNTY),
        bare(OTHER_COUNTY, "Other county", "county", CITY),
        bare(FAR, "Far station", "station", OTHER_COUNTY),
    ]
    city = build_test_city(folder, more)
    node = compose(Settings(city=city.folder, data=folder / "data", demo=False, webhook_hosts="127.0.0.1"), city, clock, QUICK)
    with asyncio.Runner() as runner:
        running = node.running()
        services = replace(runner.run(running.__aenter__()), oidc=_identity_provider(clock))
        made: list[tuple[FastAPI, Dash]] = []
        with _noted(made):
            edge = web.create_app(services, [], mount_native_feed)
        assert isinstance(edge, Edge)
        server, dash = made[0]
        serving = started(edge)
        runner.run(serving.__aenter__())  # Dash adds its last route only then
        world = AccessWorld(services, edge, server, dash, clock, runner)
        _fill(world)
        world.askers = list(_askers(world))
        yield world
        runner.run(serving.__aexit__(None, None, None))
        runner.run(running.__aexit__(None, None, None))


def _identity_provider(clock: ManualClock) -> Provider:
    """One that answers, so that the ways to it and back are there to be walked."""
    return Provider(Client(ISSUER, CLIENT_ID, SECRET, REDIRECT, "preferred_username"), clock, transport=IdentityProvider(clock).transport)


@contextmanager
def _noted(made: list[tuple[FastAPI, Dash]]) -> Iterator[None]:
    """Remembers the server and the Dash application that `create_app` makes: their routes and callbacks are what is walked."""
    original = web.add_pages

    def noting(server: FastAPI, services: Services, demo_accounts: DemoAccounts) -> Dash:
        made.append((server, original(server, services, demo_accounts)))
        return made[-1][1]

    web.add_pages = noting
    try:
        yield
    finally:
        web.add_pages = original


def _fill(world: AccessWorld) -> None:
    """Everything that is protected, at WEST; and something of another county."""
    world.unit("car-west", WEST, (480, 500), members=(MEMBER,), trackers=("tracker-west",), radio_group="radio-west")
    world.unit(PLAIN, WEST, (490, 500), marked=False)
    world.unit("idle-west", WEST, (300, 300))
    for place, code in PLACES.items():
        if place != "own":
            world.unit(crew_of(place), code, (900, 900))
    known = world.known
    known["incident"] = world.incident(TEXT, NUMBER, WEST, name=CALLER)
    known["complaint"] = world.incident(COMPLAINT, COMPLAINER, WEST, "complaint")
    known["far"] = world.incident(FAR_TEXT, FAR_NUMBER, FAR)
    known |= {"unit": "car-west", "plain": PLAIN, "idle": "idle-west", "track": "car-west", "plain_track": PLAIN}
    world.handle(Push(incident_id=known["incident"], unit_ids=("car-west", PLAIN)))
    world.handle(Acknowledge(incident_id=known["incident"], unit_ids=("car-west",)))
    known["plain_assignment"] = assignment_id(world, PLAIN)
    known["assignment"] = assignment_id(world, "car-west")
    world.handle(AddFinding(incident_id=known["incident"], kind="shortfall", text=FINDING))
    reserves = {"reserve-west": True, f"{PLAIN}-reserve": False}
    for unit_id, marked in reserves.items():
        world.unit(unit_id, WEST, (300, 300), marked=marked)
        world.handle(SetUnitStatus(unit_id=unit_id, status=UnitStatus.OUT_OF_SERVICE))
    hours = timedelta(hours=1)
    world.handle(MusterReserves(org_code=WEST, text=MUSTER, until=NOW + 3 * hours, unit_ids=tuple(reserves)))
    (muster_id,) = world.services.handler.picture.musters
    for unit_id in reserves:
        world.handle(AnswerMuster(muster_id=muster_id, unit_id=unit_id, coming=True))
    crews = tuple(Rostered(unit_id) for unit_id in ("car-west", "idle-west", "reserve-west", PLAIN))
    shift = PlanShift(org_code=WEST, shift_id="early", name="x", starts_at=NOW - hours, ends_at=NOW + 6 * hours, leader=LEADER, crews=crews)
    world.handle(shift)
    ring = tuple(degrees(500 + x, 500 + y) for x, y in ((-90, -90), (90, -90), (90, 90), (-90, 90), (-90, -90)))
    gates = (Gate("x", *degrees(500, 500), PLAIN),)
    tiers = (Tier(1.0, ((ring,),), (Force(WEST, UnitKind.PATROL_CAR, 1),), gates),)
    lon, lat = degrees(500, 500)
    world.handle(SetDutyCircle(circle_id="west-gate", name=CIRCLE, org_code=WEST, lon=lon, lat=lat, tiers=tiers))
    known["circle"] = "west-gate"
    feed = FeedSession("cameras", Actor("cameras", "feed", CITY, kind="token"))
    lon, lat = degrees(420, 600)
    camera = CameraReport(camera_id="cam-west", lon=lon, lat=lat, url=f"rtsp://admin:{CAMERA_PASSWORD}@{CAMERA_URL[7:]}")
    assert world.run(world.services.intake.cameras([camera], feed)) == []
    known["upload"] = world.run(_upload(world))
    known["recording"] = world.run(_recording(world))
    for name, sender, to_desks in (("broadcast", CITY, True), ("own_broadcast", WEST, False)):
        asked = SendBroadcast(org_code=WEST, text="x", to_desks=to_desks)
        sent = world.run(world.services.handler.handle(asked, Actor(f"{name}-desk", "operator", sender)))
        known[name] = sent.events[0].body.broadcast_id
    owner = Actor("west-records", "commander", WEST, kind="token")
    world.services.accounts.add_token("commander", WEST, name="west-records")
    known["webhook"] = world.run(world.services.webhooks.add(owner, WEBHOOK_URL, ["incident_closed"], None, None)).webhook_id


def assignment_id(world: AccessWorld, unit_id: str) -> str:
    found = world.services.handler.picture.incidents[world.known["incident"]].assignment_of(unit_id)
    assert found is not None
    return found.assignment_id


async def _upload(world: AccessWorld) -> str:
    evidence = world.services.evidence
    photo = taken(*degrees(900, 900), PHOTO_AT.replace("-", ":")) + EVIDENCE.encode()
    desk = Actor("west-desk", "operator", WEST)
    begun = await evidence.begin(desk, world.known["incident"], "scene.jpg", "image/jpeg", len(photo), None)
    await evidence.append(begun.upload_id, 0, photo)
    return begun.upload_id


async def _recording(world: AccessWorld) -> str:
    """Scene video of the crew at WEST that has stopped coming, without an end."""
    asked = Asked("5" * 32, world.known["incident"], "video/webm", NOW, NOW)
    crew = Actor("west-phone", "officer", WEST, unit_id="car-west")
    reception = await world.services.scene_video.begin(crew, world.services.handler.picture.units["car-west"], asked)
    assert isinstance(reception, Reception)
    await reception.take(0, int(NOW.timestamp() * 1000), recorded())
    reception.close()
    return asked.recording_id


def _askers(world: AccessWorld) -> Iterator[Who]:
    accounts = world.services.accounts

    def bearer(role: str, place: str, unit_id: str | None = None) -> tuple[tuple[str, str], ...]:
        secret = accounts.add_token(role, PLACES[place], unit_id=unit_id, name=f"{role}-{place}-{unit_id or 'any'}")
        return (("authorization", f"Bearer {secret}"),)

    yield Who("nobody", kind="nobody")
    yield Who("bad token", kind="nobody", headers=(("authorization", "Bearer ld_nonsense"),))
    yield Who("bad cookie", kind="nobody", headers=(("cookie", "liandong_session=nonsense"),))
    for place in PLACES:
        for role in Role:
            unit_id = crew_of(place) if role == Role.OFFICER else None
            yield Who(f"{role} {place}", role, place, unit_id, "token", bearer(role, place, unit_id))
        yield Who(f"gateway {place}", Role.OFFICER, place, None, "gateway", bearer(Role.OFFICER, place))
    for name, role, place, is_wall in (
        ("desk-west", Role.OPERATOR, "own", False),
        ("wall-west", Role.OPERATOR, "own", True),
        ("wall-city", Role.COMMANDER, "city", True),
        ("desk-east", Role.OPERATOR, "neighbour", False),
    ):
        accounts.add_user(name, PASSWORD, role, PLACES[place])
        secret = world.run(accounts.login(name, PASSWORD, "10.0.0.9", wall=is_wall))
        cookie = (("cookie", f"liandong_session={secret}"),)
        kind = "wall" if is_wall else "session"
        yield Who(name, Role.VIEWER if is_wall else role, place, None, kind, cookie)
    accounts.add_user("new-admin", PASSWORD, Role.ADMIN, PLACES["own"])
    secret = world.run(accounts.login("new-admin", PASSWORD, "10.0.0.9"))
    yield Who("an administrator without a second factor", ENROLLING, "own", None, ENROLLING, (("cookie", f"liandong_session={secret}"),))


def metadata(**values: str) -> str:
    """tus metadata: `key base64,key base64`."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())
