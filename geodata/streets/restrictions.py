"""Turn restrictions between source ways, translated into runs of directed edges that nobody may drive."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.building.source import SourceRestriction

# A restriction that does not bind one of these does not bind a police car: what buses may do on a priority lane, a
# car with a blue light may do too.
CAR_MODES = frozenset({"emergency", "police", "psv", "bus", "motorcar", "motor_vehicle", "vehicle"})
EBIKE_MODES = frozenset({"bicycle", "emergency", "police", "vehicle"})
# Members that make a maze instead of a way are not searched for ever.
_MOST_STEPS = 10_000

Run = tuple[int, ...]


@dataclass(frozen=True)
class TurnRules:
    """What a profile may not do at junctions beyond what its streets say."""

    pairs: NDArray[np.int64]  # sorted unique `edge * edges + next_edge`
    # Three edges or more: whoever has come over all but the last, one after the other, may not go on to the last.
    runs: tuple[Run, ...] = ()


NO_RULES = TurnRules(np.empty(0, np.int64))


class RestrictionReader:
    """Translates restrictions for one profile, counting every outcome."""

    def __init__(
        self,
        way_id: NDArray[np.int64],
        tail: NDArray[np.int32],
        head: NDArray[np.int32],
        twin: NDArray[np.int32],
        time_s: NDArray[np.float32],
        node_of_source: dict[int, int],
        exempt_modes: frozenset[str],
    ) -> None:
        self._tail, self._head, self._twin = tail, head, twin
        self._usable = np.isfinite(time_s)
        self._node_of_source = node_of_source
        self._exempt_modes = exempt_modes
        self._way_id = way_id
        self._known_ways: set[int] = set()
        self._edges_by_way: dict[int, list[int]] = defaultdict(list)
        self._leaving: dict[int, list[int]] = defaultdict(list)  # by node

    def rules(self, restrictions: Iterable[SourceRestriction], counts: Counter[str]) -> TurnRules:
        """`counts` gains one entry a restriction, by what became of it."""
        restrictions = list(restrictions)
        self._index(restrictions)
        forbidden: set[Run] = set()
        allowed: dict[Run, set[int]] = defaultdict(set)
        for restriction in restrictions:
            outcome, run = self._resolve(restriction)
            counts[outcome] += 1
            if restriction.kind.startswith("no_"):
                forbidden.update(run)
                continue
            for way in run:
                # From the first street on there is only this way to go.
                for n in range(1, len(way)):
                    allowed[way[:n]].add(way[n])
        for way, onward in allowed.items():
            # Several only_* that have come the same way so far leave the union of what each allows.
            forbidden.update((*way, e) for e in self._leaving[int(self._head[way[-1]])] if e not in onward)
        edges = len(self._tail)
        pairs = sorted(run[0] * edges + run[1] for run in forbidden if len(run) == 2)
        return TurnRules(np.array(pairs, dtype=np.int64), tuple(sorted(run for run in forbidden if len(run) > 2)))

    def _index(self, restrictions: list[SourceRestriction]) -> None:
        wanted = np.array(sorted({w for r in restrictions for w in (r.from_way, *r.via_ways, r.to_way)}), dtype=np.int64)
        involved = np.isin(self._way_id, wanted)
        self._known_ways = set(np.unique(self._way_id[involved]).tolist())
        for edge in np.flatnonzero(involved & self._usable):
            self._edges_by_way[int(self._way_id[edge])].append(int(edge))
        passed = np.unique(self._head[involved])
        for edge in np.flatnonzero(np.isin(self._tail, passed) & self._usable):
            self._leaving[int(self._tail[edge])].append(int(edge))

    def _resolve(self, restriction: SourceRestriction) -> tuple[str, list[Run]]:
        """What became of it, and the one run of edges it is about, where there is one."""
        if not restriction.kind.startswith(("no_", "only_")):
            return "restriction_of_unknown_kind", []
        if restriction.except_modes & self._exempt_modes:
            return "restriction_not_for_police", []
        if restriction.from_way not in self._known_ways or restriction.to_way not in self._known_ways:
            return "restriction_with_missing_way", []
        if restriction.via_ways:
            if not self._known_ways.issuperset(restriction.via_ways):
                return "restriction_with_missing_via", []
            runs = list(self._over_ways(restriction))
        else:
            via = self._node_of_source.get(restriction.via_node) if restriction.via_node is not None else None
            if via is None:
                return "restriction_with_missing_via", []
            arriving = [e for e in self._edges_by_way.get(restriction.from_way, ()) if self._head[e] == via]
            runs = [(e, f) for e in arriving for f in self._edges_by_way.get(restriction.to_way, ()) if self._tail[f] == via]
        if not runs:
            return "restriction_without_effect", []  # one-way streets or footways forbid it already
        if len(runs) > 1:
            # A way runs on through the node where the next begins: which side is meant can't be told.
            return "restriction_ambiguous", []
        return "restriction_over_ways_applied" if restriction.via_ways else "restriction_applied", runs

    def _over_ways(self, restriction: SourceRestriction) -> Iterator[Run]:
        """Every way from `from_way` over edges of all `via_ways`, no node twice, to `to_way`; two at most, for two are one too many."""
        over: dict[int, list[int]] = defaultdict(list)
        for way in dict.fromkeys(restriction.via_ways):
            for e in self._edges_by_way.get(way, ()):
                over[int(self._tail[e])].append(e)
        after = self._edges_by_way.get(restriction.to_way, ())
        needed = set(restriction.via_ways)
        unfinished: list[Run] = [(e,) for e in self._edges_by_way.get(restriction.from_way, ())]
        found = steps = 0
        while unfinished and found < 2:
            run = unfinished.pop()
            here = int(self._head[run[-1]])
            if needed <= {int(self._way_id[e]) for e in run[1:]}:
                for e in after:
                    if self._tail[e] == here and e != self._twin[run[-1]]:
                        found += 1
                        yield (*run, e)
            visited = {int(self._head[e]) for e in run}
            unfinished += [(*run, e) for e in over.get(here, ()) if int(self._head[e]) not in visited and e != self._twin[run[-1]]]
            steps += 1
            if steps > _MOST_STEPS:
                yield from ((), ())
                return
