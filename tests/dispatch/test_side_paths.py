"""The side paths of the loop: merged and split incidents, owners, call-backs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dispatch import commands as c
from dispatch.commands import Command
from dispatch.errors import NotFound, RuleViolation
from dispatch.events import (
    CallAdded,
    HandoverAccepted,
    HandoverOffered,
    IncidentMerged,
    IncidentReceived,
    IncidentSplit,
    IncidentsToldApart,
    PushRecalled,
    UnitPushed,
)
from dispatch.model import Actor, Area, Grade, Stage, Step
from tests.dispatch.driver import CITY, COUNTY, DESK, START, STATION, Node, crew, refusal
from tests.dispatch.side_paths import (
    CITY_DESK,
    OTHER_DESK,
    OTHER_STATION,
    STATION_DESK,
    Make,
    closed,
    kinds,
    merged,
    seen,
)

# Merged and split


def test_a_further_call_ends_and_stays_on_record_under_its_own_number(node: Node) -> None:
    into, further = node.incident(), node.incident(text="smoke seen from the bridge")
    records = node.give(c.Merge(incident_id=further, into=into, text="the same fire"))
    assert [r.body for r in records] == [IncidentMerged(further, into, 1, "the same fire"), CallAdded(into, further, 2)]
    gone, kept = seen(node, further), seen(node, into)
    assert (gone.stage, gone.merged_into, gone.number, gone.text) == (Stage.MERGED, into, 2, "smoke seen from the bridge")
    assert (kept.stage, kept.merged_from, kept.version) == (Stage.RECEIVED, (further,), 2)
    third = node.incident()
    node.give(c.Merge(incident_id=third, into=into))
    assert seen(node, into).merged_from == (further, third)


def test_what_can_not_be_merged(node: Node) -> None:
    incident_id, with_unit = node.incident(), node.pushed("A")
    ended, (further, into) = closed(node), merged(node)
    words = refusal(node, c.Merge(incident_id=incident_id, into="nowhere"), NotFound)
    assert words == "unknown-incident: There is no incident nowhere to merge into; check the id."
    assert refusal(node, c.Merge(incident_id=incident_id, into=" ")) == "name-missing: into is empty; give one."
    for target, number in ((incident_id, 1), (ended, 3), (further, 5)):
        words = refusal(node, c.Merge(incident_id=incident_id, into=target))
        assert words == f"merge-target: Incident 1 can't be merged into incident {number}: name another one that is open."
    words = refusal(node, c.Merge(incident_id=with_unit, into=incident_id))
    assert words == "unit-assigned: Incident 2 has units on it (Unit A); merge the other one into it, or recall them first."
    assert refusal(node, c.Merge(incident_id=ended, into=incident_id)) == "incident-ended: Incident 3 is closed; reopen it first."
    words = refusal(node, c.Merge(incident_id=further, into=incident_id))
    assert words == f"incident-merged: Incident 5 was merged into incident 4 ({into}); go on there."


def test_the_incident_with_units_takes_the_other_in(node: Node) -> None:
    further, with_unit = node.incident(), node.pushed("A")
    node.give(c.Merge(incident_id=further, into=with_unit))
    assert (seen(node, with_unit).stage, node.picture.units["A"].incident_id) == (Stage.PUSHED, with_unit)


def test_two_that_are_not_the_same_are_told_apart_once_from_either_side(node: Node) -> None:
    one, two = node.incident(), node.incident()
    records = node.give(c.TellApart(incident_id=two, other=one))
    assert [recorded.body for recorded in records] == [IncidentsToldApart(two, one, seen(node, one).number)]
    assert seen(node, two).told_apart == (one,)
    assert node.give(c.TellApart(incident_id=two, other=one)) == ()
    assert node.give(c.TellApart(incident_id=one, other=two)) == ()
    assert node.give(c.Merge(incident_id=two, into=one))  # a person may still say otherwise


def test_what_can_not_be_told_apart(node: Node) -> None:
    one = node.incident()
    assert "merge-target: Incident 1 can't be told apart from itself" in refusal(node, c.TellApart(incident_id=one, other=one))
    assert "There is no incident nothing" in refusal(node, c.TellApart(incident_id=one, other="nothing"), NotFound)
    ended = closed(node)
    assert "incident-ended" in refusal(node, c.TellApart(incident_id=ended, other=one))


def test_a_merged_incident_goes_on_in_the_other_one_only(node: Node) -> None:
    further, into = merged(node)
    node.unit("A")
    words = refusal(node, c.Reopen(incident_id=further, text="again"))
    assert words == f"incident-merged: Incident 2 was merged into incident 1 ({into}); split that one instead."
    for command in (
        c.Push(incident_id=further, unit_ids=("A",)),
        c.Close(incident_id=further, disposition="settled"),
        c.Cancel(incident_id=further),
        c.OfferHandover(incident_id=further, to_org_code=OTHER_STATION),
    ):
        assert refusal(node, command) == f"incident-merged: Incident 2 was merged into incident 1 ({into}); go on there."
    node.give(c.Note(incident_id=further, text="the caller rang again"))
    node.give(c.Close(incident_id=into, disposition="settled"))
    assert node.give(c.Merge(incident_id=further, into=into)) == ()


def test_a_part_becomes_an_incident_of_its_own(node: Node) -> None:
    incident_id = node.incident(text="two thefts", address="Zhongshan Road 1", area=Area.TOWN, accuracy_m=20.0)
    node.pass_time(90)
    received, split = node.give(c.Split(incident_id=incident_id, text="the second theft", grade=Grade.ORDINARY))
    part_id = received.incident_id or ""
    assert (type(received.body), split.body) == (IncidentReceived, IncidentSplit(incident_id, part_id, 2))
    whole, part = seen(node, incident_id), seen(node, part_id)
    assert (part.number, part.split_from, part.text, part.grade) == (2, incident_id, "the second theft", Grade.ORDINARY)
    same = ("incident_type", "org_code", "lon", "lat", "accuracy_m", "address", "area", "called_at")
    assert [getattr(part, name) for name in same] == [getattr(whole, name) for name in same]
    assert (part.received_at, part.stage, whole.version) == (node.now, Stage.RECEIVED, 2)
    node.give(c.Cancel(incident_id=incident_id))
    assert seen(node, part_id).is_open


def test_a_part_elsewhere_has_its_own_place(node: Node) -> None:
    incident_id = node.incident(address="Zhongshan Road 1", area=Area.TOWN, accuracy_m=20.0)
    point = {"lon": 121.6, "lat": 29.9, "org_code": OTHER_STATION, "area": Area.COUNTRY}
    received, _ = node.give(c.Split(incident_id=incident_id, text="seen there too", incident_type="robbery", **point))  # type: ignore[arg-type]
    part = seen(node, received.incident_id or "")
    assert (part.lon, part.lat, part.org_code, part.area, part.incident_type) == (121.6, 29.9, OTHER_STATION, Area.COUNTRY, "robbery")
    assert (part.address, part.accuracy_m) == ("", None)


def test_what_can_not_be_split(node: Node) -> None:
    incident_id = node.incident()
    assert refusal(node, c.Split(incident_id=incident_id, text=" ")) == "text-missing: Split needs a text that says why; text is empty."
    words = refusal(node, c.Split(incident_id=incident_id, text="part", lon=121.6))
    assert words == "unsound-point: lon 121.6 and lat None must be given together, or neither."
    words = refusal(node, c.Split(incident_id=incident_id, text="part", incident_type=""))
    assert words == "name-missing: incident_type is empty; give one."
    assert refusal(node, c.Split(incident_id=closed(node), text="part")) == "incident-ended: Incident 2 is closed; reopen it first."


# Up, across and back


def test_escalating_leaves_the_owner(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.Escalate(incident_id=incident_id, text="a crowd gathers", to_org_code=COUNTY))
    assert (seen(node, incident_id).escalated_to, seen(node, incident_id).org_code) == (COUNTY, STATION)
    node.give(c.Escalate(incident_id=incident_id, text="and grows", to_org_code=CITY))
    assert seen(node, incident_id).escalated_to == CITY


def test_what_can_not_be_escalated(node: Node) -> None:
    incident_id = node.incident(org_code=CITY)
    words = refusal(node, c.Escalate(incident_id=incident_id, text="look"))
    assert words == (
        f"target-missing: Incident 1 can't be escalated: there is nobody above {CITY}; offer it to another organisation."
    )  # `enrich` names the organisation above where there is one
    words = refusal(node, c.Escalate(incident_id=incident_id, text="look", to_org_code=CITY))
    assert words == f"target-missing: Incident 1 can't be escalated to {CITY}, its owner; name an organisation above it."
    words = refusal(node, c.Escalate(incident_id=incident_id, text="", to_org_code=COUNTY))
    assert words == "text-missing: Escalate needs a text that says why; text is empty."
    words = refusal(node, c.Escalate(incident_id=incident_id, text="look", to_org_code=""))
    assert words == "name-missing: to_org_code is empty; give one."


@pytest.mark.parametrize(
    "settle",
    [
        lambda i: [(c.OfferHandover(incident_id=i, to_org_code=COUNTY), DESK)],
        lambda i: [(c.Locate(incident_id=i, lon=121.7, lat=29.9, org_code=COUNTY), DESK)],
        lambda i: [(c.Cancel(incident_id=i), DESK), (c.Reopen(incident_id=i, text="again"), DESK)],
    ],
)
def test_an_escalation_is_over_when_it_is_answered_or_the_incident_has_ended(node: Node, settle: Callable[[str], list[object]]) -> None:
    incident_id = node.incident()
    node.give(c.Escalate(incident_id=incident_id, text="look", to_org_code=COUNTY))
    for command, actor in settle(incident_id):  # type: ignore[misc]
        node.give(command, actor)
    assert seen(node, incident_id).escalated_to == ""
    if seen(node, incident_id).org_code == STATION:
        assert node.give(c.Escalate(incident_id=incident_id, text="look again", to_org_code=COUNTY))


def test_the_owner_stays_the_owner_until_the_offer_is_accepted(node: Node) -> None:
    incident_id = node.pushed("A")
    node.give(c.OfferHandover(incident_id=incident_id, to_org_code=OTHER_STATION, text="your side of the river"), STATION_DESK)
    assert (seen(node, incident_id).org_code, seen(node, incident_id).handover_to) == (STATION, OTHER_STATION)
    (accepted,) = node.give(c.AcceptHandover(incident_id=incident_id, text="on our way"), OTHER_DESK)
    assert accepted.body == HandoverAccepted(incident_id, OTHER_STATION, "on our way")
    after = seen(node, incident_id)
    assert (after.org_code, after.handover_to, after.handed_over) == (OTHER_STATION, "", True)
    assert after.active_assignments  # the crew that began goes on until it is released


def test_a_refused_offer_leaves_everything_as_it_was(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.OfferHandover(incident_id=incident_id, to_org_code=OTHER_STATION), STATION_DESK)
    words = refusal(node, c.RefuseHandover(incident_id=incident_id, text=" "), actor=OTHER_DESK)
    assert words == "text-missing: RefuseHandover needs a text that says why; text is empty."
    node.give(c.RefuseHandover(incident_id=incident_id, text="not our side"), OTHER_DESK)
    after = seen(node, incident_id)
    assert (after.org_code, after.handover_to, after.handed_over) == (STATION, "", False)
    for answer in (c.AcceptHandover(incident_id=incident_id), c.RefuseHandover(incident_id=incident_id, text="no")):
        assert refusal(node, answer, actor=OTHER_DESK) == "no-handover: Incident 1 is offered to nobody; look at what has changed."


def test_a_second_offer_replaces_the_first(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.OfferHandover(incident_id=incident_id, to_org_code=OTHER_STATION), STATION_DESK)
    node.give(c.OfferHandover(incident_id=incident_id, to_org_code=COUNTY), STATION_DESK)
    assert seen(node, incident_id).handover_to == COUNTY
    node.give(c.AcceptHandover(incident_id=incident_id), DESK)
    assert seen(node, incident_id).org_code == COUNTY


def test_the_level_above_takes_over_at_once(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.OfferHandover(incident_id=incident_id, to_org_code=OTHER_STATION), STATION_DESK)
    records = node.give(c.OfferHandover(incident_id=incident_id, to_org_code=CITY, text="major"), CITY_DESK)
    assert kinds(records) == [HandoverOffered, HandoverAccepted]
    after = seen(node, incident_id)
    assert (after.org_code, after.handover_to, after.handed_over) == (CITY, "", True)


def test_the_owner_takes_its_offer_back(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.OfferHandover(incident_id=incident_id, to_org_code=OTHER_STATION), STATION_DESK)
    node.give(c.OfferHandover(incident_id=incident_id, to_org_code=STATION), STATION_DESK)
    assert (seen(node, incident_id).org_code, seen(node, incident_id).handover_to) == (STATION, "")


def test_an_incident_is_not_offered_to_its_owner(node: Node) -> None:
    words = refusal(node, c.OfferHandover(incident_id=node.incident(), to_org_code=STATION), actor=CITY_DESK)
    assert words == f"handover-target: Incident 1 belongs to {STATION} already; name another organisation."
    words = refusal(node, c.OfferHandover(incident_id=node.incident(), to_org_code=""), actor=CITY_DESK)
    assert words == "name-missing: to_org_code is empty; give one."


def test_moving_the_point_does_not_undo_a_hand_over(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.OfferHandover(incident_id=incident_id, to_org_code=COUNTY), DESK)
    node.give(c.Locate(incident_id=incident_id, lon=121.7, lat=29.9, org_code=OTHER_STATION, area=Area.OUTSKIRTS))
    after = seen(node, incident_id)
    assert (after.org_code, after.lon, after.area) == (COUNTY, 121.7, Area.OUTSKIRTS)


def test_a_point_in_the_area_it_was_offered_to_settles_the_offer(node: Node) -> None:
    incident_id = node.incident()
    node.give(c.OfferHandover(incident_id=incident_id, to_org_code=OTHER_STATION), STATION_DESK)
    node.give(c.Locate(incident_id=incident_id, lon=121.7, lat=29.9, org_code=OTHER_STATION))
    assert (seen(node, incident_id).org_code, seen(node, incident_id).handover_to) == (OTHER_STATION, "")


def test_the_same_point_in_another_area_class_is_a_change(node: Node) -> None:
    incident_id = node.incident(area=Area.TOWN)
    node.give(c.Locate(incident_id=incident_id, lon=121.55, lat=29.87, org_code=STATION, area=Area.COUNTRY))
    assert seen(node, incident_id).area == Area.COUNTRY


# Ended, called back, opened again


@pytest.mark.parametrize("stage", [Stage.CANCELLED, Stage.INVALID, Stage.DIVERTED, Stage.MERGED])
def test_callers_are_called_back_after_closing_only(node: Node, stage: Stage) -> None:
    into, incident_id = node.incident(), node.incident()
    words = refusal(node, c.CallBack(incident_id=incident_id, text="asked"))
    assert words == "incident-not-ended: Incident 2 is received; call back when it is closed."
    ends: dict[Stage, Command] = {
        Stage.CANCELLED: c.Cancel(incident_id=incident_id),
        Stage.INVALID: c.MarkInvalid(incident_id=incident_id),
        Stage.DIVERTED: c.Divert(incident_id=incident_id, to="12345"),
        Stage.MERGED: c.Merge(incident_id=incident_id, into=into),
    }
    node.give(ends[stage])
    words = refusal(node, c.CallBack(incident_id=incident_id, text="asked"))
    assert words == f"incident-not-ended: Incident 2 is {stage}; call back when it is closed."


def test_a_call_back_is_of_the_closing_before_it(node: Node) -> None:
    incident_id = closed(node)
    node.give(c.CallBack(incident_id=incident_id, text="nobody answers"))
    node.give(c.CallBack(incident_id=incident_id, text="content", satisfied=True))
    assert (seen(node, incident_id).called_back, seen(node, incident_id).stage) == (True, Stage.CLOSED)
    assert [r.body.satisfied for r in node.journal[-2:]] == [None, True]  # type: ignore[union-attr]
    node.give(c.Reopen(incident_id=incident_id, text="the neighbours again"))
    assert not seen(node, incident_id).called_back


@pytest.mark.parametrize(
    "end",
    [
        lambda i: c.Close(incident_id=i, disposition="settled"),
        lambda i: c.Cancel(incident_id=i),
        lambda i: c.MarkInvalid(incident_id=i),
        lambda i: c.Divert(incident_id=i, to="119"),
    ],
)
def test_a_reopened_incident_is_open_until_it_ends_again(node: Node, end: Make) -> None:
    incident_id = node.pushed("A")
    node.give(c.OfferHandover(incident_id=incident_id, to_org_code=OTHER_STATION), STATION_DESK)
    node.give(end(incident_id))
    node.give(c.Reopen(incident_id=incident_id, text="they are back"))
    reopened = seen(node, incident_id)
    assert (reopened.stage, reopened.handover_to, reopened.disposition) == (Stage.RECEIVED, "", "")
    node.give(c.Note(incident_id=incident_id, text="still there"))
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",)))
    node.give(c.Recall(incident_id=incident_id))
    assert seen(node, incident_id).is_open
    node.give(end(incident_id))
    assert not seen(node, incident_id).is_open


# Sending others, taking alarms on


def missed(node: Node, incident_id: str, **fields: object) -> c.MissDeadline:
    """The deadline watch's word that the first crew has not acknowledged."""
    (first, *_) = seen(node, incident_id).assignments
    known = {"step": Step.ACKNOWLEDGE, "round": 0, "level": 0, "org_code": STATION, "due_at": START, **fields}
    return c.MissDeadline(incident_id=incident_id, assignment_id=first.assignment_id, **known)  # type: ignore[arg-type]


