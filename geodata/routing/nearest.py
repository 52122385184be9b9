"""Units and places by road: who is nearest, when could each be there, which way would it take.

One search from the point answers for every unit: a unit's time is the label of the edge it is on plus the rest of that
edge. Units on foot and on e-bikes are answered by searches of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geodata.routing.isochrones import StreetShapes
from geodata.routing.searches import Direction, Floats, Ground, Ints, RoadPoint
from geodata.streets.graph import PROFILES, ProfileName
from geodata.streets.snapping import Snapper
from geodata.streets.street_times import Pace

# Nobody beyond an hour is of use; it also bounds the largest search.
MAX_LIMIT_S = 3600.0
# First limit of a growing search: the straight line to the k-th unit, driven with the usual detour at a city's pace.
_DETOUR, _PACES_MPS, _LEAST_LIMIT_S = 1.4, {"car": 10.0, "foot": 1.0, "ebike": 5.0}, 60.0

Bools = NDArray[np.bool_]
# Where a point lies for each profile; None where no street of that profile is near.
Target = dict[ProfileName, RoadPoint | None]


class NoRoute(Exception):
    """Two points on the network that no way joins within the longest search."""


@dataclass(frozen=True)
class UnitPlacement:
    """Units on the network, one row a unit. Never changes: `moved` gives a new one, so that threads see one moment."""

    lon: Floats  # [units] as reported
    lat: Floats
    profile: NDArray[np.uint8]  # [units] place in PROFILES
    edge: Ints  # [units] -1 off the network
    fraction: Floats  # [units]
    off_street_m: Floats  # [units] from the reported position to the street; inf off the network

    @classmethod
    def place(cls, snapper: Snapper, lon: ArrayLike, lat: ArrayLike, profile: ArrayLike) -> UnitPlacement:
        """Snap every unit (1 ms for 1,000)."""
        lon, lat = np.array(lon, np.float64), np.array(lat, np.float64)
        units = len(lon)
        empty = cls(lon, lat, np.array(profile, np.uint8), np.full(units, -1, np.int32), np.zeros(units), np.full(units, np.inf))
        return empty.moved(snapper, np.arange(units), lon, lat)

    def moved(self, snapper: Snapper, rows: ArrayLike, lon: ArrayLike, lat: ArrayLike) -> UnitPlacement:
        """The placement after the units of `rows` have moved to lon, lat; only those are snapped again."""
        rows = np.asarray(rows, np.intp)
        new_lon, new_lat, off = self.lon.copy(), self.lat.copy(), self.off_street_m.copy()
        edge, fraction = self.edge.copy(), self.fraction.copy()
        new_lon[rows], new_lat[rows] = lon, lat
        for number, profile in enumerate(PROFILES):
            chosen = rows[self.profile[rows] == number]
            if len(chosen):
                snapped = snapper.snap_all(new_lon[chosen], new_lat[chosen], profile)
                edge[chosen], fraction[chosen], off[chosen] = snapped.edge, snapped.fraction, snapped.distance_m
        return replace(self, lon=new_lon, lat=new_lat, edge=edge, fraction=fraction, off_street_m=off)

    def joined(self, others: UnitPlacement) -> UnitPlacement:
        """These units, and after them the others."""
        return UnitPlacement(*(np.concatenate([getattr(self, f.name), getattr(others, f.name)]) for f in fields(UnitPlacement)))

    def updated(self, snapper: Snapper, lon: ArrayLike, lat: ArrayLike) -> UnitPlacement:
        """The placement after positions lon, lat of all units; those that have not moved keep their place."""
        lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
        rows = np.flatnonzero((lon != self.lon) | (lat != self.lat))
        return self.moved(snapper, rows, lon[rows], lat[rows])


@dataclass(frozen=True)
class UnitTimes:
    """Travel time and road metres of units to (or from) a point; inf where the unit is not within the limit."""

    eta_s: Floats  # [units]
    distance_m: Floats  # [units]
    eta_p90_s: Floats  # [units] in nine of ten such drives it takes no longer, on the same way
    delay_s: Floats  # [units] of it for traffic events; 0 beyond the limit


@dataclass(frozen=True)
class NearestUnits:
    """The k nearest by road time, nearest first; fewer when no more can come."""

    index: NDArray[np.intp]  # row of the unit in the placement
    eta_s: Floats
    distance_m: Floats
    eta_p90_s: Floats
    delay_s: Floats  # of it for traffic events


@dataclass(frozen=True)
class Route:
    """The fastest way between two points."""

    eta_s: float
    distance_m: float
    lonlat: Floats  # [vertices, 2]
    eta_p90_s: float
    edges: tuple[int, ...]  # directed edges, from the first to the last
    begin: float  # fraction of the first edge where it begins, and of the last where it ends
    finish: float
    delay_s: float = 0.0  # of it for traffic events
    without_events: tuple[int, ...] = ()  # edges of the way as it would be without them, where there are any


def unit_times(
    ground: Ground,
    target: Target,
    units: UnitPlacement,
    limit_s: float,
    among: Bools | None = None,
    direction: Direction = "to",
    siren: bool = False,
) -> UnitTimes:
    """Times of every unit (of those in the mask `among`) within `limit_s`, each at its own profile's speed, cars with or without siren."""
    eta_s, distance_m, eta_p90_s = (np.full(len(units.lon), np.inf) for _ in range(3))
    wanted = units.edge >= 0 if among is None else among & (units.edge >= 0)
    for number, profile in enumerate(PROFILES):
        rows = np.flatnonzero(wanted & (units.profile == number))
        point = target.get(profile)
        if point is None or not len(rows):
            continue
        with ground.search(point, limit_s, direction, pace_of(profile, siren)) as found:
            edge, fraction = units.edge[rows], units.fraction[rows]
            seconds, taken, row = found.seconds_at(edge, fraction)
            near = np.isfinite(seconds)
            eta_s[rows] = seconds
            ways = (edge[near], fraction[near], taken[near], row[near])
            distance_m[rows[near]] = found.metres_at(*ways)
            eta_p90_s[rows[near]] = found.late_seconds_at(*ways)
    return UnitTimes(eta_s, distance_m, eta_p90_s, np.zeros(len(eta_s)))


