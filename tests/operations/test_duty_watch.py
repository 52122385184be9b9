"""The duty watch under a manual clock: what the clock changes is on record at once, once, and across restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from dispatch import commands as c
from dispatch import events as e
from dispatch.clock import ManualClock
from dispatch.errors import RuleViolation
from dispatch.model import Actor, UnitKind, UnitStatus
from dispatch.shifts import Rostered
from operations.access.authority import Authority
from operations.duty import duty_watch
from operations.duty.duty_watch import DutyWatch
from operations.incidents.bus import Bus
from operations.incidents.enrich import Unenriched
from operations.incidents.handle import Handler
from storage.memory_journal import MemoryJournal
from tests.dispatch.driver import START
from tests.operations import access_world as world

CHIEF = Actor("chen", "commander", world.CITY)


class Room:
    """A node with its watch; time stands still unless moved."""

    def __init__(self, handler: Handler, watch: DutyWatch, clock: ManualClock, journal: MemoryJournal) -> None:
        self.handler, self.watch, self.clock, self.journal = handler, watch, clock, journal

    async def at(self, hours: float) -> None:
        self.clock.set(START + timedelta(hours=hours))
        await self.watch.tick()

    async def give(self, command: c.Command) -> tuple[e.Recorded, ...]:
        return (await self.handler.handle(command, CHIEF)).events

    async def plan(self, shift_id: str, begins: float, ends: float, *unit_ids: str) -> None:
        for unit_id in unit_ids:
            kind = UnitKind.PATROL_CAR
            await self.give(c.RegisterUnit(unit_id=unit_id, callsign=unit_id, kind=kind, org_code=world.STATION))
        from_, to = START + timedelta(hours=begins), START + timedelta(hours=ends)
        crews = tuple(Rostered(unit_id) for unit_id in unit_ids)
        await self.give(c.PlanShift(org_code=world.STATION, shift_id=shift_id, name=shift_id, starts_at=from_, ends_at=to, crews=crews))

    def told(self) -> list[tuple[str, str]]:
        bodies = [r.body for r in self.journal.read(0, 100_000)]
        return [(type(b).__name__, b.unit_id) for b in bodies if isinstance(b, e.DutyBegan | e.DutyEnded)]


@asynccontextmanager
async def room(journal: MemoryJournal | None = None, clock: ManualClock | None = None) -> AsyncIterator[Room]:
    journal, clock = journal or MemoryJournal(), clock or ManualClock(START)
    organisations = world.organisations()
    handler = Handler(journal, clock, Bus(), Authority(organisations, clock), Unenriched())
    await handler.start()
    try:
        yield Room(handler, DutyWatch(handler, clock, organisations), clock, journal)
    finally:
        await handler.stop()


async def test_shifts_begin_and_end_by_the_clock_each_once() -> None:
    async with room() as node:
        await node.plan("day", 1, 2, "A", "B")
        for hours in (0, 0.9, 1, 1.1, 1.99, 2, 2.1, 9):
            await node.at(hours)
            ran_out = {world.STATION: (START + timedelta(hours=2)).isoformat()} if hours >= 2 else {}
            assert node.watch.state()["run_out"] == ran_out
        ended, began = "DutyEnded", "DutyBegan"
        assert node.told() == [(ended, "A"), (ended, "B"), (began, "A"), (began, "B"), (ended, "A"), (ended, "B")]
        ends = [r.body.since for r in node.journal.read(0, 1_000) if isinstance(r.body, e.DutyEnded)]
        assert ends[2:] == [START + timedelta(hours=2)] * 2


async def test_what_ended_while_the_node_was_down_is_told_when_it_is_up_again() -> None:
    journal, clock = MemoryJournal(), ManualClock(START)
    async with room(journal, clock) as node:
        await node.plan("day", 0, 1, "A")
        await node.at(0)
        (muster,) = await node.give(c.MusterReserves(org_code=world.STATION, text="x", until=START + timedelta(hours=2), unit_ids=("A",)))
        assert isinstance(muster.body, e.ReservesMustered)
    clock.set(START + timedelta(hours=5))
    async with room(journal, clock) as node:
        received = c.ReceiveIncident(incident_type="theft", grade=c.Grade.URGENT, org_code=world.STATION)
        incident_id = (await node.give(received))[0].incident_id
        with pytest.raises(RuleViolation, match="off duty since"):  # the clock refuses before anybody has told
            await node.give(c.Push(incident_id=str(incident_id), unit_ids=("A",)))
        await node.watch.tick()
        unit = node.handler.picture.units["A"]
        assert (unit.status, unit.off_duty_since) == (UnitStatus.OUT_OF_SERVICE, START + timedelta(hours=2))
        assert node.handler.picture.musters[muster.body.muster_id].ended_at is not None
        count = len(node.journal.read(0, 1_000))
        await node.watch.tick()
        assert len(node.journal.read(0, 1_000)) == count


async def test_a_change_of_a_whole_city_is_told_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duty_watch, "AT_ONCE", 2)
    async with room() as node:
        await node.plan("day", 0, 8, *"ABCDE")
        await node.at(0)
        commands = {r.command_id for r in node.journal.read(0, 1_000) if isinstance(r.body, e.DutyBegan)}
        assert len(commands) == 3
        assert len(node.told()) == 5


async def test_a_watch_whose_journal_can_not_be_written_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with room() as node:
        await node.plan("day", 1, 2, "A")
        await node.handler.stop()
        node.watch.start()
        try:
            while node.watch.state()["state"] == "ok":
                await duty_watch.asyncio.sleep(0)
            assert "starting or stopping" in str(node.watch.state()["failure"])
            await node.handler.start()
            monkeypatch.setattr(duty_watch, "TICK_S", 0.0)
            while not node.told():
                await duty_watch.asyncio.sleep(0.01)
        finally:
            await node.watch.stop()


async def test_a_crew_that_comes_new_or_a_plan_that_changes_is_looked_at_without_the_clock() -> None:
    async with room() as node:
        await node.plan("day", 0, 8, "A")
        await node.at(0)
        late = c.RegisterUnit(unit_id="Z", callsign="Z", kind=UnitKind.PATROL_CAR, org_code=world.STATION)
        await node.give(late)
        await node.watch.tick()
        assert node.told()[-1] == ("DutyEnded", "Z")
        await node.plan("day", 0, 8, "A", "Z")
        await node.watch.tick()
        assert node.told()[-1] == ("DutyBegan", "Z")
        await node.give(c.CancelShift(org_code=world.STATION, shift_id="day"))
        await node.watch.tick()
        assert node.told()[-1] == ("DutyBegan", "Z")
        assert {unit.shift_id for unit in node.handler.picture.units.values()} == {""}
