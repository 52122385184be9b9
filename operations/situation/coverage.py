"""Coverage before it happens: what share of an area's streets, residents and expected incidents available units can be at in time.

Who sees what: an area is the streets that the organisations answer for whose incidents the actor may read (`visible_orgs`); the
units are those it may see (`visible_units`) that are available. So a county has its own streets, covered by its own units and the
neighbours' marked ones near by, and only the city has the whole. Nothing is told of a unit but how many were counted, and why others
were not. Times are of travel alone, from where the units are now; the turnout that is assumed of them is named beside.

A moment (picture and copies of positions) is taken on the event loop; everything else runs in threads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dispatch.clock import Clock
from dispatch.model import Actor, UnitStatus
from dispatch.picture import OperatingPicture
from geodata.cities.city import City
from geodata.districts.jurisdictions import Jurisdictions
from geodata.routing.coverage import Reach, Streets
from geodata.routing.gaps import GapRaster
from geodata.routing.nearest import UnitPlacement
from geodata.routing.searches import Ground
from geodata.routing.travel import TravelTimes
from operations.access.authority import Authority
from operations.records.expected import Expectation, Expects
from operations.situation.candidates import OLD_FIX_S, TURNOUT_S
from operations.situation.scene import MINUTES
from operations.tracking.movement import WALKING, Movement, profile_numbers
from operations.tracking.positions import PositionTable

GAP_MINUTES = 3.0
MOST_GAPS = 400

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Json = dict[str, Any]


@dataclass(frozen=True)
class Area:
    """Whose coverage is asked for: what an actor may see."""

    orgs: frozenset[str]  # whose streets
    units: frozenset[str]  # that may count


@dataclass(frozen=True)
class Moment:
    """Units at one instant, for threads. `seq`, `picture` and `ground` tell whether anything has changed since."""

    at: datetime
    seq: int
    picture: OperatingPicture
    unit_ids: tuple[str, ...]  # by index
    lon: Floats
    lat: Floats
    position_at: Floats  # Unix s
    profile: NDArray[np.uint8]  # place in PROFILES
    ground: Ground  # the streets: closures, slow traffic and what was learned make it another
    # What was made of this moment and is the same for several areas. Belongs to `Coverage`.
    made: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class _Land:
    """What does not move: whose each street is, and what weighs on it."""

    streets: Streets
    org: NDArray[np.int32]  # [streets] index into `codes`
    codes: tuple[str, ...]
    residents: NDArray[np.float32] | None  # [streets]
    gaps: GapRaster


@dataclass(frozen=True)
class _Standing:
    """Which units are what, by the record and their positions. All [units]."""

    marked: Bools
    available: Bools
    nowhere: Bools  # of the available ones: why they cover nothing
    old: Bools
    off: Bools

    @property
    def sound(self) -> Bools:
        return self.available & ~self.nowhere & ~self.old & ~self.off


@dataclass(frozen=True)
class Counted:
    """Which units the coverage is of, and how many available ones that are seen it is not of, by reason."""

    # All marked ones, whomever they belong to: those that could come in time are seen by that rule. Of plain clothes those that are seen.
    among: Bools
    seen: Bools  # of these, the ones the asker may see
    left_out: dict[str, int]


@dataclass(frozen=True)
class _Tally:
    """What lies on the streets of each organisation, and what of it within each level, for one weight."""

    whole: Floats  # [organisations] in the order of `_Land.codes`
    within: Floats  # [levels, organisations]


@dataclass(frozen=True)
class Weights:
    """What is weighed, and how much of it there is on each street; nothing outside the area."""

    of: str  # expected_incidents | residents | street_length
    streets: Streets
    per_street: Floats


class Coverage:
    """Answers for any area. What is costly and the same for several askers of a moment is made once."""

    def __init__(
        self,
        *,
        city: City,
        travel: TravelTimes,
        positions: PositionTable,
        authority: Authority,
        jurisdictions: Jurisdictions,
        expected: Expects,
        clock: Clock,
        picture: Callable[[], OperatingPicture],
        movement: Movement = WALKING,
    ) -> None:
        self._city = city
        self._travel = travel
        self._positions = positions
        self._authority = authority
        self._jurisdictions = jurisdictions
        self._expected = expected
        self._clock = clock
        self._picture = picture
        self._profile_of_kind = profile_numbers(movement)
        self._is_past = False
        self._land: _Land | None = None
        self._placed: UnitPlacement | None = None
        self._lock = threading.Lock()  # around the two above
        # Areas differ in a few dozen sets of organisations; a mask of streets has a byte each.
        self._streets_of = lru_cache(maxsize=128)(self._find_streets_of)

    def past(
        self,
        travel: TravelTimes,
        positions: PositionTable,
        expected: Expects,
        clock: Clock,
        picture: Callable[[], OperatingPicture],
    ) -> Coverage:
        """Coverage of the same land with other units, times and clock."""
        self._surveyed()  # what does not move is shared
        other = copy(self)
        other._travel, other._positions, other._expected, other._clock, other._picture = travel, positions, expected, clock, picture
        other._placed, other._lock, other._is_past = None, threading.Lock(), True
        return other

    def use(self, travel: TravelTimes) -> None:
        """Answer by these times from now on."""
        self._travel = travel

    def moment(self) -> Moment:
        """On the event loop: later writes change the arrays in place."""
        table, n = self._positions, self._positions.count
        return Moment(
            self._clock.now(),
            table.seq,
            self._picture(),
            tuple(table.unit_ids[:n]),
            table.lon[:n].copy(),
            table.lat[:n].copy(),
            table.position_at[:n].copy(),
            self._profile_of_kind[table.kind[:n]],
            self._travel.ground(),
        )

    def area(self, actor: Actor, picture: OperatingPicture) -> Area:
        """What the actor may see; asks about every unit, so in a thread."""
        return Area(self._authority.visible_orgs(actor), self._authority.visible_units(actor, picture))

    async def of(self, actor: Actor, minutes: Sequence[float] = MINUTES, gap_minutes: float | None = None) -> Json:
        """Coverage within each of `minutes` as the actor may see it; with `gap_minutes` also what is not reached in that time.

        See docs/api.md for the fields.
        """
        moment = self.moment()
        return await asyncio.to_thread(lambda: self.at(moment, self.area(actor, moment.picture), minutes, gap_minutes))

    def at(self, moment: Moment, area: Area, minutes: Sequence[float] = MINUTES, gap_minutes: float | None = None) -> Json:
        """The same of a moment, in this thread. Areas that see the same plain clothes share the search."""
        placed = self.placed(moment)
        counted = self.counted(moment, area, placed)
        levels_s = [60.0 * m for m in minutes]
        limit_s = max([*levels_s, 60.0 * (gap_minutes or 0.0)])
        question = counted.among.tobytes(), tuple(levels_s), limit_s
        if question not in moment.made:
            reach = self._travel.reach(placed, counted.among, limit_s)
            moment.made[question] = reach, self._tallies(reach, levels_s)
        reach, tallies = moment.made[question]
        return self._say(moment, area, counted, reach, tallies, minutes, gap_minutes)

    def weights(self, area: Area) -> Weights:
        """What weighs on the area's streets most tellingly: incidents that are expected, else residents, else their length."""
        land, expectation, mine = self._surveyed(), self._expected.now(), self._streets_of(area.orgs)
        if isinstance(expectation, Expectation) and float(expectation.per_street[mine].sum()) > 0:
            return Weights("expected_incidents", land.streets, np.where(mine, expectation.per_street, 0.0))
        if land.residents is not None and float(land.residents[mine].sum()) > 0:
            return Weights("residents", land.streets, np.where(mine, land.residents, 0.0).astype(np.float64))
        return Weights("street_length", land.streets, np.where(mine, land.streets.length_m, 0.0))

    def told(
        self,
        moment: Moment,
        area: Area,
        placed: UnitPlacement,
        counted: Counted,
        travel: TravelTimes,
        minutes: Sequence[float],
        gap_minutes: float | None,
    ) -> Json:
        """The answer for units placed like this on streets like these: those of the moment, or others that are only supposed."""
        levels_s = [60.0 * m for m in minutes]
        reach = travel.reach(placed, counted.among, max([*levels_s, 60.0 * (gap_minutes or 0.0)]))
        return self._say(moment, area, counted, reach, self._tallies(reach, levels_s), minutes, gap_minutes)

    def counted(self, moment: Moment, area: Area, placed: UnitPlacement) -> Counted:
        """Which units count: those that are available by the record; the duty watch puts there what the clock changes."""
        standing = self._standing(moment, placed)
        seen = np.fromiter((u in area.units for u in moment.unit_ids), np.bool_, len(moment.unit_ids))
        among = standing.sound & (standing.marked | seen)
        left_out = {"no_position": standing.nowhere, "old_position": standing.old, "off_network": standing.off}
        return Counted(among, among & seen, {why: int(np.count_nonzero(mask & seen)) for why, mask in left_out.items()})

    def _standing(self, moment: Moment, placed: UnitPlacement) -> _Standing:
        """Made once a moment."""
        found: _Standing | None = moment.made.get("standing")
        if found is None:
            units = [moment.picture.units.get(u) for u in moment.unit_ids]
            available = np.array([unit is not None and unit.status == UnitStatus.AVAILABLE for unit in units], np.bool_)
            marked = np.array([unit is not None and unit.marked for unit in units], np.bool_)
            nowhere = available & np.isnan(moment.lon)
            old = available & ~nowhere & (moment.at.timestamp() - moment.position_at > OLD_FIX_S)
            off = available & ~nowhere & ~old & (placed.edge < 0)
            found = moment.made["standing"] = _Standing(marked, available, nowhere, old, off)
        return found

    def _tallies(self, reach: Reach, levels_s: Sequence[float]) -> dict[str, _Tally]:
        """By weight; those that are not known are left out."""
        land, expectation = self._surveyed(), self._expected.now()
        weights = {"street": land.streets.length_m, "resident": land.residents}
        if isinstance(expectation, Expectation):
            weights["incident"] = expectation.per_street
        within, orgs = reach.within(levels_s), len(land.codes)
        return {
            name: _Tally(
                np.asarray(np.bincount(land.org, weights=weight, minlength=orgs), np.float64),
                np.array([np.bincount(land.org, weights=weight * level, minlength=orgs) for level in within]).reshape(len(within), orgs),
            )
            for name, weight in weights.items()
            if weight is not None
        }

    def _say(
        self,
        moment: Moment,
        area: Area,
        counted: Counted,
        reach: Reach,
        tallies: dict[str, _Tally],
        minutes: Sequence[float],
        gap_minutes: float | None,
    ) -> Json:
        land, expectation = self._surveyed(), self._expected.now()
        own = np.array([code in area.orgs for code in land.codes], np.bool_)
        # A moment before tracks were kept, or whose tracks are removed: that is no moment at which nobody was anywhere.
        is_known = not (self._is_past and bool(np.isnan(moment.lon).all()))
        gaps = self._gaps(land, reach, gap_minutes, own[land.org]) if is_known and gap_minutes is not None else None
        return {
            "picture_at": moment.at,
            "positions_known": is_known,
            "minutes": list(minutes),
            **{f"{name}_share": _shares(tallies.get(name), own) if is_known else None for name in ("street", "resident", "incident")},
            "street_km": round(float(tallies["street"].whole[own].sum()) / 1000, 1),
            "expected": _basis(expectation),
            "units": int(np.count_nonzero(counted.seen)) if is_known else None,
            "left_out": counted.left_out,
            "turnout_s": {str(kind): seconds for kind, seconds in TURNOUT_S.items()},
            **({} if gap_minutes is None else {"gap_minutes": gap_minutes, "gaps": gaps}),
        }

    def _gaps(self, land: _Land, reach: Reach, minutes: float, mine: Bools) -> Json:
        expectation = self._expected.now()
        weights = {
            "residents": land.residents,
            "expected_incidents": expectation.per_street if isinstance(expectation, Expectation) else None,
        }
        known = {name: weight / max(float(weight[mine].sum()), 1e-12) for name, weight in weights.items() if weight is not None}
        found = land.gaps.gaps(reach, 60.0 * minutes, mine, list(known.values()))
        # What most is to be expected in comes first, or, where that is not known, the most street.
        found.sort(key=lambda gap: (gap.weights[-1] if gap.weights else 0.0, gap.street_m), reverse=True)
        features = []
        for gap in found[:MOST_GAPS]:
            shares = {f"{name}_share": round(value, 5) for name, value in zip(known, gap.weights, strict=True)}
            geometry = {"type": "Polygon", "coordinates": gap.polygon}
            properties = {"minutes": minutes, "street_km": round(gap.street_m / 1000, 2), **shares}
            features.append({"type": "Feature", "properties": properties, "geometry": geometry})
        return {"type": "FeatureCollection", "matched": len(found), "features": features}

    def placed(self, moment: Moment) -> UnitPlacement:
        """The moment's units on the street network."""
        with self._lock:
            if "placed" in moment.made:
                made: UnitPlacement = moment.made["placed"]
                return made
            placed = self._placed
            if placed is not None and np.array_equal(placed.profile, moment.profile):
                placed = self._travel.move(placed, moment.lon, moment.lat)
            else:
                placed = self._travel.place(moment.lon, moment.lat, moment.profile)
            self._placed = moment.made["placed"] = placed
            return placed

    def _surveyed(self) -> _Land:
        with self._lock:
            if self._land is None:
                self._land = self._survey()
            return self._land

    def _survey(self) -> _Land:
        graph, streets = self._city.graph, self._travel.streets
        tail, head = graph.tail[streets.low], graph.head[streets.low]
        lon, lat = (graph.node_lon[tail] + graph.node_lon[head]) / 2, (graph.node_lat[tail] + graph.node_lat[head]) / 2
        codes, org = np.unique(np.array(self._jurisdictions.locate_all(lon, lat)), return_inverse=True)
        residents = self._city.residents()
        return _Land(
            streets,
            org.astype(np.int32),
            tuple(codes.tolist()),
            None if residents is None else residents[streets.low],
            GapRaster(graph, streets),
        )

    def _find_streets_of(self, orgs: frozenset[str]) -> Bools:
        land = self._surveyed()
        return np.array([code in orgs for code in land.codes], np.bool_)[land.org]


def _shares(tally: _Tally | None, own: Bools) -> list[float] | None:
    """Of what lies in one's own organisations' streets, the share within each level; None where there is none to be within anything."""
    whole = 0.0 if tally is None else float(tally.whole[own].sum())
    if tally is None or whole <= 0:
        return None
    return [round(min(1.0, float(share)), 4) for share in tally.within[:, own].sum(axis=1) / whole]


def _basis(expectation: Any) -> Json:
    """What stands behind the expected incidents, or how few there are."""
    if isinstance(expectation, Expectation):
        hours = None if expectation.hours is None else list(expectation.hours)
        return {"incidents": expectation.incidents, "hours": hours, "since": expectation.since, "as_of": expectation.as_of}
    return {"incidents": expectation.incidents, "hours": None, "since": None, "as_of": expectation.as_of}