def test_others_are_sent_once_for_a_crew_that_does_not_answer(node: Node) -> None:
    incident_id = node.pushed("A")
    for unit_id in ("B", "C"):
        node.unit(unit_id)
    (first,) = seen(node, incident_id).assignments
    (pushed,) = node.give(c.Repush(incident_id=incident_id, unit_ids=("B",), because_of=first.assignment_id))
    assert isinstance(pushed.body, UnitPushed)
    assert (pushed.body.reason, pushed.body.because_of) == ("repush", first.assignment_id)
    assert node.give(c.Repush(incident_id=incident_id, unit_ids=("C",), because_of=first.assignment_id)) == ()
    assert [a.unit_id for a in seen(node, incident_id).active_assignments] == ["A", "B"]


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda i, a: c.Acknowledge(incident_id=i),
        lambda i, a: c.Recall(incident_id=i),
        lambda i, a: c.StopRepush(incident_id=i, assignment_id=a),
    ],
)
def test_nobody_is_sent_when_it_was_answered_or_stopped_meanwhile(node: Node, meanwhile: Callable[[str, str], Command]) -> None:
    incident_id = node.pushed("A")
    node.unit("B")
    (first,) = seen(node, incident_id).assignments
    node.give(meanwhile(incident_id, first.assignment_id))
    assert node.give(c.Repush(incident_id=incident_id, unit_ids=("B",), because_of=first.assignment_id)) == ()
    assert node.give(c.Repush(incident_id=incident_id, unit_ids=("B",), because_of="no such")) == ()


