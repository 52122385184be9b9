"""Everything that is asked of the street graph, behind one object: rings, times, nearest units, routes.

Made once per city and shared by all threads. Every method computes and never waits; call them from worker threads, not
from the event loop (a ring takes some 10 ms). The first call of each kernel compiles it: `warm_up` does that beforehand.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import shapely
from numpy.typing import ArrayLike

from geodata.cities.city import City
from geodata.routing.contours import Outline
from geodata.routing.coverage import LIMIT_S, CoverageSearch, Reach, Streets
from geodata.routing.isochrones import StreetPieces, StreetShapes, edge_metres
from geodata.routing.nearest import (
    MAX_LIMIT_S,
    Bools,
    NearestUnits,
    Route,
    Target,
    UnitPlacement,
    UnitTimes,
    nearest_units,
    pace_of,
    route,
    unit_times,
)
from geodata.routing.pursuit import EscapeStreets
from geodata.routing.rings import areas
from geodata.routing.searches import Direction, Floats, Ground, Ints, RoadPoint
from geodata.streets.graph import PROFILES, ProfileName, StreetGraph
from geodata.streets.snapping import MAX_DISTANCE_M, OffNetwork, Segments, Snapper
from geodata.streets.street_times import StreetEffects, StreetTimes, built_times, checked_times

MAX_MINUTES = 30.0
MAX_RINGS = 10
QUANTILES: tuple[float, float] = (0.5, 0.9)


class BadRings(ValueError):
    """Rings that can't be drawn; the message names the value and what may be asked."""


@dataclass(frozen=True)
class RingsAnswer:
    """Travel-time rings around one point, smallest first."""

    lon: float  # as asked
    lat: float
    on_street: RoadPoint  # where the search begins; `distance_m` says how far from the asked point
    direction: Direction
    profile: ProfileName
    quantile: float
    minutes: tuple[float, ...]
    outlines: tuple[Outline, ...]  # lon, lat degrees
    # Per ring, everything within it: metres of directed edges (both directions count) and of street (each once).
    edge_metres: tuple[float, ...]
    street_metres: tuple[float, ...]
    streets: StreetPieces  # ring k of the pieces is minutes[k]

    @property
    def areas(self) -> tuple[shapely.MultiPolygon, ...]:
        """The rings' areas for shapely, lon, lat degrees."""
        return tuple(o.shape for o in self.outlines)

    def geojson(self, streets: bool = False) -> dict[str, Any]:
        """FeatureCollection: one MultiPolygon a ring, the smallest last; `streets` puts the reached streets before, as MultiLineStrings."""
        return self._collection(streets, self.streets.lines, lambda k: self.outlines[k].coordinates())

    def encodable(self, streets: bool = False) -> dict[str, Any]:
        """The same for who encodes it with msgspec: the coordinates are text already, several times cheaper than lists."""
        return self._collection(streets, lambda k: msgspec.Raw(self.streets.text(k)), lambda k: msgspec.Raw(self.outlines[k].text()))

    def _collection(self, streets: bool, lines: Callable[[int], Any], polygons: Callable[[int], Any]) -> dict[str, Any]:
        largest_first = range(len(self.minutes) - 1, -1, -1)
        features = []
        if streets:
            features = [self._feature(k, "streets", "MultiLineString", lines(k)) for k in largest_first]
        features += [self._feature(k, "ring", "MultiPolygon", polygons(k)) for k in largest_first]
        return {"type": "FeatureCollection", "features": features}

    def _feature(self, ring: int, kind: str, shape: str, coordinates: Any) -> dict[str, Any]:
        properties = {
            "kind": kind,
            "minutes": self.minutes[ring],
            "direction": self.direction,
            "profile": self.profile,
            "quantile": self.quantile,
            "edge_metres": round(self.edge_metres[ring], 1),
            "street_metres": round(self.street_metres[ring], 1),
            "turnout_included": False,  # time on the road; how long a crew needs to set off is its own
            "off_street_m": round(self.on_street.distance_m, 1),
        }
        return {"type": "Feature", "properties": properties, "geometry": {"type": shape, "coordinates": coordinates}}


@dataclass(frozen=True)
class Grounds:
    """The streets of one moment: as usual (p50), late (p90), and as usual but for the traffic events of the moment."""

    usual: Ground
    late: Ground
    without_events: Ground


