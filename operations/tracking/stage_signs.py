"""What a crew's trail suggests about its stage: that it has left, has arrived, or is back. Pure.

A sign sets nothing. It is taken from sound, fresh fixes only, and only once it has held for a while: a jump of the receiver,
a red light near the place, a tracker that has fallen silent are no signs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from dispatch.arrivals import THERE_M
from dispatch.model import Assignment, AssignmentStage, Incident
from operations.tracking.positions import distance_m
from operations.tracking.trails import SOUND_FOR_S, Fix, freshest

# Gone: this far from where it acknowledged, for this long. Further than a walk to the car or the error between high houses.
LEFT_M, LEFT_FOR_S = 100.0, 15.0
# Arrived: within `THERE_M` of the point and as good as standing for this long.
STANDS_M, STANDS_FOR_S = 25.0, 12.0
# Back: this far from the point, for this long, in its own organisation's area.
AWAY_M, AWAY_FOR_S = 500.0, 60.0

# What may be suggested at which stage, the likeliest first.
_MAY_SUGGEST: dict[AssignmentStage, tuple[str, ...]] = {
    AssignmentStage.ACKNOWLEDGED: ("arrive", "depart"),
    AssignmentStage.EN_ROUTE: ("arrive",),
    AssignmentStage.FEEDBACK: ("clear",),
}
SOURCE = "position"


class Suggestion(msgspec.Struct, frozen=True):
    """A stage that a crew seems to have reached; a person confirms it or does not."""

    command: str  # depart, arrive or clear: what would be entered
    incident_id: str
    assignment_id: str
    unit_id: str
    since_at: datetime  # since when the position says so
    position_at: datetime  # of the newest fix it rests on
    distance_m: float | None  # straight line to the incident's point then; None where it has none
    source: str = SOURCE


def is_open_to(assignment: Assignment, command: str) -> bool:
    """Whether the stage may still be suggested: one that was entered meanwhile has overtaken it."""
    return assignment.is_active and not assignment.service and command in _MAY_SUGGEST.get(assignment.stage, ())


def suggestion(
    trail: Sequence[Fix], incident: Incident, assignment: Assignment, now: float, is_home: Callable[[float, float], bool]
) -> Suggestion | None:
    """What the trail suggests for the crew at `now` (Unix s). `is_home`: whether a point lies in its own organisation's area."""
    newest = freshest(trail, now)
    if newest is None or not newest.is_sound or now - newest.at > SOUND_FOR_S:
        return None
    seen = [fix for fix in trail if fix.at <= newest.at and fix.is_sound]
    for command in _MAY_SUGGEST.get(assignment.stage, ()):
        since = _SIGNS[command](seen, incident, assignment, is_home)
        if since is not None and is_open_to(assignment, command):
            away_m = None if incident.lon is None or incident.lat is None else round(newest.metres_to(incident.lon, incident.lat), 1)
            since_at = max(_instant(since), _reached_at(assignment))
            return Suggestion(
                command, incident.incident_id, assignment.assignment_id, assignment.unit_id, since_at, _instant(newest.at), away_m
            )
    return None


def _left(seen: Sequence[Fix], incident: Incident, assignment: Assignment, is_home: Callable[[float, float], bool]) -> float | None:
    """Since when it is gone from where it acknowledged."""
    if assignment.acknowledged_at is None:
        return None
    acknowledged = assignment.acknowledged_at.timestamp()
    origin = freshest(seen, acknowledged) or seen[0]
    if abs(acknowledged - origin.at) > SOUND_FOR_S:
        return None
    return _held(seen, lambda fix: fix.at > origin.at and fix.metres_to(origin.lon, origin.lat) > LEFT_M, LEFT_FOR_S)


def _arrived(seen: Sequence[Fix], incident: Incident, assignment: Assignment, is_home: Callable[[float, float], bool]) -> float | None:
    """Since when it stands at the incident. A point that is known only roughly can't tell."""
    lon, lat = incident.lon, incident.lat
    if lon is None or lat is None or (incident.accuracy_m or 0.0) > THERE_M:
        return None
    newest = seen[-1]

    def stands(fix: Fix) -> bool:
        moved_m = float(distance_m(fix.lon, fix.lat, newest.lon, newest.lat))
        return fix.metres_to(lon, lat) <= THERE_M and moved_m <= STANDS_M

    return _held(seen, stands, STANDS_FOR_S)


def _back(seen: Sequence[Fix], incident: Incident, assignment: Assignment, is_home: Callable[[float, float], bool]) -> float | None:
    """Since when it is away from the incident, and now in its own area."""
    lon, lat = incident.lon, incident.lat
    if lon is None or lat is None or not is_home(seen[-1].lon, seen[-1].lat):
        return None
    return _held(seen, lambda fix: fix.metres_to(lon, lat) > AWAY_M, AWAY_FOR_S)


_SIGNS = {"depart": _left, "arrive": _arrived, "clear": _back}


def _held(seen: Sequence[Fix], holds: Callable[[Fix], bool], for_s: float) -> float | None:
    """When what holds of the newest fixes, without a gap in which nothing is known, began to; None where that is not `for_s` ago."""
    began = None
    for fix in reversed(seen):
        if not holds(fix) or (began is not None and began - fix.at > SOUND_FOR_S):
            break
        began = fix.at
    return began if began is not None and seen[-1].at - began >= for_s else None


def _reached_at(assignment: Assignment) -> datetime:
    """When it came to its present stage: nothing that is suggested next happened before."""
    instants = (assignment.feedback_at, assignment.arrived_at, assignment.departed_at, assignment.acknowledged_at)
    return next((at for at in instants if at is not None), assignment.pushed_at)


def _instant(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
