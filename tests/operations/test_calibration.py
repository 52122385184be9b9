"""Are promises kept: figures that add up over whatever happened, and a reader's own scope only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.errors import NotPermitted
from dispatch.model import Actor, Assignment, AssignmentStage, Incident, Stage
from dispatch.promises import NEVER_THERE, ArrivalBy, Unmatched, Unmet, Way
from operations.access.authority import Authority
from operations.records.calibration import BUCKETS_MIN, Calibration, Calibrations, Found, calibrate
from operations.records.history import History
from storage.database import open_database
from storage.journal import MAX_PAGE, Commit
from storage.sql_journal import SqlJournal
from tests.operations.access_world import CITY, COUNTY, FAR, NOW, OTHER, SISTER, STATION, actor, clock, organisations, picture, unit
from tests.operations.access_world import incident as incident_of

ZONE = ZoneInfo("Asia/Shanghai")


def way(promised_s: float, travel_s: float, p90_s: float | None = None, at: datetime = NOW, turnout_s: float = 50.0) -> Way:
    return Way(at, promised_s, p90_s, 60.0, travel_s, turnout_s)


def calibrated(*results: Way | Unmet, district: str = COUNTY) -> Calibration:
    found = [Found(district, result) for result in results]
    return calibrate(found, len(found), NOW, NOW + timedelta(days=1), ZONE, ArrivalBy.BUTTON, CITY)


def test_reliability_by_how_much_was_promised() -> None:
    found = calibrated(way(100, 90, 150), way(100, 140, 150), way(110, 200, 150), way(400, 400, 500), way(2000, 1000))
    assert [(b.from_min, b.to_min, b.n) for b in found.buckets if b.n] == [(1, 2, 3), (5, 8, 1), (15, None, 1)]
    one_to_two = found.buckets[1]
    assert (one_to_two.promised_s, one_to_two.actual_s, one_to_two.ratio) == (100.0, 140.0, 1.4)
    assert (one_to_two.share_in_p50, one_to_two.share_in_p90, one_to_two.n_p90) == (0.3333, 0.6667, 3)
    assert (found.comparable, found.without_p90, found.bias_s) == (5, 1, 0.0)
    assert found.buckets[-1].share_in_p90 is None


def test_turnout_stands_apart() -> None:
    found = calibrated(way(100, 120, turnout_s=30), way(100, 140, turnout_s=50))
    assert (found.turnout.median_s, found.turnout.assumed_s, found.turnout.response_s) == (40.0, 60.0, 170.0)


def test_bias_by_the_citys_hour_and_by_district() -> None:
    evening = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)  # 17:30 there
    found = calibrate(
        [Found(COUNTY, way(100, 130, at=evening)), Found(OTHER, way(100, 80, at=NOW)), Found(OTHER, way(100, 90, at=NOW))],
        3, NOW, NOW, ZONE, ArrivalBy.BUTTON, CITY,
    )  # fmt: skip
    assert [(h.key, h.n, h.bias_s) for h in found.hours] == [("16", 2, -15.0), ("17", 1, 30.0)]
    assert [(d.key, d.n, d.ratio) for d in found.districts] == [(COUNTY, 1, 1.3), (OTHER, 2, 0.85)]


def test_those_who_were_called_back_late_count_as_late() -> None:
    late, early = Unmet(Unmatched.RECALLED, 300.0, 100.0, 150.0), Unmet(Unmatched.RECALLED, 120.0, 110.0, 150.0)
    alone = calibrated(way(100, 90, 150))
    assert (alone.share_in_p50, alone.share_in_p90) == (1.0, 1.0)
    found = calibrated(way(100, 90, 150), late, early, Unmet(Unmatched.ON_ITS_WAY, 50.0, 100.0, 150.0))
    assert (found.share_in_p50, found.share_in_p90, found.late_without_arrival) == (0.3333, 0.5, 2)
    assert found.not_comparable == {"recalled": 2, "on_its_way": 1}


def test_nothing_at_all() -> None:
    found = calibrated()
    assert (found.comparable, found.ratio, found.share_in_p50, found.hours, found.not_comparable) == (0, None, None, (), {})
    assert len(found.buckets) == len(BUCKETS_MIN)


seconds = st.floats(0, 3000)
ways = st.builds(way, seconds, st.floats(0.1, 5000), st.none() | seconds, st.datetimes(timezones=st.just(UTC)), seconds)
unmet = st.sampled_from(sorted(set(Unmatched) - NEVER_THERE)).map(Unmet) | st.builds(
    Unmet, st.sampled_from(sorted(NEVER_THERE)), st.none() | seconds, st.none() | seconds, st.none() | seconds
)


@given(st.lists(st.tuples(st.sampled_from([COUNTY, OTHER]), ways | unmet), max_size=60))
def test_nobody_is_dropped_and_the_parts_add_up(results: list[tuple[str, Way | Unmet]]) -> None:
    found = calibrate([Found(*one) for one in results], 7, NOW, NOW, ZONE, ArrivalBy.BUTTON, CITY)
    assert found.comparable + sum(found.not_comparable.values()) == found.assignments == len(results)
    assert sum(b.n for b in found.buckets) == sum(h.n for h in found.hours) == sum(d.n for d in found.districts) == found.comparable
    assert sum(b.n_p90 for b in found.buckets) == found.comparable - found.without_p90
    assert sum(b.late_without_arrival for b in found.buckets) == found.late_without_arrival
    shares = [share for b in found.buckets for share in (b.share_in_p50, b.share_in_p90) if share is not None]
    assert all(0 <= share <= 1 for share in shares)
    for b in found.buckets:
        assert (b.n > 0) == (b.actual_s is not None)
        if b.actual_s is not None:
            assert b.actual_p10_s <= b.actual_s <= b.actual_p90_s  # type: ignore[operator]
    msgspec.json.decode(msgspec.json.encode(found), type=Calibration)


@given(st.lists(ways, min_size=1, max_size=30))
def test_promises_twice_as_long_are_kept_no_worse(results: list[Way]) -> None:
    longer = [msgspec.structs.replace(one, promised_s=2 * one.promised_s) for one in results]
    before, after = calibrated(*results).share_in_p50, calibrated(*longer).share_in_p50
    assert before is not None
    assert after is not None
    assert after >= before


# Reading ------------------------------------------------------------------------------------------------------------------


def assigned(number: int, unit_id: str = "car", **more: Any) -> Assignment:
    at = NOW + timedelta(seconds=number)
    fields: dict[str, Any] = {
        "stage": AssignmentStage.RELEASED,
        "promised_eta_s": 200.0,
        "promised_at": at,
        "departed_at": at + timedelta(seconds=40),
        "arrived_at": at + timedelta(seconds=260),
        "ended_at": at + timedelta(seconds=900),
        "entered": (),
    } | more
    return Assignment(assignment_id=f"{unit_id}-{number}", unit_id=unit_id, pushed_at=at, pushed_by="desk", **fields)


def ended(number: int, org_code: str = STATION, *crews: Assignment, **more: Any) -> Incident:
    at = NOW + timedelta(seconds=number)
    fields = {"number": number, "stage": Stage.CLOSED, "received_at": at, "called_at": at} | more
    return incident_of(f"i-{number:05d}", org_code, *(crews or (assigned(number),)), **fields)


MANY = 2 * MAX_PAGE + 300
INCIDENTS = [
    *(ended(n) for n in range(MANY)),
    ended(90_001, FAR),
    ended(90_002, SISTER, assigned(90_002), assigned(90_002, "plain")),
    ended(90_003, STATION, incident_type="complaint"),
    ended(90_004, COUNTY, assigned(90_004, departed_at=None)),
]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlJournal]:
    """Thousands of ended incidents in the read model."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('calibration') / 'journal.sqlite'}")
    journal = SqlJournal(engine)
    journal.claim()
    journal.append(Commit(incidents=tuple(INCIDENTS)))
    journal.release()
    yield journal
    engine.dispose()


