"""Imported incidents at moments of the past: beside a plain look at all of their events."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dispatch.events import Recorded
from dispatch.past import PastIncident, PastResponse
from dispatch.past_events import past_events, past_incident_at
from operations.records.imported import ImportedIncidents
from storage.database import open_database
from storage.journal import CountQuery
from storage.kpi_months import MonthlyFacts
from storage.memory_journal import MemoryJournal
from storage.past import PastIncidents

EAST, WEST = "330201000000", "330202000000"
T0 = datetime(2009, 1, 31, 22, 0, 0, 250_000, tzinfo=UTC)  # the month ends while they run


NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # as lists write it


def org_of(incident: PastIncident) -> str:
    return EAST if (incident.lon or 0.0) > 0 else WEST


def made(seed: int, number: int = 40) -> list[PastIncident]:
    """Calls over some hours and, a long way off, a few more; with gaps, disorder and one that runs for two days."""
    draw = random.Random(seed)
    found = []
    for k in range(number):
        begins = T0 + timedelta(seconds=round(draw.uniform(0, 9_000), 3), days=draw.choice([0, 0, 0, 40, 400]))
        responses = []
        for n in range(draw.randrange(4)):
            times = [begins + timedelta(seconds=draw.randrange(-20, 3_000)) if draw.random() < 0.8 else None for _ in range(4)]
            responses.append(PastResponse(f"{k}-{n}", f"E{n}", *times))
        if k == 0:
            responses = [PastResponse("0-0", "E0", begins, None, None, begins + timedelta(days=2))]
        kind = draw.choice(["fire", "complaint"])
        found.append(PastIncident("sf", str(k), kind, 3, begins, "", draw.choice([-1.0, 1.0, None]), 37.0, "", tuple(responses)))
    found.append(PastIncident("sf", "never", "fire", 3, T0, responses=(PastResponse("n", "E9", T0, cleared_at=NEVER),)))
    return found


@pytest.fixture(params=range(3))
def given(request: pytest.FixtureRequest) -> list[PastIncident]:
    return made(request.param)


@pytest.fixture
def imported(given: list[PastIncident], tmp_path: Path) -> Iterator[ImportedIncidents]:
    engine = open_database(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    past = PastIncidents(engine)
    past.add(given)
    facts = MonthlyFacts(MemoryJournal(), past, tmp_path / "kpis", ZoneInfo("Asia/Shanghai"), org_of, "city")
    yield ImportedIncidents(past, facts, org_of)
    engine.dispose()


def all_of(given: list[PastIncident]) -> list[Recorded]:
    events = (one for past in given for one in past_events(past, org_of(past)))
    return sorted(events, key=lambda one: (one.recorded_at, one.incident_id, one.incident_version))


def instants(given: list[PastIncident]) -> list[datetime]:
    """Those of events, exactly and beside them, and some between."""
    of_events = [one.recorded_at for one in all_of(given)[::15]]
    beside = [at + timedelta(microseconds=d) for at in of_events for d in (-1, 0, 1)]
    return sorted([*beside, T0 - timedelta(days=1), T0 + timedelta(days=20), T0 + timedelta(days=4_000)])


def test_those_open_at_an_instant(given: list[PastIncident], imported: ImportedIncidents) -> None:
    for at in instants(given):
        was = [past_incident_at(past_events(past, org_of(past)), at) for past in given]
        assert imported.at(at) == {one.incident_id: one for one in was if one is not None and one.is_open}


def test_what_happened_in_a_span_comes_once_and_in_order(given: list[PastIncident], imported: ImportedIncidents) -> None:
    ends = instants(given)
    told = [one for from_, to in itertools.pairwise(ends) for one in imported.between(from_, to)]
    assert told == all_of(given)


def test_steps_go_to_the_next_and_the_last_that_may_be_seen(given: list[PastIncident], imported: ImportedIncidents) -> None:
    whose = {past.incident_id: org_of(past) for past in given}
    events = all_of(given)
    for orgs in ({EAST, WEST}, {EAST}, set()):
        seen = [one for one in events if whose[one.incident_id or ""] in orgs]
        for at in instants(given)[:: 1 + 3 * (not orgs)]:
            later = [one for one in seen if at < one.recorded_at <= T0 + timedelta(days=300)]
            found = imported.next(at, T0 + timedelta(days=300), lambda _, incident, orgs=orgs: incident.org_code in orgs)
            assert found == (later[0] if later else None)
            earlier = [one for one in seen if one.recorded_at < at]
            before = imported.previous(at, None, lambda _, incident, orgs=orgs: incident.org_code in orgs)
            assert before == (earlier[-1] if earlier else None)


def test_nothing_before_the_instant_named_is_stepped_back_to(given: list[PastIncident], imported: ImportedIncidents) -> None:
    events = all_of(given)
    at, since = events[30].recorded_at, events[20].recorded_at
    assert imported.previous(at, since, lambda *_: True) == [one for one in events if since < one.recorded_at < at][-1]
    assert imported.previous(since + timedelta(microseconds=1), since, lambda *_: True) is None


def test_density_counts_what_is_told(given: list[PastIncident], imported: ImportedIncidents) -> None:
    for from_, days in (
        (datetime(1, 1, 1, tzinfo=UTC), 740_000),
        (T0 - timedelta(days=2), 3),
        (T0, 450),
        (T0 + timedelta(hours=1), 1),
        (T0 + timedelta(days=500), 10),
    ):
        query = CountQuery(from_, from_ + timedelta(days=days), 50, frozenset({EAST}), frozenset({"complaint"}))
        counted: Counter[tuple[int, str]] = Counter()
        for past in given:
            for one in past_events(past, org_of(past)) if past.incident_type == "fire" and org_of(past) == EAST else ():
                if query.from_ <= one.recorded_at < query.to:
                    counted[int((one.recorded_at - from_).total_seconds() / query.bin_s), type(one.body).__struct_config__.tag] += 1
        assert imported.counts(query) == [(*key, number) for key, number in sorted(counted.items())]


def test_one_by_its_id(given: list[PastIncident], imported: ImportedIncidents) -> None:
    events = past_events(given[0], org_of(given[0]))
    assert imported.timeline(given[0].incident_id) == events
    assert imported.as_ended(given[0].incident_id) == past_incident_at(events, events[-1].recorded_at)
    assert imported.timeline("past-none") == imported.timeline("i1") == ()
    assert imported.as_ended("i1") is None
    assert imported.first_at() == min(past.received_at for past in given)
