"""Coverage: which streets the available units can be on within a few minutes, from where they are now. Travel only, no turnout.

One forward search a profile starts from all units at once, each part-way along its street and in both directions, over the
same turns as every other search (`geodata.searches`, whose label it shares: the seconds until somebody enters an edge at
its tail). The search itself and what it is fast by is in `geodata.spreading`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.nearest import PROFILES, Bools, UnitPlacement
from geodata.searches import Floats, Ground, Ints, Times
from geodata.spreading import Scratch, TurnLayout, spread_from

LIMIT_S = 300.0
Table = NDArray[np.float32]  # [profiles in use, edges] labels or seconds


@njit(cache=True, nogil=True)
def streets_within(low: Ints, high: Ints, label_s: Table, time_s: Table, levels_s: Floats, out: Table) -> None:
    """Share of each street that is reached within each level from its two ends."""
    for s in range(len(low)):
        for k in range(len(levels_s)):
            up, down = from_ends(low[s], high[s], label_s, time_s, levels_s[k])
            out[k, s] = min(1.0, up + down)


@njit(cache=True, nogil=True)
def from_ends(low: int, high: int, label_s: Table, time_s: Table, level_s: float) -> tuple[float, float]:
    """How far along a street the fastest profile has come from its tail and from its head by `level_s`; may be over 1."""
    up, down = 0.0, 0.0
    for p in range(len(label_s)):
        if label_s[p, low] < level_s:
            up = max(up, (level_s - label_s[p, low]) / time_s[p, low])
        if label_s[p, high] < level_s:
            down = max(down, (level_s - label_s[p, high]) / time_s[p, high])
    return up, down


@njit(cache=True, nogil=True)
def seeded_within(
    street: Ints, fraction: Floats, up_time_s: Floats, down_time_s: Floats,
    low: Ints, high: Ints, label_s: Table, time_s: Table, levels_s: Floats, out: Table,
) -> None:  # fmt: skip
    """The same for the streets with units on them, `street` ascending: the union of what each of them and the two ends reach."""
    i = 0
    while i < len(street):
        j = i
        while j < len(street) and street[j] == street[i]:
            j += 1
        s = street[i]
        for k in range(len(levels_s)):
            begin, end = np.empty(j - i + 2), np.empty(j - i + 2)
            up, down = from_ends(low[s], high[s], label_s, time_s, levels_s[k])
            begin[0], end[0] = 0.0, up
            begin[1], end[1] = 1.0 - down, 1.0
            for m in range(i, j):
                begin[2 + m - i] = fraction[m] - levels_s[k] / down_time_s[m]
                end[2 + m - i] = fraction[m] + levels_s[k] / up_time_s[m]
            covered, reached = 0.0, 0.0
            for m in np.argsort(begin):
                first, last = max(begin[m], reached), min(end[m], 1.0)
                if last > first:
                    covered += last - first
                    reached = last
            out[k, s] = covered
        i = j


@njit(cache=True, nogil=True)
def seconds_of_places(edge: Ints, fraction: Floats, twin: Ints, label_s: Times, time_s: Times, out: NDArray[np.float32]) -> None:
    """Lower `out` to the seconds until somebody who has entered the street at one of its ends is at each place (edge, fraction)."""
    for i in range(len(edge)):
        e = edge[i]
        o = twin[e]
        if label_s[e] != np.inf:
            out[i] = min(out[i], label_s[e] + fraction[i] * time_s[e])
        if label_s[o] != np.inf:
            out[i] = min(out[i], label_s[o] + (1.0 - fraction[i]) * time_s[o])


@dataclass(frozen=True)
class Streets:
    """The streets of a graph, each once: two directed edges that are one another's twins."""

    low: Ints  # [streets] the lower-numbered edge of each
    high: Ints  # [streets] its twin
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


