"""From a place on the earth to a place on the network: the nearest street a profile may use.

Street segments lie in a uniform grid, cell after cell in memory. A query looks at its own cell, then at rings of cells
around it, until nothing nearer can come. Streets cut off from the network (a car park's aisle, a street beyond a clipped
edge) are only chosen where no connected street is within reach, because nobody could drive from there or to there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from geodata.cities.city import CityError
from geodata.mapped import map_array, save_arrays
from geodata.projection import LocalProjection
from geodata.routing.cores import parts_for, side_by_side
from geodata.routing.searches import Floats, Ints, RoadPoint
from geodata.streets.graph import PROFILES, ProfileName, StreetGraph

# Fastest of 60, 75, 100, 150 m on city networks.
CELL_M = 75.0
# Farther from any street a point is off the network: the ring would start somewhere the incident is not.
MAX_DISTANCE_M = 250.0
# Fewer points than this are snapped by one core.
MANY = 256
# A connected part with less street than this is cut off (when another part has at least twice as much).
ISLAND_M = 2_000.0

# One bit a profile: its units may use the street; and one more: it is connected for them.
_FLAG = {name: 1 << i for i, name in enumerate(PROFILES)}
_CONNECTED = {name: 1 << (len(PROFILES) + i) for i, name in enumerate(PROFILES)}


class OffNetwork(Exception):
    """No usable street is near enough. `distance_m` is how far the nearest one is, None when there is none at all."""

    def __init__(self, lon: float, lat: float, distance_m: float | None, max_distance_m: float, profile: str) -> None:
        self.distance_m = distance_m
        where = "there is no such street in this city" if distance_m is None else f"the nearest one is {distance_m:.0f} m away"
        super().__init__(
            f"Point {lon:.6f}, {lat:.6f} is off the network: no street for profile {profile} within {max_distance_m:.0f} m, {where}. "
            "Choose a point nearer to a street."
        )


@dataclass(frozen=True)
class Snapped:
    """Positions on the network, one row a point. `edge` is -1 where the point is off the network."""

    edge: Ints  # [points]
    fraction: Floats  # [points] from the edge's tail to its head
    distance_m: Floats  # [points] to the street; inf where none was near enough


class Grid(NamedTuple):
    """Street segments by cells, for other kernels."""

    ptr: NDArray[np.int64]  # [cells + 1] rows of each cell
    segments: Floats  # [rows, 4] ax, ay, bx, by, metres in the city's projection
    shares: Floats  # [rows, 2] fractions of the street at both ends
    edge: Ints  # [rows] the lower-numbered of the street's two directed edges, along which the fractions run
    flags: NDArray[np.uint8]  # [rows] who may use it, in either direction
    car: int  # the bit of `flags` that means cars
    west: float
    south: float
    columns: int
    rows: int
    cell_m: float


@dataclass(frozen=True)
class Segments:
    """The straight segments of all streets in a uniform grid, a row for every cell that one touches, in the order of the cells."""

    cell_m: float
    west: float  # metres, the grid's corner
    south: float
    columns: int
    rows: int
    ptr: NDArray[np.int64]  # [cells + 1] rows of each cell
    ends: Floats  # [rows, 4] ax, ay, bx, by
    shares: Floats  # [rows, 2] fractions of the street at both ends
    edge: Ints  # [rows] the street's edge of the lower number
    flags: NDArray[np.uint8]  # [rows] who may use the street, in either direction, and is connected there

    @classmethod
    def of(cls, graph: StreetGraph, cell_m: float = CELL_M) -> Segments:
        """Takes 0.1 s for 100,000 edges; a city folder keeps the result."""
        piece = np.flatnonzero(np.arange(graph.edge_count) < graph.twin).astype(np.int32)
        flags = _usable(graph)[piece]
        first, last = np.array(graph.first_vertex)[piece], np.array(graph.last_vertex)[piece]
        x, y = np.array(graph.vertex_x), np.array(graph.vertex_y)
        ends = np.empty((int(np.abs(last - first).sum()), 4))
        shares, owner = np.empty((len(ends), 2)), np.empty(len(ends), np.int32)
        cut_segments(first, last, x, y, ends, shares, owner)
        west, south = (float(axis.min()) if len(axis) else 0.0 for axis in (x, y))
        columns, rows = (int((axis.max() - least) // cell_m) + 1 if len(axis) else 1 for axis, least in ((x, west), (y, south)))
        grid = (west, south, columns, rows, cell_m)
        counts = np.zeros(columns * rows, np.int64)
        place_segments(ends, *grid, counts, np.empty(0, np.int32))
        ptr = np.concatenate([[0], np.cumsum(counts)])
        order = np.empty(int(ptr[-1]), np.int32)
        place_segments(ends, *grid, ptr[:-1].copy(), order)
        # Copied into the order of the cells: one query reads one stretch of memory.
        return cls(
            cell_m,
            west,
            south,
            columns,
            rows,
            ptr,
            np.ascontiguousarray(ends[order]),
            shares[order],
            piece[owner[order]],
            flags[owner[order]],
        )

    def save(self, folder: Path) -> None:
        """Write them to be mapped by `load`."""
        grid = np.array([self.cell_m, self.west, self.south, self.columns, self.rows])
        save_arrays(folder, {"grid": grid} | {name: getattr(self, name) for name in _STORED})

    @classmethod
    def load(cls, folder: Path) -> Segments:
        """Map what `save` wrote. Raises CityError."""
        try:
            cell_m, west, south, columns, rows = map_array(folder, "grid").tolist()
            return cls(cell_m, west, south, int(columns), int(rows), **{name: map_array(folder, name) for name in _STORED})
        except (OSError, ValueError) as error:
            raise CityError(f"{folder} is damaged ({error}). Build the city again.") from error


_STORED = ("ptr", "ends", "shares", "edge", "flags")


class Snapper:
    """Finds the nearest street. Thread-safe."""

    def __init__(self, graph: StreetGraph, segments: Segments | None = None) -> None:
        """`segments` of this graph, where they are at hand; made otherwise."""
        self._projection = LocalProjection(graph.origin_lon, graph.origin_lat)
        self._segments = segments if segments is not None else Segments.of(graph)

    @property
    def grid(self) -> Grid:
        """What it looks at."""
        s = self._segments
        return Grid(s.ptr, s.ends, s.shares, s.edge, s.flags, _FLAG["car"], s.west, s.south, s.columns, s.rows, s.cell_m)

    def snap(self, lon: float, lat: float, profile: ProfileName = "car", max_distance_m: float = MAX_DISTANCE_M) -> RoadPoint:
        """The point on the nearest street. Raises OffNetwork, also for coordinates that are no numbers."""
        found, x, y = self._nearest(np.array([lon]), np.array([lat]), profile, max_distance_m)
        if found.edge[0] < 0:
            raise OffNetwork(lon, lat, self.distance_m(lon, lat, profile), max_distance_m, profile)
        on_lon, on_lat = self._projection.to_degrees(x[0], y[0])
        return RoadPoint(int(found.edge[0]), float(found.fraction[0]), float(on_lon), float(on_lat), float(found.distance_m[0]))

    def snap_all(self, lon: ArrayLike, lat: ArrayLike, profile: ProfileName = "car", max_distance_m: float = MAX_DISTANCE_M) -> Snapped:
        """The nearest street of many points at once (1 ms for 1,000); off the network is edge -1, never an error."""
        return self._nearest(
            np.atleast_1d(np.asarray(lon, np.float64)), np.atleast_1d(np.asarray(lat, np.float64)), profile, max_distance_m
        )[0]

    def distance_m(self, lon: float, lat: float, profile: ProfileName = "car") -> float | None:
        """Metres to the nearest usable street, however far; None when there is none or the point is no point. Looks at every segment."""
        x, y = self._projection.to_metres(lon, lat)
        usable = self._segments.ends[(self._segments.flags & _FLAG[profile]) != 0]
        if not len(usable) or not (math.isfinite(lon) and math.isfinite(lat)):
            return None
        ax, ay, bx, by = usable.T
        dx, dy = bx - ax, by - ay
        squared = np.maximum(dx * dx + dy * dy, 1e-12)
        u = np.clip(((x - ax) * dx + (y - ay) * dy) / squared, 0.0, 1.0)
        return float(np.hypot(ax + u * dx - x, ay + u * dy - y).min())

    def _nearest(self, lon: Floats, lat: Floats, profile: ProfileName, max_distance_m: float) -> tuple[Snapped, Floats, Floats]:
        x, y = self._projection.to_metres(lon, lat)
        points = len(x)
        edge, fraction, distance = np.empty(points, np.int32), np.empty(points), np.empty(points)
        on_x, on_y = np.empty(points), np.empty(points)
        s = self._segments
        parts = parts_for(points, MANY)

        def some(part: int) -> None:
            rows = slice(points * part // parts, points * (part + 1) // parts)
            nearest_segments(
                x[rows], y[rows], s.ptr, s.ends, s.shares, s.edge, s.flags, _FLAG[profile], _CONNECTED[profile],
                s.west, s.south, s.columns, s.rows, s.cell_m, float(max_distance_m),
                edge[rows], fraction[rows], distance[rows], on_x[rows], on_y[rows],
            )  # fmt: skip

        side_by_side(some, parts)
        return Snapped(edge, fraction, distance), on_x, on_y


def _usable(graph: StreetGraph) -> NDArray[np.uint8]:
    """Per directed edge: which profiles may use the street in either direction, and is it connected for them."""
    flags = np.zeros(graph.edge_count, np.uint8)
    for name, profile in zip(PROFILES, graph.profiles, strict=True):
        one_way = np.isfinite(profile.time_s)
        usable = one_way | one_way[graph.twin]
        part = np.arange(len(graph.node_x), dtype=np.int32)
        edges = np.flatnonzero(usable)
        join_parts(np.array(graph.tail)[edges], np.array(graph.head)[edges], part)
        # Every street is there twice.
        metres = np.bincount(part[graph.tail[edges]], weights=graph.length_m[edges] / 2, minlength=len(part))
        enough = min(ISLAND_M, float(metres.max(initial=0.0)) / 2)
        flags[usable] |= _FLAG[name]
        flags[usable & (metres[part[graph.tail]] >= enough)] |= _CONNECTED[name]
    return flags


@njit(cache=True, nogil=True)
def join_parts(tail: Ints, head: Ints, part: Ints) -> None:
    """Give the nodes of every connected part the same number in `part` (each node its own beforehand)."""
    for i in range(len(tail)):
        a, b = tail[i], head[i]
        while part[a] != a:
            part[a] = part[part[a]]
            a = part[a]
        while part[b] != b:
            part[b] = part[part[b]]
            b = part[b]
        if a < b:
            part[b] = a
        else:
            part[a] = b
    for n in range(len(part)):
        root = n
        while part[root] != root:
            root = part[root]
        part[n] = root


@njit(cache=True, nogil=True)
def cut_segments(first: Ints, last: Ints, x: Floats, y: Floats, segments: Floats, shares: Floats, owner: Ints) -> None:
    """A row ax, ay, bx, by for every straight segment of every street, its fractions of the street at both ends, the street's index."""
    row = 0
    for i in range(len(first)):
        step = 1 if last[i] >= first[i] else -1
        total = 0.0
        for v in range(first[i], last[i], step):
            total += math.hypot(x[v + step] - x[v], y[v + step] - y[v])
        along = 0.0
        for v in range(first[i], last[i], step):
            length = math.hypot(x[v + step] - x[v], y[v + step] - y[v])
            segments[row, 0], segments[row, 1], segments[row, 2], segments[row, 3] = x[v], y[v], x[v + step], y[v + step]
            shares[row, 0] = along / total if total > 0.0 else 0.0
            along += length
            shares[row, 1] = along / total if total > 0.0 else 1.0
            owner[row] = i
            row += 1