def test_a_countdown_that_is_not_there_can_not_be_stopped(node: Node) -> None:
    words = refusal(node, c.StopRepush(incident_id=node.pushed("A"), assignment_id="x"))
    assert words == "not-assigned: Incident 1 has no assignment x; check the id."


def test_what_is_late_is_put_on_record_once_for_each_level(node: Node) -> None:
    incident_id = node.pushed("A")
    node.pass_time(31)
    for level in (0, 1):
        assert node.give(missed(node, incident_id, level=level))
        assert node.give(missed(node, incident_id, level=level, org_code=COUNTY, due_at=node.now)) == ()
    assert node.give(missed(node, incident_id, quiet=True))
    assert [(m.level, m.quiet, m.told_at) for m in seen(node, incident_id).misses] == [
        (0, False, node.now),
        (1, False, node.now),
        (0, True, node.now),
    ]


@pytest.mark.parametrize("done", [c.Acknowledge, c.Depart, c.Arrive, c.Recall, c.Cancel])
def test_nothing_is_late_that_was_done_in_the_same_instant(node: Node, done: Callable[..., Command]) -> None:
    incident_id = node.pushed("A")
    late = missed(node, incident_id)
    node.give(done(incident_id=incident_id))
    assert node.give(late) == ()


def test_taking_an_alarm_on_takes_what_was_missed_so_far(node: Node) -> None:
    incident_id = node.pushed("A")
    assert node.give(c.TakeAlarm(incident_id=incident_id)) == ()
    node.give(missed(node, incident_id))
    node.give(c.TakeAlarm(incident_id=incident_id, text="I ring them"))
    assert seen(node, incident_id).alarm_taken == 1
    node.give(missed(node, incident_id, step=Step.ARRIVE))
    assert seen(node, incident_id).alarm_taken == 1


