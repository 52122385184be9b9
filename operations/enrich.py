"""Fills in what costs a search before a command is decided: WGS-84, the responsible organisation, promised road times."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from dispatch.commands import Command, Locate, Push, Reassign, ReceiveIncident, Reinforce
from dispatch.errors import RuleViolation
from dispatch.events import Promise
from dispatch.model import AssignmentStage, Incident, UnitKind
from dispatch.picture import OperatingPicture
from geodata.datum import UnknownDatum, to_wgs84

ON_THE_WAY = frozenset({AssignmentStage.PUSHED, AssignmentStage.ACKNOWLEDGED, AssignmentStage.EN_ROUTE})


class HasCode(Protocol):
    """An organisation's code."""

    @property
    def code(self) -> str: ...


class Jurisdictions(Protocol):
    """Who answers for a point; `geodata.jurisdictions.Jurisdictions`."""

    def locate(self, lon: float, lat: float) -> HasCode: ...


class RoadTimes(Protocol):
    """Road times from many points to one; the adapter of `geodata.travel` is made where the system is composed."""

    def promises(
        self, lon: float, lat: float, lons: Sequence[float], lats: Sequence[float], kinds: Sequence[UnitKind]
    ) -> Sequence[Promise | None]:
        """For each origin the way to (lon, lat); None where there is none. Called from a thread."""
        ...


class UnitPositions(Protocol):
    """The newest positions; `operations.positions.PositionTable`. Read on the event loop."""

    lon: Any
    lat: Any

    def index_of(self, unit_id: str) -> int | None: ...


class Enricher:
    """Makes a command complete. What can't be found is left out: an incident without a point has no promise."""

    def __init__(self, jurisdictions: Jurisdictions, road_times: RoadTimes, positions: UnitPositions) -> None:
        self._jurisdictions = jurisdictions
        self._road_times = road_times
        self._positions = positions

    async def enrich(self, command: Command, picture: OperatingPicture, incident: Incident | None) -> Command:
        """`incident` is the one the command names. Raises RuleViolation for an unknown datum."""
        if isinstance(command, ReceiveIncident | Locate):
            command = self._placed(command)  # ten microseconds: not worth a thread
        if isinstance(command, Locate) and incident is not None:
            on_the_way = [a.unit_id for a in incident.assignments if a.stage in ON_THE_WAY]
            promises = await self._promises(command.lon, command.lat, on_the_way, picture)
            return msgspec.structs.replace(command, promises=promises)
        if isinstance(command, Push | Reinforce | Reassign) and incident is not None:
            promises = await self._promises(incident.lon, incident.lat, command.unit_ids, picture)
            return msgspec.structs.replace(command, promises=promises)
        return command

    def _placed(self, command: ReceiveIncident | Locate) -> ReceiveIncident | Locate:
        lon, lat = command.lon, command.lat
        if lon is None or lat is None or not (abs(lon) <= 180 and abs(lat) <= 90):
            return command  # no point, or one that decide refuses
        try:
            lons, lats = to_wgs84(command.datum, lon, lat)
        except UnknownDatum as error:
            raise RuleViolation("unknown-datum", str(error)) from None
        lon, lat = float(lons), float(lats)
        org_code = command.org_code or self._jurisdictions.locate(lon, lat).code
        return msgspec.structs.replace(command, lon=lon, lat=lat, datum="wgs84", org_code=org_code)

    async def _promises(
        self, lon: float | None, lat: float | None, unit_ids: Sequence[str], picture: OperatingPicture
    ) -> dict[str, Promise]:
        if lon is None or lat is None:
            return {}
        ids, lons, lats, kinds = [], [], [], []
        for unit_id in unit_ids:
            unit, index = picture.units.get(unit_id), self._positions.index_of(unit_id)
            if unit is None or index is None or math.isnan(self._positions.lon[index]):
                continue
            ids.append(unit_id)
            lons.append(float(self._positions.lon[index]))
            lats.append(float(self._positions.lat[index]))
            kinds.append(unit.kind)
        if not ids:
            return {}
        found = await asyncio.to_thread(self._road_times.promises, lon, lat, lons, lats, kinds)
        return {unit_id: promise for unit_id, promise in zip(ids, found, strict=True) if promise is not None}


class Unenriched:
    """Leaves commands as they are: for a journal without a city."""

    async def enrich(self, command: Command, picture: OperatingPicture, incident: Incident | None) -> Command:
        return command
