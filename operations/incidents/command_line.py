"""The desk's command line: one table of verbs, read and completed against what the reader may name. Pure.

A line is a verb, what it is about, and maybe words. Nothing here carries anything out: a line that was read becomes a command
like that of any button, under the same authority. `docs/command-line.md` is printed from the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

MAX_LINE = 1_000  # characters
MOST_OFFERED = 8


class Kind(StrEnum):
    """What can stand at a place of a line."""

    VERB = "verb"
    INCIDENT = "incident"  # its number, with or without #; a dot is the selected one
    UNIT = "unit"  # a callsign
    UNITS = "units"  # one callsign or several
    TYPE = "type"
    GRADE = "grade"
    DISPOSITION = "disposition"
    SERVICE = "service"
    DIVERSION = "diversion"  # a service that an incident can be diverted to
    ORGANISATION = "organisation"
    WARNING = "warning"  # what is warned of at a place
    PLACE = "place"  # a name of the city's index, or lon,lat
    TEXT = "text"  # the rest of the line


class Slot(NamedTuple):
    """One place of a line, and the command's field that it fills."""

    kind: Kind
    field: str
    optional: bool = False


class Verb(NamedTuple):
    """One command of the line. `command` is its name in the API; empty: the page itself does it."""

    name: str
    zh: str
    command: str
    slots: tuple[Slot, ...]
    does: str
    confirm: bool = False  # ends something, or takes something from somebody: asked once more before it is sent
    by_radio: bool = False  # what a crew said by radio, entered for it


INCIDENT = Slot(Kind.INCIDENT, "incident_id")
UNITS = Slot(Kind.UNITS, "unit_ids")
CREW = Slot(Kind.UNITS, "unit_ids", optional=True)
TEXT, WORDS = Slot(Kind.TEXT, "text"), Slot(Kind.TEXT, "text", optional=True)
PLACE = Slot(Kind.PLACE, "place")

GRAMMAR: tuple[Verb, ...] = (
    Verb("open", "打开", "", (INCIDENT,), "selects the incident"),
    Verb("goto", "前往", "", (PLACE,), "moves the map there"),
    Verb("new", "接警", "receive", (Slot(Kind.TYPE, "incident_type"), PLACE, WORDS), "records a call; - as place: not known yet"),
    Verb("push", "派警", "push", (INCIDENT, UNITS), "sends units"),
    Verb("reinforce", "增援", "reinforce", (INCIDENT, UNITS), "sends further units"),
    Verb("reassign", "转派", "reassign", (INCIDENT, UNITS, WORDS), "lets the crews on it go and sends others instead", confirm=True),
    Verb("recall", "撤回", "recall", (INCIDENT, CREW, WORDS), "takes pushes back; without a unit: every crew on it", confirm=True),
    Verb("lead", "主责", "name_lead", (INCIDENT, Slot(Kind.UNIT, "unit_ids"), WORDS), "makes that crew responsible"),
    Verb("call", "呼叫", "call_service", (INCIDENT, Slot(Kind.SERVICE, "service"), WORDS), "asks another service to come"),
    Verb("ack", "签收", "acknowledge", (INCIDENT, CREW), "the crew acknowledged by radio", by_radio=True),
    Verb("depart", "出警", "depart", (INCIDENT, CREW), "the crew set out, by radio", by_radio=True),
    Verb("arrive", "到场", "arrive", (INCIDENT, CREW), "the crew arrived, by radio", by_radio=True),
    Verb("feedback", "反馈", "feedback", (INCIDENT, CREW, TEXT), "what the crew reported by radio", by_radio=True),
    Verb("release", "释放", "clear", (INCIDENT, CREW, WORDS), "the crew is free again, by radio", by_radio=True),
    Verb("review", "审核", "review", (INCIDENT, WORDS), "the feedback was read"),
    Verb("return", "退回", "return", (INCIDENT, TEXT), "the feedback must be completed"),
    Verb("close", "办结", "close", (INCIDENT, Slot(Kind.DISPOSITION, "disposition"), WORDS), "ends it with a disposition", confirm=True),
    Verb("divert", "分流", "divert", (INCIDENT, Slot(Kind.DIVERSION, "to"), WORDS), "another service takes it over", confirm=True),
    Verb("invalid", "无效", "mark_invalid", (INCIDENT, WORDS), "there was nothing to respond to", confirm=True),
    Verb("cancel", "撤警", "cancel", (INCIDENT, WORDS), "no response is needed any more", confirm=True),
    Verb("reopen", "重开", "reopen", (INCIDENT, TEXT), "begins a new round", confirm=True),
    Verb("callback", "回访", "call_back", (INCIDENT, TEXT), "what the caller said afterwards"),
    Verb("grade", "等级", "classify", (INCIDENT, Slot(Kind.GRADE, "grade")), "sets the grade"),
    Verb("type", "类别", "classify", (INCIDENT, Slot(Kind.TYPE, "incident_type")), "sets the type"),
    Verb("locate", "定位", "locate", (INCIDENT, PLACE), "sets or moves the point"),
    Verb("merge", "并警", "merge", (INCIDENT, Slot(Kind.INCIDENT, "into")), "the first was a further call about the second", confirm=True),
    Verb("apart", "区分", "tell_apart", (INCIDENT, Slot(Kind.INCIDENT, "other")), "the two are not the same"),
    Verb("escalate", "上报", "escalate", (INCIDENT, TEXT), "asks the organisation above to look at it"),
    Verb(
        "offer", "移交", "offer_handover", (INCIDENT, Slot(Kind.ORGANISATION, "to_org_code"), WORDS), "offers it to another", confirm=True
    ),
    Verb("accept", "接收", "accept_handover", (INCIDENT, WORDS), "takes over what was offered"),
    Verb("claim", "认领", "claim", (INCIDENT,), "takes it on for this desk, or carries that on"),
    Verb("unclaim", "放开", "release_claim", (INCIDENT,), "lets go of the claim"),
    Verb("warn", "警示", "warn_place", (INCIDENT, Slot(Kind.WARNING, "warning"), TEXT), "warns whoever is sent to its place"),
    Verb("take", "接管", "take_alarm", (INCIDENT,), "takes on its alarm"),
    Verb("note", "备注", "note", (INCIDENT, TEXT), "adds a remark"),
)


