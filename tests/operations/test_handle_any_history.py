"""Many actors at once: what they leave behind is one history, and every look into the past shows what was live then."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch import picture as pictures
from dispatch.clock import ManualClock
from dispatch.errors import DispatchError
from dispatch.picture import OperatingPicture
from operations.incidents.bus import Bus
from operations.incidents.handle import Handler
from operations.records.history import History
from storage.memory_journal import MemoryJournal
from storage.replay import picture_of
from tests.dispatch.driver import START, Node
from tests.dispatch.test_live_equals_cold import HISTORIES, Step, command_of
from tests.operations.handling import received, registered, running


@pytest.fixture(autouse=True)
def _few_ended_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "KEPT_ENDED", 2)


async def play_at_once(handler: Handler, journal: MemoryJournal, clock: ManualClock, steps: list[Step]) -> dict[int, OperatingPicture]:
    """Five commands at a time, each from its own task. Pictures as they were live, by revision."""
    seen = {}
    for group in range(0, len(steps), 5):
        clock.advance(7)
        node = Node()
        node.journal = journal.read(0, 10_000)
        commands = [(command_of(step, node), step[3]) for step in steps[group : group + 5]]
        given_ = [handler.handle(command, actor) for command, actor in commands if command is not None]
        for result in await asyncio.gather(*given_, return_exceptions=True):
            assert not isinstance(result, BaseException) or isinstance(result, DispatchError), result
        seen[handler.picture.revision] = handler.picture
    return seen


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HISTORIES)
def test_live_cold_and_past_are_one(steps: list[Step]) -> None:
    async def run() -> None:
        journal, clock, bus = MemoryJournal(), ManualClock(START), Bus()
        told = bus.subscribe()
        async with running(journal, clock, bus=bus, snapshot_every=20) as handler:
            await registered(handler, "A", "B", "C")
            await received(handler)
            clock.advance(7)
            seen = await play_at_once(handler, journal, clock, steps)
            live = handler.picture
        told.close()
        history = History(journal)
        try:
            for revision, picture in seen.items():
                assert picture_of(journal, revision, use_snapshots=False) == picture
                recorded_at = journal.read(revision - 1, 1)[0].recorded_at
                # Nothing else was recorded in that instant: time moves on between two groups.
                assert await history.picture_at(recorded_at) == picture
        finally:
            await history.stop()
        assert picture_of(journal) == live
        for incident_id in {r.incident_id for r in journal.read(0, 10_000) if r.incident_id is not None}:
            assert live.incidents.get(incident_id, journal.incident(incident_id)) == journal.incident(incident_id)

    asyncio.run(run())


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HISTORIES, st.integers(1, 4))
def test_restarts_change_nothing(steps: list[Step], parts: int) -> None:
    async def run() -> None:
        journal, clock = MemoryJournal(), ManualClock(START)
        size = len(steps) // parts + 1
        for part in range(parts):
            async with running(journal, clock, snapshot_every=7) as handler:
                assert handler.picture == picture_of(journal, use_snapshots=False)
                await registered(handler, "A", "B")
                await play_at_once(handler, journal, clock, steps[part * size : (part + 1) * size])

    asyncio.run(run())
