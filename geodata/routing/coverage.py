"""Coverage: which streets the available units can be on within a few minutes, from where they are now. Travel only, no turnout.

One forward search a profile starts from all units at once, each part-way along its street and in both directions, over the
same turns as every other search (`geodata.routing.searches`). The search itself and what it is fast by is in `geodata.routing.spreading`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.routing.cores import parts_for, side_by_side
from geodata.routing.nearest import Bools, UnitPlacement
from geodata.routing.searches import Floats, Ground, Ints, Times
from geodata.routing.spreading import spread_from
from geodata.routing.turn_layout import TurnLayout
from geodata.streets.graph import PROFILES

LIMIT_S = 300.0
Table = NDArray[np.float32]
MANY = 50_000  # directed edges; a smaller city is searched by one core
AT_A_TIME = 2048  # streets whose shares are counted for all levels before the next ones: they stay in the processor's own memory
NONE, ONE = np.float32(0.0), np.float32(1.0)


@njit(cache=True, nogil=True)
def streets_within(label_s: Table, per_s: Table, levels_s: Times, begin: int, end: int, out: Table) -> None:
    """Share of each street from `begin` up to `end` that is reached within each level from its two sides.

    `label_s`, `per_s`: [profiles, 2, streets].
    """
    up, down = np.empty(AT_A_TIME, np.float32), np.empty(AT_A_TIME, np.float32)
    for first in range(begin, end, AT_A_TIME):
        last = min(first + AT_A_TIME, end)
        for k in range(len(levels_s)):
            up[:], down[:] = NONE, NONE
            for p in range(len(label_s)):
                come_along(label_s[p, 0, first:last], per_s[p, 0, first:last], levels_s[k], up)
                come_along(label_s[p, 1, first:last], per_s[p, 1, first:last], levels_s[k], down)
            share = out[k, first:last]
            for i in range(len(share)):
                share[i] = min(ONE, up[i] + down[i])


@njit(cache=True, nogil=True, inline="always")
def come_along(label_s: Times, per_s: Times, level_s: np.float32, share: Times) -> None:
    """Raise `share` to how far along each street somebody who has entered it from one side has come by `level_s`; may be over 1.

    In order and without branches, so that the processor takes several streets at a time. From a label of inf nothing is left of the level.
    """
    for i in range(len(label_s)):
        share[i] = max(share[i], max(NONE, level_s - label_s[i]) * per_s[i])


@njit(cache=True, nogil=True, inline="always")
def from_sides(s: int, label_s: Table, per_s: Table, level_s: np.float32) -> tuple[np.float32, np.float32]:
    """How far along a street the fastest profile has come from its two sides by `level_s`; may be over 1."""
    up, down = NONE, NONE
    for p in range(len(label_s)):
        # Without branches: which streets are reached is unforeseeable. From a label of inf nothing is left of the level.
        up = max(up, max(NONE, level_s - label_s[p, 0, s]) * per_s[p, 0, s])
        down = max(down, max(NONE, level_s - label_s[p, 1, s]) * per_s[p, 1, s])
    return up, down


@njit(cache=True, nogil=True)
def seeded_within(
    street: Ints, fraction: Floats, up_time_s: Times, down_time_s: Times, label_s: Table, per_s: Table, levels_s: Times, out: Table
) -> None:
    """The same for the streets with units on them, `street` ascending: the union of what each of them and the two sides reach."""
    begin, end = np.empty(len(street) + 2), np.empty(len(street) + 2)
    i = 0
    while i < len(street):
        j = i
        while j < len(street) and street[j] == street[i]:
            j += 1
        for k in range(len(levels_s)):
            up, down = from_sides(street[i], label_s, per_s, levels_s[k])
            count = put_in_order(begin, end, 0, 0.0, float(up))
            for m in range(i, j):
                first, last = fraction[m] - levels_s[k] / down_time_s[m], fraction[m] + levels_s[k] / up_time_s[m]
                count = put_in_order(begin, end, count, float(first), float(last))
            count = put_in_order(begin, end, count, 1.0 - float(down), 1.0)
            covered, reached = 0.0, 0.0
            for m in range(count):
                first, last = max(begin[m], reached), min(end[m], 1.0)
                if last > first:
                    covered += last - first
                    reached = last
            out[k, street[i]] = covered
        i = j


@njit(cache=True, nogil=True)
def put_in_order(begin: Floats, end: Floats, count: int, first: float, last: float) -> int:
    """Put one more stretch among the `count` there are, in order of where they begin; returns how many there are then."""
    place = count
    while place > 0 and begin[place - 1] > first:
        begin[place], end[place] = begin[place - 1], end[place - 1]
        place -= 1
    begin[place], end[place] = first, last
    return count + 1


@njit(cache=True, nogil=True)
def seconds_of_places(street: Ints, along: Floats, label_s: Table, time_s: Table, out: Times) -> None:
    """Lower `out` to the seconds until somebody who has entered the street from a side, [2, streets], is at each place."""
    for i in range(len(street)):
        s = street[i]
        if label_s[0, s] != np.inf:
            out[i] = min(out[i], label_s[0, s] + along[i] * time_s[0, s])
        if label_s[1, s] != np.inf:
            out[i] = min(out[i], label_s[1, s] + (1.0 - along[i]) * time_s[1, s])


@dataclass(frozen=True)
class Streets:
    """The streets of a graph, each once: two directed edges that are one another's twins."""

    low: Ints  # [streets] the lower-numbered edge of each: side 0
    high: Ints  # [streets] its twin: side 1
    of_edge: Ints  # [edges] the street an edge belongs to
    length_m: Floats  # [streets] metres of those a car may use in either direction; 0 for the others

    @classmethod
    def of(cls, ground: Ground) -> Streets:
        """Numbered as their lower edges are, so that neighbours stay neighbours."""
        twin = ground.twin
        low = np.flatnonzero(np.arange(len(twin)) < twin).astype(np.int32)
        high = twin[low]
        of_edge = np.empty(len(twin), np.int32)
        of_edge[low] = of_edge[high] = np.arange(len(low), dtype=np.int32)
        car_s = ground.profiles["car"].time_s
        open_to_cars = np.isfinite(car_s[low]) | np.isfinite(car_s[high])
        return cls(low, high, of_edge, np.where(open_to_cars, ground.length_m[low], 0.0).astype(np.float64))

    def places(self, edges: Ints, fractions: Floats) -> tuple[Ints, Floats]:
        """Street and share of it, from side 0, of places given by edge and fraction."""
        street = self.of_edge[edges]
        return street, np.where(edges == self.low[street], fractions, 1.0 - fractions)


