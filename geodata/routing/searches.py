"""Exact, turn-aware searches on the street graph: the numba kernels and the arrays they work in.

The state of a search is a directed edge, or a copy of one (`geodata.streets.via_ways`). Its label is the time between the point asked
for and the edge's far side: for a search *to* a point the time left when the unit reaches the edge's head, for a search
*from* a point the time spent when it enters at the tail. Turns cost nothing, so everything that continues from one edge gets
the same label; edges leave the queue in order of time, so the first label an edge is given is already its final one. Each
edge is therefore queued once, and no label is ever corrected.

The queue is a row of buckets, each an unsorted linked list from which the smallest is taken: exact like a heap, without one.

Copies end with the search: afterwards their rows are rows of their edges. Who stands on an edge has come from nowhere in
particular, so a search *to* a point gives the edge's own label; a search *from* a point the first of the edge and its copies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Literal, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.streets.graph import Profile, StreetGraph
from geodata.streets.street_times import CARS, Pace, StreetEffects, StreetTimes, built_times, turning_back, with_effects
from geodata.streets.via_ways import CopiedStates

Direction = Literal["to", "from"]
Ints = NDArray[np.int32]
Floats = NDArray[np.float64]
Times = NDArray[np.float32]

# About one queued edge a bucket in a city; wider buckets would be scanned, narrower ones are mostly empty.
BUCKET_S = 0.1
# Very long searches share this many buckets, so that clearing them stays cheaper than the search.
MAX_BUCKETS = 1 << 16


@njit(cache=True, nogil=True)
def settle(
    ptr: Ints, adjacent: Ints, time_s: Times, seed_edge: Ints, seed_key_s: Floats, limit_s: float, bucket_s: float,
    slot: Ints, edge: Ints, label_s: Floats, key_s: Floats, parent: Ints, following: Ints, bucket: Ints,
) -> int:  # fmt: skip
    """Fill edge, label_s, parent of every state with a label up to `limit_s`, in order of label; return how many rows were used.

    Rows 0 … seeds-1 are the seeds: `key_s` is the time already used up on the seed's edge. `slot[e]` becomes the row of state e
    and must be -1 everywhere beforehand; `forget` restores that.
    """
    per_s = 1.0 / bucket_s
    buckets = int(limit_s * per_s) + 1
    bucket[:buckets] = -1
    used = 0
    for i in range(len(seed_edge)):
        edge[used] = seed_edge[i]
        label_s[used] = 0.0
        key_s[used] = seed_key_s[i]
        parent[used] = -1
        if seed_key_s[i] <= limit_s:
            b = int(seed_key_s[i] * per_s)
            following[used] = bucket[b]
            bucket[b] = used
        used += 1
    for b in range(buckets):
        floor_s = b * bucket_s
        while bucket[b] != -1:
            # Take the smallest of the list; one that equals the last taken can't be beaten, so equal times stay cheap.
            row = bucket[b]
            before = -1
            previous = row
            i = following[row]
            while i != -1 and key_s[row] > floor_s:
                if key_s[i] < key_s[row]:
                    row = i
                    before = previous
                previous = i
                i = following[i]
            if before == -1:
                bucket[b] = following[row]
            else:
                following[before] = following[row]
            now_s = key_s[row]
            floor_s = now_s
            e = edge[row]
            for a in range(ptr[e], ptr[e + 1]):
                n = adjacent[a]
                if slot[n] == -1:
                    slot[n] = used
                    edge[used] = n
                    label_s[used] = now_s
                    parent[used] = row
                    key = now_s + time_s[n]
                    key_s[used] = key
                    if key <= limit_s:
                        k = int(key * per_s)
                        following[used] = bucket[k]
                        bucket[k] = used
                    used += 1
    return used


@njit(cache=True, nogil=True)
def fold(slot: Ints, edge: Ints, copy_of: Ints, seeds: int, first_counts: bool) -> int:
    """Turn rows of copies into rows of their edges; return how many rows are not the one that `slot` names for their edge.

    With `first_counts` an edge's row is the earliest of its own and its copies', else its own, if it has one.
    """
    edges = len(slot) - len(copy_of)
    for i in range(seeds):
        if edge[i] >= edges:
            edge[i] = copy_of[edge[i] - edges]
    hidden = 0
    for c in range(len(copy_of)):
        row = slot[edges + c]
        if row == -1:
            continue
        slot[edges + c] = -1
        e = copy_of[c]
        edge[row] = e
        hidden += 1
        if first_counts:
            if slot[e] == -1:
                slot[e] = row
                hidden -= 1
            elif row < slot[e]:
                slot[e] = row
    return hidden


@njit(cache=True, nogil=True)
def forget(slot: Ints, edge: Ints, used: int) -> None:
    """Make `slot` -1 again by visiting only the rows a search has used: cheaper than a stamp tested at every turn."""
    for i in range(used):
        slot[edge[i]] = -1


@njit(cache=True, nogil=True)
def measure(edge: Ints, parent: Ints, length_m: Times, seed_key_m: Floats, used: int, label_m: Floats) -> None:
    """Metres by road that belong to each row's label. Parents come before their children, so one pass is enough."""
    seeds = len(seed_key_m)
    for i in range(used):
        p = parent[i]
        if p < 0:
            label_m[i] = 0.0
        elif p < seeds:
            label_m[i] = seed_key_m[p]
        else:
            label_m[i] = label_m[p] + length_m[edge[p]]


