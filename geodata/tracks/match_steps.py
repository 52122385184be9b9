"""What map matching looks at for one fix: the streets near it, and the edges within reach of where the car was. Numba kernels."""

from __future__ import annotations

import math
from typing import NamedTuple

from numba import njit

from geodata.routing.searches import Floats, Ints, Times
from geodata.streets.snapping import Grid, foot_point

STREETS = 8  # nearest streets of a fix, each in two directions
REACH = 400  # edges looked at from one place to the next fix
NEAR_M = 50.0  # a fix says nothing of streets farther off

# A heading that disagrees costs up to this much, where the receiver tells one and moves.
HEADING = 4.0
HEADING_SPEED_MPS = 3.0
# So many metres of detour weigh as much as one unit of cost: only which of two ways is taken hangs on it.
DETOUR_M = 10.0


class Arcs(NamedTuple):
    """Which edges begin where an edge ends, and what it costs to go on to them."""

    ptr: Ints  # [edges + 1]
    onward: Ints
    penalty: Times
    twin: Ints  # [edges]
    length_m: Times


class Near(NamedTuple):
    """Streets near one fix, closest first."""

    edge: Ints  # lower edge of the street
    fraction: Floats
    off_m: Floats
    direction: Floats  # of the edge there, radians from east


class Reached(NamedTuple):
    """Edges within reach of one place, a row each."""

    edge: Ints
    metres: Floats  # to the edge's tail
    cost: Floats  # of unusual turns on the way
    parent: Ints  # row before; -1 the place itself


@njit(cache=True, nogil=True)
def streets_near(x: float, y: float, grid: Grid, near: Near) -> int:
    """Fill the nearest streets within NEAR_M; return how many."""
    found = 0
    top, right = (y + NEAR_M - grid.south) // grid.cell_m, (x + NEAR_M - grid.west) // grid.cell_m
    for r in range(max(0, int((y - NEAR_M - grid.south) // grid.cell_m)), min(grid.rows - 1, int(top)) + 1):
        for c in range(max(0, int((x - NEAR_M - grid.west) // grid.cell_m)), min(grid.columns - 1, int(right)) + 1):
            for s in range(grid.ptr[r * grid.columns + c], grid.ptr[r * grid.columns + c + 1]):
                if grid.flags[s] & grid.car:
                    found = note_street(x, y, s, grid, near, found)
    return found


@njit(cache=True, nogil=True)
def note_street(x: float, y: float, s: int, grid: Grid, near: Near, found: int) -> int:
    """Put segment `s` in its place among the nearest streets, if it is one; return how many there are then."""
    squared, u = foot_point(x, y, grid.segments[s])
    off = math.sqrt(squared)
    if off > NEAR_M or (found == STREETS and off >= near.off_m[found - 1]):
        return found
    place = 0
    while place < found and near.edge[place] != grid.edge[s]:
        place += 1
    if place < found and near.off_m[place] <= off:
        return found
    if place == found:
        found = min(STREETS, found + 1)
        place = found - 1
    while place > 0 and near.off_m[place - 1] > off:
        near.edge[place], near.fraction[place] = near.edge[place - 1], near.fraction[place - 1]
        near.off_m[place], near.direction[place] = near.off_m[place - 1], near.direction[place - 1]
        place -= 1
    near.edge[place], near.off_m[place] = grid.edge[s], off
    near.fraction[place] = grid.shares[s, 0] + u * (grid.shares[s, 1] - grid.shares[s, 0])
    near.direction[place] = math.atan2(grid.segments[s, 3] - grid.segments[s, 1], grid.segments[s, 2] - grid.segments[s, 0])
    return found


@njit(cache=True, nogil=True)
def reach(start: int, rest_m: float, limit_m: float, arcs: Arcs, slot: Ints, out: Reached) -> int:
    """Fill the edges that begin within `limit_m` metres, `rest_m` being left of the start; return how many.

    `slot[e]` becomes the row of edge e and must be -1 beforehand; rows are nearest first.
    """
    used = done = 0
    at, so_far, worth, row = start, rest_m, 0.0, -1
    while True:
        for a in range(arcs.ptr[at], arcs.ptr[at + 1]):
            n = arcs.onward[a]
            total = worth + arcs.penalty[a]
            known = slot[n]
            if known >= done and so_far + DETOUR_M * total < out.metres[known] + DETOUR_M * out.cost[known]:
                out.metres[known], out.cost[known], out.parent[known] = so_far, total, row
            elif known < 0 and used < REACH and so_far <= limit_m:
                slot[n] = used
                out.edge[used], out.metres[used], out.cost[used], out.parent[used] = n, so_far, total, row
                used += 1
        if done == used:
            return used
        bring_nearest(done, used, slot, out)
        row = done
        at, so_far, worth = out.edge[row], out.metres[row] + arcs.length_m[out.edge[row]], out.cost[row]
        done += 1


@njit(cache=True, nogil=True)
def bring_nearest(done: int, used: int, slot: Ints, out: Reached) -> None:
    """Swap the nearest of the rows done … used-1 into row `done`. Only rows before it are parents, so none has to be told."""
    best = done
    for i in range(done + 1, used):
        if out.metres[i] + DETOUR_M * out.cost[i] < out.metres[best] + DETOUR_M * out.cost[best]:
            best = i
    if best != done:
        slot[out.edge[best]], slot[out.edge[done]] = done, best
        out.edge[best], out.edge[done] = out.edge[done], out.edge[best]
        out.metres[best], out.metres[done] = out.metres[done], out.metres[best]
        out.cost[best], out.cost[done] = out.cost[done], out.cost[best]
        out.parent[best], out.parent[done] = out.parent[done], out.parent[best]


@njit(cache=True, nogil=True)
def against_heading(direction: float, heading_deg: float, speed_mps: float) -> float:
    """Cost of driving in `direction` (radians from east) with a heading that says otherwise; 0 where none is known."""
    if not (speed_mps >= HEADING_SPEED_MPS) or not (heading_deg >= 0.0):
        return 0.0
    return HEADING * 0.5 * (1.0 - math.cos(direction - math.radians(90.0 - heading_deg)))
