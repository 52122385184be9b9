"""The next or previous event from an instant on, of one incident or of any, as far as a reader may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from dispatch.events import IncidentEvent, Recorded
from dispatch.evolve import fold
from dispatch.model import Actor, Incident
from dispatch.past_events import past_incident_at
from dispatch.picture import OperatingPicture
from operations.access.authority import Authority
from operations.records.history import History
from operations.records.imported import ImportedIncidents

PAGE = 500
MOST_LOOKED_AT = 20_000  # events; a reader who may see none of so many is told that there is none


class EventSteps:
    """For one reader. Events of incidents only: of units there would be one a second."""

    def __init__(self, history: History, imported: ImportedIncidents, authority: Authority, actor: Actor) -> None:
        self._history = history
        self._imported = imported
        self._authority = authority
        self._actor = actor

    async def next(self, picture: OperatingPicture, at: datetime, until: datetime, incident_id: str | None = None) -> Recorded | None:
        """The first event recorded after `at` and by `until`; `picture` is the one of `at`."""
        if incident_id is not None:
            return await self._of_incident(incident_id, picture, lambda one: at < one.recorded_at <= until, newest_first=False)
        own = await self._own_next(picture, at, until)
        until = until if own is None else min(until, own.recorded_at)
        return await asyncio.to_thread(self._imported.next, at, until, partial(self._is_seen, picture)) or own

    async def _own_next(self, picture: OperatingPicture, at: datetime, until: datetime) -> Recorded | None:
        looked_at = 0
        while looked_at < MOST_LOOKED_AT:
            page = await self._history.changes(picture.revision, PAGE)
            for recorded in page:
                if recorded.recorded_at > until:
                    return None
                picture = fold(picture, (recorded,))
                if recorded.recorded_at > at and self._is_wanted(recorded, picture):
                    return recorded
            looked_at += len(page)
            if len(page) < PAGE:
                return None
        return None

    async def previous(self, picture: OperatingPicture, at: datetime, incident_id: str | None = None) -> Recorded | None:
        """The last event recorded before `at`; `picture` is the one of `at`, and says what may be seen."""
        if incident_id is not None:
            return await self._of_incident(incident_id, picture, lambda one: one.recorded_at < at, newest_first=True)
        own = await self._own_previous(picture, at)
        since = None if own is None else own.recorded_at
        return await asyncio.to_thread(self._imported.previous, at, since, partial(self._is_seen, picture)) or own

    async def _own_previous(self, picture: OperatingPicture, at: datetime) -> Recorded | None:
        before, looked_at = picture.revision + 1, 0
        while looked_at < MOST_LOOKED_AT:
            page = await self._history.before(before, PAGE)
            for recorded in page:
                if recorded.recorded_at < at and self._is_wanted(recorded, picture):
                    return recorded
            looked_at += len(page)
            if len(page) < PAGE:
                return None
            before = page[-1].revision
        return None

    async def _of_incident(
        self, incident_id: str, picture: OperatingPicture, fits: Callable[[Recorded], bool], newest_first: bool
    ) -> Recorded | None:
        """The first in that order that fits and may be seen; also of an incident that ended long ago."""
        imported = await asyncio.to_thread(self._imported.timeline, incident_id)
        timeline = imported or await self._history.timeline(incident_id)
        for recorded in reversed(timeline) if newest_first else timeline:
            if fits(recorded):
                incident = (
                    past_incident_at(imported, recorded.recorded_at)
                    if imported
                    else await self._history.incident_at(incident_id, recorded.revision)
                )
                if self._authority.may_see_event(self._actor, recorded, picture, incident):
                    return recorded
        return None

    def _is_wanted(self, recorded: Recorded, picture: OperatingPicture) -> bool:
        return isinstance(recorded.body, IncidentEvent) and self._authority.may_see_event(self._actor, recorded, picture)

    def _is_seen(self, picture: OperatingPicture, recorded: Recorded, incident: Incident) -> bool:
        """Of another system's incident, as it was then."""
        return self._authority.may_see_event(self._actor, recorded, picture, incident)