# Every command twice

ONCE: dict[str, tuple[list[Make], Make, Actor]] = {
    "name_lead": ([], lambda i: c.NameLead(incident_id=i, unit_ids=("B",)), DESK),
    "call_service": ([], lambda i: c.CallService(incident_id=i, service="119"), DESK),
    "stop_repush": ([], lambda i: c.StopRepush(incident_id=i, assignment_id="id7"), DESK),
    "escalate": ([], lambda i: c.Escalate(incident_id=i, text="look", to_org_code=CITY), DESK),
    "offer": ([], lambda i: c.OfferHandover(incident_id=i, to_org_code=OTHER_STATION), DESK),
    "take over": ([], lambda i: c.OfferHandover(incident_id=i, to_org_code=COUNTY), DESK),
    "accept": (
        [lambda i: c.OfferHandover(incident_id=i, to_org_code=OTHER_STATION)],
        lambda i: c.AcceptHandover(incident_id=i),
        OTHER_DESK,
    ),
    "take_alarm": (
        [lambda i: c.MissDeadline(incident_id=i, step=Step.ARRIVE, round=0, level=0, org_code=STATION, due_at=START, assignment_id="id7")],
        lambda i: c.TakeAlarm(incident_id=i),
        DESK,
    ),
    "reassign": ([], lambda i: c.Reassign(incident_id=i, unit_ids=("B",)), DESK),
    "merge": ([lambda i: c.Recall(incident_id=i)], lambda i: c.Merge(incident_id=i, into="id1"), DESK),
    "review": ([lambda i: c.Feedback(incident_id=i, unit_ids=("A",), text="done")], lambda i: c.Review(incident_id=i), DESK),
}


