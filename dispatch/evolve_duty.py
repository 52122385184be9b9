"""What a unit, the shifts and the musters are after one more of their events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from dispatch.duty_events import (
    CrewSignedOff,
    CrewSignedOn,
    DutyBegan,
    DutyEnded,
    MusterAnswered,
    MusterEnded,
    ReservesMustered,
    ShiftCancelled,
    ShiftHandoverSigned,
    ShiftPlanned,
    UnitStatusSet,
)
from dispatch.events import Recorded
from dispatch.model import Unit, UnitStatus
from dispatch.shifts import KEPT_FOR, Muster, MusterAnswer, Shift, Signature

Shifts = dict[str, tuple[Shift, ...]]
Musters = dict[str, Muster]


def status_when_free(unit: Unit) -> UnitStatus:
    """What a unit is once it is on no incident: off duty where its shift has ended meanwhile (it worked overtime)."""
    return UnitStatus.AVAILABLE if unit.off_duty_since is None else UnitStatus.OUT_OF_SERVICE


def evolve_unit(unit: Unit, recorded: Recorded) -> Unit:
    """The unit after one of its own events."""
    body, at = recorded.body, recorded.occurred_at
    match body:
        case UnitStatusSet():
            changed = msgspec.structs.replace(unit, own_status=body.status, task=body.text)
            return _with_status(changed, UnitStatus.OUT_OF_SERVICE if unit.off_duty_since is not None else body.status, at)
        case CrewSignedOn():
            return msgspec.structs.replace(unit, signed_on_at=at, signed_off_at=None)
        case CrewSignedOff():
            return msgspec.structs.replace(unit, signed_off_at=at)
        case DutyBegan():
            return _on_duty(unit, body, at)
        case DutyEnded():
            return _off_duty(unit, body, at)
        case _:
            return unit


def _on_duty(unit: Unit, body: DutyBegan, at: datetime) -> Unit:
    changed = msgspec.structs.replace(unit, off_duty_since=None, shift_id=body.shift_id, muster_id=body.muster_id, rostered=body.row)
    return changed if unit.off_duty_since is None else _with_status(changed, unit.own_status, at)


def _off_duty(unit: Unit, body: DutyEnded, at: datetime) -> Unit:
    own = unit.own_status
    if unit.off_duty_since is None:
        # Its own task ends with its shift; a car that is broken stays broken.
        own = UnitStatus.OUT_OF_SERVICE if unit.status == UnitStatus.OUT_OF_SERVICE else UnitStatus.AVAILABLE
    changed = msgspec.structs.replace(unit, off_duty_since=body.since, own_status=own, shift_id="", muster_id="", rostered=None, task="")
    return _with_status(changed, UnitStatus.OUT_OF_SERVICE, at)


def _with_status(unit: Unit, status: UnitStatus, at: datetime) -> Unit:
    """A unit on an incident keeps the status that follows from there."""
    if unit.incident_id is not None or status == unit.status:
        return unit
    return msgspec.structs.replace(unit, status=status, status_since=at)


def evolve_duty(shifts: Shifts, musters: Musters, recorded: Recorded) -> dict[str, Any]:
    """What of `shifts` and `musters` is another after one event about an organisation's duty."""
    body = recorded.body
    match body:
        case ShiftPlanned() | ShiftCancelled() | ShiftHandoverSigned():
            return {"shifts": _shifts_after(shifts, recorded, body)}
        case ReservesMustered():
            muster = Muster(body.muster_id, body.org_code, body.unit_ids, body.text, recorded.actor, recorded.occurred_at, body.until)
            kept = {id_: m for id_, m in musters.items() if (m.ended_at or m.until) > recorded.occurred_at - KEPT_FOR}
            return {"musters": kept | {muster.muster_id: muster}}
        case MusterAnswered() if body.muster_id in musters:
            muster = musters[body.muster_id]
            answers = muster.answers | {body.unit_id: MusterAnswer(body.coming, recorded.occurred_at, body.text)}
            return {"musters": musters | {body.muster_id: msgspec.structs.replace(muster, answers=answers)}}
        case MusterEnded() if body.muster_id in musters:
            ended = msgspec.structs.replace(musters[body.muster_id], ended_at=recorded.occurred_at)
            return {"musters": musters | {body.muster_id: ended}}
        case _:
            return {}


def _shifts_after(shifts: Shifts, recorded: Recorded, body: ShiftPlanned | ShiftCancelled | ShiftHandoverSigned) -> Shifts:
    of_org = shifts.get(body.org_code, ())
    known = next((shift for shift in of_org if shift.shift_id == body.shift_id), None)
    others = tuple(shift for shift in of_org if shift.shift_id != body.shift_id)
    if isinstance(body, ShiftHandoverSigned):
        if known is None:
            return shifts
        signature = Signature(body.side, body.name, recorded.actor, recorded.occurred_at, body.at_revision)
        changed = (*others, msgspec.structs.replace(known, signed=(*known.signed, signature)))
    elif isinstance(body, ShiftCancelled):
        changed = others
    else:
        planned = Shift(
            org_code=body.org_code,
            shift_id=body.shift_id,
            name=body.name,
            starts_at=body.starts_at,
            ends_at=body.ends_at,
            leader=body.leader,
            radio_group=body.radio_group,
            crews={row.unit_id: row for row in body.crews},
            signed=() if known is None else known.signed,
        )
        kept = tuple(shift for shift in others if shift.ends_at > recorded.occurred_at - KEPT_FOR)
        changed = (*kept, planned)
    after = {org_code: of for org_code, of in shifts.items() if org_code != body.org_code}
    if changed:  # an organisation whose last shift was cancelled keeps no roster
        after[body.org_code] = tuple(sorted(changed, key=lambda s: (s.starts_at, s.shift_id)))
    return after
