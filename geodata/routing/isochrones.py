"""Isochrones as streets: every stretch of street that a search reaches, with the time at every vertex.

This is the exact answer of which the areas (`geodata.routing.rings`) are a soft fill. A stretch that can be reached in both
directions is cut where the two times meet, so each metre of street appears once, with its shortest time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.projection import LocalProjection
from geodata.routing.coordinate_text import lines_text
from geodata.routing.searches import Floats, Found, Ints, Times, owned
from geodata.streets.graph import StreetGraph


@dataclass(frozen=True)
class StreetPieces:
    """Stretches of street by the ring in which they are first reached: ring k holds times over levels[k-1] up to levels[k]."""

    levels_s: tuple[float, ...]  # ascending
    ring: NDArray[np.uint8]  # [pieces]
    edge: Ints  # [pieces] one directed edge of the street, whichever number is lower
    length_m: Floats  # [pieces]
    start: NDArray[np.int64]  # [pieces + 1] first vertex of each piece
    x: Floats  # [vertices] metres in the city's projection
    y: Floats
    time_s: Times  # [vertices] seconds to or from the point
    projection: LocalProjection

    @cached_property
    def lonlat(self) -> Floats:
        """[vertices, 2] degrees, rounded to 6 digits (0.1 m)."""
        lon, lat = self.projection.to_degrees(self.x, self.y)
        return np.round(np.stack((lon, lat), axis=1), 6).astype(np.float64, copy=False)

    def lines(self, ring: int, cumulative: bool = True) -> list[list[tuple[float, float]]]:
        """Polylines of lon, lat reached within ring number `ring`; with `cumulative=False` only those the smaller rings lack."""
        chosen = np.flatnonzero(self.ring <= ring if cumulative else self.ring == ring)
        vertices, start = self._vertices
        return [vertices[start[i] : start[i + 1]] for i in chosen.tolist()]

    def text(self, ring: int) -> bytes:
        """What `lines` says of everything within ring number `ring`, as JSON text."""
        return lines_text(self.lonlat, self.start, np.flatnonzero(self.ring <= ring).astype(np.int32))

    @cached_property
    def _vertices(self) -> tuple[list[tuple[float, float]], list[int]]:
        """The vertices as tuples, which the garbage collector leaves alone, and where each piece starts."""
        return list(zip(*self.lonlat.T.tolist(), strict=True)), self.start.tolist()

    def gapped(self, ring: int) -> tuple[Floats, Floats]:
        """lon and lat of the polylines first reached in this ring, one after the other with NaN between them."""
        chosen = self.ring == ring
        count = np.diff(self.start)[chosen]
        vertices = self.lonlat[np.repeat(self.ring, np.diff(self.start)) == ring]
        parted = np.insert(vertices, np.cumsum(count)[:-1], np.nan, axis=0)
        return parted[:, 0], parted[:, 1]

    def street_metres(self) -> list[float]:
        """Metres of street within each level, every street counted once."""
        each = np.bincount(self.ring, weights=self.length_m, minlength=len(self.levels_s))
        return [float(m) for m in np.cumsum(each)]


class StreetShapes:
    """The shapes of one city's streets: draws what a search has reached, and routes. Thread-safe."""

    def __init__(self, graph: StreetGraph) -> None:
        self._projection = LocalProjection(graph.origin_lon, graph.origin_lat)
        self._first, self._last = owned(graph.first_vertex), owned(graph.last_vertex)
        self._x, self._y = owned(graph.vertex_x), owned(graph.vertex_y)
        self._vertices = np.abs(self._last - self._first) + 1
        self._drawn_m = np.empty(len(self._first))
        measure_shapes(self._first, self._last, self._x, self._y, self._drawn_m)

    def pieces(self, found: Found, levels_s: Sequence[float]) -> StreetPieces:
        """The reached stretches cut at `levels_s` (ascending, at most the search's limit)."""
        levels = np.array(levels_s, np.float64)
        stretches = np.empty((2 * found.used + 4, 5))
        seed, fraction = (int(found.seed_edge[0]), float(found.seed_fraction[0])) if found.seeds else (-1, 0.0)
        w = found.workspace
        rows = write_stretches(
            found.edge,
            w.slot,
            w.label_s,
            found.profile.time_s,
            found.ground.twin,
            found.towards,
            float(levels[-1]),
            seed,
            fraction,
            stretches,
        )
        stretches = stretches[:rows]
        most_pieces = (rows + 1) * len(levels)
        # Every cut adds at most two vertices to those the streets have.
        most_vertices = int(self._vertices[stretches[:, 0].astype(np.int32)].sum()) + 2 * most_pieces
        ring, owner = np.empty(most_pieces, np.uint8), np.empty(most_pieces, np.int32)
        length, start = np.empty(most_pieces), np.empty(most_pieces + 1, np.int64)
        x, y, time = np.empty(most_vertices), np.empty(most_vertices), np.empty(most_vertices, np.float32)
        pieces = write_pieces(
            stretches, levels, self._first, self._last, self._x, self._y, self._drawn_m, ring, owner, length, start, x, y, time
        )
        used = int(start[pieces])
        return StreetPieces(
            tuple(float(s) for s in levels), ring[:pieces], owner[:pieces], length[:pieces], start[: pieces + 1],
            x[:used], y[:used], time[:used], self._projection,
        )  # fmt: skip

    def route(self, edges: Sequence[int], start: float, end: float) -> Floats:
        """[vertices, 2] lon, lat along consecutive edges, from a fraction of the first to a fraction of the last.

        Empty when the two are the same place.
        """
        chain = np.array(edges, np.int32)
        room = int(self._vertices[chain].sum()) + 2 * len(chain)
        x, y, time = np.empty(room), np.empty(room), np.empty(room, np.float32)
        used = write_route(chain, start, end, self._first, self._last, self._x, self._y, self._drawn_m, x, y, time)
        lon, lat = self._projection.to_degrees(x[:used], y[:used])
        return np.round(np.stack((lon, lat), axis=1), 6).astype(np.float64, copy=False)


