"""What if 假设: coverage as it would be with units elsewhere, posts manned or streets closed; and where idle crews should wait.

Everything is reckoned on a private copy: no unit is moved, no street is closed, nobody else sees anything of it. Standby advice
is a list of moves with the gain of each; it is carried out by nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dispatch.errors import NotFound
from dispatch.model import Actor
from dispatch.organisations import OrganisationTree
from geodata.cities.city import City
from geodata.routing.nearest import UnitPlacement
from geodata.routing.searches import Floats, Ground, RoadPoint
from geodata.routing.standby import Task, advise
from geodata.routing.travel import TravelTimes
from geodata.streets.crossings import busy_crossings
from geodata.streets.graph import PROFILES
from geodata.streets.snapping import OffNetwork
from operations.access.audience import Rights
from operations.access.authority import Authority
from operations.situation.coverage import Area, Counted, Coverage, Moment
from operations.situation.elements import ElementStore
from operations.situation.scene import MINUTES

CAR = PROFILES.index("car")
# Crossings among the places a crew could wait at, beside duty posts and the doors of stations.
MOST_CROSSINGS = 150
# Private copies of the streets that are kept: a bridge is closed once and then looked at from many sides.
KEPT_COPIES = 4

Json = dict[str, Any]
Point = tuple[float, float]  # lon, lat


@dataclass(frozen=True)
class Supposition:
    """What is supposed to be otherwise."""

    moves: Mapping[str, Point] = field(default_factory=dict)  # unit_id → where it is supposed to be
    posts: Sequence[Point] = ()  # each manned by one more crew, by car
    closed: Sequence[Point] = ()  # points on streets that nobody drives through

    def question(self) -> tuple[Any, ...]:
        """Equal for equal suppositions."""
        return tuple(sorted(self.moves.items())), tuple(self.posts), tuple(self.closed)


@dataclass(frozen=True)
class _Supposed:
    """A supposition as it lies on the streets."""

    moment: Moment
    area: Area
    placed: UnitPlacement
    counted: Counted
    travel: TravelTimes
    closed: list[int]  # an edge of each closed street


@dataclass(frozen=True)
class _Site:
    """Somewhere a crew could wait."""

    kind: str  # duty_post | station | crossing
    names: tuple[str, ...]
    point: RoadPoint
    org_code: str | None = None  # of a station


class WhatIf:
    """Answers for one node. The heavy part runs in threads."""

    def __init__(
        self,
        *,
        city: City,
        coverage: Coverage,
        travel: TravelTimes,
        elements: ElementStore,
        organisations: OrganisationTree,
        authority: Authority,
    ) -> None:
        self._city = city
        self._coverage = coverage
        self._travel = travel
        self._elements = elements
        self._organisations = organisations
        self._authority = authority
        # Advice takes a core for seconds: one at a time, so that the others go on being answered.
        self._advising = asyncio.Lock()
        # What is asked just now: several desks that ask the same, or one that asks again, wait for one answer.
        self._asked: dict[tuple[Any, ...], asyncio.Task[Json]] = {}
        # By closed edges and the streets as they were: learned times and traffic events swap the latter.
        self._copies: dict[tuple[frozenset[int], int], tuple[Ground, TravelTimes]] = {}

    async def coverage(self, supposed: Supposition, actor: Actor, gap_minutes: float | None = None, ring_from: Point | None = None) -> Json:
        """Coverage of the actor's area as it would be, the streets that are closed, and what is reached from `ring_from`.

        Raises NotFound for a unit the actor may not see, OffNetwork for a point off the streets.
        """
        moment = self._coverage.moment()
        return await asyncio.to_thread(self._covered, moment, supposed, actor, gap_minutes, ring_from)

    async def advise(
        self, supposed: Supposition, actor: Actor, most_moves: int, within_minutes: float, longest_drive_minutes: float
    ) -> Json:
        """Where idle crews should wait so that most of what is to be expected is within some minutes of one. Raises as `coverage`.

        `picture_at` says of when the answer is: whoever asks what is being answered already is given that answer.
        """
        limits = most_moves, within_minutes, longest_drive_minutes
        question = Rights.of(actor), supposed.question(), limits
        task = self._asked.get(question)
        if task is None:
            task = self._asked[question] = asyncio.create_task(self._in_turn(supposed, actor, *limits), name="standby-advice")
            task.add_done_callback(lambda _: self._asked.pop(question))
        return await asyncio.shield(task)  # one that goes away takes it from nobody else

    async def _in_turn(
        self, supposed: Supposition, actor: Actor, most_moves: int, within_minutes: float, longest_drive_minutes: float
    ) -> Json:
        async with self._advising:
            moment = self._coverage.moment()
            return await asyncio.to_thread(self._advised, moment, supposed, actor, most_moves, within_minutes, longest_drive_minutes)

    # In threads -------------------------------------------------------------------------------------------------------

    def _covered(self, moment: Moment, supposed: Supposition, actor: Actor, gap_minutes: float | None, ring_from: Point | None) -> Json:
        there = self._suppose(moment, supposed, actor)
        found = self._coverage.told(there.moment, there.area, there.placed, there.counted, there.travel, MINUTES, gap_minutes)
        rings = None if ring_from is None else there.travel.rings(*ring_from, MINUTES, "from").geojson()
        return found | {"closed": [self._street(edge) for edge in there.closed], "rings": rings}

    def _suppose(self, moment: Moment, supposed: Supposition, actor: Actor) -> _Supposed:
        area = self._coverage.area(actor, moment.picture)
        row_of = {unit_id: row for row, unit_id in enumerate(moment.unit_ids)}
        unknown = next((u for u in supposed.moves if u not in area.units or u not in row_of), None)
        if unknown is not None:
            raise NotFound("unknown-unit", f"There is no unit {unknown[:64]} with a position; check the id.")
        closed = [self._travel.snap(*point).edge for point in supposed.closed]
        travel = self._without(closed)
        placed = self._coverage.placed(moment)
        if supposed.moves:
            rows = np.array([row_of[u] for u in supposed.moves], np.intp)
            lon, lat, position_at = moment.lon.copy(), moment.lat.copy(), moment.position_at.copy()
            lon[rows], lat[rows] = (np.array([place[axis] for place in supposed.moves.values()]) for axis in (0, 1))
            position_at[rows] = moment.at.timestamp()  # supposed to stand there now, however old its own position is
            moment = replace(moment, lon=lon, lat=lat, position_at=position_at, made={})
            placed = travel.move(placed, lon, lat)
        counted = self._coverage.counted(moment, area, placed)
        if supposed.posts:
            for post in supposed.posts:
                travel.snap(*post)  # refuses one off the streets by name; placed with the others it would only not count
            crews = travel.place([p[0] for p in supposed.posts], [p[1] for p in supposed.posts], np.full(len(supposed.posts), CAR))
            placed = placed.joined(crews)
            manned = np.ones(len(supposed.posts), np.bool_)
            among, seen = (np.concatenate([mask, manned]) for mask in (counted.among, counted.seen))
            counted = replace(counted, among=among, seen=seen)
        return _Supposed(moment, area, placed, counted, travel, closed)

    def _without(self, closed: list[int]) -> TravelTimes:
        if not closed:
            return self._travel
        ground = self._travel.ground()
        edges = np.array(closed, np.int32)
        key = frozenset(np.concatenate([edges, ground.twin[edges]]).tolist()), id(ground)
        kept = self._copies.get(key)
        # The ground is kept with its copy, so that its id is no other's.
        if kept is None:
            kept = ground, self._travel.without(np.array(sorted(key[0]), np.int32))
            self._copies = dict([*self._copies.items(), (key, kept)][-KEPT_COPIES:])
        return kept[1]

    def _street(self, edge: int) -> Json:
        graph = self._city.graph
        lon, lat = self._city.projection.to_degrees(*graph.shape(edge))
        line = np.round(np.stack((lon, lat), axis=1), 6).tolist()
        return {"name": graph.names[graph.name_index[edge]], "line": {"type": "LineString", "coordinates": line}}

    def _advised(
        self, moment: Moment, supposed: Supposition, actor: Actor, most_moves: int, within_minutes: float, longest_drive_minutes: float
    ) -> Json:
        there = self._suppose(moment, supposed, actor)
        weights = self._coverage.weights(there.area)
        demand = np.zeros(self._city.graph.edge_count)
        demand[weights.streets.low] = weights.per_street
        rows = np.flatnonzero(there.counted.among)
        sites = self._sites(there.travel, demand)
        units = [_standing_at(there.placed, int(row)) for row in rows]
        task = Task(
            units=units,
            profiles=[PROFILES[number] for number in there.placed.profile[rows].tolist()],
            movable=np.array([self._is_movable(there, supposed, actor, int(row)) for row in rows], np.bool_),
            sites=[site.point for site in sites],
            demand=demand,
            within_s=60.0 * within_minutes,
            longest_drive_s=60.0 * longest_drive_minutes,
            most_moves=most_moves,
        )
        advice = advise(there.travel.ground(), task)
        whole = max(advice.total, 1e-12)
        return {
            "picture_at": moment.at,
            "within_minutes": within_minutes,
            "longest_drive_minutes": longest_drive_minutes,
            "weighed": weights.of,
            "movable": advice.movable,
            "staying": len(units) - advice.movable,
            "sites": len(sites),
            "share_before": round(advice.before / whole, 5),
            "share_after": round(advice.after / whole, 5),
            "proven": advice.proven,
            "gap": round(advice.gap, 5),
            "moves": [
                self._move(moment, int(rows[move.unit]), units[move.unit], sites[move.site])
                | {"drive_s": round(move.drive_s, 1), "gain_share": round(move.gain / whole, 5)}
                for move in advice.moves
            ],
        }

    def _is_movable(self, there: _Supposed, supposed: Supposition, actor: Actor, row: int) -> bool:
        """Cars under the actor's command; what was put somewhere by hand stays there."""
        if row >= len(there.moment.unit_ids) or there.placed.profile[row] != CAR:
            return False
        unit = there.moment.picture.units[there.moment.unit_ids[row]]
        return unit.unit_id not in supposed.moves and self._authority.in_scope(actor, unit.org_code)

    def _sites(self, travel: TravelTimes, demand: Floats) -> list[_Site]:
        posts = [("duty_post", str(one.properties.get("name", "")), None, one.lon, one.lat) for one in self._elements.newest("duty_post")]
        doors = [("station", one.name, one.code, one.lon, one.lat) for one in self._organisations.all()]
        sites = []
        for kind, name, code, lon, lat in [*posts, *doors]:
            try:
                sites.append(_Site(kind, (name,), travel.snap(lon, lat), code))
            except OffNetwork:  # one cannot wait in a car where no street is
                continue
        return sites + [_Site("crossing", one.names, one.point) for one in busy_crossings(self._city.graph, demand, MOST_CROSSINGS)]

    def _move(self, moment: Moment, row: int, start: RoadPoint, site: _Site) -> Json:
        unit = moment.picture.units[moment.unit_ids[row]]
        names = [name for name in site.names if name]
        to = {
            "kind": site.kind,
            "names": names,
            "org_code": site.org_code,
            "lon": round(site.point.lon, 6),
            "lat": round(site.point.lat, 6),
        }
        place = {"lon": round(start.lon, 6), "lat": round(start.lat, 6)}
        return {"unit_id": unit.unit_id, "callsign": unit.callsign, "kind": unit.kind, "from": place, "to": to}


def _standing_at(placed: UnitPlacement, row: int) -> RoadPoint:
    lon, lat = float(placed.lon[row]), float(placed.lat[row])
    return RoadPoint(int(placed.edge[row]), float(placed.fraction[row]), lon, lat, float(placed.off_street_m[row]))
