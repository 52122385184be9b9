"""Crossings of the larger streets: where a crew can wait and leave in several directions, and where a way can be closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.routing.searches import Floats, RoadPoint
from geodata.streets.graph import STREET_CLASSES, StreetGraph

# A crossing has at least this many streets that a car may leave it by, and one of at least this class among them.
LEAST_WAYS = 3
_LEAST_CLASS = STREET_CLASSES.index("tertiary")
# One crossing a cell: the next one down the street reaches nearly the same.
CELL_M = 400.0


@dataclass(frozen=True)
class Crossing:
    """A crossing as the beginning of one of its streets, and the names of the two streets it is known by (empty: nameless)."""

    point: RoadPoint
    names: tuple[str, str]


def busy_crossings(graph: StreetGraph, demand: Floats, most: int) -> list[Crossing]:
    """At most `most` crossings of larger streets with the greatest demand around them, one in each cell; greatest demand first.

    `demand` [edges]: weight of each directed edge.
    """
    drivable = np.isfinite(graph.car.time_s)
    tail = np.asarray(graph.tail)
    nodes = len(graph.node_x)
    ways = np.bincount(tail[drivable], minlength=nodes)
    best = np.full(nodes, len(STREET_CLASSES), np.int64)
    np.minimum.at(best, tail[drivable], np.asarray(graph.street_class)[drivable].astype(np.int64))
    found = np.flatnonzero((ways >= LEAST_WAYS) & (best <= _LEAST_CLASS))
    if not len(found):
        return []
    x, y = np.asarray(graph.node_x), np.asarray(graph.node_y)
    column = ((x - x.min()) // CELL_M).astype(np.intp) + 1
    row = ((y - y.min()) // CELL_M).astype(np.intp) + 1
    weight = np.zeros((row.max() + 2, column.max() + 2))
    for ends in (tail, np.asarray(graph.head)):
        np.add.at(weight, (row[ends], column[ends]), demand / 2)
    around = sum(np.roll(weight, (r, c), (0, 1)) for r in (-1, 0, 1) for c in (-1, 0, 1))
    # Of each cell the crossing of the largest street with the most ways out; then the cells with the greatest demand about them.
    found = found[np.lexsort((found, -ways[found], best[found]))]
    _, first = np.unique(row[found] * weight.shape[1] + column[found], return_index=True)
    found = found[np.sort(first)]
    found = found[np.argsort(-np.asarray(around)[row[found], column[found]], kind="stable")][:most]
    return [_crossing(graph, int(node), np.flatnonzero((tail == node) & drivable)) for node in found]


def _crossing(graph: StreetGraph, node: int, leaving: NDArray[np.intp]) -> Crossing:
    # From the end of a street that is open both ways a unit may leave by every street of the crossing.
    both_ways = leaving[np.isfinite(np.asarray(graph.car.time_s)[np.asarray(graph.twin)[leaving]])]
    edge = int(both_ways[0] if len(both_ways) else leaving[0])
    point = RoadPoint(edge, 0.0, float(graph.node_lon[node]), float(graph.node_lat[node]), 0.0)
    return Crossing(point, street_names(graph, leaving))


def street_names(graph: StreetGraph, edges: NDArray[np.intp]) -> tuple[str, str]:
    """The two names that a crossing of these edges is known by, of the largest streets; empty where there is none."""
    by_class = edges[np.argsort(np.asarray(graph.street_class)[edges], kind="stable")]
    names = [name for name in dict.fromkeys(graph.names[graph.name_index[e]] for e in by_class) if name]
    first, second = (*names, "", "")[:2]
    return first, second
