"""Rosters as one actor may see them: who is on duty, who works overtime, what comes next, who was called in.

Pure of one picture and one instant, so that the same page can be made for any moment of the past.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from dispatch.duty import Standing, next_shift, standing, status_at
from dispatch.model import Unit
from dispatch.picture import OperatingPicture
from dispatch.shifts import Muster, Shift

Json = dict[str, Any]
# Whether the reader may know of this unit at all: plain clothes are left out of every list.
SeesUnit = Callable[[Unit], bool]


def roster_view(picture: OperatingPicture, org_code: str, at: datetime, sees: SeesUnit) -> Json:
    """One organisation's duty at an instant."""
    shifts = picture.shifts.get(org_code, ())
    units = sorted((u for u in picture.units.values() if u.org_code == org_code and sees(u)), key=lambda u: u.callsign)
    stands = {unit.unit_id: standing(picture, unit, at) for unit in units}
    rows = {unit.unit_id: _crew_row(picture, unit, stands[unit.unit_id], at) for unit in units}
    on_duty = [rows[unit.unit_id] for unit in units if stands[unit.unit_id].on_duty]
    coming = [shift for shift in shifts if shift.starts_at > at]
    known = {unit.unit_id for unit in units}
    return {
        "org_code": org_code,
        "at": at,
        "keeps_roster": bool(shifts),
        # Everybody of an organisation whose plan has run out is off duty until it plans again.
        "has_run_out": bool(shifts) and all(shift.ends_at <= at for shift in shifts),
        "running": [shift_view(shift, known) for shift in shifts if shift.is_running(at)],
        "next": shift_view(coming[0], known) if coming else None,
        "on_duty": on_duty,
        "overtime": [row for row in rows.values() if row["overtime"]],
        "off_duty": [rows[unit.unit_id] for unit in units if not stands[unit.unit_id].on_duty and not rows[unit.unit_id]["overtime"]],
        "musters": [muster_view(picture, muster, at, sees) for muster in musters_of(picture, org_code, at)],
    }


def shift_view(shift: Shift, known: set[str] | None = None) -> Json:
    """A shift with its roster; `known` are the units the reader may know of."""
    shown: Json = msgspec.to_builtins(shift)
    shown["crews"] = [msgspec.to_builtins(row) for row in shift.crews.values() if known is None or row.unit_id in known]
    return shown


def musters_of(picture: OperatingPicture, org_code: str, at: datetime) -> list[Muster]:
    """Running musters of the organisation, or of one above that call in its crews; newest first."""
    running = [muster for muster in picture.musters.values() if muster.is_running(at)]
    units = {unit_id for unit_id, unit in picture.units.items() if unit.org_code == org_code}
    return [muster for muster in reversed(running) if muster.org_code == org_code or units.intersection(muster.unit_ids)]


def muster_view(picture: OperatingPicture, muster: Muster, at: datetime, sees: SeesUnit) -> Json:
    """A muster, and how many of its crews have answered what."""
    crews = []
    for unit_id in muster.unit_ids:
        unit, answer = picture.units.get(unit_id), muster.answers.get(unit_id)
        if unit is not None and sees(unit):
            coming = None if answer is None else answer.coming
            crews.append({"unit_id": unit_id, "callsign": unit.callsign, "coming": coming, "text": "" if answer is None else answer.text})
    return {
        "muster_id": muster.muster_id,
        "org_code": muster.org_code,
        "text": muster.text,
        "by": muster.by,
        "called_at": muster.called_at,
        "until": muster.until,
        "ended_at": muster.ended_at,
        "running": muster.is_running(at),
        "crews": crews,
        "answered": sum(crew["coming"] is not None for crew in crews),
        "coming": sum(crew["coming"] is True for crew in crews),
    }


def duty_view(picture: OperatingPicture, unit: Unit, at: datetime) -> Json:
    """What is said of one unit's duty beside it."""
    stands = standing(picture, unit, at)
    coming = next_shift(picture, unit, at)
    return {
        "on_duty": stands.on_duty,
        "why": stands.why,
        "since": stands.since,
        "until": stands.until,
        "shift_id": None if stands.shift is None else stands.shift.shift_id,
        "shift_name": None if stands.shift is None else stands.shift.name,
        "muster_id": None if stands.muster is None else stands.muster.muster_id,
        "signed_on": stands.signed_on,
        "overtime": _is_overtime(unit, stands),
        "next_at": None if coming is None else coming.starts_at,
    }


def _is_overtime(unit: Unit, stands: Standing) -> bool:
    """It is still on an incident although its duty is over."""
    return not stands.on_duty and unit.incident_id is not None


def _crew_row(picture: OperatingPicture, unit: Unit, stands: Standing, at: datetime) -> Json:
    row = stands.shift.crews.get(unit.unit_id) if stands.shift is not None else None
    crew = msgspec.structs.replace(unit, rostered=row).crew
    incident = picture.incidents.get(unit.incident_id or "")
    return {
        "unit_id": unit.unit_id,
        "callsign": unit.callsign,
        "kind": unit.kind,
        "status": status_at(unit, stands),
        "task": unit.task,
        "members": list(crew.members),
        "vehicle": crew.vehicle,
        "radio_group": crew.radio_group,
        "beat": crew.beat,
        "incident_number": None if incident is None else incident.number,
        **duty_view(picture, unit, at),
    }
