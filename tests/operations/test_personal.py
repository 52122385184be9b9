"""Personal data leaves in one way only: as the actor may see it, and written down first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dispatch.clock import ManualClock
from dispatch.commands import Caller
from dispatch.errors import Unavailable
from dispatch.model import Actor, AssignmentStage, Incident
from operations.access.authority import Authority, as_wall
from operations.access.personal import SAME_LOOK, PersonalData
from storage.audit import Look
from tests.operations import access_world as world

WANG = Caller("王先生", "13800001234")
CALLED = world.incident("i1", world.STATION, world.assignment("car"), has_caller=True)

EARLIER = world.incident("i0", world.STATION, has_caller=True)
ELSEWHERE = world.incident("i9", world.FAR, has_caller=True)


class Memory:
    """Callers and the list of looks, in memory; the list can be out of order."""

    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.is_broken = False

    async def caller(self, incident_id: str) -> Caller | None:
        return WANG

    async def incidents_of_number(self, number: str, limit: int) -> list[Incident]:
        known = [CALLED, EARLIER, ELSEWHERE]
        return known[:limit] if number == WANG.number else []

    def append(self, looks: list[Look]) -> None:
        if self.is_broken:
            raise OSError("the disk is full")
        self.looks += looks


class Room:
    def __init__(self) -> None:
        self.clock = ManualClock(world.NOW)
        self.memory = Memory()
        self.personal = PersonalData(self.memory, Authority(world.organisations(), self.clock), self.memory, self.clock)

    async def look(self, actor: Actor, incident: Incident = CALLED) -> Caller | None:
        return await self.personal.caller(actor, incident, "desk")

    def written(self) -> list[tuple[str, str]]:
        return [(seen.actor, seen.what) for seen in self.memory.looks]


async def test_a_look_is_written_down_with_who_what_and_where() -> None:
    room, desk = Room(), world.actor("operator", world.CITY)
    assert await room.look(desk) == WANG
    assert room.memory.looks == [Look(world.NOW, desk.name, "user", "operator", world.CITY, "caller", "i1", "desk")]


async def test_masked_callers_are_told_apart_and_what_is_not_shown_is_not_written() -> None:
    room = Room()
    late = world.incident("i2", world.STATION, world.assignment("car", AssignmentStage.FEEDBACK), has_caller=True)
    masked = await room.look(world.actor("officer", world.STATION, "car"), late)
    assert masked is not None
    assert masked.number == "138****1234"
    assert await room.look(as_wall(world.actor("commander", world.CITY))) is None
    assert await room.look(world.actor("operator", world.OTHER)) is None
    assert await room.look(world.actor("operator", world.CITY), world.incident("i3")) is None
    assert room.written() == [(f"officer-{world.STATION}", "caller_masked")]


async def test_a_panel_that_asks_again_is_one_look_and_another_day_another() -> None:
    room, desk = Room(), world.actor("operator", world.CITY)
    for _ in range(3):
        await room.look(desk)
        room.clock.advance(60)
    await room.look(world.actor("commander", world.CITY))
    assert len(room.memory.looks) == 2
    room.clock.advance(SAME_LOOK / timedelta(seconds=1))
    await room.look(desk)
    assert len(room.memory.looks) == 3


async def test_what_cannot_be_written_down_is_not_shown() -> None:
    room, desk = Room(), world.actor("operator", world.CITY)
    room.memory.is_broken = True
    with pytest.raises(Unavailable, match="can't be written down"):
        await room.look(desk)
    with pytest.raises(Unavailable):
        await room.personal.upload(desk, "u1")
    room.memory.is_broken = False
    assert await room.look(desk) == WANG
    assert room.written() == [(desk.name, "caller")]


async def test_earlier_calls_of_a_number_are_for_whoever_may_see_both_callers_and_are_written_down() -> None:
    room, county, city = Room(), world.actor("operator", world.COUNTY), world.actor("operator", world.CITY)
    assert await room.personal.calls_of_same_number(county, CALLED, "desk") == [EARLIER]
    assert await room.personal.calls_of_same_number(city, CALLED, "desk") == [EARLIER, ELSEWHERE]
    assert await room.personal.calls_of_number(city, "110", "desk") == []
    assert room.written() == [(county.name, "calls_of_number"), (city.name, "calls_of_number")]


@pytest.mark.parametrize("role", ["viewer", "officer", "reviewer", "admin"])
async def test_who_may_see_no_caller_learns_of_no_earlier_call(role: str) -> None:
    room, reader = Room(), world.actor(role, world.CITY, "car" if role == "officer" else None)
    assert await room.personal.calls_of_same_number(reader, CALLED, "desk") == []
    assert await room.personal.calls_of_number(reader, WANG.number, "desk") == []
    assert await room.personal.calls_of_number(as_wall(world.actor("commander", world.CITY)), WANG.number, "desk") == []
    assert room.memory.looks == []


async def test_earlier_calls_that_can_not_be_written_down_are_not_shown() -> None:
    room = Room()
    room.memory.is_broken = True
    with pytest.raises(Unavailable, match="can't be written down"):
        await room.personal.calls_of_number(world.actor("operator", world.CITY), WANG.number, "desk")