@dataclass(frozen=True)
class Reach:
    """When units can be where, at one moment. Everything is asked of it; it never changes."""

    streets: Streets
    limit_s: float
    # [profiles in use, 2, streets] seconds until a unit of the profile enters the street from each side; inf: not within the limit, or only
    # after the whole street has been reached from the other side.
    label_s: Table
    time_s: Table  # [profiles in use, 2, streets] seconds the profile takes from each side to the other; inf where closed
    per_s: Table  # [profiles in use, 2, streets] one over that
    street: Ints  # [units that count] the street each of them is on
    along: Floats  # [units that count] where on it, as a share from side 0
    row: Ints  # [units that count] of the tables above: its profile

    @property
    def units(self) -> int:
        """How many units the search began from."""
        return len(self.street)

    @cached_property
    def first_s(self) -> Times:
        """[streets] seconds until the first unit is anywhere on the street; inf: not within the limit."""
        first = np.full(len(self.streets.low), np.inf, np.float32)
        if len(self.label_s):
            first = self.label_s.min(axis=(0, 1))
        first[self.street] = 0.0
        return first

    def within(self, levels_s: Sequence[float]) -> Table:
        """[levels, streets] share of each street that is reached within each level, 0 … 1. No level may be over the limit."""
        if max(levels_s, default=0.0) > self.limit_s:
            raise ValueError(f"{max(levels_s):g} s were asked of a search that ended at {self.limit_s:g} s. Search further.")
        levels = np.array(levels_s, np.float32)
        share = np.empty((len(levels), len(self.streets.low)), np.float32)
        parts = parts_for(2 * share.shape[1], MANY)
        bounds = np.linspace(0, share.shape[1], parts + 1).astype(int).tolist()
        side_by_side(lambda part: streets_within(self.label_s, self.per_s, levels, bounds[part], bounds[part + 1], share), parts)
        order = np.argsort(self.street, kind="stable")
        street, row = self.street[order], self.row[order]
        up_s, down_s = self.time_s[row, 0, street], self.time_s[row, 1, street]
        seeded_within(street, self.along[order], up_s, down_s, self.label_s, self.per_s, levels, share)
        return share

    def seconds_at(self, edges: Ints, fractions: Floats) -> Times:
        """[places] seconds until the first unit is at each place (edge, fraction along it); inf: not within the limit."""
        seconds = np.full(len(edges), np.inf, np.float32)
        street, along = self.streets.places(edges, fractions)
        for label_s, time_s in zip(self.label_s, self.time_s, strict=True):
            seconds_of_places(street, along, label_s, time_s, seconds)
        self._from_units_on_the_street(street, along, seconds)
        seconds[seconds > self.limit_s] = np.inf
        return seconds

    def _from_units_on_the_street(self, street: Ints, along: Floats, seconds: Times) -> None:
        order = np.argsort(street, kind="stable")
        ordered = street[order]
        first, last = np.searchsorted(ordered, self.street), np.searchsorted(ordered, self.street, side="right")
        for i in np.flatnonzero(last > first).tolist():
            places = order[first[i] : last[i]]
            ahead = along[places] - self.along[i]
            up_s, down_s = self.time_s[self.row[i], :, self.street[i]]
            with np.errstate(invalid="ignore"):  # nothing ahead on a way that is closed: 0 · inf
                there = np.where(ahead == 0, 0.0, np.where(ahead > 0, ahead * up_s, -ahead * down_s))
            seconds[places] = np.fmin(seconds[places], there)


