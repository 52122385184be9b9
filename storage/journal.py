"""What a journal is: an append-only, hash-chained list of events, and what is kept in step with it.

Two of them pass one conformance suite: `storage.sql_journal.SqlJournal` (SQLite, PostgreSQL) and
`storage.memory_journal.MemoryJournal`. All functions block: call them from threads. Reading is safe from any thread; `append`,
`save_snapshot` and `erase_caller` belong to the one writer that has claimed the journal.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Protocol

import msgspec

from dispatch.commands import Caller
from dispatch.events import Recorded
from dispatch.model import Incident
from dispatch.picture import OperatingPicture

PAGE = 200  # incidents on a page when the caller names no limit
MAX_PAGE = 1_000


class JournalError(Exception):
    """The journal can't be read, written or claimed; the message names the value and the remedy."""


class JournalBusy(JournalError):
    """Another process is this node's writer."""


class Answer(msgspec.Struct, frozen=True):
    """What was answered to a command under an idempotency key. `digest` is of the command; the rest is the answer.

    A refusal has `refusal`, everything else the revisions of its events (none when it was already so).
    """

    actor: str
    key: str
    digest: str
    recorded_at: datetime
    incident_id: str | None = None
    version: int | None = None
    revision: int = 0
    first_revision: int | None = None
    refusal: Refusal | None = None


class Refusal(msgspec.Struct, frozen=True):
    """A DispatchError as it is kept."""

    kind: str
    rule: str
    detail: str
    present_version: int | None = None


class Personal(msgspec.Struct, frozen=True):
    """The caller of one incident, with the salt of the digest in the journal."""

    incident_id: str
    salt: str
    caller: Caller
    recorded_at: datetime


class OutboxEntry(msgspec.Struct, frozen=True):
    """Something a unit's terminal has yet to get: that it was pushed (`push`), or that its assignment is over (`ended`)."""

    assignment_id: str
    topic: str
    revision: int  # of the event that caused it
    unit_id: str
    incident_id: str
    recorded_at: datetime


class Commit(msgspec.Struct, frozen=True):
    """What becomes durable together: events and everything that must never disagree with them."""

    records: tuple[Recorded, ...] = ()
    incidents: tuple[Incident, ...] = ()  # as they are after the last of `records`
    answers: tuple[Answer, ...] = ()
    personal: tuple[Personal, ...] = ()
    outbox: tuple[OutboxEntry, ...] = ()
    settled: tuple[tuple[str, str], ...] = ()  # (assignment_id, topic) of outbox entries that have arrived

    @property
    def is_empty(self) -> bool:
        return not (self.records or self.answers or self.settled)


class Tip(msgspec.Struct, frozen=True):
    """The journal's newest event; revision 0 when there is none."""

    revision: int = 0
    hash: str = ""
    recorded_at: datetime | None = None


class IncidentQuery(msgspec.Struct, frozen=True):
    """Which incidents; None is no restriction. `from_` and `to` bound `received_at` (to excluded), `box` is west, south, east, north."""

    stages: tuple[str, ...] | None = None
    orgs: frozenset[str] | None = None
    from_: datetime | None = None
    to: datetime | None = None
    box: tuple[float, float, float, float] | None = None
    cursor: str | None = None
    limit: int = PAGE


class Tally(msgspec.Struct, frozen=True):
    """What tells whether any incident of a period has changed: how many there are, and the sum of their versions, which only grow."""

    incidents: int
    versions: int


class CountQuery(msgspec.Struct, frozen=True):
    """Which events are counted by when they were recorded: from `from_` on, before `to`, in `bins` bins of equal length.

    Of incidents that now belong to these organisations and are of none of these types.
    """

    from_: datetime
    to: datetime
    bins: int
    orgs: frozenset[str]
    without_types: frozenset[str] = frozenset()

    @property
    def bin_s(self) -> float:
        """Seconds in a bin."""
        return (self.to - self.from_).total_seconds() / self.bins


