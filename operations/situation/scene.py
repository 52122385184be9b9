"""The one-click answer: what can be at a point when, what sees it, what stands around it, what happened there before.

Also its parts alone: rings, nearest units, travel times. A moment (picture and copies of positions) is taken on the event
loop; everything heavy then runs in threads. Who sees what is applied before anything is computed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dispatch.clock import Clock
from dispatch.duty import standing, status_at
from dispatch.errors import RuleViolation
from dispatch.model import Actor, Incident, UnitKind, UnitStatus
from dispatch.organisations import OrganisationTree
from dispatch.past import PastIncident
from dispatch.picture import OperatingPicture
from geodata.districts.jurisdictions import Jurisdictions
from geodata.routing.nearest import MAX_LIMIT_S, Route, UnitPlacement
from geodata.routing.searches import Direction
from geodata.routing.travel import RingsAnswer, TravelTimes
from geodata.streets.graph import ProfileName
from geodata.streets.snapping import OffNetwork
from operations.access.authority import Authority
from operations.duty.circle_drill import Present
from operations.duty.duty_circles import DutyCircles
from operations.records.history import History
from operations.situation import candidates
from operations.situation.candidates import OLD_FIX_S, Question, Sighting, loads
from operations.situation.elements import ElementStore
from operations.situation.street_speeds import SIREN_GRADE
from operations.tracking.movement import WALKING, Movement, profile_numbers
from operations.tracking.positions import PositionTable, distance_m
from storage.past import METRES_PER_DEGREE, PastIncidents

MINUTES = (1.0, 3.0, 5.0)
MAX_LISTED = 60  # units in one answer
LEAST_AVAILABLE = 5  # so many that could be sent are listed even when they are beyond the rings, or behind many that could not
EARLIER_RADIUS_M, EARLIER_DAYS, MAX_EARLIER = 300.0, 90, 20
CAMERA_RADIUS_M, MAX_CAMERAS = 500.0, 12
STARTING = 4  # whose pictures begin by themselves
# Straight-line radius within which an element matters; those of the catalogue that are not named here use the last.
AROUND_M = {"hydrant": 300.0, "community_gate": 300.0, "key_place": 500.0, "hazmat_site": 1500.0, "fire_station": 3000.0}
AROUND_M |= {"duty_post": 1500.0, "command_room": 3000.0, "hazmat_vehicle": 2000.0, "traffic_event": 1500.0, "metro_station": 1000.0}
ELSEWHERE_M = 800.0
MAX_AROUND = 10  # of each element
NOT_AROUND = frozenset({"street_camera", "scene_video", "drone_video", "weather_station", "weather_alert", "hotspot"})
WEATHER_WITHIN_M = 60_000.0

Json = dict[str, Any]
Box = tuple[float, float, float, float]  # west, south, east, north, degrees


@dataclass(frozen=True)
class Moment:
    """Picture and positions at one instant, for threads."""

    now_s: float
    now: datetime  # the same
    picture: OperatingPicture
    unit_ids: list[str]  # by index
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    position_at: NDArray[np.float64]
    profile: NDArray[np.uint8]  # place in PROFILES


class SceneService:
    """Stateless but for the units' places on the street network, which are moved along from one question to the next."""

    def __init__(
        self,
        *,
        travel: TravelTimes,
        positions: PositionTable,
        elements: ElementStore,
        authority: Authority,
        organisations: OrganisationTree,
        jurisdictions: Jurisdictions,
        clock: Clock,
        picture: Callable[[], OperatingPicture],
        history: History,
        past: PastIncidents,
        org_of: Callable[[PastIncident], str],
        duty_circles: DutyCircles,
        has_address: Callable[[str], bool],
        movement: Movement = WALKING,
    ) -> None:
        self._travel = travel
        self._positions = positions
        self._elements = elements
        self._authority = authority
        self._organisations = organisations
        self._jurisdictions = jurisdictions
        self._clock = clock
        self._picture = picture
        self._history = history
        self._past, self._org_of = past, org_of
        self._duty_circles = duty_circles
        self._has_address = has_address
        self._movement = movement
        self._profile_of_kind = profile_numbers(movement)
        self._placed: UnitPlacement | None = None
        self._placing = threading.Lock()

    def past(
        self,
        *,
        travel: TravelTimes,
        positions: PositionTable,
        elements: ElementStore,
        clock: Clock,
        picture: Callable[[], OperatingPicture],
        history: History,
        duty_circles: DutyCircles,
    ) -> SceneService:
        """The same questions, answered as of another clock."""
        other = copy(self)
        other._travel, other._positions, other._elements, other._clock = travel, positions, elements, clock
        other._picture, other._history, other._duty_circles = picture, history, duty_circles
        other._placed, other._placing = None, threading.Lock()
        return other

    # Questions --------------------------------------------------------------------------------------------------------

    async def scene(self, lon: float, lat: float, actor: Actor, incident: Incident | None = None, quantile: float = 0.5) -> Json:
        """Everything about a point, or about an incident at its point, that the actor may see; rings of this quantile, 0.5 or 0.9."""
        moment = self.moment()
        rings, ground, earlier = await asyncio.gather(
            asyncio.to_thread(self._rings_or_why, lon, lat, _with_siren(incident), quantile),
            asyncio.to_thread(self._ground, moment, lon, lat, actor, incident, quantile),
            self._earlier(lon, lat, actor, incident),
        )
        ring_features, off = rings
        return {
            "at": self._clock.now(),
            "revision": moment.picture.revision,
            "incident_id": incident.incident_id if incident is not None else None,
            "lon": lon,
            "lat": lat,
            "rings": ring_features,
            "no_rings_because": None if off is None else str(off),
            "nearest_street_m": None if off is None else off.distance_m,
            **ground,
            "earlier_incidents": earlier,
        }

    async def incident_scene(self, incident: Incident, actor: Actor) -> Json:
        """The scene of an incident. Raises RuleViolation while it has no point."""
        if incident.lon is None or incident.lat is None:
            raise RuleViolation("no-point", f"Incident {incident.number} has no point yet (待定位), so it has no scene; locate it first.")
        return await self.scene(incident.lon, incident.lat, actor, incident)

    async def rings(
        self,
        lon: float,
        lat: float,
        minutes: Sequence[float] = MINUTES,
        direction: Direction = "to",
        profile: ProfileName = "car",
        quantile: float = 0.5,
        siren: bool = False,
    ) -> RingsAnswer:
        """Raises OffNetwork and BadRings."""
        return await asyncio.to_thread(self._travel.rings, lon, lat, minutes, direction, profile, quantile, siren)

    async def nearest(
        self, lon: float, lat: float, actor: Actor, k: int = 10, kinds: Collection[str] = (), statuses: Collection[str] = ()
    ) -> list[Json]:
        """The k soonest by road among the visible units of these kinds and statuses (empty: any). Raises OffNetwork."""
        return await asyncio.to_thread(self._nearest, self.moment(), lon, lat, actor, k, kinds, statuses)

    async def next_nearest(self, incident: Incident) -> str | None:
        """The available marked unit that is soonest there by road and was not pushed to the incident yet; None while there is none."""
        if incident.lon is None or incident.lat is None:
            return None
        asked = {a.unit_id for a in incident.assignments}
        watch = Actor("scene", "admin", self._organisations.city.code, kind="system")
        try:
            # Those that were asked may be available again: they refused, or were recalled.
            found = await self.nearest(incident.lon, incident.lat, watch, MAX_LISTED + len(asked), statuses=(UnitStatus.AVAILABLE,))
        except OffNetwork:
            return None
        able = [row for row in found if row["available"] and row["marked"] and row["unit_id"] not in asked]
        # An old position says little about who is nearest: such a crew only where there is no other.
        able.sort(key=lambda row: row["fix_age_s"] > OLD_FIX_S)
        return str(able[0]["unit_id"]) if able else None

    async def everyone_for(self, incident: Incident, actor: Actor, named: Collection[str] = ()) -> list[Json]:
        """The soonest crews by road the actor may see, busy or not, as far as the last of those named, each with its reasons.

        Who may be sent is judged by the incident's organisation, so that all who look at it judge alike. For an incident with a point;
        nobody beyond an hour. Raises OffNetwork.
        """
        assert incident.lon is not None
        assert incident.lat is not None
        return await asyncio.to_thread(self._everyone_for, self.moment(), incident.lon, incident.lat, actor, incident, frozenset(named))

    async def crews_near(self, lon: float, lat: float, actor: Actor, limit_s: float, box: Box) -> list[Present]:
        """Every crew the actor may see that is inside the box or can be at the point within the limit by road; also off every street."""
        return await asyncio.to_thread(self._crews_near, self.moment(), lon, lat, actor, limit_s, box)

    async def eta(
        self, start: tuple[float, float], end: tuple[float, float], kind: UnitKind = UnitKind.PATROL_CAR, siren: bool = False
    ) -> Route:
        """The fastest way for a unit of this kind. Raises OffNetwork and NoRoute."""
        return await asyncio.to_thread(self._travel.route, start, end, self._movement[kind], siren)

    # Units ------------------------------------------------------------------------------------------------------------

    def moment(self) -> Moment:
        """Picture and positions as they are now. On the event loop: later writes change the arrays in place."""
        table, n = self._positions, self._positions.count
        return Moment(
            self._clock.unix_s(),
            self._clock.now(),
            self._picture(),
            table.unit_ids[:n],
            table.lon[:n].copy(),
            table.lat[:n].copy(),
            table.position_at[:n].copy(),
            self._profile_of_kind[table.kind[:n]],
        )

    def place(self, moment: Moment) -> UnitPlacement:
        """The moment's units on the street network."""
        with self._placing:
            placed = self._placed
            if placed is not None and np.array_equal(placed.profile, moment.profile):
                placed = self._travel.move(placed, moment.lon, moment.lat)
            else:
                placed = self._travel.place(moment.lon, moment.lat, moment.profile)
            self._placed = placed
            return placed

    def visible(self, moment: Moment, actor: Actor) -> NDArray[np.bool_]:
        """[units] whether the actor may see the unit and it has a position."""
        seen = self._authority.visible_units(actor, moment.picture)
        mask = np.fromiter((unit_id in seen for unit_id in moment.unit_ids), np.bool_, len(moment.unit_ids))
        return mask & ~np.isnan(moment.lon)

    def _sightings(
        self, moment: Moment, lon: float, lat: float, actor: Actor, limit_s: float, siren: bool
    ) -> tuple[list[Sighting], NDArray[np.float64]]:
        """Visible units within the limit by road; when too few are available there, the next available ones beyond.

        Also the times, usual and late, of those that are available and too many to be listed.
        """
        placed, visible = self.place(moment), self.visible(moment, actor)
        times = self._travel.etas_to(lon, lat, placed, limit_s, visible, siren)
        eta_s, metres, late_s, delay_s = times.eta_s, times.distance_m, times.eta_p90_s, times.delay_s
        free = visible & self._free(moment, actor)
        # Those that count come first; where all positions are old, those are listed that were there last.
        for wanted in (free & _fresh(moment), free):
            if np.count_nonzero(np.isfinite(eta_s) & wanted) < LEAST_AVAILABLE:
                beyond = self._travel.nearest(lon, lat, placed, LEAST_AVAILABLE, wanted, siren=siren)
                eta_s[beyond.index], metres[beyond.index] = beyond.eta_s, beyond.distance_m
                late_s[beyond.index], delay_s[beyond.index] = beyond.eta_p90_s, beyond.delay_s
        order = np.argsort(eta_s, kind="stable")
        order = order[np.isfinite(eta_s[order])]
        counting = order[(free & _fresh(moment))[order]]
        is_listed = (np.arange(len(order)) < MAX_LISTED) | np.isin(order, counting[:LEAST_AVAILABLE])
        columns = (eta_s, metres, late_s, delay_s)
        sightings = [self._sighting(moment, int(i), *(float(column[i]) for column in columns)) for i in order[is_listed]]
        unlisted = np.setdiff1d(counting, order[is_listed])
        return sightings, np.stack([eta_s[unlisted], late_s[unlisted]], axis=1)

    def _free(self, moment: Moment, actor: Actor) -> NDArray[np.bool_]:
        """[units] whether the actor could send it, as on record: ten thousand at once; those that are listed are judged by the clock."""
        units, commanded = moment.picture.units, {}
        for org_code in {unit.org_code for unit in units.values()}:
            commanded[org_code] = self._authority.in_scope(actor, org_code)
        known = (units.get(unit_id) for unit_id in moment.unit_ids)
        free = (unit is not None and unit.status == UnitStatus.AVAILABLE and commanded[unit.org_code] for unit in known)
        return np.fromiter(free, np.bool_, len(moment.unit_ids))

    def _everyone_for(self, moment: Moment, lon: float, lat: float, actor: Actor, incident: Incident, named: Collection[str]) -> list[Json]:
        placed, visible = self.place(moment), self.visible(moment, actor)
        times = self._travel.etas_to(lon, lat, placed, MAX_LIMIT_S, visible, _with_siren(incident))
        order = np.argsort(times.eta_s, kind="stable")
        order = order[np.isfinite(times.eta_s[order])]
        last = max((n for n, i in enumerate(order) if moment.unit_ids[i] in named), default=-1)
        columns = (times.eta_s, times.distance_m, times.eta_p90_s, times.delay_s)
        chosen = order[: max(MAX_LISTED, last + 1)]
        sightings = [self._sighting(moment, int(i), *(float(column[i]) for column in columns)) for i in chosen]
        under = self._organisations.reach(incident.org_code, moment.now.date())
        question = replace(self._question(moment, lon, lat, actor, incident), is_commanded=under.__contains__)
        return candidates.assess(sightings, question)

    def _sighting(self, moment: Moment, index: int, eta_s: float, metres: float, eta_p90_s: float, delay_s: float) -> Sighting:
        age_s = max(moment.now_s - float(moment.position_at[index]), 0.0)
        unit = moment.picture.units[moment.unit_ids[index]]
        return Sighting(unit, float(moment.lon[index]), float(moment.lat[index]), age_s, eta_s, metres, eta_p90_s, delay_s)

    def _crews_near(self, moment: Moment, lon: float, lat: float, actor: Actor, limit_s: float, box: Box) -> list[Present]:
        visible, (west, south, east, north) = self.visible(moment, actor), box
        try:
            times = self._travel.etas_to(lon, lat, self.place(moment), limit_s, visible)
            eta_s, metres, late_s, delay_s = times.eta_s, times.distance_m, times.eta_p90_s, times.delay_s
        except OffNetwork:
            eta_s = metres = late_s = np.full(len(visible), np.inf)
            delay_s = np.zeros(len(visible))
        boxed = (moment.lon >= west) & (moment.lon <= east) & (moment.lat >= south) & (moment.lat <= north)
        near = np.flatnonzero(visible & (np.isfinite(eta_s) | boxed))
        columns = (eta_s, metres, late_s, delay_s)
        sightings = [self._sighting(moment, int(i), *(float(column[i]) for column in columns)) for i in near]
        return [Present(one, status_at(one.unit, standing(moment.picture, one.unit, moment.now))) for one in sightings]

    def _question(self, moment: Moment, lon: float, lat: float, actor: Actor, incident: Incident | None) -> Question:
        def number_of(incident_id: str) -> int | None:
            other = moment.picture.incidents.get(incident_id)
            return other.number if other is not None and self._authority.may_see_incident(actor, other, moment.picture) else None

        code = incident.org_code if incident is not None else self._jurisdictions.locate(lon, lat).code
        return Question(
            minutes=MINUTES,
            grade=incident.grade if incident is not None else None,
            chain=(code, *self._organisations.ancestors(code)),
            is_commanded=lambda org_code: self._authority.in_scope(actor, org_code),
            incident_number=number_of,
            assigned=frozenset(a.unit_id for a in incident.active_assignments) if incident is not None else frozenset(),
            standing=lambda unit: standing(moment.picture, unit, moment.now),
            load=loads(moment.picture, moment.now, self._authority.is_confidential),
            movement=self._movement,
        )

    def _nearest(
        self, moment: Moment, lon: float, lat: float, actor: Actor, k: int, kinds: Collection[str], statuses: Collection[str]
    ) -> list[Json]:
        units = moment.picture.units

        def is_wanted(unit_id: str) -> bool:
            unit = units.get(unit_id)
            return unit is not None and (not kinds or unit.kind in kinds) and (not statuses or unit.status in statuses)

        placed, visible = self.place(moment), self.visible(moment, actor)
        wanted = visible & np.fromiter((is_wanted(u) for u in moment.unit_ids), np.bool_, len(visible))
        found = self._travel.nearest(lon, lat, placed, k, wanted)
        rows = zip(found.index, found.eta_s, found.distance_m, found.eta_p90_s, found.delay_s, strict=True)
        sightings = [self._sighting(moment, int(i), *(float(figure) for figure in figures)) for i, *figures in rows]
        assessed = candidates.assess(sightings, self._question(moment, lon, lat, actor, None))
        return [row | {"reason": "; ".join(reason["text"] for reason in row["reasons"])} for row in assessed]

    # Around -----------------------------------------------------------------------------------------------------------

    def _rings_or_why(self, lon: float, lat: float, siren: bool, quantile: float) -> tuple[Json | None, OffNetwork | None]:
        try:
            return self._travel.rings(lon, lat, MINUTES, quantile=quantile, siren=siren).geojson(streets=True), None
        except OffNetwork as off:
            return None, off

    def _ground(self, moment: Moment, lon: float, lat: float, actor: Actor, incident: Incident | None, quantile: float) -> Json:
        """Units by the rings of this quantile, cameras, elements, weather."""
        question = replace(self._question(moment, lon, lat, actor, incident), quantile=quantile)
        try:
            sightings, unlisted = self._sightings(moment, lon, lat, actor, MINUTES[-1] * 60.0, _with_siren(incident))
            assessed = candidates.assess(sightings, question)
            rings = candidates.by_ring(assessed, question, [question.ring_s(*times) for times in unlisted.tolist()])
        except OffNetwork:  # who can be there is not known: no ring is called empty
            assessed, rings = [], []
        organisation = self._organisations.get(question.chain[0])
        return {
            "org_code": question.chain[0],
            "org_name": organisation.name if organisation is not None else "",
            "turnout_s": candidates.TURNOUT_S,
            "units": assessed,
            "units_by_ring": rings,
            "cameras": self._cameras(lon, lat),
            "elements": self._around(lon, lat),
            "weather": self._weather(lon, lat),
            "alerts": self._elements.around(lon, lat, WEATHER_WITHIN_M, ("weather_alert",), MAX_AROUND),
            "duty_circles": self._duty_circles.around(actor, lon, lat),
        }

    def nearest_cameras(self, lon: float, lat: float) -> list[str]:
        """Ids of the cameras whose pictures begin with the panel of an incident there."""
        return [camera["element_id"] for camera in self._cameras(lon, lat) if camera["has_pictures"]]

    def _cameras(self, lon: float, lat: float) -> list[Json]:
        """Closest first; one that looks away counts as twice as far. The nearest with pictures are among them, however many there are that
        are known by their places alone: of the past that is not kept, and taken to be as it is now."""
        around = self._elements.around(lon, lat, CAMERA_RADIUS_M, ("street_camera",))
        found = [camera | {"has_pictures": self._has_address(camera["element_id"])} for camera in around]
        found.sort(key=lambda camera: camera["straight_m"] * (2.0 if camera["looks_here"] is False else 1.0))
        farther = [camera for camera in found if camera["has_pictures"]][:STARTING]
        farther = [camera for camera in farther if camera not in found[:MAX_CAMERAS]]
        return found[: MAX_CAMERAS - len(farther)] + farther

    def _around(self, lon: float, lat: float) -> list[Json]:
        found: list[Json] = []
        for element, kind in self._elements.kinds.items():
            if kind.source in ("city", "readings") and element not in NOT_AROUND:
                found += self._elements.around(lon, lat, AROUND_M.get(element, ELSEWHERE_M), (element,), MAX_AROUND)
        return sorted(found, key=lambda thing: thing["straight_m"])

    def _weather(self, lon: float, lat: float) -> Json | None:
        """The newest reading of the nearest station that has one."""
        stations = self._elements.around(lon, lat, WEATHER_WITHIN_M, ("weather_station",))
        return next((station for station in stations if station["at"] is not None), None)

    async def _earlier(self, lon: float, lat: float, actor: Actor, incident: Incident | None) -> list[Json]:
        """What happened here in the last 90 days, in this journal or as imported, newest first."""
        since = self._clock.now() - timedelta(days=EARLIER_DAYS)
        d_lat = EARLIER_RADIUS_M / METRES_PER_DEGREE
        d_lon = d_lat / max(0.01, float(np.cos(np.radians(lat))))
        box = (lon - d_lon, lat - d_lat, lon + d_lon, lat + d_lat)
        orgs = self._authority.visible_orgs(actor)
        page, past = await asyncio.gather(
            self._history.incidents(orgs=orgs, from_=since, box=box, limit=5 * MAX_EARLIER),
            asyncio.to_thread(self._imported, lon, lat, since, orgs),
        )
        seen = [
            _earlier_row(lon, lat, other, other.incident_id, other.number or None, other.stage)
            for other in page.incidents
            if (incident is None or other.incident_id != incident.incident_id) and self._authority.may_see_incident(actor, other)
        ]
        # In a moment of the past some of them are among the incidents already.
        known = {row["incident_id"] for row in seen} | {None if incident is None else incident.incident_id}
        seen += [_earlier_row(lon, lat, other, None, None, "closed") for other in past if other.incident_id not in known]
        close = [row for row in seen if row["straight_m"] <= EARLIER_RADIUS_M]
        return sorted(close, key=lambda row: row["received_at"], reverse=True)[:MAX_EARLIER]

    def _imported(self, lon: float, lat: float, since: datetime, orgs: frozenset[str]) -> list[PastIncident]:
        """Imported records name no organisation: whoever answers for their place today may read them."""
        past = self._past.near(lon, lat, EARLIER_RADIUS_M, since, 5 * MAX_EARLIER, self._clock.now())
        return [other for other in past if self._org_of(other) in orgs and not self._authority.is_confidential(other.incident_type)]


def _fresh(moment: Moment) -> NDArray[np.bool_]:
    """[units] whether its position says where it is now."""
    return moment.now_s - moment.position_at <= OLD_FIX_S


def _with_siren(incident: Incident | None) -> bool:
    """Whether crews drive there with siren; to a plain point they do not."""
    return incident is not None and incident.grade <= SIREN_GRADE


def _earlier_row(lon: float, lat: float, other: Incident | PastIncident, incident_id: str | None, number: int | None, stage: str) -> Json:
    return {
        "incident_id": incident_id,
        "number": number,
        "incident_type": other.incident_type,
        "grade": int(other.grade),
        "stage": stage,
        "received_at": other.received_at,
        "source": other.source,
        "straight_m": round(float(distance_m(lon, lat, other.lon, other.lat)), 1),
    }
