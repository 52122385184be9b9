"""Pursuit 追击堵截: where somebody in flight may be by now and soon, by which streets he gets out, and who can close them first.

The escape area is everything he may have reached since he was last seen, at the streets' usual times divided by a factor that
the asker chooses: no measurement, so it is stated with every answer. In flight one heeds neither one-way streets nor turn
bans unless the asker says so.

A closing line is drawn round the area he may be in some minutes from now: the crossings at which he would first stand
beyond it. Each is compared with the crew that can be there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from geodata.routing.contours import Outline
from geodata.routing.isochrones import StreetPieces, StreetShapes
from geodata.routing.rings import areas
from geodata.routing.searches import Floats, Found, Ground, Ints, RoadPoint
from geodata.streets.crossings import street_names
from geodata.streets.graph import STREET_CLASSES, ProfileName, StreetGraph
from geodata.streets.restrictions import NO_RULES
from geodata.streets.snapping import Snapper
from geodata.streets.turns import build_profile

# Areas are drawn as of now and so much later; the later ones are the closing lines.
LEADS_S = (60.0, 180.0, 300.0)
# Streets that are reached within this time after the answer come with their times, so that a screen can let the area grow by itself.
FRONT_S = 20.0
# Longer ago a sighting says too little: by car the whole city is inside.
MAX_ELAPSED_S = 25 * 60.0
# More crossings than this nobody can close; of more, those of the larger streets are named and the others counted.
MOST_EXITS = 24
# On foot every street is a way out, by car what only serves houses is none.
_SMALLEST = {"car": STREET_CLASSES.index("living_street"), "foot": STREET_CLASSES.index("path")}
# A place that is closed in time is worth more than any other difference, a crew that comes late more than none.
_IN_TIME_S, _NEVER_S = -1e9, 1e6


class TooLongAgo(ValueError):
    """A sighting that is too old to say anything; the message names its age and the limit."""


@dataclass(frozen=True)
class Flight:
    """Where somebody was last seen and how he is thought to go on."""

    lon: float
    lat: float
    elapsed_s: float  # since he was seen there
    profile: ProfileName = "car"
    factor: float = 1.5  # how much faster than usual
    heeds_signs: bool = False  # keeps to one-way streets and turn bans
    heading_deg: float | None = None  # clockwise from north: he goes on that way at least to the next crossing


@dataclass(frozen=True)
class Exit:
    """A crossing that he would reach next beyond a closing line, in `after_s` seconds from now at the earliest."""

    lon: float
    lat: float
    names: tuple[str, str]
    after_s: float


@dataclass(frozen=True)
class Line:
    """The closing line of one lead: exits soonest first, and how many more of smaller streets there are."""

    lead_s: float
    exits: tuple[Exit, ...]
    smaller: int


@dataclass(frozen=True)
class Escape:
    """The answer as of now. Street seconds are divided by the factor to be seconds of the clock."""

    flight: Flight
    on_street: RoadPoint
    now_s: float  # street seconds from the first crossing on, or from the sighting, until now
    outlines: tuple[Outline, ...]  # as of now, then of each lead
    pieces: StreetPieces  # ring 1 is what is reached within FRONT_S from now; times in street seconds, as `now_s`
    lines: tuple[Line, ...]
    places_s: Floats  # [places asked for] seconds from now until he may be there; negative: he may have been; inf: much later


class EscapeStreets:
    """One city's streets as somebody in flight uses them. Thread-safe."""

    def __init__(self, graph: StreetGraph, snapper: Snapper, shapes: StreetShapes) -> None:
        self._graph = graph
        self._snapper = snapper
        self._shapes = shapes
        self._grounds: dict[bool, Ground] = {}
        self._making = threading.Lock()

    def escape(self, flight: Flight, places: Sequence[tuple[float, float]] = ()) -> Escape:
        """Areas, closing lines, and when he may be at each of `places` (lon, lat). Raises TooLongAgo and OffNetwork."""
        if flight.elapsed_s > MAX_ELAPSED_S:
            raise TooLongAgo(
                f"Seen {flight.elapsed_s / 60:.0f} minutes ago. After {MAX_ELAPSED_S / 60:.0f} minutes a sighting says too little: "
                "enter a newer one."
            )
        seen = self._snapper.snap(flight.lon, flight.lat, flight.profile)
        ground = self._ground(flight.heeds_signs)
        start, spent_s = self._start(ground, flight, seen)
        # Street seconds from the start of the search until now; negative while he is still on his way to the first crossing.
        now_s = flight.elapsed_s * flight.factor - spent_s
        levels_s = [max(now_s + flight.factor * after_s, 1.0 + k) for k, after_s in enumerate((0.0, FRONT_S, *LEADS_S))]
        limit_s = levels_s[-1] + flight.factor * LEADS_S[-1] / 2
        edges, fractions = self._placed(places, flight.profile)
        with ground.search(start, limit_s, "from", flight.profile) as found:
            pieces = self._shapes.pieces(found, levels_s)
            places_s = found.seconds_at(edges, fractions)[0]
            crossed = self._crossed(found, flight.profile)
        lines = tuple(self._line(crossed, flight.factor, now_s, lead_s) for lead_s in LEADS_S)
        now, _front, *later = areas(pieces)
        return Escape(flight, seen, now_s, (now, *later), pieces, lines, (places_s - now_s) / flight.factor)

    def _ground(self, heeds_signs: bool) -> Ground:
        """Made when first asked for: most desks never pursue anybody who heeds signs."""
        with self._making:
            if heeds_signs not in self._grounds:
                self._grounds[heeds_signs] = Ground(self._graph if heeds_signs else without_signs(self._graph))
            return self._grounds[heeds_signs]

    def _start(self, ground: Ground, flight: Flight, seen: RoadPoint) -> tuple[RoadPoint, float]:
        """Where the search begins, and the street seconds it takes to come there from the sighting."""
        if flight.heading_deg is None:
            return seen, 0.0
        time_s = ground.profiles[flight.profile].time_s
        twin = int(ground.twin[seen.edge])
        ways = [(seen.edge, seen.fraction), (twin, 1.0 - seen.fraction)]
        usable = [(e, f) for e, f in ways if np.isfinite(time_s[e])]
        edge, fraction = min(usable, key=lambda way: _apart_deg(self._bearing_deg(*way), flight.heading_deg or 0.0))
        head = int(self._graph.head[edge])
        start = RoadPoint(edge, 1.0, float(self._graph.node_lon[head]), float(self._graph.node_lat[head]), seen.distance_m)
        return start, float((1.0 - fraction) * time_s[edge])

    def _bearing_deg(self, edge: int, fraction: float) -> float:
        """Which way one goes there, clockwise from north."""
        x, y = self._graph.shape(edge)
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        k = min(max(int(np.searchsorted(along, fraction * along[-1], side="right")) - 1, 0), len(x) - 2)
        return float(np.degrees(np.arctan2(x[k + 1] - x[k], y[k + 1] - y[k])))

    def _placed(self, places: Sequence[tuple[float, float]], profile: ProfileName) -> tuple[Ints, Floats]:
        if not places:
            return np.empty(0, np.int32), np.empty(0)
        snapped = self._snapper.snap_all([p[0] for p in places], [p[1] for p in places], profile)
        return snapped.edge, snapped.fraction

    def _crossed(self, found: Found, profile: ProfileName) -> tuple[Ints, Floats, Floats]:
        """Streets that may be ways out, and the street seconds at which he may be at the tail and at the head of each."""
        graph, time_s = self._graph, found.profile.time_s
        usable = np.isfinite(time_s)
        ways = np.bincount(np.asarray(graph.tail)[usable], minlength=len(graph.node_x))
        is_way_out = usable & (np.asarray(graph.street_class) <= _SMALLEST[profile]) & (ways[np.asarray(graph.head)] > 1)
        streets = np.flatnonzero(is_way_out).astype(np.int32)
        at_tail_s = found.seconds_at(streets, np.zeros(len(streets)))[0]
        at_tail_s[np.isin(streets, found.seed_edge)] = 0.0
        at_head_s = np.minimum(found.seconds_at(streets, np.ones(len(streets)))[0], at_tail_s + time_s[streets])
        return streets, at_tail_s, at_head_s

    def _line(self, crossed: tuple[Ints, Floats, Floats], factor: float, now_s: float, lead_s: float) -> Line:
        """Streets that cross the line, each by the crossing at its far end."""
        streets, at_tail_s, at_head_s = crossed
        level_s = max(now_s + factor * lead_s, 0.0)
        crossing = np.flatnonzero((at_tail_s <= level_s) & (at_head_s > level_s))
        # One a crossing: by the largest street that leads to it. Then the largest streets, and of equals the soonest.
        street_class, head = np.asarray(self._graph.street_class)[streets[crossing]], np.asarray(self._graph.head)[streets[crossing]]
        order = np.lexsort((at_head_s[crossing], street_class))
        _, first = np.unique(head[order], return_index=True)
        kept = crossing[order[np.sort(first)][:MOST_EXITS]]
        kept = kept[np.argsort(at_head_s[kept], kind="stable")]
        exits = tuple(self._exit(int(streets[k]), (float(at_head_s[k]) - now_s) / factor) for k in kept)
        return Line(lead_s, exits, len(first) - len(kept))

    def _exit(self, by: int, after_s: float) -> Exit:
        """The crossing at the far end of street `by`, named by it and by the largest street across."""
        graph = self._graph
        node = int(graph.head[by])
        named = graph.names[graph.name_index[by]]
        across = [name for name in street_names(graph, np.flatnonzero(np.asarray(graph.tail) == node)) if name != named]
        first, second = (*filter(None, (named, *across)), "", "")[:2]
        return Exit(float(graph.node_lon[node]), float(graph.node_lat[node]), (first, second), after_s)


