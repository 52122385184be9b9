"""What is to be known of an incident's place before anybody enters it: warnings that hold now, and officers' emergencies there before."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol

from dispatch.clock import Clock
from dispatch.codes import OFFICER_EMERGENCY
from dispatch.duplicates import metres_between
from dispatch.model import Actor, Incident, PlaceWarning
from dispatch.picture import OperatingPicture
from dispatch.warnings import concerns, holding
from storage.journal import Page

WITHIN_M = 60.0  # the same house, its yard and the street before it
LOOK_BACK = timedelta(days=90)
MOST_READ = 500  # incidents around a place in that time; a place with more is a square, and the count is of the newest

Json = dict[str, Any]


class Sight(Protocol):
    """The questions of `operations.access.authority.Authority` that matter here."""

    def may_see_warnings(self, actor: Actor, incident: Incident, picture: OperatingPicture) -> bool: ...

    def may_see_incident(self, actor: Actor, incident: Incident, picture: OperatingPicture | None = None) -> bool: ...


class Past(Protocol):
    """Incidents of long ago; `operations.records.history.History`."""

    async def incidents(self, *, from_: datetime, box: tuple[float, float, float, float], limit: int) -> Page: ...


class Premises:
    """Stateless; on the event loop."""

    def __init__(self, sight: Sight, past: Past, clock: Clock) -> None:
        self._sight = sight
        self._past = past
        self._clock = clock

    def warnings(self, actor: Actor, incident: Incident, picture: OperatingPicture) -> list[PlaceWarning]:
        """Warnings that hold for the incident's place, newest first; none for whoever may not see them."""
        if not self._sight.may_see_warnings(actor, incident, picture):
            return []
        return holding(picture.warnings.values(), incident, self._clock.now())

    def for_crew(self, incident: Incident, picture: OperatingPicture) -> list[Json]:
        """What a crew on the incident is told with its push: not by whom, and not from which incident."""
        if not incident.is_open:
            return []
        told = ("warning_id", "warning", "text", "address", "expires_at")
        return [{name: getattr(one, name) for name in told} for one in holding(picture.warnings.values(), incident, self._clock.now())]

    def concerned(self, warnings: Iterable[PlaceWarning], picture: OperatingPicture) -> list[Incident]:
        """Open incidents with crews on them whose place these warnings are of."""
        ours = list(warnings)
        with_crews = (one for one in picture.incidents.values() if one.is_open and one.active_assignments)
        return [one for one in with_crews if any(concerns(warning, one) for warning in ours)]

    async def emergencies(self, actor: Actor, incident: Incident, picture: OperatingPicture) -> list[Incident]:
        """Officers' emergencies at this place in the last 90 days that the actor may see, newest first."""
        if incident.lon is None or incident.lat is None or not self._sight.may_see_warnings(actor, incident, picture):
            return []
        north = math.degrees(WITHIN_M / 6_371_000)
        east = north / max(0.01, math.cos(math.radians(incident.lat)))
        box = (incident.lon - east, incident.lat - north, incident.lon + east, incident.lat + north)
        page = await self._past.incidents(from_=self._clock.now() - LOOK_BACK, box=box, limit=MOST_READ)
        return [
            other
            for other in page.incidents
            if other.incident_type == OFFICER_EMERGENCY
            and other.incident_id != incident.incident_id
            and (metres_between(incident.lon, incident.lat, other.lon, other.lat) or 0.0) <= WITHIN_M
            and self._sight.may_see_incident(actor, other)
        ]
