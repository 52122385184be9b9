"""Small synthetic street graphs for tests: any streets, one-ways, bends and forbidden turns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from geodata.projection import LocalProjection
from geodata.streets import Profile, StreetGraph

ORIGIN = (121.55, 29.87)
FOOT_MPS = 1.4


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
    nodes_m: Sequence[tuple[float, float]], streets: Sequence[Street], forbidden: Sequence[tuple[int, int]] = ()
) -> StreetGraph:
    """The graph of `streets` between nodes at metres (x, y).

    Street i is edge 2i, its twin 2i + 1; `forbidden` are car turns (edge, edge).
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
    tail_a, head_a = np.array(tail, np.int32), np.array(head, np.int32)
    points = np.array(vertices, np.float64).reshape(-1, 2)
    edges = len(tail)
    return StreetGraph(
        node_lon=lon, node_lat=lat, node_x=xy[:, 0].copy(), node_y=xy[:, 1].copy(),
        tail=tail_a, head=head_a, twin=np.arange(edges, dtype=np.int32) ^ 1,
        length_m=length_m, street_class=np.full(edges, 6, np.uint8), name_index=np.zeros(edges, np.int32),
        way_id=np.arange(edges, dtype=np.int64) // 2,
        first_vertex=np.array(first, np.int32), last_vertex=np.array(last, np.int32),
        vertex_x=points[:, 0].copy(), vertex_y=points[:, 1].copy(),
        names=("",), origin_lon=ORIGIN[0], origin_lat=ORIGIN[1],
        car=_profile("car", car_s, tail_a, head_a, set(forbidden)), foot=_profile("foot", foot_s, tail_a, head_a, set()),
    )  # fmt: skip


def random_grid(rng: np.random.Generator, side: int = 6, spacing_m: float = 200.0) -> StreetGraph:
    """A jittered grid with missing streets, one-ways, bends, car-free and foot-free streets and forbidden turns."""
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
    turns = [(e, f) for e in range(2 * len(streets)) for f in range(2 * len(streets)) if _meets(streets, e, f)]
    forbidden = [t for t in turns if rng.random() < 0.1]
    return street_graph([(float(p[0]), float(p[1])) for p in nodes], streets, forbidden)


def turn_matrix(profile: Profile, towards: bool) -> csr_array:
    """The same turns as scipy sees them: entry (e, n) is the time of e, so that a distance is a label of `geodata.searches`."""
    ptr, adjacent = (profile.previous_ptr, profile.previous_edge) if towards else (profile.next_ptr, profile.next_edge)
    edges = len(profile.time_s)
    weight = np.repeat(profile.time_s.astype(np.float64), np.diff(ptr))
    return csr_array((weight, np.asarray(adjacent), np.asarray(ptr)), shape=(edges, edges))


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


def _profile(name: str, time_s: np.ndarray, tail: np.ndarray, head: np.ndarray, forbidden: set[tuple[int, int]]) -> Profile:
    edges = len(time_s)
    open_ = np.isfinite(time_s)
    out: dict[int, list[int]] = {}
    for e in np.flatnonzero(open_):
        out.setdefault(int(tail[e]), []).append(int(e))
    following: list[list[int]] = [[] for _ in range(edges)]
    for e in np.flatnonzero(open_):
        onward = [f for f in out.get(int(head[e]), []) if f != int(e) ^ 1 and (int(e), f) not in forbidden]
        # A dead end lets the unit turn round.
        dead_end = [f for f in out.get(int(head[e]), []) if f == int(e) ^ 1]
        following[e] = onward or (dead_end if not [f for f in out.get(int(head[e]), []) if f != int(e) ^ 1] else [])
    previous: list[list[int]] = [[] for _ in range(edges)]
    for e, fs in enumerate(following):
        for f in fs:
            previous[f].append(e)
    return Profile(name, time_s, *_csr(following), *_csr(previous))


def _csr(lists: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    ptr = np.concatenate([[0], np.cumsum([len(x) for x in lists])]).astype(np.int32)
    return ptr, np.array([i for x in lists for i in x], np.int32)