@dataclass(frozen=True)
class Reach:
    """When units can be where, at one moment. Everything is asked of it; it never changes."""

    ground: Ground
    streets: Streets
    limit_s: float
    label_s: Table  # [profiles in use, edges] seconds until a unit of the profile enters the edge at its tail; inf: not within the limit
    time_s: Table  # [profiles in use, edges] seconds the profile takes for the edge
    edge: Ints  # [units that count] the edge each of them is on
    fraction: Floats  # [units that count]
    row: Ints  # [units that count] of the tables above: its profile

    @property
    def units(self) -> int:
        """How many units the search began from."""
        return len(self.edge)

    @cached_property
    def first_s(self) -> Times:
        """[streets] seconds until the first unit is anywhere on the street; inf: not within the limit."""
        first = np.full(len(self.streets.low), np.inf, np.float32)
        for label_s in self.label_s:
            first = np.minimum(first, np.minimum(label_s[self.streets.low], label_s[self.streets.high]))
        first[self.streets.of_edge[self.edge]] = 0.0
        return first

    def within(self, levels_s: Sequence[float]) -> NDArray[np.float32]:
        """[levels, streets] share of each street that is reached within each level, 0 … 1. No level may be over the limit."""
        if max(levels_s, default=0.0) > self.limit_s:
            raise ValueError(f"{max(levels_s):g} s were asked of a search that ended at {self.limit_s:g} s. Search further.")
        s = self.streets
        arrays = (s.low, s.high, self.label_s, self.time_s, np.array(levels_s, np.float64))
        share = np.empty((len(levels_s), len(s.low)), np.float32)
        streets_within(*arrays, share)
        street = s.of_edge[self.edge]
        low, high = s.low[street], s.high[street]
        along = np.where(self.edge == low, self.fraction, 1.0 - self.fraction)
        up_s, down_s = self.time_s[self.row, low].astype(np.float64), self.time_s[self.row, high].astype(np.float64)
        order = np.argsort(street, kind="stable")
        seeded_within(street[order], along[order], up_s[order], down_s[order], *arrays, share)
        return share

    def seconds_at(self, edges: Ints, fractions: Floats) -> NDArray[np.float32]:
        """[places] seconds until the first unit is at each place (edge, fraction along it); inf: not within the limit."""
        seconds = np.full(len(edges), np.inf, np.float32)
        for label_s, time_s in zip(self.label_s, self.time_s, strict=True):
            seconds_of_places(edges, fractions, self.ground.twin, label_s, time_s, seconds)
        self._from_units_on_the_street(edges, fractions, seconds)
        seconds[seconds > self.limit_s] = np.inf
        return seconds

    def _from_units_on_the_street(self, edges: Ints, fractions: Floats, seconds: NDArray[np.float32]) -> None:
        street = self.streets.of_edge[edges]
        along = np.where(edges == self.streets.low[street], fractions, 1.0 - fractions)
        order = np.argsort(street, kind="stable")
        ordered = street[order]
        here = self.streets.of_edge[self.edge]
        first, last = np.searchsorted(ordered, here), np.searchsorted(ordered, here, side="right")
        for i in np.flatnonzero(last > first).tolist():
            places, low = order[first[i] : last[i]], int(self.streets.low[here[i]])
            at = self.fraction[i] if self.edge[i] == low else 1.0 - self.fraction[i]
            ahead = along[places] - at
            up_s, down_s = self.time_s[self.row[i], low], self.time_s[self.row[i], self.ground.twin[low]]
            with np.errstate(invalid="ignore"):  # nothing ahead on a way that is closed: 0 · inf
                there = np.where(ahead == 0, 0.0, np.where(ahead > 0, ahead * up_s, -ahead * down_s))
            seconds[places] = np.fmin(seconds[places], there)


class CoverageSearch:
    """Searches one ground for coverage. Thread-safe; the scratch memory is kept and reused."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.streets = Streets.of(ground)
        self._layouts = {name: TurnLayout.of(ground, profile) for name, profile in ground.profiles.items()}
        # deque.pop and .append are atomic: a pool without a lock.
        self._pool: deque[Scratch] = deque()

    def reach(self, units: UnitPlacement, among: Bools | None = None, limit_s: float = LIMIT_S) -> Reach:
        """Where the units (of those in the mask `among`; those off the network never count) can be within `limit_s` seconds."""
        counted = np.flatnonzero(units.edge >= 0 if among is None else among & (units.edge >= 0))
        edge, fraction = units.edge[counted], units.fraction[counted]
        used, row = np.unique(units.on_foot[counted].astype(np.int32), return_inverse=True)
        names = [PROFILES[profile] for profile in used.tolist()]
        label_s = np.empty((len(names), len(self.ground.twin)), np.float32)
        time_s = np.empty_like(label_s)
        for r, name in enumerate(names):
            time_s[r] = self.ground.profiles[name].time_s
            self._label(name, edge[row == r], fraction[row == r], limit_s, label_s[r])
        return Reach(self.ground, self.streets, limit_s, label_s, time_s, edge, fraction, row.astype(np.int32))

    def _label(self, name: str, edge: Ints, fraction: Floats, limit_s: float, label_s: Times) -> None:
        """Fill `label_s` with the seconds until a unit of the profile enters each edge."""
        time_s, layout = self.ground.profiles[name].time_s, self._layouts[name]
        both = np.concatenate([edge, self.ground.twin[edge]])
        rest = np.concatenate([1.0 - fraction, fraction])
        usable = np.isfinite(time_s[both])
        both, key_s = both[usable], (rest[usable] * time_s[both[usable]]).astype(np.float32)
        try:
            scratch = self._pool.pop()
        except IndexError:
            scratch = Scratch()
        spread_from(layout, scratch, both, key_s, limit_s, label_s)
        self._pool.append(scratch)
