"""One writer per node: a second process that wants to write is told so instead of breaking the chain."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from storage.journal import JournalBusy, JournalError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

log = structlog.get_logger(__name__)

# Any constant does, as long as nobody else uses it as an advisory lock in the same database.
POSTGRES_LOCK = 0x4C69616E_646F6E67


class WriterLock:
    """Held until dropped or the process ends, however it ends.

    SQLite: an exclusive lock of the operating system on `<database>.writer`. PostgreSQL: an advisory lock of the session, so it
    is lost with the connection and taken again with the next one.
    """

    def __init__(self, engine: Engine) -> None:
        self._database = engine.url.database or ""
        self._on_file = engine.dialect.name == "sqlite"
        self._descriptor: int | None = None

    def take(self, connection: Connection) -> None:
        """Raises JournalBusy when another process has it."""
        if self._on_file:
            self._take_file()
            return
        try:
            taken = connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": POSTGRES_LOCK}).scalar_one()
            connection.commit()
        except SQLAlchemyError as error:
            raise JournalError(f"the database could not be asked for the writer's lock: {error.__class__.__name__}") from error
        if not taken:
            raise JournalBusy(f"another process already writes the journal in database {self._database}; stop it first")

    def _take_file(self) -> None:
        path = Path(f"{self._database}.writer")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform == "win32":
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise JournalBusy(f"another process already writes the journal {self._database}; stop it first") from None
        self._descriptor = descriptor

    def hand_back(self, connection: Connection) -> None:
        """At once, for whoever asks next: PostgreSQL notices the end of a session a moment after the connection was closed."""
        if self._on_file:
            return
        try:
            connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": POSTGRES_LOCK})
            connection.commit()
        except SQLAlchemyError as error:
            # The session is broken, and its lock gone with it.
            log.info("writer_lock_went_with_its_session", reason=error.__class__.__name__)

    def drop(self) -> None:
        """PostgreSQL's lock goes with the session, which the journal ends."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
