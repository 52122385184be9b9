"""Who looked at personal data or through a camera, and who changed how an account signs in: an append-only list whose entries are
chained by hash, in the database. Call it from a thread.

It stands apart from the journal: looking changes nothing, and a caller's data may be erased while the fact that it was read stays.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import BigInteger, Column, Engine, Float, Row, String, Table, Text, insert, select

from storage.database import writing
from storage.tables import metadata

PIECE = 1_000  # rows read at once

audit_table = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", Float(53), nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON of the look, byte for byte what `hash` was taken of
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)


class Look(msgspec.Struct, frozen=True):
    """One look at personal data, or one act upon an account's sign-in."""

    at: datetime
    actor: str
    actor_kind: str  # user | token | system
    actor_role: str
    org_code: str
    # caller | caller_masked | upload | scene_video | track | camera | camera_snapshot | session_ended | sessions_ended |
    # tracks_held | tracks_released | journal_exported | report | report_table
    what: str
    subject: str  # id of the incident, the upload or the camera; the account, and what of it
    channel: str  # desk | api | terminal | command-line


class AuditLog:
    """The list of one node. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()

    def append(self, looks: Sequence[Look]) -> None:
        """Write these looks down, in this order; on disk when it returns."""
        with self._lock, writing(self._engine) as connection:
            last = connection.execute(select(audit_table).order_by(audit_table.c.number.desc()).limit(1)).first()
            number, previous_hash = (0, "") if last is None else (last.number, last.hash)
            for look in looks:
                number += 1
                body = msgspec.json.encode(look, order="sorted")
                hash_ = _chained(number, previous_hash, body)
                row = {"number": number, "recorded_at": look.at.timestamp(), "body": body.decode()}
                connection.execute(insert(audit_table).values(**row, previous_hash=previous_hash, hash=hash_))
                previous_hash = hash_

    def read(self, after: int = 0, limit: int = PIECE) -> list[tuple[int, Look]]:
        """Looks after a number, oldest first, each with its own."""
        with self._engine.connect() as connection:
            found = select(audit_table).where(audit_table.c.number > after).order_by(audit_table.c.number).limit(limit)
            return [(row.number, msgspec.json.decode(row.body, type=Look)) for row in connection.execute(found)]

    def verify(self) -> tuple[int, list[str]]:
        """How many looks there are, and what is wrong with the list: gaps, broken chains, changed bytes."""
        count, damage = 0, []
        previous: tuple[int, str] = (0, "")
        while piece := self._piece(previous[0]):
            for row in piece:
                if row.number != previous[0] + 1:
                    damage.append(f"look {previous[0] + 1} is missing before look {row.number}")
                if row.previous_hash != previous[1] and row.number == previous[0] + 1:
                    damage.append(f"look {row.number} does not follow the hash of the one before it")
                if row.hash != _chained(row.number, row.previous_hash, row.body.encode()):
                    damage.append(f"look {row.number} has been changed")
                previous = (row.number, row.hash)
                count += 1
        return count, damage

    def _piece(self, after: int) -> Sequence[Row[tuple[object, ...]]]:
        with self._engine.connect() as connection:
            return connection.execute(
                select(audit_table).where(audit_table.c.number > after).order_by(audit_table.c.number).limit(PIECE)
            ).all()


def _chained(number: int, previous_hash: str, body: bytes) -> str:
    """SHA-256, hexadecimal, over the place in the list, the hash of the look before, and the look's own bytes."""
    return hashlib.sha256(f"{number}:{previous_hash}:".encode() + body).hexdigest()
