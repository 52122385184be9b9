"""Larger street graphs than any city at hand: the middle of one city, copied side by side and linked by streets.

The topology is real to the source, the size is invented. Copies lie in a grid; neighbouring copies are joined by streets between
the nodes along their common border.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from geodata.projection import LocalProjection
from geodata.streets.graph import StreetGraph
from geodata.streets.restrictions import NO_RULES, TurnRules
from geodata.streets.turns import build_profile

LINKS = 12  # streets between two neighbouring copies
LINK_M, LINK_MPS = 300.0, {"car": 12.0, "foot": 1.4, "ebike": 5.0}
GAP_M = 300.0  # between the copies
Ints = NDArray[np.int32]
_Scalar = TypeVar("_Scalar", bound=np.generic)


def middle_of(graph: StreetGraph, car_edges: int) -> StreetGraph:
    """The streets nearest to the densest place of the city: about so many directed edges a car may use."""
    middle_x, middle_y = _densest(graph)
    centre_x, centre_y = graph.node_x[graph.tail] + graph.node_x[graph.head], graph.node_y[graph.tail] + graph.node_y[graph.head]
    # A square, so that copies fit together.
    off = np.maximum(np.abs(centre_x / 2 - middle_x), np.abs(centre_y / 2 - middle_y))
    drivable = np.sort(off[np.isfinite(graph.car.time_s)])
    return _part(graph, np.flatnonzero(off <= drivable[min(car_edges, len(drivable)) - 1]))


def copied(graph: StreetGraph, columns: int, rows: int) -> StreetGraph:
    """`columns` × `rows` copies of the graph, linked; edges stay neighbours in memory within each copy."""
    copies = columns * rows
    width, height = (float(np.ptp(v)) + GAP_M for v in (graph.node_x, graph.node_y))
    shift = np.arange(copies)
    shift_x, shift_y = (shift % columns) * width, (shift // columns) * height
    nodes, edges, vertices = len(graph.node_x), graph.edge_count, len(graph.vertex_x)
    x, y = (_spread(v, s) for v, s in ((graph.node_x, shift_x), (graph.node_y, shift_y)))
    a, b = _links(graph, columns, rows)
    links = len(a)
    tail, head = _number(graph.tail, copies, nodes, a, b), _number(graph.head, copies, nodes, b, a)
    first = np.concatenate([_offset(graph.first_vertex, copies, vertices), copies * vertices + 2 * np.repeat(np.arange(links), 2)])
    last = np.concatenate([_offset(graph.last_vertex, copies, vertices), copies * vertices + 2 * np.repeat(np.arange(links), 2)])
    first[copies * edges :] += np.tile([0, 1], links)
    last[copies * edges :] += np.tile([1, 0], links)
    per_lon, per_lat = _degrees(graph)
    made = StreetGraph(
        node_lon=graph.origin_lon + x * per_lon,
        node_lat=graph.origin_lat + y * per_lat,
        node_x=x,
        node_y=y,
        tail=tail,
        head=head,
        twin=np.arange(len(tail), dtype=np.int32) ^ 1,
        length_m=_with(np.tile(graph.length_m, copies), LINK_M, 2 * links),
        street_class=_with(np.tile(graph.street_class, copies), 2, 2 * links),
        name_index=_with(np.tile(graph.name_index, copies), 0, 2 * links),
        way_id=_with(np.tile(graph.way_id, copies), 0, 2 * links),
        first_vertex=first.astype(np.int32),
        last_vertex=last.astype(np.int32),
        vertex_x=np.concatenate([_spread(graph.vertex_x, shift_x), np.column_stack([x[a], x[b]]).ravel()]),
        vertex_y=np.concatenate([_spread(graph.vertex_y, shift_y), np.column_stack([y[a], y[b]]).ravel()]),
        names=graph.names,
        origin_lon=graph.origin_lon,
        origin_lat=graph.origin_lat,
        car=graph.car,
        foot=graph.foot,
        ebike=graph.ebike,
    )
    forbidden = _forbidden(graph)
    banned = np.concatenate([_pairs(forbidden // edges + k * edges, forbidden % edges + k * edges, len(tail)) for k in range(copies)])
    return _built(made, {p.name: _with(np.tile(p.time_s, copies), LINK_M / LINK_MPS[p.name], 2 * links) for p in graph.profiles}, banned)


def _built(graph: StreetGraph, time_s: dict[str, NDArray[np.float32]], banned: NDArray[np.int64]) -> StreetGraph:
    """The graph with its profiles made from seconds an edge and forbidden turns of cars; restrictions over ways are left out."""
    nobody, rules = np.zeros(len(graph.node_x), np.bool_), {"car": TurnRules(np.sort(banned))}
    ends = (graph.tail, graph.head, graph.twin, nobody)
    return replace(graph, **{name: build_profile(name, seconds, *ends, rules.get(name, NO_RULES)) for name, seconds in time_s.items()})


def _densest(graph: StreetGraph) -> tuple[float, float]:
    cell_m = 2_000.0
    cell = np.floor(graph.node_x / cell_m).astype(np.int64) * 100_000 + np.floor(graph.node_y / cell_m).astype(np.int64)
    cells, count = np.unique(cell, return_counts=True)
    here = cell == cells[np.argmax(count)]
    return float(graph.node_x[here].mean()), float(graph.node_y[here].mean())


def _part(graph: StreetGraph, kept: NDArray[np.int64]) -> StreetGraph:
    """The edges `kept` (with each its twin) and their nodes, in the order they had."""
    kept = np.unique(np.concatenate([kept, graph.twin[kept]]))
    nodes = np.unique(np.concatenate([graph.tail[kept], graph.head[kept]]))
    edge_number, node_number = np.full(graph.edge_count, -1, np.int32), np.full(len(graph.node_x), -1, np.int32)
    edge_number[kept], node_number[nodes] = np.arange(len(kept)), np.arange(len(nodes))
    of_edges = ("length_m", "street_class", "name_index", "way_id", "first_vertex", "last_vertex")
    of_nodes = ("node_lon", "node_lat", "node_x", "node_y")
    arrays = {name: getattr(graph, name)[kept] for name in of_edges} | {name: getattr(graph, name)[nodes] for name in of_nodes}
    part = replace(
        graph, **arrays, tail=node_number[graph.tail[kept]], head=node_number[graph.head[kept]], twin=edge_number[graph.twin[kept]]
    )
    forbidden = _forbidden(graph)
    edge, following = edge_number[forbidden // graph.edge_count], edge_number[forbidden % graph.edge_count]
    inside = (edge >= 0) & (following >= 0)
    banned = _pairs(edge[inside].astype(np.int64), following[inside], len(kept))
    return _built(part, {p.name: np.array(p.time_s[kept]) for p in graph.profiles}, banned)


def _forbidden(graph: StreetGraph) -> NDArray[np.int64]:
    """Turns of cars that the streets would let them make and the graph does not, as edge * edges + next edge."""
    free = _built(graph, {"car": np.array(graph.car.time_s)}, np.empty(0, np.int64))
    pairs = []
    for p in (free.car, graph.car):
        counts = np.diff(p.next_ptr)[: graph.edge_count]
        pairs.append(_pairs(np.repeat(np.arange(graph.edge_count), counts), p.edges_of(p.next_edge[: counts.sum()]), graph.edge_count))
    return np.setdiff1d(pairs[0], pairs[1])


def _pairs(edge: NDArray[np.int64], following: NDArray[np.int64] | Ints, edges: int) -> NDArray[np.int64]:
    return edge * np.int64(edges) + following


def _links(graph: StreetGraph, columns: int, rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nodes of the whole that are joined: those nearest to the borders, spread along them."""
    nodes = len(graph.node_x)
    east, west = _border(graph.node_x, graph.node_y), _border(-graph.node_x, graph.node_y)
    north, south = _border(graph.node_y, graph.node_x), _border(-graph.node_y, graph.node_x)
    a: list[NDArray[np.int64]] = []
    b: list[NDArray[np.int64]] = []
    for copy in range(columns * rows):
        if copy % columns < columns - 1:
            a.append(east + copy * nodes)
            b.append(west + (copy + 1) * nodes)
        if copy // columns < rows - 1:
            a.append(north + copy * nodes)
            b.append(south + (copy + columns) * nodes)
    empty = np.empty(0, np.int64)
    return np.concatenate([empty, *a]), np.concatenate([empty, *b])


