"""Opening the database: SQLite or PostgreSQL by URL, set to lose nothing, brought to the newest schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_TIMEOUT_S = 10  # how long SQLite waits for another writer, such as accounts or tracks, before it gives up
_MIGRATION_LOCK = 0x4C69616E_6D696772  # advisory lock of PostgreSQL; any constant that nobody else uses
_WRITES = "liandong_writes"  # execution option of connections whose transactions take SQLite's write lock at once


class DatabaseUnusable(ValueError):
    """A URL names no database that can be used, or one that does not answer; the message names it and the remedy."""


def open_database(url: str) -> Engine:
    """An engine on `url`, migrated to the newest schema.

    `sqlite:////path/file.db` (its folder is made) or `postgresql://…` (psycopg 3). Raises DatabaseUnusable for any other kind, for
    SQLite in memory, which each connection would see empty, and when the database does not let us in.
    """
    engine = connect_database(url)
    try:
        upgrade(engine)
    except OperationalError as error:
        engine.dispose()
        reason = str(error.orig).splitlines()[0]
        raise DatabaseUnusable(f"database {engine.url!r} can't be opened: {reason}. Is it there, and is the URL right?") from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def connect_database(url: str) -> Engine:
    """The same without touching the schema."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnusable(f"database {url!r} is no URL; give sqlite:////path/file.db or postgresql://user@host/name") from None
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise DatabaseUnusable(f"database {url!r} is in memory; name a file, such as sqlite:////var/lib/liandong/journal.db")
        try:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseUnusable(f"the folder of database {url!r} can't be made: {error.strerror}; name another") from None
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if kind == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    raise DatabaseUnusable(f"database {url!r} is neither SQLite nor PostgreSQL; give sqlite:////path/file.db or postgresql://…")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes. On SQLite it takes the write lock when it begins: one that reads first and writes later
    could not wait for another writer but would fail."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


def writer_connection(engine: Engine) -> Connection:
    """A connection to keep, of which every transaction is one that writes."""
    return engine.connect().execution_options(**{_WRITES: True})


def upgrade(engine: Engine) -> None:
    """Brings the schema to the newest version; does nothing when it is there."""
    config = migration_config()
    with engine.connect() as connection:
        present = set(MigrationContext.configure(connection).get_current_heads())
    if present == set(ScriptDirectory.from_config(config).get_heads()):
        return
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            # Another process may start at the same moment; SQLite's transaction waits for it by itself.
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")


def migration_config() -> Config:
    """Alembic's settings; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_S * 1000}"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")
