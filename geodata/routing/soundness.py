"""Whether an outline is a sound MultiPolygon: what general libraries ask of a shape they build first, asked of the corners themselves.

A simplified outline must be looked at before it is shown, for one in twenty would cross itself; a library takes longer for that than
all else takes that a ring needs. Here it is exact, for rounded corners are whole numbers of micro-degrees. It is also stricter: outlines
that only touch are refused too.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.routing.searches import Floats, Ints

# Sides are compared within squares; so many on a side of the whole that a square holds few of them and most lie in one or two.
SQUARES_PER_ROOT = 1.0


@njit(cache=True, nogil=True)
def is_sound(corner: Floats, ring_start: NDArray[np.int64], polygon_start: NDArray[np.int64]) -> bool:
    """Whether no two sides cross, touch or turn back, every hole lies in its polygon and in no other hole, and no polygon in another.

    Arrays as in `geodata.routing.contours.Outline`.
    """
    count = len(corner)
    if count == 0:
        return True
    x, y = np.empty(count), np.empty(count)
    for i in range(count):
        x[i], y[i] = math.floor(1e6 * corner[i, 0] + 0.5), math.floor(1e6 * corner[i, 1] + 0.5)
    # Side i runs from corner i to the next; the last corner of a ring begins none.
    ring, following = np.empty(count, np.int32), np.empty(count, np.int32)
    polygon = np.empty(len(ring_start) - 1, np.int32)
    for p in range(len(polygon_start) - 1):
        polygon[polygon_start[p] : polygon_start[p + 1]] = p
    for k in range(len(ring_start) - 1):
        a, last = ring_start[k], ring_start[k + 1] - 1
        for i in range(a, last):
            ring[i], following[i] = k, i + 1 if i + 1 < last else a
        ring[last], following[last] = k, -1
    across = max(1, int(SQUARES_PER_ROOT * math.sqrt(count)))
    west, south = x.min(), y.min()
    per_x, per_y = across / (x.max() - west + 1.0), across / (y.max() - south + 1.0)
    column, row = np.empty(count, np.int32), np.empty(count, np.int32)
    for i in range(count):
        column[i], row[i] = int((x[i] - west) * per_x), int((y[i] - south) * per_y)
    start, held = squares(column, row, following, across)
    if not is_apart(x, y, column, row, following, across, start, held):
        return False
    for k in range(len(ring_start) - 1):
        is_hole = k > polygon_start[polygon[k]]
        turns = turns_about(ring_start[k], is_hole, x, y, column, row, ring, polygon, across, start, held)
        if turns != (1 if is_hole else 0):
            return False
    return True


@njit(cache=True, nogil=True)
def squares(column: Ints, row: Ints, following: Ints, across: int) -> tuple[Ints, Ints]:
    """First place of each square in the list of sides, and that list with room for every side in every square it may pass."""
    start = np.zeros(across * across + 1, np.int32)
    for i in range(len(following)):
        if following[i] >= 0:
            for r in range(min(row[i], row[i + 1]), max(row[i], row[i + 1]) + 1):
                for c in range(min(column[i], column[i + 1]), max(column[i], column[i + 1]) + 1):
                    start[r * across + c + 1] += 1
    for s in range(across * across):
        start[s + 1] += start[s]
    return start, np.full(start[-1], -1, np.int32)


@njit(cache=True, nogil=True)
def is_apart(x: Floats, y: Floats, column: Ints, row: Ints, following: Ints, across: int, start: Ints, held: Ints) -> bool:
    """Put the sides into their squares, one by one; whether each is apart from all that are there, but for its neighbours in the ring."""
    for i in range(len(following)):
        j = following[i]
        if j < 0:
            continue
        ax, ay, bx, by = x[i], y[i], x[i + 1], y[i + 1]
        # A side and the one after it share a corner, and must share no more.
        on_x, on_y = x[j + 1] - bx, y[j + 1] - by
        if (ax - bx) * on_y == (ay - by) * on_x and (ax - bx) * on_x + (ay - by) * on_y >= 0.0:
            return False
        low_x, high_x, low_y, high_y = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
        for r in range(min(row[i], row[i + 1]), max(row[i], row[i + 1]) + 1):
            for c in range(min(column[i], column[i + 1]), max(column[i], column[i + 1]) + 1):
                at = start[r * across + c]
                while held[at] >= 0:
                    o = held[at]
                    at += 1
                    cx, cy, dx, dy = x[o], y[o], x[o + 1], y[o + 1]
                    if max(cx, dx) < low_x or min(cx, dx) > high_x or max(cy, dy) < low_y or min(cy, dy) > high_y:
                        continue
                    if o == j or following[o] == i:
                        continue
                    # Both ends of the one are on the same side of the other, or the two have a point in common.
                    if is_beside(ax, ay, bx, by, cx, cy, dx, dy) or is_beside(cx, cy, dx, dy, ax, ay, bx, by):
                        continue
                    return False
                held[at] = i
    return True


@njit(cache=True, nogil=True)
def is_beside(ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float) -> bool:
    """Whether c and d lie strictly on the same side of the line through a and b."""
    c, d = side_of(ax, ay, bx, by, cx, cy), side_of(ax, ay, bx, by, dx, dy)
    return (c > 0.0 and d > 0.0) or (c < 0.0 and d < 0.0)


@njit(cache=True, nogil=True)
def side_of(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> float:
    """Above 0 when the point is on the left of the way from a to b, below when on its right, 0 when in line with it."""
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


@njit(cache=True, nogil=True)
def turns_about(
    v: int, is_hole: bool, x: Floats, y: Floats, column: Ints, row: Ints, ring: Ints, polygon: Ints, across: int, start: Ints, held: Ints
) -> int:
    """How often a corner is run round: a hole's by the other rings of its polygon, an outer ring's by the rings of all other polygons."""
    k, turns, px, py = ring[v], 0, x[v], y[v]
    for c in range(column[v], across):
        square = row[v] * across + c
        for at in range(start[square], start[square + 1]):
            o = held[at]
            # Most pass by above or below.
            goes_up = y[o] <= py
            if goes_up == (y[o + 1] <= py):
                continue
            # A side that passes several squares of the row counts in the first of them.
            if (c > column[v] and c > min(column[o], column[o + 1])) or (polygon[ring[o]] == polygon[k]) != is_hole or ring[o] == k:
                continue
            side = side_of(x[o], y[o], x[o + 1], y[o + 1], px, py)
            turns += int(goes_up and side > 0.0) - int(not goes_up and side < 0.0)
    return turns
