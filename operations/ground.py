"""Where a unit of this city can be: a coarse grid that is on within a margin of any street, the sea beyond it off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geodata.projection import LocalProjection
from geodata.streets import StreetGraph

CELL_M = 500.0
# A chase leaves the last street of the map by a few kilometres; open sea and other provinces are farther.
MARGIN_M = 5_000.0

Floats = NDArray[np.float64]


class Ground:
    """Answers for whole arrays at once whether points lie within about `margin_m` (± one cell) of a street."""

    def __init__(self, graph: StreetGraph, margin_m: float = MARGIN_M) -> None:
        self._projection = LocalProjection(graph.origin_lon, graph.origin_lat)
        x, y = _street_points(graph)
        if len(x) == 0:
            raise ValueError("The street graph is empty, so no position can lie in the city. Build the city again.")
        reach = int(np.ceil(margin_m / CELL_M))
        self._west = float(x.min()) - (reach + 1) * CELL_M
        self._south = float(y.min()) - (reach + 1) * CELL_M
        columns, rows = self._cells(x, y)
        self._on = np.zeros((int(rows.max()) + reach + 2, int(columns.max()) + reach + 2), dtype=bool)
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


def _street_points(graph: StreetGraph) -> tuple[Floats, Floats]:
    """All vertices, and points between vertices that are more than a cell apart (bridges over the sea)."""
    x, y = np.asarray(graph.vertex_x), np.asarray(graph.vertex_y)
    first, last = np.minimum(graph.first_vertex, graph.last_vertex), np.maximum(graph.first_vertex, graph.last_vertex)
    opened = np.bincount(first, minlength=len(x) + 1) - np.bincount(last, minlength=len(x) + 1)
    joined = np.cumsum(opened)[: max(len(x) - 1, 0)] > 0  # vertex v and v + 1 belong to one street
    long = np.flatnonzero(joined & (np.hypot(np.diff(x), np.diff(y)) > CELL_M))
    pieces_x, pieces_y = [x], [y]
    for v in long:
        steps = np.arange(0.0, 1.0, CELL_M / float(np.hypot(x[v + 1] - x[v], y[v + 1] - y[v])))
        pieces_x.append(x[v] + steps * (x[v + 1] - x[v]))
        pieces_y.append(y[v] + steps * (y[v + 1] - y[v]))
    return np.concatenate(pieces_x), np.concatenate(pieces_y)


def _widened(on: NDArray[np.bool_], cells: int, axis: int) -> NDArray[np.bool_]:
    """On where any cell up to `cells` away along `axis` is on; the border is wide enough that nothing wraps round."""
    wide = on.copy()
    for shift in range(1, cells + 1):
        wide |= np.roll(on, shift, axis) | np.roll(on, -shift, axis)
    return wide
