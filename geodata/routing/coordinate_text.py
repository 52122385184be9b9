"""Coordinates as JSON text: the arrays of GeoJSON, written straight from the corners.

Corners have six decimals, so each number is a whole number of micro-degrees. Written as such they take a tenth of the time that lists of
floats and their encoding take, and the text is the same, character by character (but for numbers below 0.0001, to which an encoder gives
exponents).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geodata.routing.searches import Floats, Ints

_Text = NDArray[np.uint8]

# "[-180.000000,-90.000000]," and the brackets around a line or polygon.
POINT_BYTES, BRACKETS_BYTES = 25, 3
_OPEN, _CLOSE, _COMMA, _POINT, _MINUS, _ZERO = (ord(c) for c in "[],.-0")


def polygons_text(corner: Floats, ring_start: NDArray[np.int64], polygon_start: NDArray[np.int64]) -> bytes:
    """The coordinates of a MultiPolygon; arrays as in `geodata.routing.contours.Outline`."""
    out = np.empty(POINT_BYTES * len(corner) + BRACKETS_BYTES * (len(ring_start) + len(polygon_start)), np.uint8)
    return out[: write_polygons(corner, ring_start, polygon_start, out)].tobytes()


def lines_text(vertex: Floats, start: NDArray[np.int64], chosen: Ints) -> bytes:
    """The coordinates of a MultiLineString: those lines that are `chosen`, line i of the vertices start[i] … start[i + 1]."""
    out = np.empty(POINT_BYTES * len(vertex) + BRACKETS_BYTES * (len(chosen) + 1), np.uint8)
    return out[: write_lines(vertex, start, chosen, out)].tobytes()


@njit(cache=True, nogil=True)
def write_polygons(corner: Floats, ring_start: NDArray[np.int64], polygon_start: NDArray[np.int64], out: _Text) -> int:
    """Write polygons of rings of points; return the bytes used. So do all of these."""
    out[0], at = _OPEN, 1
    for p in range(len(polygon_start) - 1):
        out[at], at = _OPEN, at + 1
        for k in range(polygon_start[p], polygon_start[p + 1]):
            at = write_line(corner, ring_start[k], ring_start[k + 1], out, at)
        at = closed(out, at, True)
    return closed(out, at)


@njit(cache=True, nogil=True)
def write_lines(vertex: Floats, start: NDArray[np.int64], chosen: Ints, out: _Text) -> int:
    """Write lines of points."""
    out[0], at = _OPEN, 1
    for i in chosen:
        at = write_line(vertex, start[i], start[i + 1], out, at)
    return closed(out, at)


@njit(cache=True, nogil=True)
def write_line(point: Floats, first: int, end: int, out: _Text, at: int) -> int:
    """Write points and a comma behind them, from byte `at` on."""
    out[at], at = _OPEN, at + 1
    for i in range(first, end):
        out[at], at = _OPEN, at + 1
        for axis in range(2):
            degrees = point[i, axis]
            micro = int(abs(degrees) * 1e6 + 0.5)
            if degrees < 0.0:
                out[at], at = _MINUS, at + 1
            whole = micro // 1_000_000
            rest = micro - 1_000_000 * whole
            if whole >= 100:
                out[at], at = _ZERO + whole // 100, at + 1
            if whole >= 10:
                out[at], at = _ZERO + whole // 10 % 10, at + 1
            out[at], out[at + 1] = _ZERO + whole % 10, _POINT
            thousands = rest // 1000
            ones = rest - 1000 * thousands
            out[at + 2], out[at + 3], out[at + 4] = _ZERO + thousands // 100, _ZERO + thousands // 10 % 10, _ZERO + thousands % 10
            out[at + 5], out[at + 6], out[at + 7] = _ZERO + ones // 100, _ZERO + ones // 10 % 10, _ZERO + ones % 10
            at += 8
            while out[at - 1] == _ZERO and out[at - 2] != _POINT:
                at -= 1
            out[at], at = _COMMA, at + 1
        out[at - 1], out[at], at = _CLOSE, _COMMA, at + 1
    return closed(out, at, True)


@njit(cache=True, nogil=True)
def closed(out: _Text, at: int, goes_on: bool = False) -> int:
    """Close a list of which something or nothing but the bracket is written; with `goes_on` a comma follows."""
    if out[at - 1] == _COMMA:
        at -= 1
    out[at], at = _CLOSE, at + 1
    if goes_on:
        out[at], at = _COMMA, at + 1
    return at
