"""Exact, turn-aware searches on the street graph: the numba kernels and the arrays they work in.

The state of a search is a directed edge. Its label is the time between the point asked for and the edge's far side: for a
search *to* a point the time left when the unit reaches the edge's head, for a search *from* a point the time spent when
it enters at the tail. Turns cost nothing, so everything that continues from one edge gets the same label; edges leave
the queue in order of time, so the first label an edge is given is already its final one. Each edge is therefore queued
once, and no label is ever corrected.

The queue is a row of buckets, each an unsorted linked list from which the smallest is taken: exact like a heap, without one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.street_times import Pace, StreetEffects, StreetTimes, built_times, turning_back, with_effects
from geodata.streets import Profile, StreetGraph

Direction = Literal["to", "from"]
ProfileName = Literal["car", "foot"]
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
    """Fill edge, label_s, parent of every edge with a label up to `limit_s`, in order of label; return how many rows were used.

    Rows 0 … seeds-1 are the seeds: `key_s` is the time already used up on the seed's edge. `slot[e]` becomes the row of edge e
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
    """The scratch arrays of one search at a time; 30 bytes an edge."""

    def __init__(self, edges: int) -> None:
        rows = edges + 2  # two seeds at most: the street's two directions
        self.slot = np.full(edges, -1, np.int32)
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
    seed_edge: Ints  # [seeds]
    seed_fraction: Floats
    used: int  # rows, the seeds included
    workspace: Workspace

    @property
    def seeds(self) -> int:
        return len(self.seed_edge)

    @property
    def edge(self) -> Ints:
        """[reached] directed edges, in order of label."""
        return self.workspace.edge[self.seeds : self.used]

    @property
    def label_s(self) -> Floats:
        """[reached] seconds between the edge's far side and the point, see the module."""
        return self.workspace.label_s[self.seeds : self.used]

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
        measure(w.edge, w.parent, length_m, used_share * length_m[self.seed_edge], self.used, label_m)
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
    """A plain in-memory copy: a mapped, read-only array is another type to numba and would compile every kernel twice."""
    return np.array(array, order="C", subok=False)


def _plain(times: Times) -> Times:
    """Copied only where it must be: times are changed by nobody."""
    return times if type(times) is np.ndarray and times.flags.writeable and times.flags.c_contiguous else owned(times)


class Ground:
    """A street graph made ready for searching, with the times of one moment. Never changes; thread-safe.

    Workspaces are kept and reused, also by the grounds that `with_times` makes of this one.
    """

    def __init__(self, graph: StreetGraph) -> None:
        self.graph = graph
        self.twin = owned(graph.twin)
        self.length_m = owned(graph.length_m)
        # deque.pop and .append are atomic: a pool without a lock.
        self._pool: deque[Workspace] = deque()
        car, foot = self._profile(graph.car), self._profile(graph.foot)
        self._built: dict[str, Profile] = {"car": car, "siren": replace(car, name="siren"), "foot": foot}
        self._set(built_times(graph), StreetEffects(), 0.5)

    def _set(self, times: StreetTimes, effects: StreetEffects, quantile: float) -> None:
        self.quantile = quantile
        # [edges] by profile: seconds of whole edges; seconds towards a way's p90; seconds for who drives through, inf where closed.
        self.profiles: dict[str, Profile] = {}
        self.p90_s: dict[str, Times] = {}
        self.through_s: dict[str, Times] = {}
        for name, built in self._built.items():
            usual, late = _plain(times.p50_s[name]), _plain(times.p90_s[name])  # type: ignore[index]
            searched = late if quantile == 0.9 else usual
            through = searched
            if effects and name != "foot":
                late, _ = with_effects(late, effects)
                searched, through = with_effects(searched, effects)
                built = turning_back(built, through, self.twin)
            self.profiles[name] = replace(built, time_s=searched)
            self.p90_s[name], self.through_s[name] = late, through

    def with_times(self, times: StreetTimes, effects: StreetEffects | None = None, quantile: float = 0.5) -> Ground:
        """The same streets with other times: usual ones, or with `quantile` 0.9 those of a way that goes late. Shares all else."""
        other = copy(self)
        other._set(times, effects or StreetEffects(), quantile)
        return other

    @staticmethod
    def _profile(profile: Profile) -> Profile:
        return Profile(
            profile.name,
            owned(profile.time_s),
            owned(profile.next_ptr),
            owned(profile.next_edge),
            owned(profile.previous_ptr),
            owned(profile.previous_edge),
        )

    def seeds(self, point: RoadPoint, profile: Profile) -> tuple[Ints, Floats]:
        """The directed edges through `point` that the profile may use, and the point's fraction along each."""
        twin = int(self.twin[point.edge])
        both = ((point.edge, point.fraction), (twin, 1.0 - point.fraction))
        usable = [(e, f) for e, f in both if np.isfinite(profile.time_s[e])]
        return np.array([e for e, _ in usable], np.int32), np.array([f for _, f in usable], np.float64)

    @contextmanager
    def search(self, point: RoadPoint, limit_s: float, direction: Direction = "to", profile: Pace = "car") -> Iterator[Found]:
        """Search up to `limit_s` seconds around `point`; the result lives inside the `with` block."""
        p = self.profiles[profile]
        towards = direction == "to"
        seed_edge, seed_fraction = self.seeds(point, p)
        key_s = (seed_fraction if towards else 1.0 - seed_fraction) * p.time_s[seed_edge]
        ptr, adjacent = (p.previous_ptr, p.previous_edge) if towards else (p.next_ptr, p.next_edge)
        try:
            w = self._pool.pop()
        except IndexError:
            w = Workspace(len(self.twin))
        used = settle(
            ptr, adjacent, self.through_s[profile], seed_edge, key_s, float(limit_s), max(BUCKET_S, limit_s / MAX_BUCKETS),
            w.slot, w.edge, w.label_s, w.key_s, w.parent, w.following, w.bucket,
        )  # fmt: skip
        try:
            yield Found(self, p, towards, float(limit_s), seed_edge, seed_fraction, used, w)
        finally:
            forget(w.slot, w.edge, used)
            self._pool.append(w)