class Choice(NamedTuple):
    """Something that can be named: its value in the command, the words it is called by (the first is written), and what it is."""

    value: Any
    words: tuple[str, ...]
    detail: str = ""
    name: str = ""  # what people call it, where the first word is a code


# What can stand at a place of a kind, the likeliest first. `typed` is the word so far: an index of places is searched by it.
Vocabulary = Callable[[Kind, str], Sequence[Choice]]


class Read(NamedTuple):
    """A line that was read: its verb and the fields of its command; `named` is what was called how, for the question before it is sent."""

    verb: Verb
    fields: dict[str, Any]
    named: tuple[Choice, ...]


class Offer(NamedTuple):
    """What could stand at the end of a line: `start` is where the word begins that it would replace."""

    kind: Kind | None  # None: nothing more can stand there
    start: int
    choices: tuple[Choice, ...]
    verb: Verb | None = None


class Trouble(Exception):
    """A line that can't be read: the word, what was wanted there, what could stand there. `word` is empty where something lacks."""

    def __init__(self, kind: Kind | None, word: str, could: Sequence[str] = (), verb: str = "") -> None:
        super().__init__(f"{word or 'the end'}: {kind or 'nothing'} could stand there{': ' if could else ''}{', '.join(could)}")
        self.kind = kind  # None: the line is too long by this word
        self.word = word
        self.could = tuple(could)
        self.verb = verb


class _Word(NamedTuple):
    text: str
    start: int


def verb_named(word: str) -> Verb | None:
    """The verb of this English or Chinese name."""
    return next((verb for verb in GRAMMAR if word.casefold() in (verb.name, verb.zh)), None)


def read(line: str, vocabulary: Vocabulary) -> Read:
    """Raises Trouble, which names the word and what could stand there."""
    words = _words(line)
    if not words:
        raise Trouble(Kind.VERB, "", _could(_verbs(vocabulary)))
    verb = verb_named(words[0].text)
    if verb is None or verb not in [choice.value for choice in _verbs(vocabulary)]:
        raise Trouble(Kind.VERB, words[0].text, _could(_matching(_verbs(vocabulary), words[0].text) or _verbs(vocabulary)))
    fields: dict[str, Any] = {}
    named: list[Choice] = []
    rest = words[1:]
    for at, slot in enumerate(verb.slots):
        rest = _fill(slot, rest, line, verb, vocabulary, fields, named, is_last=at == len(verb.slots) - 1)
    if rest:
        raise Trouble(None, rest[0].text, verb=verb.name)
    return Read(verb, fields, tuple(named))