@njit(cache=True, nogil=True)
def place_segments(
    segments: Floats, west: float, south: float, columns: int, rows: int, cell_m: float, place: NDArray[np.int64], order: Ints
) -> None:
    """Walk the cells each segment touches. With an empty `order` count them in `place`, else write the segment at its place."""
    # A cell is taken when its middle is within half its diagonal: a little too many, never too few.
    near = 0.5 * math.sqrt(2.0) * cell_m * 1.000001
    for s in range(len(segments)):
        ax, ay, bx, by = segments[s, 0], segments[s, 1], segments[s, 2], segments[s, 3]
        dx, dy = bx - ax, by - ay
        squared = dx * dx + dy * dy
        for r in range(max(0, int((min(ay, by) - south) / cell_m)), min(rows - 1, int((max(ay, by) - south) / cell_m)) + 1):
            for c in range(max(0, int((min(ax, bx) - west) / cell_m)), min(columns - 1, int((max(ax, bx) - west) / cell_m)) + 1):
                mx, my = west + (c + 0.5) * cell_m, south + (r + 0.5) * cell_m
                u = ((mx - ax) * dx + (my - ay) * dy) / squared if squared > 0.0 else 0.0
                u = min(1.0, max(0.0, u))
                if math.hypot(ax + u * dx - mx, ay + u * dy - my) > near:
                    continue
                cell = r * columns + c
                if len(order):
                    order[place[cell]] = s
                place[cell] += 1