@pytest.mark.parametrize("name", ONCE)
def test_a_side_path_taken_twice_has_one_effect(node: Node, name: str) -> None:
    before, make, actor = ONCE[name]
    node.incident()
    incident_id = node.pushed("A", "B")
    assert [a.assignment_id for a in seen(node, incident_id).assignments] == ["id7", "id8"]
    for earlier in before:
        node.give(earlier(incident_id))
    assert node.give(make(incident_id), actor)
    after_first = node.picture
    assert node.give(make(incident_id), actor) == ()
    assert node.picture is after_first


AGAIN_REFUSED: dict[str, tuple[list[Make], Make, str]] = {
    "return": (
        [lambda i: c.Feedback(incident_id=i, unit_ids=("A",), text="done")],
        lambda i: c.Return(incident_id=i, text="more"),
        "no-feedback: Incident 1 can't be returned: it is on_scene; there is no feedback to complete.",
    ),
    "reopen": (
        [lambda i: c.Cancel(incident_id=i)],
        lambda i: c.Reopen(incident_id=i, text="again"),
        "incident-not-ended: Incident 1 is received; only an ended incident can be reopened.",
    ),
    "refuse offer": (
        [lambda i: c.OfferHandover(incident_id=i, to_org_code=OTHER_STATION)],
        lambda i: c.RefuseHandover(incident_id=i, text="no"),
        "no-handover: Incident 1 is offered to nobody; look at what has changed.",
    ),
}


