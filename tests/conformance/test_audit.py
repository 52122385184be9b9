"""The list of looks at personal data, in SQLite and in PostgreSQL: in order, chained, and every change is found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update

from storage.audit import AuditLog, Look, audit_table
from storage.database import open_database
from tests.postgres import new_database

T0 = datetime(2026, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/audit.db"
    if request.param == "postgres":
        url = new_database(request.getfixturevalue("postgres_url"), "audit")
    engine = open_database(url)
    yield engine
    engine.dispose()


def look(number: int, actor: str = "li") -> Look:
    return Look(T0 + timedelta(seconds=number), actor, "user", "operator", "330200000000", "caller", f"i{number}", "desk")


def test_looks_are_read_as_they_were_written(engine: Engine) -> None:
    log = AuditLog(engine)
    assert (log.read(), log.verify()) == ([], (0, []))
    log.append([look(1), look(2)])
    log.append([look(3)])
    assert log.read() == [(1, look(1)), (2, look(2)), (3, look(3))]
    assert log.read(after=1, limit=1) == [(2, look(2))]
    assert AuditLog(engine).verify() == (3, [])


def test_many_at_once_make_one_chain(engine: Engine) -> None:
    log = AuditLog(engine)
    threads = [threading.Thread(target=lambda n=n: log.append([look(n)])) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.verify() == (12, [])
    assert {seen.subject for _, seen in log.read()} == {f"i{n}" for n in range(12)}


def test_what_was_changed_left_out_or_cut_is_named(engine: Engine) -> None:
    log = AuditLog(engine)
    log.append([look(number) for number in range(1, 6)])
    with engine.begin() as connection:
        other = connection.execute(audit_table.select().where(audit_table.c.number == 2)).one().body.replace('"li"', '"wu"')
        connection.execute(update(audit_table).where(audit_table.c.number == 2).values(body=other))
        connection.execute(delete(audit_table).where(audit_table.c.number == 4))
    assert log.verify() == (4, ["look 2 has been changed", "look 4 is missing before look 5"])


def test_a_look_that_was_exchanged_with_its_hash_breaks_the_chain(engine: Engine) -> None:
    log, other = AuditLog(engine), look(2, "somebody else")
    log.append([look(1), look(2), look(3)])
    forged = AuditLog(engine)
    with engine.begin() as connection:
        connection.execute(delete(audit_table).where(audit_table.c.number >= 2))
    forged.append([other])
    with engine.begin() as connection:
        row = connection.execute(audit_table.select().where(audit_table.c.number == 2)).one()
        connection.execute(delete(audit_table).where(audit_table.c.number == 2))
    log.append([look(2), look(3)])
    with engine.begin() as connection:
        connection.execute(update(audit_table).where(audit_table.c.number == 2).values(body=row.body, hash=row.hash))
    assert log.verify() == (3, ["look 3 does not follow the hash of the one before it"])
