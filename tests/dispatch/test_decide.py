"""What commands lead to, and in which words they are refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import msgspec
import pytest

from dispatch import commands as c
from dispatch.commands import AnyCommand, Command
from dispatch.decide import RULES
from dispatch.errors import Conflict, NotFound, NotPermitted, RuleViolation
from dispatch.events import PushRecalled, UnitPushed, UnitReleased
from dispatch.model import AssignmentStage, Grade, Stage, UnitKind, UnitStatus
from tests.dispatch.driver import COUNTY, DESK, START, STATION, Node, crew, refusal


def test_every_command_has_a_rule() -> None:
    assert set(RULES) == set(get_args(AnyCommand))


# The loop


def test_the_loop_from_reception_to_close(node: Node) -> None:
    a, incident_id = node.unit("A"), node.incident()
    seen = []
    steps: list[tuple[Command, object]] = [
        (c.Push(incident_id=incident_id, unit_ids=(a,)), DESK),
        (c.MarkDelivered(incident_id=incident_id), crew(a)),
        (c.MarkSeen(incident_id=incident_id), crew(a)),
        (c.Acknowledge(incident_id=incident_id), crew(a)),
        (c.Depart(incident_id=incident_id), crew(a)),
        (c.Arrive(incident_id=incident_id), crew(a)),
        (c.Feedback(incident_id=incident_id, text="settled"), crew(a)),
        (c.Review(incident_id=incident_id), DESK),
        (c.Close(incident_id=incident_id, disposition="mediated"), DESK),
    ]
    for command, actor in steps:
        node.pass_time(10)
        node.give(command, actor)  # type: ignore[arg-type]
        seen.append((node.picture.incidents[incident_id].stage, node.picture.units[a].status))
    assert seen == [
        (Stage.PUSHED, UnitStatus.DISPATCHED),
        (Stage.PUSHED, UnitStatus.DISPATCHED),
        (Stage.PUSHED, UnitStatus.DISPATCHED),
        (Stage.ACKNOWLEDGED, UnitStatus.DISPATCHED),
        (Stage.EN_ROUTE, UnitStatus.EN_ROUTE),
        (Stage.ON_SCENE, UnitStatus.ON_SCENE),
        (Stage.FEEDBACK, UnitStatus.COMMITTED_DEPLOYABLE),
        (Stage.REVIEWED, UnitStatus.COMMITTED_DEPLOYABLE),
        (Stage.CLOSED, UnitStatus.AVAILABLE),
    ]
    (assignment,) = node.picture.incidents[incident_id].assignments
    times = [
        getattr(assignment, f"{name}_at") for name in ("pushed", "delivered", "seen", "acknowledged", "departed", "arrived", "feedback")
    ]
    assert times == [START + timedelta(seconds=10 * (n + 1)) for n in range(7)]
    assert node.picture.incidents[incident_id].disposition == "mediated"


@pytest.mark.parametrize(
    "make",
    [
        lambda i: c.Push(incident_id=i, unit_ids=("A",)),
        lambda i: c.MarkDelivered(incident_id=i, unit_ids=("A",)),
        lambda i: c.MarkSeen(incident_id=i, unit_ids=("A",)),
        lambda i: c.Acknowledge(incident_id=i, unit_ids=("A",)),
        lambda i: c.Depart(incident_id=i, unit_ids=("A",)),
        lambda i: c.Arrive(incident_id=i, unit_ids=("A",)),
        lambda i: c.Clear(incident_id=i, unit_ids=("A",)),
        lambda i: c.Recall(incident_id=i, unit_ids=("A",)),
        lambda i: c.Locate(incident_id=i, lon=121.6, lat=29.9),
        lambda i: c.Classify(incident_id=i, grade=Grade.MAJOR),
        lambda i: c.Close(incident_id=i, disposition="done"),
        lambda i: c.Cancel(incident_id=i),
        lambda i: c.MarkInvalid(incident_id=i),
        lambda i: c.Divert(incident_id=i, to="119"),
    ],
)
def test_the_same_command_twice_has_one_effect(node: Node, make: Callable[[str], Command]) -> None:
    incident_id = node.pushed("A")
    if isinstance(make(incident_id), c.Clear):
        node.give(c.Arrive(incident_id=incident_id))
    node.give(make(incident_id))
    after_first = node.picture
    assert node.give(make(incident_id)) == ()
    assert node.picture is after_first


def test_radio_may_skip_stages_forward_but_never_goes_back(node: Node) -> None:
    incident_id = node.pushed("A")
    node.give(c.Arrive(incident_id=incident_id, unit_ids=("A",)))
    (assignment,) = node.picture.incidents[incident_id].assignments
    assert (assignment.acknowledged_at, assignment.departed_at, assignment.arrived_at) == (None, None, START)
    words = refusal(node, c.Depart(incident_id=incident_id, unit_ids=("A",)))
    assert words == "stage-backwards: Unit A is already on_scene on incident 1; it can't go back to en_route."


def test_the_desk_enters_when_it_happened(node: Node) -> None:
    incident_id = node.pushed("A")
    node.pass_time(300)
    said_at = START + timedelta(seconds=120)
    (arrived,) = node.give(c.Arrive(incident_id=incident_id, unit_ids=("A",), happened_at=said_at, on_behalf_of="Zhang", channel="radio"))
    assert (arrived.occurred_at, arrived.recorded_at) == (said_at, node.now)
    assert node.picture.incidents[incident_id].assignments[0].arrived_at == said_at
    assert node.picture.units["A"].status_since == said_at


def test_instants_are_kept_in_utc(node: Node) -> None:
    beijing = timezone(timedelta(hours=8))
    (received,) = node.give(c.ReceiveIncident(incident_type="theft", grade=Grade.URGENT, called_at=START.astimezone(beijing)))
    node.unit("A")
    node.give(c.Push(incident_id=received.incident_id or "", unit_ids=("A",)))
    (acknowledged,) = node.give(c.Acknowledge(incident_id=received.incident_id or "", happened_at=START.astimezone(beijing)))
    assert (received.body.called_at, received.body.called_at.tzinfo) == (START, UTC)  # type: ignore[union-attr]
    assert (acknowledged.occurred_at, acknowledged.occurred_at.tzinfo) == (START, UTC)


def test_a_time_before_the_push_is_refused(node: Node) -> None:
    node.unit("A")
    incident_id = node.incident()
    node.pass_time(60)
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    words = refusal(node, c.Acknowledge(incident_id=incident_id, happened_at=START + timedelta(seconds=30)))
    assert words.startswith("before-push: happened_at 2026-05-01T08:00:30+00:00 is before Unit A was pushed (2026-05-01T08:01:00+00:00)")


def test_a_time_in_the_future_or_without_offset_is_refused(node: Node) -> None:
    incident_id = node.pushed("A")
    words = refusal(node, c.Acknowledge(incident_id=incident_id, happened_at=START + timedelta(minutes=5)))
    assert words.startswith("implausible-time: happened_at 2026-05-01T08:05:00+00:00 is in the future")
    naive = datetime(2026, 5, 1, 8, 0)  # noqa: DTZ001
    assert "has no offset from UTC" in refusal(node, c.Acknowledge(incident_id=incident_id, happened_at=naive))


def test_a_crew_acts_for_its_own_assignment_only(node: Node) -> None:
    incident_id = node.pushed("A", "B")
    words = refusal(node, c.Acknowledge(incident_id=incident_id, unit_ids=("B",)), NotPermitted, crew("A"))
    assert words == "not-own-unit: Unit A acts for itself only, not for B; leave unit_ids out."
    node.unit("C")
    words = refusal(node, c.Acknowledge(incident_id=incident_id), RuleViolation, crew("C"))
    assert words == "not-assigned: Unit C has not been pushed to incident 1; push it first."


def test_the_desk_names_the_unit_when_there_are_several(node: Node) -> None:
    incident_id = node.pushed("A", "B")
    words = refusal(node, c.Acknowledge(incident_id=incident_id))
    assert words == "units-not-named: Incident 1 has 2 units on it (A, B); name one in unit_ids."


def test_the_incident_is_as_far_as_its_furthest_unit(node: Node) -> None:
    incident_id = node.pushed("A", "B")
    node.give(c.Arrive(incident_id=incident_id), crew("A"))
    assert node.picture.incidents[incident_id].stage == Stage.ON_SCENE
    node.give(c.Acknowledge(incident_id=incident_id), crew("B"))
    assert node.picture.incidents[incident_id].stage == Stage.ON_SCENE


def test_when_everyone_is_gone_before_arriving_the_incident_waits_again(node: Node) -> None:
    incident_id = node.pushed("A", "B")
    node.give(c.Refuse(incident_id=incident_id, text="flat tyre"), crew("A"))
    node.give(c.Recall(incident_id=incident_id, unit_ids=("B",)))
    assert node.picture.incidents[incident_id].stage == Stage.RECEIVED
    assert {node.picture.units[u].status for u in "AB"} == {UnitStatus.AVAILABLE}
    assert node.picture.incidents[incident_id].assignments[0].reason == "flat tyre"


# Sending units


def test_a_busy_unit_is_never_taken_silently(node: Node) -> None:
    first = node.pushed("A")
    second = node.incident()
    words = refusal(node, c.Push(incident_id=second, unit_ids=("A",)))
    assert words == f"unit-busy: Unit A can't be pushed: it is pushed on incident 1 ({first}); recall or clear it there first."


def test_a_push_of_several_is_all_or_nothing(node: Node) -> None:
    node.pushed("A")
    node.unit("B")
    second = node.incident()
    refusal(node, c.Push(incident_id=second, unit_ids=("B", "A")))
    assert node.picture.incidents[second].assignments == ()
    assert node.picture.units["B"].status == UnitStatus.AVAILABLE


@pytest.mark.parametrize(
    ("status", "rule"),
    [(UnitStatus.OUT_OF_SERVICE, "unit-off-duty"), (UnitStatus.COMMITTED, "unit-busy"), (UnitStatus.ON_SCENE, "unit-busy")],
)
def test_units_off_duty_or_on_their_own_task_are_not_pushed(node: Node, status: UnitStatus, rule: str) -> None:
    node.unit("A", callsign="Car 7")
    node.give(c.SetUnitStatus(unit_id="A", status=status))
    words = refusal(node, c.Push(incident_id=node.incident(), unit_ids=("A",)))
    assert words.startswith(f"{rule}: Unit Car 7 (A) can't be pushed: it is {status}")


@pytest.mark.parametrize(
    ("unit_ids", "words"),
    [
        ((), "units-not-named: unit_ids is empty; name at least one unit."),
        (("A", "A"), "units-not-named: unit_ids names A more than once; name each unit once."),
    ],
)
def test_units_are_named_once(node: Node, unit_ids: tuple[str, ...], words: str) -> None:
    node.unit("A")
    assert refusal(node, c.Push(incident_id=node.incident(), unit_ids=unit_ids)) == words


def test_an_unknown_unit_or_incident_is_named(node: Node) -> None:
    node.unit("A")
    assert refusal(node, c.Push(incident_id=node.incident(), unit_ids=("X",)), NotFound) == (
        "unknown-unit: There is no unit X; register it or check the id."
    )
    assert refusal(node, c.Push(incident_id="no", unit_ids=("A",)), NotFound) == "unknown-incident: There is no incident no; check the id."


def test_an_incident_without_a_point_can_be_pushed_without_promise(node: Node) -> None:
    node.unit("A")
    incident_id = node.incident(lon=None, lat=None)
    (pushed,) = node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    assert isinstance(pushed.body, UnitPushed)
    assert pushed.body.promised_eta_s is None
    assert node.picture.incidents[incident_id].stage == Stage.PUSHED


def test_moving_the_point_moves_responsibility_and_promises(node: Node) -> None:
    incident_id = node.pushed("A")
    promises = {"A": c.Promise(200.0, 1500.0)}
    node.give(c.Locate(incident_id=incident_id, lon=121.6, lat=29.9, org_code=COUNTY, promises=promises))
    incident = node.picture.incidents[incident_id]
    assert (incident.lon, incident.lat, incident.org_code) == (121.6, 29.9, COUNTY)
    assert (incident.assignments[0].promised_eta_s, incident.assignments[0].promised_distance_m) == (200.0, 1500.0)


def test_reassign_lets_go_and_sends_in_one_step(node: Node) -> None:
    incident_id = node.pushed("A", "B")
    node.unit("C")
    node.give(c.Arrive(incident_id=incident_id), crew("B"))
    events = [type(r.body) for r in node.give(c.Reassign(incident_id=incident_id, unit_ids=("C",), text="nearer"))]
    assert events == [PushRecalled, UnitReleased, UnitPushed]
    stages = {a.unit_id: a.stage for a in node.picture.incidents[incident_id].assignments}
    assert stages == {"A": AssignmentStage.RECALLED, "B": AssignmentStage.RELEASED, "C": AssignmentStage.PUSHED}


def test_reinforcing_needs_someone_to_reinforce(node: Node) -> None:
    node.unit("A")
    words = refusal(node, c.Reinforce(incident_id=node.incident(), unit_ids=("A",)))
    assert words == "no-unit-on-incident: Incident 1 has no unit to reinforce; push instead."


def test_a_cleared_unit_is_free_while_the_incident_goes_on(node: Node) -> None:
    incident_id = node.pushed("A")
    assert refusal(node, c.Clear(incident_id=incident_id), actor=crew("A")).startswith("unit-not-arrived: Unit A is pushed;")
    node.give(c.Arrive(incident_id=incident_id), crew("A"))
    node.give(c.Clear(incident_id=incident_id), crew("A"))
    assert node.picture.units["A"].incident_id is None
    assert node.picture.incidents[incident_id].stage == Stage.ON_SCENE
    node.give(c.Push(incident_id=node.incident(), unit_ids=("A",)))


# Ending


def test_closing_needs_feedback_or_a_disposition(node: Node) -> None:
    incident_id = node.pushed("A")
    words = refusal(node, c.Close(incident_id=incident_id))
    why = "the responsible Unit A has given no feedback"
    assert words == f"disposition-missing: Incident 1 can't be closed: {why}; get feedback, or name a disposition."
    node.give(c.Feedback(incident_id=incident_id, text="all quiet"), crew("A"))
    node.give(c.Close(incident_id=incident_id))
    assert node.picture.incidents[incident_id].stage == Stage.CLOSED
    assert node.picture.units["A"].status == UnitStatus.AVAILABLE


def test_feedback_returned_is_completed_even_after_the_crew_was_cleared(node: Node) -> None:
    incident_id = node.pushed("A")
    node.give(c.Arrive(incident_id=incident_id), crew("A"))
    node.give(c.Feedback(incident_id=incident_id, text="done"), crew("A"))
    node.give(c.Clear(incident_id=incident_id), crew("A"))
    assert node.picture.incidents[incident_id].stage == Stage.FEEDBACK
    node.give(c.Return(incident_id=incident_id, text="names are missing"))
    assert node.picture.incidents[incident_id].stage == Stage.ON_SCENE
    node.give(c.Feedback(incident_id=incident_id, text="names added"), crew("A"))
    assert node.picture.incidents[incident_id].stage == Stage.FEEDBACK
    assert node.picture.units["A"].status == UnitStatus.AVAILABLE


def test_review_waits_for_feedback(node: Node) -> None:
    incident_id = node.pushed("A")
    assert refusal(node, c.Review(incident_id=incident_id)) == (
        "no-feedback: Incident 1 can't be reviewed: it is pushed; wait for its feedback."
    )
    assert refusal(node, c.Return(incident_id=incident_id, text="?")).startswith("no-feedback: Incident 1 can't be returned")


@pytest.mark.parametrize(
    ("end", "stage"),
    [
        (lambda i: c.Cancel(incident_id=i), Stage.CANCELLED),
        (lambda i: c.MarkInvalid(incident_id=i), Stage.INVALID),
        (lambda i: c.Divert(incident_id=i, to="119"), Stage.DIVERTED),
    ],
)
def test_other_ends_release_the_units(node: Node, end: Callable[[str], Command], stage: Stage) -> None:
    incident_id = node.pushed("A")
    node.give(end(incident_id))
    assert node.picture.incidents[incident_id].stage == stage
    assert node.picture.units["A"].status == UnitStatus.AVAILABLE
    words = refusal(node, c.Push(incident_id=incident_id, unit_ids=("A",)))
    assert words == f"incident-ended: Incident 1 is {stage}; reopen it first."


def test_a_reopened_incident_begins_a_new_round(node: Node) -> None:
    incident_id = node.pushed("A")
    assert refusal(node, c.Reopen(incident_id=incident_id, text="again")).startswith("incident-not-ended: Incident 1 is pushed")
    node.give(c.Feedback(incident_id=incident_id, text="done"), crew("A"))
    node.give(c.Close(incident_id=incident_id))
    node.give(c.Reopen(incident_id=incident_id, text="they are back"))
    incident = node.picture.incidents[incident_id]
    assert (incident.stage, incident.has_feedback, len(incident.assignments)) == (Stage.RECEIVED, False, 1)
    assert refusal(node, c.Close(incident_id=incident_id)).startswith("disposition-missing")
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    assert node.picture.incidents[incident_id].stage == Stage.PUSHED


# Receiving


def test_the_same_source_number_is_the_same_incident(node: Node) -> None:
    command = c.ReceiveIncident(incident_type="fire", grade=Grade.MAJOR, source="110", source_id="A-1", org_code=STATION)
    (received,) = node.give(command)
    assert node.give(msgspec.structs.replace(command, text="a second report")) == ()
    (other,) = node.give(msgspec.structs.replace(command, source="119"))
    assert received.incident_id != other.incident_id


def test_without_point_or_organisation_the_receiver_is_responsible(node: Node) -> None:
    (received,) = node.give(c.ReceiveIncident(incident_type="theft", grade=Grade.ORDINARY))
    assert received.body.org_code == DESK.org_code  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"lon": 121.0}, "unsound-point: lon 121.0 and lat None must be given together, or neither."),
        ({"lon": float("nan"), "lat": 29.0}, "unsound-point: lon nan, lat 29.0 is not a point on earth"),
        ({"lon": 29.0, "lat": 121.0}, "unsound-point: lon 29.0, lat 121.0 is not a point on earth"),
        ({"accuracy_m": float("inf")}, "unsound-point: accuracy_m inf is not a distance"),
        ({"incident_type": " "}, "name-missing: incident_type is empty; give one."),
        ({"text": "x" * 4001}, "unsound-text: text has 4001 characters; send at most 4000."),
        ({"text": "a\x00b"}, "unsound-text: text contains a character that can't be stored"),
        ({"source": "\ud800"}, "unsound-text: source contains a character that can't be stored"),
        ({"caller": c.Caller("Li", "1\x003")}, "unsound-text: caller contains a character that can't be stored"),
        ({"caller": c.Caller("L" * 201)}, "unsound-text: caller has 201 characters; send at most 200."),
        ({"called_at": datetime.min.replace(tzinfo=UTC)}, "implausible-time: called_at 0001-01-01T00:00:00+00:00 is before 2000-01-01"),
        ({"called_at": START + timedelta(hours=1)}, "implausible-time: called_at 2026-05-01T09:00:00+00:00 is in the future"),
    ],
)
def test_unsound_receptions_are_refused_by_name(node: Node, fields: dict[str, object], words: str) -> None:
    known: dict[str, object] = {"incident_type": "theft", "grade": Grade.URGENT, "org_code": STATION, **fields}
    assert refusal(node, c.ReceiveIncident(**known)).startswith(words)  # type: ignore[arg-type]


def test_a_stale_version_is_a_conflict_that_names_the_present_one(node: Node) -> None:
    incident_id = node.pushed("A")
    with pytest.raises(Conflict) as refused:
        node.give(c.Note(incident_id=incident_id, text="x", expected_version=1))
    assert refused.value.present_version == 2
    assert str(refused.value) == "Incident 1 is at version 2, not 1; look at what has changed and send again."


def test_notes_and_uploads_come_after_the_end_too(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.Cancel(incident_id=incident_id))
    node.give(c.Note(incident_id=incident_id, text="for the file"))
    upload = c.AddUpload(incident_id=incident_id, upload_id="u1", filename="a.jpg", media_type="image/jpeg", size_bytes=3, sha256="00")
    node.give(upload)
    assert (node.picture.incidents[incident_id].uploads, node.picture.incidents[incident_id].version) == (1, 4)


@pytest.mark.parametrize("make", [c.Note, c.Reopen, c.Refuse, c.Return])
def test_a_reason_is_not_blank(node: Node, make: Callable[..., Command]) -> None:
    words = refusal(node, make(incident_id=node.pushed("A"), text="  "))
    assert words == f"text-missing: {make.__name__} needs a text that says why; text is empty."  # type: ignore[attr-defined]


# Units and elements


def test_the_status_of_an_assigned_unit_follows_from_its_assignment(node: Node) -> None:
    incident_id = node.pushed("A")
    words = refusal(node, c.SetUnitStatus(unit_id="A", status=UnitStatus.AVAILABLE))
    assert words == (
        f"unit-assigned: Unit A can't be set available: it is pushed on incident 1 ({incident_id}); "
        "report the stage there, clear it or recall it."
    )
    assert node.give(c.SetUnitStatus(unit_id="A", status=UnitStatus.DISPATCHED)) == ()


def test_a_tracker_belongs_to_one_registered_crew(node: Node) -> None:
    node.unit("A", callsign="Car 7", trackers=("phone1",))
    command = c.RegisterUnit(unit_id="B", callsign="B", kind=UnitKind.FOOT_PATROL, org_code=STATION, trackers=("phone1",))
    assert refusal(node, command) == "tracker-taken: Tracker phone1 belongs to Car 7 (A); take it off there first."


def test_a_registered_crew_takes_over_the_tracker_of_a_makeshift_one(node: Node) -> None:
    node.unit("phone1", trackers=("phone1",), registered=False)
    node.unit("B", trackers=("phone1",))
    assert node.picture.unit_by_tracker == {"phone1": "B"}


def test_registering_again_keeps_what_the_unit_is_doing(node: Node) -> None:
    incident_id = node.pushed("A")
    node.unit("A", callsign="Car 9", trackers=("t",))
    unit = node.picture.units["A"]
    assert (unit.callsign, unit.status, unit.incident_id) == ("Car 9", UnitStatus.DISPATCHED, incident_id)
    assert node.give(c.RegisterUnit(unit_id="A", callsign="Car 9", kind=unit.kind, org_code=STATION, trackers=("t",))) == ()


def test_an_element_written_the_same_again_changes_nothing(node: Node) -> None:
    command = c.WriteElement(element="hydrant", element_id="h1", lon=121.5, lat=29.8, properties={"bar": 6})
    node.give(command)
    assert node.give(command) == ()
    node.give(msgspec.structs.replace(command, properties={"bar": 5}))
    assert node.picture.elements["hydrant"]["h1"].properties == {"bar": 5}
    assert refusal(node, msgspec.structs.replace(command, properties={"x": object()})).startswith(
        "unsound-text: properties can't be written as JSON"
    )


def test_an_element_that_was_removed_stays_away_until_it_is_written_again(node: Node) -> None:
    written = c.WriteElement(element="hydrant", element_id="h1", lon=121.5, lat=29.8)
    node.give(written)
    gone = c.RemoveElement(element="hydrant", element_id="h1")
    assert len(node.give(gone)) == 1
    assert node.picture.elements["hydrant"]["h1"].removed
    assert node.give(gone) == ()
    node.give(written)
    assert not node.picture.elements["hydrant"]["h1"].removed
    node.give(msgspec.structs.replace(gone, element_id="of-the-city-folder"))
    assert node.picture.elements["hydrant"]["of-the-city-folder"].removed