def nearest_units(
    ground: Ground,
    target: Target,
    units: UnitPlacement,
    k: int,
    among: Bools | None = None,
    limit_s: float = MAX_LIMIT_S,
    siren: bool = False,
) -> NearestUnits:
    """The `k` units with the shortest road time to `target`. Equal times: the lower row first."""
    wanted = units.edge >= 0 if among is None else among & (units.edge >= 0)
    enough = min(k, int(np.count_nonzero(wanted)))
    limit = min(limit_s, _first_limit_s(target, units, wanted, k))
    while True:
        times = unit_times(ground, target, units, limit, wanted, siren=siren)
        if int(np.count_nonzero(np.isfinite(times.eta_s))) >= enough or limit >= limit_s:
            break
        limit = min(limit_s, 2 * limit)
    order = np.argsort(times.eta_s, kind="stable")[:k]
    order = order[np.isfinite(times.eta_s[order])]
    return NearestUnits(order, times.eta_s[order], times.distance_m[order], times.eta_p90_s[order], times.delay_s[order])


def _first_limit_s(target: Target, units: UnitPlacement, wanted: Bools, k: int) -> float:
    point = next((point for point in target.values() if point is not None), None)
    if point is None or not wanted.any():
        return _LEAST_LIMIT_S
    metres = straight_m(point.lon, point.lat, units.lon[wanted], units.lat[wanted])
    kth_m = np.partition(metres, min(k, len(metres)) - 1)[min(k, len(metres)) - 1]
    return max(_LEAST_LIMIT_S, float(kth_m) * _DETOUR / _PACES_MPS["car"])


def straight_m(lon: float, lat: float, lons: Floats, lats: Floats) -> Floats:
    """Straight-line metres within a city: only ever a guess where to begin, never an answer called nearest."""
    per_lat = 111_320.0
    return np.hypot((lons - lon) * per_lat * np.cos(np.radians(lat)), (lats - lat) * per_lat)


def pace_of(profile: ProfileName, siren: bool) -> Pace:
    """What a profile is searched as: a siren is for cars."""
    return "siren" if siren and profile == "car" else profile


def route(
    ground: Ground, shapes: StreetShapes, start: RoadPoint, end: RoadPoint, profile: ProfileName = "car", siren: bool = False
) -> Route:
    """The fastest way from `start` to `end`. Raises NoRoute."""
    edge, fraction = np.array([start.edge], np.int32), np.array([start.fraction])
    straight = float(straight_m(start.lon, start.lat, np.array([end.lon]), np.array([end.lat]))[0])
    limit = min(MAX_LIMIT_S, max(_LEAST_LIMIT_S, straight * _DETOUR / _PACES_MPS[profile]))
    while True:
        with ground.search(end, limit, "to", pace_of(profile, siren)) as found:
            seconds, taken, row = found.seconds_at(edge, fraction)
            if np.isfinite(seconds[0]):
                metres = found.metres_at(edge, fraction, taken, row)
                late = found.late_seconds_at(edge, fraction, taken, row)
                edges: Sequence[int] = found.chain(int(row[0])) if row[0] >= 0 else [int(taken[0])]
                begin = start.fraction if taken[0] == start.edge else 1.0 - start.fraction
                finish = float(found.seed_fraction[list(found.seed_edge).index(edges[-1])])
                lonlat = shapes.route(edges, begin, finish)
                if not len(lonlat):
                    lonlat = np.array([[start.lon, start.lat], [end.lon, end.lat]])
                return Route(float(seconds[0]), float(metres[0]), lonlat, float(late[0]), tuple(edges), begin, finish)
        if limit >= MAX_LIMIT_S:
            raise NoRoute(
                f"No way for profile {profile} from {start.lon:.6f}, {start.lat:.6f} to {end.lon:.6f}, {end.lat:.6f} "
                f"within {MAX_LIMIT_S / 60:.0f} minutes. Choose points on connected streets."
            )
        limit = min(MAX_LIMIT_S, 2 * limit)
