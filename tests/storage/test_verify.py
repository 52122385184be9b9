"""Every kind of damage to a journal is found and named, and an unharmed one is found sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from dispatch.commands import Caller, ReceiveIncident, caller_digest
from dispatch.model import Grade
from storage.database import open_database, writing
from storage.journal import Personal
from storage.replay import picture_of
from storage.sql_journal import SqlJournal
from storage.verify import Damage, verify
from tests.conformance.test_journal import commit_of
from tests.dispatch.driver import START, STATION, Node

LI = Caller("Li", "13800001234")


@pytest.fixture
def node() -> Node:
    node = Node()
    node.pushed("A", "B")
    node.give(ReceiveIncident(incident_type="theft", grade=Grade.URGENT, org_code=STATION, caller_digest=caller_digest("00ff", LI)))
    return node


@pytest.fixture
def engine(tmp_path: Path, node: Node) -> Iterator[Engine]:
    """A sound journal with a snapshot and a caller."""
    engine = open_database(f"sqlite:///{tmp_path}/journal.db")
    journal = SqlJournal(engine)
    journal.claim()
    commit = commit_of(node)
    last = node.journal[-1].incident_id or ""
    journal.append(type(commit)(commit.records, commit.incidents, personal=(Personal(last, "00ff", LI, START),)))
    journal.save_snapshot(picture_of(journal, 4), START)
    journal.release()
    yield engine
    engine.dispose()


def test_a_sound_journal(engine: Engine, node: Node) -> None:
    found = verify(engine)
    assert (found.events, found.incidents, found.last_hash, found.damage) == (6, 2, node.picture.last_hash, ())
    assert found.is_sound


def test_an_erased_caller_is_no_damage(engine: Engine, node: Node) -> None:
    journal = SqlJournal(engine)
    journal.claim()
    assert journal.erase_caller(node.journal[-1].incident_id or "")
    journal.release()
    assert verify(engine).is_sound


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        ("DELETE FROM events WHERE revision = 2", "revision 2 is missing before revision 3"),
        ("DELETE FROM events WHERE revision IN (2, 3)", "revision 2 to 3 is missing before revision 4"),
        ("UPDATE events SET body = replace(body, 'theft', 'fraud') WHERE revision = 3", "revision 3 is not what was written"),
        ("UPDATE events SET body = '{}' WHERE revision = 3", "revision 3 can't be read"),
        ("UPDATE events SET hash = previous_hash WHERE revision = 4", "revision 5 does not follow the hash of the revision before it"),
        ("UPDATE events SET previous_hash = hash WHERE revision = 4", "revision 4 does not follow the hash of the revision before it"),
        (
            "UPDATE events SET event = 'note_added' WHERE revision = 4",
            "revision 4: column event says 'note_added', the event 'unit_pushed'",
        ),
        ("UPDATE events SET recorded_at = recorded_at - 60 WHERE revision = 4", "revision 4 was recorded before the revision before it"),
        ("UPDATE events SET incident_id = 'x' WHERE revision = 5", "revision 5: column incident_id says 'x'"),
        ("UPDATE incidents SET stage = 'closed' WHERE number = 1", "is not kept as its events say"),
        ("UPDATE incidents SET body = replace(body, 'theft', 'fraud') WHERE number = 1", "is not kept as its events say"),
        ("DELETE FROM incidents WHERE number = 1", "1 incidents have events but no row in the table incidents"),
        ("UPDATE personal SET number = '110'", "is not the one whose digest was recorded"),
        ("UPDATE snapshots SET body = x'00'", "the snapshot of revision 4 can't be read"),
        ("UPDATE snapshots SET revision = 5", "the snapshot of revision 5 can't be read: it is of revision 4"),
    ],
)
def test_damage_is_named(engine: Engine, harm: str, named: str) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql(harm)
    found = verify(engine)
    assert not found.is_sound
    assert any(named in damage.what for damage in found.damage), found.damage


def test_a_forged_snapshot_is_found(engine: Engine) -> None:
    journal = SqlJournal(engine)
    journal.claim()
    forged = picture_of(journal, 4)
    journal.save_snapshot(type(forged)(revision=4, last_hash=forged.last_hash), START)
    journal.release()
    assert verify(engine).damage == (Damage(4, "the snapshot of revision 4 is not what the events make"),)
