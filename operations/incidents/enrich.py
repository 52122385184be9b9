"""Fills in what costs a search or a table before a command is decided: WGS-84, who is responsible, the kind of area, the
organisation above, promised road times; and refuses codes that are in none of the city's tables."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from dispatch.clock import Clock
from dispatch.codes import Codes
from dispatch.commands import (
    Arrive,
    Close,
    Command,
    CorrectStage,
    Escalate,
    Locate,
    OfferHandover,
    Push,
    Reassign,
    ReceiveIncident,
    Reinforce,
    Repush,
    Split,
    WarnPlace,
)
from dispatch.duty import standing
from dispatch.duty_commands import MusterReserves, SendBroadcast
from dispatch.errors import NotFound, RuleViolation
from dispatch.events import Promise
from dispatch.model import Actor, Area, ArrivalFix, AssignmentStage, Grade, Incident, Unit, UnitKind, UnitStatus
from dispatch.organisations import OrganisationTree
from dispatch.picture import OperatingPicture
from geodata.datum import UnknownDatum, to_wgs84
from operations.situation.candidates import OLD_FIX_S

ON_THE_WAY = frozenset({AssignmentStage.PUSHED, AssignmentStage.ACKNOWLEDGED, AssignmentStage.EN_ROUTE})


class HasCode(Protocol):
    """An organisation's code."""

    @property
    def code(self) -> str: ...


class Responsibility(Protocol):
    """Who is responsible for a type of incident at a point; `geodata.districts.responsibility.Responsibility`."""

    def of(self, incident_type: str, lon: float, lat: float) -> HasCode: ...

    def territory(self, lon: float, lat: float) -> str: ...


class Areas(Protocol):
    """How built-up a place is; `geodata.streets.areas.Areas`."""

    def of(self, lon: float, lat: float) -> str: ...


class RoadTimes(Protocol):
    """Road times from many points to one; the adapter of `geodata.routing.travel` is made where the system is composed."""

    def promises(
        self, lon: float, lat: float, lons: Sequence[float], lats: Sequence[float], kinds: Sequence[UnitKind], grade: Grade
    ) -> Sequence[Promise | None]:
        """For each origin the way to an incident of this grade at (lon, lat); None where there is none. Called from a thread."""
        ...


class UnitPositions(Protocol):
    """The newest positions; `operations.tracking.positions.PositionTable`. Read on the event loop."""

    lon: Any
    lat: Any
    position_at: Any  # Unix s; NaN where there is none

    def index_of(self, unit_id: str) -> int | None: ...


class Witness(Protocol):
    """What crews' positions say; `operations.tracking.trails.Trails`. Asked on the event loop."""

    def arrival(self, unit_id: str, incident: Incident, at: datetime) -> ArrivalFix: ...