@pytest.mark.parametrize("name", AGAIN_REFUSED)
def test_what_can_not_be_so_already_is_refused_the_second_time(node: Node, name: str) -> None:
    before, make, words = AGAIN_REFUSED[name]
    incident_id = node.pushed("A")
    for earlier in before:
        node.give(earlier(incident_id))
    assert node.give(make(incident_id))
    assert refusal(node, make(incident_id)) == words


# Guards

OPEN_ONLY: list[Make] = [
    lambda i: c.Repush(incident_id=i, unit_ids=("A",), because_of="x"),
    lambda i: c.StopRepush(incident_id=i, assignment_id="x"),
    lambda i: c.CallService(incident_id=i, service="119"),
    lambda i: c.NameLead(incident_id=i, unit_ids=("A",)),
    lambda i: c.Split(incident_id=i, text="part"),
    lambda i: c.Escalate(incident_id=i, text="look", to_org_code=CITY),
    lambda i: c.OfferHandover(incident_id=i, to_org_code=CITY),
    lambda i: c.AcceptHandover(incident_id=i),
    lambda i: c.RefuseHandover(incident_id=i, text="no"),
    lambda i: c.TakeAlarm(incident_id=i),
]


@pytest.mark.parametrize("make", OPEN_ONLY)
def test_side_paths_of_an_ended_incident_begin_with_reopening_it(node: Node, make: Make) -> None:
    words = refusal(node, make(closed(node)))
    assert words == "incident-ended: Incident 1 is closed; reopen it first."


