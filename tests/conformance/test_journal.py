"""One suite for every journal: in memory, in SQLite, in PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch import picture as pictures
from dispatch.commands import Caller, Close
from dispatch.evolve_incident import evolve_incident
from dispatch.model import Incident, Stage
from dispatch.picture import OperatingPicture
from storage import replay
from storage.database import open_database
from storage.journal import (
    Answer,
    Commit,
    CountQuery,
    IncidentQuery,
    Journal,
    JournalBusy,
    JournalError,
    OutboxEntry,
    Personal,
    Refusal,
    pages,
)
from storage.memory_journal import MemoryJournal
from storage.replay import Pictures, picture_of
from storage.sql_journal import SqlJournal
from tests.dispatch.driver import START, Node
from tests.dispatch.test_live_equals_cold import HISTORIES, Step, play
from tests.postgres import new_database

T0 = datetime(2026, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def open_journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Journal]]:
    """Opens empty journals of one kind, each claimed."""
    with ExitStack() as cleanup:
        count = 0

        def new() -> Journal:
            nonlocal count
            count += 1
            journal: Journal = MemoryJournal()
            if request.param != "memory":
                engine = open_database(_url(request, tmp_path, f"j{count}"))
                cleanup.callback(engine.dispose)
                journal = SqlJournal(engine)
            journal.claim()
            cleanup.callback(journal.release)
            return journal

        yield new


def _url(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/{name}.db"
    return new_database(request.getfixturevalue("postgres_url"), name)


@pytest.fixture
def journal(open_journal: Callable[[], Journal]) -> Journal:
    return open_journal()


@pytest.fixture(scope="module")
def node() -> Node:
    """Three incidents at different places and times, one of them closed; units A and B."""
    node = Node()
    node.pass_time(0.123456)
    first = node.pushed("A", "B")
    node.pass_time(60)
    node.incident(lon=121.60, lat=29.90, source="110", source_id="7")
    node.pass_time(60)
    node.incident(lon=None, lat=None, org_code="330203060000")
    node.give(Close(incident_id=first, disposition="done"))
    return node


def commit_of(node: Node, first: int = 1, last: int | None = None) -> Commit:
    """The records of a node from revision to revision, with the incidents they change."""
    records = tuple(node.journal[first - 1 : last])
    changed = dict.fromkeys(r.incident_id for r in records if r.incident_id is not None)
    before = len(node.journal) + 1 if last is None else last + 1
    incidents = tuple(incident for id_ in changed if (incident := node.load(id_, before)) is not None)
    return Commit(records=records, incidents=incidents)


@pytest.fixture
def filled(journal: Journal, node: Node) -> Journal:
    journal.append(commit_of(node))
    return journal


def test_an_empty_journal(journal: Journal) -> None:
    assert journal.tip().revision == 0
    assert journal.read(0, 10) == []
    assert journal.at(T0) == 0
    assert journal.timeline("i") == []
    assert journal.incident("i") is None
    assert journal.incidents(IncidentQuery()).incidents == ()
    assert journal.snapshot() is None
    assert picture_of(journal) == OperatingPicture()


def test_events_come_back_as_they_were_written(filled: Journal, node: Node) -> None:
    assert filled.read(0, 1_000) == node.journal
    assert filled.read(3, 2) == node.journal[3:5]
    assert list(pages(filled, 0, size=2)) == node.journal
    assert list(pages(filled, 2, to_revision=5, size=2)) == node.journal[2:5]
    tip = filled.tip()
    assert (tip.revision, tip.hash, tip.recorded_at) == (len(node.journal), node.picture.last_hash, node.journal[-1].recorded_at)


def test_a_timeline_is_one_incident_in_order(filled: Journal, node: Node) -> None:
    incident_id = next(iter(node.picture.incidents))
    own = [r for r in node.journal if r.incident_id == incident_id]
    assert filled.timeline(incident_id) == own
    assert filled.timeline(incident_id, before_revision=own[-1].revision) == own[:-1]


def test_the_revision_at_an_instant(filled: Journal, node: Node) -> None:
    for recorded in node.journal:
        newest = max(r.revision for r in node.journal if r.recorded_at <= recorded.recorded_at)
        assert filled.at(recorded.recorded_at) == newest
        assert filled.at(recorded.recorded_at - timedelta(microseconds=1)) < recorded.revision
    assert filled.at(START) == 0
    assert filled.at(START + timedelta(days=1)) == len(node.journal)


def test_the_picture_at_any_revision_with_and_without_snapshots(filled: Journal, node: Node) -> None:
    assert picture_of(filled) == node.picture
    middle = picture_of(filled, 5)
    assert middle.revision == 5
    filled.save_snapshot(middle, T0)
    assert filled.snapshot() == middle
    assert filled.snapshot(4) is None
    for revision in range(len(node.journal) + 1):
        assert picture_of(filled, revision) == picture_of(filled, revision, use_snapshots=False)
    assert picture_of(filled) == node.picture


def test_pictures_of_the_past_are_the_same_in_any_order(filled: Journal, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "KEPT_EVERY", 3)
    monkeypatch.setattr(replay, "KEPT_PICTURES", 2)
    past = Pictures(filled)
    for revision in (len(node.journal), 2, 5, 4, 0, len(node.journal) - 1, 5):
        assert past.of(revision) == picture_of(filled, revision, use_snapshots=False)


def test_events_before_a_revision_and_what_was_changed_after_one(filled: Journal, node: Node) -> None:
    assert filled.before(6, 3) == node.journal[4:1:-1]
    assert filled.before(1, 3) == []
    assert filled.first_recorded_at() == node.journal[0].recorded_at
    own = {r.incident_id for r in node.journal if r.incident_id is not None}
    closed = node.journal[-1].incident_id
    assert filled.changed_after(len(node.journal) - 1, own) == {closed}
    assert filled.changed_after(len(node.journal), own) == set()
    assert filled.changed_after(0, []) == set()


def test_events_are_counted_by_bin_and_kind(filled: Journal, node: Node) -> None:
    first, last = node.journal[0].recorded_at, node.journal[-1].recorded_at + timedelta(seconds=1)
    own = [r for r in node.journal if r.incident_id is not None]
    orgs = frozenset(incident.org_code for incident in node.picture.incidents.values())
    for bins in (1, 7):
        query = CountQuery(first, last, bins, orgs)
        counted: Counter[tuple[int, str]] = Counter()
        for recorded in own:
            place = int((recorded.recorded_at - first).total_seconds() / query.bin_s)
            counted[place, str(type(recorded.body).__struct_config__.tag)] += 1
        assert sorted(filled.counts(query)) == sorted((place, kind, number) for (place, kind), number in counted.items())
    assert filled.counts(CountQuery(first, last, 3, frozenset())) == []
    types = frozenset(incident.incident_type for incident in node.picture.incidents.values())
    assert filled.counts(CountQuery(first, last, 3, orgs, types)) == []
    instants = sorted({recorded.recorded_at.timestamp() for recorded in node.journal})
    assert filled.recorded_in(first, last, 1e6) == [(instants[0], instants[-1])]
    apart = filled.recorded_in(first, last, 0.5)
    assert sorted({at for pair in apart for at in pair}) == instants
    assert apart == sorted(apart)
    assert filled.recorded_in(last, last + timedelta(days=1), 60.0) == []


def test_a_revision_that_does_not_follow_is_refused_whole(filled: Journal, node: Node) -> None:
    before = filled.read(0, 1_000)
    answer = Answer("user:li", "k", "d", T0)
    with pytest.raises(JournalError):
        filled.append(msgspec.structs.replace(commit_of(node, 3, 4), answers=(answer,)))
    assert filled.read(0, 1_000) == before
    assert filled.answers([("user:li", "k")]) == {}


def test_only_one_writer(journal: Journal) -> None:
    if isinstance(journal, SqlJournal):
        second: Journal = SqlJournal(journal._engine)
    else:
        second = journal
    with pytest.raises(JournalBusy, match=r"(writes the journal|has a writer)"):
        second.claim()
    journal.release()
    second.claim()
    second.release()


def test_answers_are_kept_by_actor_and_key(journal: Journal) -> None:
    first = Answer("user:li", "k", "d1", T0, "i", 3, 9, first_revision=8)
    second = Answer("user:wang", "k", "d2", T0 + timedelta(days=1), refusal=Refusal("RuleViolation", "unit-busy", "busy", None))
    journal.append(Commit(answers=(first, second)))
    asked = [("user:li", "k"), ("user:wang", "k"), ("user:li", "other")]
    assert journal.answers(asked) == {("user:li", "k"): first, ("user:wang", "k"): second}
    journal.tidy(T0 + timedelta(hours=1))
    assert list(journal.answers(asked).values()) == [second]
    assert journal.answers([]) == {}


def test_callers_lie_apart_and_can_be_erased(journal: Journal) -> None:
    personal = Personal("i1", "00ff", Caller("李", "13800000000"), T0)
    journal.append(Commit(records=(), answers=(Answer("a", "k", "d", T0),), personal=(personal,)))
    assert journal.caller("i1") == personal
    assert journal.erase_caller("i1")
    assert journal.caller("i1") is None
    assert not journal.erase_caller("i1")


def test_incidents_are_found_by_the_number_of_their_caller_however_it_is_written(journal: Journal) -> None:
    node = Node()
    written = {"+86 138-0000-0000": True, "13800000000": True, "0086 13800000000": True, "13900000000": False, "110": False, "": False}
    expected = []
    for number, is_same in written.items():
        node.pass_time(60)
        incident_id = node.incident()
        expected += [incident_id] if is_same else []
        personal = (Personal(incident_id, "00ff", Caller("李", number), T0),)
        journal.append(Commit(tuple(node.journal[-1:]), (node.picture.incidents[incident_id],), personal=personal))
    found = [one.incident_id for one in journal.incidents_of_number("138 0000 0000", 10)]
    assert found == expected[::-1]
    assert [one.incident_id for one in journal.incidents_of_number("13800000000", 2)] == found[:2]
    assert journal.incidents_of_number("110", 10) == []
    assert journal.erase_caller(found[0])
    assert [one.incident_id for one in journal.incidents_of_number("13800000000", 10)] == found[1:]


def test_the_outbox_holds_what_has_not_arrived(journal: Journal) -> None:
    entries = [OutboxEntry(f"a{n}", topic, n, f"U{n % 2}", "i", T0) for n in (1, 2, 3) for topic in ("ended", "push")]
    keep = (Answer("a", "k", "d", T0),)
    journal.append(Commit(answers=keep, outbox=tuple(reversed(entries))))
    assert sorted(journal.outbox(), key=lambda e: (e.revision, e.topic)) == entries
    assert [e.revision for e in journal.outbox()] == [1, 1, 2, 2, 3, 3]
    assert {e.assignment_id for e in journal.outbox("U1")} == {"a1", "a3"}
    journal.append(Commit(settled=(("a1", "push"), ("a3", "ended"), ("unknown", "push"))))
    assert {(e.assignment_id, e.topic) for e in journal.outbox("U1")} == {("a1", "ended"), ("a3", "push")}
    journal.tidy(T0 + timedelta(seconds=1))
    assert journal.outbox() == []


def test_incidents_are_found_by_id_and_source(filled: Journal, node: Node) -> None:
    for incident in node.picture.incidents.values():
        assert filled.incident(incident.incident_id) == incident
    found = filled.incident_by_source("110", "7")
    assert found is not None
    assert found.source_id == "7"
    assert filled.incident_by_source("119", "7") is None


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        (IncidentQuery(), [3, 2, 1]),
        (IncidentQuery(stages=(Stage.CLOSED,)), [1]),
        (IncidentQuery(stages=(Stage.RECEIVED, Stage.CLOSED)), [3, 2, 1]),
        (IncidentQuery(stages=()), []),
        (IncidentQuery(orgs=frozenset({"330203060000"})), [3]),
        (IncidentQuery(orgs=frozenset()), []),
        (IncidentQuery(from_=START + timedelta(seconds=30)), [3, 2]),
        (IncidentQuery(to=START + timedelta(seconds=30)), [1]),
        (IncidentQuery(from_=START, to=START + timedelta(seconds=90)), [2, 1]),
        (IncidentQuery(box=(121.59, 29.89, 121.61, 29.91)), [2]),
        (IncidentQuery(box=(-180, -90, 180, 90)), [2, 1]),
        (IncidentQuery(limit=2), [3, 2]),
    ],
)
def test_incidents_by_query(filled: Journal, query: IncidentQuery, numbers: list[int]) -> None:
    assert [incident.number for incident in filled.incidents(query).incidents] == numbers


def test_pages_follow_each_other_without_gap_or_repetition(journal: Journal) -> None:
    node = Node()
    for n in range(7):
        node.pass_time(n % 2)  # some are received in the same instant
        node.incident()
    journal.append(commit_of(node))
    seen: list[Incident] = []
    cursor = None
    while True:
        page = journal.incidents(IncidentQuery(cursor=cursor, limit=2))
        seen += page.incidents
        cursor = page.cursor
        if cursor is None:
            break
        assert len(page.incidents) == 2
    assert len({incident.incident_id for incident in seen}) == len(seen) == 7
    assert seen == sorted(seen, key=lambda i: (i.received_at, i.incident_id), reverse=True)
    with pytest.raises(ValueError, match="cursor 'nonsense' was not given by a page"):
        journal.incidents(IncidentQuery(cursor="nonsense"))


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture drops ended incidents at once, so that reopening them has to read them back."""
    monkeypatch.setattr(pictures, "KEPT_ENDED", 1)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HISTORIES, st.data())
def test_any_history_survives_the_journal(
    open_journal: Callable[[], Journal], forgetful: None, steps: list[Step], data: st.DataObject
) -> None:
    """Written in two commits at any cut, with a snapshot between them: the picture, the incidents and the events are the same."""
    node, journal = play(steps), open_journal()
    cut = data.draw(st.integers(0, len(node.journal)))
    if cut:
        journal.append(commit_of(node, 1, cut))
        journal.save_snapshot(picture_of(journal), T0)
    journal.append(commit_of(node, cut + 1))
    assert journal.read(0, 10_000) == node.journal
    assert picture_of(journal) == node.picture
    for incident in journal.incidents(IncidentQuery(limit=1_000)).incidents:
        folded: Incident | None = None
        for recorded in journal.timeline(incident.incident_id):
            folded = evolve_incident(folded, recorded)
        assert incident == folded
