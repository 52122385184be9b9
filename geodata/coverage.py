"""Coverage: which streets the available units can be on within a few minutes, from where they are now. Travel only, no turnout.

One forward search a profile starts from all units at once, each part-way along its street and in both directions, over the
same turns as every other search (`geodata.searches`, whose label it shares: the seconds until somebody enters an edge at
its tail). Many units reach many edges, so the queue is laid out for that: what the search needs of an edge lies in one
record of 16 bytes, and buckets are so narrow that most hold one edge. The smallest of a bucket is taken first,
so labels are exact to the rounding of a 32-bit float (30 µs at five minutes).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.nearest import Bools, UnitPlacement
from geodata.searches import Floats, Ground, Ints, ProfileName, Times
from geodata.streets import Profile

LIMIT_S = 300.0
# 250,000 edges within five minutes put less than one edge into a bucket of this width; fastest of 1/64 to 1/1024.
BUCKET_S = 1.0 / 1024.0
# Columns of a record. LABEL and KEY are 32-bit floats, the others 32-bit integers in the same memory.
LABEL, KEY, FOLLOWING, POINTER = 0, 1, 2, 3
UNTOUCHED = -2  # in FOLLOWING: never queued


@njit(cache=True, nogil=True)
def queue_units(number: Times, index: Ints, seed_edge: Ints, seed_key_s: Times, limit_s: np.float32, per_s: float, bucket: Ints) -> None:
    """Put each unit's edge into the bucket of the time when it leaves the edge at its head; `seed_key_s` ascending."""
    for i in range(len(seed_edge)):
        e, key = seed_edge[i], seed_key_s[i]
        if index[e, FOLLOWING] != UNTOUCHED:
            continue  # of several units on one edge the foremost leaves it first
        number[e, KEY] = key
        index[e, FOLLOWING] = -1
        if key <= limit_s:
            b = int(key * per_s)
            index[e, FOLLOWING] = bucket[b]
            bucket[b] = e


@njit(cache=True, nogil=True)
def take_smallest(number: Times, index: Ints, bucket: Ints, b: int) -> int:
    """Unlink and return the edge with the smallest key of bucket `b`, which must not be empty."""
    e = bucket[b]
    before, previous = -1, e
    i = index[e, FOLLOWING]
    while i != -1:
        if number[i, KEY] < number[e, KEY]:
            e, before = i, previous
        previous = i
        i = index[i, FOLLOWING]
    if before == -1:
        bucket[b] = index[e, FOLLOWING]
    else:
        index[before, FOLLOWING] = index[e, FOLLOWING]
    return e


@njit(cache=True, nogil=True)
def spread(
    number: Times, index: Ints, adjacent: Ints, seed_edge: Ints, seed_key_s: Times, limit_s: float, bucket_s: float, bucket: Ints
) -> None:
    """Write into LABEL of every edge when it is first entered at its tail, up to `limit_s`; inf stays where nobody comes.

    `number` and `index` are two views of the records, [edges + 1, 4], fresh from the template: LABEL inf, KEY the edge's
    seconds, FOLLOWING `UNTOUCHED`, POINTER its first turn in `adjacent`. `seed_key_s`: seconds until a unit on the seed's edge
    leaves it at the head, ascending.
    """
    per_s = 1.0 / bucket_s
    buckets = int(limit_s * per_s) + 1
    bucket[:buckets] = -1
    limit = np.float32(limit_s)
    queue_units(number, index, seed_edge, seed_key_s, limit, per_s, bucket)
    for b in range(buckets):
        while bucket[b] != -1:
            e = take_smallest(number, index, bucket, b)
            now = number[e, KEY]
            for a in range(index[e, POINTER], index[e + 1, POINTER]):
                n = adjacent[a]
                if number[n, LABEL] != np.inf:
                    continue
                number[n, LABEL] = now
                if index[n, FOLLOWING] == UNTOUCHED:  # else a unit on it leaves it before whoever enters it now
                    key = now + number[n, KEY]
                    number[n, KEY] = key
                    if key <= limit:
                        k = int(key * per_s)
                        index[n, FOLLOWING] = bucket[k]
                        bucket[k] = n