class Enricher:
    """Makes a command complete. What can't be found is left out: no promise without a point, nor without a fresh position."""

    def __init__(
        self,
        responsibility: Responsibility,
        areas: Areas,
        organisations: OrganisationTree,
        codes: Codes,
        road_times: RoadTimes,
        positions: UnitPositions,
        in_scope: Callable[[Actor, str], bool],
        may_see_unit: Callable[[Actor, Unit, OperatingPicture], bool],
        witness: Witness,
        clock: Clock,
        bound_s: Callable[[float, float, Sequence[Unit]], dict[str, float]],
    ) -> None:
        """`in_scope`: whether the actor commands for an organisation. `bound_s`: what duty circles want."""
        self._bound_s = bound_s
        self._may_see_unit = may_see_unit
        self._responsibility = responsibility
        self._areas = areas
        self._organisations = organisations
        self._codes = codes
        self._road_times = road_times
        self._positions = positions
        self._in_scope = in_scope
        self._witness = witness
        self._clock = clock

    async def enrich(self, command: Command, actor: Actor, picture: OperatingPicture, incident: Incident | None) -> Command:
        """`incident` is the one the command names. Raises RuleViolation for an unknown datum or code, NotFound for an organisation."""
        if isinstance(command, ReceiveIncident | Locate | Split):
            command = self._placed(command, actor, incident)  # a tenth of a millisecond at most: not worth a thread
        command = self._witnessed(self._named(command, picture, incident), actor, incident)
        if isinstance(command, SendBroadcast):
            return self._addressed(command, actor, picture)
        if isinstance(command, Locate) and incident is not None:
            on_the_way = [a.unit_id for a in incident.assignments if a.stage in ON_THE_WAY]
            promises = await self._promises(command.lon, command.lat, on_the_way, picture, incident)
            bound = self._bound(command.lon, command.lat, on_the_way, picture)
            return msgspec.structs.replace(command, promises=promises, arrive_within_s=bound)
        if isinstance(command, Push | Reinforce | Reassign | Repush) and incident is not None:
            promises = await self._promises(incident.lon, incident.lat, command.unit_ids, picture, incident)
            bound = self._bound(incident.lon, incident.lat, command.unit_ids, picture)
            return msgspec.structs.replace(command, promises=promises, arrive_within_s=bound)
        return command

    def _bound(self, lon: float | None, lat: float | None, unit_ids: Sequence[str], picture: OperatingPicture) -> dict[str, float]:
        """What the duty circles around the point want of these crews."""
        if lon is None or lat is None or not (abs(lon) <= 180 and abs(lat) <= 90):
            return {}
        return self._bound_s(lon, lat, [picture.units[unit_id] for unit_id in unit_ids if unit_id in picture.units])

    def _named(self, command: Command, picture: OperatingPicture, incident: Incident | None) -> Command:
        """What stands in the city's tables: codes that are known, rules of closing, organisations and their reserves."""
        match command:
            case Close(disposition=disposition):
                if disposition.strip():
                    self._require_disposition(disposition)
                if incident is not None and self._codes.is_reviewed_before_closing(incident.incident_type, incident.grade):
                    return msgspec.structs.replace(command, reviewed_first=True)
            case WarnPlace(warning=warning) if warning.strip() and all(kind.id != warning for kind in self._codes.place_warning):
                known = ", ".join(kind.id for kind in self._codes.place_warning)
                raise RuleViolation("unknown-warning-kind", f"There is no kind of warning {warning!r}; name one of {known}.")
            case Escalate() if incident is not None:
                return msgspec.structs.replace(command, to_org_code=self._above(incident, command.to_org_code))
            case MusterReserves(unit_ids=()):
                return msgspec.structs.replace(command, unit_ids=self._reserves(command.org_code, picture))
            case OfferHandover(to_org_code=code) if code.strip():
                return msgspec.structs.replace(command, to_org_code=self._organisation(code))
        return command

    def _witnessed(self, command: Command, actor: Actor, incident: Incident | None) -> Command:
        """What the crews' own positions say of an arrival."""
        match command:
            case CorrectStage(stage=AssignmentStage.ON_SCENE, unit_ids=(unit_id,), at=datetime() as at) if (
                incident is not None and at.tzinfo
            ):
                return msgspec.structs.replace(command, position=self._witness.arrival(unit_id, incident, at))
            case Arrive() if incident is not None:
                return msgspec.structs.replace(command, positions=self._positions_at(command, actor, incident))
        return command

    def _positions_at(self, command: Arrive, actor: Actor, incident: Incident) -> dict[str, ArrivalFix]:
        """What the positions of the crews that say they have arrived say themselves, for the instant they say it of."""
        now = self._clock.now()
        said = command.happened_at
        at = now if said is None or said.tzinfo is None else min(said, now)
        named = (actor.unit_id,) if actor.unit_id is not None else command.unit_ids
        asked = [a for a in incident.active_assignments if not a.service and (not named or a.unit_id in named)]
        return {a.unit_id: self._witness.arrival(a.unit_id, incident, at) for a in asked}

    def _addressed(self, command: SendBroadcast, actor: Actor, picture: OperatingPicture) -> SendBroadcast:
        """Who gets it: desks and crews on duty of the organisation and those below it, as far as the sender commands and knows of them.

        Not the sender's own desk: it has it.
        """
        top = self._organisation(command.org_code)
        below = [one.code for one in self._organisations.all() if top in (one.code, *self._organisations.ancestors(one.code))]
        codes = [code for code in below if self._in_scope(actor, code)]
        crews = [unit.unit_id for unit in picture.units.values() if unit.org_code in codes and self._is_reached(unit, actor, picture)]
        unit_ids = tuple(crews) if command.to_crews else ()
        desks = tuple(code for code in codes if code != actor.org_code) if command.to_desks else ()
        return msgspec.structs.replace(command, org_code=top, unit_ids=unit_ids, desks=desks)

    def _is_reached(self, unit: Unit, actor: Actor, picture: OperatingPicture) -> bool:
        return unit.registered and unit.status != UnitStatus.OUT_OF_SERVICE and self._may_see_unit(actor, unit, picture)

    def _require_disposition(self, disposition: str) -> None:
        known = [row.id for row in self._codes.disposition]
        if disposition not in known:
            raise RuleViolation("unknown-disposition", f"There is no disposition {disposition!r}; name one of {', '.join(known)}.")

    def _reserves(self, org_code: str, picture: OperatingPicture) -> tuple[str, ...]:
        """Crews of the organisation and of those below it that are off duty now and in service; plain clothes only by name."""
        now = self._clock.now()
        reach = self._organisations.reach(org_code, now.date())
        units = [u for u in picture.units.values() if u.org_code in reach and u.marked and u.own_status != UnitStatus.OUT_OF_SERVICE]
        return tuple(sorted(unit.unit_id for unit in units if not standing(picture, unit, now).on_duty))

    def _above(self, incident: Incident, code: str | None) -> str | None:
        """The organisation named, which must stand above the owner; the nearest one above when none is named."""
        above = self._organisations.ancestors(incident.org_code)
        if code is None or not code.strip():
            return above[0] if above else None
        named = self._organisation(code)
        if named not in above:
            detail = f"{named} is not above {incident.org_code}; escalate to {' or '.join(above) or 'nobody'}, or offer a hand-over."
            raise RuleViolation("escalation-target", detail)
        return named

    def _organisation(self, code: str) -> str:
        try:
            return self._organisations.expand(code)
        except ValueError as error:
            raise NotFound("unknown-organisation", f"There is no such organisation: {error}.") from None

    def _placed(
        self, command: ReceiveIncident | Locate | Split, actor: Actor, incident: Incident | None
    ) -> ReceiveIncident | Locate | Split:
        lon, lat = command.lon, command.lat
        if lon is None or lat is None or not (abs(lon) <= 180 and abs(lat) <= 90):
            return command  # no point, or one that decide refuses
        try:
            lons, lats = to_wgs84(command.datum, lon, lat)
        except UnknownDatum as error:
            raise RuleViolation("unknown-datum", str(error)) from None
        lon, lat = float(lons), float(lats)
        org_code = command.org_code or self._responsibility.of(_type_of(command, incident), lon, lat).code
        if isinstance(command, ReceiveIncident) and command.org_code is None and not self._in_scope(actor, org_code):
            # The first receiver acts: whoever may take calls of a place takes all of them, and hands over what another answers for.
            territory = self._responsibility.territory(lon, lat)
            org_code = territory if self._in_scope(actor, territory) else org_code
        return msgspec.structs.replace(command, lon=lon, lat=lat, datum="wgs84", org_code=org_code, area=Area(self._areas.of(lon, lat)))

    async def _promises(
        self, lon: float | None, lat: float | None, unit_ids: Sequence[str], picture: OperatingPicture, incident: Incident
    ) -> dict[str, Promise]:
        if lon is None or lat is None:
            return {}
        ids, lons, lats, kinds, now_s = [], [], [], [], self._clock.unix_s()
        for unit_id in unit_ids:
            unit, index = picture.units.get(unit_id), self._positions.index_of(unit_id)
            if unit is None or index is None or math.isnan(self._positions.lon[index]):
                continue
            if not now_s - self._positions.position_at[index] <= OLD_FIX_S:  # from where it was then, nothing can be promised
                continue
            ids.append(unit_id)
            lons.append(float(self._positions.lon[index]))
            lats.append(float(self._positions.lat[index]))
            kinds.append(unit.kind)
        if not ids:
            return {}
        found = await asyncio.to_thread(self._road_times.promises, lon, lat, lons, lats, kinds, incident.grade)
        return {unit_id: promise for unit_id, promise in zip(ids, found, strict=True) if promise is not None}


def _type_of(command: ReceiveIncident | Locate | Split, incident: Incident | None) -> str:
    """Of the incident that the command makes or moves. Empty when there is none: the command is refused anyhow."""
    if not isinstance(command, Locate) and command.incident_type is not None:
        return command.incident_type
    return incident.incident_type if incident is not None else ""


class Unenriched:
    """Leaves commands as they are: for a journal without a city."""

    async def enrich(self, command: Command, actor: Actor, picture: OperatingPicture, incident: Incident | None) -> Command:
        return command