@pytest.fixture
async def calibrations(journal: SqlJournal) -> AsyncIterator[Calibrations]:
    history, tree, time = History(journal), organisations(), clock()
    seen = picture([unit("car"), unit("plain", SISTER, marked=False)])
    yield Calibrations(history, Authority(tree, time), tree, time, lambda: seen, "Asia/Shanghai")
    await history.stop()


async def asked(calibrations: Calibrations, who: Actor, **more: Any) -> Calibration:
    return await calibrations.of(who, **({"from_": NOW, "to": NOW + timedelta(days=2)} | more))


async def test_thousands_of_incidents_are_read_by_pages(calibrations: Calibrations) -> None:
    found = await asked(calibrations, actor("operator", CITY))
    assert (found.incidents, found.comparable) == (len(INCIDENTS), MANY + 4)
    assert found.not_comparable == {"no_departure": 1}
    assert {one.key: one.n for one in found.districts} == {COUNTY: MANY + 3, OTHER: 1}
    assert (found.ratio, found.bias_s, found.share_in_p50) == (1.1, 20.0, 0.0)


async def test_a_period_is_of_what_was_received_in_it(calibrations: Calibrations) -> None:
    found = await asked(calibrations, actor("operator", CITY), from_=NOW + timedelta(seconds=10), to=NOW + timedelta(seconds=20))
    assert found.incidents == 10


async def test_scope_complaints_and_plain_clothes(calibrations: Calibrations) -> None:
    far = await asked(calibrations, actor("operator", OTHER))
    assert far.incidents == 1
    sister = await asked(calibrations, actor("operator", SISTER))
    assert sister.assignments == 2, "its own command knows of its crew in plain clothes"
    county = await asked(calibrations, actor("reviewer", COUNTY))
    assert (county.incidents, county.assignments) == (MANY + 3, MANY + 3), (
        "the level above sees the complaint, not the crew in plain clothes"
    )
    station = await asked(calibrations, actor("operator", STATION))
    assert station.incidents == MANY, "a complaint is not for the desk complained of"
    supervised = await asked(calibrations, actor("supervisor", STATION))
    assert supervised.incidents == MANY + 1


@pytest.mark.parametrize("role", ["viewer", "officer", "call_taker", "feed"])
async def test_not_for_everybody(calibrations: Calibrations, role: str) -> None:
    with pytest.raises(NotPermitted):
        await asked(calibrations, actor(role, CITY))
