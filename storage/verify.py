"""Is the journal still what was written? Gaps, broken chains, changed bytes, and read models that disagree with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Engine, func, select

from dispatch.commands import Caller, caller_digest
from dispatch.events import IncidentReceived, Recorded, chain_hash
from dispatch.evolve_incident import evolve_incident
from dispatch.model import Incident
from storage import tables as t
from storage.journal import JournalError
from storage.read_models import event_name, event_of, incident_of_event, incident_row, unix_s
from storage.replay import picture_of
from storage.sql_journal import SqlJournal

MAX_DAMAGE = 1_000  # things named in one report; a journal worse than that is not read to its end
PIECE = 1_000  # rows read at once


class Damage(msgspec.Struct, frozen=True):
    """One thing found wrong. `revision` is 0 where no single event is concerned."""

    revision: int
    what: str


class Verification(msgspec.Struct, frozen=True):
    """What `verify` found."""

    events: int
    incidents: int
    last_hash: str
    damage: tuple[Damage, ...]

    @property
    def is_sound(self) -> bool:
        return not self.damage


def verify(engine: Engine) -> Verification:
    """Reads everything. Events are checked against their hashes, read models, callers and the newest snapshot against the events."""
    damage: list[Damage] = []
    events, last_hash = _check_chain(engine, damage)
    incidents = _check_incidents(engine, damage)
    # A damaged chain can't be folded to compare anything with.
    if not damage:
        _check_snapshot(engine, damage)
    return Verification(events, incidents, last_hash, tuple(damage[:MAX_DAMAGE]))


def _pieces(engine: Engine, statement: Any, key: Any) -> Iterator[Any]:
    """All rows in the order of `key`, read in pieces so that a long journal needs little memory."""
    last = None
    with engine.connect() as connection:
        while True:
            piece = statement if last is None else statement.where(key > last)
            rows = connection.execute(piece.order_by(key).limit(PIECE)).all()
            yield from rows
            if len(rows) < PIECE:
                return
            last = rows[-1]._mapping[key]


def _check_chain(engine: Engine, damage: list[Damage]) -> tuple[int, str]:
    count, revision, previous_hash, recorded_at = 0, 0, "", float("-inf")
    for row in _pieces(engine, select(t.events), t.events.c.revision):
        if row.revision != revision + 1:
            gap = f"{revision + 1}" if row.revision == revision + 2 else f"{revision + 1} to {row.revision - 1}"
            damage.append(Damage(row.revision, f"revision {gap} is missing before revision {row.revision}"))
        elif row.previous_hash != previous_hash:
            damage.append(Damage(row.revision, f"revision {row.revision} does not follow the hash of the revision before it"))
        if row.recorded_at < recorded_at:
            damage.append(Damage(row.revision, f"revision {row.revision} was recorded before the revision before it"))
        damage.extend(Damage(row.revision, what) for what in _event_damage(row))
        count, revision, previous_hash, recorded_at = count + 1, row.revision, row.hash, row.recorded_at
        if len(damage) >= MAX_DAMAGE:
            break
    return count, previous_hash


def _event_damage(row: Any) -> Iterator[str]:
    if chain_hash(row.previous_hash, row.body.encode()) != row.hash:
        yield f"revision {row.revision} is not what was written: its hash does not match"
    try:
        recorded = event_of(row)
    except msgspec.MsgspecError as error:
        yield f"revision {row.revision} can't be read: {error}"
        return
    for name, value in _columns(recorded).items():
        if getattr(row, name) != value:
            yield f"revision {row.revision}: column {name} says {getattr(row, name)!r}, the event {value!r}"


def _columns(recorded: Recorded) -> dict[str, Any]:
    return {
        "revision": recorded.revision,
        "event_id": recorded.event_id,
        "node": recorded.node,
        "incident_id": incident_of_event(recorded),
        "incident_version": recorded.incident_version,
        "event": event_name(recorded),
        "occurred_at": unix_s(recorded.occurred_at),
        "recorded_at": unix_s(recorded.recorded_at),
    }


def _check_incidents(engine: Engine, damage: list[Damage]) -> int:
    """Every incident as kept against every incident as folded from its events, and its caller against the digest there."""
    count = 0
    with engine.connect() as connection:
        unkept = select(func.count(func.distinct(t.events.c.incident_id))).where(
            t.events.c.incident_id.is_not(None), t.events.c.incident_id.not_in(select(t.incidents.c.incident_id))
        )
        missing = connection.execute(unkept).scalar_one()
        if missing:
            damage.append(Damage(0, f"{missing} incidents have events but no row in the table incidents"))
        callers = {row.incident_id: row for row in connection.execute(select(t.personal))}
    for row in _pieces(engine, select(t.incidents), t.incidents.c.incident_id):
        count += 1
        incident, digest, what = _folded(engine, row.incident_id)
        if what is not None:
            damage.append(Damage(0, what))
        elif incident is None or any(getattr(row, name) != value for name, value in incident_row(incident).items()):
            damage.append(Damage(0, f"incident {row.incident_id} is not kept as its events say"))
        caller = callers.get(row.incident_id)
        if caller is not None and caller_digest(caller.salt, Caller(caller.name, caller.number)) != digest:
            damage.append(Damage(0, f"the caller of incident {row.incident_id} is not the one whose digest was recorded"))
        if len(damage) >= MAX_DAMAGE:
            break
    return count


def _folded(engine: Engine, incident_id: str) -> tuple[Incident | None, str | None, str | None]:
    """The incident its events make, the digest of its caller, and what is wrong with its versions."""
    incident, digest = None, None
    with engine.connect() as connection:
        statement = select(t.events).where(t.events.c.incident_id == incident_id).order_by(t.events.c.incident_version)
        rows = connection.execute(statement).all()
    for version, row in enumerate(rows, start=1):
        if row.incident_version != version:
            return None, None, f"incident {incident_id} has no event of version {version}"
        try:
            recorded = event_of(row)
        except msgspec.MsgspecError:
            return None, None, f"incident {incident_id} has an event that can't be read (revision {row.revision})"
        if isinstance(recorded.body, IncidentReceived):
            digest = recorded.body.caller_digest
        incident = evolve_incident(incident, recorded)
    return incident, digest, None


def _check_snapshot(engine: Engine, damage: list[Damage]) -> None:
    journal = SqlJournal(engine)
    try:
        snapshot = journal.snapshot()
    except JournalError as error:
        damage.append(Damage(0, str(error)))
        return
    if snapshot is not None and snapshot != picture_of(journal, snapshot.revision, use_snapshots=False):
        damage.append(Damage(snapshot.revision, f"the snapshot of revision {snapshot.revision} is not what the events make"))