def _border(outwards: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.int64]:
    """The outermost node of each of `LINKS` equal strips across."""
    strip = np.clip(((along - along.min()) / np.ptp(along) * LINKS).astype(np.int64), 0, LINKS - 1)
    return np.array([int(np.flatnonzero(strip == k)[np.argmax(outwards[strip == k])]) for k in range(LINKS)], np.int64)


def _number(nodes_of_edges: Ints, copies: int, nodes: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> Ints:
    return np.concatenate([_offset(nodes_of_edges, copies, nodes), np.column_stack([a, b]).ravel()]).astype(np.int32)


def _offset(values: Ints, copies: int, step: int) -> NDArray[np.int64]:
    return (np.asarray(values)[None, :].astype(np.int64) + (np.arange(copies) * step)[:, None]).ravel()


def _spread(values: NDArray[np.floating], shift: NDArray[np.floating]) -> NDArray[np.float64]:
    return (np.asarray(values)[None, :] + shift[:, None]).ravel()


def _with(values: NDArray[_Scalar], value: float, count: int) -> NDArray[_Scalar]:
    return np.concatenate([values, np.full(count, value, values.dtype)])


def _degrees(graph: StreetGraph) -> tuple[float, float]:
    per_lon, per_lat = LocalProjection(graph.origin_lon, graph.origin_lat).metres_per_degree
    return 1.0 / per_lon, 1.0 / per_lat
