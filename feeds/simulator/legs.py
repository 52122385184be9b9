"""A leg: a way through the streets with a time at every bend, so that a place is known at any instant."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geodata.projection import LocalProjection
from geodata.streets.graph import Profile, StreetGraph

Floats = NDArray[np.float64]
# Seconds that a whole edge takes when it is entered at an instant (Unix s).
Seconds = Callable[[int, float], float]

# A patrol drives slower than traffic allows: it looks around.
PATROL_SLOWNESS = 1.8


@dataclass(frozen=True)
class Place:
    """Where a crew is at an instant."""

    lon: float
    lat: float
    heading_deg: float
    speed_mps: float


@dataclass(frozen=True)
class Leg:
    """Vertices with the instant (Unix s) each is reached; ends standing at the last one."""

    at_s: Floats
    lon: Floats
    lat: Floats
    last_edge: int

    @property
    def ends_s(self) -> float:
        return float(self.at_s[-1])

    def place(self, now_s: float) -> Place:
        """Where it is at `now_s`, interpolated along the street."""
        i = int(np.clip(np.searchsorted(self.at_s, now_s, side="right") - 1, 0, len(self.at_s) - 1))
        if i == len(self.at_s) - 1:
            before = max(0, i - 1)
            return Place(float(self.lon[i]), float(self.lat[i]), self._heading(before, i), 0.0)
        now_s = max(now_s, float(self.at_s[0]))
        span_s = float(self.at_s[i + 1] - self.at_s[i])
        share = (now_s - float(self.at_s[i])) / span_s if span_s > 0 else 1.0
        lon = float(self.lon[i] + share * (self.lon[i + 1] - self.lon[i]))
        lat = float(self.lat[i] + share * (self.lat[i + 1] - self.lat[i]))
        metres = self._metres(i, i + 1)
        return Place(lon, lat, self._heading(i, i + 1), metres / span_s if span_s > 0 else 0.0)

    def _east_north_m(self, a: int, b: int) -> tuple[float, float]:
        north = float(self.lat[b] - self.lat[a]) * 111_195.0
        east = float(self.lon[b] - self.lon[a]) * 111_195.0 * math.cos(math.radians(float(self.lat[a])))
        return east, north

    def _metres(self, a: int, b: int) -> float:
        return math.hypot(*self._east_north_m(a, b))

    def _heading(self, a: int, b: int) -> float:
        east, north = self._east_north_m(a, b)
        return math.degrees(math.atan2(east, north)) % 360.0


def standing(lon: float, lat: float, edge: int, now_s: float) -> Leg:
    """A leg that does not move."""
    return Leg(np.array([now_s]), np.array([lon]), np.array([lat]), edge)


def _shares(x: Floats, y: Floats) -> Floats:
    """[vertices] of a line: the share of its length at which each lies, 0 … 1."""
    travelled = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    return travelled / travelled[-1] if travelled[-1] > 0 else np.linspace(0.0, 1.0, len(x))


class Wanderer:
    """Makes legs: a walk over allowed turns that keeps to a beat around a home edge, and the way along given edges."""

    def __init__(self, graph: StreetGraph, random: np.random.Generator) -> None:
        self._graph = graph
        self._random = random
        self._projection = LocalProjection(graph.origin_lon, graph.origin_lat)
        self.closed: NDArray[np.int32] = np.empty(0, np.int32)  # edges that no car enters just now, where it has a choice
        self._mid_x = (graph.node_x[graph.tail] + graph.node_x[graph.head]) / 2
        self._mid_y = (graph.node_y[graph.tail] + graph.node_y[graph.head]) / 2

    def edges_near(self, lon: float, lat: float, radius_m: float, profile: Profile) -> NDArray[np.int64]:
        """Edges a profile may use whose middle lies within `radius_m`."""
        x, y = self._projection.to_metres(lon, lat)
        near = np.hypot(self._mid_x - x, self._mid_y - y) <= radius_m
        return np.flatnonzero(near & np.isfinite(profile.time_s))

    def walk(self, profile: Profile, edge: int, home_edge: int, radius_m: float, now_s: float, duration_s: float, seconds: Seconds) -> Leg:
        """A leg of about `duration_s` that begins at the head of `edge` and stays near `home_edge`."""
        at, xs, ys = [now_s], [float(self._graph.node_x[self._graph.head[edge]])], [float(self._graph.node_y[self._graph.head[edge]])]
        slowness = PATROL_SLOWNESS if profile.name == "car" else 1.0
        while at[-1] < now_s + duration_s:
            following = self._next(profile, edge, home_edge, radius_m)
            if following is None:
                break
            edge = following
            x, y = self._graph.shape(edge)
            at.extend((at[-1] + _shares(x, y)[1:] * seconds(edge, at[-1]) * slowness).tolist())
            xs.extend(x[1:].tolist())
            ys.extend(y[1:].tolist())
        lon, lat = self._projection.to_degrees(xs, ys)
        return Leg(np.array(at), lon, lat, edge)

    def along(self, edges: Sequence[int], begin: float, finish: float, seconds: Seconds, now_s: float) -> Leg:
        """The way along consecutive edges, from the fraction `begin` of the first to the fraction `finish` of the last."""
        at, xs, ys = [now_s], list[float](), list[float]()
        for i, edge in enumerate(edges):
            x, y = self._graph.shape(edge)
            share = _shares(x, y)
            first, last = begin if i == 0 else 0.0, finish if i == len(edges) - 1 else 1.0
            passed = np.concatenate([[first], share[(share > first) & (share < last)], [last]])
            at.extend((at[-1] + (passed - first)[1:] * seconds(edge, at[-1])).tolist())
            xs.extend(np.interp(passed, share, x)[i > 0 :].tolist())
            ys.extend(np.interp(passed, share, y)[i > 0 :].tolist())
        lon, lat = self._projection.to_degrees(xs, ys)
        return Leg(np.array(at), lon, lat, edges[-1])

    def _next(self, profile: Profile, edge: int, home_edge: int, radius_m: float) -> int | None:
        # On its beat a crew remembers no restriction over ways; on its way to an incident it keeps them.
        options = profile.edges_of(profile.next_edge[profile.next_ptr[edge] : profile.next_ptr[edge + 1]])
        if len(options) == 0:
            return None
        if profile.name == "car" and len(self.closed):
            free = ~np.isin(options, self.closed)
            options = options[free] if free.any() else options
        far = np.hypot(self._mid_x[options] - self._mid_x[home_edge], self._mid_y[options] - self._mid_y[home_edge])
        if float(far.min()) > radius_m:
            return int(options[int(far.argmin())])
        # Keep within the beat; prefer not to turn back into the street it came from.
        weight = np.where(far <= radius_m, 1.0, 0.05) * np.where(options == self._graph.twin[edge], 0.02, 1.0)
        return int(self._random.choice(options, p=weight / weight.sum()))