def _fill(
    slot: Slot,
    rest: list[_Word],
    line: str,
    verb: Verb,
    vocabulary: Vocabulary,
    fields: dict[str, Any],
    named: list[Choice],
    *,
    is_last: bool,
) -> list[_Word]:
    """Takes the slot's words off `rest`; what is left of it."""
    if slot.kind is Kind.TEXT:
        if rest:
            fields[slot.field] = line[rest[0].start :].strip()
        elif not slot.optional:
            raise Trouble(slot.kind, "", verb=verb.name)
        return []
    found: list[Choice] = []
    while rest and (not found or slot.kind is Kind.UNITS):
        choice = _exactly(vocabulary(slot.kind, rest[0].text), rest[0].text)
        if choice is None:
            break
        found.append(choice)
        rest = rest[1:]
    if found:
        values = [choice.value for choice in found]
        fields[slot.field] = tuple(values) if slot.field == "unit_ids" else values[0]
        named.extend(found)
    elif not slot.optional or (rest and is_last):
        word = rest[0].text if rest else ""
        choices = vocabulary(slot.kind, word)
        raise Trouble(slot.kind, word, _could(_matching(choices, word) or choices), verb.name)
    return rest


def complete(line: str, vocabulary: Vocabulary) -> Offer:
    """What could stand at the end of the line, as far as it can be read; nothing where it can't."""
    words = _words(line)
    is_begun = bool(words) and not line[-1].isspace()
    last = words.pop() if is_begun else _Word("", len(line))
    if not words:
        return Offer(Kind.VERB, last.start, _first(_matching(_verbs(vocabulary), last.text)))
    verb = verb_named(words[0].text)
    if verb is None:
        return Offer(None, last.start, ())
    waiting = words[1:]
    for slot in verb.slots:
        if slot.kind is Kind.TEXT:
            return Offer(slot.kind, last.start, (), verb)
        is_named = False
        while waiting and (not is_named or slot.kind is Kind.UNITS):
            if _exactly(vocabulary(slot.kind, waiting[0].text), waiting[0].text) is None:
                break
            is_named, waiting = True, waiting[1:]
        if waiting and not is_named and not slot.optional:
            return Offer(None, last.start, (), verb)
        if not waiting and (not is_named or slot.kind is Kind.UNITS):
            choices = _matching(vocabulary(slot.kind, last.text), last.text)
            taken = {word.text.casefold() for word in words}
            free = [choice for choice in choices if choice.words[0].casefold() not in taken]
            if free or not is_named:
                return Offer(slot.kind, last.start, _first(free), verb)
    return Offer(None, last.start, (), verb)


def incident_named(line: str, vocabulary: Vocabulary) -> Any:
    """The first incident that the line names, whatever else is in it; None where it names none."""
    words = _words(line)
    verb = verb_named(words[0].text) if words else None
    if verb is None or len(words) < 2 or not verb.slots or verb.slots[0].kind is not Kind.INCIDENT:
        return None
    choice = _exactly(vocabulary(Kind.INCIDENT, words[1].text), words[1].text)
    return choice.value if choice else None


def written(choice: Choice) -> str:
    """The choice as it stands in a line: in quotes where it has spaces."""
    word = choice.words[0]
    return f'"{word}"' if re.search(r"\s", word) else word


def _words(line: str) -> list[_Word]:
    """The words of a line; those in quotes, straight or Chinese, are one."""
    return [
        _Word(next(filter(None, found.groups()), ""), found.start())
        for found in re.finditer(r'"([^"]*)"?|“([^”]*)”?|(\S+)', line[:MAX_LINE])
    ]


def _verbs(vocabulary: Vocabulary) -> Sequence[Choice]:
    return vocabulary(Kind.VERB, "")


def _exactly(choices: Sequence[Choice], word: str) -> Choice | None:
    wanted = word.casefold().lstrip("#")
    return next((choice for choice in choices if wanted in (one.casefold() for one in choice.words)), None)


def _matching(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """Those that begin with what was typed, then those that contain it, in the order they came in."""
    wanted = typed.casefold().lstrip("#")
    if not wanted:
        return list(choices)
    begins = [choice for choice in choices if any(one.casefold().startswith(wanted) for one in choice.words)]
    return begins + [choice for choice in choices if choice not in begins and any(wanted in one.casefold() for one in choice.words)]


def _first(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    return tuple(choices[:MOST_OFFERED])


def _could(choices: Sequence[Choice]) -> tuple[str, ...]:
    return tuple(written(choice) for choice in choices[:MOST_OFFERED])