@njit(cache=True, nogil=True)
def foot_point(px: float, py: float, segment: Floats) -> tuple[float, float]:
    """Squared distance of a point from a segment, and where along it (0 … 1) the nearest place is."""
    dx, dy = segment[2] - segment[0], segment[3] - segment[1]
    squared = dx * dx + dy * dy
    u = ((px - segment[0]) * dx + (py - segment[1]) * dy) / squared if squared > 0.0 else 0.0
    u = min(1.0, max(0.0, u))
    ex, ey = segment[0] + u * dx - px, segment[1] + u * dy - py
    return ex * ex + ey * ey, u


@njit(cache=True, nogil=True)
def nearest_segment(
    px: float, py: float, ptr: NDArray[np.int64], segments: Floats, flags: NDArray[np.uint8], usable: int, connected: int,
    west: float, south: float, columns: int, rows: int, cell_m: float, max_m: float,
) -> int:  # fmt: skip
    """Row of the nearest connected segment within `max_m`, else of the nearest usable one, else -1."""
    column, row = math.floor((px - west) / cell_m), math.floor((py - south) / cell_m)
    # Everything nearer than this plus a whole number of cells has been seen after that many rings.
    inner = min(px - west - column * cell_m, (column + 1) * cell_m - (px - west))
    inner = min(inner, py - south - row * cell_m, (row + 1) * cell_m - (py - south))
    best = spare = max_m * max_m  # squared distance to the nearest connected segment, to the nearest one cut off
    best_row = spare_row = -1
    for ring in range(int(max_m / cell_m) + 2):
        for r in range(max(0, row - ring), min(rows - 1, row + ring) + 1):
            step = 1 if abs(r - row) == ring or ring == 0 else 2 * ring
            for c in range(column - ring, column + ring + 1, step):
                if c < 0 or c >= columns:
                    continue
                # Most cells of a ring are farther off than what has been found already.
                dx = max(west + c * cell_m - px, px - west - (c + 1) * cell_m, 0.0)
                dy = max(south + r * cell_m - py, py - south - (r + 1) * cell_m, 0.0)
                if dx * dx + dy * dy > best:
                    continue
                for s in range(ptr[r * columns + c], ptr[r * columns + c + 1]):
                    if not flags[s] & usable:
                        continue
                    d, _ = foot_point(px, py, segments[s])
                    if flags[s] & connected and d <= best:
                        best, best_row = d, s
                    elif d <= spare:
                        spare, spare_row = d, s
        if best_row >= 0 and math.sqrt(best) <= inner + ring * cell_m:
            break
    return best_row if best_row >= 0 else spare_row


