"""Gaps of coverage: where most of the street is beyond a time, as areas.

Streets are sampled every 50 m once for a city; of a moment's `Reach` each sample gets its time, and a raster of cells says what share of
the street about a cell is too far. Its outline at one half is drawn. Hills and water far from any street are no gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from geodata.projection import LocalProjection
from geodata.routing.contours import outline
from geodata.routing.coverage import Reach, Streets
from geodata.routing.searches import Floats, Ints, owned
from geodata.streets.graph import StreetGraph

STEP_M = 50.0
CELL_M = 200.0
# A cell goes by the streets in it and next to it; one without any, a field or a yard, by those up to 800 m away.
NEAR_CELLS, FAR_CELLS = 1, 4
SHARE = 0.5  # of the street about a cell that is too far for it to be a gap
LEAST_HOLE_M2 = 8 * CELL_M**2  # smaller ones are noise of the raster
LEAST_STREET_M = 500.0  # less than that too far is no gap anybody would move a car for


@dataclass(frozen=True)
class Gap:
    """One area that is not reached in time, with what lies in it."""

    polygon: list[list[tuple[float, float]]]  # rings of lon, lat; the outer one first
    street_m: float  # metres of street in it that are too far
    weights: tuple[float, ...]  # of each weight that was asked for, what of it lies too far


@njit(cache=True, nogil=True)
def place_samples(
    edge: Ints, count: Ints, first: Ints, last: Ints, x: Floats, y: Floats, out_x: Floats, out_y: Floats, out_share: Floats
) -> None:
    """`count` points evenly along each of the edges, each in the middle of its stretch."""
    row = 0
    for i in range(len(edge)):
        e = edge[i]
        step = 1 if last[e] >= first[e] else -1
        total = 0.0
        for v in range(first[e], last[e], step):
            total += np.hypot(x[v + step] - x[v], y[v + step] - y[v])
        v, along = first[e], 0.0
        for k in range(count[i]):
            share = (k + 0.5) / count[i]
            at = share * total
            length = np.hypot(x[v + step] - x[v], y[v + step] - y[v])
            while along + length < at and v + step != last[e]:
                along += length
                v += step
                length = np.hypot(x[v + step] - x[v], y[v + step] - y[v])
            u = min(1.0, (at - along) / length) if length > 0.0 else 0.0
            out_x[row], out_y[row], out_share[row] = x[v] + u * (x[v + step] - x[v]), y[v] + u * (y[v + step] - y[v]), share
            row += 1


class GapRaster:
    """The samples of one city's streets and the cells they lie in. Thread-safe."""

    def __init__(self, graph: StreetGraph, streets: Streets) -> None:
        self._projection = LocalProjection(graph.origin_lon, graph.origin_lat)
        street = np.flatnonzero(streets.length_m > 0)
        count = np.maximum(1, np.round(streets.length_m[street] / STEP_M)).astype(np.int32)
        edge = streets.low[street]
        x, y, self._fraction = (np.empty(int(count.sum())) for _ in range(3))
        shape = (owned(graph.first_vertex), owned(graph.last_vertex), owned(graph.vertex_x), owned(graph.vertex_y))
        place_samples(edge, count, *shape, x, y, self._fraction)
        self._street = np.repeat(street, count)
        self._edge = np.repeat(edge, count)
        self._part = np.repeat(1.0 / count, count)  # of its street
        self._metres = streets.length_m[self._street] * self._part
        margin_m = (FAR_CELLS + 2) * CELL_M
        self._west, self._south = (float(v.min()) - margin_m if len(v) else 0.0 for v in (x, y))
        self._columns, self._rows = (
            int((float(v.max()) + margin_m - low) / CELL_M) + 2 if len(v) else 2 for v, low in ((x, self._west), (y, self._south))
        )
        self._cell = ((y - self._south) / CELL_M).astype(np.int64) * self._columns + ((x - self._west) / CELL_M).astype(np.int64)

        everything = self._raster(np.arange(len(self._street)))
        self._streets_m = {around: _box(everything, around) for around in (NEAR_CELLS, FAR_CELLS)}

    def gaps(
        self, reach: Reach, level_s: float, among: NDArray[np.bool_] | None = None, weights: Sequence[NDArray[np.floating]] = ()
    ) -> list[Gap]:
        """Where more than `SHARE` of the street takes longer than `level_s`, largest first.

        `among`: [streets] those that are looked at; `weights`: each [streets], in any unit.
        """
        chosen = np.flatnonzero(among[self._street]) if among is not None else np.arange(len(self._street))
        seconds = reach.seconds_at(self._edge[chosen], self._fraction[chosen])
        late = chosen[~(seconds <= level_s)]
        if not len(late):
            return []
        every, missed = self._raster(chosen), self._raster(late)
        grid = np.ones(every.shape)  # the outline holds what lies below its level: the share that is in time
        for around in (FAR_CELLS, NEAR_CELLS):
            streets_m = _box(every, around)
            # Where most of the street about is of another area, it is that area's.
            here = (streets_m > 1.0) & (streets_m >= 0.5 * self._streets_m[around])
            if around == FAR_CELLS:
                here &= self._streets_m[NEAR_CELLS] <= 1.0
            grid[here] = 1.0 - _box(missed, around)[here] / streets_m[here]
        grid[0] = grid[-1] = grid[:, 0] = grid[:, -1] = 1.0
        area = outline(grid, 1.0 - SHARE, 1.0, *self._first_centre, CELL_M, self._projection, LEAST_HOLE_M2)
        polygons = shapely.get_parts(area.shape)
        if not len(polygons):
            return []
        return self._measured(polygons, area.coordinates(), late, weights)

    @property
    def _first_centre(self) -> tuple[float, float]:
        return self._west + CELL_M / 2, self._south + CELL_M / 2

    def _raster(self, samples: NDArray[np.int64]) -> Floats:
        """[rows, columns] metres of street that the samples stand for."""
        cells: Floats = np.bincount(self._cell[samples], self._metres[samples], self._columns * self._rows).astype(np.float64)
        return cells.reshape(self._rows, self._columns)

    def _measured(
        self,
        polygons: NDArray[np.object_],
        rings: list[list[list[tuple[float, float]]]],
        late: NDArray[np.int64],
        weights: Sequence[NDArray[np.floating]],
    ) -> list[Gap]:
        """Each polygon with what lies too far in it, cell by cell."""
        cells, cell_of = np.unique(self._cell[late], return_inverse=True)
        west, south = self._first_centre
        lon, lat = self._projection.to_degrees(west + (cells % self._columns) * CELL_M, south + (cells // self._columns) * CELL_M)
        sums = [np.bincount(cell_of, self._metres[late])]
        sums += [np.bincount(cell_of, np.asarray(weight, np.float64)[self._street[late]] * self._part[late]) for weight in weights]
        inside = np.zeros((len(sums), len(polygons)))
        shapely.prepare(polygons)  # one of them may have all the countryside and a thousand holes
        for i, (west, south, east, north) in enumerate(shapely.bounds(polygons).tolist()):
            near = np.flatnonzero((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))
            near = near[shapely.contains_xy(polygons[i], lon[near], lat[near])]
            inside[:, i] = [of_cells[near].sum() for of_cells in sums]
        found = [Gap(ring, float(values[0]), tuple(map(float, values[1:]))) for ring, *values in zip(rings, *inside, strict=True)]
        return sorted((gap for gap in found if gap.street_m >= LEAST_STREET_M), key=lambda gap: gap.street_m, reverse=True)


def _box(raster: Floats, around: int) -> Floats:
    """Sum of each cell and those up to `around` cells away."""
    side = 2 * around + 1
    mean: Floats = uniform_filter(raster, side, mode="constant")
    return mean * side**2