def edge_metres(found: Found, levels_s: Sequence[float]) -> list[float]:
    """Metres of directed edges within each level: a street reached in both directions counts twice."""
    levels, metres = np.array(levels_s, np.float64), np.zeros(len(levels_s))
    sum_edges(
        found.edge, found.label_s, found.profile.time_s, found.ground.length_m, found.seed_edge, found.seed_fraction, found.towards,
        levels, metres,
    )  # fmt: skip
    return [float(m) for m in metres]


@njit(cache=True, nogil=True)
def sum_edges(
    edges: Ints, label_s: Floats, time_s: Times, length_m: Times, seed_edge: Ints, seed_fraction: Floats, towards: bool,
    levels_s: Floats, metres: Floats,
) -> None:  # fmt: skip
    """Add to `metres` what each level reaches of every edge."""
    for i in range(len(edges)):
        e = edges[i]
        room = 1.0
        for s in range(len(seed_edge)):
            if seed_edge[s] == e:
                # Part of the point's own edge leads straight to it and is counted below.
                room -= seed_fraction[s] if towards else 1.0 - seed_fraction[s]
        for k in range(len(levels_s)):
            if levels_s[k] > label_s[i]:
                metres[k] += length_m[e] * min(room, (levels_s[k] - label_s[i]) / max(time_s[e], 1e-9))
    for s in range(len(seed_edge)):
        e = seed_edge[s]
        straight = seed_fraction[s] if towards else 1.0 - seed_fraction[s]
        for k in range(len(levels_s)):
            metres[k] += length_m[e] * min(straight, levels_s[k] / max(time_s[e], 1e-9))


