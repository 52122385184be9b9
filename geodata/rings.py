"""Areas of isochrones: a soft fill around the streets that are reached.

The reached street pieces are stamped into a raster of times (time on the street plus the way off it), one raster a
level with cells as fine as the level needs, and the raster is contoured. Unlike hulls this leaves no reached street
outside (recall of road metres at least 0.99) and fills no water or fields between streets.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from contourpy import contour_generator
from numba import njit
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geodata.isochrones import StreetPieces
from geodata.searches import Floats, Times


@dataclass(frozen=True)
class Fill:
    """How far and how finely an area reaches off the streets."""

    cell_m: float
    reach_m: float


# Short rings are looked at closely and hold few cells, long ones the opposite. Chosen among fifteen pairs for recall, precision
# and time on a rural and a dense network; `bench/rings.py` measures what they give.
FILLS = (
    (90.0, Fill(15.0, 25.0)),
    (240.0, Fill(20.0, 40.0)),
    (420.0, Fill(30.0, 50.0)),
    (900.0, Fill(50.0, 90.0)),
    (math.inf, Fill(80.0, 140.0)),
)
# Pace off the street, so that the area narrows towards the ends of what is reached.
OFF_STREET_MPS = 15.0
# The contour cuts the last half cell off every end; so much later it is drawn. Without it recall falls to 0.985 at one minute.
SLACK_CELLS = 0.5
# Smaller holes between streets are noise of the raster, not places one can't get to.
LEAST_HOLE_CELLS = 2.0


def fill_for(level_s: float) -> Fill:
    """The fill of a ring of `level_s` seconds."""
    return next(fill for up_to_s, fill in FILLS if level_s <= up_to_s)


def areas(pieces: StreetPieces) -> list[shapely.MultiPolygon]:
    """One area a level, smallest first, in lon, lat degrees rounded to 6 digits."""
    return [area(pieces, ring, fill_for(level_s)) for ring, level_s in enumerate(pieces.levels_s)]


def area(pieces: StreetPieces, ring: int, fill: Fill) -> shapely.MultiPolygon:
    """The area around everything reached within ring number `ring`, in lon, lat degrees; empty when nothing is."""
    level_s = pieces.levels_s[ring]
    inside = np.flatnonzero(pieces.ring <= ring)
    if not len(inside):
        return shapely.MultiPolygon()
    xs, ys, grid = raster(pieces, inside, level_s, fill)
    outline_s = level_s + SLACK_CELLS * fill.cell_m / OFF_STREET_MPS
    filled: Any = contour_generator(xs, ys, grid, fill_type="OuterOffset").filled(-1.0, outline_s)
    shape = shapely.multipolygons([polygon(p, o, LEAST_HOLE_CELLS * fill.cell_m**2) for p, o in zip(*filled, strict=True)])

    def degrees(xy: Floats) -> Floats:
        lon, lat = pieces.projection.to_degrees(xy[:, 0], xy[:, 1])
        return np.round(np.stack((lon, lat), axis=1), 6).astype(np.float64, copy=False)

    simple = _multi(shapely.transform(shapely.simplify(shape, fill.cell_m / 2, preserve_topology=False), degrees))
    if simple.is_valid:
        return simple
    # The careful simplification costs five times as much and is seldom needed; rounding may still make two corners touch.
    return _multi(shapely.make_valid(shapely.transform(shapely.simplify(shape, fill.cell_m / 2, preserve_topology=True), degrees)))


def polygon(points: Floats, offsets: NDArray[np.unsignedinteger], least_hole_m2: float) -> shapely.Polygon:
    """The polygon of one outer contour and the holes that are large enough."""
    rings = [points[a:b] for a, b in itertools.pairwise(offsets)]
    return shapely.Polygon(rings[0], [r for r in rings[1:] if _enclosed_m2(r) >= least_hole_m2])


def _enclosed_m2(ring: Floats) -> float:
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    return abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2


def _multi(shape: BaseGeometry) -> shapely.MultiPolygon:
    """The polygons of any shape as one MultiPolygon."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    return shapely.multipolygons([p for p in parts if p.geom_type == "Polygon" and not p.is_empty])


def raster(pieces: StreetPieces, inside: NDArray[np.intp], level_s: float, fill: Fill) -> tuple[Floats, Floats, Floats]:
    """Cell centres xs, ys in metres and the seconds to each cell, just over the level where nothing is near."""
    mask = np.zeros(len(pieces.ring), np.bool_)
    mask[inside] = True
    vertex = np.repeat(mask, np.diff(pieces.start))
    x, y = pieces.x[vertex], pieces.y[vertex]
    margin = fill.reach_m + 2 * fill.cell_m
    # Cells lie on a grid of the whole city, so that a ring does not flicker when its point moves by a metre.
    west, south = (math.floor((v.min() - margin) / fill.cell_m) * fill.cell_m for v in (x, y))
    xs = np.arange(west, x.max() + margin, fill.cell_m)
    ys = np.arange(south, y.max() + margin, fill.cell_m)
    # Just above the level: from a very high value the contour would stick to the cells inside.
    grid = np.full((len(ys), len(xs)), level_s + fill.reach_m / OFF_STREET_MPS + 60.0)
    stamp(pieces.x, pieces.y, pieces.time_s, pieces.start, mask, grid, west, south, fill.cell_m, fill.reach_m, OFF_STREET_MPS)
    return xs, ys, grid


@njit(cache=True, nogil=True)
def stamp(
    x: Floats, y: Floats, time_s: Times, start: NDArray[np.int64], inside: NDArray[np.bool_],
    grid: Floats, west: float, south: float, cell_m: float, reach_m: float, off_street_mps: float,
) -> None:  # fmt: skip
    """Lower each cell within `reach_m` of a piece to the time on the street plus the time off it."""
    rows, columns = grid.shape
    for piece in range(len(inside)):
        if not inside[piece]:
            continue
        for v in range(start[piece], start[piece + 1] - 1):
            ax, ay, bx, by = x[v], y[v], x[v + 1], y[v + 1]
            dx, dy = bx - ax, by - ay
            squared = dx * dx + dy * dy
            if squared == 0.0:
                continue
            low = max(0, math.ceil((min(ay, by) - reach_m - south) / cell_m))
            high = min(rows - 1, math.floor((max(ay, by) + reach_m - south) / cell_m))
            for r in range(low, high + 1):
                cy = south + r * cell_m
                # Of a slanting segment only the part within reach of this row matters.
                u, w = 0.0, 1.0
                if abs(dy) > 1e-9:
                    u, w = (cy - reach_m - ay) / dy, (cy + reach_m - ay) / dy
                    if u > w:
                        u, w = w, u
                    u, w = max(0.0, u), min(1.0, w)
                left, right = min(ax + u * dx, ax + w * dx) - reach_m, max(ax + u * dx, ax + w * dx) + reach_m
                for c in range(max(0, math.ceil((left - west) / cell_m)), min(columns - 1, math.floor((right - west) / cell_m)) + 1):
                    cx = west + c * cell_m
                    at = min(1.0, max(0.0, ((cx - ax) * dx + (cy - ay) * dy) / squared))
                    off = math.hypot(ax + at * dx - cx, ay + at * dy - cy)
                    if off <= reach_m:
                        seconds = time_s[v] + at * (time_s[v + 1] - time_s[v]) + off / off_street_mps
                        if seconds < grid[r, c]:
                            grid[r, c] = seconds
