"""When a track lay within some metres of a point, how near it came, and where it says nothing. Pure: arrays in, instants out.

Between two fixes at most `JOINED_S` apart the unit is taken to have gone straight; over a longer silence nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

JOINED_S = 30.0
# Nobody crosses the circle between two joined fixes from farther out: 70 m/s.
REACH_M = 70.0 * JOINED_S
# How fast a silent unit may have been, to say whether it could have come near.
FASTEST_MPS = 35.0
METRES_PER_DEGREE = 111_195.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Passage:
    """One stay within the circle. Instants in Unix s."""

    first_at: float
    last_at: float
    nearest_m: float
    nearest_at: float


@dataclass(frozen=True)
class Silence:
    """Nothing was measured between two fixes, or beyond the first or last.

    `may_have_come`: long enough for a way into the circle and on.
    """

    from_at: float
    to_at: float
    may_have_come: bool


def metres_off(lon: Floats, lat: Floats, to_lon: float, to_lat: float) -> tuple[Floats, Floats]:
    """East and north of the point, metres; good to a thousandth within a few kilometres."""
    per_lon = METRES_PER_DEGREE * np.cos(np.radians(to_lat))
    return (lon - to_lon) * per_lon, (lat - to_lat) * METRES_PER_DEGREE


def runs(at: Floats, most: int) -> list[NDArray[np.intp]]:
    """Places of the fixes of each stretch without a silence, to be drawn: thinned to about `most` in all, but for both ends of each.

    `at` ascends, Unix s.
    """
    step = len(at) // most + 1
    stretches = np.split(np.arange(len(at)), np.flatnonzero(np.diff(at) > JOINED_S) + 1)
    return [np.append(one[:-1:step], one[-1]) for one in stretches if len(one)]


def passages(at: Floats, x: Floats, y: Floats, radius_m: float, from_at: float, to_at: float) -> list[Passage]:
    """Stays within `radius_m` of the origin between two instants. `at` ascends (Unix s), x and y are metres from the point."""
    parts = [part for part in _parts(at, x, y, radius_m) if part.last_at >= from_at and part.first_at < to_at]
    joined: list[Passage] = []
    for part in parts:
        if joined and part.first_at <= joined[-1].last_at + 1e-3:
            before = joined[-1]
            nearer = part if part.nearest_m < before.nearest_m else before
            joined[-1] = Passage(before.first_at, max(part.last_at, before.last_at), nearer.nearest_m, nearer.nearest_at)
        else:
            joined.append(part)
    return joined


def silences(at: Floats, x: Floats, y: Floats, radius_m: float, from_at: float, to_at: float) -> list[Silence]:
    """Times of more than `JOINED_S` without a fix that touch the span, in order.

    The span's own ends bound silences too. Nothing is known beyond them: there it counts only how far off the unit was at the one fix.
    """
    ends = np.concatenate(([at.min(initial=from_at)], at, [at.max(initial=to_at)]))
    way_m = np.concatenate(([0.0], np.maximum(np.hypot(x, y) - radius_m, 0.0), [0.0]))
    found = []
    for i in np.flatnonzero(np.diff(ends) > JOINED_S):
        begins, until = float(ends[i]), float(ends[i + 1])
        if until > from_at and begins < to_at:
            found.append(Silence(begins, until, float(way_m[i] + way_m[i + 1]) <= FASTEST_MPS * (until - begins)))
    return found


def crossing(at: Floats, x: Floats, y: Floats, radius_m: float) -> NDArray[np.bool_]:
    """[n - 1] which straight pieces between joined fixes come within `radius_m` of the origin."""
    return (np.diff(at) <= JOINED_S) & (_nearest(x, y)[1] <= radius_m)


def _nearest(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """[n - 1] at which share of each piece it is nearest to the origin, and how near, metres."""
    dx, dy = np.diff(x), np.diff(y)
    length2 = dx * dx + dy * dy
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.where(length2 > 0, -(x[:-1] * dx + y[:-1] * dy) / length2, 0.0), 0.0, 1.0)
    return share, np.hypot(x[:-1] + share * dx, y[:-1] + share * dy)


def _parts(at: Floats, x: Floats, y: Floats, radius_m: float) -> Iterator[Passage]:
    """What lies inside of each fix and of each straight piece between joined fixes, in order of time."""
    inside = np.hypot(x, y) <= radius_m
    duration = np.diff(at)
    dx, dy = np.diff(x), np.diff(y)
    nearest, least = _nearest(x, y)
    crosses = crossing(at, x, y, radius_m)
    for i in np.flatnonzero(np.append(crosses, False) | inside):
        if inside[i]:
            yield Passage(float(at[i]), float(at[i]), float(np.hypot(x[i], y[i])), float(at[i]))
        if i < len(crosses) and crosses[i]:
            first, last = _share_inside(float(x[i]), float(y[i]), float(dx[i]), float(dy[i]), radius_m)
            begins, took = float(at[i]), float(duration[i])
            yield Passage(begins + first * took, begins + last * took, float(least[i]), begins + float(nearest[i]) * took)


def _share_inside(x: float, y: float, dx: float, dy: float, radius_m: float) -> tuple[float, float]:
    """From which share of a piece to which it lies within the circle; it is known to touch it."""
    length2 = dx * dx + dy * dy
    if length2 == 0.0:
        return 0.0, 1.0
    middle = -(x * dx + y * dy) / length2
    off2 = (x + middle * dx) ** 2 + (y + middle * dy) ** 2
    half = float(np.sqrt(max(radius_m * radius_m - off2, 0.0) / length2))
    return min(max(middle - half, 0.0), 1.0), min(max(middle + half, 0.0), 1.0)
