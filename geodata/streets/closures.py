"""Which streets a traffic event means: a point or a line, snapped to the streets that cars use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geodata.projection import LocalProjection
from geodata.routing.searches import Ints, owned
from geodata.streets.graph import StreetGraph
from geodata.streets.snapping import Snapper
from geodata.tracks.match_steps import STREETS, Near, streets_near

# Farther from every street an event means none: it is shown on the map and changes nothing.
TOLERANCE_M = 30.0
SAMPLE_M = 10.0
# A line means a street that it follows so far, or half of it; a side street that it only crosses it does not.
FOLLOWED_M = 40.0
# The other carriageway of a street runs the other way within this angle.
OPPOSITE = -0.85


class StreetFinder:
    """Finds the streets of events. Thread-safe."""

    def __init__(self, graph: StreetGraph, snapper: Snapper) -> None:
        self._projection = LocalProjection(graph.origin_lon, graph.origin_lat)
        self._grid = snapper.grid
        self._twin, self._length_m, self._name = owned(graph.twin), owned(graph.length_m), owned(graph.name_index)
        self._open = np.isfinite(graph.car.time_s)

    def at(self, lon: float, lat: float, heading_deg: float | None = None) -> Ints:
        """Directed edges of the street at a point (degrees), its other carriageway with it; none when no street is near.

        With `heading_deg` (clockwise from north) only those that lead that way.
        """
        x, y = (float(v) for v in self._projection.to_metres(lon, lat))
        near = self._near(x, y)
        edges: set[int] = set()
        for i in range(len(near.edge)):
            if i == 0 or self._is_other_carriageway(near, i):
                edges |= self._leading(int(near.edge[i]), float(near.direction[i]), heading_deg)
        return np.array(sorted(edges), np.int32)

    def along(self, line: Sequence[tuple[float, float]], one_direction: bool = False) -> Ints:
        """Directed edges of the streets that a line (lon, lat degrees) follows, with `one_direction` those that lead as the line does."""
        points = np.array(line, np.float64)
        x, y = self._projection.to_metres(points[:, 0], points[:, 1])
        leg_m = np.hypot(np.diff(x), np.diff(y))
        along_m = np.concatenate([[0.0], np.cumsum(leg_m)])
        at_m = np.arange(SAMPLE_M / 2, max(SAMPLE_M, float(along_m[-1])), SAMPLE_M)
        followed_m: dict[int, float] = {}
        edges: set[int] = set()
        for metres in at_m.tolist():
            leg = min(max(0, int(np.searchsorted(along_m, metres, side="right")) - 1), len(leg_m) - 1)
            near = self._near(float(np.interp(metres, along_m, x)), float(np.interp(metres, along_m, y)))
            if not len(near.edge):
                continue
            street = int(near.edge[0])
            followed_m[street] = followed_m.get(street, 0.0) + SAMPLE_M
            if followed_m[street] >= min(FOLLOWED_M, 0.5 * float(self._length_m[street])):
                heading = float(np.degrees(np.arctan2(x[leg + 1] - x[leg], y[leg + 1] - y[leg])))
                edges |= self._leading(street, float(near.direction[0]), heading if one_direction else None)
        return np.array(sorted(edges), np.int32)

    def warm_up(self) -> None:
        """Compile the kernel, or load it from the cache."""
        self._near(0.0, 0.0)

    def _near(self, x: float, y: float) -> Near:
        near = Near(np.empty(STREETS, np.int32), np.empty(STREETS), np.empty(STREETS), np.empty(STREETS))
        found = streets_near(x, y, self._grid, near)
        close = near.off_m[:found] <= TOLERANCE_M
        return Near(near.edge[:found][close], near.fraction[:found][close], near.off_m[:found][close], near.direction[:found][close])

    def _is_other_carriageway(self, near: Near, i: int) -> bool:
        """Whether street `i` is one-way, of the same name as the nearest one, and leads the other way."""
        first, other = int(near.edge[0]), int(near.edge[i])
        if not self._name[first] or self._name[other] != self._name[first]:
            return False
        turned = [near.direction[k] if self._open[e] else near.direction[k] + np.pi for k, e in ((0, first), (i, other))]
        one_way = [bool(self._open[e]) != bool(self._open[self._twin[e]]) for e in (first, other)]
        return all(one_way) and float(np.cos(turned[0] - turned[1])) <= OPPOSITE

    def _leading(self, street: int, direction: float, heading_deg: float | None) -> set[int]:
        """The street's edges that cars may drive, of both or of those within 90° of the heading."""
        both = ((street, direction), (int(self._twin[street]), direction + np.pi))
        return {
            edge
            for edge, angle in both
            if self._open[edge] and (heading_deg is None or np.cos(angle - np.radians(90.0 - heading_deg)) > 0.0)
        }
