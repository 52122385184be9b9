"""Allowed turns of a profile: which directed edge may follow which, restrictions and barriers applied."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from geodata.source import SourceRestriction
from geodata.streets import Profile

# A restriction that does not bind one of these does not bind a police car: what buses may do on a priority lane, a
# car with a blue light may do too.
EXEMPT_MODES = frozenset({"emergency", "police", "psv", "bus", "motorcar", "motor_vehicle", "vehicle"})


def build_profile(
    name: str,
    time_s: NDArray[np.float32],
    tail: NDArray[np.int32],
    head: NDArray[np.int32],
    twin: NDArray[np.int32],
    blocked_node: NDArray[np.bool_],
    banned: NDArray[np.int64],
) -> Profile:
    """Turns between the edges with finite time.

    `blocked_node[n]`: nobody passes node n, only back again. `banned`: pairs as `edge * len(tail) + next_edge`.
    An edge that no other edge may follow leads back into its twin: dead ends, barriers, over-restricted crossings.
    """
    edges = len(tail)
    usable = np.isfinite(time_s)
    leaving = np.flatnonzero(usable)
    leaving = leaving[np.argsort(tail[leaving], kind="stable")]
    node_count = len(blocked_node)
    leaving_ptr = np.searchsorted(tail[leaving], np.arange(node_count + 1))

    arriving = np.flatnonzero(usable)
    degree = (leaving_ptr[head[arriving] + 1] - leaving_ptr[head[arriving]]) * ~blocked_node[head[arriving]]
    source = np.repeat(arriving, degree)
    offset = np.arange(len(source)) - np.repeat(np.cumsum(degree) - degree, degree)
    target = leaving[np.repeat(leaving_ptr[head[arriving]], degree) + offset]
    keep = target != twin[source]
    if len(banned):
        keep &= ~np.isin(source * np.int64(edges) + target, banned)
    source, target = source[keep], target[keep]

    stuck = usable.copy()
    stuck[source] = False
    turning = np.flatnonzero(stuck & usable[twin])
    source = np.concatenate([source, turning])
    target = np.concatenate([target, twin[turning]])

    next_ptr, next_edge = _csr(source, target, edges)
    previous_ptr, previous_edge = _csr(target, source, edges)
    return Profile(name, time_s, next_ptr, next_edge, previous_ptr, previous_edge)


def _csr(rows: NDArray[np.int64], columns: NDArray[np.int64], edges: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    order = np.lexsort((columns, rows))
    pointer = np.zeros(edges + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=edges), out=pointer[1:])
    return pointer, columns[order].astype(np.int32)


class RestrictionReader:
    """Translates restrictions between source ways into forbidden pairs of directed edges, counting every outcome."""

    def __init__(
        self,
        way_id: NDArray[np.int64],
        tail: NDArray[np.int32],
        head: NDArray[np.int32],
        car_time_s: NDArray[np.float32],
        node_of_source: dict[int, int],
    ) -> None:
        self._tail, self._head = tail, head
        self._drivable = np.isfinite(car_time_s)
        self._node_of_source = node_of_source
        self._edges_by_way: dict[int, list[int]] = defaultdict(list)
        self._way_id = way_id
        self._known_ways: set[int] = set()
        self._leaving: dict[int, list[int]] = defaultdict(list)

    def banned_pairs(self, restrictions: Iterable[SourceRestriction], counts: Counter[str]) -> NDArray[np.int64]:
        """Sorted unique `edge * edges + next_edge`; `counts` gains one entry a restriction, by what became of it."""
        restrictions = list(restrictions)
        self._index(restrictions)
        edges = len(self._tail)
        banned: set[int] = set()
        allowed_only: dict[int, set[int]] = defaultdict(set)
        for restriction in restrictions:
            outcome, pairs = self._resolve(restriction)
            counts[outcome] += 1
            for from_edge, to_edge in pairs:
                if restriction.kind.startswith("only_"):
                    allowed_only[from_edge].add(to_edge)
                else:
                    banned.add(from_edge * edges + to_edge)
        for from_edge, allowed in allowed_only.items():
            # Several only_* from one edge leave the union of their targets.
            banned.update(from_edge * edges + e for e in self._leaving[int(self._head[from_edge])] if e not in allowed)
        return np.array(sorted(banned), dtype=np.int64)

    def _index(self, restrictions: list[SourceRestriction]) -> None:
        wanted = np.array(sorted({w for r in restrictions for w in (r.from_way, r.to_way)}), dtype=np.int64)
        involved = np.isin(self._way_id, wanted)
        self._known_ways = set(np.unique(self._way_id[involved]).tolist())
        for edge in np.flatnonzero(involved & self._drivable):
            self._edges_by_way[int(self._way_id[edge])].append(int(edge))
        vias = [self._node_of_source[r.via_node] for r in restrictions if r.via_node in self._node_of_source]
        for edge in np.flatnonzero(np.isin(self._tail, np.array(vias, dtype=np.int64)) & self._drivable):
            self._leaving[int(self._tail[edge])].append(int(edge))

    def _resolve(self, restriction: SourceRestriction) -> tuple[str, list[tuple[int, int]]]:
        if not restriction.kind.startswith(("no_", "only_")):
            return "restriction_of_unknown_kind", []
        if restriction.except_modes & EXEMPT_MODES:
            return "restriction_not_for_police", []
        if restriction.via_ways:
            return "restriction_via_way_not_applied", []
        via = self._node_of_source.get(restriction.via_node) if restriction.via_node is not None else None
        if restriction.from_way not in self._known_ways or restriction.to_way not in self._known_ways:
            return "restriction_with_missing_way", []
        if via is None:
            return "restriction_with_missing_via", []
        arriving = [e for e in self._edges_by_way.get(restriction.from_way, ()) if self._head[e] == via]
        leaving = [e for e in self._edges_by_way.get(restriction.to_way, ()) if self._tail[e] == via]
        if not arriving or not leaving:
            return "restriction_without_effect", []  # one-way streets or footways forbid it already
        if len(arriving) > 1 or len(leaving) > 1:
            # The way runs on through the node: which side is meant can't be told.
            return "restriction_ambiguous", []
        return "restriction_applied", [(arriving[0], leaving[0])]
