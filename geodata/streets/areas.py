"""How densely built-up a place is, from the streets around it: town, outskirts or country."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geodata.projection import LocalProjection
from geodata.streets.graph import StreetGraph

CELL_M = 500.0
# Street kilometres per square kilometre around a point, over the nine cells about it. Towns are known by dense streets
# wherever they are; ours, and coarse on purpose: a target does not hang on the next metre of street.
TOWN_KM_PER_KM2 = 8.0
OUTSKIRTS_KM_PER_KM2 = 3.0
KINDS = ("town", "outskirts", "country")


class Areas:
    """A grid of street metres. Built once per city (20 ms for 100,000 edges); thread-safe."""

    def __init__(self, graph: StreetGraph) -> None:
        self._projection = LocalProjection(graph.origin_lon, graph.origin_lat)
        x, y = np.asarray(graph.node_x), np.asarray(graph.node_y)
        self._west, self._south = float(x.min(initial=0.0)), float(y.min(initial=0.0))
        columns = int((x.max(initial=0.0) - self._west) // CELL_M) + 1
        rows = int((y.max(initial=0.0) - self._south) // CELL_M) + 1
        # Every street is there twice: half of each edge at either end.
        cell = ((y - self._south) // CELL_M).astype(np.intp) * columns + ((x - self._west) // CELL_M).astype(np.intp)
        quarter_m = graph.length_m / 4
        metres = sum(np.bincount(cell[ends], quarter_m, rows * columns) for ends in (graph.tail, graph.head))
        metres = np.asarray(metres).reshape(rows, columns)
        padded = np.pad(metres, 1)
        around = sum(padded[r : r + rows, c : c + columns] for r in range(3) for c in range(3))
        self._km_per_km2 = np.asarray(around) / 1e3 / (9 * (CELL_M / 1e3) ** 2)

    def of(self, lon: float, lat: float) -> str:
        """`town`, `outskirts` or `country`; far from every street it is country. Degrees, WGS-84."""
        x, y = self._projection.to_metres(lon, lat)
        return KINDS[int(self.kinds(np.array([float(x)]), np.array([float(y)]))[0])]

    def kinds(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The same for many places in metres of the city's projection, as indices into KINDS."""
        row, column = np.floor((y - self._south) / CELL_M), np.floor((x - self._west) / CELL_M)
        rows, columns = self._km_per_km2.shape
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        density = self._km_per_km2[np.where(inside, row, 0).astype(np.intp), np.where(inside, column, 0).astype(np.intp)]
        kind = np.where(density >= TOWN_KM_PER_KM2, 0, np.where(density >= OUTSKIRTS_KM_PER_KM2, 1, 2))
        return np.where(inside, kind, 2).astype(np.uint8)