class Page(msgspec.Struct, frozen=True):
    """Incidents, newest received first. `cursor` asks for the next page; None: there is none."""

    incidents: tuple[Incident, ...]
    cursor: str | None


class Journal(Protocol):
    """See the module."""

    def claim(self) -> None:
        """Become the one writer of this node. Raises JournalBusy when another process is."""
        ...

    def release(self) -> None:
        """Stop being the writer. Harmless when not claimed."""
        ...

    def append(self, commit: Commit) -> None:
        """Write all of `commit` durably or nothing. Raises JournalError; the writer then asks `tip` what has become of it."""
        ...

    def tip(self) -> Tip: ...

    def read(self, after_revision: int, limit: int) -> list[Recorded]:
        """Events after a revision, in order, at most `limit`."""
        ...

    def timeline(self, incident_id: str, before_revision: int | None = None) -> list[Recorded]:
        """All events of one incident, in order; those before a revision only, when given."""
        ...

    def at(self, instant: datetime) -> int:
        """The newest revision recorded at or before `instant`; 0 before the first."""
        ...

    def before(self, revision: int, limit: int) -> list[Recorded]:
        """The newest events before a revision, newest first, at most `limit`."""
        ...

    def changed_after(self, revision: int, incident_ids: Collection[str]) -> set[str]:
        """Which of these incidents have events after a revision."""
        ...

    def first_recorded_at(self) -> datetime | None:
        """When the oldest event was recorded; None without any."""
        ...

    def counts(self, query: CountQuery) -> list[tuple[int, str, int]]:
        """Events of incidents in a span: bin, kind of event, how many; bins without any are left out."""
        ...

    def recorded_in(self, from_: datetime, to: datetime, every_s: float) -> list[tuple[float, float]]:
        """When anything was recorded from one instant on, before another: of each `every_s` with events its first and last, Unix s."""
        ...

    def answers(self, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
        """Kept answers by (actor, key)."""
        ...

    def tidy(self, before: datetime) -> None:
        """Drop answers and outbox entries recorded before `before`: by then nobody sends the same key or waits for a push."""
        ...

    def incident(self, incident_id: str) -> Incident | None: ...

    def incident_by_source(self, source: str, source_id: str) -> Incident | None: ...

    def incidents(self, query: IncidentQuery) -> Page:
        """Raises ValueError for a cursor that no page has given."""
        ...

    def tally(self, from_: datetime, to: datetime) -> Tally:
        """Of the incidents received from `from_` until before `to`."""
        ...

    def caller(self, incident_id: str) -> Personal | None: ...

    def incidents_of_number(self, number: str, limit: int) -> list[Incident]:
        """Incidents whose caller has this number, however it is written, newest received first; none for less than a number."""
        ...

    def erase_caller(self, incident_id: str) -> bool:
        """Erase name, number and salt; whether there were any. The digest in the journal then proves nothing any more."""
        ...

    def outbox(self, unit_id: str | None = None) -> list[OutboxEntry]:
        """What has not arrived yet, oldest first."""
        ...

    def save_snapshot(self, picture: OperatingPicture, recorded_at: datetime) -> None: ...

    def snapshot(self, revision: int | None = None) -> OperatingPicture | None:
        """The newest snapshot at or before `revision`; None without one that this version can read."""
        ...


def dialled(number: str) -> str:
    """The digits of a number as calls are compared by, without the country code of a Chinese mobile; empty for less than a number."""
    digits = re.sub(r"^(?:00)?86(?=1\d{10}$)", "", re.sub(r"\D", "", number, flags=re.ASCII))
    return digits if 5 <= len(digits) <= 40 else ""


def pages(journal: Journal, after_revision: int, to_revision: int | None = None, size: int = 2_000) -> Iterator[Recorded]:
    """All events after a revision (up to and including `to_revision`), read in pieces."""
    while True:
        piece = journal.read(after_revision, size)
        for recorded in piece:
            if to_revision is not None and recorded.revision > to_revision:
                return
            yield recorded
        if len(piece) < size:
            return
        after_revision = piece[-1].revision
