"""What was promised at a push beside what came of it. Pure; an assignment that can't be compared says why.

Compared is travel with travel: from setting out to being there, beside the time by road. Turnout, from the push to setting out, is
stated apart and never mixed in.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from dispatch.model import Assignment, AssignmentStage, FixState, Incident


class ArrivalBy(StrEnum):
    """Whose word on the arrival counts; both are kept (`dispatch.arrivals`)."""

    BUTTON = "button"
    POSITION = "position"  # since when the crew's position was there


class Unmatched(StrEnum):
    """Why an assignment can't be compared. Each has exactly one: the first of these that holds."""

    SERVICE = "service"  # another service: nothing was promised for it
    NO_PROMISE = "no_promise"  # no fresh position of the unit, no point of the incident, or no way was found
    REFUSED = "refused"
    REASSIGNED = "reassigned"  # others were sent in its place
    RECALLED = "recalled"
    ON_ITS_WAY = "on_its_way"  # not there yet
    NOT_ARRIVED = "not_arrived"  # the incident ended before it was there
    NO_DEPARTURE = "no_departure"  # when it set out is not known
    NO_ARRIVAL = "no_arrival"  # it gave feedback, and when it was there is not known
    NOT_KEPT = "not_kept"  # recorded before it was kept who entered a stage
    ENTERED = "entered"  # setting out or arriving was entered for the crew, by radio or at the desk
    CORRECTED = "corrected"  # the time of one was put right by a desk
    PLACE_MOVED = "place_moved"  # the incident's point was moved on the way
    NO_POSITION = "no_position"  # by position: none that was sound, or it never was there
    OUT_OF_ORDER = "out_of_order"  # arrived no later than it set out, or set out before the push


class Way(msgspec.Struct, frozen=True, gc=False):
    """One way that can be compared; seconds."""

    departed_at: datetime
    promised_s: float
    promised_p90_s: float | None
    promised_turnout_s: float | None
    travel_s: float  # from setting out until there
    turnout_s: float  # from the push until setting out

    @property
    def response_s(self) -> float:
        """From the push until there."""
        return self.turnout_s + self.travel_s


class Unmet(msgspec.Struct, frozen=True, gc=False):
    """One assignment that can't be compared. Of a crew that set out on a promise and never came: how long it had been on its way."""

    why: Unmatched
    waited_s: float | None = None
    promised_s: float | None = None
    promised_p90_s: float | None = None


# Of these it is known at least that they took longer than `waited_s`.
NEVER_THERE = frozenset({Unmatched.REASSIGNED, Unmatched.RECALLED, Unmatched.ON_ITS_WAY, Unmatched.NOT_ARRIVED})
_TIMED = (AssignmentStage.EN_ROUTE, AssignmentStage.ON_SCENE)


def compared(incident: Incident, one: Assignment, now: datetime, by: ArrivalBy = ArrivalBy.BUTTON) -> Way | Unmet:
    """What an assignment's promise came to, as of `now`."""
    arrived_at = _arrived_at(one, by)
    why = _unmatched(incident, one, arrived_at, by)
    if why is None:
        assert one.promised_eta_s is not None
        assert one.departed_at is not None
        assert arrived_at is not None
        return Way(
            departed_at=one.departed_at,
            promised_s=one.promised_eta_s,
            promised_p90_s=one.promised_eta_p90_s,
            promised_turnout_s=one.promised_turnout_s,
            travel_s=(arrived_at - one.departed_at).total_seconds(),
            turnout_s=(one.departed_at - one.pushed_at).total_seconds(),
        )
    if why in NEVER_THERE and one.departed_at is not None:
        waited_s = max(((one.ended_at or now) - one.departed_at).total_seconds(), 0.0)
        return Unmet(why, waited_s, one.promised_eta_s, one.promised_eta_p90_s)
    return Unmet(why)


def _arrived_at(one: Assignment, by: ArrivalBy) -> datetime | None:
    if by == ArrivalBy.BUTTON:
        return one.arrived_at
    return one.arrival.position_arrived_at if one.arrival is not None and one.arrival.state == FixState.SOUND else None


def _unmatched(incident: Incident, one: Assignment, arrived_at: datetime | None, by: ArrivalBy) -> Unmatched | None:
    if one.service:
        return Unmatched.SERVICE
    if one.promised_eta_s is None:
        return Unmatched.NO_PROMISE
    return (_never_there(incident, one) if one.arrived_at is None else None) or _untimely(one, arrived_at, by)


def _never_there(incident: Incident, one: Assignment) -> Unmatched | None:
    if one.feedback_at is not None:
        return None  # it was, and nobody has said when
    if one.stage == AssignmentStage.REFUSED:
        return Unmatched.REFUSED
    if one.stage == AssignmentStage.RECALLED:
        # Reassigning lets go and pushes in one step, at one instant.
        is_replaced = any(other.pushed_at == one.ended_at for other in incident.assignments if not other.service)
        return Unmatched.REASSIGNED if is_replaced else Unmatched.RECALLED
    return Unmatched.ON_ITS_WAY if one.is_active else Unmatched.NOT_ARRIVED


def _untimely(one: Assignment, arrived_at: datetime | None, by: ArrivalBy) -> Unmatched | None:
    """Why the instants of a crew that was there say nothing of its way."""
    asked = _TIMED if by == ArrivalBy.BUTTON else _TIMED[:1]
    if one.departed_at is None:
        return Unmatched.NO_DEPARTURE
    if one.entered is None:
        return Unmatched.NOT_KEPT
    if any(stage in one.entered for stage in asked):
        return Unmatched.ENTERED
    if any(stage in one.corrected for stage in asked):
        return Unmatched.CORRECTED
    if one.promised_at is not None and one.promised_at > one.departed_at:
        return Unmatched.PLACE_MOVED
    if arrived_at is None:
        return Unmatched.NO_POSITION if by == ArrivalBy.POSITION else Unmatched.NO_ARRIVAL
    return Unmatched.OUT_OF_ORDER if not one.pushed_at <= one.departed_at < arrived_at else None
