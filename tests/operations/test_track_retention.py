"""Tracks go when their time is over, once a night, but for what is held; who holds what is on record."""

from __future__ import annotations

import asyncio
from concurrent.futures import wait
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from dispatch.clock import ManualClock
from dispatch.errors import NotFound, NotPermitted, RuleViolation
from dispatch.model import Actor, Stage
from operations.access.authority import Authority
from operations.daily import RETRY, Daily
from operations.tracking import track_holds
from operations.tracking.track_holds import AROUND, NewHold, TrackHolds
from operations.tracking.track_questions import LATE
from operations.tracking.track_retention import TrackRetention
from storage.database import open_database
from storage.speeds import SpeedHistory
from storage.track_holds import TrackHoldStore
from storage.track_removal import Removal
from storage.track_slices import SLICE_S, pause, slice_name
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
        self.folder, self.meanwhile = folder / "tracks", lambda: None

    def remove_before(self, before_s, held, at, why) -> Removal:
        self.removals.append((before_s, list(held), why))
        self.meanwhile()
        return Removal(3, 100, 1)

    def pause(self, since_s, until_s, longest_s):
        return pause(self.folder, since_s, until_s, longest_s)

    def write(self, *days: float) -> None:
        """A slice so many days after the beginning, each."""
        for day in days:
            path = self.folder / f"{slice_name(int(NOW.timestamp() + day * 86_400) // SLICE_S * SLICE_S)}.track"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def restart(self) -> None:
        self.retention = TrackRetention(self, self.speeds, self.holds, 30, ZONE, self.clock)

    def removes(self, day: float) -> bool:
        """Whether something is removed so many days after the beginning."""
        before = len(self.removals)
        self.clock.set(NOW + timedelta(days=day))
        asyncio.run(self.retention.daily.tick())
        return len(self.removals) > before

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
    assert (left.from_s, left.to_s) == (SPAN["from_at"].timestamp(), (SPAN["to_at"] + LATE).timestamp())
    assert left.circle == (121.5, 29.8, 300.0)
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
    assert (closed.from_s, closed.to_s) == ((NOW - AROUND).timestamp(), (NOW + timedelta(hours=1) + AROUND + LATE).timestamp())
    world.set(incident_id="i2")
    world.clock.advance(5 * 3600)
    assert max(one.to_s for one in world.held()) == (world.clock.now() + AROUND + LATE).timestamp()


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


def test_active_holds_are_all_listed_and_first_whatever_others_set(world, monkeypatch):
    monkeypatch.setattr(track_holds, "MOST_SHOWN", 2)
    names = []
    for n in range(6):
        names.append(world.set(reason=str(n), until=NOW + timedelta(days=1) if n == 2 else None, **SPAN).reason)
        world.set(Actor("li", "reviewer", OTHER), **SPAN)
        world.clock.advance(60)
    mine = asyncio.run(world.holds.all(REVIEWER))
    assert [one.reason for one in mine] == names[::-1]
    world.clock.set(NOW + timedelta(days=1))
    for one in mine:
        if one.reason in ("1", "4"):
            asyncio.run(world.holds.release(REVIEWER, one.hold_id))
    assert [one.reason for one in asyncio.run(world.holds.all(REVIEWER))] == ["5", "3", "0", "4", "2"]


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


def test_a_clock_that_jumps_ahead_removes_nothing_and_one_that_is_set_right_goes_on(world):
    world.write(*range(-60, 2))
    assert world.removes(0)
    assert world.removes(1)
    world.write(400)  # what is heard after the jump
    assert not world.removes(400)
    state = world.retention.state()
    assert state["state"] == "failing"
    assert "Is the clock right?" in state["failure"]
    world.restart()
    assert not world.removes(400.01), "a start knows of the jump by what was written"
    (world.folder / f"{slice_name(int(NOW.timestamp() + 400 * 86_400) // SLICE_S * SLICE_S)}.track").unlink()
    world.write(2)
    assert world.removes(2)
    assert world.retention.state()["state"] == "ok"


def test_after_a_pause_what_is_over_goes_when_the_clock_went_on_for_three_days(world):
    world.write(*range(-60, 1))
    for day in (100, 101, 102):
        assert not world.removes(day)
        world.write(day)
        world.restart()
    assert world.removes(103.1)


def test_where_nothing_is_heard_any_more_a_node_that_ran_for_three_days_removes(world):
    world.write(*range(-60, 1))
    assert [world.removes(day) for day in (10, 11, 12, 13, 14)] == [False, False, False, True, True]
    assert [world.removes(day) for day in (15, 400, 401)] == [True, False, False]


def test_what_was_held_from_long_ago_is_no_pause(world):
    world.write(-300, *range(-30, 1))
    assert world.removes(0)
    short = TrackRetention(world, world.speeds, world.holds, 1, ZONE, world.clock)
    world.write(-0.9, -0.5)
    asyncio.run(short.daily.tick())
    assert short.state()["state"] == "ok"


def test_a_hold_that_is_set_while_tracks_go_waits_and_is_never_set_too_late(world):
    async def night() -> list[bool]:
        set_in_time = []
        loop = asyncio.get_running_loop()

        def meanwhile() -> None:
            setting = asyncio.run_coroutine_threadsafe(world.holds.set(REVIEWER, NewHold("appeal", **SPAN)), loop)
            done, _ = wait([setting], 0.2)
            set_in_time.append(bool(done))

        world.meanwhile = meanwhile
        await world.retention.daily.tick()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not asyncio.current_task()))
        return set_in_time

    assert asyncio.run(night()) == [False]
    assert len(world.held()) == 1


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


def test_a_daily_task_that_failed_by_a_clock_far_ahead_is_tried_again_when_it_was_set_right():
    clock, done = ManualClock(NOW), []

    async def work(day: date) -> None:
        if clock.now() > NOW + timedelta(days=100):
            raise OSError("in doubt")
        done.append(day)

    daily = Daily("test", time(8, 0), ZONE, clock, work)
    clock.set(NOW + timedelta(days=400))
    asyncio.run(daily.tick())
    clock.set(NOW)
    asyncio.run(daily.tick())
    assert (len(done), daily.failure) == (1, "")