@njit(cache=True, nogil=True)
def times_at(
    slot: Ints, label_s: Floats, time_s: Times, twin: Ints, seed_edge: Ints, seed_fraction: Floats, towards: bool,
    edges: Ints, fractions: Floats, out_s: Floats, out_edge: Ints, out_row: Ints,
) -> None:  # fmt: skip
    """Travel time between each position (edge, fraction; edge -1 is nowhere) and the point of the search; inf beyond it.

    `out_edge` is the direction the unit takes from where it stands, `out_row` the row that continues, or -1 - seed
    when the point lies ahead on the very same edge.
    """
    for i in range(len(edges)):
        out_s[i] = np.inf
        out_edge[i] = -1
        out_row[i] = -1
        if edges[i] < 0:
            continue
        for side in range(2):
            e = edges[i] if side == 0 else twin[edges[i]]
            f = fractions[i] if side == 0 else 1.0 - fractions[i]
            t = time_s[e]
            if not np.isfinite(t):
                continue
            rest_s = (1.0 - f) * t if towards else f * t
            if slot[e] >= 0 and label_s[slot[e]] + rest_s < out_s[i]:
                out_s[i] = label_s[slot[e]] + rest_s
                out_edge[i] = e
                out_row[i] = slot[e]
            for s in range(len(seed_edge)):
                if seed_edge[s] != e:
                    continue
                ahead = seed_fraction[s] - f if towards else f - seed_fraction[s]
                if ahead >= 0.0 and ahead * t < out_s[i]:
                    out_s[i] = ahead * t
                    out_edge[i] = e
                    out_row[i] = -1 - s


class Workspace:
    """The scratch arrays of one search at a time; 30 bytes a state."""

    def __init__(self, states: int, seeds: int) -> None:
        rows = states + seeds
        self.slot = np.full(states, -1, np.int32)
        self.edge = np.empty(rows, np.int32)
        self.label_s = np.empty(rows, np.float64)
        self.key_s = np.empty(rows, np.float64)
        self.parent = np.empty(rows, np.int32)
        self.following = np.empty(rows, np.int32)
        self.bucket = np.empty(MAX_BUCKETS + 1, np.int32)


@dataclass(frozen=True)
class RoadPoint:
    """A point on the network: part-way (`fraction`, from tail to head) along a directed edge.

    lon, lat are the point on the street; `distance_m` is how far the asked point lies from it.
    """

    edge: int
    fraction: float
    lon: float
    lat: float
    distance_m: float


