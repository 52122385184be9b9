"""Who was nearest by road at a push: known answers from places that were set by hand, and nothing of the present in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.commands import Acknowledge, Arrive, Depart, Push, ReceiveIncident, RegisterUnit, Reinforce
from dispatch.model import Actor, Assignment, AssignmentStage, Grade, UnitKind
from geodata.cities.city import City
from operations.records.after_action import Review
from operations.records.counterfactual import NOTABLE_S, PushMoment, Standing, pushes, weigh
from tests.cities import CITY, EAST, WEST, build_test_city, degrees
from tests.dashboard.past_world import CITY_DESK, OPERATOR, PastWorld, past_world, register
from tests.dispatch.driver import Node

T0 = datetime(2026, 5, 1, 8, tzinfo=UTC)
PUSH = PushMoment(T0, T0, 7, ("far",), "")


def row(unit_id: str, eta_s: float, *reasons: tuple[str, bool | None], turnout_s: float = 60.0) -> dict[str, Any]:
    """A crew as the scene assesses it."""
    place = {"lon": 121.5, "lat": 29.8, "distance_m": eta_s * 10, "fix_age_s": 2.0, "kind": "patrol_car", "org_code": WEST}
    said = [{"code": code, "for": is_for, "text": code} for code, is_for in reasons]
    return place | {
        "unit_id": unit_id,
        "callsign": unit_id.upper(),
        "eta_s": eta_s,
        "eta_p90_s": eta_s * 1.5,
        "turnout_s": turnout_s,
        "reasons": said,
    }


def sent(arrived_s: float | None) -> dict[str, Assignment]:
    at = None if arrived_s is None else T0 + timedelta(seconds=arrived_s)
    return {"far": Assignment("a1", "far", AssignmentStage.ON_SCENE, T0, "li", arrived_at=at)}


def test_a_nearer_crew_that_could_go_is_held_against_the_one_that_was_sent() -> None:
    rows = [row("busy", 30.0, ("on_incident", False)), row("near", 60.0, ("available", True)), row("far", 240.0)]
    look = weigh(PUSH, rows, sent(400.0))
    assert (look.standing, look.unplaced) == (Standing.NEARER, ())
    busy, near, far = look.crews
    assert (busy.could_go, busy.instead_of) == (False, "")
    assert (near.rank, near.could_go, near.instead_of, near.sooner_s) == (2, True, "far", 180.0)
    assert near.there_at == T0 + timedelta(seconds=120)
    assert near.there_p90_at == T0 + timedelta(seconds=150)
    assert near.sooner_than_actual_s == 280.0
    assert (far.sent, far.rank, far.instead_of) == (True, 3, "")


def test_turnout_counts_in_what_would_have_come_of_it_but_not_in_who_was_nearer() -> None:
    near, _ = weigh(PUSH, [row("near", 60.0, turnout_s=80.0), row("far", 80.0, turnout_s=30.0)], sent(None)).crews
    assert (near.sooner_s, near.sooner_than_actual_s) == (-30.0, None)


def test_who_is_as_near_is_not_called_nearer() -> None:
    look = weigh(PUSH, [row("near", 240.0 - NOTABLE_S + 1), row("far", 240.0)], sent(300.0))
    assert look.standing == Standing.NEAREST


def test_crews_that_others_were_preferred_to_could_have_gone() -> None:
    """The reason `nearer_units` speaks against no crew, but against choosing it."""
    look = weigh(PUSH, [row("near", 60.0, ("nearer_units", False)), row("far", 240.0)], sent(300.0))
    assert look.standing == Standing.NEARER


def test_what_is_not_known_is_named() -> None:
    assert weigh(PUSH, [], {}).standing == Standing.NOT_RECORDED
    without = weigh(PUSH, [row("near", 60.0)], {})
    assert (without.standing, without.unplaced) == (Standing.NO_POSITION, ("far",))
    both = PushMoment(T0, T0, 7, ("far", "lost"), "")
    assert weigh(both, [row("far", 60.0)], sent(90.0)).standing == Standing.NO_POSITION


def test_crews_of_one_push_are_held_against_the_one_with_the_longest_way() -> None:
    both = PushMoment(T0, T0, 7, ("far", "mid"), "reinforce")
    look = weigh(both, [row("mid", 100.0), row("near", 120.0), row("far", 240.0)], sent(None))
    assert {one.unit_id: one.instead_of for one in look.crews} == {"mid": "", "near": "far", "far": ""}


def test_commands_that_sent_several_are_one_push() -> None:
    node = Node()
    incident_id = node.pushed("w1", "w2")
    node.unit("e1")
    node.pass_time(5)
    node.give(Reinforce(incident_id=incident_id, unit_ids=("e1",)))
    assert [(one.unit_ids, one.reason) for one in pushes(node.journal)] == [(("w1", "w2"), "push"), (("e1",), "reinforce")]


# From what was recorded ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build_test_city(tmp_path_factory.mktemp("city"))


@pytest.fixture
async def world(city: City, tmp_path: Path) -> AsyncIterator[PastWorld]:
    async with past_world(city, tmp_path) as made:
        yield made


async def receive(world: PastWorld, east_m: float, north_m: float = 600) -> str:
    lon, lat = degrees(east_m, north_m)
    made = await world.do(ReceiveIncident(incident_type="theft", grade=Grade.ORDINARY, lon=lon, lat=lat))
    return str(made.incident_id)


async def review(world: PastWorld, incident_id: str, actor: Any = CITY_DESK) -> Review:
    return await world.services.after_actions.of(world.services, actor, incident_id)


async def crew(world: PastWorld, kind: Any, incident_id: str, unit_id: str) -> None:
    await world.do(kind(incident_id=incident_id, unit_ids=(unit_id,), on_behalf_of=unit_id, channel="radio"))


async def test_places_of_then_and_nothing_that_came_later(world: PastWorld) -> None:
    await register(world)
    await world.drive(("w1", 300, 600), ("w2", 0, 0), ("e1", 1100, 1100))
    world.clock.advance(2)
    first = await receive(world, 400)
    world.clock.advance(5)
    pushed_at = world.clock.now()
    await world.do(Push(incident_id=first, unit_ids=("w2",)))
    world.clock.advance(3)
    await crew(world, Acknowledge, first, "w2")
    await crew(world, Depart, first, "w2")
    second = await receive(world, 900)
    await world.do(Push(incident_id=second, unit_ids=("w1",)))
    world.clock.advance(400)
    await world.drive(("w1", 900, 600), ("w2", 400, 600), ("e1", 400, 600))  # the present says the opposite
    await crew(world, Arrive, first, "w2")
    world.clock.advance(30)
    await world.written()

    found = await review(world, first)
    (look,) = found.looks
    assert (look.standing, look.push.unit_ids, look.push.at) == (Standing.NEARER, ("w2",), pushed_at)
    by_unit = {one.unit_id: one for one in look.crews}
    assert [one.unit_id for one in look.crews] == ["w1", "w2", "e1"]
    route = await world.services.scene.eta(degrees(300, 600), degrees(400, 600))
    assert by_unit["w1"].eta_s == pytest.approx(route.eta_s, abs=0.2)
    assert by_unit["w1"].distance_m == pytest.approx(100, abs=2)
    assert by_unit["w1"].there_at == pushed_at + timedelta(seconds=60 + by_unit["w1"].eta_s)
    assert by_unit["w1"].sooner_than_actual_s == pytest.approx(403 - 60 - route.eta_s, abs=0.3)
    assert (by_unit["w1"].fix_age_s, by_unit["w1"].instead_of) == (7.0, "w2")
    assert by_unit["w1"].meanwhile is not None
    assert (by_unit["w1"].meanwhile.incident_id, by_unit["w1"].meanwhile.number) == (second, 2)
    assert by_unit["w2"].sent
    (line,) = found.tracks
    assert (line.unit_id, len(line.at)) == ("w2", 2)
    assert (line.lon[0], line.lat[0]) == pytest.approx(degrees(0, 0), abs=1e-6)


async def test_without_a_point_or_a_position_it_says_so(world: PastWorld) -> None:
    await register(world)
    made = await world.do(ReceiveIncident(incident_type="theft", grade=Grade.ORDINARY))
    await world.do(Push(incident_id=made.incident_id, unit_ids=("w1",)))
    located = await receive(world, 400)
    world.clock.advance(1)
    await world.do(Push(incident_id=located, unit_ids=("w2",)))
    world.clock.advance(60)
    await world.written()
    assert [one.standing for one in (await review(world, made.incident_id)).looks] == [Standing.NO_POINT]
    assert [one.standing for one in (await review(world, located)).looks] == [Standing.NOT_RECORDED]


async def test_a_reader_is_told_of_no_crew_it_may_not_see(world: PastWorld) -> None:
    await register(world)
    admin = Actor("admin", "admin", CITY)
    await world.do(RegisterUnit(unit_id="plain", callsign="P", kind=UnitKind.PATROL_CAR, org_code=EAST, marked=False), admin)
    await world.drive(("plain", 390, 600), ("w2", 0, 0))
    world.clock.advance(2)
    first = await receive(world, 400)
    world.clock.advance(2)
    await world.do(Push(incident_id=first, unit_ids=("w2",)))
    world.clock.advance(200)
    await world.written()
    seen = {actor.name: [one.unit_id for one in (await review(world, first, actor)).looks[0].crews] for actor in (CITY_DESK, OPERATOR)}
    assert seen == {"city": ["plain", "w2"], "operator": ["w2"]}
