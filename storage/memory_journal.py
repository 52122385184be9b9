"""A journal in memory: for tests and trials; lasts as long as the process."""

from __future__ import annotations

import bisect
import threading
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime

from dispatch.events import Recorded
from dispatch.model import Incident
from dispatch.picture import OperatingPicture
from storage.journal import (
    MAX_PAGE,
    Answer,
    Commit,
    CountQuery,
    IncidentQuery,
    JournalBusy,
    JournalError,
    OutboxEntry,
    Page,
    Personal,
    Tally,
    Tip,
    dialled,
)
from storage.read_models import cursor_after, incident_of_event, matches, picture_bytes, picture_of_bytes, read_cursor


class MemoryJournal:
    """See `storage.journal.Journal`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # between the writer and readers on other threads
        self._claimed = False
        self._records: list[Recorded] = []  # revision n stands at n - 1
        self._by_incident: dict[str, list[Recorded]] = {}
        self._incidents: dict[str, Incident] = {}
        self._by_source: dict[tuple[str, str], str] = {}
        self._answers: dict[tuple[str, str], Answer] = {}
        self._personal: dict[str, Personal] = {}
        self._outbox: dict[tuple[str, str], OutboxEntry] = {}
        self._snapshots: dict[int, bytes] = {}

    def claim(self) -> None:
        if self._claimed:
            raise JournalBusy("this journal in memory already has a writer; make another one")
        self._claimed = True

    def release(self) -> None:
        self._claimed = False

    def append(self, commit: Commit) -> None:
        with self._lock:
            expected = len(self._records) + 1
            for offset, recorded in enumerate(commit.records):
                if recorded.revision != expected + offset:
                    raise JournalError(f"revision {recorded.revision} does not follow {expected + offset - 1}; read the tip again")
            for recorded in commit.records:
                self._records.append(recorded)
                incident_id = incident_of_event(recorded)
                if incident_id is not None:
                    self._by_incident.setdefault(incident_id, []).append(recorded)
            for incident in commit.incidents:
                self._incidents[incident.incident_id] = incident
                if incident.source_id is not None:
                    self._by_source[incident.source, incident.source_id] = incident.incident_id
            self._answers.update({(answer.actor, answer.key): answer for answer in commit.answers})
            self._personal.update({personal.incident_id: personal for personal in commit.personal})
            self._outbox.update({(entry.assignment_id, entry.topic): entry for entry in commit.outbox})
            for settled in commit.settled:
                self._outbox.pop(settled, None)

    def tip(self) -> Tip:
        with self._lock:
            if not self._records:
                return Tip()
            last = self._records[-1]
            return Tip(last.revision, last.hash, last.recorded_at)

    def read(self, after_revision: int, limit: int) -> list[Recorded]:
        with self._lock:
            return self._records[max(after_revision, 0) : max(after_revision, 0) + limit]

    def timeline(self, incident_id: str, before_revision: int | None = None) -> list[Recorded]:
        with self._lock:
            events = self._by_incident.get(incident_id, [])
            return [e for e in events if before_revision is None or e.revision < before_revision]

    def at(self, instant: datetime) -> int:
        with self._lock:
            return bisect.bisect_right(self._records, instant, key=lambda recorded: recorded.recorded_at)

    def before(self, revision: int, limit: int) -> list[Recorded]:
        with self._lock:
            end = min(max(revision - 1, 0), len(self._records))
            return self._records[max(end - limit, 0) : end][::-1]

    def changed_after(self, revision: int, incident_ids: Collection[str]) -> set[str]:
        with self._lock:
            return {one for one in incident_ids if any(recorded.revision > revision for recorded in self._by_incident.get(one, ()))}

    def first_recorded_at(self) -> datetime | None:
        with self._lock:
            return self._records[0].recorded_at if self._records else None

    def counts(self, query: CountQuery) -> list[tuple[int, str, int]]:
        found: Counter[tuple[int, str]] = Counter()
        with self._lock:
            for recorded in self._records:
                incident = self._incidents.get(incident_of_event(recorded) or "")
                if incident is None or not query.from_ <= recorded.recorded_at < query.to:
                    continue
                if incident.org_code in query.orgs and incident.incident_type not in query.without_types:
                    place = int((recorded.recorded_at - query.from_).total_seconds() // query.bin_s)
                    found[min(place, query.bins - 1), str(type(recorded.body).__struct_config__.tag)] += 1
        return [(place, event, number) for (place, event), number in found.items()]

    def recorded_in(self, from_: datetime, to: datetime, every_s: float) -> list[tuple[float, float]]:
        with self._lock:
            instants = [one.recorded_at for one in self._records if from_ <= one.recorded_at < to]
        bins: dict[int, list[float]] = {}
        for at in instants:
            bins.setdefault(int((at - from_).total_seconds() // every_s), []).append(at.timestamp())
        return [(min(own), max(own)) for _, own in sorted(bins.items())]

    def answers(self, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
        with self._lock:
            return {pair: self._answers[pair] for pair in asked if pair in self._answers}

    def tidy(self, before: datetime) -> None:
        with self._lock:
            self._answers = {pair: answer for pair, answer in self._answers.items() if answer.recorded_at >= before}
            self._outbox = {pair: entry for pair, entry in self._outbox.items() if entry.recorded_at >= before}

    def incident(self, incident_id: str) -> Incident | None:
        with self._lock:
            return self._incidents.get(incident_id)

    def incident_by_source(self, source: str, source_id: str) -> Incident | None:
        with self._lock:
            incident_id = self._by_source.get((source, source_id))
            return None if incident_id is None else self._incidents[incident_id]

    def incidents(self, query: IncidentQuery) -> Page:
        limit = min(max(query.limit, 1), MAX_PAGE)
        with self._lock:
            found = [incident for incident in self._incidents.values() if matches(incident, query)]
        found.sort(key=lambda incident: (incident.received_at, incident.incident_id), reverse=True)
        if query.cursor is not None:
            after = read_cursor(query.cursor)
            found = [incident for incident in found if (incident.received_at, incident.incident_id) < after]
        page = tuple(found[:limit])
        return Page(page, cursor_after(page[-1]) if len(found) > limit else None)

    def tally(self, from_: datetime, to: datetime) -> Tally:
        with self._lock:
            found = [one.version for one in self._incidents.values() if from_ <= one.received_at < to]
        return Tally(len(found), sum(found))

    def caller(self, incident_id: str) -> Personal | None:
        with self._lock:
            return self._personal.get(incident_id)

    def incidents_of_number(self, number: str, limit: int) -> list[Incident]:
        wanted = dialled(number)
        with self._lock:
            ids = [one.incident_id for one in self._personal.values() if wanted and dialled(one.caller.number) == wanted]
            found = [self._incidents[incident_id] for incident_id in ids if incident_id in self._incidents]
        return sorted(found, key=lambda one: (one.received_at, one.incident_id), reverse=True)[:limit]

    def erase_caller(self, incident_id: str) -> bool:
        with self._lock:
            return self._personal.pop(incident_id, None) is not None

    def outbox(self, unit_id: str | None = None) -> list[OutboxEntry]:
        with self._lock:
            entries = [entry for entry in self._outbox.values() if unit_id is None or entry.unit_id == unit_id]
        return sorted(entries, key=lambda entry: (entry.revision, entry.assignment_id))

    def save_snapshot(self, picture: OperatingPicture, recorded_at: datetime) -> None:
        body = picture_bytes(picture)
        with self._lock:
            self._snapshots[picture.revision] = body

    def snapshot(self, revision: int | None = None) -> OperatingPicture | None:
        with self._lock:
            fitting = [r for r in self._snapshots if revision is None or r <= revision]
            body = self._snapshots[max(fitting)] if fitting else None
        return None if body is None else picture_of_bytes(body)
