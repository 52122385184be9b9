"""One writer per node, whoever asks, and back to work after the database has dropped the connection."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from dispatch.events import Recorded
from storage.database import open_database
from storage.journal import Commit, JournalBusy, JournalError
from storage.sql_journal import SqlJournal
from tests.dispatch.driver import Node
from tests.postgres import new_database

CLAIM = """
import sys
from storage.database import open_database
from storage.journal import JournalBusy
from storage.sql_journal import SqlJournal
try:
    SqlJournal(open_database(sys.argv[1])).claim()
except JournalBusy as busy:
    print(busy)
"""
ROOT = Path(__file__).resolve().parents[2]


def claim_elsewhere(url: str) -> str:
    """What another process is told that wants to write; empty when it may."""
    done = subprocess.run([sys.executable, "-c", CLAIM, url], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def records(count: int) -> list[Recorded]:
    node = Node()
    for n in range(count):
        node.unit(f"U{n}")
    return node.journal


@pytest.fixture
def postgres_database(postgres_url: str) -> str:
    return new_database(postgres_url, "locked")


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_another_process_is_told_and_may_when_the_first_has_ended(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/j.db" if kind == "sqlite" else request.getfixturevalue("postgres_database")
    engine = open_database(url)
    journal = SqlJournal(engine)
    journal.claim()
    assert "another process already writes the journal" in claim_elsewhere(url)
    assert "stop it first" in claim_elsewhere(url)
    journal.release()
    assert claim_elsewhere(url) == ""
    journal.claim()
    journal.release()
    engine.dispose()


def test_writing_needs_a_claim(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/j.db")
    with pytest.raises(JournalError, match="open for reading only; claim it before writing"):
        SqlJournal(engine).append(Commit(tuple(records(1))))
    engine.dispose()


@pytest.mark.postgres
def test_after_a_lost_connection_the_next_commit_is_written_under_a_new_lock(postgres_database: str, postgres_url: str) -> None:
    engine = open_database(postgres_database)
    journal, (first, second, third) = SqlJournal(engine), records(3)
    journal.claim()
    journal.append(Commit((first,)))
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'locked'")
    with pytest.raises(JournalError, match="could not be written"):
        journal.append(Commit((second,)))
    assert journal.tip().revision == 1
    journal.append(Commit((second,)))
    assert "another process" in claim_elsewhere(postgres_database)
    # Should another process have become the writer in between, this one may not go on.
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'locked'")
    rival_engine = open_database(postgres_database)
    rival = SqlJournal(rival_engine)
    rival.claim()
    with pytest.raises(JournalError):
        journal.append(Commit((third,)))
    with pytest.raises(JournalBusy):
        journal.append(Commit((third,)))
    rival.append(Commit((third,)))
    rival.release()
    journal.release()
    rival_engine.dispose()
    engine.dispose()
