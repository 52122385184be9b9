"""Rules of duty: signing on and off, planning shifts, mustering reserves, signing the hand-over sheet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from dispatch.duty import EARLY, Standing, Why, change_of, next_shift, standing
from dispatch.duty_commands import (
    AnswerMuster,
    CancelShift,
    EndMuster,
    MusterReserves,
    PlanShift,
    SignOff,
    SignOn,
    SignShiftHandover,
    TellDuty,
)
from dispatch.duty_events import (
    CrewSignedOff,
    CrewSignedOn,
    MusterAnswered,
    MusterEnded,
    ReservesMustered,
    ShiftCancelled,
    ShiftHandoverSigned,
    ShiftPlanned,
)
from dispatch.errors import NotFound, RuleViolation
from dispatch.events import AnyEvent
from dispatch.model import Unit
from dispatch.rules.case import Case, assignment_of_unit, occurred_at, unit_name
from dispatch.rules.guards import LONG_AGO, MAX_NAME, string_sound
from dispatch.shifts import Muster, Rostered, Shift

Events = tuple[AnyEvent, ...]

MAX_CREWS = 500  # in one shift, in one muster
MAX_MEMBERS = 20  # of one crew; the same of trackers
LONGEST_SHIFT, LONGEST_MUSTER = timedelta(hours=48), timedelta(hours=48)
FAR = timedelta(days=400)  # nobody plans further ahead than a year
SIDES = ("outgoing", "incoming")


# Signing on and off -----------------------------------------------------------------------------------------------------


def sign_on(case: Case[SignOn]) -> Events:
    """A crew says that it is there; on duty at once where its shift has begun, by its beginning where that is within the hour."""
    unit = case.picture.units[case.command.unit_id]
    at = occurred_at(case.command, case.now)
    after = msgspec.structs.replace(unit, signed_on_at=at, signed_off_at=None)
    stands = standing(case.picture, after, case.now)
    if stands.on_duty:
        already = unit.signed_off_at is None and standing(case.picture, unit, case.now).signed_on
        shift_id = "" if stands.shift is None else stands.shift.shift_id
        return () if already else (CrewSignedOn(unit.unit_id, shift_id), *_change(case, after))
    coming = next_shift(case.picture, unit, case.now)
    if coming is None or coming.starts_at - EARLY > case.now:
        what = f"its next, {coming.name}, begins {_said(coming.starts_at)}" if coming is not None else "none is planned for it"
        detail = f"{unit_name(case, unit.unit_id)} can't sign on: it is in no shift now, {what}; put it on the roster or muster reserves."
        raise RuleViolation("not-rostered", detail)
    already = unit.signed_off_at is None and unit.signed_on_at is not None and unit.signed_on_at >= coming.starts_at - EARLY
    return () if already else (CrewSignedOn(unit.unit_id, coming.shift_id),)


def sign_off(case: Case[SignOff]) -> Events:
    """A crew goes home. One that is on an incident stays until it is released."""
    unit = case.picture.units[case.command.unit_id]
    if unit.signed_off_at is not None and not standing(case.picture, unit, case.now).on_duty:
        return ()
    busy = assignment_of_unit(case, unit.unit_id)
    if busy is not None:
        incident, assignment = busy
        where = f"it is {assignment.stage} on incident {incident.number} ({incident.incident_id})"
        raise RuleViolation("unit-assigned", f"{unit_name(case, unit.unit_id)} can't sign off: {where}; clear it or recall it there first.")
    after = msgspec.structs.replace(unit, signed_off_at=occurred_at(case.command, case.now))
    return (CrewSignedOff(unit.unit_id, case.command.text), *_change(case, after))


def _change(case: Case[Any], unit: Unit) -> Events:
    event = change_of(case.picture, unit, case.now)
    return () if event is None else (event,)


def tell_duty(case: Case[TellDuty]) -> Events:
    """Puts on record what the clock has changed; what is on record already is not told twice."""
    units = (case.picture.units.get(unit_id) for unit_id in case.command.unit_ids)
    return tuple(event for unit in units if unit is not None for event in _change(case, unit))


def units_on_duty(case: Case[Any]) -> None:
    """Nobody is sent who is off duty by roster or has signed off, unless reserves are mustered. Who is on it already stays on it."""
    on_it = {a.unit_id for a in case.incident.active_assignments if not a.service}
    for unit_id in case.command.unit_ids:
        stands = standing(case.picture, case.picture.units[unit_id], case.now)
        if stands.on_duty or unit_id in on_it:
            continue
        name = unit_name(case, unit_id)
        if stands.why == Why.SIGNED_OFF:
            detail = f"{name} can't be pushed: it signed off {_said(stands.since)}; let it sign on, muster reserves or choose another."
        else:
            detail = f"{name} can't be pushed: it is off duty{_since(stands)}; muster reserves or choose another."
        raise RuleViolation("unit-off-duty", detail)


def not_off_duty(case: Case[Any]) -> None:
    """A unit that is off duty gets no status of its own but out of service."""
    unit = case.picture.units[case.command.unit_id]
    stands = standing(case.picture, unit, case.now)
    if stands.on_duty or case.command.status == "out_of_service":
        return
    what = "has signed off" if stands.why == Why.SIGNED_OFF else "is off duty"
    detail = (
        f"{unit_name(case, unit.unit_id)} can't be set {case.command.status}: it {what}{_since(stands)}; let it sign on or muster reserves."
    )
    raise RuleViolation("unit-off-duty", detail)


def _since(stands: Standing) -> str:
    return "" if stands.since is None else f" since {_said(stands.since)}"


def _said(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="minutes")


# Planning ---------------------------------------------------------------------------------------------------------------


def plan_shift(case: Case[PlanShift]) -> Events:
    """New, or instead of the shift of the same id; what is over is a record and stays."""
    command = case.command
    for fault in _faults(case):
        raise RuleViolation("unsound-shift", f"Shift {command.shift_id} of {command.org_code}: {fault}.")
    event = ShiftPlanned(
        org_code=command.org_code,
        shift_id=command.shift_id,
        name=command.name,
        starts_at=command.starts_at.astimezone(UTC),
        ends_at=command.ends_at.astimezone(UTC),
        leader=command.leader,
        radio_group=command.radio_group,
        crews=command.crews,
    )
    known = find_shift(case.picture.shifts, command.org_code, command.shift_id)
    if known is not None and _planned(known) == event:
        return ()
    if known is not None:
        _require_changeable(known, case.now)
    if event.ends_at <= case.now:
        raise RuleViolation(
            "unsound-shift", f"Shift {command.shift_id} would end {_said(event.ends_at)}, which is over; plan what is to come."
        )
    return (event,)


def cancel_shift(case: Case[CancelShift]) -> Events:
    """Takes a shift out of the plan. Without any shift an organisation keeps no roster, and status alone decides."""
    known = find_shift(case.picture.shifts, case.command.org_code, case.command.shift_id)
    if known is None:
        return ()
    _require_changeable(known, case.now)
    return (ShiftCancelled(case.command.org_code, case.command.shift_id, case.command.text),)


def find_shift(shifts: dict[str, tuple[Shift, ...]], org_code: str, shift_id: str) -> Shift | None:
    """The shift of an organisation by its id."""
    return next((shift for shift in shifts.get(org_code, ()) if shift.shift_id == shift_id), None)


def _planned(shift: Shift) -> ShiftPlanned:
    return ShiftPlanned(
        org_code=shift.org_code,
        shift_id=shift.shift_id,
        name=shift.name,
        starts_at=shift.starts_at,
        ends_at=shift.ends_at,
        leader=shift.leader,
        radio_group=shift.radio_group,
        crews=tuple(shift.crews.values()),
    )


def _require_changeable(shift: Shift, now: datetime) -> None:
    if shift.ends_at <= now or shift.signed:
        why = "is signed" if shift.signed else f"ended {_said(shift.ends_at)}"
        raise RuleViolation("shift-over", f"Shift {shift.name} ({shift.shift_id}) {why} and is a record now; plan another.")


def _faults(case: Case[PlanShift]) -> Iterator[str]:
    command = case.command
    for name in ("starts_at", "ends_at"):
        at = getattr(command, name)
        if at.tzinfo is None:
            yield f"{name} {at.isoformat()} has no offset from UTC; add one, such as +08:00"
            return
        if not LONG_AGO < at < case.now + FAR:
            yield f"{name} {_said(at)} is no time to plan for; give one within {FAR.days} days"
    if not timedelta(0) < command.ends_at - command.starts_at <= LONGEST_SHIFT:
        yield f"it lasts from {_said(command.starts_at)} to {_said(command.ends_at)}; end it after its beginning and within 48 hours"
    if len(command.crews) > MAX_CREWS:
        yield f"it has {len(command.crews)} crews; plan at most {MAX_CREWS}"
    ids = [row.unit_id for row in command.crews]
    trackers = [tracker for row in command.crews for tracker in row.trackers]
    for row in command.crews:
        unit = case.picture.units.get(row.unit_id)
        if unit is None:
            yield f"there is no unit {row.unit_id!r}; register it or check the id"
        elif unit.org_code != command.org_code:
            yield f"unit {unit.callsign} ({row.unit_id}) belongs to {unit.org_code}; plan it there"
        if ids.count(row.unit_id) > 1:
            yield f"unit {row.unit_id} is named more than once; name it once with all its members"
        yield from _row_faults(row)
        for tracker in row.trackers:
            if trackers.count(tracker) > 1:
                yield f"tracker {tracker} is given to two crews; give it to one"


def _row_faults(row: Rostered) -> Iterator[str]:
    for name in ("members", "trackers"):
        values = getattr(row, name)
        if len(values) > MAX_MEMBERS:
            yield f"unit {row.unit_id} has {len(values)} {name}; give at most {MAX_MEMBERS}"
    for name, value in msgspec.structs.asdict(row).items():
        for one in value if isinstance(value, tuple) else (value,):
            string_sound(name, one)
            if isinstance(value, tuple) and not one.strip():
                yield f"unit {row.unit_id} has an empty entry in {name}; leave it out"


# Mustering --------------------------------------------------------------------------------------------------------------


def muster_reserves(case: Case[MusterReserves]) -> Events:
    """紧急集合: calls crews in until a time; each is asked and may be pushed meanwhile unless it says that it can't come."""
    command = case.command
    if command.until.tzinfo is None or not case.now < command.until <= case.now + LONGEST_MUSTER:
        detail = (
            f"until {command.until.isoformat()} is no end of a muster; give an instant with its offset from UTC, within 48 hours from now."
        )
        raise RuleViolation("implausible-time", detail)
    if not command.unit_ids:
        raise RuleViolation("nobody-to-muster", f"{command.org_code} has no crew off duty to call in; name the crews in unit_ids.")
    if len(command.unit_ids) > MAX_CREWS:
        raise RuleViolation("units-not-named", f"unit_ids names {len(command.unit_ids)} units; send at most {MAX_CREWS} in one muster.")
    unit_ids = tuple(dict.fromkeys(command.unit_ids))
    until = command.until.astimezone(UTC)
    for muster in case.picture.musters.values():
        same = (muster.org_code, muster.unit_ids, muster.text, muster.until) == (command.org_code, unit_ids, command.text, until)
        if same and muster.is_running(case.now):
            return ()
    return (ReservesMustered(command.org_code, case.new_id(), unit_ids, command.text, until),)


