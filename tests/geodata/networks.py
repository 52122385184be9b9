"""Small synthetic street graphs for tests: any streets, one-ways, bends and forbidden turns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geodata.projection import LocalProjection
from geodata.routing.searches import Ground, RoadPoint
from geodata.streets.graph import Profile, StreetGraph
from geodata.streets.restrictions import NO_RULES, TurnRules
from geodata.streets.turns import build_profile

ORIGIN = (121.55, 29.87)
FOOT_MPS, EBIKE_MPS = 1.4, 4.0


@dataclass(frozen=True)
class Street:
    """A street between two nodes; `bend` moves its middle sideways by that share of its length."""

    tail: int
    head: int
    speed_mps: float = 10.0
    one_way: bool = False
    foot: bool = True
    car: bool = True
    bend: float = 0.0


def street_graph(
    nodes_m: Sequence[tuple[float, float]],
    streets: Sequence[Street],
    forbidden: Sequence[tuple[int, ...]] = (),
    posts: Sequence[int] = (),
) -> StreetGraph:
    """The graph of `streets` between nodes at metres (x, y).

    Street i is edge 2i, its twin 2i + 1; `forbidden` are runs of two edges or more that no car may drive; no car passes the
    nodes `posts`. Feet and e-bikes may do everything.
    """
    xy = np.array(nodes_m, dtype=np.float64).reshape(-1, 2)
    lon, lat = LocalProjection(*ORIGIN).to_degrees(xy[:, 0], xy[:, 1])
    tail, head, first, last, length, vertices = [], [], [], [], [], []
    for s in streets:
        shape = _shape(xy[s.tail], xy[s.head], s.bend)
        start = len(vertices)
        vertices += shape
        end = len(vertices) - 1
        tail += [s.tail, s.head]
        head += [s.head, s.tail]
        first += [start, end]
        last += [end, start]
        length += [sum(math.dist(a, b) for a, b in itertools.pairwise(shape))] * 2
    length_m = np.array(length, np.float32)
    speed = np.repeat([s.speed_mps for s in streets], 2)
    closed = np.array([[not s.car, not s.car or s.one_way] for s in streets]).ravel()
    car_s = np.where(closed, np.inf, length_m / speed).astype(np.float32)
    foot_s = np.where(np.repeat([not s.foot for s in streets], 2), np.inf, length_m / FOOT_MPS).astype(np.float32)
    ebike_s = np.where(np.repeat([not s.foot for s in streets], 2), np.inf, length_m / EBIKE_MPS).astype(np.float32)
    tail_a, head_a = np.array(tail, np.int32), np.array(head, np.int32)
    points = np.array(vertices, np.float64).reshape(-1, 2)
    edges = len(tail)
    twin = np.arange(edges, dtype=np.int32) ^ 1
    nobody = np.zeros(len(xy), np.bool_)
    stops = nobody.copy()
    stops[list(posts)] = True
    pairs = np.array(sorted(run[0] * edges + run[1] for run in forbidden if len(run) == 2), np.int64)
    rules = TurnRules(pairs, tuple(run for run in forbidden if len(run) > 2))
    return StreetGraph(
        node_lon=lon, node_lat=lat, node_x=xy[:, 0].copy(), node_y=xy[:, 1].copy(),
        tail=tail_a, head=head_a, twin=twin,
        length_m=length_m, street_class=np.full(edges, 6, np.uint8), name_index=np.zeros(edges, np.int32),
        way_id=np.arange(edges, dtype=np.int64) // 2,
        first_vertex=np.array(first, np.int32), last_vertex=np.array(last, np.int32),
        vertex_x=points[:, 0].copy(), vertex_y=points[:, 1].copy(),
        names=("",), origin_lon=ORIGIN[0], origin_lat=ORIGIN[1],
        car=build_profile("car", car_s, tail_a, head_a, twin, stops, rules),
        foot=build_profile("foot", foot_s, tail_a, head_a, twin, nobody, NO_RULES),
        ebike=build_profile("ebike", ebike_s, tail_a, head_a, twin, nobody, NO_RULES),
    )  # fmt: skip


@dataclass(frozen=True)
class Network:
    """A random network as it was drawn, and the graph made of it."""

    graph: StreetGraph
    streets: list[Street]
    forbidden: list[tuple[int, ...]]
    posts: list[int]


def random_network(rng: np.random.Generator, side: int = 6, spacing_m: float = 200.0) -> Network:
    """A jittered grid with missing streets, one-ways, bends, car-free and foot-free streets, posts and forbidden runs of 2 to 5 edges."""
    x, y = np.meshgrid(np.arange(side) * spacing_m, np.arange(side) * spacing_m)
    nodes = np.column_stack([x.ravel(), y.ravel()]) + rng.normal(0, spacing_m / 6, (side * side, 2))
    links = [(i, i + 1) for i in range(side * side) if (i + 1) % side] + [(i, i + side) for i in range(side * (side - 1))]
    streets = []
    for a, b in links:
        if rng.random() < 0.15:
            continue
        a, b = (a, b) if rng.random() < 0.5 else (b, a)
        streets.append(
            Street(
                a, b,
                speed_mps=float(rng.choice([5.0, 8.0, 14.0])),
                one_way=rng.random() < 0.25,
                foot=rng.random() < 0.95,
                car=rng.random() < 0.95,
                bend=float(rng.choice([0.0, 0.2])),
            )
        )  # fmt: skip
    after = [[f for f in range(2 * len(streets)) if _meets(streets, e, f)] for e in range(2 * len(streets))]
    forbidden: list[tuple[int, ...]] = [(e, f) for e, onward in enumerate(after) for f in onward if rng.random() < 0.1]
    for _ in range(int(rng.integers(0, 60))):
        run = [int(rng.integers(2 * len(streets)))]
        while len(run) < int(rng.integers(3, 6)) and after[run[-1]]:
            run.append(int(rng.choice(after[run[-1]])))
        if len(run) > 2:
            forbidden.append(tuple(run))
    posts = np.flatnonzero(rng.random(side * side) < 0.05).tolist()
    return Network(street_graph([(float(p[0]), float(p[1])) for p in nodes], streets, forbidden, posts), streets, forbidden, posts)


def random_grid(rng: np.random.Generator, side: int = 6, spacing_m: float = 200.0) -> StreetGraph:
    """The graph alone."""
    return random_network(rng, side, spacing_m).graph


def turn_matrix(profile: Profile, towards: bool) -> csr_array:
    """The same turns as scipy sees them: entry (e, n) is the time of e, so that a distance is a label of `geodata.routing.searches`."""
    ptr, adjacent = (profile.previous_ptr, profile.previous_edge) if towards else (profile.next_ptr, profile.next_edge)
    weight = np.repeat(profile.time_s[profile.state_edge].astype(np.float64), np.diff(ptr))
    return csr_array((weight, np.asarray(adjacent), np.asarray(ptr)), shape=(len(profile.state_edge),) * 2)


def labels_by_scipy(ground: Ground, at: RoadPoint, limit_s: float, towards: bool, profile: str) -> NDArray[np.float64]:
    """[edges] the label of every edge, inf beyond the limit: the edge's own towards a point, the first of all its states from one."""
    p = ground.profiles[profile]
    edge, fraction = ground.seeds(at, p)
    key_s = dict(zip(edge.tolist(), (fraction if towards else 1 - fraction) * p.time_s[edge], strict=True))
    states = np.flatnonzero(np.isin(p.state_edge, edge)) if towards else edge
    matrix = with_source(
        turn_matrix(replace(p, time_s=ground.through_s[profile]), towards), states, np.array([key_s[int(p.state_edge[s])] for s in states])
    )
    labels = dijkstra(matrix, indices=matrix.shape[0] - 1, limit=limit_s)[:-1]
    if towards:
        return labels[: len(p.time_s)]
    first = np.full(len(p.time_s), np.inf)
    np.minimum.at(first, p.state_edge, labels)
    return first