class CoverageSearch:
    """Searches one ground for coverage. Thread-safe; the memory of searches is kept and reused."""

    def __init__(self, ground: Ground, parts: int | None = None) -> None:
        """`parts`: 1, 2 or 4 searches at the same time; as fits, where it is left out."""
        self.ground = ground
        self.parts = parts or parts_for(len(ground.twin), MANY)
        self.streets = Streets.of(ground)
        self._layouts: dict[str, TurnLayout] = {}  # by profile, as they are asked for
        self._tables: dict[tuple[str, ...], tuple[Table, Table]] = {}  # `time_s` and `per_s` of a `Reach`, by the profiles in use

    def reach(self, units: UnitPlacement, among: Bools | None = None, limit_s: float = LIMIT_S) -> Reach:
        """Where the units (of those in the mask `among`; those off the network never count) can be within `limit_s` seconds."""
        counted = np.flatnonzero(units.edge >= 0 if among is None else among & (units.edge >= 0))
        edge, fraction = units.edge[counted], units.fraction[counted]
        used, row = np.unique(units.profile[counted].astype(np.int32), return_inverse=True)
        profiles = tuple(PROFILES[profile] for profile in used.tolist())
        label_s = np.empty((len(profiles), 2, len(self.streets.low)), np.float32)
        for r, profile in enumerate(profiles):
            mine = row == r
            spread_from(self._layout(profile), edge[mine], fraction[mine], limit_s, label_s[r])
        street, along = self.streets.places(edge, fraction)
        return Reach(self.streets, limit_s, label_s, *self._street_times(profiles), street, along, row.astype(np.int32))

    def _street_times(self, profiles: tuple[str, ...]) -> tuple[Table, Table]:
        tables = self._tables.get(profiles)
        if tables is None:
            shape = (len(profiles), 2, len(self.streets.low))
            layouts = [self._layout(profile) for profile in profiles]
            time_s, per_s = (np.array([getattr(layout, name) for layout in layouts], np.float32) for name in ("time_s", "per_s"))
            tables = self._tables[profiles] = time_s.reshape(shape), per_s.reshape(shape)
        return tables

    def _layout(self, profile: str) -> TurnLayout:
        layout = self._layouts.get(profile)
        if layout is None:
            sides = np.stack([self.streets.low, self.streets.high])
            layout = self._layouts[profile] = TurnLayout.of(self.ground, profile, sides, self.parts)
        return layout
