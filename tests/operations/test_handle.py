"""The way of a command: permitted, completed, decided, durable, told, answered."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from dispatch import commands as c
from dispatch import picture as pictures
from dispatch.clock import ManualClock
from dispatch.commands import Caller, Command, caller_digest
from dispatch.errors import Conflict, NotFound, NotPermitted, RuleViolation, Unavailable
from dispatch.events import IncidentReceived
from dispatch.model import Actor, Incident, Stage
from dispatch.picture import OperatingPicture
from operations.incidents.bus import Bus
from operations.records.history import History
from storage.journal import JournalBusy
from storage.memory_journal import MemoryJournal
from storage.replay import picture_of
from tests.dispatch.driver import COUNTY, START, STATION, crew
from tests.operations.handling import DESK, OTHER_DESK, STRANGER, Hindered, noted, received, reception, registered, running


async def test_what_is_answered_is_in_journal_and_picture() -> None:
    journal = MemoryJournal()
    async with running(journal) as handler:
        outcome = await handler.handle(reception(), DESK)
        assert (outcome.version, outcome.revision, outcome.repeated) == (1, 1, False)
        assert tuple(journal.read(0, 10)) == outcome.events
        assert handler.picture.incidents[outcome.incident_id or ""].stage == Stage.RECEIVED
        assert handler.picture == picture_of(journal)


async def test_no_answer_and_no_picture_before_it_is_durable() -> None:
    journal = Hindered()
    async with running(journal) as handler:
        journal.may_write.clear()
        task = asyncio.create_task(handler.handle(reception(), DESK))
        await asyncio.sleep(0.05)
        assert not task.done()
        assert handler.picture.revision == 0
        journal.may_write.set()
        assert (await task).revision == handler.picture.revision == 1


async def test_commands_that_wait_share_a_commit_and_one_refusal_hurts_nobody() -> None:
    journal = Hindered()
    async with running(journal) as handler:
        incident_id = await received(handler)
        journal.may_write.clear()
        first = asyncio.create_task(noted(handler, incident_id, "first"))
        await asyncio.sleep(0.02)
        waiting = [noted(handler, incident_id, str(n)) for n in range(5)]
        results = asyncio.gather(*waiting, noted(handler, "nowhere"), noted(handler, incident_id, "  "), return_exceptions=True)
        await asyncio.sleep(0.02)
        journal.may_write.set()
        *good, unknown, blank = await results
        await first
        assert [len(commit.records) for commit in journal.commits] == [1, 1, 5]
        assert [outcome.version for outcome in good] == [3, 4, 5, 6, 7]  # type: ignore[union-attr]
        assert isinstance(unknown, NotFound)
        assert isinstance(blank, RuleViolation)


async def test_a_fault_of_ours_in_one_command_hurts_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from operations.incidents import batch

    def faulty(picture: OperatingPicture, command: Command, *rest: object) -> object:
        if getattr(command, "text", "") == "bad":
            raise ZeroDivisionError("a fault")
        return decide(picture, command, *rest)

    decide = batch.decide
    monkeypatch.setattr(batch, "decide", faulty)
    async with running(MemoryJournal()) as handler:
        incident_id = await received(handler)
        good, bad = await asyncio.gather(noted(handler, incident_id), noted(handler, incident_id, "bad"), return_exceptions=True)
        assert isinstance(bad, ZeroDivisionError)
        assert good.version == 2  # type: ignore[union-attr]


async def test_the_bus_tells_what_the_picture_already_shows() -> None:
    bus = Bus()
    async with running(MemoryJournal(), bus=bus) as handler:
        subscription, seen = bus.subscribe(), []

        async def listen() -> None:
            async for batch in subscription:
                seen.extend((recorded.revision, handler.picture.revision) for recorded in batch)

        listener = asyncio.create_task(listen())
        incident_id = await received(handler)
        await noted(handler, incident_id)
        await asyncio.sleep(0)
        subscription.close()
        await listener
        assert [revision for revision, _ in seen] == [1, 2]
        assert all(shown >= revision for revision, shown in seen)


async def test_who_may_not_is_refused_before_anything_is_looked_at() -> None:
    journal = MemoryJournal()
    async with running(journal) as handler:
        with pytest.raises(NotPermitted):
            await handler.handle(reception(lon=999.0), STRANGER, key="k")
        assert journal.tip().revision == 0
        assert journal.answers([("user:stranger", "k")]) == {}


# Keys


async def test_the_same_key_gives_the_same_answer_and_one_effect() -> None:
    journal = MemoryJournal()
    async with running(journal) as handler:
        first = await handler.handle(reception(caller=Caller("Li", "138")), DESK, "k")
        again = await handler.handle(reception(caller=Caller("Li", "138")), DESK, "k")
        assert again.repeated
        assert (again.incident_id, again.version, again.revision, again.events) == (
            first.incident_id,
            first.version,
            first.revision,
            first.events,
        )
    async with running(journal) as restarted:
        after_restart = await restarted.handle(reception(caller=Caller("Li", "138")), DESK, "k")
        assert (after_restart.repeated, after_restart.events) == (True, first.events)
        assert restarted.picture.revision == 1


async def test_the_same_key_at_the_same_time_has_one_effect() -> None:
    journal = Hindered()
    async with running(journal) as handler:
        journal.may_write.clear()
        tasks = [asyncio.create_task(handler.handle(reception(), DESK, "k")) for _ in range(4)]
        await asyncio.sleep(0.02)
        journal.may_write.set()
        outcomes = await asyncio.gather(*tasks)
        assert {outcome.incident_id for outcome in outcomes} == {outcomes[0].incident_id}
        assert {outcome.events for outcome in outcomes} == {outcomes[0].events}
        assert handler.picture.revision == 1


async def test_a_key_is_for_one_command_of_one_actor() -> None:
    async with running(MemoryJournal()) as handler:
        await handler.handle(reception(), DESK, "k")
        with pytest.raises(Conflict) as refused:
            await handler.handle(reception(text="another"), DESK, "k")
        assert (refused.value.rule, refused.value.detail) == (
            "key-reused",
            "The key k was used for another command; use a new key for each command.",
        )
        assert not (await handler.handle(reception(text="another"), OTHER_DESK, "k")).repeated


async def test_a_refusal_is_repeated_even_when_it_would_be_allowed_by_now() -> None:
    async with running(MemoryJournal()) as handler:
        await registered(handler, "A")
        incident_id = await received(handler)
        close = c.Close(incident_id=incident_id)
        with pytest.raises(RuleViolation) as first:
            await handler.handle(close, DESK, "k")
        await handler.handle(c.Push(incident_id=incident_id, unit_ids=("A",)), DESK)
        await handler.handle(c.Feedback(incident_id=incident_id, text="done"), DESK)
        with pytest.raises(RuleViolation) as again:
            await handler.handle(close, DESK, "k")
        assert (again.value.rule, again.value.detail) == (first.value.rule, first.value.detail)
        assert (await handler.handle(close, DESK, "k2")).version == 4


async def test_a_conflict_is_repeated_with_its_version() -> None:
    async with running(MemoryJournal()) as handler:
        incident_id = await received(handler)
        for _ in range(2):
            with pytest.raises(Conflict) as refused:
                await handler.handle(c.Note(incident_id=incident_id, text="n", expected_version=7), DESK, "k")
            assert refused.value.present_version == 1


@pytest.mark.parametrize("key", ["", "x" * 201, "a\x00b", "\ud800"])
async def test_unsound_keys_are_refused(key: str) -> None:
    async with running(MemoryJournal()) as handler:
        with pytest.raises(RuleViolation, match=r"is empty, unprintable or longer than 200 characters; send a UUID\."):
            await handler.handle(reception(), DESK, key)


async def test_what_json_can_not_carry_is_refused_by_name() -> None:
    async with running(MemoryJournal()) as handler:
        incident_id = await received(handler)
        with pytest.raises(RuleViolation, match="can't be written as JSON"):
            await handler.handle(c.Feedback(incident_id=incident_id, form={"x": object()}), DESK)
        with pytest.raises(RuleViolation, match="can't be written as JSON"):
            await handler.handle(c.Note(incident_id=incident_id, text="\ud800"), DESK)


# What is written


async def test_a_source_number_received_twice_gives_the_first_incident() -> None:
    async with running(MemoryJournal()) as handler:
        first = await handler.handle(reception(source="110", source_id="7"), DESK)
        second = await handler.handle(reception(source="110", source_id="7", text="again"), OTHER_DESK)
        assert (second.incident_id, second.version, second.repeated, second.events) == (first.incident_id, 1, True, ())


async def test_a_caller_is_kept_apart_and_proved_by_a_digest() -> None:
    journal = MemoryJournal()
    async with running(journal) as handler:
        incident_id = await received(handler, caller=Caller("Li Lei", "13800001234"))
        (recorded,) = journal.read(0, 10)
        assert b"1380000" not in msgspec.json.encode(recorded)
        assert b"Li Lei" not in msgspec.json.encode(recorded)
        personal = journal.caller(incident_id)
        assert personal is not None
        assert isinstance(recorded.body, IncidentReceived)
        assert recorded.body.caller_digest == caller_digest(personal.salt, personal.caller)
        assert handler.picture.incidents[incident_id].has_caller
        history = History(journal)
        assert await history.caller(incident_id) == Caller("Li Lei", "13800001234")
        await history.stop()


@pytest.mark.parametrize(
    ("actor", "fields", "written"),
    [
        (crew("A"), {}, (None, "terminal")),
        (Actor("gateway", "officer", STATION, kind="token"), {}, (None, "terminal")),
        (DESK, {}, ("A", "desk")),
        (DESK, {"on_behalf_of": "Zhang San", "channel": "radio"}, ("Zhang San", "radio")),
        (Actor("cad", "operator", COUNTY, kind="token"), {}, ("A", "api")),
    ],
)
async def test_who_said_it_and_by_what_channel(actor: Actor, fields: dict[str, str], written: tuple[str | None, str]) -> None:
    async with running(MemoryJournal()) as handler:
        await registered(handler, "A")
        incident_id = await received(handler)
        await handler.handle(c.Push(incident_id=incident_id, unit_ids=("A",)), DESK)
        outcome = await handler.handle(c.Acknowledge(incident_id=incident_id, unit_ids=("A",), **fields), actor)  # type: ignore[arg-type]
        (recorded,) = outcome.events
        assert (recorded.on_behalf_of, recorded.channel) == written
        assert (recorded.actor, recorded.actor_role) == (actor.name, actor.role)


async def test_time_in_the_journal_never_runs_backwards() -> None:
    clock = ManualClock(START)
    async with running(MemoryJournal(), clock) as handler:
        incident_id = await received(handler)
        clock.set(START - timedelta(hours=1))
        (recorded,) = (await noted(handler, incident_id)).events
        assert recorded.recorded_at == START


async def test_a_phone_whose_clock_is_seconds_off_is_understood() -> None:
    clock = ManualClock(START)
    async with running(MemoryJournal(), clock) as handler:
        await registered(handler, "A")
        incident_id = await received(handler)
        await handler.handle(c.Push(incident_id=incident_id, unit_ids=("A",)), DESK)
        for command, seconds in ((c.Acknowledge, -3), (c.Depart, 3)):
            happened_at = START + timedelta(seconds=seconds)
            outcome = await handler.handle(command(incident_id=incident_id, happened_at=happened_at), crew("A"))
            assert outcome.events[0].occurred_at == START


async def test_events_of_one_command_belong_together() -> None:
    async with running(MemoryJournal()) as handler:
        await registered(handler, "A", "B")
        incident_id = await received(handler)
        outcome = await handler.handle(c.Push(incident_id=incident_id, unit_ids=("A", "B")), DESK)
        assert [recorded.incident_version for recorded in outcome.events] == [2, 3]
        assert outcome.version == 3
        assert len({recorded.command_id for recorded in outcome.events}) == 1
        assert len({recorded.event_id for recorded in outcome.events}) == 2


# Incidents that ended long ago


async def test_an_incident_the_picture_has_dropped_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "KEPT_ENDED", 1)
    journal = MemoryJournal()
    async with running(journal) as handler:
        old = await received(handler, source="110", source_id="7")
        for incident_id in (old, await received(handler), await received(handler)):
            await handler.handle(c.Cancel(incident_id=incident_id), DESK)
        assert old not in handler.picture.incidents
        assert (await handler.handle(reception(source="110", source_id="7"), DESK)).incident_id == old
        both = await asyncio.gather(noted(handler, old, "a"), noted(handler, old, "b"))
        assert [outcome.version for outcome in both] == [3, 4]
        assert old not in handler.picture.incidents
        kept: Incident | None = journal.incident(old)
        assert kept is not None
        assert kept.version == 4
        await handler.handle(c.Reopen(incident_id=old, text="again"), DESK)
        assert handler.picture.incidents[old].stage == Stage.RECEIVED
        assert handler.picture == picture_of(journal)


# Terminals


async def test_the_outbox_follows_the_assignment() -> None:
    journal = MemoryJournal()

    def waiting() -> set[tuple[str, str]]:
        return {(entry.unit_id, entry.topic) for entry in journal.outbox()}

    async with running(journal) as handler:
        await registered(handler, "A", "B")
        incident_id = await received(handler)
        await handler.handle(c.Push(incident_id=incident_id, unit_ids=("A", "B")), DESK)
        assert waiting() == {("A", "push"), ("B", "push")}
        await handler.handle(c.MarkDelivered(incident_id=incident_id), crew("A"))
        assert waiting() == {("B", "push")}
        await handler.handle(c.Cancel(incident_id=incident_id), DESK)
        assert waiting() == {("A", "ended"), ("B", "ended")}
        entry = journal.outbox("A")[0]
        await handler.settle(((entry.assignment_id, entry.topic),))
        assert waiting() == {("B", "ended")}
        await handler.handle(c.MarkDelivered(incident_id=incident_id), crew("B"))
        assert waiting() == set()


# Failures


async def test_a_failed_commit_advances_nothing_and_answers_everyone() -> None:
    journal = Hindered()
    async with running(journal) as handler:
        incident_id = await received(handler)
        before = handler.picture
        journal.fails_before = True
        results = await asyncio.gather(*(noted(handler, incident_id, str(n)) for n in range(3)), return_exceptions=True)
        assert {type(result) for result in results} == {Unavailable}
        assert str(results[0]) == "The command was not recorded: the disk is full. Send it again with the same key."
        assert handler.picture is before
        journal.fails_before = False
        assert (await noted(handler, incident_id)).version == 2


async def test_a_commit_that_became_durable_although_it_failed_is_taken_over() -> None:
    journal, bus = Hindered(), Bus()
    async with running(journal, bus=bus) as handler:
        incident_id = await received(handler)
        told = bus.subscribe()
        journal.fails_after = True
        with pytest.raises(Unavailable):
            await noted(handler, incident_id, "doubtful", key="k")
        journal.fails_after = False
        again = await noted(handler, incident_id, "doubtful", key="k")
        assert (again.repeated, again.version) == (True, 2)
        assert handler.picture.incidents[incident_id].version == 2
        assert handler.picture == picture_of(journal)
        first_batch = await anext(aiter(told))
        assert [recorded.revision for recorded in first_batch] == [2]


async def test_only_one_handler_writes() -> None:
    journal = MemoryJournal()
    async with running(journal):
        with pytest.raises(JournalBusy):
            async with running(journal):
                pass
    async with running(journal) as later:
        await received(later)


async def test_before_start_and_after_stop_commands_are_told_so() -> None:
    async with running(MemoryJournal()) as handler:
        pass
    with pytest.raises(Unavailable, match="starting or stopping"):
        await handler.handle(reception(), DESK)


async def test_stopping_answers_what_was_accepted() -> None:
    journal = MemoryJournal()
    async with running(journal) as handler:
        tasks = [asyncio.create_task(handler.handle(reception(), DESK)) for _ in range(20)]
        await asyncio.sleep(0)
    assert sorted(outcome.revision for outcome in await asyncio.gather(*tasks)) == list(range(1, 21))


async def test_who_stops_waiting_does_not_stop_the_command() -> None:
    journal = Hindered()
    async with running(journal) as handler:
        journal.may_write.clear()
        task = asyncio.create_task(handler.handle(reception(), DESK))
        await asyncio.sleep(0.02)
        task.cancel()
        journal.may_write.set()
        await received(handler)
        assert journal.tip().revision == 2


# Restart


async def test_a_restart_reads_the_newest_snapshot_and_the_tail() -> None:
    journal = MemoryJournal()
    async with running(journal, snapshot_every=10) as handler:
        incident_id = await received(handler)
        for n in range(24):
            await noted(handler, incident_id, str(n))
        live = handler.picture
    snapshot = journal.snapshot()
    assert snapshot is not None
    assert snapshot.revision == 20
    async with running(journal) as restarted:
        assert restarted.picture == live == picture_of(journal, use_snapshots=False)
        assert (await noted(restarted, incident_id)).revision == 26