@njit(cache=True, nogil=True)
def nearest_segments(
    x: Floats, y: Floats, ptr: NDArray[np.int64], segments: Floats, shares: Floats, owner: Ints,
    flags: NDArray[np.uint8], usable: int, connected: int,
    west: float, south: float, columns: int, rows: int, cell_m: float, max_m: float,
    edge: Ints, fraction: Floats, distance: Floats, on_x: Floats, on_y: Floats,
) -> None:  # fmt: skip
    """Fill the nearest place on the network of each point; edge -1 and distance inf where there is none."""
    far = max_m + cell_m * (columns + rows)
    for i in range(len(x)):
        edge[i], fraction[i], distance[i], on_x[i], on_y[i] = -1, 0.0, np.inf, np.nan, np.nan
        if not (abs(x[i] - west) <= far and abs(y[i] - south) <= far):  # refuses NaN too
            continue
        s = nearest_segment(x[i], y[i], ptr, segments, flags, usable, connected, west, south, columns, rows, cell_m, max_m)
        if s < 0:
            continue
        d, u = foot_point(x[i], y[i], segments[s])
        edge[i] = owner[s]
        fraction[i] = shares[s, 0] + u * (shares[s, 1] - shares[s, 0])
        distance[i] = math.sqrt(d)
        on_x[i] = segments[s, 0] + u * (segments[s, 2] - segments[s, 0])
        on_y[i] = segments[s, 1] + u * (segments[s, 3] - segments[s, 1])
