"""Health: age decides a feed's state, counters by reason, the loop's lag."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime

import pytest

from dispatch.clock import ManualClock
from operations import health
from operations.health import FeedHealth, FeedState, Health

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(("age_s", "state"), [(0, "ok"), (20, "ok"), (21, "late"), (60, "late"), (61, "silent")])
def test_age_decides_the_state(age_s, state):
    clock = ManualClock(START)
    watched = Health(clock)
    feed = watched.feed("gps", expected_interval_s=10.0)
    assert feed.state(clock.unix_s()) is FeedState.NEVER
    feed.heard(clock.unix_s(), 1)
    clock.advance(age_s)
    assert watched.snapshot()["feeds"]["gps"]["state"] == state
    assert watched.snapshot()["feeds"]["gps"]["age_s"] == age_s


def test_a_feed_of_which_all_is_refused_is_not_well_however_often_it_is_heard():
    clock = ManualClock(START)
    feed = Health(clock).feed("gps", expected_interval_s=10.0)
    states = []
    for accepted, refused in ((1, 0), (0, 2), (0, 2), (0, 0), (0, 2), (1, 2), (0, 0)):
        feed.heard(clock.unix_s(), accepted, refused)
        states.append(str(feed.state(clock.unix_s())))
        clock.advance(15)
    assert states == ["ok", "ok", "ok", "refused", "refused", "ok", "ok"]
    feed.heard(clock.unix_s(), 0, 1)
    clock.advance(61)
    assert feed.state(clock.unix_s()) is FeedState.SILENT


def test_rates_are_over_the_last_minute():
    clock = ManualClock(START)
    feed = Health(clock).feed("gps")
    for _ in range(120):
        feed.heard(clock.unix_s(), 3)
        feed.heard(clock.unix_s(), 2)
        clock.advance(1)
    assert feed.rate_per_s(clock.unix_s()) == pytest.approx(5.0)
    assert feed.accepted == 600
    clock.advance(61)
    assert feed.rate_per_s(clock.unix_s()) == 0.0


def test_reasons_are_counted_and_their_number_is_bounded():
    feed = Health(ManualClock(START)).feed("gps")
    feed.reject("future", 2)
    for number in range(health.MAX_REASONS + 5):
        feed.reject(f"reason {number}")
    snapshot = feed.snapshot(0.0)["rejected"]
    assert snapshot["future"] == 2
    assert snapshot["other"] == 6
    assert len(snapshot) == health.MAX_REASONS + 1


def test_parts_are_asked_at_each_snapshot():
    watched = Health(ManualClock(START))
    counts = iter((1, 2))
    watched.watch("tracks", lambda: {"fixes": next(counts)})
    assert watched.snapshot()["parts"] == {"tracks": {"fixes": 1}}
    assert watched.snapshot()["parts"] == {"tracks": {"fixes": 2}}


async def test_a_stalled_loop_is_seen():
    watched = Health(ManualClock(START))
    assert watched.loop_lag_p99_ms is None
    task = asyncio.create_task(watched.watch_loop())
    await asyncio.sleep(3 * health.LAG_PERIOD_S)
    time.sleep(0.3)  # noqa: ASYNC251 - the stall under test
    await asyncio.sleep(2 * health.LAG_PERIOD_S)
    task.cancel()
    assert watched.loop_lag_p99_ms is not None
    assert watched.loop_lag_p99_ms > 200.0


def test_a_feed_that_may_be_quiet_as_long_as_it_likes_is_never_late() -> None:
    feed = FeedHealth("terminals", expected_interval_s=math.inf)
    assert feed.state(0.0) == "never"
    feed.heard(0.0, 1)
    assert feed.state(1e9) == "ok"
    assert feed.snapshot(1e9)["expected_interval_s"] is None
