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
# Of a street's bends those as far from the last one that counts, in cells along both axes.
FINEST_BEND = 0.75
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
    least_x, least_y, most_x, most_y = bounds(pieces.x, pieces.y, pieces.start, inside)
    if least_x > most_x:
        return 0.0, 0.0, np.full((2, 2), level_s + OUTSIDE_S)
    margin = fill.reach_m + 2 * fill.cell_m
    # Cells lie on a grid of the whole city, so that a ring does not flicker when its point moves by a metre.
    west, south = (math.floor((least - margin) / fill.cell_m) * fill.cell_m for least in (least_x, least_y))
    columns, rows = (math.ceil((most + margin - first) / fill.cell_m) + 1 for most, first in ((most_x, west), (most_y, south)))
    grid = np.full((rows, columns), level_s + OUTSIDE_S + fill.reach_m / OFF_STREET_MPS)
    stamp(pieces.x, pieces.y, pieces.time_s, pieces.start, inside, grid, west, south, fill.cell_m, fill.reach_m, OFF_STREET_MPS)
    return west, south, grid


@njit(cache=True, nogil=True)
def bounds(x: Floats, y: Floats, start: NDArray[np.int64], inside: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    """Least x, least y, largest x and largest y of the pieces that are inside; inf, inf, -inf, -inf where none is."""
    west, south, east, north = np.inf, np.inf, -np.inf, -np.inf
    for piece in range(len(inside)):
        if inside[piece]:
            for v in range(start[piece], start[piece + 1]):
                west, south, east, north = min(west, x[v]), min(south, y[v]), max(east, x[v]), max(north, y[v])
    return west, south, east, north


@njit(cache=True, nogil=True)
def stamp(
    x: Floats, y: Floats, time_s: Times, start: NDArray[np.int64], inside: NDArray[np.bool_],
    grid: Floats, west: float, south: float, cell_m: float, reach_m: float, off_street_mps: float,
) -> None:  # fmt: skip
    """Lower each cell within `reach_m` of a piece to the time on the street plus the time off it; none may lie beyond the raster."""
    # In units of cells, from the first one's centre.
    per_m, reach, slowness = 1.0 / cell_m, reach_m / cell_m, cell_m / off_street_mps
    for piece in range(len(inside)):
        if not inside[piece]:
            continue
        first, last = start[piece], start[piece + 1] - 1
        ax, ay, a_s = (x[first] - west) * per_m, (y[first] - south) * per_m, float(time_s[first])
        for vertex in range(first + 1, last + 1):
            bx, by, b_s = (x[vertex] - west) * per_m, (y[vertex] - south) * per_m, float(time_s[vertex])
            dx, dy = bx - ax, by - ay
            # Finer bends can't be seen in the raster.
            if vertex < last and abs(dx) + abs(dy) < FINEST_BEND:
                continue
            per_squared = 1.0 / max(1e-9, dx * dx + dy * dy)
            # Of a slanting segment only the part within reach of a row matters.
            per_row = 1.0 / dy if abs(dy) > 1e-9 else 0.0
            near = reach * abs(per_row) if abs(dy) > 1e-9 else 1.0
            for r in range(math.ceil(min(ay, by) - reach), math.floor(max(ay, by) + reach) + 1):
                middle = (r - ay) * per_row
                one, other = ax + max(0.0, middle - near) * dx, ax + min(1.0, middle + near) * dx
                for c in range(math.ceil(min(one, other) - reach), math.floor(max(one, other) + reach) + 1):
                    at = min(1.0, max(0.0, ((c - ax) * dx + (r - ay) * dy) * per_squared))
                    ex, ey = ax + at * dx - c, ay + at * dy - r
                    off = ex * ex + ey * ey
                    seconds = a_s + at * (b_s - a_s) + math.sqrt(off) * slowness
                    # Written without branches: which cells win is unforeseeable, and a wrong guess costs more than a root.
                    best = grid[r, c]
                    grid[r, c] = seconds if seconds < best and off <= reach * reach else best
            ax, ay, a_s = bx, by, b_s