def without_signs(graph: StreetGraph) -> StreetGraph:
    """The same streets, by car both ways wherever one way is allowed, and every turn but back into the same street."""
    one_way_s, twin = np.asarray(graph.car.time_s), np.asarray(graph.twin)
    time_s = np.minimum(one_way_s, one_way_s[twin])
    nowhere = np.zeros(len(graph.node_x), np.bool_)
    tail, head = np.asarray(graph.tail), np.asarray(graph.head)
    return replace(graph, car=build_profile("car", time_s, tail, head, twin, nowhere, NO_RULES))


def assign(target_s: Floats, crew_s: Floats) -> Ints:
    """[places] the crew for each place, -1 where none is left that can come; no crew twice.

    `target_s` [places]: when the target may be there; `crew_s` [places, crews]: when each crew can, inf: not at all. As many places
    as possible are closed in time; then the crews are there as early as possible.
    """
    late_s = crew_s - target_s[:, None]
    cost = np.where(late_s <= 0, _IN_TIME_S + crew_s, late_s)
    cost = np.where(np.isfinite(crew_s), cost, _NEVER_S)
    crew = np.full(len(target_s), -1, np.int32)
    places, crews = linear_sum_assignment(cost)
    can = np.isfinite(crew_s[places, crews])
    crew[places[can]] = crews[can]
    return crew


def _apart_deg(one: float, other: float) -> float:
    return abs((one - other + 180.0) % 360.0 - 180.0)
