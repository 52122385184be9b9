"""No command, no route and no button takes on more than one incident's alarm: whoever answers for one has looked at it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from dispatch import commands as c
from dispatch import events as e
from dispatch.deadlines import alarms
from dispatch.decide import RULES
from dispatch.errors import DispatchError
from dispatch.model import AssignmentStage, Step
from tests.dispatch.driver import DESK, START, STATION, Node

ROOT = Path(__file__).resolve().parents[2]


def alarmed(node: Node, unit_id: str) -> str:
    incident_id = node.pushed(unit_id)
    missed = {"step": Step.ARRIVE, "round": 0, "level": 0, "org_code": STATION, "due_at": START}
    assignment_id = node.picture.incidents[incident_id].assignments[0].assignment_id
    node.give(c.MissDeadline(incident_id=incident_id, assignment_id=assignment_id, **missed))  # type: ignore[arg-type]
    assert alarms(node.picture.incidents[incident_id])
    return incident_id


def commands_of_everything(incident_id: str) -> list[c.Command]:
    """Each command on an incident; without sensible choices some are refused, which is as good."""
    made: list[c.Command] = []
    known = {
        "incident_id": incident_id,
        "unit_ids": ("A",),
        "text": "x",
        "disposition": "settled",
        "to": "119",
        "service": "119",
        "to_org_code": STATION,
        "into": "id1",
        "assignment_id": "id7",
        "note_id": "id9",
        "other": "id1",
        "warning": "dog",
        "warning_id": "id3",
        "expires_at": START + timedelta(days=1),
        "stage": AssignmentStage.ACKNOWLEDGED,
        "kind": "good",
        "name": "x",
        "lon": 121.5,
        "lat": 29.8,
    }
    for kind in get_args(c.AnyIncidentCommand):
        taken = {field.encode_name for field in msgspec.structs.fields(kind)}
        made.append(kind(**{name: value for name, value in known.items() if name in taken}))
    return made


@pytest.mark.parametrize("kind", get_args(c.AnyCommand), ids=lambda kind: kind.__name__)
def test_every_command_names_at_most_one_incident(kind: type[c.Command]) -> None:
    several = [name for name in kind.__struct_fields__ if name in ("incident_ids", "incidents", "alarms", "all")]
    assert several == []
    assert issubclass(kind, c.IncidentCommand) or "incident_id" not in kind.__struct_fields__


def test_no_command_takes_on_the_alarm_of_another_incident() -> None:
    for position in range(len(commands_of_everything("x"))):
        node = Node()
        first, second = alarmed(node, "A"), alarmed(node, "B")
        command = commands_of_everything(first)[position]
        try:
            records = node.give(command, DESK)
        except DispatchError:
            continue
        assert alarms(node.picture.incidents[second]), type(command).__name__
        assert sum(isinstance(one.body, e.AlarmTaken) for one in records) <= 1


def test_the_one_command_that_takes_an_alarm_on_is_of_one_incident() -> None:
    taking = [kind for kind, rule in RULES.items() if rule.then.__name__ == "take_alarm"]
    assert taking == [c.TakeAlarm]
    assert issubclass(c.TakeAlarm, c.IncidentCommand)


def test_no_page_and_no_route_sends_it_for_several() -> None:
    """The name of the command stands where one button of one panel is made, and nowhere in a loop of the client."""
    asked = re.compile(r"take_alarm|TakeAlarm")
    sources = [*(ROOT / "dashboard").rglob("*.py"), *(ROOT / "dashboard" / "client" / "src").rglob("*.js")]
    named = {str(path.relative_to(ROOT)) for path in sources if asked.search(path.read_text(encoding="utf-8"))}
    assert named == {"dashboard/layouts/actions.py", "dashboard/layouts/due.py"}
