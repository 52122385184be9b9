"""Reading back: timelines, changes, incidents by page, pictures of the past. Never on the event loop's own time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from dispatch.commands import Caller
from dispatch.events import Recorded
from dispatch.model import Incident
from dispatch.picture import OperatingPicture
from storage.journal import PAGE, CountQuery, IncidentQuery, Journal, OutboxEntry, Page
from storage.replay import Pictures, loader

Answer = TypeVar("Answer")

MAX_CHANGES = 10_000  # events in one answer


class History:
    """Answers from the journal, so it knows what is durable and nothing else. Its own threads: rings must not wait for reports."""

    def __init__(self, journal: Journal, threads: int = 2) -> None:
        self._journal = journal
        self._pictures = Pictures(journal)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="history")

    async def stop(self) -> None:
        """Wait for what is being read."""
        await asyncio.to_thread(self._threads.shutdown)

    async def timeline(self, incident_id: str) -> list[Recorded]:
        """All events of one incident, in order; none for an unknown one."""
        return await self._read(lambda: self._journal.timeline(incident_id))

    async def changes(self, since: int, limit: int = 1_000) -> list[Recorded]:
        """Events after revision `since`, in order, at most `limit` (and never more than MAX_CHANGES)."""
        return await self._read(lambda: self._journal.read(since, min(max(limit, 1), MAX_CHANGES)))

    async def incidents(
        self,
        *,
        stage: str | Iterable[str] | None = None,
        orgs: Iterable[str] | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
        box: tuple[float, float, float, float] | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
    ) -> Page:
        """Incidents, newest received first; `from_` and `to` bound the time of reception, `box` is west, south, east, north.

        Raises ValueError for a cursor that no page has given.
        """
        stages = (stage,) if isinstance(stage, str) else None if stage is None else tuple(stage)
        query = IncidentQuery(stages, None if orgs is None else frozenset(orgs), from_, to, box, cursor, limit)
        return await self._read(lambda: self._journal.incidents(query))

    async def incident(self, incident_id: str) -> Incident | None:
        """The incident as it is now, also one that ended long ago."""
        return await self._read(lambda: self._journal.incident(incident_id))

    async def incident_at(self, incident_id: str, revision: int) -> Incident | None:
        """The incident as it was after event number `revision`; None before it was received."""
        return await self._read(lambda: loader(self._journal)(incident_id, revision + 1))

    async def changed_after(self, revision: int, incident_ids: Collection[str]) -> set[str]:
        """Which of these incidents have events after a revision."""
        return await self._read(lambda: self._journal.changed_after(revision, incident_ids))

    async def at(self, instant: datetime) -> int:
        """The newest revision recorded at or before `instant`; 0 before the first."""
        return await self._read(lambda: self._journal.at(instant))

    async def picture_after(self, revision: int) -> OperatingPicture:
        """The picture after event number `revision`."""
        return await self._read(lambda: self._pictures.of(revision))

    async def before(self, revision: int, limit: int) -> list[Recorded]:
        """The newest events before a revision, newest first."""
        return await self._read(lambda: self._journal.before(revision, min(max(limit, 1), MAX_CHANGES)))

    async def first_recorded_at(self) -> datetime | None:
        """When the oldest event was recorded."""
        return await self._read(self._journal.first_recorded_at)

    async def counts(self, query: CountQuery) -> list[tuple[int, str, int]]:
        """Events of incidents by bin and kind; see `storage.journal.CountQuery`."""
        return await self._read(lambda: self._journal.counts(query))

    async def recorded_in(self, from_: datetime, to: datetime, every_s: float) -> list[tuple[float, float]]:
        """First and last event of each `every_s` in a span that has any, Unix s, in order."""
        return await self._read(lambda: self._journal.recorded_in(from_, to, every_s))

    async def picture_at(self, time: datetime) -> OperatingPicture:
        """The picture as it was at that instant of recording; empty before the first event."""
        return await self._read(lambda: self._pictures.of(self._journal.at(time)))

    async def picture_of(self, revision: int) -> tuple[OperatingPicture, datetime | None]:
        """The picture after event number `revision`, and when that was recorded; None before the first."""

        def read() -> tuple[OperatingPicture, datetime | None]:
            last = self._journal.read(revision - 1, 1) if revision else []
            return self._pictures.of(revision), last[0].recorded_at if last else None

        return await self._read(read)

    async def caller(self, incident_id: str) -> Caller | None:
        """Who called; None when nobody is known or it was erased."""
        personal = await self._read(lambda: self._journal.caller(incident_id))
        return None if personal is None else personal.caller

    async def incidents_of_number(self, number: str, limit: int) -> list[Incident]:
        """Incidents whose caller has this number, newest first. Personal data: ask `operations.access.personal` instead."""
        return await self._read(lambda: self._journal.incidents_of_number(number, limit))

    async def outbox(self, unit_id: str | None = None) -> list[OutboxEntry]:
        """What has yet to reach terminals, of one unit or of all, oldest first."""
        return await self._read(lambda: self._journal.outbox(unit_id))

    async def _read(self, read: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, read)