@njit(cache=True, nogil=True)
def meet(
    edge: int, a: float, b: float, from_a_s: float, a_slope_s: float, from_b_s: float, b_slope_s: float, limit_s: float,
    rows: int, out: Floats,
) -> int:  # fmt: skip
    """Write what is reached of the stretch a … b from its two ends (seconds at the end, seconds per whole edge); return the rows used."""
    reach_a = a + max(0.0, min(b - a, (limit_s - from_a_s) / max(a_slope_s, 1e-9))) if from_a_s <= limit_s else a
    reach_b = b - max(0.0, min(b - a, (limit_s - from_b_s) / max(b_slope_s, 1e-9))) if from_b_s <= limit_s else b
    if from_a_s <= limit_s and from_b_s <= limit_s and reach_a > reach_b:
        middle = (from_b_s - from_a_s + b * b_slope_s + a * a_slope_s) / max(a_slope_s + b_slope_s, 1e-9)
        middle = min(reach_a, max(reach_b, middle))
        reach_a = reach_b = middle
    if reach_a > a:
        out[rows, 0], out[rows, 1], out[rows, 2] = edge, a, reach_a
        out[rows, 3], out[rows, 4] = from_a_s, from_a_s + (reach_a - a) * a_slope_s
        rows += 1
    if reach_b < b:
        out[rows, 0], out[rows, 1], out[rows, 2] = edge, reach_b, b
        out[rows, 3], out[rows, 4] = from_b_s + (b - reach_b) * b_slope_s, from_b_s
        rows += 1
    return rows


@njit(cache=True, nogil=True)
def label_of(slot: Ints, label_s: Floats, edge: int) -> float:
    """Label of an edge, inf when it was not reached."""
    return label_s[slot[edge]] if slot[edge] >= 0 else np.inf


@njit(cache=True, nogil=True)
def write_stretches(
    edges: Ints, slot: Ints, label_s: Floats, time_s: Times, twin: Ints, towards: bool, limit_s: float, seed: int, seed_fraction: float,
    out: Floats,
) -> int:  # fmt: skip
    """Rows edge, from, to (fractions along the lower-numbered direction), seconds at from, seconds at to; return how many."""
    rows = 0
    seed_low = min(seed, twin[seed]) if seed >= 0 else -1
    for e in edges:
        low, high = min(e, twin[e]), max(e, twin[e])
        if low == seed_low or (e == high and slot[low] >= 0):
            continue
        low_s, high_s = label_of(slot, label_s, low), label_of(slot, label_s, high)
        # Searching to the point, the lower direction is reached from its head backwards, its twin from the tail.
        if towards:
            rows = meet(low, 0.0, 1.0, high_s, time_s[high], low_s, time_s[low], limit_s, rows, out)
        else:
            rows = meet(low, 0.0, 1.0, low_s, time_s[low], high_s, time_s[high], limit_s, rows, out)
    if seed >= 0:
        low, high = seed_low, twin[seed_low]
        f = seed_fraction if seed == low else 1.0 - seed_fraction
        low_s, high_s = label_of(slot, label_s, low), label_of(slot, label_s, high)
        low_t, high_t = time_s[low], time_s[high]
        low_0, high_0 = 0.0 if low_t < np.inf else np.inf, 0.0 if high_t < np.inf else np.inf
        # The point cuts its own street in two: on either side one direction leads straight to it, the other from round the block.
        if towards:
            rows = meet(low, 0.0, f, high_s, high_t, low_0, low_t, limit_s, rows, out)
            rows = meet(low, f, 1.0, high_0, high_t, low_s, low_t, limit_s, rows, out)
        else:
            rows = meet(low, 0.0, f, low_s, low_t, high_0, high_t, limit_s, rows, out)
            rows = meet(low, f, 1.0, low_0, low_t, high_s, high_t, limit_s, rows, out)
    return rows


@njit(cache=True, nogil=True)
def measure_shapes(first: Ints, last: Ints, x: Floats, y: Floats, drawn_m: Floats) -> None:
    """Metres of each edge as drawn, summed in its own direction, exactly as `write_line` sums them."""
    for e in range(len(first)):
        step = 1 if last[e] >= first[e] else -1
        total = 0.0
        for v in range(first[e], last[e], step):
            dx, dy = x[v + step] - x[v], y[v + step] - y[v]
            total += math.sqrt(dx * dx + dy * dy)
        drawn_m[e] = total


