"""Where incidents are to be expected: those of the past, spread over the streets around them.

Each past incident is shared out among the streets about it, by their length and by a bell-shaped weight of the distance to their
middle; all shares of one incident together are one. A field is a number of incidents for every street; nothing is invented where
nothing has happened.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from geodata.routing.coverage import Streets
from geodata.routing.searches import Floats
from geodata.streets.graph import StreetGraph

CELL_M = 100.0
# One standard deviation: a block or two in a city. What happened in a street may happen in the next.
SPREAD_M = 200.0
# Cells of a hot spot hold at least this many times the mean of the cells in which anything is expected.
HOT = 4.0


@dataclass(frozen=True)
class Hotspot:
    """A place where more is to be expected than anywhere around it."""

    x: float  # metres, local projection
    y: float
    incidents: float  # of the past, within `SPREAD_M`·2 of it


class DemandField:
    """Spreads points over one city's streets. Thread-safe."""

    def __init__(self, graph: StreetGraph, streets: Streets) -> None:
        low = streets.low
        x = (graph.node_x[graph.tail[low]] + graph.node_x[graph.head[low]]) / 2
        y = (graph.node_y[graph.tail[low]] + graph.node_y[graph.head[low]]) / 2
        margin_m = 4 * SPREAD_M
        self._west, self._south = (float(v.min()) - margin_m if len(v) else 0.0 for v in (x, y))
        self._columns, self._rows = (
            int((float(v.max()) + margin_m - low_m) / CELL_M) + 1 if len(v) else 1 for v, low_m in ((x, self._west), (y, self._south))
        )
        self._length_m = streets.length_m
        self._cell = self._cell_of(x, y)
        self._street_m = self._blurred(self._raster(self._cell, self._length_m))

    def spread(self, x: Floats, y: Floats) -> Floats:
        """[streets] incidents of the points (metres) on each street; points far from any street are left out."""
        share = self._blurred(self._per_metre(x, y))
        return self._length_m * share.ravel()[self._cell]

    def hotspots(self, x: Floats, y: Floats, most: int) -> list[Hotspot]:
        """The highest places of the field, highest first; of several within twice `SPREAD_M` the highest."""
        held = gaussian_filter(self._counts(x, y), SPREAD_M / CELL_M, mode="constant")
        some = held > 1e-3
        if not some.any():
            return []
        found: list[Hotspot] = []
        near = 2 * SPREAD_M
        candidates = np.flatnonzero((held >= HOT * held[some].mean()).ravel() & some.ravel())
        for cell in candidates[np.argsort(-held.ravel()[candidates], kind="stable")].tolist():
            at_x, at_y = self._west + (cell % self._columns + 0.5) * CELL_M, self._south + (cell // self._columns + 0.5) * CELL_M
            if all((at_x - h.x) ** 2 + (at_y - h.y) ** 2 > near**2 for h in found):
                found.append(Hotspot(at_x, at_y, float(np.count_nonzero(np.hypot(x - at_x, y - at_y) <= near))))
                if len(found) == most:
                    break
        return found

    def _per_metre(self, x: Floats, y: Floats) -> Floats:
        """Raster of incidents a metre of street about them, before it is spread."""
        counts = self._counts(x, y)
        per_metre = np.zeros_like(counts)
        # Less than a metre of street within reach is none: the rest of a bell three deviations away.
        np.divide(counts, self._street_m, out=per_metre, where=self._street_m > 1.0)
        return per_metre

    def _counts(self, x: Floats, y: Floats) -> Floats:
        inside = (x >= self._west) & (x < self._west + self._columns * CELL_M)
        inside &= (y >= self._south) & (y < self._south + self._rows * CELL_M)
        return self._raster(self._cell_of(x[inside], y[inside]), np.ones(int(inside.sum())))

    def _cell_of(self, x: Floats, y: Floats) -> NDArray[np.int64]:
        return ((y - self._south) / CELL_M).astype(np.int64) * self._columns + ((x - self._west) / CELL_M).astype(np.int64)

    def _raster(self, cell: NDArray[np.int64], values: Floats) -> Floats:
        sums: Floats = np.bincount(cell, values, self._columns * self._rows).astype(np.float64)
        return sums.reshape(self._rows, self._columns)

    @staticmethod
    def _blurred(raster: Floats) -> Floats:
        found: Floats = gaussian_filter(raster, SPREAD_M / CELL_M, mode="constant", truncate=3.0)
        return found
