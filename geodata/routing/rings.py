"""Areas of isochrones: a soft fill around the streets that are reached.

The reached street pieces are stamped into a raster of times (time on the street plus the way off it), with cells as fine as
the rings need, and the raster is contoured. Unlike hulls this leaves no reached street outside (recall of road metres at
least 0.99) and fills no water or fields between streets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.routing.contours import Outline, outline
from geodata.routing.isochrones import StreetPieces
from geodata.routing.searches import Floats, Times


@dataclass(frozen=True)
class Fill:
    """How far and how finely an area reaches off the streets."""

    up_to_s: float  # rings up to this long; those of one fill share a raster
    cell_m: float
    reach_m: float


# Short rings are looked at closely and hold few cells, long ones the opposite. Chosen among twenty for recall, precision and time
# on a rural and a dense network; `bench/rings.py` measures what they give.
FILLS = (Fill(90.0, 15.0, 20.0), Fill(420.0, 36.0, 45.0), Fill(900.0, 60.0, 75.0), Fill(math.inf, 100.0, 125.0))
# Pace off the street, so that the area narrows towards the ends of what is reached.
OFF_STREET_MPS = 15.0
# The contour cuts the last half cell off every end, and simplifying a little more; so much later it is drawn. Without it recall falls
# to 0.985 at one minute.
SLACK_CELLS, SLACK_S = 0.5, 0.25
# Smaller holes between streets are noise of the raster, not places one can't get to.
LEAST_HOLE_CELLS = 2.0
# Where nothing is near the raster is so much above the level; from a very high value the outline would stick to the cells inside.
OUTSIDE_S = 60.0


def areas(pieces: StreetPieces) -> list[Outline]:
    """One area a level, smallest first."""
    found: list[Outline] = []
    for fill in FILLS:
        group = [k for k, level_s in enumerate(pieces.levels_s) if fill_for(level_s) == fill]
        if group:
            west, south, grid = raster(pieces, group[-1], fill)
            for k in group:
                level_s = pieces.levels_s[k] + SLACK_S + SLACK_CELLS * fill.cell_m / OFF_STREET_MPS
                # Up to a ceiling, for the shorter ring's outline must not depend on how far away the longer one lies.
                ceiling_s, least_hole_m2 = level_s + OUTSIDE_S, LEAST_HOLE_CELLS * fill.cell_m**2
                found.append(outline(grid, level_s, ceiling_s, west, south, fill.cell_m, pieces.projection, least_hole_m2))
    return found


def fill_for(level_s: float) -> Fill:
    """The fill of a ring of `level_s` seconds."""
    return next(fill for fill in FILLS if level_s <= fill.up_to_s)


def raster(pieces: StreetPieces, ring: int, fill: Fill) -> tuple[float, float, Floats]:
    """West and south of the first cell's centre in metres, and the seconds to each cell through streets within ring number `ring`."""
    level_s = pieces.levels_s[ring]
    inside = pieces.ring <= ring
    vertex = np.repeat(inside, np.diff(pieces.start)) if not inside.all() else slice(None)
    x, y = pieces.x[vertex], pieces.y[vertex]
    if not len(x):
        return 0.0, 0.0, np.full((2, 2), level_s + OUTSIDE_S)
    margin = fill.reach_m + 2 * fill.cell_m
    # Cells lie on a grid of the whole city, so that a ring does not flicker when its point moves by a metre.
    west, south = (math.floor((float(v.min()) - margin) / fill.cell_m) * fill.cell_m for v in (x, y))
    columns, rows = (math.ceil((float(v.max()) + margin - first) / fill.cell_m) + 1 for v, first in ((x, west), (y, south)))
    grid = np.full((rows, columns), level_s + OUTSIDE_S + fill.reach_m / OFF_STREET_MPS)
    stamp(pieces.x, pieces.y, pieces.time_s, pieces.start, inside, grid, west, south, fill.cell_m, fill.reach_m, OFF_STREET_MPS)
    return west, south, grid


@njit(cache=True, nogil=True)
def stamp(
    x: Floats, y: Floats, time_s: Times, start: NDArray[np.int64], inside: NDArray[np.bool_],
    grid: Floats, west: float, south: float, cell_m: float, reach_m: float, off_street_mps: float,
) -> None:  # fmt: skip
    """Lower each cell within `reach_m` of a piece to the time on the street plus the time off it."""
    step = 0.75 * cell_m
    for piece in range(len(inside)):
        if not inside[piece]:
            continue
        end = start[piece + 1] - 1
        a = start[piece]
        while a < end:
            # Bends finer than half a cell can't be seen in the raster.
            b = a + 1
            while b < end and abs(x[b] - x[a]) + abs(y[b] - y[a]) < step:
                b += 1
            stamp_segment(x[a], y[a], time_s[a], x[b], y[b], time_s[b], grid, west, south, cell_m, reach_m, off_street_mps)
            a = b


@njit(cache=True, nogil=True)
def stamp_segment(
    ax: float, ay: float, a_s: float, bx: float, by: float, b_s: float,
    grid: Floats, west: float, south: float, cell_m: float, reach_m: float, off_street_mps: float,
) -> None:  # fmt: skip
    """The same for one straight segment."""
    rows, columns = grid.shape
    dx, dy = bx - ax, by - ay
    per_squared = 1.0 / max(1e-9, dx * dx + dy * dy)
    slowness = 1.0 / off_street_mps
    reach_squared = reach_m * reach_m
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
            at = min(1.0, max(0.0, ((cx - ax) * dx + (cy - ay) * dy) * per_squared))
            ex, ey = ax + at * dx - cx, ay + at * dy - cy
            off = ex * ex + ey * ey
            seconds = a_s + at * (b_s - a_s) + math.sqrt(off) * slowness
            # Written without branches: which cells win is unforeseeable, and a wrong guess costs more than a root.
            best = grid[r, c]
            best = seconds if seconds < best and off <= reach_squared else best
            grid[r, c] = best
