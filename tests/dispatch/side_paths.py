"""Who acts on the side paths of the loop, and the incidents they begin from."""

from __future__ import annotations

from collections.abc import Callable

from dispatch import commands as c
from dispatch.commands import Command
from dispatch.model import Actor, Incident
from tests.dispatch.driver import CITY, STATION, Node, crew

OTHER_STATION = "330203510000"
STATION_DESK = Actor("wang", "operator", STATION)
OTHER_DESK = Actor("zhao", "operator", OTHER_STATION)
CITY_DESK = Actor("chen", "commander", CITY)

Make = Callable[[str], Command]


def seen(node: Node, incident_id: str) -> Incident:
    return node.picture.incidents[incident_id]


def lead_of(node: Node, incident_id: str) -> str | None:
    """The unit that is responsible."""
    lead = seen(node, incident_id).lead
    return None if lead is None else lead.unit_id


def kinds(records: tuple[object, ...]) -> list[type]:
    return [type(recorded.body) for recorded in records]  # type: ignore[attr-defined]


def fed_back(node: Node, *unit_ids: str) -> str:
    """An incident whose first unit has given feedback."""
    incident_id = node.pushed(*unit_ids)
    node.give(c.Feedback(incident_id=incident_id, text="settled"), crew(unit_ids[0]))
    return incident_id


def closed(node: Node) -> str:
    incident_id = node.incident()
    node.give(c.Close(incident_id=incident_id, disposition="settled"))
    return incident_id


def merged(node: Node) -> tuple[str, str]:
    """A further call and the incident it was merged into."""
    into, further = node.incident(), node.incident()
    node.give(c.Merge(incident_id=further, into=into))
    return further, into
