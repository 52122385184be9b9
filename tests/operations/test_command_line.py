"""The command line: what is read, what is offered, what an error names."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.commands import AnyIncidentCommand, ReceiveIncident
from operations.access.permissions import Action
from operations.incidents.command_line import (
    GRAMMAR,
    MOST_OFFERED,
    Choice,
    Kind,
    Trouble,
    complete,
    incident_named,
    read,
    verb_named,
    written,
)

KNOWN = {
    Kind.INCIDENT: [Choice("i3", ("3", "."), "Assault"), Choice("i12", ("12",), "Theft"), Choice("i31", ("31",), "Fire")],
    Kind.UNITS: [Choice("u12", ("A12",), "0:40"), Choice("u1", ("A1",), "2:10"), Choice("b 7", ("海曙 07",), "3:00")],
    Kind.DISPOSITION: [Choice("settled", ("settled", "现场调解")), Choice("warned", ("warned", "教育警告"))],
    Kind.SERVICE: [Choice("120", ("120", "Ambulance")), Choice("gas", ("gas",))],
    Kind.DIVERSION: [Choice("12345", ("12345",))],
    Kind.ORGANISATION: [Choice("330203000000", ("330203", "海曙分局"))],
    Kind.TYPE: [Choice("assault", ("assault", "殴打他人"))],
    Kind.WARNING: [Choice("dog", ("dog",))],
    Kind.GRADE: [Choice(k, (str(k),)) for k in (1, 2, 3, 4)],
    Kind.PLACE: [Choice((121.5, 29.8, "中山路"), ("中山路",)), Choice(None, ("-",))],
    Kind.VERB: [Choice(verb, (verb.name, verb.zh), verb.does) for verb in GRAMMAR],
}


def vocabulary(kind: Kind, typed: str) -> Sequence[Choice]:
    return KNOWN[Kind.UNITS if kind is Kind.UNIT else kind]


def offered(line: str) -> tuple[Kind | None, list[str]]:
    offer = complete(line, vocabulary)
    return offer.kind, [choice.words[0] for choice in offer.choices]


@pytest.mark.parametrize(
    ("line", "command", "fields"),
    [
        ("push 3 A12", "push", {"incident_id": "i3", "unit_ids": ("u12",)}),
        ('  PUSH #12  a12 "海曙 07"', "push", {"incident_id": "i12", "unit_ids": ("u12", "b 7")}),
        ("派警 . A1", "push", {"incident_id": "i3", "unit_ids": ("u1",)}),
        ("close 3 settled", "close", {"incident_id": "i3", "disposition": "settled"}),
        ("办结 3 现场调解 双方 同意", "close", {"incident_id": "i3", "disposition": "settled", "text": "双方 同意"}),
        ('note 3 he said "no" twice', "note", {"incident_id": "i3", "text": 'he said "no" twice'}),
        ("recall 3", "recall", {"incident_id": "i3"}),
        ("recall 3 not needed", "recall", {"incident_id": "i3", "text": "not needed"}),
        ("recall 3 A1 not needed", "recall", {"incident_id": "i3", "unit_ids": ("u1",), "text": "not needed"}),
        ("lead 3 A1", "name_lead", {"incident_id": "i3", "unit_ids": ("u1",)}),
        ("merge 12 3", "merge", {"incident_id": "i12", "into": "i3"}),
        ("new 殴打他人 中山路 两人打架", "receive", {"incident_type": "assault", "place": (121.5, 29.8, "中山路"), "text": "两人打架"}),
        ("new assault -", "receive", {"incident_type": "assault", "place": None}),
        ("goto 中山路", "", {"place": (121.5, 29.8, "中山路")}),
        ("grade 3 1", "classify", {"incident_id": "i3", "grade": 1}),
    ],
)
def test_lines_become_fields_of_commands(line: str, command: str, fields: dict[str, object]) -> None:
    found = read(line, vocabulary)
    assert (found.verb.command, found.fields) == (command, fields)


@pytest.mark.parametrize(
    ("line", "kind", "word", "could"),
    [
        ("", Kind.VERB, "", "open"),
        ("pull 3", Kind.VERB, "pull", "open"),
        ("clo 3", Kind.VERB, "clo", "close"),
        ("push", Kind.INCIDENT, "", "3"),
        ("push 4 A12", Kind.INCIDENT, "4", "3"),
        ("push 3", Kind.UNITS, "", "A12"),
        ("push 3 A99", Kind.UNITS, "A99", "A12"),
        ("push 3 A12 A99", None, "A99", None),
        ("lead 3 A12 A1", "reads", "", None),
        ("close 3", Kind.DISPOSITION, "", "settled"),
        ("close 3 sett", Kind.DISPOSITION, "sett", "settled"),
        ("note 3", Kind.TEXT, "", None),
        ("arrive 3 X1", Kind.UNITS, "X1", "A12"),
        ("take 3 now", None, "now", None),
    ],
)
def test_an_error_names_the_word_and_what_could_stand_there(line: str, kind: object, word: str, could: str | None) -> None:
    if kind == "reads":
        assert read(line, vocabulary).fields["text"] == "A1", "a second word after the one crew is text"
        return
    with pytest.raises(Trouble) as trouble:
        read(line, vocabulary)
    assert (trouble.value.kind, trouble.value.word) == (kind, word)
    assert (trouble.value.could or (None,))[0] == could


@pytest.mark.parametrize(
    ("line", "kind", "first"),
    [
        ("", Kind.VERB, "open"),
        ("pu", Kind.VERB, "push"),
        ("派", Kind.VERB, "push"),
        ("push ", Kind.INCIDENT, "3"),
        ("push 1", Kind.INCIDENT, "12"),
        ("push 3 ", Kind.UNITS, "A12"),
        ("push 3 A12 ", Kind.UNITS, "A1"),
        ("push 3 A12 海", Kind.UNITS, "海曙 07"),
        ("close 3 教", Kind.DISPOSITION, "warned"),
        ("close 3 settled ", Kind.TEXT, None),
        ("note 3 any", Kind.TEXT, None),
        ("push 99 ", None, None),
        ("nonsense 3 ", None, None),
        ("take 3 ", None, None),
        ("goto 中", Kind.PLACE, "中山路"),
    ],
)
def test_what_could_come_next_is_offered(line: str, kind: Kind | None, first: str | None) -> None:
    found, words = offered(line)
    assert found == kind
    assert (words or [None])[0] == first


def test_who_may_not_is_offered_nothing_and_told_so() -> None:
    def of_viewer(kind: Kind, typed: str) -> Sequence[Choice]:
        return [choice for choice in KNOWN[kind] if choice.value.name in ("open", "goto")] if kind is Kind.VERB else vocabulary(kind, typed)

    assert [choice.words[0] for choice in complete("", of_viewer).choices] == ["open", "goto"]
    with pytest.raises(Trouble) as trouble:
        read("push 3 A12", of_viewer)
    assert trouble.value.kind is Kind.VERB


def test_the_incident_of_a_line_is_known_before_its_units_are() -> None:
    assert incident_named("push 12 A", vocabulary) == "i12"
    assert incident_named("push 99", vocabulary) is None
    assert incident_named("goto 3", vocabulary) is None


@given(st.text(alphabet='push close 3 12 A1 海曙07"“”# .-\t中', max_size=40))
def test_every_line_is_read_or_refused_and_completed(line: str) -> None:
    offer = complete(line, vocabulary)
    assert 0 <= offer.start <= len(line)
    assert len(offer.choices) <= MOST_OFFERED
    with contextlib.suppress(Trouble):
        found = read(line, vocabulary)
        assert {slot.field for slot in found.verb.slots if not slot.optional} <= found.fields.keys()


@given(st.sampled_from(GRAMMAR), st.data())
def test_taking_what_is_offered_makes_a_line_that_is_read(verb: object, data: st.DataObject) -> None:
    line = f"{verb.name} "  # type: ignore[attr-defined]
    for _ in range(6):
        offer = complete(line, vocabulary)
        if offer.kind is Kind.TEXT:
            line += "words"
            break
        if not offer.choices:
            break
        line = f"{line[: offer.start]}{written(data.draw(st.sampled_from(offer.choices)))} "
        if offer.kind is Kind.UNITS:
            break
    if verb.name == "feedback" and not line.endswith("words"):  # type: ignore[attr-defined]
        line += "words"
    assert read(line, vocabulary).verb is verb


def test_the_table_names_commands_fields_and_verbs_once() -> None:
    kinds = {str(kind.__struct_config__.tag): kind for kind in (*get_args(AnyIncidentCommand), ReceiveIncident)}
    for verb in GRAMMAR:
        if verb.command:
            assert verb.command in set(Action)
            fields = {field.name for field in msgspec.structs.fields(kinds[verb.command])} | {"place"}
            assert {slot.field for slot in verb.slots} <= fields, verb.name
        assert verb_named(verb.zh) is verb
    assert len({verb.name for verb in GRAMMAR} | {verb.zh for verb in GRAMMAR}) == 2 * len(GRAMMAR)