@njit(cache=True, nogil=True)
def streets_within(
    low: Ints, high: Ints, car_s: Times, foot_s: Times, car_time_s: Times, foot_time_s: Times, levels_s: Floats, out: NDArray[np.float32]
) -> None:
    """Share of each street that is reached within each level from its two ends; `car_s` and `foot_s` are labels, [edges]."""
    for s in range(len(low)):
        a, b = low[s], high[s]
        for k in range(len(levels_s)):
            level = levels_s[k]
            up, down = 0.0, 0.0
            if car_s[a] < level:
                up = (level - car_s[a]) / car_time_s[a]
            if foot_s[a] < level:
                up = max(up, (level - foot_s[a]) / foot_time_s[a])
            if car_s[b] < level:
                down = (level - car_s[b]) / car_time_s[b]
            if foot_s[b] < level:
                down = max(down, (level - foot_s[b]) / foot_time_s[b])
            out[k, s] = min(1.0, up + down)


@njit(cache=True, nogil=True)
def seeded_within(
    street: Ints, fraction: Floats, up_time_s: Floats, down_time_s: Floats,
    low: Ints, high: Ints, car_s: Times, foot_s: Times, car_time_s: Times, foot_time_s: Times, levels_s: Floats, out: NDArray[np.float32],
) -> None:  # fmt: skip
    """The same for the streets with units on them, `street` ascending: the union of what each of them and the two ends reach."""
    i = 0
    while i < len(street):
        j = i
        while j < len(street) and street[j] == street[i]:
            j += 1
        s = street[i]
        a, b = low[s], high[s]
        for k in range(len(levels_s)):
            level = levels_s[k]
            begin, end = np.empty(j - i + 4), np.empty(j - i + 4)
            begin[0], end[0] = 0.0, (level - car_s[a]) / car_time_s[a] if car_s[a] < level else 0.0
            begin[1], end[1] = 0.0, (level - foot_s[a]) / foot_time_s[a] if foot_s[a] < level else 0.0
            begin[2], end[2] = 1.0 - ((level - car_s[b]) / car_time_s[b] if car_s[b] < level else 0.0), 1.0
            begin[3], end[3] = 1.0 - ((level - foot_s[b]) / foot_time_s[b] if foot_s[b] < level else 0.0), 1.0
            for m in range(i, j):
                begin[4 + m - i] = fraction[m] - level / down_time_s[m]
                end[4 + m - i] = fraction[m] + level / up_time_s[m]
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
    car_s: Times  # [edges] seconds until a car enters the edge at its tail; inf: not within the limit
    foot_s: Times  # [edges] the same on foot
    edge: Ints  # [units that count] the edge each of them is on
    fraction: Floats  # [units that count]
    on_foot: Bools  # [units that count]

    @property
    def units(self) -> int:
        """How many units the search began from."""
        return len(self.edge)

    @cached_property
    def first_s(self) -> Times:
        """[streets] seconds until the first unit is anywhere on the street; inf: not within the limit."""
        low, high = self.streets.low, self.streets.high
        first = np.minimum(np.minimum(self.car_s[low], self.car_s[high]), np.minimum(self.foot_s[low], self.foot_s[high]))
        first[self.streets.of_edge[self.edge]] = 0.0
        return first

    def within(self, levels_s: Sequence[float]) -> NDArray[np.float32]:
        """[levels, streets] share of each street that is reached within each level, 0 … 1. No level may be over the limit."""
        if max(levels_s, default=0.0) > self.limit_s:
            raise ValueError(f"{max(levels_s):g} s were asked of a search that ended at {self.limit_s:g} s. Search further.")
        levels, s = np.array(levels_s, np.float64), self.streets
        car, foot = self.ground.profiles["car"], self.ground.profiles["foot"]
        arrays = (s.low, s.high, self.car_s, self.foot_s, car.time_s, foot.time_s, levels)
        share = np.empty((len(levels), len(s.low)), np.float32)
        streets_within(*arrays, share)
        street, low = s.of_edge[self.edge], s.low[s.of_edge[self.edge]]
        along = np.where(self.edge == low, self.fraction, 1.0 - self.fraction)
        up_s, down_s = (np.where(self.on_foot, foot.time_s[e], car.time_s[e]).astype(np.float64) for e in (low, self.ground.twin[low]))
        order = np.argsort(street, kind="stable")
        seeded_within(street[order], along[order], up_s[order], down_s[order], *arrays, share)
        return share

    def seconds_at(self, edges: Ints, fractions: Floats) -> NDArray[np.float32]:
        """[places] seconds until the first unit is at each place (edge, fraction along it); inf: not within the limit."""
        seconds = np.full(len(edges), np.inf, np.float32)
        for name, label_s in (("car", self.car_s), ("foot", self.foot_s)):
            seconds_of_places(edges, fractions, self.ground.twin, label_s, self.ground.profiles[name].time_s, seconds)
        self._from_units_on_the_street(edges, fractions, seconds)
        seconds[seconds > self.limit_s] = np.inf
        return seconds

    def _from_units_on_the_street(self, edges: Ints, fractions: Floats, seconds: NDArray[np.float32]) -> None:
        street = self.streets.of_edge[edges]
        low = self.streets.low[street]
        along = np.where(edges == low, fractions, 1.0 - fractions)
        order = np.argsort(street, kind="stable")
        ordered = street[order]
        for edge, fraction, on_foot in zip(self.edge.tolist(), self.fraction.tolist(), self.on_foot.tolist(), strict=True):
            here = int(self.streets.of_edge[edge])
            first, last = np.searchsorted(ordered, here), np.searchsorted(ordered, here, side="right")
            if first == last:
                continue
            places = order[first:last]
            time_s = self.ground.profiles["foot" if on_foot else "car"].time_s
            begin = int(self.streets.low[here])
            at = fraction if edge == begin else 1.0 - fraction
            ahead = along[places] - at
            with np.errstate(invalid="ignore"):  # nothing ahead on a way that is closed: 0 · inf
                there = np.where(ahead >= 0, ahead * time_s[begin], -ahead * time_s[self.ground.twin[begin]])
            seconds[places] = np.fmin(seconds[places], np.where(ahead == 0, 0.0, there))


