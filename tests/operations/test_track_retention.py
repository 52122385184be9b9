"""Tracks go when their time is over, once a night, but for what is held; who holds what is on record."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from dispatch.clock import ManualClock
from dispatch.errors import NotFound, NotPermitted, RuleViolation
from dispatch.model import Actor, Stage
from operations.access.authority import Authority
from operations.daily import RETRY, Daily
from operations.tracking.track_holds import AROUND, NewHold, TrackHolds
from operations.tracking.track_retention import TrackRetention
from storage.database import open_database
from storage.speeds import SpeedHistory
from storage.track_holds import TrackHoldStore
from storage.track_removal import Removal
from tests.operations.access_world import COUNTY, NOW, OTHER, STATION, incident, organisations
from tests.operations.test_track_questions import Log

ZONE = ZoneInfo("Asia/Shanghai")
REVIEWER = Actor("wang", "reviewer", COUNTY)
SPAN = {"from_at": NOW - timedelta(hours=2), "to_at": NOW - timedelta(hours=1)}


class Incidents:
    def __init__(self) -> None:
        closed = incident("i1", STATION)
        self.known = {"i1": msgspec.structs.replace(closed, stage=Stage.CLOSED, stage_since=NOW + timedelta(hours=1))}
        self.known["i2"] = incident("i2", STATION)
        self.known["far"] = incident("far", OTHER)

    async def incident(self, incident_id: str):
        return self.known.get(incident_id)


class World:
    def __init__(self, folder) -> None:
        self.clock, self.log, self.removals = ManualClock(NOW), Log(), []
        authority = Authority(organisations(), self.clock)
        store = TrackHoldStore(open_database(f"sqlite:///{folder}/holds.db"))
        self.holds = TrackHolds(store, authority, Incidents(), lambda: None, self.log, self.clock)
        self.speeds = SpeedHistory(folder / "speeds", "cafe")
        self.retention = TrackRetention(self, self.speeds, self.holds, 30, ZONE, self.clock)

    def remove_before(self, before_s, held, at, why) -> Removal:
        self.removals.append((before_s, list(held), why))
        return Removal(3, 100, 1)

    def set(self, actor: Actor = REVIEWER, key: str = "", **new):
        return asyncio.run(self.holds.set(actor, NewHold(**{"reason": "appeal", **new}), key))

    def held(self):
        return asyncio.run(self.holds.held())


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def test_a_hold_covers_until_it_is_released_or_over(world):
    until = NOW + timedelta(days=2)
    first = world.set(lon=121.5, lat=29.8, radius_m=300.0, **SPAN)
    world.set(until=until, **SPAN)
    assert {one.circle for one in world.held()} == {(121.5, 29.8, 300.0), None}
    world.clock.set(until)
    (left,) = world.held()
    assert (left.from_s, left.to_s, left.circle) == (SPAN["from_at"].timestamp(), SPAN["to_at"].timestamp(), (121.5, 29.8, 300.0))
    released = asyncio.run(world.holds.release(REVIEWER, first.hold_id))
    assert (released.released_by, released.released_at) == ("wang", until)
    assert world.held() == []
    assert [(look.what, look.subject) for look in world.log.looks][::2] == [
        ("tracks_held", first.hold_id),
        ("tracks_released", first.hold_id),
    ]


def test_a_hold_on_an_incident_covers_its_time_and_goes_on_while_it_is_open(world):
    world.set(incident_id="i1")
    (closed,) = world.held()
    assert (closed.from_s, closed.to_s) == ((NOW - AROUND).timestamp(), (NOW + timedelta(hours=1) + AROUND).timestamp())
    world.set(incident_id="i2")
    world.clock.advance(5 * 3600)
    assert max(one.to_s for one in world.held()) == (world.clock.now() + AROUND).timestamp()


def test_the_same_key_sets_one_hold(world):
    assert world.set(key="k", **SPAN) == world.set(key="k", **SPAN)
    assert len(world.held()) == 1


def test_who_may_not_hold_is_refused_and_holds_of_others_are_not_known(world):
    with pytest.raises(NotPermitted):
        world.set(Actor("op", "operator", COUNTY), **SPAN)
    with pytest.raises(NotFound):
        world.set(incident_id="far")
    hold = world.set(**SPAN)
    other = Actor("li", "reviewer", OTHER)
    assert asyncio.run(world.holds.all(other)) == []
    with pytest.raises(NotFound):
        asyncio.run(world.holds.release(other, hold.hold_id))
    assert world.held()


@pytest.mark.parametrize(
    "new",
    [
        {"reason": "  ", **SPAN},
        {},
        {"incident_id": "i1", **SPAN},
        {"from_at": NOW, "to_at": NOW},
        {"from_at": NOW, "to_at": NOW + timedelta(days=32)},
        {"lon": 121.5, **SPAN},
        {"lon": 200.0, "lat": 29.0, "radius_m": 50.0, **SPAN},
        {"lon": 121.5, "lat": 29.8, "radius_m": float("nan"), **SPAN},
        {"until": NOW, **SPAN},
    ],
)
def test_what_is_no_hold_is_refused(world, new):
    with pytest.raises(RuleViolation):
        world.set(**new)
    assert world.held() == []


def test_once_a_night_what_is_over_goes(world):
    world.set(**SPAN)
    tick = world.retention.daily.tick
    for hours in (0, 1, 6, 24):  # 16:00 of the city, the same day, half past midnight … : two nights
        world.clock.set(NOW + timedelta(hours=hours))
        asyncio.run(tick())
    assert [(before, len(held)) for before, held, _ in world.removals] == [
        ((NOW - timedelta(days=30)).timestamp(), 1),
        ((NOW - timedelta(days=29)).timestamp(), 1),
    ]
    assert world.removals[0][2] == "older than 30 days"
    assert world.retention.state() == {"state": "ok", "failure": "", "keep_days": 30, "slices_removed": 3, "slices_held": 1}


def test_without_a_rule_nothing_is_ever_removed(world):
    keeping = TrackRetention(world, world.speeds, world.holds, 0, ZONE, world.clock)
    asyncio.run(keeping.daily.tick())
    assert world.removals == []


def test_a_daily_task_that_failed_is_tried_again_and_a_missed_time_is_made_good():
    clock, done, fails = ManualClock(datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC)), [], [True]

    async def work(day: date) -> None:
        if fails.pop() if fails else False:
            raise OSError("disk full")
        done.append(day)

    daily = Daily("test", time(8, 0), ZONE, clock, work, lambda day: day == date(2026, 5, 4))
    asyncio.run(daily.tick())  # 07:59:59 of the second of May: yesterday's is due
    assert (done, daily.failure) == ([], "OSError: disk full")
    asyncio.run(daily.tick())
    assert done == []  # not at once
    clock.advance(RETRY.total_seconds())
    asyncio.run(daily.tick())
    assert (done, daily.failure) == ([date(2026, 5, 2)], "")
    clock.set(datetime(2026, 5, 3, 5, tzinfo=UTC))
    asyncio.run(daily.tick())
    asyncio.run(daily.tick())
    assert done == [date(2026, 5, 2), date(2026, 5, 3)]
    clock.set(datetime(2026, 5, 4, 5, tzinfo=UTC))
    asyncio.run(daily.tick())
    assert done == [date(2026, 5, 2), date(2026, 5, 3)]  # an earlier run had done it
