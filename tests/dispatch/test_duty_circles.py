"""Duty circles: set and changed as a whole, versions that never repeat, refusals that name the field, and what they bind at grade 1."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import commands as c
from dispatch import events as e
from dispatch.deadlines import deadlines, load_targets
from dispatch.duty_circles import MAX_VERTICES, Force, Gate, Tier
from dispatch.errors import Conflict, NotFound
from dispatch.evolve import fold
from dispatch.model import Area, Grade, Step, UnitKind
from dispatch.picture import OperatingPicture
from dispatch.rules import duty_circles as rules
from storage.read_models import picture_bytes, picture_of_bytes
from tests.dispatch.driver import STATION, Node, refusal

SQUARE = (((121.5, 29.8), (121.6, 29.8), (121.6, 29.9), (121.5, 29.8)),)


def tier(minutes: float = 1.0, **more: Any) -> Tier:
    fields = {"area": (SQUARE,), "forces": (Force(STATION, UnitKind.PATROL_CAR, 2),)} | more
    return Tier(minutes, **fields)


def circle(**more: Any) -> c.SetDutyCircle:
    fields: dict[str, Any] = {
        "circle_id": "railway",
        "name": "火车站",
        "org_code": STATION,
        "lon": 121.55,
        "lat": 29.85,
        "tiers": (tier(),),
    }
    return c.SetDutyCircle(**(fields | more))


def test_a_circle_is_set_changed_and_withdrawn_and_its_versions_count_on(node: Node) -> None:
    node.give(circle())
    assert node.give(circle()) == (), "the same again changes nothing"
    node.give(circle(tiers=(tier(1), tier(3)), expected_version=1))
    node.give(c.WithdrawDutyCircle(circle_id="railway", text="rebuilt", expected_version=2))
    assert node.give(c.WithdrawDutyCircle(circle_id="railway", text="again")) == ()
    gone = node.picture.duty_circles["railway"]
    assert (gone.withdrawn, gone.version, gone.tiers) == (True, 3, ())
    node.give(circle(expected_version=3))
    again = node.picture.duty_circles["railway"]
    assert (again.withdrawn, again.version, again.name, len(again.tiers)) == (False, 4, "火车站", 1)
    assert [type(one.body) for one in node.journal] == [e.DutyCircleSet, e.DutyCircleSet, e.DutyCircleWithdrawn, e.DutyCircleSet]
    assert fold(OperatingPicture(), node.journal) == node.picture
    assert picture_of_bytes(picture_bytes(node.picture)) == node.picture


def test_who_has_seen_another_version_is_told(node: Node) -> None:
    assert "no such duty circle yet, not 2" in refusal(node, circle(expected_version=2), Conflict)
    node.give(circle(expected_version=0))
    assert "火车站 is at version 1, not 0" in refusal(node, circle(expected_version=0, name="x"), Conflict)
    assert "unknown-circle" in refusal(node, c.WithdrawDutyCircle(circle_id="other", text="x"), NotFound)


OPEN = (((121.5, 29.8), (121.6, 29.8), (121.6, 29.9), (121.5, 29.9)),)
LONG = ((*((121.5 + k / 1e5, 29.8) for k in range(MAX_VERTICES)), (121.5, 29.8)),)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (circle(tiers=()), "tiers: has 0 tiers; give 1 to 5"),
        (circle(tiers=(tier(3), tier(1))), "tiers[1].minutes: is 1 after 3; put the tiers in ascending order"),
        (circle(tiers=(tier(float("nan")),)), "tiers[0].minutes: is nan"),
        (circle(tiers=(tier(31),)), "tiers[0].minutes: is 31; give more than 0 and at most 30"),
        (circle(tiers=(tier(area=()),)), "tiers[0].area: is empty"),
        (circle(tiers=(tier(area=(OPEN,)),)), "tiers[0].area: has an outline that is not closed"),
        (circle(tiers=(tier(area=(LONG,)),)), f"tiers[0].area: has {MAX_VERTICES + 1} points; give at most {MAX_VERTICES}"),
        (circle(tiers=(tier(forces=(Force(STATION, UnitKind.PATROL_CAR, 0),)),)), "tiers[0].forces[0].count: is 0; give 1 to 99"),
        (circle(tiers=(tier(gates=(Gate("", 121.5, 29.8),)),)), "tiers[0].gates[0].name: is empty"),
        (circle(tiers=(tier(gates=(Gate("g", 121.5, 129.8),)),)), "tiers[0].gates[0]: lies at 121.5, 129.8"),
        (circle(tiers=(tier(notes="\x00"),)), "contains a character that can't be stored"),
        (circle(lat=float("nan")), "unsound-point"),
        (circle(name=" "), "name-missing"),
    ],
)
def test_a_circle_that_can_not_be_names_the_field_and_the_remedy(node: Node, command: c.SetDutyCircle, said: str) -> None:
    assert said in refusal(node, command)


def test_there_is_a_limit_to_how_many_hold(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_CIRCLES", 1)
    node.give(circle())
    assert "too-many-circles" in refusal(node, circle(circle_id="b"))
    node.give(circle(name="changed"))
    node.give(c.WithdrawDutyCircle(circle_id="railway", text="x"))
    node.give(circle(circle_id="b"))


@given(st.lists(st.tuples(st.sampled_from(["set", "withdraw"]), st.sampled_from("ab"), st.integers(1, 3)), max_size=12))
def test_whatever_is_done_versions_rise_and_the_journal_tells_it_all(steps: list[tuple[str, str, int]]) -> None:
    node = Node()
    versions: dict[str, list[int]] = {}
    for what, id_, minutes in steps:
        if what == "set":
            done = node.give(circle(circle_id=id_, tiers=(tier(minutes),)))
        elif id_ in node.picture.duty_circles:
            done = node.give(c.WithdrawDutyCircle(circle_id=id_, text="x"))
        else:
            continue
        versions.setdefault(id_, []).extend(one.body.version for one in done)  # type: ignore[union-attr]
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in versions.values())
    assert fold(OperatingPicture(), node.journal) == node.picture


def arrival_s(node: Node, incident_id: str) -> float | None:
    """Seconds from the push until the arrival is due; None: measured only."""
    incident = node.picture.incidents[incident_id]
    due = [one.due_at for one in deadlines(incident, load_targets()) if one.step == Step.ARRIVE]
    return (due[0] - incident.assignments[0].pushed_at).total_seconds() if due else None


@pytest.mark.parametrize(
    ("grade", "area", "bound", "expected"),
    [
        (Grade.MAJOR, Area.TOWN, 60.0, 60.0),
        (Grade.MAJOR, Area.COUNTRY, 180.0, 180.0),  # measured only by the city's table
        (Grade.MAJOR, Area.TOWN, 1200.0, 300.0),  # the city's own target is sooner
        (Grade.MAJOR, Area.TOWN, None, 300.0),
        (Grade.URGENT, Area.TOWN, 60.0, 300.0),
        (Grade.ORDINARY, Area.TOWN, 60.0, 900.0),
    ],
)
def test_a_duty_circle_binds_the_arrival_at_grade_1_alone(
    node: Node, grade: Grade, area: Area, bound: float | None, expected: float
) -> None:
    incident_id = node.incident(grade=grade, area=area)
    node.unit("A")
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",), arrive_within_s={} if bound is None else {"A": bound}))
    assert arrival_s(node, incident_id) == expected


def test_raised_to_grade_1_or_moved_the_binding_follows(node: Node) -> None:
    incident_id = node.incident(grade=Grade.URGENT, area=Area.TOWN)
    node.unit("A")
    node.give(c.Push(incident_id=incident_id, unit_ids=("A",), arrive_within_s={"A": 60.0}))
    node.pass_time(5)
    node.give(c.Classify(incident_id=incident_id, grade=Grade.MAJOR))
    assert arrival_s(node, incident_id) == 60.0
    node.give(c.Locate(incident_id=incident_id, lon=121.6, lat=29.9, area=Area.TOWN, arrive_within_s={"A": 180.0}))
    assert arrival_s(node, incident_id) == 180.0
    node.give(c.Locate(incident_id=incident_id, lon=121.7, lat=29.9, area=Area.TOWN))
    assert arrival_s(node, incident_id) == 300.0
    assert fold(OperatingPicture(), node.journal) == node.picture


def test_an_old_push_knows_no_circle() -> None:
    old = msgspec.json.decode(b'{"event":"unit_pushed","incident_id":"i","assignment_id":"a","unit_id":"u"}', type=e.UnitPushed)
    assert old.arrive_within_s is None
