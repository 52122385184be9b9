"""Crossings of larger streets, by the demand around them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from geodata.streets.crossings import CELL_M, busy_crossings
from geodata.streets.graph import STREET_CLASSES, StreetGraph
from tests.geodata.networks import Street, street_graph

SIDE, BLOCK_M = 6, 500.0


def town(larger: set[int]) -> StreetGraph:
    """A grid of 500 m blocks; the streets of the rows in `larger` are primary roads, all others residential."""
    nodes = [(BLOCK_M * (i % SIDE), BLOCK_M * (i // SIDE)) for i in range(SIDE * SIDE)]
    rows = [Street(i, i + 1) for i in range(SIDE * SIDE) if (i + 1) % SIDE]
    streets = rows + [Street(i, i + SIDE) for i in range(SIDE * (SIDE - 1))]
    classes = [STREET_CLASSES.index("primary" if s.head == s.tail + 1 and s.tail // SIDE in larger else "residential") for s in streets]
    graph = street_graph(nodes, streets)
    names = np.repeat([1 + s.tail // SIDE if s.head == s.tail + 1 else 10 + s.tail % SIDE for s in streets], 2).astype(np.int32)
    return replace(
        graph,
        street_class=np.repeat(classes, 2).astype(np.uint8),
        name_index=names,
        names=("", *(f"row {i}" for i in range(9)), *(f"column {i}" for i in range(SIDE))),
    )


def test_only_crossings_of_larger_streets_the_busiest_first() -> None:
    graph = town({2})
    demand = np.where(np.asarray(graph.node_x)[graph.tail] == 4 * BLOCK_M, 100.0, 1.0)
    found = busy_crossings(graph, demand, 20)
    assert {one.names[0] for one in found} == {"row 2"}
    assert len(found) == SIDE  # also the two ends: three streets leave there
    assert found[0].names == ("row 2", "column 4")
    assert [one.names for one in busy_crossings(graph, demand, 1)] == [("row 2", "column 4")]
    edge = found[0].point.edge
    assert (graph.node_x[graph.tail[edge]], found[0].point.fraction) == (4 * BLOCK_M, 0.0)


def test_no_two_in_a_cell_and_none_without_larger_streets() -> None:
    graph = town({0, 1, 2, 3, 4, 5})
    found = busy_crossings(graph, np.ones(graph.edge_count), 100)
    cells = {(graph.node_x[graph.tail[o.point.edge]] // CELL_M, graph.node_y[graph.tail[o.point.edge]] // CELL_M) for o in found}
    assert len(cells) == len(found) > 20
    assert busy_crossings(town(set()), np.ones(graph.edge_count), 100) == []
