"""Button and position of one arrival: whether they disagree. Pure; both stay on record whatever comes out.

An arrival is flagged where the two are more than 200 m or 60 s apart.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from dispatch.model import ArrivalFix, Assignment, FixState

THERE_M = 200.0  # straight line: a cordon, a large building, and the error of the receiver
APART_S = 60.0


class Disagreement(msgspec.Struct, frozen=True):
    """How far button and position are apart; None where they agree or nothing is known."""

    distance_m: float | None = None  # from the incident's point, when arrival was pressed
    apart_s: float | None = None  # positive: pressed so long after the position was there; negative: before


def there_m(accuracy_m: float | None) -> float:
    """How near counts as there, by how exactly the incident's point is known (m)."""
    return max(THERE_M, accuracy_m or 0.0)


def disagreement(arrived_at: datetime | None, fix: ArrivalFix | None) -> Disagreement | None:
    """What is to be flagged. Never anything without a sound position."""
    if arrived_at is None or fix is None or fix.state != FixState.SOUND or fix.distance_m is None:
        return None
    apart_s = None if fix.position_arrived_at is None else (arrived_at - fix.position_arrived_at).total_seconds()
    found = Disagreement(
        distance_m=fix.distance_m if fix.distance_m > fix.within_m else None,
        apart_s=apart_s if apart_s is not None and abs(apart_s) > APART_S else None,
    )
    return None if found == Disagreement() else found


def disagreement_of(assignment: Assignment) -> Disagreement | None:
    """The same of an assignment."""
    return disagreement(assignment.arrived_at, assignment.arrival)