@pytest.mark.parametrize(
    "make", [*OPEN_ONLY, lambda i: c.Merge(incident_id=i, into="y"), lambda i: c.CallBack(incident_id=i, text="asked")]
)
def test_side_paths_of_no_incident_are_named(node: Node, make: Make) -> None:
    assert refusal(node, make("nowhere"), NotFound) == "unknown-incident: There is no incident nowhere; check the id."


@pytest.mark.parametrize("make", [c.Split, c.Escalate, c.RefuseHandover, c.CallBack])
def test_a_side_path_says_why(node: Node, make: Callable[..., Command]) -> None:
    words = refusal(node, make(incident_id=node.incident(), text="\n"), RuleViolation)
    assert words == f"text-missing: {make.__name__} needs a text that says why; text is empty."  # type: ignore[attr-defined]


# Review before closing, services, one's own organisation


def test_what_a_crew_did_is_reviewed_before_closing_where_the_table_wants_it(node: Node) -> None:
    incident_id = node.pushed("A")
    close = c.Close(incident_id=incident_id, disposition="settled", reviewed_first=True)
    node.give(c.Arrive(incident_id=incident_id), crew("A"))
    assert "not-reviewed: Incident 1 can't be closed: at grade" in refusal(node, close)
    node.give(c.Feedback(incident_id=incident_id, text="settled"), crew("A"))
    assert "ask the responsible leader to review its feedback" in refusal(node, close)
    node.give(c.Review(incident_id=incident_id), CITY_DESK)
    node.give(c.Feedback(incident_id=incident_id, text="more"), crew("A"))
    assert "not-reviewed" in refusal(node, close), "what came after the review was not reviewed"
    node.give(c.Review(incident_id=incident_id), CITY_DESK)
    assert node.give(close)
    assert node.give(close) == ()
    node.give(c.Reopen(incident_id=incident_id, text="again"), CITY_DESK)
    assert node.give(close), "nobody has been there since it was reopened"


def test_a_review_is_not_wanted_of_what_nobody_did(node: Node) -> None:
    incident_id = node.pushed("A")
    node.give(c.CallService(incident_id=incident_id, service="119"))
    node.give(c.Arrive(incident_id=incident_id, unit_ids=("119",)))
    assert node.give(c.Close(incident_id=incident_id, disposition="settled", reviewed_first=True))
    for end in (c.Cancel, c.MarkInvalid):
        other = node.incident()
        assert node.give(end(incident_id=other))


def test_all_crews_are_recalled_but_a_service_only_by_name(node: Node) -> None:
    incident_id = node.pushed("A", "B")
    node.give(c.CallService(incident_id=incident_id, service="120"))
    assert kinds(node.give(c.Recall(incident_id=incident_id))) == [PushRecalled, PushRecalled]
    assert [a.unit_id for a in seen(node, incident_id).active_assignments] == ["120"]
    assert "no-unit-on-incident" in refusal(node, c.Recall(incident_id=incident_id))
    assert kinds(node.give(c.Recall(incident_id=incident_id, unit_ids=("120",)))) == [PushRecalled]


def test_an_account_does_not_offer_to_itself_at_the_desk_of_a_station(node: Node) -> None:
    incident_id = node.incident()
    at_station = Actor("chen", "commander", STATION, own_org_code=CITY)
    said = refusal(node, c.OfferHandover(incident_id=incident_id, to_org_code=CITY), actor=at_station)
    assert said.startswith(f"handover-own: Incident 1 can't be offered to {CITY} at the desk of {STATION}")
    assert "take it over at your own desk" in said
    assert kinds(node.give(c.OfferHandover(incident_id=incident_id, to_org_code=CITY), CITY_DESK)) == [HandoverOffered, HandoverAccepted]
    other = node.incident()
    assert kinds(node.give(c.OfferHandover(incident_id=other, to_org_code=COUNTY), at_station)) == [HandoverOffered]