def answer_muster(case: Case[AnswerMuster]) -> Events:
    """A mustered crew says whether it comes; the newest word counts."""
    command, muster = case.command, _muster(case)
    name = unit_name(case, command.unit_id)
    if command.unit_id not in muster.unit_ids:
        raise RuleViolation("not-mustered", f"{name} was not called in by this muster; check muster_id {command.muster_id}.")
    answer = muster.answers.get(command.unit_id)
    if answer is not None and (answer.coming, answer.text) == (command.coming, command.text):
        return ()
    if not muster.is_running(case.now):
        raise RuleViolation("muster-over", f"The muster of {_said(muster.called_at)} is over; {name} need not answer any more.")
    return (MusterAnswered(muster.org_code, muster.muster_id, command.unit_id, command.coming, command.text),)


def end_muster(case: Case[EndMuster]) -> Events:
    """By command, or by the duty watch when its time is over."""
    muster = _muster(case)
    return () if muster.ended_at is not None else (MusterEnded(muster.org_code, muster.muster_id, case.command.text),)


def _muster(case: Case[AnswerMuster] | Case[EndMuster]) -> Muster:
    muster = case.picture.musters.get(case.command.muster_id)
    if muster is None:
        raise NotFound("unknown-muster", f"There is no muster {case.command.muster_id}, or it ended days ago; check the id.")
    return muster