class CoverageSearch:
    """Searches one ground for coverage. Thread-safe; the scratch memory (16 bytes an edge) is kept and reused."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.streets = Streets.of(ground)
        self._templates = {name: _template(profile, ground.through_s[name]) for name, profile in ground.profiles.items()}
        # deque.pop and .append are atomic: a pool without a lock.
        self._pool: deque[tuple[NDArray[np.float32], Ints]] = deque()

    def reach(self, units: UnitPlacement, among: Bools | None = None, limit_s: float = LIMIT_S) -> Reach:
        """Where the units (of those in the mask `among`; those off the network never count) can be within `limit_s` seconds."""
        counted = units.edge >= 0 if among is None else among & (units.edge >= 0)
        rows = np.flatnonzero(counted)
        edge, fraction, on_foot = units.edge[rows], units.fraction[rows], units.on_foot[rows]
        car_s = self._labels("car", edge[~on_foot], fraction[~on_foot], limit_s)
        foot_s = self._labels("foot", edge[on_foot], fraction[on_foot], limit_s)
        return Reach(self.ground, self.streets, limit_s, car_s, foot_s, edge, fraction, on_foot)

    def _labels(self, name: ProfileName, edge: Ints, fraction: Floats, limit_s: float) -> Times:
        """[edges] seconds until a unit of the profile enters each edge."""
        profile, template = self.ground.profiles[name], self._templates[name]
        if not len(edge):
            return np.full(len(template) - 1, np.inf, np.float32)
        both = np.concatenate([edge, self.ground.twin[edge]])
        rest = np.concatenate([1.0 - fraction, fraction])
        usable = np.isfinite(profile.time_s[both])
        both, key_s = both[usable], (rest[usable] * profile.time_s[both[usable]]).astype(np.float32)
        order = np.argsort(key_s, kind="stable")  # the foremost of each edge comes first
        try:
            number, bucket = self._pool.pop()
        except IndexError:
            number, bucket = np.empty_like(template), np.empty(0, np.int32)
        if len(bucket) < int(limit_s / BUCKET_S) + 2:
            bucket = np.empty(int(limit_s / BUCKET_S) + 2, np.int32)
        np.copyto(number, template)
        spread(number, number.view(np.int32), profile.next_edge, both[order], key_s[order], float(limit_s), BUCKET_S, bucket)
        label_s = number[:-1, LABEL].copy()
        self._pool.append((number, bucket))
        return label_s


def _template(profile: Profile, through_s: Times) -> NDArray[np.float32]:
    """The records before a search, [edges + 1, 4]; the last one only ends the turns of the one before."""
    number = np.full((len(profile.time_s) + 1, 4), np.inf, np.float32)
    number[:-1, KEY] = through_s  # nobody drives through where it is closed, only in
    index = number.view(np.int32)
    index[:, FOLLOWING] = UNTOUCHED
    index[:, POINTER] = profile.next_ptr
    return number
