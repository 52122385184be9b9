"""Map matching on line: which streets a car has driven, and when it was at each crossing, from fixes as they come.

A hidden Markov model on the street graph: a fix is likely near a street and along its heading, and a way between two fixes is likely when
it is about as long as they are apart (Newson and Krumm, 2009); turning round, driving against a one-way and forbidden turns cost
extra. Each car keeps a few ways that it may have come; what they have in common is settled and handed out as traversals, some
fixes late. So parallel streets are told apart by where the car comes out, not by the nearest line.

The noise of each car's receiver is estimated from its own fixes. Times at crossings are interpolated between two fixes; who stood
longer than a signal lasts, or was not heard, has driven a street of unknown time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from geodata.projection import LocalProjection
from geodata.routing.searches import Floats, Ints, Times, owned
from geodata.streets.graph import StreetGraph
from geodata.streets.snapping import Snapper
from geodata.tracks.match_steps import Arcs
from geodata.tracks.match_ways import follow, more_cars, no_cars, room_to_settle, scratch

Bools = NDArray[np.bool_]

# Cost of what is not done without need, in the unit of the likelihoods' logarithms.
AGAINST_ONE_WAY, FORBIDDEN_TURN, TURN_AT_CROSSING, TURN_AT_DEAD_END = 4.0, 3.0, 5.0, 2.0


@dataclass(frozen=True)
class Traversals:
    """Whole edges that cars have driven, each car's in the order it drove them.

    `entered_s` is NaN where it is not known when, or whether from its beginning, the edge was driven. Where it is known, the
    edge before was driven to its head, which is this one's tail.
    """

    unit: Ints  # [traversals] rows as numbered by the caller
    edge: Ints
    entered_s: Floats  # Unix s
    left_s: Floats

    def __len__(self) -> int:
        return len(self.unit)


class Matcher:
    """Follows the cars of one city; 6 kB a car. Not thread-safe: one thread at a time."""

    def __init__(self, graph: StreetGraph, snapper: Snapper) -> None:
        self._projection = LocalProjection(graph.origin_lon, graph.origin_lat)
        self._grid = snapper.grid
        self._arcs = _arcs(graph)
        self._work = scratch(graph.edge_count)
        self._cars = no_cars(0)

    def follow(
        self, unit: ArrayLike, at_s: ArrayLike, lon: ArrayLike, lat: ArrayLike, heading_deg: ArrayLike, speed_mps: ArrayLike
    ) -> Traversals:
        """Take fixes, equally long arrays, each unit's in the order of time; what is settled by them.

        `unit` are rows from 0, `at_s` Unix seconds, degrees WGS-84; NaN heading or speed is unknown. A fix that is not newer
        than its unit's last one is passed over.
        """
        rows = np.ascontiguousarray(unit, np.int32)
        if len(rows) and int(rows.max()) >= len(self._cars.ways):
            self._cars = more_cars(self._cars, max(2 * len(self._cars.ways), int(rows.max()) + 1))
        x, y = self._projection.to_metres(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
        x, y, at, heading, speed = (np.ascontiguousarray(values, np.float64) for values in (x, y, at_s, heading_deg, speed_mps))
        out = room_to_settle(self._cars, len(rows))
        settled = follow(rows, at, x, y, heading, speed, self._grid, self._arcs, self._cars, self._work, out)
        return Traversals(out.unit[:settled].copy(), out.edge[:settled].copy(), out.entered_s[:settled].copy(), out.left_s[:settled].copy())

    def warm_up(self) -> None:
        """Compile the kernels, or load them from the cache."""
        self.follow([], [], [], [], [], [])

    def place(self, unit: int) -> tuple[int, float] | None:
        """Where a unit most likely is: directed edge and fraction; None while that is not known."""
        if unit >= len(self._cars.ways) or not self._cars.ways[unit]:
            return None
        return int(self._cars.edge[unit, 0]), float(self._cars.fraction[unit, 0])


def _arcs(graph: StreetGraph) -> Arcs:
    """The edges that begin where an edge ends, on streets that cars may use at all, and the cost of going on to each."""
    tail, head, twin = owned(graph.tail), owned(graph.head), owned(graph.twin)
    open_ = np.isfinite(graph.car.time_s)
    leaving = np.flatnonzero(open_ | open_[twin]).astype(np.int32)
    leaving = leaving[np.argsort(tail[leaving], kind="stable")]
    leaving_ptr = np.searchsorted(tail[leaving], np.arange(len(graph.node_x) + 1)).astype(np.int32)
    ptr = np.zeros(len(tail) + 1, np.int32)
    np.cumsum(leaving_ptr[head + 1] - leaving_ptr[head], out=ptr[1:])
    onward, penalty = np.empty(int(ptr[-1]), np.int32), np.empty(int(ptr[-1]), np.float32)
    turns = graph.car.state_edge[graph.car.next_edge]
    price_turns(head, twin, open_, leaving, leaving_ptr, owned(graph.car.next_ptr), turns, ptr, onward, penalty)
    return Arcs(ptr, onward, penalty, twin, owned(graph.length_m))


@njit(cache=True, nogil=True)
def price_turns(
    head: Ints, twin: Ints, open_: Bools, leaving: Ints, leaving_ptr: Ints, next_ptr: Ints, next_edge: Ints,
    ptr: Ints, onward: Ints, penalty: Times,
) -> None:  # fmt: skip
    """Fill `onward` and `penalty`: nothing for a turn that a car may make, and for who drives against a one-way and goes on."""
    for e in range(len(head)):
        at = ptr[e]
        for i in range(leaving_ptr[head[e]], leaving_ptr[head[e] + 1]):
            n = leaving[i]
            may = False
            for a in range(next_ptr[e], next_ptr[e + 1]):
                may = may or next_edge[a] == n
            cost = 0.0
            if not open_[n]:
                cost = AGAINST_ONE_WAY
            elif open_[e] and not may:
                cost = FORBIDDEN_TURN
            if n == twin[e]:
                cost += TURN_AT_DEAD_END if may else TURN_AT_CROSSING
            onward[at], penalty[at] = n, cost
            at += 1
