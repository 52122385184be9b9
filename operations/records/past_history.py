"""History as it could be read at a moment of the past: nothing in an answer was recorded after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from dispatch.commands import Caller
from dispatch.events import Recorded
from dispatch.model import Incident
from dispatch.past import is_past
from dispatch.past_events import past_incident_at
from dispatch.picture import OperatingPicture
from operations.records.history import History
from operations.records.imported import ImportedIncidents
from storage.journal import MAX_PAGE, PAGE, Page

Box = tuple[float, float, float, float]  # west, south, east, north, degrees


class PastHistory:
    """The questions of `operations.records.history.History` that screens ask, cut off at the picture's revision.

    Incidents the picture holds are taken from it. Older ones are read as they are now unless something happened to them since; then
    they are folded from their own events. One that ended long before and was moved to another place or organisation after this
    moment (which takes reopening it) is not found at its old place.
    """

    def __init__(
        self, history: History, imported: ImportedIncidents, picture: Callable[[], OperatingPicture], now: Callable[[], datetime]
    ) -> None:
        self._history = history
        self._imported = imported
        self._picture = picture
        self._now = now

    @property
    def _revision(self) -> int:
        return self._picture().revision

    async def timeline(self, incident_id: str) -> list[Recorded]:
        """Events of one incident up to this moment, in order; also of one that another system recorded."""
        if is_past(incident_id):
            now = self._now()
            return [recorded for recorded in await self._events(incident_id) if recorded.recorded_at <= now]
        revision = self._revision
        return [recorded for recorded in await self._history.timeline(incident_id) if recorded.revision <= revision]

    async def changes(self, since: int, limit: int = 1_000) -> list[Recorded]:
        """Events after revision `since` up to this moment."""
        revision = self._revision
        return [recorded for recorded in await self._history.changes(since, limit) if recorded.revision <= revision]

    async def incident(self, incident_id: str) -> Incident | None:
        """The incident as it was."""
        if is_past(incident_id):
            return past_incident_at(await self._events(incident_id), self._now())
        picture = self._picture()
        return picture.incidents.get(incident_id) or await self._history.incident_at(incident_id, picture.revision)

    async def incidents(
        self,
        *,
        orgs: Iterable[str] | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        box: Box | None = None,
        limit: int = PAGE,
    ) -> Page:
        """Incidents as they were, newest received first, at most `limit`; there is no second page."""
        picture, until = self._picture(), self._now() + timedelta(microseconds=1)
        to = until if to is None else min(to, until)
        page = await self._history.incidents(from_=from_, to=to, box=box, limit=min(limit, MAX_PAGE))
        older = [one for one in page.incidents if one.incident_id not in picture.incidents]
        found = [*picture.incidents.values(), *await self._as_they_were(older, picture.revision)]
        codes = None if orgs is None else frozenset(orgs)
        kept = [one for one in found if (codes is None or one.org_code in codes) and _is_within(one, from_, to, box)]
        kept.sort(key=lambda one: (one.received_at, one.incident_id), reverse=True)
        return Page(tuple(kept[:limit]), None)

    async def incidents_of_number(self, number: str, limit: int) -> list[Incident]:
        """Incidents whose caller has this number, as they were, newest first."""
        found = await self._history.incidents_of_number(number, limit)
        return await self._as_they_were([one for one in found if one.received_at <= self._now()], self._revision)

    async def caller(self, incident_id: str) -> Caller | None:
        """Who called; None when nobody is known or it was erased since: what was erased is shown nowhere."""
        return await self._history.caller(incident_id)

    async def _events(self, incident_id: str) -> tuple[Recorded, ...]:
        return await asyncio.to_thread(self._imported.timeline, incident_id)

    async def _as_they_were(self, incidents: list[Incident], revision: int) -> list[Incident]:
        changed = await self._history.changed_after(revision, [one.incident_id for one in incidents])
        then = [await self._history.incident_at(one.incident_id, revision) if one.incident_id in changed else one for one in incidents]
        return [one for one in then if one is not None]


def _is_within(incident: Incident, from_: datetime | None, to: datetime, box: Box | None) -> bool:
    if (from_ is not None and incident.received_at < from_) or incident.received_at >= to:
        return False
    if box is None:
        return True
    if incident.lon is None or incident.lat is None:
        return False
    west, south, east, north = box
    return west <= incident.lon <= east and south <= incident.lat <= north
