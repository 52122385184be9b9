"""What leaves over HTTP: domain objects as one actor may see them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from dispatch.events import Recorded
from dispatch.model import Actor, Incident, Unit
from dispatch.picture import OperatingPicture
from operations.access.authority import Action
from operations.records import event_view as events

if TYPE_CHECKING:
    from operations.services import Services

Json = dict[str, Any]


def incident_view(services: Services, actor: Actor, incident: Incident, picture: OperatingPicture) -> Json:
    """An incident with the name of its organisation; the caller is not in it (`with_caller`)."""
    told = services.authority.incident_for(actor, incident, picture)
    shown: Json = msgspec.to_builtins(told)
    organisation = services.organisations.get(incident.org_code)
    shown["org_name"] = organisation.name if organisation is not None else ""
    return shown | services.loop_view(told)


async def with_caller(services: Services, actor: Actor, incident: Incident, picture: OperatingPicture) -> Json:
    """The same with `caller`, whole, masked or null as the actor may see it."""
    shown = incident_view(services, actor, incident, picture)
    shown["caller"] = await services.personal.caller(actor, incident, "api")
    return shown


def event_view(services: Services, actor: Actor, recorded: Recorded, picture: OperatingPicture) -> Json:
    """A journal event the actor may see (`operations.records.event_view`)."""
    return events.event_view(services.authority, actor, recorded, picture)


async def visible_events(services: Services, actor: Actor, recorded: list[Recorded], picture: OperatingPicture) -> list[Json]:
    """Views of those the actor may see."""
    return await events.visible_events(services.authority, services.history, actor, recorded, picture)


class Fixes:
    """Newest positions by unit id, of now or of the past: how a unit's row gets its place."""

    def __init__(self, unit_ids: list[str], columns: Any) -> None:
        self._unit_ids = unit_ids
        self._columns = columns

    @cached_property
    def _index(self) -> dict[str, int]:
        return {unit_id: index for index, unit_id in enumerate(self._unit_ids)}

    def of(self, unit_id: str) -> Json:
        """lon, lat, heading_deg, speed_mps, position_at, received_at; null where unknown."""
        index = self._index.get(unit_id)
        if index is None:
            return dict.fromkeys(_FIX)
        c = self._columns
        return {
            "lon": _number(c.lon[index], 6),
            "lat": _number(c.lat[index], 6),
            "heading_deg": _number(c.heading_deg[index], 1),
            "speed_mps": _number(c.speed_mps[index], 1),
            "position_at": _instant(c.position_at[index]),
            "received_at": _instant(c.received_at[index]),
        }


_FIX = ("lon", "lat", "heading_deg", "speed_mps", "position_at", "received_at")


def live_fixes(services: Services) -> Fixes:
    """The table as it is now: copied on the event loop, because later writes change it in place; then for any thread."""
    table, n = services.positions, services.positions.count
    return Fixes(table.unit_ids[:n], SimpleNamespace(**{name: getattr(table, name)[:n].copy() for name in _FIX}))


def unit_view(services: Services, actor: Actor, unit: Unit, picture: OperatingPicture, fixes: Fixes) -> Json:
    """A unit the actor may see: beyond the scope only position, callsign, kind and status."""
    incident = picture.incidents.get(unit.incident_id) if unit.incident_id is not None else None
    sees_incident = incident is not None and services.authority.may_see_incident(actor, incident, picture)
    row: Json = {
        "unit_id": unit.unit_id,
        "callsign": unit.callsign,
        "kind": unit.kind,
        "org_code": unit.org_code,
        "status": unit.status,
        "status_since": unit.status_since,
        "marked": unit.marked,
        "registered": unit.registered,
        "incident_id": unit.incident_id if sees_incident else None,
    }
    if services.authority.may_see_crew(actor, unit):
        crew = unit.crew
        row |= {"trackers": crew.trackers, "members": crew.members, "radio_group": crew.radio_group}
        row |= {"vehicle": crew.vehicle, "beat": crew.beat, "task": unit.task, "off_duty_since": unit.off_duty_since}
    return row | fixes.of(unit.unit_id)


def visible_units(services: Services, actor: Actor, picture: OperatingPicture, fixes: Fixes) -> list[Json]:
    units = (unit for unit in picture.units.values() if services.authority.may_see_unit(actor, unit, picture))
    return [unit_view(services, actor, unit, picture, fixes) for unit in units]


def visible_incidents(services: Services, actor: Actor, picture: OperatingPicture) -> list[Json]:
    """Open ones, most urgent first."""
    seen = (i for i in picture.open_incidents() if services.authority.may_see_incident(actor, i, picture))
    return [incident_view(services, actor, incident, picture) for incident in seen]


def element_counts(services: Services, actor: Actor, units: list[Json], incidents: list[Json]) -> Json:
    """Counts by element; of units and incidents only those the actor sees."""
    if not services.authority.can(actor, Action.SEE_ELEMENTS):
        return {}
    counts = services.elements.counts()
    for element, kind in services.catalogue.kinds.items():
        if kind.source == "units":
            counts[element]["count"] = sum(unit["kind"] == element for unit in units)
        elif kind.source == "incidents":
            counts[element]["count"] = len(incidents)
    return counts


def _number(value: Any, digits: int) -> float | None:
    return None if np.isnan(value) else round(float(value), digits)


def _instant(unix_s: Any) -> datetime | None:
    return None if unix_s <= 0 else datetime.fromtimestamp(float(unix_s), UTC)
