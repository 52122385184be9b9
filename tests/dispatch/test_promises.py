"""Promised beside actual: each assignment is compared or says why not, whatever was entered."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import commands as c
from dispatch.model import Actor, ArrivalFix, Assignment, AssignmentStage, FixState
from dispatch.promises import NEVER_THERE, ArrivalBy, Unmatched, Unmet, Way, compared
from tests.dispatch.driver import DESK, START, Node, crew

ETA_S, P90_S, TURNOUT_S = 200.0, 280.0, 60.0


class Case:
    """Crew A pushed to an incident with a promise; each step takes so many seconds."""

    def __init__(self) -> None:
        self.node = Node()
        self.node.unit("A")
        self.node.unit("B")
        self.incident_id = self.node.incident()
        self.push("A")

    def push(self, unit_id: str, kind: type[c.Push] | type[c.Reassign] = c.Push, promised: bool = True) -> None:
        promises = {unit_id: c.Promise(ETA_S, 1500.0, P90_S, TURNOUT_S)} if promised else {}
        self.node.give(kind(incident_id=self.incident_id, unit_ids=(unit_id,), promises=promises))

    def say(
        self, kind: type[c.UnitCommand], after_s: float, channel: str | None = "terminal", actor: Actor | None = None, **more: object
    ) -> None:
        self.node.pass_time(after_s)
        self.node.give(kind(incident_id=self.incident_id, unit_ids=("A",), channel=channel, **more), actor or crew("A"))  # type: ignore[call-arg]

    def drive(self, turnout_s: float = 40.0, travel_s: float = 230.0, **more: object) -> None:
        self.say(c.Depart, turnout_s)
        self.say(c.Arrive, travel_s, **more)  # type: ignore[arg-type]

    def result(self, by: ArrivalBy = ArrivalBy.BUTTON, unit_id: str = "A") -> Way | Unmet:
        incident = self.node.load(self.incident_id)
        assert incident is not None
        one = next(a for a in incident.assignments if a.unit_id == unit_id)
        return compared(incident, one, self.node.now, by)

    def why(self, by: ArrivalBy = ArrivalBy.BUTTON) -> Unmatched:
        result = self.result(by)
        assert isinstance(result, Unmet)
        return result.why


@pytest.fixture
def case() -> Case:
    return Case()


def test_a_way_is_compared_from_setting_out_with_turnout_apart(case: Case) -> None:
    case.drive()
    way = case.result()
    assert way == Way(START + timedelta(seconds=40), ETA_S, P90_S, TURNOUT_S, travel_s=230.0, turnout_s=40.0)
    assert isinstance(way, Way)
    assert way.response_s == 270.0


def test_the_promise_is_kept_whole_and_a_moved_point_promises_again(case: Case) -> None:
    (one,) = case.node.picture.incidents[case.incident_id].assignments
    assert (one.promised_eta_s, one.promised_eta_p90_s, one.promised_turnout_s, one.promised_at) == (ETA_S, P90_S, TURNOUT_S, START)
    assert one.entered == ()
    case.node.pass_time(10)
    case.node.give(
        c.Locate(incident_id=case.incident_id, lon=121.6, lat=29.9, org_code=DESK.org_code, promises={"A": c.Promise(90.0, 700.0)})
    )
    (one,) = case.node.picture.incidents[case.incident_id].assignments
    assert (one.promised_eta_s, one.promised_eta_p90_s, one.promised_at) == (90.0, None, case.node.now)
    case.drive()
    assert isinstance(case.result(), Way), "it had not set out yet"


def test_a_point_moved_on_the_way_is_counted_apart(case: Case) -> None:
    case.say(c.Depart, 40)
    case.node.pass_time(10)
    case.node.give(
        c.Locate(incident_id=case.incident_id, lon=121.6, lat=29.9, org_code=DESK.org_code, promises={"A": c.Promise(90.0, 700.0)})
    )
    case.say(c.Arrive, 100)
    assert case.why() == Unmatched.PLACE_MOVED


@pytest.mark.parametrize("stage", [c.Depart, c.Arrive])
def test_what_is_entered_by_radio_is_counted_apart(case: Case, stage: type[c.UnitCommand]) -> None:
    for kind in (c.Depart, c.Arrive):
        by_radio = kind is stage
        case.say(kind, 40, "radio" if by_radio else "terminal", DESK if by_radio else None)
    assert case.why() == Unmatched.ENTERED


def test_a_position_that_was_confirmed_is_as_good_as_the_button(case: Case) -> None:
    case.say(c.Depart, 40, "position", DESK)
    case.say(c.Arrive, 200, "position", DESK)
    assert isinstance(case.result(), Way)


def test_by_position_counts_since_when_it_was_there(case: Case) -> None:
    there_at = START + timedelta(seconds=40 + 210)
    fix = ArrivalFix(FixState.SOUND, 20.0, there_at, there_at, 200.0)
    case.say(c.Depart, 40)
    case.say(c.Arrive, 230, "radio", DESK, positions={"A": fix})
    assert case.why() == Unmatched.ENTERED
    by_position = case.result(ArrivalBy.POSITION)
    assert isinstance(by_position, Way)
    assert by_position.travel_s == 210.0


def test_without_a_sound_position_there_is_none_to_go_by(case: Case) -> None:
    case.drive(positions={"A": ArrivalFix(FixState.OLD)})
    assert case.why(ArrivalBy.POSITION) == Unmatched.NO_POSITION


def test_an_arrival_without_a_departure_or_pressed_with_it(case: Case) -> None:
    case.say(c.Arrive, 200)
    assert case.why() == Unmatched.NO_DEPARTURE
    other = Case()
    other.drive(travel_s=0)
    assert other.why() == Unmatched.OUT_OF_ORDER


def test_feedback_alone_does_not_say_when_it_was_there(case: Case) -> None:
    case.say(c.Depart, 40)
    case.say(c.Feedback, 300, text="settled")
    assert case.why() == Unmatched.NO_ARRIVAL


def test_a_corrected_time_is_counted_apart(case: Case) -> None:
    case.drive()
    at = case.node.now - timedelta(seconds=30)
    case.node.give(
        c.CorrectStage(incident_id=case.incident_id, unit_ids=("A",), stage=AssignmentStage.ON_SCENE, at=at, text="pressed late")
    )
    assert case.why() == Unmatched.CORRECTED


def test_who_never_came_is_counted_with_how_long_it_had_been_on_its_way(case: Case) -> None:
    case.say(c.Depart, 40)
    case.node.pass_time(300)
    assert case.result() == Unmet(Unmatched.ON_ITS_WAY, 300.0, ETA_S, P90_S)
    case.node.give(c.Recall(incident_id=case.incident_id, unit_ids=("A",)))
    case.node.pass_time(1000)
    assert case.result() == Unmet(Unmatched.RECALLED, 300.0, ETA_S, P90_S)


def test_the_other_ends(case: Case) -> None:
    case.say(c.Refuse, 5, text="flat tyre")
    assert case.why() == Unmatched.REFUSED

    replaced = Case()
    replaced.say(c.Depart, 40)
    replaced.push("B", c.Reassign, promised=False)
    assert replaced.why() == Unmatched.REASSIGNED
    assert replaced.result(unit_id="B") == Unmet(Unmatched.NO_PROMISE)

    over = Case()
    over.say(c.Depart, 40)
    over.node.give(c.Cancel(incident_id=over.incident_id))
    assert over.why() == Unmatched.NOT_ARRIVED

    called = Case()
    called.node.give(c.CallService(incident_id=called.incident_id, service="119"))
    assert called.result(unit_id="119") == Unmet(Unmatched.SERVICE)


def test_what_was_recorded_before_it_was_kept_who_entered_a_stage_is_not_taken_for_pressed(case: Case) -> None:
    case.drive()
    incident = case.node.picture.incidents[case.incident_id]
    (one,) = incident.assignments
    old = msgspec.structs.replace(one, entered=None, promised_at=None)
    assert compared(incident, old, case.node.now) == Unmet(Unmatched.NOT_KEPT)
    fields = msgspec.to_builtins(one)
    for name in ("entered", "promised_at", "promised_eta_p90_s", "promised_turnout_s"):
        del fields[name]
    assert msgspec.convert(fields, Assignment).entered is None


def test_an_old_assignment_stays_unknown_when_it_goes_on(case: Case) -> None:
    from dispatch.evolve_incident import evolve_incident

    case.say(c.Depart, 40)
    incident = case.node.picture.incidents[case.incident_id]
    old = msgspec.structs.replace(incident, assignments=(msgspec.structs.replace(incident.assignments[0], entered=None),))
    case.say(c.Arrive, 100)
    after = evolve_incident(old, case.node.journal[-1])
    assert after is not None
    assert after.assignments[0].entered is None


STEPS = st.sampled_from(
    [
        (c.Acknowledge, crew("A"), {"channel": "terminal"}),
        (c.Depart, crew("A"), {"channel": "terminal"}),
        (c.Depart, DESK, {"channel": "radio"}),
        (c.Arrive, crew("A"), {"channel": "terminal"}),
        (c.Arrive, DESK, {"channel": "position"}),
        (c.Arrive, DESK, {"channel": "radio", "positions": {"A": ArrivalFix(FixState.SOUND, 5.0, START, START, 200.0)}}),
        (c.Feedback, crew("A"), {"text": "x", "channel": "terminal"}),
        (c.Refuse, crew("A"), {"text": "x"}),
        (c.Clear, crew("A"), {}),
        (c.Recall, DESK, {}),
        (c.Reassign, DESK, {"unit_ids": ("B",)}),
        (c.Push, DESK, {"promises": {"A": c.Promise(30.0, 100.0)}}),
        (c.Cancel, DESK, {}),
    ]
)


@given(steps=st.lists(st.tuples(STEPS, st.integers(0, 400)), max_size=8), by=st.sampled_from(ArrivalBy))
def test_whatever_happens_each_assignment_is_compared_or_says_why_not(
    steps: list[tuple[tuple[type[c.UnitCommand], Actor, dict[str, object]], int]], by: ArrivalBy
) -> None:
    from dispatch.errors import DispatchError

    case = Case()
    for (kind, actor, fields), after_s in steps:
        case.node.pass_time(after_s)
        named = {} if kind is c.Cancel else {"unit_ids": ("A",)}
        try:
            case.node.give(kind(incident_id=case.incident_id, **(named | fields)), actor)  # type: ignore[arg-type]
        except DispatchError:
            continue
    incident = case.node.load(case.incident_id)
    assert incident is not None
    for one in incident.assignments:
        result = compared(incident, one, case.node.now, by)
        if isinstance(result, Way):
            assert result.travel_s > 0
            assert result.turnout_s >= 0
            assert one.departed_at is not None
            assert one.entered is not None
            assert AssignmentStage.EN_ROUTE not in one.entered
        else:
            assert (result.waited_s is None) or result.why in NEVER_THERE
