"""Times by road the slow and plain way, to check the searches against: Dijkstra over what a unit has driven.

Shares nothing with `geodata` but the arrays of streets: which street begins and ends where, how long it takes, which way of the
source it is of. Restrictions and posts are read from the source. A state is not an edge but the edges driven up to now,
as many as a restriction can ask for.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from geodata.building.barriers import Barriers
from geodata.building.source import CitySource
from geodata.streets.graph import Profile, StreetGraph

Driven = tuple[int, ...]
At = list[tuple[int, float]]  # the directions through a point, with the fraction of each at which it lies

EXEMPT = frozenset({"emergency", "police", "psv", "bus", "motorcar", "motor_vehicle", "vehicle"})


class Reference:
    """Times for one profile. `no`: runs of edges of which the last is forbidden after the others; `only`: the last is the only one."""

    def __init__(
        self, graph: StreetGraph, profile: Profile, no: Iterable[Driven] = (), only: Iterable[Driven] = (), posts: Iterable[int] = ()
    ) -> None:
        self.tail, self.head, self.twin = graph.tail.tolist(), graph.head.tolist(), graph.twin.tolist()
        self.time_s = [float(t) for t in profile.time_s]
        self.leaving: dict[int, list[int]] = defaultdict(list)
        for e, node in enumerate(self.tail):
            if self.time_s[e] < math.inf:
                self.leaving[node].append(e)
        self.posts = set(posts)
        self.no: dict[int, list[Driven]] = defaultdict(list)
        for run in no:
            self.no[run[-1]].append(run[:-1])
        self.only: dict[Driven, set[int]] = defaultdict(set)
        for run in only:
            for n in range(1, len(run)):
                self.only[run[:n]].add(run[n])
        self.runs = [*no, *only]
        self._matters = {e for run in self.runs for e in run}
        self._longest = max((len(run) for run in self.runs), default=2) - 1
        self._before: dict[Driven, list[Driven]] | None = None

    def onward(self, driven: Driven) -> list[Driven]:
        """What may be driven next: back only where there is nothing else."""
        here = driven[-1]
        ahead = [] if self.head[here] in self.posts else self.leaving[self.head[here]]
        ahead = [e for e in ahead if e != self.twin[here] and self.is_allowed(driven, e)]
        if not ahead and self.time_s[self.twin[here]] < math.inf:
            ahead = [self.twin[here]]
        return [self.remembered((*driven, e)) for e in ahead]

    def is_allowed(self, driven: Driven, e: int) -> bool:
        if any(driven[-len(before) :] == before for before in self.no[e]):
            return False
        ends = (driven[-n:] for n in range(1, len(driven) + 1))
        return all(e in self.only[end] for end in ends if end in self.only)

    def remembered(self, driven: Driven) -> Driven:
        """The last edges that some restriction is about, at least the last one."""
        kept = driven[-1:]
        for e in reversed(driven[:-1]):
            if e not in self._matters or kept[0] not in self._matters or len(kept) == self._longest:
                break
            kept = (e, *kept)
        return kept

    def labels_from(self, at: At, limit_s: float) -> dict[int, float]:
        """Seconds until each edge is entered, starting at a point with nothing behind."""
        begun = [((1 - fraction) * self.time_s[e], nxt) for e, fraction in at for nxt in self.onward((e,))]
        labels: dict[int, float] = {}
        for seconds, driven in self._settled(begun, limit_s, self.onward):
            labels.setdefault(driven[-1], seconds)
        return labels

    def labels_to(self, at: At, limit_s: float) -> dict[int, float]:
        """Seconds left at the end of each edge, for a unit that stood on it with nothing behind."""
        before = self._all_before()
        begun = []
        for e, fraction in at:
            for driven in self._states[e]:
                begun += [(fraction * self.time_s[e], earlier) for earlier in before[driven]]
        settled = self._settled(begun, limit_s, before.__getitem__)
        return {driven[-1]: seconds for seconds, driven in settled if len(driven) == 1}

    def _settled(self, begun: list[tuple[float, Driven]], limit_s: float, following) -> Iterator[tuple[float, Driven]]:  # type: ignore[no-untyped-def]
        queue = [entry for entry in begun if entry[0] <= limit_s]
        heapq.heapify(queue)
        done: set[Driven] = set()
        while queue:
            seconds, driven = heapq.heappop(queue)
            if driven in done:
                continue
            done.add(driven)
            yield seconds, driven
            later = seconds + self.time_s[driven[-1]]
            if later <= limit_s:
                for nxt in following(driven):
                    if nxt not in done:
                        heapq.heappush(queue, (later, nxt))

    def _all_before(self) -> dict[Driven, list[Driven]]:
        if self._before is None:
            unseen: list[Driven] = [(e,) for e in range(len(self.tail)) if self.time_s[e] < math.inf]
            self._before = {driven: [] for driven in unseen}
            while unseen:
                driven = unseen.pop()
                for nxt in self.onward(driven):
                    if nxt not in self._before:
                        self._before[nxt] = []
                        unseen.append(nxt)
                    self._before[nxt].append(driven)
            self._states: dict[int, list[Driven]] = defaultdict(list)
            for driven in self._before:
                self._states[driven[-1]].append(driven)
        return self._before

    def at(self, edge: int, fraction: float) -> At:
        """The directions through a point that may be used."""
        both = [(edge, fraction), (self.twin[edge], 1 - fraction)]
        return [(e, f) for e, f in both if self.time_s[e] < math.inf]

    def seconds(self, labels: dict[int, float], point: At, towards: bool, edge: int, fraction: float) -> float:
        """Between a position and the point whose labels these are."""
        best = math.inf
        for e, f in self.at(edge, fraction):
            rest = 1 - f if towards else f
            best = min(best, labels.get(e, math.inf) + rest * self.time_s[e])
            for goal, g in point:
                ahead = g - f if towards else f - g
                if goal == e and ahead >= 0:
                    best = min(best, ahead * self.time_s[e])
        return best


def car_reference(source: CitySource, graph: StreetGraph) -> Reference:
    """For cars, restrictions and posts as the source has them."""
    places = {place: n for n, place in enumerate(zip(graph.node_lon.tolist(), graph.node_lat.tolist(), strict=True))}
    node_of = {
        int(i): places[place]
        for i, place in zip(source.node_ids, zip(source.node_lon.tolist(), source.node_lat.tolist(), strict=True), strict=True)
        if place in places
    }
    ids = np.unique(source.node_ids)
    blocks = Barriers.of(source.node_tags, ids, source.closed_ways_pass, Counter()).blocks
    posts = [node_of[i] for i in ids[blocks].tolist() if i in node_of]
    edges_of: dict[int, list[int]] = defaultdict(list)
    for e in np.flatnonzero(np.isfinite(graph.car.time_s)).tolist():
        edges_of[int(graph.way_id[e])].append(e)
    no, only = [], []
    for r in source.restrictions:
        if r.except_modes & EXEMPT:
            continue
        runs = [run for e in edges_of[r.from_way] for run in _continued((e,), r.via_ways, r.to_way, edges_of, graph)]
        if not r.via_ways:
            runs = [run for run in runs if graph.head[run[0]] == node_of.get(r.via_node or 0)]
        if len(runs) == 1:
            (no if r.kind.startswith("no_") else only).append(runs[0])
    return Reference(graph, graph.car, no, only, posts)


def _continued(run: Driven, via_ways: tuple[int, ...], to_way: int, edges_of: dict[int, list[int]], graph: StreetGraph) -> list[Driven]:
    """Every way on from `run` over all of `via_ways` to `to_way` that comes to no junction twice."""
    last = run[-1]
    found = []
    if {int(graph.way_id[e]) for e in run[1:]} == set(via_ways):
        turn_back = graph.twin[last] if via_ways else -1
        found = [(*run, e) for e in edges_of[to_way] if graph.tail[e] == graph.head[last] and e != turn_back]
    ends = {int(graph.head[e]) for e in run}
    for way in set(via_ways):
        for e in edges_of[way]:
            if graph.tail[e] == graph.head[last] and e != graph.twin[last] and int(graph.head[e]) not in ends:
                found += _continued((*run, e), via_ways, to_way, edges_of, graph)
    return found
