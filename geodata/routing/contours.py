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
from geodata.routing.coordinate_text import polygons_text
from geodata.routing.searches import Floats, Ints
from geodata.routing.soundness import is_sound

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

    def text(self) -> bytes:
        """The same as JSON text."""
        return polygons_text(self.corner, self.ring_start, self.polygon_start)


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
        if is_sound(simple.corner, simple.ring_start, simple.polygon_start):
            return simple
    shape = shapely.set_precision(shapely.make_valid(simple.shape, method="structure", keep_collapsed=False), 1e-6)
    parts = [p for p in shapely.get_parts(shapely.get_parts(shape)) if p.geom_type == "Polygon" and not p.is_empty]
    _, corner, (ring_start, polygon_start, _) = shapely.to_ragged_array([shapely.multipolygons(parts)])
    return Outline(np.round(corner, 6), ring_start, polygon_start)


@njit(cache=True, nogil=True)
def trace(grid: Floats, level: float, ceiling: float, cases: NDArray[np.int8]) -> tuple[Floats, Floats, NDArray[np.int64], Ints]:
    """Rings of the contour at `level` in units of cells, inside on their left: x, y, first corner of each ring, its outer ring."""
    cells = cells_on(grid, level)
    at_x, at_y, onward, behind, begins = link(grid, level, ceiling, cells, cases)
    count = len(begins)
    x, y = np.empty(count), np.empty(count)
    start, outer = np.empty(count // 4 + 2, np.int64), np.empty(count // 4 + 1, np.int32)
    west = np.empty(count // 4 + 1, np.int32)  # of each ring, its westernmost crossing whose eastern end is outside
    rings, used = 0, 0
    start[0] = 0
    for at in begins:
        if onward[at] < 0:
            continue
        # A ring is met first where it is southernmost and goes north and east from there: with the inside in between, or as a hole's rim,
        # which comes from the east.
        outer[rings] = -1 if at_x[at] == np.floor(at_x[at]) else rings
        west_x = np.inf
        while onward[at] >= 0:
            x[used], y[used] = at_x[at], at_y[at]
            used += 1
            if behind[at] >= 0 and at_x[at] < west_x:
                west[rings], west_x = at, at_x[at]
            following = onward[at]
            onward[at] = -2 - rings
            at = following
        rings += 1
        start[rings] = used
    for k in range(rings):
        if outer[k] < 0:
            # The rim behind the western one of a hole is that of the part's outer ring, or of a hole further west.
            outer[k] = -2 - onward[behind[west[k]]]
    for k in range(rings):
        while outer[k] != outer[outer[k]]:
            outer[k] = outer[outer[k]]
    return x, y, start[: rings + 1], outer[:rings]


@njit(cache=True, nogil=True)
def cells_on(grid: Floats, level: float) -> NDArray[np.int64]:
    """The cells between four values that the contour passes, row by row: row << 32 | column << 4 | the pattern of inside corners."""
    rows, columns = grid.shape
    found, count = np.empty(rows * columns, np.int64), 0
    # Eight bits each, and in a loop of their own: so the processor finds the patterns of many cells at once.
    pattern, one, two, three = np.empty(columns, np.uint8), np.uint8(1), np.uint8(2), np.uint8(3)
    for r in range(rows - 1):
        for c in range(columns - 1):
            south_west, south_east = np.uint8(grid[r, c] <= level), np.uint8(grid[r, c + 1] <= level)
            north_west, north_east = np.uint8(grid[r + 1, c] <= level), np.uint8(grid[r + 1, c + 1] <= level)
            pattern[c] = south_west | south_east << one | north_east << two | north_west << three
        for c in range(columns - 1):
            # Written in any case and kept or not: whether the contour passes is unforeseeable.
            found[count] = r << 32 | c << 4 | int(pattern[c])
            count += 0 < pattern[c] < 15
    return found[:count]


@njit(cache=True, nogil=True)
def link(
    grid: Floats, level: float, ceiling: float, cells: NDArray[np.int64], cases: NDArray[np.int8]
) -> tuple[Floats, Floats, Ints, Ints, Ints]:
    """Where the contour crosses a side between two values: x, y, the crossing it goes on to; the one behind, to the west in the same row,
    where one leaves the inside eastwards, else -1; and for each piece of the contour, cell by cell, the crossing it begins at.
    """
    room = 2 * len(cells) + 2
    x, y = np.empty(room), np.empty(room)
    onward, behind, begins = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    below = np.empty(grid.shape[1], np.int32)  # number of the crossing between two columns in the row below, where there is one
    side = np.empty(4, np.int32)
    side[_RIGHT] = -1
    last, count, pieces = -1, 0, 0
    for cell in cells:
        r, c, pattern = cell >> 32, cell >> 4 & 0xFFFFFFF, cell & 15
        # A crossing on the left side or the bottom was met before: on the right of the cell before this one, on top of the one below.
        side[_LEFT], side[_BOTTOM] = side[_RIGHT], below[c]
        # Written without branches, for which sides are crossed is unforeseeable: what is not there is overwritten by the next.
        south_east, north_east, north_west = pattern >> 1 & 1, pattern >> 2 & 1, pattern >> 3
        corner = grid[r + 1, c + 1]
        side[_RIGHT] = count
        x[count], y[count], behind[count] = c + 1, r + share(grid[r, c + 1], corner, level, ceiling), -1
        count += south_east ^ north_east
        side[_TOP] = count
        x[count], y[count], behind[count] = c + share(grid[r + 1, c], corner, level, ceiling), r + 1, -1 if north_east else last
        crosses = north_west ^ north_east
        below[c] = last = count if crosses else last
        count += crosses
        begins[pieces] = side[cases[pattern, 0]]
        onward[begins[pieces]] = side[cases[pattern, 1]]
        pieces += 1
        if cases[pattern, 2] >= 0:
            begins[pieces] = side[cases[pattern, 2]]
            onward[begins[pieces]] = side[cases[pattern, 3]]
            pieces += 1
    return x, y, onward, behind, begins[:pieces]


@njit(cache=True, nogil=True)
def share(here: float, there: float, level: float, ceiling: float) -> float:
    """Where between two values the contour crosses, from 0 to 1; kept off the cells' corners, where rounding would let outlines touch."""
    here = min(ceiling, here)
    step = min(ceiling, there) - here
    return min(1.0 - CORNER, max(CORNER, (level - here) / (step if step != 0.0 else 1.0)))


@njit(cache=True, nogil=True)
def polygons(
    x: Floats, y: Floats, start: NDArray[np.int64], outer: Ints, tolerance: float, least_hole: float,
    lon: float, lat: float, lon_step: float, lat_step: float,
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """Simplified rings in rounded degrees, each part's outer ring first and its holes after it."""
    rings = len(outer)
    is_hole = outer != np.arange(rings)
    # Holes follow their outer ring.
    order = np.argsort(outer * 2 + is_hole, kind="mergesort")
    corner = np.empty((len(x) + rings, 2))
    ring_start, polygon_start = np.zeros(rings + 1, np.int64), np.zeros(rings + 1, np.int64)
    keep = np.zeros(len(x), np.bool_)
    stack = np.empty(2 * len(x) + 4, np.int64)
    used, written, parts = 0, 0, 0
    for k in order:
        a, b = start[k], start[k + 1]
        if is_hole[k] and -signed_area(x, y, a, b) < least_hole:
            continue
        kept = simplify(x, y, a, b, tolerance * tolerance, keep, stack)
        if kept < 3:
            if is_hole[k]:
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
        if not is_hole[k]:
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
        ax, ay = x[i], y[i]
        dx, dy = x[to] - ax, y[to] - ay
        length = dx * dx + dy * dy
        per_length = 1.0 / length if length > 0.0 else 0.0
        worst, worst_d = -1, squared
        for k in range(i + 1, j):
            px, py = x[k] - ax, y[k] - ay
            u = min(1.0, max(0.0, (px * dx + py * dy) * per_length))
            d = (u * dx - px) ** 2 + (u * dy - py) ** 2
            if d > worst_d:
                worst, worst_d = k, d
        if worst >= 0:
            keep[worst] = True
            kept += 1
            stack[depth], stack[depth + 1], stack[depth + 2], stack[depth + 3] = i, worst, worst, j
            depth += 4
    return kept
