"""Where a unit of this city can be: a coarse grid that is on within a margin of any street, the sea beyond it off."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from geodata.projection import LocalProjection
from geodata.streets.graph import StreetGraph

CELL_M = 500.0
# A chase leaves the last street of the map by a few kilometres; open sea and other provinces are farther.
MARGIN_M = 5_000.0
_AT_ONCE = 1 << 15

Floats = NDArray[np.float64]


class Ground:
    """Answers for whole arrays at once whether points lie within about `margin_m` (± one cell) of a street."""

    def __init__(self, graph: StreetGraph, margin_m: float = MARGIN_M) -> None:
        self._projection = LocalProjection(graph.origin_lon, graph.origin_lat)
        x, y = np.asarray(graph.vertex_x), np.asarray(graph.vertex_y)
        if len(x) == 0:
            raise ValueError("The street graph is empty, so no position can lie in the city. Build the city again.")
        reach = int(np.ceil(margin_m / CELL_M))
        self._west = float(x.min()) - (reach + 1) * CELL_M
        self._south = float(y.min()) - (reach + 1) * CELL_M
        columns, rows = self._cells(x.max(keepdims=True), y.max(keepdims=True))
        self._on = np.zeros((int(rows[0]) + reach + 2, int(columns[0]) + reach + 2), dtype=bool)
        for points in _street_points(graph):
            columns, rows = self._cells(*points)
            self._on[rows, columns] = True
        self._on = _widened(_widened(self._on, reach, axis=0), reach, axis=1)

    def contains(self, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
        """True where the point (finite degrees) is within the margin."""
        columns, rows = self._cells(*self._projection.to_metres(lon, lat))
        height, width = self._on.shape
        inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
        return inside & self._on[np.where(inside, rows, 0), np.where(inside, columns, 0)]

    def surrounds(self, lon: float, lat: float) -> bool:
        """Whether the point lies in the box around all that: what stands or happens there may be this city's, even on the water."""
        columns, rows = self._cells(*self._projection.to_metres(np.array([lon]), np.array([lat])))
        return bool(0 <= columns[0] < self._on.shape[1] and 0 <= rows[0] < self._on.shape[0])

    def _cells(self, x: Floats, y: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.floor((x - self._west) / CELL_M).astype(np.int64), np.floor((y - self._south) / CELL_M).astype(np.int64)


def _street_points(graph: StreetGraph) -> Iterator[tuple[Floats, Floats]]:
    """All vertices, and points between vertices that are more than a cell apart (bridges over the sea), some at a time.

    A city of a million edges has millions of vertices: memory for all at once would cost more than the work.
    """
    ends = np.zeros(len(graph.vertex_x), dtype=bool)  # streets lie one after the other: vertex v and v + 1 belong to one but at its end
    ends[np.maximum(graph.first_vertex, graph.last_vertex)] = True
    for begin in range(0, len(ends), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE + 1)
        x, y = np.asarray(graph.vertex_x)[some], np.asarray(graph.vertex_y)[some]
        yield x, y
        step_m = np.hypot(np.diff(x), np.diff(y))
        for v in np.flatnonzero(~ends[some][:-1] & (step_m > CELL_M)):
            shares = np.arange(0.0, 1.0, CELL_M / float(step_m[v]))
            yield x[v] + shares * (x[v + 1] - x[v]), y[v] + shares * (y[v + 1] - y[v])


def _widened(on: NDArray[np.bool_], cells: int, axis: int) -> NDArray[np.bool_]:
    """On where any cell up to `cells` away along `axis` is on; the border is wide enough that nothing wraps round."""
    wide = on.copy()
    for shift in range(1, cells + 1):
        wide |= np.roll(on, shift, axis) | np.roll(on, -shift, axis)
    return wide
