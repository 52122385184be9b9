"""A stage that was pressed or entered wrongly is put right by an event that supersedes; nothing is deleted, times stay in order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dispatch import commands as c
from dispatch.arrivals import disagreement_of
from dispatch.deadlines import alarms, deadlines, load_targets
from dispatch.events import Arrived, StageCorrected
from dispatch.model import ArrivalFix, Assignment, AssignmentStage, FixState, Incident, Stage, Step, UnitStatus
from tests.dispatch.driver import START, Node, Watch, crew, refusal

TARGETS = load_targets()
SCENE = AssignmentStage.ON_SCENE


@pytest.fixture
def node() -> Node:
    """Crew A: pushed at 0 s, acknowledged at 10, set out at 20, arrived at 30; it is 40 s."""
    made = Node()
    incident_id = made.pushed("A")
    for make in (c.Acknowledge, c.Depart, c.Arrive):
        made.pass_time(10)
        made.give(make(incident_id=incident_id), crew("A"))
    made.pass_time(10)
    return made


def only(node: Node) -> Incident:
    (incident,) = node.picture.incidents.values()
    return incident


def row(node: Node) -> Assignment:
    return only(node).assignments[0]


def correct(node: Node, stage: AssignmentStage = SCENE, at_s: float | None = None, text: str = "按错", **fields: object) -> c.CorrectStage:
    at = None if at_s is None else START + timedelta(seconds=at_s)
    known = {"incident_id": only(node).incident_id, "unit_ids": ("A",), "stage": stage, "at": at, "text": text, **fields}
    return c.CorrectStage(**known)  # type: ignore[arg-type]


def test_a_corrected_time_supersedes_and_the_first_stays_on_record(node: Node) -> None:
    (recorded,) = node.give(correct(node, at_s=25, text="told by radio at 08:00:25"))
    body = recorded.body
    assert isinstance(body, StageCorrected)
    assert (body.stage, body.was_at, body.at, body.text) == (
        SCENE,
        START + timedelta(seconds=30),
        START + timedelta(seconds=25),
        "told by radio at 08:00:25",
    )
    assert row(node).arrived_at == START + timedelta(seconds=25)
    assert row(node).corrected == (SCENE,)
    assert [r.occurred_at for r in node.journal if isinstance(r.body, Arrived)] == [START + timedelta(seconds=30)]
    assert node.give(correct(node, at_s=25)) == (), "it is already so"


def test_a_stage_taken_back_leaves_the_crew_where_it_was(node: Node) -> None:
    node.give(correct(node))
    assert (row(node).stage, row(node).arrived_at) == (AssignmentStage.EN_ROUTE, None)
    assert only(node).stage == Stage.EN_ROUTE
    assert node.picture.units["A"].status == UnitStatus.EN_ROUTE
    assert node.give(correct(node)) == ()
    node.give(c.Arrive(incident_id=only(node).incident_id), crew("A"))
    assert row(node).arrived_at == START + timedelta(seconds=40)


def test_a_skipped_stage_is_skipped_on_the_way_back_too() -> None:
    node = Node()
    incident_id = node.pushed("A")
    node.give(c.Arrive(incident_id=incident_id), crew("A"))
    node.give(correct(node))
    assert (row(node).stage, only(node).stage) == (AssignmentStage.PUSHED, Stage.PUSHED)


def test_feedback_taken_back_makes_its_review_void(node: Node) -> None:
    incident_id = only(node).incident_id
    node.give(c.Feedback(incident_id=incident_id, text="done"), crew("A"))
    node.give(c.Review(incident_id=incident_id))
    node.give(correct(node, AssignmentStage.FEEDBACK))
    assert (only(node).stage, only(node).reviewed, row(node).feedback_at) == (Stage.ON_SCENE, False, None)
    node.give(c.Feedback(incident_id=incident_id, text="now done"), crew("A"))
    assert only(node).stage == Stage.FEEDBACK


@pytest.mark.parametrize(
    ("stage", "at_s", "words"),
    [
        (SCENE, 19.9, "would put on_scene out of order; give a time from 2026-05-01T08:00:20+00:00 to 2026-05-01T08:00:40+00:00"),
        (AssignmentStage.EN_ROUTE, 30.1, "give a time from 2026-05-01T08:00:10+00:00 to 2026-05-01T08:00:30+00:00"),
        (AssignmentStage.ACKNOWLEDGED, -1, "give a time from 2026-05-01T08:00:00+00:00"),
    ],
)
def test_times_stay_in_order(node: Node, stage: AssignmentStage, at_s: float, words: str) -> None:
    assert words in refusal(node, correct(node, stage, at_s))


def test_what_is_refused_names_why(node: Node) -> None:
    assert refusal(node, correct(node, at_s=60)).startswith("implausible-time: at ")
    assert refusal(node, correct(node, text="  ")).startswith("text-missing: ")
    assert refusal(node, correct(node, unit_ids=())).startswith("units-not-named: ")
    assert refusal(node, correct(node, unit_ids=("B",))).startswith("not-assigned: ")
    assert refusal(node, correct(node, AssignmentStage.PUSHED)).startswith(
        "stage-not-correctable: The stage pushed can't be corrected; name"
    )
    assert refusal(node, correct(node, AssignmentStage.FEEDBACK, 35)).startswith("stage-not-reached: ")
    assert refusal(node, correct(node, AssignmentStage.EN_ROUTE)).startswith("stage-not-last: Unit A is on_scene on incident 1; only that")


def test_after_the_end_a_time_can_be_put_right_and_nothing_taken_back(node: Node) -> None:
    node.give(c.Close(incident_id=only(node).incident_id, disposition="settled"))
    assert refusal(node, correct(node)).startswith("incident-ended: ")
    node.give(correct(node, at_s=26))
    assert row(node).arrived_at == START + timedelta(seconds=26)
    assert not only(node).is_open
    node.pass_time(20)
    assert "to 2026-05-01T08:00:40+00:00" in refusal(node, correct(node, at_s=45)), "nobody arrives after the end"


def test_a_corrected_start_sets_the_clock_that_hangs_on_it_anew() -> None:
    node = Node()
    watch = Watch(node, TARGETS)
    incident_id = node.pushed("A")
    node.pass_time(20)
    node.give(c.Acknowledge(incident_id=incident_id, happened_at=START, unit_ids=("A",)))
    watch.pass_time(45)
    assert [miss.step for miss in alarms(only(node))] == [Step.DEPART], "due a minute after the time that was entered"
    node.give(correct(node, AssignmentStage.ACKNOWLEDGED, 20))
    assert alarms(only(node)) == [], "by the right time it is not due yet"
    (depart,) = [d for d in deadlines(only(node), TARGETS) if d.step == Step.DEPART]
    assert depart.due_at == START + timedelta(seconds=80)
    watch.pass_time(14.9)
    assert alarms(only(node)) == []
    watch.pass_time(0.2)
    assert [(miss.step, miss.due_at) for miss in alarms(only(node))] == [(Step.DEPART, depart.due_at)]
    assert len(only(node).misses) == 2, "both stay on record"


def test_an_arrival_taken_back_is_due_again_and_told_once(node: Node) -> None:
    watch = Watch(node, TARGETS)
    watch.pass_time(400)
    node.give(correct(node))
    watch.tell()
    watch.pass_time(1)
    arrive = [miss for miss in only(node).misses if miss.step == Step.ARRIVE]
    assert [(miss.level, miss.told_at) for miss in arrive] == [(0, START + timedelta(seconds=440))]


def test_the_positions_word_is_that_of_the_corrected_instant(node: Node) -> None:
    far = ArrivalFix(FixState.SOUND, 900.0, START, None, 200.0)
    node.give(correct(node))
    node.give(c.Arrive(incident_id=only(node).incident_id, unit_ids=("A",), positions={"A": far}))
    assert disagreement_of(row(node)) is not None
    near = ArrivalFix(FixState.SOUND, 15.0, START, START + timedelta(seconds=33), 200.0)
    node.give(correct(node, at_s=35, position=near))
    assert (row(node).arrival, disagreement_of(row(node))) == (near, None)


def test_a_check_in_lies_between_arrival_and_feedback(node: Node) -> None:
    node.give(c.CheckIn(incident_id=only(node).incident_id), crew("A"))
    node.pass_time(10)
    assert "to 2026-05-01T08:00:40+00:00" in refusal(node, correct(node, at_s=45))
    node.give(correct(node))
    assert (row(node).checked_in_at, row(node).check_ins) == (None, 1)
