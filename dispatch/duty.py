"""Whether a crew is on duty at an instant, and why. Pure: f(picture, unit, instant).

The clock decides, not the moment somebody noticed: a push is refused from the very instant a shift ends. What has changed by
the clock is put on record by the duty watch (`change_of`), so that every screen sees it; a restart loses nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from dispatch.duty_events import DutyBegan, DutyEnded
from dispatch.model import Unit, UnitStatus
from dispatch.picture import OperatingPicture
from dispatch.shifts import Muster, Shift

# A crew may sign on this long before its shift begins: it takes over car and radio then.
EARLY = timedelta(hours=1)


class Why(StrEnum):
    """What decides."""

    NO_ROSTER = "no_roster"  # its organisation keeps none: on duty by status alone
    SHIFT = "shift"
    MUSTER = "muster"
    OFF_ROSTER = "off_roster"  # in no shift that is running
    SIGNED_OFF = "signed_off"


class Standing(msgspec.Struct, frozen=True):
    """Where a crew stands at an instant."""

    on_duty: bool
    why: Why
    since: datetime | None = None  # when that began; None where nobody knows
    until: datetime | None = None  # end of the shift or muster it is on duty by
    shift: Shift | None = None  # what it is on duty by, or has signed off from
    muster: Muster | None = None  # what it is on duty by
    signed_on: bool = False  # has said that it is there


def standing(picture: OperatingPicture, unit: Unit, at: datetime) -> Standing:
    """Muster before roster, roster before status. Of shifts that overlap the one that began last counts."""
    shifts = picture.shifts.get(unit.org_code, ())
    running = [shift for shift in shifts if shift.is_running(at) and unit.unit_id in shift.crews]
    shift = max(running, key=lambda s: (s.starts_at, s.shift_id), default=None)
    signed_off_at = unit.signed_off_at
    if shift is not None and (signed_off_at is None or signed_off_at < shift.starts_at):
        return Standing(True, Why.SHIFT, shift.starts_at, shift.ends_at, shift, signed_on=_has_signed_on(unit, shift.starts_at - EARLY))
    muster = muster_of(picture, unit, at)
    if muster is not None:
        signed_on = unit.unit_id in muster.answers or _has_signed_on(unit, muster.called_at)
        return Standing(True, Why.MUSTER, muster.called_at, muster.until, muster=muster, signed_on=signed_on)
    if signed_off_at is not None and (shift is not None or not shifts):
        return Standing(False, Why.SIGNED_OFF, signed_off_at, shift=shift)
    if not shifts:
        return Standing(True, Why.NO_ROSTER, unit.signed_on_at, signed_on=unit.signed_on_at is not None)
    return Standing(False, Why.OFF_ROSTER, _off_since(picture, unit, at))


def status_at(unit: Unit, stands: Standing) -> UnitStatus:
    """The unit's status by the clock, where its duty has begun or ended and that is not on record yet."""
    if unit.incident_id is not None:
        return unit.status
    if stands.on_duty:
        return unit.status if unit.off_duty_since is None else unit.own_status
    return UnitStatus.OUT_OF_SERVICE


def muster_of(picture: OperatingPicture, unit: Unit, at: datetime) -> Muster | None:
    """The newest running muster the crew is called in by; not one it has said it does not come to, or has signed off from."""
    for muster in reversed(picture.musters.values()):
        if not muster.is_running(at) or unit.unit_id not in muster.unit_ids:
            continue
        answer = muster.answers.get(unit.unit_id)
        is_gone = unit.signed_off_at is not None and unit.signed_off_at >= muster.called_at
        if not is_gone and (answer is None or answer.coming):
            return muster
    return None


def next_shift(picture: OperatingPicture, unit: Unit, at: datetime) -> Shift | None:
    """The first shift the crew is rostered in that begins after the instant."""
    coming = [s for s in picture.shifts.get(unit.org_code, ()) if s.starts_at > at and unit.unit_id in s.crews]
    return min(coming, key=lambda s: (s.starts_at, s.shift_id), default=None)


def change_of(picture: OperatingPicture, unit: Unit, at: datetime) -> DutyBegan | DutyEnded | None:
    """What has to be put on record about the crew's duty; None when the picture says it already."""
    now = standing(picture, unit, at)
    if not now.on_duty:
        is_told = unit.off_duty_since is not None and not unit.shift_id and not unit.muster_id
        return None if is_told else DutyEnded(unit.unit_id, now.since or at, str(now.why))
    row = None if now.shift is None else now.shift.crews[unit.unit_id]
    event = DutyBegan(
        unit_id=unit.unit_id,
        shift_id="" if now.shift is None else now.shift.shift_id,
        muster_id="" if now.muster is None else now.muster.muster_id,
        row=row,
    )
    told = (unit.off_duty_since is None, unit.shift_id, unit.muster_id, unit.rostered)
    return None if told == (True, event.shift_id, event.muster_id, row) else event


def is_concerned(picture: OperatingPicture, unit: Unit) -> bool:
    """Whether anything but its status may say something about the crew's duty; quick, for a look at all of them."""
    return bool(
        unit.org_code in picture.shifts or picture.musters or unit.shift_id or unit.muster_id or unit.off_duty_since or unit.signed_off_at
    )


def next_change(picture: OperatingPicture, at: datetime) -> datetime | None:
    """The next instant after `at` at which the clock alone changes somebody's duty."""
    instants = [instant for shifts in picture.shifts.values() for shift in shifts for instant in (shift.starts_at, shift.ends_at)]
    instants += [muster.until for muster in picture.musters.values() if muster.ended_at is None]
    return min((instant for instant in instants if instant > at), default=None)


def _has_signed_on(unit: Unit, since: datetime) -> bool:
    return unit.signed_off_at is None and unit.signed_on_at is not None and unit.signed_on_at >= since


def _off_since(picture: OperatingPicture, unit: Unit, at: datetime) -> datetime | None:
    """When the newest of its shifts and musters ended, or it signed off from that."""
    ends = [s.ends_at for s in picture.shifts.get(unit.org_code, ()) if s.ends_at <= at and unit.unit_id in s.crews]
    ends += [min(m.ended_at or m.until, m.until) for m in picture.musters.values() if unit.unit_id in m.unit_ids and not m.is_running(at)]
    newest = max(ends, default=None)
    if newest is None or unit.signed_off_at is None:
        return newest or unit.signed_off_at
    return max(newest, unit.signed_off_at)
