"""Pursuit 追击堵截 as a desk asks for it: where the target may be, and which crew closes which way out first.

Stateless: every answer is made anew from the sighting that the asker names, the server's clock and the crews as they stand.
Nothing is sent to anybody. Only crews that the asker commands and that are free, or already on the incident, are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from dispatch.clock import Clock
from dispatch.duty import standing, status_at
from dispatch.errors import RuleViolation
from dispatch.model import Actor, Incident, Unit, UnitStatus
from geodata.routing.nearest import UnitPlacement
from geodata.routing.pursuit import FRONT_S, LEADS_S, Escape, EscapeStreets, Flight, Line, TooLongAgo, assign
from geodata.routing.searches import Floats, Ints
from geodata.routing.travel import TravelTimes
from geodata.streets.graph import ProfileName
from geodata.streets.snapping import OffNetwork
from operations.access.authority import Authority
from operations.situation.candidates import OLD_FIX_S, TURNOUT_S
from operations.situation.elements import ElementStore, Thing
from operations.situation.scene import Moment, SceneService

# How much faster than the streets' usual times, where the asker does not say: assumed, and shown with every answer.
FACTORS: dict[ProfileName, float] = {"car": 1.5, "foot": 2.0}
# A crew that comes later than this after the target is no answer to anything.
TOO_LATE_S = 300.0
# Checkpoints beside the crossings of one closing line, the soonest.
MOST_CHECKPOINTS = 8

Json = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """A sighting, and how the target is thought to go on."""

    lon: float
    lat: float
    seen_at: datetime
    profile: ProfileName = "car"
    factor: float | None = None  # None: that of `FACTORS`
    heeds_signs: bool = False
    heading_deg: float | None = None


@dataclass(frozen=True)
class _Place:
    """Somewhere the target can be stopped."""

    kind: str  # crossing | checkpoint
    lon: float
    lat: float
    names: tuple[str, ...]
    target_s: float  # from now until the target may be there
    element_id: str | None = None

    def view(self) -> Json:
        names = [name for name in self.names if name]
        place: Json = {"kind": self.kind, "lon": round(self.lon, 6), "lat": round(self.lat, 6), "names": names}
        return place | {"element_id": self.element_id, "target_s": round(self.target_s, 1)}


@dataclass(frozen=True)
class _Crews:
    """Who could close something, at one moment."""

    units: list[Unit]
    placement: UnitPlacement
    rows: Ints  # of each in the placement
    ready_s: Floats  # until its wheels turn
    on_it: frozenset[str]  # on the incident already


class PursuitService:
    """Answers for one node. The heavy part runs in threads."""

    def __init__(
        self,
        *,
        streets: EscapeStreets,
        travel: TravelTimes,
        scene: SceneService,
        elements: ElementStore,
        authority: Authority,
        clock: Clock,
    ) -> None:
        self._streets = streets
        self._travel = travel
        self._scene = scene
        self._elements = elements
        self._authority = authority
        self._clock = clock

    async def pursue(self, seen: Seen, actor: Actor, incident: Incident | None = None) -> Json:
        """Areas and closing lines as of now.

        Raises RuleViolation for a sighting of the future or too long ago, OffNetwork off the streets.
        """
        moment = self._scene.moment()
        elapsed_s = moment.now_s - seen.seen_at.timestamp()
        if elapsed_s < 0:
            raise RuleViolation("seen-in-future", f"Seen in {-elapsed_s:.0f} s from now; give the time at which the target was seen.")
        return await asyncio.to_thread(self._pursue, moment, seen, elapsed_s, actor, incident)

    def _pursue(self, moment: Moment, seen: Seen, elapsed_s: float, actor: Actor, incident: Incident | None) -> Json:
        factor = FACTORS[seen.profile] if seen.factor is None else seen.factor
        flight = Flight(seen.lon, seen.lat, elapsed_s, seen.profile, factor, seen.heeds_signs, seen.heading_deg)
        checkpoints = self._elements.newest("checkpoint")
        try:
            escape = self._streets.escape(flight, [(c.lon, c.lat) for c in checkpoints])
        except TooLongAgo as error:
            raise RuleViolation("seen-too-long-ago", str(error)) from None
        crews = self._crews(moment, actor, incident)
        times: dict[tuple[float, float], Floats] = {}
        lines = [self._line(line, _beside(line, checkpoints, escape.places_s), crews, times) for line in escape.lines]
        return {
            "at": moment.now,
            "seen_at": seen.seen_at,
            "elapsed_s": round(elapsed_s, 1),
            "lon": seen.lon,
            "lat": seen.lat,
            "off_street_m": round(escape.on_street.distance_m, 1),
            "profile": seen.profile,
            "factor": factor,
            "heeds_signs": seen.heeds_signs,
            "heading_deg": seen.heading_deg,
            "areas": _areas(escape),
            "front": _front(escape),
            "crews": len(crews.units),
            "lines": lines,
        }

    def _crews(self, moment: Moment, actor: Actor, incident: Incident | None) -> _Crews:
        on_it = frozenset(a.unit_id for a in incident.active_assignments) if incident is not None else frozenset()
        rows = []
        for row in np.flatnonzero(self._scene.visible(moment, actor)).tolist():
            unit = moment.picture.units[moment.unit_ids[row]]
            is_free = status_at(unit, standing(moment.picture, unit, moment.now)) == UnitStatus.AVAILABLE
            is_fresh = moment.now_s - float(moment.position_at[row]) <= OLD_FIX_S
            if is_fresh and (is_free or unit.unit_id in on_it) and self._authority.in_scope(actor, unit.org_code):
                rows.append(row)
        units = [moment.picture.units[moment.unit_ids[row]] for row in rows]
        # Whoever is under way already need not set out first.
        ready_s = np.array([0.0 if u.status == UnitStatus.EN_ROUTE else TURNOUT_S[u.kind] for u in units])
        return _Crews(units, self._scene.place(moment), np.array(rows, np.int32), ready_s, on_it)

    def _line(self, line: Line, checkpoints: list[_Place], crews: _Crews, times: dict[tuple[float, float], Floats]) -> Json:
        """`times`: of places that another line has asked for already."""
        exits = [_Place("crossing", one.lon, one.lat, one.names, one.after_s) for one in line.exits]
        places = sorted([*exits, *checkpoints], key=lambda place: place.target_s)
        for place in places:
            where = (place.lon, place.lat)
            if where not in times:
                times[where] = self._arrivals(place, crews)
        target_s = np.array([place.target_s for place in places])
        crew_s = np.array([times[place.lon, place.lat] for place in places]).reshape(len(places), len(crews.units))
        rows = [
            place.view() | _closing(place, crews, crew_s[k], int(c))
            for k, (place, c) in enumerate(zip(places, assign(target_s, crew_s), strict=True))
        ]
        in_time = sum(row["margin_s"] is not None and row["margin_s"] >= 0 for row in rows)
        return {"lead_s": line.lead_s, "places": rows, "in_time": in_time, "smaller_streets": line.smaller}

    def _arrivals(self, place: _Place, crews: _Crews) -> Floats:
        """[crews] seconds from now until each is there, turnout included; inf: far too late."""
        if not len(crews.rows):
            return np.empty(0)
        among = np.zeros(len(crews.placement.lon), np.bool_)
        among[crews.rows] = True
        try:
            found = self._travel.etas_to(place.lon, place.lat, crews.placement, max(place.target_s, 0.0) + TOO_LATE_S, among, siren=True)
        except OffNetwork:  # a checkpoint that stands off every street
            return np.full(len(crews.rows), np.inf)
        return found.eta_s[crews.rows] + crews.ready_s


def _beside(line: Line, checkpoints: Sequence[Thing], after_s: Floats) -> list[_Place]:
    """Checkpoints the target comes to between the line before this one and the line after it."""
    k = LEADS_S.index(line.lead_s)
    first_s, last_s = (0.0, *LEADS_S)[k], (*LEADS_S[1:], 1.5 * LEADS_S[-1])[k]
    near = [c for c in np.argsort(after_s, kind="stable").tolist() if first_s < after_s[c] <= last_s][:MOST_CHECKPOINTS]
    return [
        _Place("checkpoint", one.lon, one.lat, (str(one.properties.get("name", "")),), float(after_s[c]), one.element_id)
        for c, one in ((c, checkpoints[c]) for c in near)
    ]


def _closing(place: _Place, crews: _Crews, crew_s: Floats, crew: int) -> Json:
    """Who closes it and how long before the target (negative: after it); None where nobody is left who can come."""
    if crew < 0:
        return {"crew": None, "margin_s": None}
    unit, arrival_s = crews.units[crew], float(crew_s[crew])
    row: Json = {"unit_id": unit.unit_id, "callsign": unit.callsign, "kind": unit.kind, "assigned": unit.unit_id in crews.on_it}
    times = {"turnout_s": float(crews.ready_s[crew]), "arrival_s": round(arrival_s, 1)}
    return {"crew": row | times, "margin_s": round(place.target_s - arrival_s, 1)}


def _areas(escape: Escape) -> Json:
    """GeoJSON, the largest first: where the target may be now (`after_s` 0) and after each lead."""
    features = [
        {
            "type": "Feature",
            "properties": {"kind": "escape", "after_s": after_s},
            "geometry": {"type": "MultiPolygon", "coordinates": outline.coordinates()},
        }
        for after_s, outline in zip((0.0, *LEADS_S), escape.outlines, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features[::-1]}


def _front(escape: Escape) -> Json:
    """The streets that are reached next, with seconds from now at every vertex: a screen lets the area grow by them."""
    pieces = escape.pieces
    start, factor = pieces.start.tolist(), escape.flight.factor
    after_s = np.round((pieces.time_s.astype(np.float64) - escape.now_s) / factor, 1).tolist()
    lonlat = pieces.lonlat.tolist()
    chosen = np.flatnonzero(pieces.ring == 1).tolist()
    streets = [{"path": lonlat[start[i] : start[i + 1]], "after_s": after_s[start[i] : start[i + 1]]} for i in chosen]
    return {"until_s": FRONT_S, "streets": streets}
