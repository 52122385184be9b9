"""Reading back what was recorded, without the handler and without the event loop waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from dispatch.model import Stage
from dispatch.picture import OperatingPicture
from operations.records.history import MAX_CHANGES, History
from storage.memory_journal import MemoryJournal
from tests.conformance.test_journal import commit_of
from tests.dispatch.driver import START, STATION, Node


@pytest.fixture
def node() -> Node:
    """Two incidents, a minute apart; a unit on the first."""
    node = Node()
    node.pushed("A")
    node.pass_time(60)
    node.incident(org_code="330203060000", lon=121.7)
    return node


@pytest.fixture
async def history(node: Node) -> AsyncIterator[History]:
    journal = MemoryJournal()
    journal.append(commit_of(node))
    history = History(journal)
    yield history
    await history.stop()


async def test_the_past_as_it_was(history: History, node: Node) -> None:
    assert await history.picture_at(START - timedelta(seconds=1)) == OperatingPicture()
    first = await history.picture_at(START + timedelta(seconds=59))
    assert (first.revision, len(first.incidents)) == (3, 1)
    assert await history.picture_at(START + timedelta(days=1)) == node.picture


async def test_changes_and_timelines(history: History, node: Node) -> None:
    assert await history.changes(0) == node.journal
    assert await history.changes(1, limit=2) == node.journal[1:3]
    assert len(await history.changes(0, limit=0)) == 1
    assert await history.changes(0, limit=10 * MAX_CHANGES) == node.journal
    incident_id = node.journal[1].incident_id or ""
    assert await history.timeline(incident_id) == node.journal[1:3]
    assert await history.timeline("unknown") == []


async def test_incidents_by_what_is_asked(history: History, node: Node) -> None:
    first, second = node.picture.incidents.values()

    async def found(**asked: object) -> list[object]:
        page = await history.incidents(**asked)  # type: ignore[arg-type]
        return list(page.incidents)

    assert await found() == [second, first]
    assert await found(stage="pushed") == [first]
    assert await found(stage=[Stage.RECEIVED, Stage.PUSHED]) == [second, first]
    assert await found(orgs={STATION}) == [first]
    assert await found(from_=START + timedelta(seconds=1)) == [second]
    assert await found(box=(121.6, 29.0, 121.8, 30.0)) == [second]
    page = await history.incidents(limit=1)
    assert (await history.incidents(cursor=page.cursor)).incidents == (first,)
    with pytest.raises(ValueError, match="was not given by a page"):
        await history.incidents(cursor="?")


async def test_one_incident(history: History, node: Node) -> None:
    first = next(iter(node.picture.incidents.values()))
    assert await history.incident(first.incident_id) == first
    assert await history.incident("unknown") is None
    assert await history.caller(first.incident_id) is None
    assert await history.outbox() == []