def with_source(matrix: csr_array, edges: np.ndarray, key_s: np.ndarray) -> csr_array:
    """`matrix` with one more node, the last: a source from which what follows each of `edges` is reached at its `key_s`."""
    size = matrix.shape[0]
    best: dict[int, float] = {}
    for e, key in zip(edges, key_s, strict=True):
        for n in matrix.indices[matrix.indptr[e] : matrix.indptr[e + 1]]:
            best[int(n)] = min(best.get(int(n), math.inf), float(key))
    indices = np.concatenate([matrix.indices, np.array(list(best), matrix.indices.dtype)])
    data = np.concatenate([matrix.data, np.array(list(best.values()))])
    return csr_array((data, indices, np.append(matrix.indptr, len(data))), shape=(size + 1, size + 1))


def _shape(a: np.ndarray, b: np.ndarray, bend: float) -> list[tuple[float, float]]:
    middle = (a + b) / 2 + bend * np.array([-(b - a)[1], (b - a)[0]])
    points = [a, b] if bend == 0 else [a, middle, b]
    return [(float(p[0]), float(p[1])) for p in points]


def _meets(streets: Sequence[Street], e: int, f: int) -> bool:
    head = streets[e // 2].tail if e & 1 else streets[e // 2].head
    tail = streets[f // 2].head if f & 1 else streets[f // 2].tail
    return head == tail and e ^ 1 != f
