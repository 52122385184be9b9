"""Opening a database: settings that lose nothing, migrations that make what the tables say."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, select

import storage
from storage import tables
from storage.database import connect_database, open_database, upgrade, writing
from tests.postgres import new_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database of each kind, empty."""
    url = f"sqlite:///{tmp_path}/made/on/the/way/journal.db"
    if request.param == "postgres":
        url = new_database(request.getfixturevalue("postgres_url"), "migrated")
    return url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


def test_the_migrations_make_exactly_the_tables_that_are_declared(engine: Engine) -> None:
    for module in pkgutil.iter_modules(storage.__path__):
        importlib.import_module(f"storage.{module.name}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_processes_that_start_at_the_same_moment_wait_for_each_other(url: str) -> None:
    opening = [sys.executable, "-c", "import sys; from storage.database import open_database; open_database(sys.argv[1]).dispose()", url]
    started = [subprocess.Popen(opening, cwd=Path(storage.__path__[0]).parent) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]


def test_opening_again_changes_nothing(engine: Engine) -> None:
    with writing(engine) as connection:
        row = {"assignment_id": "a", "topic": "push", "revision": 1, "unit_id": "u", "incident_id": "i", "recorded_at": 1.5}
        connection.execute(tables.outbox.insert(), row)
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(select(tables.outbox)).one()._asdict() == row


def test_sqlite_waits_for_the_disk_and_for_others(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/journal.db")
    with engine.connect() as connection:
        pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000
    engine.dispose()


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    def fail() -> None:
        row = {"assignment_id": "a", "topic": "push", "revision": 1, "unit_id": "u", "incident_id": "i", "recorded_at": 1.5}
        with writing(engine) as connection:
            connection.execute(tables.outbox.insert(), row)
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    with engine.connect() as connection:
        assert connection.execute(select(tables.outbox)).all() == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "is in memory; name a file, such as sqlite:////var/lib/liandong/journal.db"),
        ("mysql://x/y", "is neither SQLite nor PostgreSQL; give sqlite:////path/file.db or postgresql://…"),
    ],
)
def test_other_databases_are_refused_by_name(url: str, words: str) -> None:
    with pytest.raises(ValueError, match="database ") as refused:
        connect_database(url)
    assert words in str(refused.value)


def test_every_declared_index_is_made(engine: Engine) -> None:
    made = {index["name"] for name in tables.metadata.tables for index in inspect(engine).get_indexes(name)}
    assert {index.name for table in tables.metadata.tables.values() for index in table.indexes} <= made
