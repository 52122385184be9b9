"""The journal in SQLite or PostgreSQL."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Float, Table, and_, bindparam, delete, func, insert, literal, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from dispatch.commands import Caller
from dispatch.events import Recorded
from dispatch.model import Incident
from dispatch.picture import OperatingPicture
from storage import tables as t
from storage.database import writer_connection
from storage.journal import (
    MAX_PAGE,
    Answer,
    Commit,
    CountQuery,
    IncidentQuery,
    JournalError,
    OutboxEntry,
    Page,
    Personal,
    Tally,
    Tip,
    dialled,
)
from storage.read_models import (
    SNAPSHOT_SCHEMA,
    answer_json,
    answer_of,
    cursor_after,
    event_of,
    event_row,
    incident_of,
    incident_row,
    instant,
    picture_bytes,
    picture_of_bytes,
    read_cursor,
    unix_s,
)
from storage.writer_lock import WriterLock

IDS_AT_ONCE = 500  # in one statement

_ANSWER = select(t.answers.c.answer).where(t.answers.c.actor == bindparam("actor"), t.answers.c.key == bindparam("key"))


class SqlJournal:
    """See `storage.journal.Journal`. One database holds the journal of one node."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = WriterLock(engine)
        self._claimed = False
        self._writer: Connection | None = None  # open while claimed; its session holds PostgreSQL's lock
        self._writing = threading.Lock()  # the writer thread and whoever erases a caller share the connection
        dialect = sqlite if engine.dialect.name == "sqlite" else postgresql
        self._upsert_incident = _upsert(dialect.insert(t.incidents), t.incidents)
        self._upsert_answer = _upsert(dialect.insert(t.answers), t.answers)

    # Writing ----------------------------------------------------------------------------------------------------------

    def claim(self) -> None:
        self._connect()
        self._claimed = True

    def release(self) -> None:
        self._claimed = False
        if self._writer is not None:
            self._lock.hand_back(self._writer)
        self._disconnect()

    def _connect(self) -> None:
        connection = writer_connection(self._engine)
        connection.detach()  # not back into the pool when closed: PostgreSQL's lock would live on there
        try:
            self._lock.take(connection)
        except BaseException:
            connection.close()
            raise
        self._writer = connection

    def _disconnect(self) -> None:
        connection, self._writer = self._writer, None
        if connection is not None:
            connection.close()
        self._lock.drop()

    def append(self, commit: Commit) -> None:
        def write(connection: Connection) -> None:
            _insert(connection, t.events, [event_row(recorded) for recorded in commit.records])
            if commit.incidents:
                connection.execute(self._upsert_incident, [incident_row(incident) for incident in commit.incidents])
            if commit.answers:
                connection.execute(self._upsert_answer, [_answer_row(answer) for answer in commit.answers])
            _insert(connection, t.personal, [_personal_row(personal) for personal in commit.personal])
            _insert(connection, t.outbox, [_outbox_row(entry) for entry in commit.outbox])
            if commit.settled:
                connection.execute(delete(t.outbox).where(tuple_(t.outbox.c.assignment_id, t.outbox.c.topic).in_(commit.settled)))

        self._write(write)

    def tidy(self, before: datetime) -> None:
        def write(connection: Connection) -> None:
            for table in (t.answers, t.outbox):
                connection.execute(delete(table).where(table.c.recorded_at < unix_s(before)))

        self._write(write)

    def erase_caller(self, incident_id: str) -> bool:
        statement = delete(t.personal).where(t.personal.c.incident_id == incident_id)
        return bool(self._write(lambda connection: connection.execute(statement).rowcount))

    def save_snapshot(self, picture: OperatingPicture, recorded_at: datetime) -> None:
        row = {"revision": picture.revision, "schema": SNAPSHOT_SCHEMA, "recorded_at": unix_s(recorded_at), "body": picture_bytes(picture)}

        def write(connection: Connection) -> None:
            connection.execute(delete(t.snapshots).where(t.snapshots.c.revision == picture.revision))
            connection.execute(insert(t.snapshots), row)

        self._write(write)

    def _write(self, write: Any) -> Any:
        """One transaction on the writer's connection, durable when this returns."""
        with self._writing:
            try:
                connection = self._connected()
                with connection.begin():
                    return write(connection)
            except SQLAlchemyError as error:
                raise JournalError(f"the journal could not be written: {_reason(error)}; see to the database and send again") from error

    def _connected(self) -> Connection:
        """The writer's connection, a new one when the database has dropped it, and its lock with it."""
        if not self._claimed:
            raise JournalError("the journal is open for reading only; claim it before writing")
        if self._writer is None or self._writer.invalidated:
            self._disconnect()
            self._connect()
        assert self._writer is not None
        return self._writer

    # Reading ----------------------------------------------------------------------------------------------------------

    def tip(self) -> Tip:
        statement = select(t.events.c.revision, t.events.c.hash, t.events.c.recorded_at).order_by(t.events.c.revision.desc()).limit(1)
        rows = self._rows(statement)
        return Tip(rows[0].revision, rows[0].hash, instant(rows[0].recorded_at)) if rows else Tip()

    def read(self, after_revision: int, limit: int) -> list[Recorded]:
        statement = _events().where(t.events.c.revision > after_revision).order_by(t.events.c.revision).limit(limit)
        return [event_of(row) for row in self._rows(statement)]

    def timeline(self, incident_id: str, before_revision: int | None = None) -> list[Recorded]:
        statement = _events().where(t.events.c.incident_id == incident_id).order_by(t.events.c.incident_version)
        if before_revision is not None:
            statement = statement.where(t.events.c.revision < before_revision)
        return [event_of(row) for row in self._rows(statement)]

    def at(self, instant: datetime) -> int:
        # recorded_at never falls from one revision to the next, so the newest one at or before is the last revision.
        statement = (
            select(t.events.c.revision)
            .where(t.events.c.recorded_at <= unix_s(instant))
            .order_by(t.events.c.recorded_at.desc(), t.events.c.revision.desc())
            .limit(1)
        )
        rows = self._rows(statement)
        return int(rows[0].revision) if rows else 0

    def before(self, revision: int, limit: int) -> list[Recorded]:
        statement = _events().where(t.events.c.revision < revision).order_by(t.events.c.revision.desc()).limit(limit)
        return [event_of(row) for row in self._rows(statement)]

    def changed_after(self, revision: int, incident_ids: Collection[str]) -> set[str]:
        found: set[str] = set()
        wanted = list(incident_ids)
        for start in range(0, len(wanted), IDS_AT_ONCE):
            some = t.events.c.incident_id.in_(wanted[start : start + IDS_AT_ONCE])
            statement = select(t.events.c.incident_id).distinct().where(some, t.events.c.revision > revision)
            found.update(row.incident_id for row in self._rows(statement))
        return found

    def first_recorded_at(self) -> datetime | None:
        rows = self._rows(select(t.events.c.recorded_at).order_by(t.events.c.revision).limit(1))
        return instant(rows[0].recorded_at) if rows else None

    def counts(self, query: CountQuery) -> list[tuple[int, str, int]]:
        e, i, start = t.events.c, t.incidents.c, unix_s(query.from_)
        # Rounding may put the last microsecond before `to` into a bin of its own.
        place = func.floor((e.recorded_at - literal(start, Float)) / literal(query.bin_s, Float))
        statement = (
            select(place.label("place"), e.event, func.count().label("number"))
            .join(t.incidents, i.incident_id == e.incident_id)
            .where(e.recorded_at >= start, e.recorded_at < unix_s(query.to))
            .where(i.org_code.in_(sorted(query.orgs)), i.incident_type.not_in(sorted(query.without_types)))
            .group_by(place, e.event)
        )
        return [(min(int(row.place), query.bins - 1), row.event, row.number) for row in self._rows(statement)]

    def recorded_in(self, from_: datetime, to: datetime, every_s: float) -> list[tuple[float, float]]:
        at, start = t.events.c.recorded_at, unix_s(from_)
        place = func.floor((at - literal(start, Float)) / literal(every_s, Float))
        statement = (
            select(func.min(at).label("first"), func.max(at).label("last"))
            .where(at >= start, at < unix_s(to))
            .group_by(place)
            .order_by(func.min(at))
        )
        return [(float(row.first), float(row.last)) for row in self._rows(statement)]

    def answers(self, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
        # One plain statement for each key: a tenth of the time of one IN over pairs, which is compiled anew each time.
        found: dict[tuple[str, str], Answer] = {}
        with self._reading() as connection:
            for actor, key in asked:
                row = connection.execute(_ANSWER, {"actor": actor, "key": key}).first()
                if row is not None:
                    found[actor, key] = answer_of(row.answer)
        return found

    def incident(self, incident_id: str) -> Incident | None:
        return self._incident(t.incidents.c.incident_id == incident_id)

    def incident_by_source(self, source: str, source_id: str) -> Incident | None:
        return self._incident(and_(t.incidents.c.source == source, t.incidents.c.source_id == source_id))

    def _incident(self, which: Any) -> Incident | None:
        rows = self._rows(select(t.incidents.c.body).where(which))
        return incident_of(rows[0].body) if rows else None

    def incidents(self, query: IncidentQuery) -> Page:
        limit = min(max(query.limit, 1), MAX_PAGE)
        statement = _page(query).limit(limit + 1)
        found = tuple(incident_of(row.body) for row in self._rows(statement))
        page = found[:limit]
        return Page(page, cursor_after(page[-1]) if len(found) > limit else None)

    def tally(self, from_: datetime, to: datetime) -> Tally:
        c = t.incidents.c
        counted = select(func.count(), func.coalesce(func.sum(c.version), 0))
        row = self._rows(counted.where(c.received_at >= unix_s(from_), c.received_at < unix_s(to)))[0]
        return Tally(int(row[0]), int(row[1]))

    def caller(self, incident_id: str) -> Personal | None:
        rows = self._rows(select(t.personal).where(t.personal.c.incident_id == incident_id))
        if not rows:
            return None
        return Personal(incident_id, rows[0].salt, Caller(rows[0].name, rows[0].number), instant(rows[0].recorded_at))

    def incidents_of_number(self, number: str, limit: int) -> list[Incident]:
        wanted = dialled(number)
        if not wanted:
            return []
        c = t.incidents.c
        statement = select(c.body).join(t.personal, t.personal.c.incident_id == c.incident_id).where(t.personal.c.dialled == wanted)
        return [incident_of(row.body) for row in self._rows(statement.order_by(c.received_at.desc(), c.incident_id.desc()).limit(limit))]

    def outbox(self, unit_id: str | None = None) -> list[OutboxEntry]:
        statement = select(t.outbox).order_by(t.outbox.c.revision, t.outbox.c.assignment_id)
        if unit_id is not None:
            statement = statement.where(t.outbox.c.unit_id == unit_id)
        return [
            OutboxEntry(row.assignment_id, row.topic, row.revision, row.unit_id, row.incident_id, instant(row.recorded_at))
            for row in self._rows(statement)
        ]

    def snapshot(self, revision: int | None = None) -> OperatingPicture | None:
        statement = select(t.snapshots.c.revision, t.snapshots.c.body).where(t.snapshots.c.schema == SNAPSHOT_SCHEMA)
        if revision is not None:
            statement = statement.where(t.snapshots.c.revision <= revision)
        rows = self._rows(statement.order_by(t.snapshots.c.revision.desc()).limit(1))
        if not rows:
            return None
        try:
            picture = picture_of_bytes(rows[0].body)
            if picture.revision != rows[0].revision:
                raise ValueError(f"it is of revision {picture.revision}")
        except (zlib.error, msgspec.MsgspecError, ValueError) as error:
            remedy = "run verify; when the events are sound, delete the rows of the table snapshots"
            raise JournalError(f"the snapshot of revision {rows[0].revision} can't be read: {error}; {remedy}") from error
        return picture

    def _rows(self, statement: Any) -> list[Any]:
        with self._reading() as connection:
            return list(connection.execute(statement).all())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise JournalError(f"the journal could not be read: {_reason(error)}; see to the database") from error


def _reason(error: SQLAlchemyError) -> str:
    """The driver's words without the statement and its values, which may be personal."""
    return str(getattr(error, "orig", None) or type(error).__name__)


def _upsert(statement: Any, table: Table) -> Any:
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _events() -> Any:
    return select(t.events.c.body, t.events.c.previous_hash, t.events.c.hash)


def _page(query: IncidentQuery) -> Any:
    c = t.incidents.c
    statement = select(c.body).order_by(c.received_at.desc(), c.incident_id.desc())
    if query.stages is not None:
        statement = statement.where(c.stage.in_([str(stage) for stage in query.stages]))
    if query.orgs is not None:
        statement = statement.where(c.org_code.in_(sorted(query.orgs)))
    if query.from_ is not None:
        statement = statement.where(c.received_at >= unix_s(query.from_))
    if query.to is not None:
        statement = statement.where(c.received_at < unix_s(query.to))
    if query.box is not None:
        west, south, east, north = query.box
        statement = statement.where(c.lon.between(west, east), c.lat.between(south, north))
    if query.cursor is not None:
        received_at, incident_id = read_cursor(query.cursor)
        at = unix_s(received_at)
        statement = statement.where(or_(c.received_at < at, and_(c.received_at == at, c.incident_id < incident_id)))
    return statement


def _answer_row(answer: Answer) -> dict[str, Any]:
    return {
        "actor": answer.actor,
        "key": answer.key,
        "digest": answer.digest,
        "answer": answer_json(answer),
        "recorded_at": unix_s(answer.recorded_at),
    }


def _personal_row(personal: Personal) -> dict[str, Any]:
    return {
        "incident_id": personal.incident_id,
        "salt": personal.salt,
        "name": personal.caller.name,
        "number": personal.caller.number,
        "recorded_at": unix_s(personal.recorded_at),
        "dialled": dialled(personal.caller.number),
    }


def _outbox_row(entry: OutboxEntry) -> dict[str, Any]:
    row = msgspec.structs.asdict(entry)
    row["recorded_at"] = unix_s(entry.recorded_at)
    return row
