"""Recorded ways in a review: of the reader's own scope, each on record, one for each time a crew was sent, and damage named."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dispatch.commands import Arrive, Depart, Push, ReceiveIncident, Refuse
from dispatch.errors import Unavailable
from dispatch.model import Actor, Grade
from geodata.cities.city import City
from geodata.tracks.passages import JOINED_S
from operations.records.after_action import Review
from storage.audit import Look
from storage.speeds import DamagedSpeeds
from tests.cities import EAST, WEST, build_test_city, degrees
from tests.dashboard.past_world import CITY_DESK, PastWorld, past_world, register

WEST_REVIEWER = Actor("west", "reviewer", WEST)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_test_city(tmp_path_factory.mktemp("city"))


@pytest.fixture
async def world(city: City, tmp_path: Path) -> AsyncIterator[PastWorld]:
    async with past_world(city, tmp_path) as made:
        await register(made)
        yield made


async def receive(world: PastWorld, east_m: float) -> str:
    lon, lat = degrees(east_m, 600)
    made = await world.do(ReceiveIncident(incident_type="theft", grade=Grade.ORDINARY, lon=lon, lat=lat))
    return str(made.incident_id)


async def said_by(world: PastWorld, kind: Any, incident_id: str, unit_id: str, **more: Any) -> None:
    crew = Actor(unit_id, "officer", WEST if unit_id.startswith("w") else EAST, unit_id=unit_id)
    await world.do(kind(incident_id=incident_id, unit_ids=(unit_id,), **more), crew)


async def review(world: PastWorld, incident_id: str, actor: Actor) -> Review:
    return await world.services.after_actions.of(world.services, actor, incident_id)


def looks(world: PastWorld) -> list[Look]:
    return [look for _, look in world.services.personal._log.read()]  # type: ignore[attr-defined]


async def test_ways_are_of_the_own_scope_and_each_is_on_record(world: PastWorld) -> None:
    await world.drive(("w1", 100, 600), ("e1", 900, 600))
    world.clock.advance(2)
    incident_id = await receive(world, 300)
    await world.do(Push(incident_id=incident_id, unit_ids=("w1", "e1")))
    world.clock.advance(60)
    await world.written()
    found = await review(world, incident_id, WEST_REVIEWER)
    assert {one.unit_id for one in found.incident.assignments} == {"w1", "e1"}, "the reader knows that both were sent"
    assert ([line.unit_id for line in found.tracks], found.tracks_hidden) == (["w1"], ("e1",))
    assert [(look.actor, look.what, look.subject.split()[0]) for look in looks(world)] == [("west", "track", "w1")]
    assert [line.unit_id for line in (await review(world, incident_id, CITY_DESK)).tracks] == ["w1", "e1"]


async def test_what_a_crew_did_between_two_pushes_is_not_shown(world: PastWorld) -> None:
    await world.drive(("w1", 100, 600))
    world.clock.advance(2)
    incident_id = await receive(world, 300)
    await world.do(Push(incident_id=incident_id, unit_ids=("w1",)))
    world.clock.advance(30)
    await said_by(world, Refuse, incident_id, "w1", text="flat tyre")
    world.clock.advance(1800)
    await world.drive(("w1", 1000, 1000))
    world.clock.advance(1780)
    await world.drive(("w1", 700, 600))
    world.clock.advance(20)
    await world.drive(("w1", 200, 600))  # where it is sent from
    world.clock.advance(5)
    await world.do(Push(incident_id=incident_id, unit_ids=("w1",)))
    world.clock.advance(60)
    await said_by(world, Arrive, incident_id, "w1")
    await world.written()
    found = await review(world, incident_id, CITY_DESK)
    (first, second) = found.tracks
    assert len({first.assignment_id, second.assignment_id}) == 2
    places = [tuple(zip(piece.lon, piece.lat, strict=True)) for line in found.tracks for piece in line.pieces]
    assert [fix for piece in places for fix in piece] == [pytest.approx(degrees(east_m, 600), abs=1e-6) for east_m in (100, 200)]


async def test_a_phone_that_was_offline_until_it_arrived_has_a_way(world: PastWorld) -> None:
    incident_id = await receive(world, 300)
    await world.do(Push(incident_id=incident_id, unit_ids=("w1",)))
    world.clock.advance(100)
    await said_by(world, Depart, incident_id, "w1")
    world.clock.advance(100)
    await said_by(world, Arrive, incident_id, "w1")
    world.clock.advance(300)
    await world.drive(("w1", 200, 600), late_s=350)
    world.clock.advance(5)
    await world.written()
    (line,) = (await review(world, incident_id, CITY_DESK)).tracks
    assert [len(piece.at) for piece in line.pieces] == [1]


async def test_a_silence_parts_a_way(world: PastWorld) -> None:
    incident_id = await receive(world, 300)
    await world.do(Push(incident_id=incident_id, unit_ids=("w1",)))
    for n, pause_s in enumerate((JOINED_S, JOINED_S, JOINED_S + 1, JOINED_S)):
        world.clock.advance(pause_s)
        await world.drive(("w1", 100 + 10 * n, 600))
    world.clock.advance(5)
    await world.written()
    (line,) = (await review(world, incident_id, CITY_DESK)).tracks
    assert [len(piece.at) for piece in line.pieces] == [2, 2]


async def test_damaged_speeds_are_named(world: PastWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    incident_id = await receive(world, 300)
    await world.do(Push(incident_id=incident_id, unit_ids=("w1",)))
    world.clock.advance(60)

    async def damaged(*_: Any) -> None:
        raise DamagedSpeeds("speeds/x is cut off.")

    monkeypatch.setattr(world.services.pasts, "at", damaged)
    with pytest.raises(Unavailable, match="speeds/x is cut off"):
        await review(world, incident_id, CITY_DESK)