class TravelTimes:
    """Travel times on one city's streets. Thread-safe: every answer is of one moment, whatever is swapped meanwhile."""

    def __init__(self, city: City | StreetGraph) -> None:
        graph = city.graph if isinstance(city, City) else city
        self._graph = graph
        self._times, self._effects = built_times(graph), StreetEffects()
        self._swapping = threading.Lock()
        self._grounds = self._made(Ground(graph))
        self._snapper = Snapper(graph, Segments.load(city.segments_path) if isinstance(city, City) else None)
        self._shapes = StreetShapes(graph)
        self._coverage: CoverageSearch | None = None  # made with the first question: it takes as much memory as a search

    @property
    def graph(self) -> StreetGraph:
        """The streets as they were built."""
        return self._graph

    @property
    def snapper(self) -> Snapper:
        """Finds the nearest street."""
        return self._snapper

    def ground(self, quantile: float = 0.5) -> Ground:
        """The streets as they are now, for whoever searches by themselves. Take it once an answer."""
        grounds = self._grounds
        return grounds.late if quantile == 0.9 else grounds.usual

    def use(self, times: StreetTimes) -> None:
        """Answer with these times from now on; answers under way keep theirs. Raises ValueError when they do not fit the graph."""
        checked_times(times, self._graph)
        with self._swapping:
            self._times = times
            self._grounds = self._made(self._grounds.usual)

    def affect(self, effects: StreetEffects) -> None:
        """Let these traffic events hold from now on, and no others."""
        with self._swapping:
            self._effects = effects
            self._grounds = self._made(self._grounds.usual)

    def at_times(self, times: StreetTimes) -> TravelTimes:
        """A private copy with these times and no traffic event. Raises ValueError when they do not fit the graph."""
        other = copy(self)
        other._swapping = threading.Lock()
        other._coverage = None
        other._times, other._effects = checked_times(times, self._graph), StreetEffects()
        other._grounds = other._made(self._grounds.usual)
        return other

    def without(self, closed: Ints) -> TravelTimes:
        """A private copy, as of now, in which nobody drives through these edges either. What this one answers does not change."""
        other = copy(self)
        other._swapping = threading.Lock()
        other._coverage = None
        with self._swapping:
            other._effects = replace(self._effects, closed=np.union1d(self._effects.closed, closed).astype(np.int32))
            other._grounds = other._made(self._grounds.usual)
        return other

    def _made(self, ground: Ground) -> Grounds:
        usual = ground.with_times(self._times, self._effects)
        without = ground.with_times(self._times) if self._effects else usual
        return Grounds(usual, ground.with_times(self._times, self._effects, 0.9), without)

    def snap(self, lon: float, lat: float, profile: ProfileName = "car", max_distance_m: float = MAX_DISTANCE_M) -> RoadPoint:
        """The nearest place on a street. Raises OffNetwork with the distance."""
        return self._snapper.snap(lon, lat, profile, max_distance_m)

    def street_distance_m(self, lon: ArrayLike, lat: ArrayLike) -> Floats:
        """Metres from each point to the nearest street; inf where none is near."""
        return self._snapper.snap_all(lon, lat).distance_m

    def place(self, lon: ArrayLike, lat: ArrayLike, profile: ArrayLike) -> UnitPlacement:
        """Units on the network, `profile` their places in PROFILES. Off the network is edge -1, never an error."""
        return UnitPlacement.place(self._snapper, lon, lat, profile)

    def move(self, units: UnitPlacement, lon: ArrayLike, lat: ArrayLike) -> UnitPlacement:
        """The placement for new positions of the same units; only those that have moved are snapped again."""
        return units.updated(self._snapper, lon, lat)

    def rings(
        self,
        lon: float,
        lat: float,
        minutes: Sequence[float] = (1, 3, 5),
        direction: Direction = "to",
        profile: ProfileName = "car",
        quantile: float = 0.5,
        siren: bool = False,
    ) -> RingsAnswer:
        """Rings towards (`to`) or away from (`from`) a point. Raises OffNetwork and BadRings.

        With `quantile` 0.9 they hold what is reached in time on nine of ten drives.
        """
        levels = checked_minutes(minutes)
        checked(direction, profile, quantile)
        levels_s = [60.0 * m for m in levels]
        on_street = self.snap(lon, lat, profile)
        with self.ground(quantile).search(on_street, levels_s[-1], direction, pace_of(profile, siren)) as found:
            pieces = self._shapes.pieces(found, levels_s)
            metres = edge_metres(found, levels_s)
        return RingsAnswer(
            lon,
            lat,
            on_street,
            direction,
            profile,
            quantile,
            levels,
            tuple(areas(pieces)),
            tuple(metres),
            tuple(pieces.street_metres()),
            pieces,
        )

    def etas_to(
        self, lon: float, lat: float, units: UnitPlacement, limit_s: float = MAX_LIMIT_S, among: Bools | None = None, siren: bool = False
    ) -> UnitTimes:
        """When each unit could be at a point: seconds and road metres, inf beyond `limit_s`. Each unit at its own profile's speed.

        Raises OffNetwork when the point is far from every street.
        """
        grounds, target = self._grounds, self.target(lon, lat)
        limit_s = min(limit_s, MAX_LIMIT_S)
        times = unit_times(grounds.usual, target, units, limit_s, among, siren=siren)
        if grounds.without_events is grounds.usual:
            return times
        near = np.isfinite(times.eta_s)
        without = unit_times(grounds.without_events, target, units, limit_s, near, siren=siren)
        delay_s = np.zeros(len(near))
        delay_s[near] = times.eta_s[near] - without.eta_s[near]
        return replace(times, delay_s=delay_s)

    def nearest(
        self,
        lon: float,
        lat: float,
        units: UnitPlacement,
        k: int = 10,
        among: Bools | None = None,
        limit_s: float = MAX_LIMIT_S,
        siren: bool = False,
    ) -> NearestUnits:
        """The `k` units (of the mask `among`) soonest at a point by road. Raises OffNetwork."""
        grounds, target = self._grounds, self.target(lon, lat)
        found = nearest_units(grounds.usual, target, units, k, among, min(limit_s, MAX_LIMIT_S), siren)
        if grounds.without_events is grounds.usual or not len(found.index):
            return found
        them = np.zeros(len(units.lon), np.bool_)
        them[found.index] = True
        without = unit_times(grounds.without_events, target, units, float(found.eta_s[-1]) + 1.0, them, siren=siren)
        return replace(found, delay_s=found.eta_s - without.eta_s[found.index])

    def reach(self, units: UnitPlacement, among: Bools | None = None, limit_s: float = LIMIT_S) -> Reach:
        """Which streets the units (of the mask `among`) can be on within `limit_s` seconds, each at its own profile's speed."""
        ground, search = self.ground(), self._coverage
        if search is None or search.ground is not ground:
            search = self._coverage = CoverageSearch(ground)
        return search.reach(units, among, limit_s)

    @property
    def streets(self) -> Streets:
        """The streets that `reach` speaks of, numbered."""
        return Streets.of(self.ground())

    def route(self, start: tuple[float, float], end: tuple[float, float], profile: ProfileName = "car", siren: bool = False) -> Route:
        """The fastest way between two lon, lat points. Raises OffNetwork and NoRoute."""
        checked("to", profile)
        grounds, ends = self._grounds, (self.snap(*start, profile), self.snap(*end, profile))
        way = route(grounds.usual, self._shapes, *ends, profile, siren)
        if grounds.without_events is grounds.usual:
            return way
        without = route(grounds.without_events, self._shapes, *ends, profile, siren)
        return replace(way, delay_s=way.eta_s - without.eta_s, without_events=without.edges)

    def escape_streets(self) -> EscapeStreets:
        """The same streets as somebody in flight uses them."""
        return EscapeStreets(self._graph, self._snapper, self._shapes)

    def target(self, lon: float, lat: float) -> Target:
        """A point as each profile reaches it. Raises OffNetwork when none does."""
        found: Target = {}
        failure: OffNetwork | None = None
        for profile in PROFILES:
            try:
                found[profile] = self.snap(lon, lat, profile)
            except OffNetwork as off:
                found[profile] = None
                failure = failure or off
        if failure and not any(found.values()):
            raise failure
        return found

    def warm_up(self) -> None:
        """Compile (or load from the cache) every kernel by asking one of each question in the middle of the first usable street."""
        for profile in PROFILES:
            usable = np.flatnonzero(np.isfinite(self.ground().profiles[profile].time_s))
            if not len(usable):
                continue
            (lon, lat), _ = self._shapes.route([int(usable[0])], 0.5, 1.0)[[0, -1]].tolist()
            everyone = range(len(PROFILES))
            placed = self.place([lon for _ in everyone], [lat for _ in everyone], everyone)
            units = self.move(placed, placed.lon, placed.lat + 1e-5)
            self.nearest(lon, lat, units, 1)
            self.reach(units).within((60.0,))
            self.route((lon, lat), (lon, lat), profile)
            for direction in ("to", "from"):
                drawn = self.rings(lon, lat, (0.5, 1), direction, profile)
                drawn.geojson(streets=True)
                drawn.encodable(streets=True)


def checked_minutes(minutes: Sequence[float]) -> tuple[float, ...]:
    """Ring minutes, ascending without repeats. Raises BadRings."""
    if not 1 <= len(minutes) <= MAX_RINGS:
        raise BadRings(f"{len(minutes)} rings were asked for. Ask for 1 to {MAX_RINGS}.")
    for m in minutes:
        if not (math.isfinite(m) and 0 < m <= MAX_MINUTES):
            raise BadRings(f"A ring of {m:g} minutes can't be drawn. Ask for more than 0 and at most {MAX_MINUTES:g} minutes.")
    return tuple(sorted({float(m) for m in minutes}))


def checked(direction: str, profile: str, quantile: float = 0.5) -> None:
    """Refuse names that no search knows. Raises BadRings."""
    if direction not in ("to", "from"):
        raise BadRings(f"Direction {direction!r} is unknown. Ask for 'to' or 'from'.")
    if profile not in PROFILES:
        raise BadRings(f"Profile {profile!r} is unknown. Ask for one of {', '.join(PROFILES)}.")
    if quantile not in QUANTILES:
        raise BadRings(f"Rings of quantile {quantile:g} are not drawn. Ask for 0.5 or 0.9.")