@njit(cache=True, nogil=True, inline="always")
def write_line(
    edge: int, a: float, b: float, a_s: float, b_s: float, first: Ints, last: Ints, x: Floats, y: Floats, drawn_m: Floats,
    used: int, out_x: Floats, out_y: Floats, out_s: Times,
) -> tuple[int, float]:  # fmt: skip
    """Write the polyline of an edge between two fractions, time running evenly along it; return the vertices used and the metres."""
    step = 1 if last[edge] >= first[edge] else -1
    from_m, to_m = a * drawn_m[edge], b * drawn_m[edge]
    slope = (b_s - a_s) / (to_m - from_m) if to_m > from_m else 0.0
    along = 0.0
    begun = False
    for v in range(first[edge], last[edge], step):
        if along >= to_m:
            break
        dx, dy = x[v + step] - x[v], y[v + step] - y[v]
        length = math.sqrt(dx * dx + dy * dy)
        if along + length > from_m:
            if not begun:
                u = max(0.0, (from_m - along) / length)
                out_x[used], out_y[used], out_s[used] = x[v] + u * dx, y[v] + u * dy, a_s
                used += 1
                begun = True
            end = min(to_m, along + length)
            u = (end - along) / length
            out_x[used], out_y[used], out_s[used] = x[v] + u * dx, y[v] + u * dy, a_s + (end - from_m) * slope
            used += 1
        along += length
    return used, to_m - from_m


@njit(cache=True, nogil=True)
def write_pieces(
    stretches: Floats, levels_s: Floats, first: Ints, last: Ints, x: Floats, y: Floats, drawn_m: Floats,
    ring: NDArray[np.uint8], owner: Ints, length_m: Floats, start: NDArray[np.int64], out_x: Floats, out_y: Floats, out_s: Times,
) -> int:  # fmt: skip
    """Cut the stretches where their time passes a level and write each part as a polyline; return the pieces written."""
    pieces = 0
    used = 0
    start[0] = 0
    for i in range(len(stretches)):
        edge = int(stretches[i, 0])
        a, b, a_s, b_s = stretches[i, 1], stretches[i, 2], stretches[i, 3], stretches[i, 4]
        low_s, high_s = min(a_s, b_s), max(a_s, b_s)
        for k in range(len(levels_s)):
            floor_s = levels_s[k - 1] if k else -1.0
            if high_s <= floor_s or low_s > levels_s[k] or (low_s == levels_s[k] and high_s > low_s):
                continue
            u, v = 0.0, 1.0
            if high_s > low_s:
                u = (max(low_s, floor_s) - low_s) / (high_s - low_s)
                v = (min(high_s, levels_s[k]) - low_s) / (high_s - low_s)
                if a_s > b_s:
                    u, v = 1.0 - v, 1.0 - u
            before = used
            used, metres = write_line(
                edge, a + u * (b - a), a + v * (b - a), a_s + u * (b_s - a_s), a_s + v * (b_s - a_s),
                first, last, x, y, drawn_m, used, out_x, out_y, out_s,
            )  # fmt: skip
            if used - before < 2:
                used = before
                continue
            ring[pieces], owner[pieces], length_m[pieces] = k, edge, metres
            pieces += 1
            start[pieces] = used
    return pieces


@njit(cache=True, nogil=True)
def write_route(
    edges: Ints, start: float, end: float, first: Ints, last: Ints, x: Floats, y: Floats, drawn_m: Floats,
    out_x: Floats, out_y: Floats, out_s: Times,
) -> int:  # fmt: skip
    """Write consecutive edges as one polyline without repeating the junctions; return the vertices used."""
    used = 0
    for i in range(len(edges)):
        a = start if i == 0 else 0.0
        b = end if i == len(edges) - 1 else 1.0
        if b <= a and len(edges) > 1:
            continue
        begin = used
        used, _ = write_line(edges[i], a, b, 0.0, 0.0, first, last, x, y, drawn_m, used, out_x, out_y, out_s)
        if begin > 0 and used > begin:
            for v in range(begin + 1, used):
                out_x[v - 1], out_y[v - 1] = out_x[v], out_y[v]
            used -= 1
    return used
