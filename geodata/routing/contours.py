"""Outlines of a raster: marching squares, simplified, as polygons with holes in degrees.

A ring is drawn on every click and within a few milliseconds, most of which general libraries spend on building and
simplifying shapes that nobody keeps; here one kernel goes from the raster to the rounded corners of the answer.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from geodata.projection import LocalProjection
from geodata.routing.searches import Floats, Ints

# Sides of a cell between four values: bottom, right, top, left. For each pattern of inside corners (bit 0 south-west, 1 south-east,
# 2 north-east, 3 north-west) the contour's sides from → to, inside on its left; the two patterns with opposite corners have two
# pieces and keep the corners apart, so that what is inside is connected over sides only.
_BOTTOM, _RIGHT, _TOP, _LEFT, _NONE = 0, 1, 2, 3, -1
_CASES = np.array(
    [
        (_NONE, _NONE, _NONE, _NONE),
        (_BOTTOM, _LEFT, _NONE, _NONE),
        (_RIGHT, _BOTTOM, _NONE, _NONE),
        (_RIGHT, _LEFT, _NONE, _NONE),
        (_TOP, _RIGHT, _NONE, _NONE),
        (_BOTTOM, _LEFT, _TOP, _RIGHT),
        (_TOP, _BOTTOM, _NONE, _NONE),
        (_TOP, _LEFT, _NONE, _NONE),
        (_LEFT, _TOP, _NONE, _NONE),
        (_BOTTOM, _TOP, _NONE, _NONE),
        (_RIGHT, _BOTTOM, _LEFT, _TOP),
        (_RIGHT, _TOP, _NONE, _NONE),
        (_LEFT, _RIGHT, _NONE, _NONE),
        (_BOTTOM, _RIGHT, _NONE, _NONE),
        (_LEFT, _BOTTOM, _NONE, _NONE),
        (_NONE, _NONE, _NONE, _NONE),
    ],
    np.int8,
)

# How far a simplified outline may lie from the contour, in cells.
TOLERANCES = (0.5, 0.25, 0.1)
# How near to a cell's corner an outline may pass, in cells.
CORNER = 0.02


@dataclass(frozen=True)
class Outline:
    """A MultiPolygon as flat arrays: corners of rings of polygons, an outer ring before its holes, all closed."""

    corner: Floats  # [corners, 2] lon, lat degrees, rounded to 6 digits
    ring_start: NDArray[np.int64]  # [rings + 1] first corner
    polygon_start: NDArray[np.int64]  # [polygons + 1] first ring

    @cached_property
    def shape(self) -> shapely.MultiPolygon:
        """The same for shapely."""
        every = np.array([0, len(self.polygon_start) - 1])
        return shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, self.corner, (self.ring_start, self.polygon_start, every))[0]

    def coordinates(self) -> list[list[list[tuple[float, float]]]]:
        """The same for GeoJSON: polygons of rings of lon, lat."""
        # Tuples of floats: half the time of lists, and the garbage collector leaves them alone.
        corners, starts = list(zip(*self.corner.T.tolist(), strict=True)), self.ring_start.tolist()
        rings = [corners[a:b] for a, b in itertools.pairwise(starts)]
        parts = self.polygon_start.tolist()
        return [rings[a:b] for a, b in itertools.pairwise(parts)]


def outline(
    grid: Floats, level: float, ceiling: float, west: float, south: float, cell_m: float, projection: LocalProjection, least_hole_m2: float
) -> Outline:
    """What lies at or below `level` in a raster of cell centres from west, south (metres); its rim must lie above.

    Cells above `ceiling` count as that much. Simplified by half a cell at most. Holes below `least_hole_m2` are filled.
    """
    traced = trace(grid, level, ceiling, _CASES)
    per_lon, per_lat = projection.metres_per_degree
    place = (west / per_lon + projection.origin_lon, south / per_lat + projection.origin_lat, cell_m / per_lon, cell_m / per_lat)
    # Simplified rings cross once in twenty times; less simplified ones hardly ever.
    for tolerance in TOLERANCES:
        simple = Outline(*polygons(*traced, tolerance, least_hole_m2 / cell_m**2, *place))
        if simple.shape.is_valid:
            return simple
    shape = shapely.set_precision(shapely.make_valid(simple.shape, method="structure", keep_collapsed=False), 1e-6)
    parts = [p for p in shapely.get_parts(shapely.get_parts(shape)) if p.geom_type == "Polygon" and not p.is_empty]
    _, corner, (ring_start, polygon_start, _) = shapely.to_ragged_array([shapely.multipolygons(parts)])
    return Outline(np.round(corner, 6), ring_start, polygon_start)


@njit(cache=True, nogil=True)
def trace(grid: Floats, level: float, ceiling: float, cases: NDArray[np.int8]) -> tuple[Floats, Floats, NDArray[np.int64], Ints]:
    """Rings of the contour at `level` in units of cells, inside on their left: x, y, first corner of each ring, its outer ring."""
    rows, columns = grid.shape
    sides = rows * columns
    # The side from r, c to the east is number r * columns + c, to the north the same plus `sides`.
    # Where the contour crosses a side: the one it goes on to, then -2 - the ring it belongs to. Elsewhere never written nor read.
    onward = np.empty(2 * sides, np.int32)
    crossed = link_sides(grid, level, cases, onward)
    crossings = len(crossed)
    x, y = np.empty(crossings), np.empty(crossings)
    start, outer = np.empty(crossings // 4 + 2, np.int64), np.empty(crossings // 4 + 1, np.int32)
    west = np.empty(crossings // 4 + 1, np.int64)  # of each ring, its westernmost crossing whose eastern end is outside
    rings, used = 0, 0
    start[0] = 0
    for first in crossed:
        at = first
        west_c = columns
        while onward[at] >= 0:
            cell = at % sides
            r, c = cell // columns, cell % columns
            east = at < sides
            here, there = min(ceiling, grid[r, c]), min(ceiling, grid[r, c + 1] if east else grid[r + 1, c])
            # Kept off the cells' corners, where rounding would let outlines touch.
            share = min(1.0 - CORNER, max(CORNER, (level - here) / (there - here)))
            x[used], y[used] = (c + share, r) if east else (c, r + share)
            used += 1
            if east and here <= level and c < west_c:
                west[rings], west_c = cell, c
            following = onward[at]
            onward[at] = -2 - rings
            at = following
        if used > start[rings]:
            rings += 1
            start[rings] = used
    for k in range(rings):
        outer[k] = k
        if signed_area(x, y, start[k], start[k + 1]) < 0:
            # From the western rim of a hole go west to the next rim: of the part's outer ring, or of a hole further west.
            cell = west[k]
            while grid[cell // columns, cell % columns - 1] <= level:
                cell -= 1
            outer[k] = -2 - onward[cell - 1]
    for k in range(rings):
        while outer[k] != outer[outer[k]]:
            outer[k] = outer[outer[k]]
    return x, y, start[: rings + 1], outer[:rings]


@njit(cache=True, nogil=True)
def link_sides(grid: Floats, level: float, cases: NDArray[np.int8], onward: Ints) -> Ints:
    """Fill `onward` cell by cell; return the sides the contour crosses."""
    rows, columns = grid.shape
    sides = rows * columns
    side = np.empty(4, np.int32)
    crossed, crossings = np.empty(1024, np.int32), 0
    for r in range(rows - 1):
        west = int(grid[r, 0] <= level) | int(grid[r + 1, 0] <= level) << 3
        for c in range(columns - 1):
            south_east, north_east = int(grid[r, c + 1] <= level), int(grid[r + 1, c + 1] <= level)
            pattern = west | south_east << 1 | north_east << 2
            west = south_east | north_east << 3
            if pattern == 0 or pattern == 15:
                continue
            here = r * columns + c
            side[0], side[1], side[2], side[3] = here, sides + here + 1, here + columns, sides + here
            if crossings + 2 > len(crossed):
                crossed = np.concatenate((crossed, np.empty_like(crossed)))
            for k in range(0, 4, 2):
                if cases[pattern, k] >= 0:
                    crossed[crossings] = side[cases[pattern, k]]
                    onward[crossed[crossings]] = side[cases[pattern, k + 1]]
                    crossings += 1
    return crossed[:crossings]


@njit(cache=True, nogil=True)
def polygons(
    x: Floats, y: Floats, start: NDArray[np.int64], outer: Ints, tolerance: float, least_hole: float,
    lon: float, lat: float, lon_step: float, lat_step: float,
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """Simplified rings in rounded degrees, each part's outer ring first and its holes after it."""
    rings = len(outer)
    area = np.empty(rings)
    for k in range(rings):
        area[k] = signed_area(x, y, start[k], start[k + 1])
    # Holes (negative area) follow their outer ring.
    order = np.argsort(outer * 2 + (area < 0), kind="mergesort")
    corner = np.empty((len(x) + rings, 2))
    ring_start, polygon_start = np.zeros(rings + 1, np.int64), np.zeros(rings + 1, np.int64)
    keep = np.zeros(len(x), np.bool_)
    stack = np.empty(2 * len(x) + 4, np.int64)
    used, written, parts = 0, 0, 0
    for k in order:
        if area[k] < 0 and -area[k] < least_hole:
            continue
        a, b = start[k], start[k + 1]
        kept = simplify(x, y, a, b, tolerance * tolerance, keep, stack)
        if kept < 3:
            if area[k] < 0:
                continue
            keep[a:b] = True
        begin = used
        for i in range(a, b):
            if keep[i]:
                corner[used, 0] = np.round(1e6 * (lon + x[i] * lon_step)) / 1e6
                corner[used, 1] = np.round(1e6 * (lat + y[i] * lat_step)) / 1e6
                used += 1
        corner[used] = corner[begin]
        used += 1
        if area[k] >= 0:
            polygon_start[parts] = written
            parts += 1
        written += 1
        ring_start[written] = used
    polygon_start[parts] = written
    return corner[:used], ring_start[: written + 1], polygon_start[: parts + 1]


