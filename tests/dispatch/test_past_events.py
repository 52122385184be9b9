"""Incidents of other systems as events: whatever a source says, it is told whole, in order, and folds to an incident that has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dispatch.events import Recorded
from dispatch.model import AssignmentStage, Stage
from dispatch.past import SHOWN_AT_MOST, SHOWN_FOR, PastIncident, PastResponse, crew_id, crew_name, past_id
from dispatch.past_events import past_events, past_incident_at

T0 = datetime(2009, 1, 10, 22, 36, 1, tzinfo=UTC)
ORG = "330200000000"

instants = st.none() | st.integers(-600, 7_200).map(lambda s: T0 + timedelta(seconds=s))
responses = st.builds(
    PastResponse,
    st.just("?"),
    st.sampled_from(["E21", "T5"]),
    pushed_at=instants,
    departed_at=instants,
    arrived_at=instants,
    cleared_at=instants,
)
incidents = st.lists(responses, max_size=4).map(
    lambda ones: PastIncident("sf", "1", "Fire", 2, T0, "GROVE ST", -122.4, 37.7, "Other", tuple(
        PastResponse(f"r{k}", one.unit, one.pushed_at, one.departed_at, one.arrived_at, one.cleared_at) for k, one in enumerate(ones)
    ))
)  # fmt: skip


def response(**seconds: int) -> PastResponse:
    return PastResponse("r1", "E21", **{f"{name}_at": T0 + timedelta(seconds=s) for name, s in seconds.items()})


def told(*given: PastResponse) -> tuple[Recorded, ...]:
    return past_events(PastIncident("sf", "1", "Fire", 2, T0, responses=given), ORG)


@given(incidents)
def test_every_time_on_record_is_told_and_the_incident_ends(past: PastIncident) -> None:
    events = past_events(past, ORG)
    assert [one.recorded_at for one in events] == sorted(one.recorded_at for one in events)
    assert events[0].recorded_at == T0
    assert [one.incident_version for one in events] == list(range(1, len(events) + 1))
    ended = past_incident_at(events, events[-1].recorded_at)
    assert ended is not None
    assert (ended.stage, ended.stage_since, ended.disposition) == (Stage.CLOSED, past.shown_until, "Other")
    by_id = {one.assignment_id: one for one in ended.assignments}
    assert by_id.keys() == {one.response_id for one in past.responses if one.times}
    for one in past.responses:
        if one.times:
            shown = by_id[one.response_id]
            assert (shown.departed_at, shown.arrived_at) == (one.departed_at, one.arrived_at)
            assert shown.pushed_at == (one.pushed_at or min(one.times))
            assert shown.ended_at == (one.cleared_at or past.shown_until)
    assert past_incident_at(events, T0 - timedelta(microseconds=1)) is None


def test_a_crew_goes_through_the_stages_that_have_a_time() -> None:
    events = told(response(pushed=30, departed=90, arrived=200, cleared=900))
    at = {s: past_incident_at(events, T0 + timedelta(seconds=s)) for s in (0, 30, 89, 90, 200, 900)}
    stages = {s: one and (one.stage, [a.stage for a in one.assignments]) for s, one in at.items()}
    assert stages == {
        0: (Stage.RECEIVED, []),
        30: (Stage.PUSHED, [AssignmentStage.PUSHED]),
        89: (Stage.PUSHED, [AssignmentStage.PUSHED]),
        90: (Stage.EN_ROUTE, [AssignmentStage.EN_ROUTE]),
        200: (Stage.ON_SCENE, [AssignmentStage.ON_SCENE]),
        900: (Stage.CLOSED, [AssignmentStage.RELEASED]),
    }


def test_times_in_disorder_are_told_when_they_were_and_kept_as_they_are() -> None:
    events = told(response(pushed=120, departed=60, arrived=300))
    assert [(one.recorded_at - T0).seconds for one in events] == [0, 60, 60, 300, 300]
    on_the_way = past_incident_at(events, T0 + timedelta(seconds=60))
    assert on_the_way is not None
    assert on_the_way.assignments[0].pushed_at == T0 + timedelta(seconds=120)
    assert on_the_way.stage == Stage.EN_ROUTE


def test_what_happened_before_the_reception_is_told_with_it() -> None:
    events = told(response(pushed=-60, departed=30))
    assert [(one.recorded_at - T0).total_seconds() for one in events] == [0, 0, 30, 30]
    assert events[1].occurred_at == T0 - timedelta(seconds=60)


def test_what_never_ended_by_its_list_ends_after_a_month() -> None:
    never = PastResponse("r2", "", T0 + timedelta(seconds=20), cleared_at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    events = told(response(pushed=30, cleared=900), never)
    assert events[-1].recorded_at == events[-2].recorded_at == T0 + SHOWN_AT_MOST
    shown = past_incident_at(events, T0 + timedelta(days=29))
    assert shown is not None
    assert [(one.service, one.is_active) for one in shown.assignments] == [("sf::?", True), ("sf::E21", False)]
    assert shown.lead is None, "no crew of ours, also without a name"


def test_a_crew_is_called_by_its_name_and_is_no_unit() -> None:
    assert crew_name(crew_id("sf", "E21")) == "E21"
    assert crew_name("119") == "119"


def test_one_without_any_later_time_is_shown_for_a_while() -> None:
    events = told()
    shown = past_incident_at(events, T0 + SHOWN_FOR - timedelta(seconds=1))
    assert shown is not None
    assert shown.is_open
    assert (shown.number, shown.source_id, shown.incident_id) == (0, "1", past_id("sf", "1"))
    assert past_id("s", "f:1") != past_id("s:f", "1")
