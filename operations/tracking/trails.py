"""Where the crews on incidents have been lately: what says when a position left, arrived, or was there already.

Kept in memory, for crews on an incident only. After a restart a trail begins anew, and what happened before it is said to be
unknown: a button is never doubted because of a gap. On the event loop only.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from dispatch.arrivals import there_m
from dispatch.model import ArrivalFix, FixState, Incident
from dispatch.picture import OperatingPicture
from operations.tracking.positions import SUSPICIOUS, TRACKERS_DISAGREE, PositionTable, distance_m

# A crew on its way does 200 m in 10 s: an older fix says nothing about an arrival. A parked car's tracker speaks once a minute at least.
SOUND_FOR_S = 60.0
# Clocks of trackers and phones differ from ours by so much.
CLOCK_S = 5.0
# A crew is there once it is as near as it was when it said so, give or take the way from the car to the door.
NEAR_M = 50.0
# Fixes are kept this far apart, the newest always; so many are half an hour.
SPACING_S = 4.0
KEPT = 450


class Fix(NamedTuple):
    """Where a crew was."""

    at: float  # Unix s, true at the unit
    lon: float  # degrees WGS-84
    lat: float
    is_sound: bool  # no check doubts it, and the crew's trackers agree

    def metres_to(self, lon: float, lat: float) -> float:
        return float(distance_m(self.lon, self.lat, lon, lat))


class Trails:
    """One per node. `look` takes what the table holds now; `arrival` answers what a position says."""

    def __init__(self, picture: Callable[[], OperatingPicture], positions: PositionTable) -> None:
        self._picture = picture
        self._positions = positions
        self._trails: dict[str, deque[Fix]] = {}  # by unit_id, oldest fix first

    def look(self) -> None:
        """Take the newest fix of every crew that is on an incident; forget those that are on none any more."""
        incidents = self._picture().incidents.values()
        crews = {a.unit_id for i in incidents if i.is_open for a in i.assignments if a.is_active and not a.service}
        for unit_id in self._trails.keys() - crews:
            del self._trails[unit_id]
        for unit_id in crews:
            self._take(unit_id)

    def recall(self, unit_id: str, fixes: Iterable[Fix]) -> None:
        """Begin a crew's trail with what was kept of it, oldest first: a look into the past."""
        for fix in fixes:
            self._add(unit_id, fix)

    def of(self, unit_id: str) -> Sequence[Fix]:
        """The crew's trail, oldest first, the newest fix included."""
        self._take(unit_id)
        return self._trails.get(unit_id, ())

    def arrival(self, unit_id: str, incident: Incident, at: datetime) -> ArrivalFix:
        """What the crew's position says about an arrival at the incident at `at`."""
        return arrival_fix(self.of(unit_id), incident, at.timestamp())

    def _take(self, unit_id: str) -> None:
        table = self._positions
        index = table.index_of(unit_id)
        if index is None or math.isnan(table.lon[index]):
            return
        is_sound = not int(table.flags[index]) & (SUSPICIOUS | TRACKERS_DISAGREE)
        fix = Fix(float(table.position_at[index]), float(table.lon[index]), float(table.lat[index]), is_sound)
        self._add(unit_id, fix)

    def _add(self, unit_id: str, fix: Fix) -> None:
        trail = self._trails.setdefault(unit_id, deque(maxlen=KEPT))
        if trail and fix.at <= trail[-1].at:
            return
        if len(trail) > 1 and trail[-1].at - trail[-2].at < SPACING_S:
            trail[-1] = fix
        else:
            trail.append(fix)


def freshest(trail: Sequence[Fix], at: float) -> Fix | None:
    """The newest fix that had been measured by `at` (Unix s)."""
    return next((fix for fix in reversed(trail) if fix.at <= at + CLOCK_S), None)


def arrival_fix(trail: Sequence[Fix], incident: Incident, at: float) -> ArrivalFix:
    """What the trail says about an arrival at `at` (Unix s)."""
    if incident.lon is None or incident.lat is None:
        return ArrivalFix(FixState.NO_POINT)
    fix = freshest(trail, at)
    if fix is None:
        return ArrivalFix(FixState.NONE)
    if at - fix.at > SOUND_FOR_S:
        return ArrivalFix(FixState.OLD, position_at=_instant(fix.at))
    if not fix.is_sound:
        return ArrivalFix(FixState.DOUBTFUL, position_at=_instant(fix.at))
    within_m, away_m = there_m(incident.accuracy_m), fix.metres_to(incident.lon, incident.lat)
    if away_m <= within_m:
        there_at = stay_began([f for f in trail if f.at <= fix.at], incident.lon, incident.lat, min(within_m, away_m + NEAR_M))
    else:  # said before it was so, and entered or sent later
        later = (f for f in trail if f.at > fix.at and f.is_sound)
        there_at = next((f.at for f in later if f.metres_to(incident.lon, incident.lat) <= within_m), None)
    return ArrivalFix(
        FixState.SOUND, round(away_m, 1), _instant(fix.at), None if there_at is None else _instant(there_at), within_m=within_m
    )


def stay_began(trail: Sequence[Fix], lon: float, lat: float, within_m: float) -> float | None:
    """When the stay at the point that the trail ends with began (Unix s); None where it did not see the crew come.

    Steps outside of up to NEAR_M more are the receiver's, or a walk around the block, and end no stay.
    """
    began = None
    for fix in reversed(trail):
        if not fix.is_sound:
            continue
        away_m = fix.metres_to(lon, lat)
        if away_m > within_m + NEAR_M:
            return began
        if away_m <= within_m:
            began = fix.at
    return None


def _instant(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