@njit(cache=True, nogil=True)
def signed_area(x: Floats, y: Floats, a: int, b: int) -> float:
    """Area of the ring of corners a … b, positive when it runs counter-clockwise."""
    twice = 0.0
    for i in range(a, b):
        j = i + 1 if i + 1 < b else a
        twice += (x[i] - x[a]) * (y[j] - y[a]) - (x[j] - x[a]) * (y[i] - y[a])
    return 0.5 * twice


@njit(cache=True, nogil=True)
def simplify(x: Floats, y: Floats, a: int, b: int, squared: float, keep: NDArray[np.bool_], stack: NDArray[np.int64]) -> int:
    """Mark the corners of a closed ring that Douglas and Peucker's rule keeps, from two far corners; return how many."""
    far, far_d = a, -1.0
    for i in range(a, b):
        d = (x[i] - x[a]) ** 2 + (y[i] - y[a]) ** 2
        if d > far_d:
            far, far_d = i, d
    keep[a] = keep[far] = True
    kept = 1 if far == a else 2
    stack[0], stack[1], stack[2], stack[3] = a, far, far, b
    depth = 4
    while depth:
        depth -= 2
        i, j = stack[depth], stack[depth + 1]
        to = a if j == b else j
        dx, dy = x[to] - x[i], y[to] - y[i]
        length = dx * dx + dy * dy
        worst, worst_d = -1, squared
        for k in range(i + 1, j):
            u = ((x[k] - x[i]) * dx + (y[k] - y[i]) * dy) / length if length > 0.0 else 0.0
            u = min(1.0, max(0.0, u))
            d = (x[i] + u * dx - x[k]) ** 2 + (y[i] + u * dy - y[k]) ** 2
            if d > worst_d:
                worst, worst_d = k, d
        if worst >= 0:
            keep[worst] = True
            kept += 1
            stack[depth], stack[depth + 1], stack[depth + 2], stack[depth + 3] = i, worst, worst, j
            depth += 4
    return kept
