"""Warnings of a place: set from an incident, shown to later ones there, lifted or expired by the clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dispatch import commands as c
from dispatch.errors import NotFound
from dispatch.events import PlaceWarned
from dispatch.model import Actor, Grade
from dispatch.warnings import holding
from tests.dispatch.driver import CITY, START, STATION, Node, refusal

COMMANDER = Actor("chen", "commander", CITY)
METRE = 1 / 111_195
LON, LAT = 121.55, 29.87


def incident(node: Node, north_m: float | None = 0, address: str = "") -> str:
    """At so many metres north of the place, or without a point."""
    point = {} if north_m is None else {"lon": LON, "lat": LAT + north_m * METRE}
    received = c.ReceiveIncident(incident_type="dispute", grade=Grade.ORDINARY, org_code=STATION, address=address, **point)
    (recorded,) = node.give(received)
    return str(recorded.incident_id)


def warn(node: Node, incident_id: str, days: float = 30, text: str = "keeps an axe behind the door", **more: Any) -> Any:
    command = c.WarnPlace(incident_id=incident_id, warning="armed", text=text, expires_at=node.now + timedelta(days=days), **more)
    return node.give(command, COMMANDER)


def told(node: Node, incident_id: str) -> list[str]:
    return [one.text for one in holding(node.picture.warnings.values(), node.picture.incidents[incident_id], node.now)]


def test_a_later_incident_at_the_place_is_warned_of_whoever_set_it(node: Node) -> None:
    first = incident(node)
    (recorded,) = warn(node, first)
    assert isinstance(recorded.body, PlaceWarned)
    node.give(c.Cancel(incident_id=first))
    here, next_door, elsewhere = incident(node, 40), incident(node, 60), incident(node, 5_000)
    assert [told(node, one) for one in (here, next_door, elsewhere)] == [["keeps an axe behind the door"], [], []]
    (warning,) = node.picture.warnings.values()
    assert (warning.set_by, warning.set_at, warning.source, warning.org_code) == ("chen", START, "desk", STATION)


def test_it_expires_by_the_clock_and_is_forgotten_with_the_next(node: Node) -> None:
    first = incident(node)
    warn(node, first, days=1)
    node.pass_time(86_399)
    assert told(node, first)
    node.pass_time(1)
    assert told(node, first) == []
    assert len(node.picture.warnings) == 1
    warn(node, first, text="a dog as well")
    assert [one.text for one in node.picture.warnings.values()] == ["a dog as well"]


def test_the_same_address_counts_where_a_point_is_missing(node: Node) -> None:
    warn(node, incident(node, None, "中山路1号"))
    assert told(node, incident(node, None, " 中山路1号 "))
    assert told(node, incident(node, None, "中山路2号")) == []
    assert told(node, incident(node, None)) == []


def test_it_is_lifted_with_a_reason_and_set_once(node: Node) -> None:
    first = incident(node)
    (recorded,) = warn(node, first)
    assert warn(node, first) == ()
    lift = c.LiftWarning(incident_id=incident(node), warning_id=recorded.body.warning_id, text="moved away")
    assert "text-missing" in refusal(node, c.LiftWarning(incident_id=first, warning_id=recorded.body.warning_id, text=" "))
    assert node.give(lift, COMMANDER)
    assert told(node, first) == []
    assert "unknown-warning" in refusal(node, lift, NotFound)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"days": 0}, "implausible-time: expires_at"),
        ({"days": 400}, "is not within the next 366 days"),
        ({"text": " "}, "text-missing"),
        ({"radius_m": 1.0}, "unsound-point: radius_m 1.0"),
        ({"radius_m": float("nan")}, "unsound-point: radius_m nan"),
    ],
)
def test_what_can_not_be_warned_of(node: Node, fields: dict[str, Any], said: str) -> None:
    days = fields.pop("days", 30)
    text = fields.pop("text", "x")
    first = incident(node)
    command = c.WarnPlace(incident_id=first, warning="armed", text=text, expires_at=node.now + timedelta(days=days), **fields)
    assert said in refusal(node, command)


def test_a_place_that_nobody_knows_carries_no_warning(node: Node) -> None:
    nowhere = incident(node, None)
    command = c.WarnPlace(incident_id=nowhere, warning="armed", text="x", expires_at=node.now + timedelta(days=1))
    assert "no-point: Incident 1 has neither point nor address" in refusal(node, command)
