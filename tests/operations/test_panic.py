"""The panic button: an incident at once, whatever the phone knows; for the own crew only, and once for each time it was held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from dispatch.clock import ManualClock
from dispatch.codes import OFFICER_EMERGENCY
from dispatch.commands import Cancel, Push, ReceiveIncident, TakeAlarm
from dispatch.deadlines import alarms, load_targets
from dispatch.duty_commands import RegisterUnit
from dispatch.errors import NotPermitted
from dispatch.events import HelpCalledAgain
from dispatch.model import Actor, Grade, Incident, Step, UnitKind
from operations.access.authority import Authority, as_wall
from operations.incidents.bus import Bus
from operations.incidents.deadline_watch import DeadlineWatch
from operations.incidents.enrich import Unenriched
from operations.incidents.handle import Handler
from operations.incidents.panic import Held, call_for_help
from operations.tracking.positions import PositionTable
from storage.memory_journal import MemoryJournal
from tests.operations import access_world as world

CAR = world.actor("officer", world.STATION, unit_id="car")
GATEWAY = world.actor("officer", world.COUNTY, kind="token")
SYSTEM = Actor("system", "admin", world.CITY, kind="system")
LON, LAT = 121.55, 29.87


@dataclass
class Rig:
    """What the button needs of the services."""

    clock: ManualClock = field(default_factory=world.clock)
    positions: PositionTable = field(default_factory=PositionTable)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    authority: Authority = field(init=False)
    handler: Handler = field(init=False)

    def __post_init__(self) -> None:
        self.authority = Authority(world.organisations(), self.clock)
        self.handler = Handler(self.journal, self.clock, Bus(), self.authority, Unenriched())

    def place(self, lon: float, lat: float, at: datetime = world.NOW) -> None:
        index = self.positions.follow(self.handler.picture.units["car"])
        row = np.array([index])
        unknown = np.full(1, np.nan, np.float32)
        self.positions.write(row, np.array([lon]), np.array([lat]), np.array([at.timestamp()]), at.timestamp(), unknown, unknown)

    async def hold(self, held: Held | None = None, actor: Actor = CAR, unit_id: str = "car") -> Incident:
        held = held or Held("k1")
        outcome = await call_for_help(self, actor, self.handler.picture.units[unit_id], held)  # type: ignore[arg-type]
        return self.handler.picture.incidents[outcome.incident_id or ""]

    async def over(self, incident: Incident) -> None:
        """That emergency has been seen to."""
        await self.handler.handle(Cancel(incident_id=incident.incident_id), SYSTEM)


async def nobody(incident: Incident) -> str | None:
    return None


@asynccontextmanager
async def rig(**fields: Any) -> AsyncIterator[Rig]:
    made = Rig()
    await made.handler.start()
    for unit_id, org_code, marked in (("car", world.STATION, True), ("shadow", world.STATION, False), ("far", world.FAR, True)):
        known = {"callsign": f"call-{unit_id}", "kind": UnitKind.PATROL_CAR, "org_code": org_code, "marked": marked}
        await made.handler.handle(RegisterUnit(unit_id=unit_id, **known), SYSTEM)
    try:
        yield made
    finally:
        await made.handler.stop()


async def test_it_makes_an_incident_of_grade_one_where_the_crew_is_on_the_crews_own_word() -> None:
    async with rig() as city:
        city.place(LON, LAT)
        held_at = world.NOW - timedelta(seconds=2)
        incident = await city.hold(Held("k1", held_at))
        assert (incident.incident_type, incident.grade, incident.org_code) == (OFFICER_EMERGENCY, Grade.MAJOR, world.STATION)
        assert (incident.lon, incident.lat, incident.called_at) == (LON, LAT, held_at)
        assert incident.text == "call-car按住了紧急求援按钮。 call-car held the panic button."
        (received,) = [r for r in city.journal.read(0, 99) if r.incident_id]
        assert (received.actor, received.actor_role, received.on_behalf_of, received.channel) == (CAR.name, "officer", "car", "terminal")
        assert received.occurred_at == held_at


async def test_the_same_key_is_the_same_emergency_though_the_crew_has_moved_meanwhile() -> None:
    async with rig() as city:
        first = await city.hold(Held("k1"))
        city.place(LON, LAT)
        city.clock.advance(20 * 24 * 3600)  # kept answers are long gone
        assert (await city.hold(Held("k1"))).incident_id == first.incident_id
        await city.over(first)
        assert (await city.hold(Held("k1"))).incident_id == first.incident_id
        assert (await city.hold(Held("k2"))).incident_id != first.incident_id
        assert len(city.handler.picture.incidents) == 2


async def test_a_second_hold_adds_to_the_open_emergency_and_counts() -> None:
    async with rig() as city:
        first = await city.hold(Held("k1"))
        assert (first.help_for, first.help_calls, first.help_at) == ("car", 1, world.NOW)
        city.clock.advance(9)
        assert (await city.hold(Held("k2"))).help_calls == 1, "it rings already"
        city.clock.advance(1)
        city.place(LON, LAT)
        again = await city.hold(Held("k3"))
        assert (again.incident_id, again.help_calls, again.help_at) == (first.incident_id, 2, world.NOW + timedelta(seconds=10))
        city.clock.advance(60)
        assert (await city.hold(Held("k3"))).help_calls == 2, "the phone only asks whether it was heard"
        assert len(city.handler.picture.incidents) == 1
        (added,) = [r for r in city.journal.read(0, 99) if isinstance(r.body, HelpCalledAgain)]
        assert (added.on_behalf_of, added.channel, added.body.lon) == ("car", "terminal", LON)  # type: ignore[union-attr]
        assert (await city.hold(Held("k1"), GATEWAY, "shadow")).incident_id != first.incident_id, "another crew's is another"


async def test_many_holds_at_once_are_one_emergency() -> None:
    async with rig() as city:
        found = await asyncio.gather(*(city.hold(Held(f"k{k}")) for k in range(20)))
        assert len({incident.incident_id for incident in found}) == 1
        assert len(city.handler.picture.incidents) == 1


async def test_a_call_for_help_is_an_alarm_until_somebody_is_sent_or_takes_it_on_and_each_hold_rings_anew() -> None:
    async with rig() as city:
        incident_id = (await city.hold(Held("k1"))).incident_id
        watch = DeadlineWatch(city.handler, city.clock, world.organisations(), load_targets(), nobody)

        def heard() -> list[tuple[int, int]]:
            return [(miss.round, miss.level) for miss in alarms(city.handler.picture.incidents[incident_id]) if miss.step == Step.HELP]

        await watch.tick()
        assert heard() == [(1, 0)], "at once"
        city.clock.advance(60)
        await watch.tick()
        assert heard() == [(1, 0), (1, 1)], "and a level higher while nobody takes it on"
        await city.handler.handle(TakeAlarm(incident_id=incident_id), SYSTEM)
        assert heard() == []
        await city.hold(Held("k2"))
        await watch.tick()
        await watch.tick()
        assert heard() == [(2, 0)]
        city.clock.advance(1)
        await city.handler.handle(Push(incident_id=incident_id, unit_ids=("far",)), SYSTEM)
        assert heard() == []


async def test_the_same_key_of_another_crew_is_another_emergency() -> None:
    async with rig() as city:
        first = await city.hold(Held("k1"))
        second = await city.hold(Held("k1"), GATEWAY, "shadow")
        assert first.incident_id != second.incident_id


async def test_without_a_known_position_the_one_that_was_sent_serves() -> None:
    async with rig() as city:
        old = await city.hold(Held("k1", None, LON, LAT, world.NOW - timedelta(minutes=5)))
        assert (old.lon, old.lat) == (LON, LAT)
        assert "5 min old" in old.text
        await city.over(old)
        city.place(121.6, 29.9)
        newer = await city.hold(Held("k2", None, LON, LAT))
        assert (newer.lon, newer.lat) == (121.6, 29.9)


@pytest.mark.parametrize(("lon", "lat"), [(None, None), (LON, None), (500.0, LAT), (0.0, 0.0), (float("nan"), LAT)])
async def test_a_place_that_cant_be_is_left_out_and_the_incident_made(lon: float | None, lat: float | None) -> None:
    async with rig() as city:
        incident = await city.hold(Held("k1", None, lon, lat))
        assert not incident.has_point
        assert "位置不明" in incident.text
        assert "not known" in incident.text


async def test_an_old_position_says_its_age() -> None:
    async with rig() as city:
        city.place(LON, LAT)
        city.clock.advance(720)
        incident = await city.hold()
        assert "12 分钟前" in incident.text
        assert "12 min old" in incident.text


@pytest.mark.parametrize("wrong_s", [3600, -(60 * 365 * 24 * 3600)])
async def test_a_time_that_cant_be_is_taken_as_now(wrong_s: float) -> None:
    async with rig() as city:
        incident = await city.hold(Held("k1", world.NOW + timedelta(seconds=wrong_s)))
        assert incident.called_at == world.NOW


async def test_it_says_what_the_crew_was_doing() -> None:
    async with rig() as city:
        call = ReceiveIncident(incident_type="theft", grade=Grade.ORDINARY, org_code=world.STATION)
        task = (await city.handler.handle(call, SYSTEM)).incident_id
        assert task is not None
        await city.handler.handle(Push(incident_id=task, unit_ids=("car",)), SYSTEM)
        incident = await city.hold()
        assert f"正在处置警情 {city.handler.picture.incidents[task].number}" in incident.text


@pytest.mark.parametrize(
    ("actor", "unit_id"),
    [
        (world.actor("operator", world.CITY), "car"),
        (world.actor("admin", world.CITY), "car"),
        (world.actor("viewer", world.STATION, unit_id="car"), "car"),
        (GATEWAY, "far"),
    ],
)
async def test_who_may_not_makes_nothing(actor: Actor, unit_id: str) -> None:
    async with rig() as city:
        with pytest.raises(NotPermitted):
            await city.hold(actor=actor, unit_id=unit_id)
        assert not city.handler.picture.incidents


async def test_it_gives_no_right_to_receive_any_other_incident() -> None:
    async with rig() as city:
        with pytest.raises(NotPermitted, match="officer may not receive"):
            await city.handler.handle(ReceiveIncident(incident_type=OFFICER_EMERGENCY, grade=Grade.MAJOR, org_code=world.STATION), CAR)


async def test_plain_clothes_are_known_to_those_alone_who_may_see_them() -> None:
    async with rig() as city:
        incident = await city.hold(actor=GATEWAY, unit_id="shadow")
        assert "shadow" not in incident.text
        assert "便衣警力" in incident.text
        assert incident.help_for == "shadow"
        shown = {
            actor: city.authority.incident_for(actor, incident, city.handler.picture).help_for
            for actor in (world.actor("operator", world.STATION), world.actor("operator", world.COUNTY), as_wall(SYSTEM))
        }
        assert list(shown.values()) == ["shadow", "", ""]
        (received,) = [r for r in city.journal.read(0, 99) if r.incident_id]
        assert received.on_behalf_of == "shadow"
        station, county = world.actor("commander", world.STATION), world.actor("commander", world.COUNTY)
        for who, knows in ((station, True), (county, False), (as_wall(station), False)):
            assert city.authority.may_see_incident(who, incident, city.handler.picture)
            assert city.authority.may_see_event(who, received, city.handler.picture) is knows