@dataclass
class Found:
    """One finished search. Its arrays are the workspace's own: use them inside the `with` block only."""

    ground: Ground
    profile: Profile
    towards: bool
    limit_s: float
    seed_edge: Ints  # [directions] of the street through the point
    seed_fraction: Floats
    seeds: int  # rows to begin with: more than the directions where the point's edges have copies
    seed_of_row: Ints | slice  # [seeds] index into directions
    used: int  # rows, the seeds included
    hidden: int  # of those, rows that are not their edge's answer
    workspace: Workspace

    @property
    def edge(self) -> Ints:
        """[reached] directed edges, each once, in order of label."""
        reached = self.workspace.edge[self.seeds : self.used]
        return reached[self._shown] if self.hidden else reached

    @property
    def label_s(self) -> Floats:
        """[reached] seconds between the edge's far side and the point, see the module."""
        reached = self.workspace.label_s[self.seeds : self.used]
        return reached[self._shown] if self.hidden else reached

    @cached_property
    def _shown(self) -> NDArray[np.bool_]:
        """[rows but the seeds] whether the row is its edge's answer."""
        w = self.workspace
        shown: NDArray[np.bool_] = w.slot[w.edge[self.seeds : self.used]] == np.arange(self.seeds, self.used)
        return shown

    def seconds_at(self, edges: Ints, fractions: Floats) -> tuple[Floats, Ints, Ints]:
        """Seconds between each position and the point (inf: not within the limit), the direction taken, the row that continues."""
        seconds = np.empty(len(edges))
        taken = np.empty(len(edges), np.int32)
        row = np.empty(len(edges), np.int32)
        w = self.workspace
        times_at(
            w.slot, w.label_s, self.profile.time_s, self.ground.twin, self.seed_edge, self.seed_fraction, self.towards,
            edges, fractions, seconds, taken, row,
        )  # fmt: skip
        seconds[seconds > self.limit_s] = np.inf
        return seconds, taken, row

    def metres_at(
        self,
        edges: Ints,
        fractions: Floats,
        taken: Ints,
        row: Ints,
    ) -> Floats:
        """Metres by road along the fastest way of each position that `seconds_at` reached; others must not be passed."""
        return self._along(self.ground.length_m, edges, fractions, taken, row)

    def late_seconds_at(self, edges: Ints, fractions: Floats, taken: Ints, row: Ints) -> Floats:
        """The p90 of the same way, in seconds."""
        return self._along(self.ground.p90_s[self.profile.name], edges, fractions, taken, row)

    def _along(self, length_m: Times, edges: Ints, fractions: Floats, taken: Ints, row: Ints) -> Floats:
        """What the edges' lengths (or other amounts) add up to along the fastest way."""
        w = self.workspace
        used_share = self.seed_fraction if self.towards else 1.0 - self.seed_fraction
        label_m = np.empty(self.used)
        measure(w.edge, w.parent, length_m, (used_share * length_m[self.seed_edge])[self.seed_of_row], self.used, label_m)
        # Fraction seen in the direction taken.
        along = np.where(taken == edges, fractions, 1.0 - fractions)
        rest = 1.0 - along if self.towards else along
        direct = row < 0
        seed = np.where(direct, -1 - row, 0)
        metres = rest * length_m[taken] + np.where(direct, 0.0, label_m[np.maximum(row, 0)])
        return np.where(direct, np.abs(self.seed_fraction[seed] - along) * length_m[taken], metres)

    def chain(self, row: int) -> list[int]:
        """Edges from the one of `row` to the seed's, in the order of the search away from the unit."""
        edges = []
        while row >= 0:
            edges.append(int(self.workspace.edge[row]))
            row = int(self.workspace.parent[row])
        return edges


_Scalar = TypeVar("_Scalar", bound=np.generic)