# The hand-over sheet ----------------------------------------------------------------------------------------------------


def sign_shift_handover(case: Case[SignShiftHandover]) -> Events:
    """交接班: two leaders sign the same sheet, each under an account of their own."""
    command = case.command
    shift = find_shift(case.picture.shifts, command.org_code, command.shift_id)
    if shift is None:
        raise NotFound("unknown-shift", f"{command.org_code} has no shift {command.shift_id}, or it ended days ago; check the id.")
    if command.side not in SIDES:
        raise RuleViolation("unsound-signature", f"side {command.side!r} signs no sheet; send outgoing or incoming.")
    if not command.name.strip() or len(command.name) > MAX_NAME:
        raise RuleViolation("name-missing", f"name {command.name[:20]!r} is no name; give that of the duty leader who signs.")
    if case.now < shift.starts_at:
        raise RuleViolation("unsound-signature", f"Shift {shift.name} begins {_said(shift.starts_at)}; sign when it is handed over.")
    for signature in shift.signed:
        if signature.side == command.side:
            if (signature.name, signature.actor) == (command.name, case.actor.name):
                return ()
            detail = (
                f"The {command.side} side of shift {shift.name} was signed by {signature.name} ({signature.actor}) {_said(signature.at)}."
            )
            raise RuleViolation("already-signed", f"{detail} Write a note where something has to be added.")
        if signature.actor == case.actor.name:
            raise RuleViolation(
                "already-signed", f"{case.actor.name} has signed the {signature.side} side; the other leader signs under an own account."
            )
        if signature.revision != command.revision:
            signed = f"{signature.name} signed the sheet as of revision {signature.revision}, not {command.revision}"
            detail = f"{signed}; open the sheet again and sign that."
            raise RuleViolation("unsound-signature", detail)
    if not 0 < command.revision <= case.picture.revision:
        raise RuleViolation("unsound-signature", f"There is no revision {command.revision} yet; sign the sheet as it is shown.")
    return (ShiftHandoverSigned(command.org_code, command.shift_id, command.side, command.name, command.revision),)
