"""Who is responsible (主责) among several crews, and other services beside them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dispatch import commands as c
from dispatch.events import (
    LeadNamed,
    PushRecalled,
    ServiceCalled,
    UnitPushed,
)
from dispatch.model import AssignmentStage, Stage, UnitStatus
from tests.dispatch.driver import START, Node, crew, refusal
from tests.dispatch.side_paths import (
    Make,
    fed_back,
    kinds,
    lead_of,
    seen,
)

# Who is responsible


def test_only_the_feedback_of_the_responsible_crew_counts(node: Node) -> None:
    incident_id = node.pushed("A", "B")
    node.give(c.Feedback(incident_id=incident_id, text="we helped"), crew("B"))
    assert (lead_of(node, incident_id), seen(node, incident_id).stage) == ("A", Stage.ON_SCENE)
    words = refusal(node, c.Review(incident_id=incident_id))
    assert words == "no-feedback: Incident 1 can't be reviewed: it is on_scene; wait for its feedback."
    words = refusal(node, c.Close(incident_id=incident_id))
    why = "the responsible Unit A has given no feedback"
    assert words == f"disposition-missing: Incident 1 can't be closed: {why}; get feedback, or name a disposition."
    node.give(c.Feedback(incident_id=incident_id, text="settled"), crew("A"))
    assert seen(node, incident_id).stage == Stage.FEEDBACK


@pytest.mark.parametrize("helper", ["auxiliary", "119"])
def test_auxiliaries_and_other_services_begin_but_are_never_responsible(node: Node, helper: str) -> None:
    node.unit("auxiliary", auxiliary=True)
    incident_id = node.incident()
    send = c.CallService(incident_id=incident_id, service="119") if helper == "119" else c.Push(incident_id=incident_id, unit_ids=(helper,))
    node.give(send)
    node.give(c.Arrive(incident_id=incident_id, unit_ids=(helper,)))
    node.give(c.Feedback(incident_id=incident_id, unit_ids=(helper,), text="done"))
    assert (lead_of(node, incident_id), seen(node, incident_id).stage) == (None, Stage.ON_SCENE)
    words = refusal(node, c.Close(incident_id=incident_id))
    why = "no responsible crew has given feedback"
    assert words == f"disposition-missing: Incident 1 can't be closed: {why}; get feedback, or name a disposition."
    node.unit("A")
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    assert lead_of(node, incident_id) == "A"
    node.give(c.Close(incident_id=incident_id, disposition="settled"))


def test_a_desk_names_another_responsible_crew(node: Node) -> None:
    incident_id = fed_back(node, "A", "B")
    node.give(c.Review(incident_id=incident_id))
    (named,) = node.give(c.NameLead(incident_id=incident_id, unit_ids=("B",), text="their area"))
    second = seen(node, incident_id).assignments[1]
    assert named.body == LeadNamed(incident_id, second.assignment_id, "B", "their area")
    assert (lead_of(node, incident_id), seen(node, incident_id).stage) == ("B", Stage.ON_SCENE)
    node.give(c.Feedback(incident_id=incident_id, text="settled by us"), crew("B"))
    assert seen(node, incident_id).stage == Stage.FEEDBACK  # and not reviewed: that was the other crew's


def test_what_was_reviewed_was_the_other_crew_s_feedback(node: Node) -> None:
    incident_id = fed_back(node, "A", "B")
    node.give(c.Feedback(incident_id=incident_id, text="we saw it otherwise"), crew("B"))
    node.give(c.Review(incident_id=incident_id))
    assert seen(node, incident_id).stage == Stage.REVIEWED
    node.give(c.NameLead(incident_id=incident_id, unit_ids=("B",)))
    assert seen(node, incident_id).stage == Stage.FEEDBACK


@pytest.mark.parametrize(
    "go",
    [
        lambda i: c.Recall(incident_id=i, unit_ids=("A",)),
        lambda i: c.Refuse(incident_id=i, unit_ids=("A",), text="flat tyre"),
        lambda i: c.Clear(incident_id=i, unit_ids=("A",)),
        lambda i: c.Reassign(incident_id=i, unit_ids=("B",)),
    ],
)
def test_a_crew_that_goes_without_feedback_passes_responsibility_on(node: Node, go: Make) -> None:
    incident_id = node.pushed("A", "B", "C")
    node.give(c.NameLead(incident_id=incident_id, unit_ids=("C",)))
    node.give(c.NameLead(incident_id=incident_id, unit_ids=("A",)))
    if isinstance(go(incident_id), c.Clear):
        node.give(c.Arrive(incident_id=incident_id), crew("A"))
    node.give(go(incident_id))
    assert lead_of(node, incident_id) == "B"
    node.give(c.Feedback(incident_id=incident_id, text="settled"), crew("B"))
    assert seen(node, incident_id).stage == Stage.FEEDBACK


def test_the_last_crew_that_goes_leaves_nobody_responsible(node: Node) -> None:
    incident_id = node.pushed("A")
    node.give(c.Recall(incident_id=incident_id))
    assert (seen(node, incident_id).lead_id, lead_of(node, incident_id)) == ("", None)


def test_a_crew_that_has_given_feedback_stays_responsible_after_it_is_cleared(node: Node) -> None:
    incident_id = fed_back(node, "A", "B")
    node.give(c.Clear(incident_id=incident_id), crew("A"))
    assert (lead_of(node, incident_id), seen(node, incident_id).stage) == ("A", Stage.FEEDBACK)


def test_late_feedback_does_not_take_responsibility_back(node: Node) -> None:
    """A phone without a network hands in its feedback when its crew was cleared long ago and another answers for it."""
    incident_id = node.pushed("A", "B")
    node.give(c.Arrive(incident_id=incident_id), crew("A"))
    node.give(c.Clear(incident_id=incident_id, unit_ids=("A",)))
    node.give(c.Feedback(incident_id=incident_id, text="from before"), crew("A"))
    assert (lead_of(node, incident_id), seen(node, incident_id).stage) == ("B", Stage.ON_SCENE)


def test_a_crew_pushed_again_is_not_responsible_again(node: Node) -> None:
    incident_id = node.pushed("A", "B")
    node.give(c.Recall(incident_id=incident_id, unit_ids=("A",)))
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    assert lead_of(node, incident_id) == "B"


def test_returned_feedback_is_completed_by_the_responsible_crew_alone(node: Node) -> None:
    incident_id = fed_back(node, "A", "B")
    node.give(c.Return(incident_id=incident_id, text="names are missing"))
    node.give(c.Feedback(incident_id=incident_id, text="we only helped"), crew("B"))
    assert seen(node, incident_id).stage == Stage.ON_SCENE
    words = refusal(node, c.Close(incident_id=incident_id))
    why = "the feedback of the responsible Unit A was returned and is not complete"
    assert words == f"disposition-missing: Incident 1 can't be closed: {why}; get feedback, or name a disposition."
    node.give(c.Feedback(incident_id=incident_id, text="names added"), crew("A"))
    assert seen(node, incident_id).stage == Stage.FEEDBACK
    node.give(c.Close(incident_id=incident_id))


def test_after_reopening_whoever_is_sent_then_is_responsible(node: Node) -> None:
    incident_id = fed_back(node, "A")
    node.unit("B")
    node.give(c.Close(incident_id=incident_id))
    node.give(c.Reopen(incident_id=incident_id, text="they are back"))
    assert (seen(node, incident_id).lead_id, lead_of(node, incident_id)) == ("", None)
    node.give(c.Feedback(incident_id=incident_id, text="from before"), crew("A"))
    assert seen(node, incident_id).stage == Stage.RECEIVED
    node.give(c.Push(incident_id=incident_id, unit_ids=("B",)))
    assert lead_of(node, incident_id) == "B"


def test_who_can_not_be_made_responsible(node: Node) -> None:
    incident_id = node.pushed("A", "B")
    for unit_id, more in (("auxiliary", {"auxiliary": True}), ("D", {})):
        node.unit(unit_id, **more)
    node.give(c.CallService(incident_id=incident_id, service="120"))
    node.give(c.Reinforce(incident_id=incident_id, unit_ids=("auxiliary",)))
    node.give(c.Recall(incident_id=incident_id, unit_ids=("B",), text="nearer ones came"))
    refusals = {
        (): "units-not-named: Incident 1 has one responsible crew; name exactly one unit in unit_ids.",
        ("A", "B"): "units-not-named: Incident 1 has one responsible crew; name exactly one unit in unit_ids.",
        ("auxiliary",): "never-responsible: Unit auxiliary can't be responsible: it is no crew of police officers; name another.",
        ("120",): "never-responsible: Unit 120 can't be responsible: it is no crew of police officers; name another.",
        ("B",): "assignment-ended: Unit B is not on incident 1 any more: recalled (nearer ones came); push it again first.",
        ("D",): "not-assigned: Unit D has not been pushed to incident 1; push it first.",
    }
    assert {unit_ids: refusal(node, c.NameLead(incident_id=incident_id, unit_ids=unit_ids)) for unit_ids in refusals} == refusals


# Other services


def test_the_stages_of_another_service_are_entered_at_the_desk(node: Node) -> None:
    incident_id = node.incident()
    (called,) = node.give(c.CallService(incident_id=incident_id, service="119", text="smoke on the third floor"))
    assert called.body == ServiceCalled(incident_id, called.body.assignment_id, "119", "smoke on the third floor")  # type: ignore[union-attr]
    steps = [c.Acknowledge, c.Depart, c.Arrive, c.Clear]
    for number, make in enumerate(steps):
        node.pass_time(60)
        at = START + timedelta(seconds=50 * (number + 1))
        node.give(make(incident_id=incident_id, unit_ids=("119",), happened_at=at, on_behalf_of="119 control", channel="phone"))
    (assignment,) = seen(node, incident_id).assignments
    assert (assignment.service, assignment.unit_id, assignment.stage) == ("119", "119", AssignmentStage.RELEASED)
    instants = (assignment.acknowledged_at, assignment.departed_at, assignment.arrived_at, assignment.ended_at)
    assert instants == tuple(START + timedelta(seconds=50 * number) for number in (1, 2, 3, 4))
    node.give(c.CallService(incident_id=incident_id, service="119"))  # gone, and asked to come again
    assert [a.is_active for a in seen(node, incident_id).assignments] == [False, True]


def test_another_service_may_refuse_and_be_recalled(node: Node) -> None:
    incident_id = node.incident()
    for service in ("119", "120"):
        node.give(c.CallService(incident_id=incident_id, service=service))
    node.give(c.Refuse(incident_id=incident_id, unit_ids=("119",), text="all out"))
    node.give(c.Recall(incident_id=incident_id, unit_ids=("120",)))
    assert [a.stage for a in seen(node, incident_id).assignments] == [AssignmentStage.REFUSED, AssignmentStage.RECALLED]


def test_a_unit_is_no_other_service(node: Node) -> None:
    node.unit("A")
    words = refusal(node, c.CallService(incident_id=node.incident(), service="A"))
    assert words == "no-service: A is a unit and no other service; push to it instead."
    assert refusal(node, c.CallService(incident_id=node.incident(), service=" ")) == "name-missing: service is empty; give one."


def test_a_unit_registered_under_a_service_s_name_is_another_one(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.CallService(incident_id=incident_id, service="119"))
    node.unit("119")
    node.give(c.Arrive(incident_id=incident_id, unit_ids=("119",)))
    assert (node.picture.units["119"].status, node.picture.units["119"].incident_id) == (UnitStatus.AVAILABLE, None)
    assert kinds(node.give(c.Push(incident_id=incident_id, unit_ids=("119",)))) == [UnitPushed]
    assert node.picture.units["119"].incident_id == incident_id


def test_sending_other_crews_does_not_call_off_other_services(node: Node) -> None:
    incident_id = node.pushed("A")
    node.unit("B")
    node.give(c.CallService(incident_id=incident_id, service="120"))
    assert kinds(node.give(c.Reassign(incident_id=incident_id, unit_ids=("B",)))) == [PushRecalled, UnitPushed]
    assert [a.unit_id for a in seen(node, incident_id).active_assignments] == ["120", "B"]


def test_ending_the_incident_ends_the_service_s_assignment(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.CallService(incident_id=incident_id, service="120"))
    node.give(c.Cancel(incident_id=incident_id))
    assert seen(node, incident_id).active_assignments == ()
