"""What a node holds live is what its journal folds to, at any cut, for any history that commands can make."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch import commands as c
from dispatch import picture as pictures
from dispatch.commands import Command
from dispatch.errors import DispatchError
from dispatch.evolve import STATUS_BY_ASSIGNMENT_STAGE, fold
from dispatch.model import Actor, Grade, UnitKind, UnitStatus
from dispatch.model import Step as LoopStep
from dispatch.picture import OperatingPicture
from tests.dispatch.driver import COUNTY, DESK, START, STATION, Node, crew

UNITS = ("A", "B", "C", "D")
Step = tuple[str, dict[str, Any], int, Actor]  # name of the command, its fields, which incident, who

ANY_UNITS = st.lists(st.sampled_from(UNITS), max_size=3).map(tuple)
ONE_UNIT = st.sampled_from(UNITS).map(lambda unit_id: (unit_id,))
ACTORS = st.sampled_from([DESK, DESK, DESK, *(crew(u) for u in UNITS)])
# Drawn more often than the rest, or few histories would come as far as a feedback.
OFTEN = 5 * ("Push", "Push", "Acknowledge", "Depart", "Arrive", "Feedback", "Clear")
ON_INCIDENT: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "Classify": {"grade": st.sampled_from(Grade), "text": st.sampled_from(["a", "b"])},
    "Locate": {"lon": st.sampled_from([121.5, 121.6]), "lat": st.just(29.8), "org_code": st.sampled_from([None, STATION])},
    "Push": {"unit_ids": st.one_of(ONE_UNIT, ANY_UNITS)},
    "Reinforce": {"unit_ids": ANY_UNITS},
    "Reassign": {"unit_ids": ANY_UNITS},
    "Recall": {"unit_ids": ANY_UNITS},
    **{
        name: {"unit_ids": st.one_of(st.just(()), ONE_UNIT)}
        for name in ("MarkDelivered", "MarkSeen", "Acknowledge", "Depart", "Arrive", "Clear")
    },
    "Refuse": {"unit_ids": st.one_of(st.just(()), ONE_UNIT), "text": st.just("no")},
    "Feedback": {
        "unit_ids": st.one_of(st.just(()), ONE_UNIT),
        "text": st.just("done"),
        "form": st.dictionaries(st.sampled_from("xy"), st.floats(), max_size=2),
    },
    "Review": {},
    "Return": {"text": st.just("more")},
    "Close": {"disposition": st.sampled_from(["", "d"])},
    "Divert": {"to": st.sampled_from(["119", ""])},
    "MarkInvalid": {},
    "Cancel": {},
    "Reopen": {"text": st.just("again")},
    "Note": {"text": st.just("n")},
    "ReadNote": {"note_id": st.sampled_from([f"id{k}" for k in range(5, 30)]), "unit_ids": st.sampled_from([(), ("A",)])},
    "Comment": {"text": st.just("c")},
    "AddFinding": {"kind": st.sampled_from(["good", "measure"]), "text": st.just("f"), "replaces": st.sampled_from(["", "", "id12"])},
    "SignAfterAction": {"name": st.just("wu"), "expected_version": st.integers(1, 30)},
    "ReviseAfterAction": {"text": st.just("new facts")},
    "CallService": {"service": st.sampled_from(["119", "120"])},
    "NameLead": {"unit_ids": ONE_UNIT},
    "Repush": {"unit_ids": ONE_UNIT, "because_of": st.sampled_from(["id9", "id12"])},
    "StopRepush": {"assignment_id": st.sampled_from(["id9", "id12"])},
    "CallBack": {"text": st.just("asked"), "satisfied": st.sampled_from([None, True, False])},
    "Merge": {"into": st.sampled_from(["id1", "id5", "id9"])},
    "Split": {"text": st.just("part"), "grade": st.sampled_from([None, *Grade])},
    "Escalate": {"text": st.just("look"), "to_org_code": st.sampled_from([None, COUNTY])},
    "OfferHandover": {"to_org_code": st.sampled_from([COUNTY, STATION])},
    "AcceptHandover": {},
    "RefuseHandover": {"text": st.just("not ours")},
    "MissDeadline": {
        "step": st.sampled_from(LoopStep),
        "round": st.integers(0, 1),
        "level": st.integers(0, 1),
        "org_code": st.just(STATION),
        "due_at": st.just(START),
    },
    "TakeAlarm": {},
    "ClaimIncident": {"take_over": st.booleans()},
    "ReleaseClaim": {},
}
ELSEWHERE: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "ReceiveIncident": {
        "incident_type": st.just("theft"),
        "grade": st.sampled_from(Grade),
        "source_id": st.sampled_from([None, None, "1", "2"]),
    },
    "RegisterUnit": {
        "unit_id": st.sampled_from(UNITS),
        "callsign": st.sampled_from(UNITS),
        "kind": st.sampled_from(UnitKind),
        "org_code": st.just(STATION),
        "trackers": st.lists(st.sampled_from("tu"), max_size=2, unique=True).map(tuple),
        "registered": st.booleans(),
    },
    "SetUnitStatus": {"unit_id": st.sampled_from(UNITS), "status": st.sampled_from(UnitStatus)},
    "SendBroadcast": {
        "org_code": st.just(STATION),
        "text": st.just("storm"),
        "unit_ids": ONE_UNIT,
        "replaces": st.sampled_from(["", "", "id9", "id12"]),
        "lasts_s": st.sampled_from([60, 600]),
    },
    **{
        name: {"broadcast_id": st.sampled_from([f"id{k}" for k in range(5, 30)]), **fields}
        for name, fields in {
            "RecallBroadcast": {},
            "MarkBroadcastDelivered": {"recipient": st.sampled_from(UNITS)},
            "ReadBroadcast": {"recipient": st.sampled_from(UNITS)},
        }.items()
    },
    "WriteElement": {
        "element": st.just("hydrant"),
        "element_id": st.sampled_from("hi"),
        "lon": st.just(121.5),
        "lat": st.just(29.8),
        # Values that JSON changes (NaN, tuples) must not make live and cold differ.
        "properties": st.dictionaries(st.just("p"), st.one_of(st.floats(), st.tuples(st.integers()), st.text()), max_size=1),
    },
    "RemoveElement": {"element": st.just("hydrant"), "element_id": st.sampled_from("hi")},
}
FIELDS = {**ON_INCIDENT, **ELSEWHERE}
STEPS = st.sampled_from([*FIELDS, *OFTEN]).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(FIELDS[name]), st.integers(0, 2), ACTORS)
)
HISTORIES = st.lists(STEPS, min_size=30, max_size=60)


def command_of(step: Step, node: Node) -> Command | None:
    """The step on one of the incidents there are by now; None while there is none."""
    name, fields, which, _ = step
    if name in ELSEWHERE:
        return getattr(c, name)(**fields)  # type: ignore[no-any-return]
    known = list(dict.fromkeys(r.incident_id for r in node.journal if r.incident_id is not None))
    return getattr(c, name)(incident_id=known[which % len(known)], **fields) if known else None


def play(steps: list[Step]) -> Node:
    node = Node()
    for unit_id in UNITS[:3]:
        node.unit(unit_id)
    node.incident()
    for step in steps:
        node.pass_time(7)
        command = command_of(step, node)
        if command is None:
            continue
        before = node.picture
        try:
            node.give(command, step[3])
        except DispatchError:
            assert node.picture is before  # a refusal changes nothing
    return node


def assert_consistent(picture: OperatingPicture) -> None:
    """A unit and its assignment say the same, and no unit is on two incidents."""
    crews = [(a, i.incident_id) for i in picture.incidents.values() for a in i.active_assignments if not a.service]
    active = [(a.unit_id, incident_id, a.stage) for a, incident_id in crews]
    assert len({unit_id for unit_id, _, _ in active}) == len(active)
    for unit_id, incident_id, stage in active:
        assert picture.units[unit_id].incident_id == incident_id
        assert picture.units[unit_id].status == STATUS_BY_ASSIGNMENT_STAGE[stage]
    assert {u.unit_id for u in picture.units.values() if u.incident_id is not None} == {unit_id for unit_id, _, _ in active}
    for incident in picture.incidents.values():
        assert incident.is_open or not incident.active_assignments
    assert {id_ for id_, incident in picture.incidents.items() if not incident.is_open} == set(picture.ended_order)


@pytest.fixture(autouse=True)
def _few_ended_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "KEPT_ENDED", 2)


@settings(max_examples=100, deadline=None)
@given(HISTORIES, st.data())
def test_fold_of_the_journal_is_the_live_picture_at_any_cut(steps: list[Step], data: st.DataObject) -> None:
    node = play(steps)
    assert fold(OperatingPicture(), node.journal, node.load) == node.picture
    cut = data.draw(st.integers(0, len(node.journal)))
    head = fold(OperatingPicture(), node.journal[:cut], node.load)
    assert head.revision == cut
    assert fold(head, node.journal[cut:], node.load) == node.picture
    assert_consistent(head)
    assert_consistent(node.picture)
    assert len(node.picture.ended_order) <= 2


@settings(max_examples=40, deadline=None)
@given(HISTORIES)
def test_every_incident_counts_its_events(steps: list[Step]) -> None:
    node = play(steps)
    for incident_id in {r.incident_id for r in node.journal if r.incident_id is not None}:
        versions = [r.incident_version for r in node.journal if r.incident_id == incident_id]
        assert versions == list(range(1, len(versions) + 1))
        incident = node.load(incident_id)
        assert incident is not None
        assert incident.version == len(versions)