def owned(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """The array as the kernels take it, contiguous and writable, copied only where it is not: another kind compiles them again.

    The arrays of an opened city are of this kind, see `geodata.mapped`.
    """
    return np.require(array, requirements=("C", "A", "W", "E"))


class Ground:
    """A street graph made ready for searching, with the times of one moment. Never changes; thread-safe.

    Workspaces are kept and reused, also by the grounds that `with_times` makes of this one.
    """

    def __init__(self, graph: StreetGraph) -> None:
        self.graph = graph
        self.twin = owned(graph.twin)
        self.length_m = owned(graph.length_m)
        self._built: dict[str, Profile] = {p.name: _owned_profile(p) for p in graph.profiles}
        self._built["siren"] = replace(self._built["car"], name="siren")
        self._copies: dict[str, CopiedStates] = {name: CopiedStates(p) for name, p in self._built.items()}
        copies = max(len(p.copy_of) for p in self._built.values())
        self._room = (len(self.twin) + copies, 2 + copies)
        # deque.pop and .append are atomic: a pool without a lock.
        self._pool: deque[Workspace] = deque()
        self._set(built_times(graph), StreetEffects(), 0.5)

    def _set(self, times: StreetTimes, effects: StreetEffects, quantile: float) -> None:
        self.quantile = quantile
        # [edges] by profile: seconds of whole edges; seconds towards a way's p90; seconds for who drives through, inf where closed.
        self.profiles: dict[str, Profile] = {}
        self.p90_s: dict[str, Times] = {}
        self.through_s: dict[str, Times] = {}
        self.state_s: dict[str, Times] = {}  # [states] by profile, the last ones: a copy takes as long as its edge
        for name, built in self._built.items():
            usual, late = owned(times.p50_s[name]), owned(times.p90_s[name])  # type: ignore[index]
            searched = late if quantile == 0.9 else usual
            through = searched
            if effects and name in CARS:
                late, _ = with_effects(late, effects)
                searched, through = with_effects(searched, effects)
                built = turning_back(built, through, self.twin)
            self.profiles[name] = replace(built, time_s=searched)
            self.p90_s[name], self.through_s[name] = late, through
            self.state_s[name] = self._copies[name].times(through)

    def with_times(self, times: StreetTimes, effects: StreetEffects | None = None, quantile: float = 0.5) -> Ground:
        """The same streets with other times: usual ones, or with `quantile` 0.9 those of a way that goes late. Shares all else."""
        other = copy(self)
        other._set(times, effects or StreetEffects(), quantile)
        return other

    def seeds(self, point: RoadPoint, profile: Profile) -> tuple[Ints, Floats]:
        """The directed edges through `point` that the profile may use, and the point's fraction along each."""
        twin = int(self.twin[point.edge])
        both = ((point.edge, point.fraction), (twin, 1.0 - point.fraction))
        usable = [(e, f) for e, f in both if np.isfinite(profile.time_s[e])]
        return np.array([e for e, _ in usable], np.int32), np.array([f for _, f in usable], np.float64)

    @contextmanager
    def search(self, point: RoadPoint, limit_s: float, direction: Direction = "to", profile: Pace = "car") -> Iterator[Found]:
        """Search up to `limit_s` seconds around `point`; the result lives inside the `with` block."""
        p, copies = self.profiles[profile], self._copies[profile]
        towards = direction == "to"
        seed_edge, seed_fraction = self.seeds(point, p)
        state, seed_of_row = copies.seeds(seed_edge, towards)
        key_s = ((seed_fraction if towards else 1.0 - seed_fraction) * p.time_s[seed_edge])[seed_of_row]
        ptr, adjacent = (p.previous_ptr, p.previous_edge) if towards else (p.next_ptr, p.next_edge)
        try:
            w = self._pool.pop()
        except IndexError:
            w = Workspace(*self._room)
        used = settle(
            ptr, adjacent, self.state_s[profile], state, key_s, float(limit_s), max(BUCKET_S, limit_s / MAX_BUCKETS),
            w.slot, w.edge, w.label_s, w.key_s, w.parent, w.following, w.bucket,
        )  # fmt: skip
        hidden = 0
        if copies.count:
            hidden = fold(w.slot[: len(self.twin) + copies.count], w.edge, p.copy_of, len(state), not towards)
        try:
            yield Found(self, p, towards, float(limit_s), seed_edge, seed_fraction, len(state), seed_of_row, used, hidden, w)
        finally:
            forget(w.slot, w.edge, used)
            self._pool.append(w)


def _owned_profile(profile: Profile) -> Profile:
    return Profile(profile.name, **{f.name: owned(getattr(profile, f.name)) for f in fields(Profile) if f.name != "name"})
