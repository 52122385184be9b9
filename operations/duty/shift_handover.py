"""The hand-over sheet 交接班 of one shift: what the leader who goes leaves to the one who comes. Pure of one picture and its instant.

Nothing of it is stored: made again from the picture at the same revision it is the same, whenever that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import msgspec

from dispatch.deadlines import Targets, alarms, deadlines, supervised
from dispatch.duty import standing, status_at
from dispatch.events import NoteAdded, Recorded
from dispatch.model import Incident, Unit, UnitStatus
from dispatch.picture import OperatingPicture
from dispatch.shifts import Shift
from operations.duty.rosters import Json, SeesUnit, musters_of, roster_view

SeesIncident = Callable[[Incident], bool]
# Crews that are out or away; the others stand by.
OUT = frozenset(UnitStatus) - {UnitStatus.AVAILABLE, UnitStatus.OUT_OF_SERVICE}


def concerns(incident: Incident, org_code: str) -> bool:
    """Whether the organisation has something to do with an open incident: owns it, was offered or told of it."""
    told = (incident.org_code, incident.handover_to, incident.escalated_to, *(miss.org_code for miss in alarms(incident)))
    return incident.is_open and org_code in told


def incidents_of(picture: OperatingPicture, org_code: str, sees: SeesIncident) -> list[Incident]:
    """What is on the sheet, most urgent first."""
    return [incident for incident in picture.open_incidents() if concerns(incident, org_code) and sees(incident)]


def sheet(
    picture: OperatingPicture,
    at: datetime,
    shift: Shift,
    incidents: Iterable[Incident],
    notes: Mapping[str, list[Recorded]],
    targets: Targets,
    sees: SeesUnit,
) -> Json:
    """The sheet's content. `notes`: events of the timeline of each incident, up to the picture's revision."""
    roster = roster_view(picture, shift.org_code, at, sees)
    units = [u for u in picture.units.values() if u.org_code == shift.org_code and sees(u)]
    out = [u for u in units if u.incident_id is not None or status_at(u, standing(picture, u, at)) in OUT]
    return {
        "revision": picture.revision,
        "at": at,
        "incidents": [_incident_row(picture, incident, notes.get(incident.incident_id, []), targets, at, sees) for incident in incidents],
        "crews_out": [_crew_row(picture, unit, at) for unit in sorted(out, key=lambda u: u.callsign)],
        "on_duty": len(roster["on_duty"]),
        "next": _next(picture, shift, at),
        "musters": roster["musters"] if musters_of(picture, shift.org_code, at) else [],
    }


def _incident_row(
    picture: OperatingPicture, incident: Incident, notes: Iterable[Recorded], targets: Targets, at: datetime, sees: SeesUnit
) -> Json:
    due = next(iter(deadlines(incident, targets)), None)
    crews = []
    for one in incident.active_assignments:
        unit = picture.units.get(one.unit_id)
        if unit is None or sees(unit):
            crews.append({"name": one.unit_id if unit is None else unit.callsign, "stage": one.stage, "service": one.service})
    return {
        "incident_id": incident.incident_id,
        "number": incident.number,
        "incident_type": incident.incident_type,
        "grade": incident.grade,
        "stage": incident.stage,
        "stage_since": incident.stage_since,
        "address": incident.address,
        "text": incident.text,
        "org_code": incident.org_code,
        "crews": crews,
        "due": None if due is None else {"step": due.step, "due_at": due.due_at, "late": due.due_at <= at},
        "alarms": [miss.step for miss in alarms(incident)],
        "supervised": [miss.step for miss in supervised(incident)],
        "notes": [{"at": r.occurred_at, "by": r.actor, "text": r.body.text} for r in notes if isinstance(r.body, NoteAdded)],
    }


def _crew_row(picture: OperatingPicture, unit: Unit, at: datetime) -> Json:
    stands = standing(picture, unit, at)
    incident = picture.incidents.get(unit.incident_id or "")
    return {
        "callsign": unit.callsign,
        "status": status_at(unit, stands),
        "task": unit.task,
        "incident_number": None if incident is None else incident.number,
        "overtime": not stands.on_duty,
        "members": list(unit.crew.members),
    }


def _next(picture: OperatingPicture, shift: Shift, at: datetime) -> Json | None:
    """The shift that takes over: the one that begins last before this one has ended, else the first after it."""
    others = [s for s in picture.shifts.get(shift.org_code, ()) if s.shift_id != shift.shift_id and s.ends_at > shift.ends_at]
    following = min(others, key=lambda s: (s.starts_at, s.shift_id), default=None)
    return None if following is None else msgspec.to_builtins(following)
