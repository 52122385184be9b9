"""Loadable code tables: incident types, dispositions, check-lists, other services, where a review is needed.

A city replaces them with a codes.toml in its folder.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from dispatch.model import Grade

BUILT_IN = Path(__file__).with_name("codes.toml")
PANIC_SOURCE = "terminal"  # source of the incidents that it makes
OFFICER_EMERGENCY = "officer_emergency"  # the incident type that a crew's panic button makes


class IncidentType(msgspec.Struct, frozen=True):
    """One kind of incident."""

    id: str
    zh: str
    en: str
    grade: Grade  # offered when the type is chosen; a person may set another
    family: str = ""  # types of one family may be the same incident in two callers' words; empty: a family of its own
    confidential: bool = False  # seen by supervision and the level above only (投诉)
    share: float = 0.0  # demo feed: per cent of a day's incidents
    peak_hour: int = 12  # demo feed: local hour of day with most of them


class Disposition(msgspec.Struct, frozen=True):
    """One way an incident was closed."""

    id: str
    zh: str
    en: str


class Service(msgspec.Struct, frozen=True):
    """Another service that a desk calls, by the name it has in the journal."""

    id: str
    zh: str
    en: str
    takes_over: bool = False  # an incident can be diverted to it (分流)


class WarningKind(msgspec.Struct, frozen=True):
    """What crews can be warned of before they enter a place."""

    id: str
    zh: str
    en: str
    days: float  # how long a warning set at a desk holds


class ReviewRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where what a crew did must be reviewed (审核) before the incident is closed."""

    grades: tuple[Grade, ...]
    incident_types: tuple[str, ...] = ()  # empty: all


class ChecklistItem(msgspec.Struct, frozen=True):
    """One thing a crew sees to on the scene."""

    id: str
    zh: str
    en: str
    # Shown as lacking while it is not done. It never holds up feedback: who is held up ticks what was not done.
    required: bool = False


class Checklist(msgspec.Struct, frozen=True):
    """What a crew sees to at incidents of some types (现场处置规范); its feedback says of each item whether it was done."""

    item: tuple[ChecklistItem, ...]
    incident_types: tuple[str, ...] = ()  # empty: the general one, for all types that no other is for


class Codes(msgspec.Struct, frozen=True):
    """All code tables of a city."""

    incident_type: tuple[IncidentType, ...]
    disposition: tuple[Disposition, ...]
    checklist: tuple[Checklist, ...] = ()
    service: tuple[Service, ...] = ()
    review_before_closing: tuple[ReviewRule, ...] = ()
    place_warning: tuple[WarningKind, ...] = ()

    def is_reviewed_before_closing(self, incident_type: str, grade: Grade) -> bool:
        """Whether incidents of this type and grade are closed only after a review, where a crew was on the scene."""
        return any(
            grade in rule.grades and (not rule.incident_types or incident_type in rule.incident_types)
            for rule in self.review_before_closing
        )

    @property
    def type_by_id(self) -> dict[str, IncidentType]:
        """Incident types by id."""
        return {kind.id: kind for kind in self.incident_type}

    def family_of(self, incident_type: str) -> str:
        """The family of an incident type; one that names none, or is not in the table, is alone."""
        kind = self.type_by_id.get(incident_type)
        return (kind.family if kind else "") or incident_type

    def checklist_for(self, incident_type: str) -> Checklist | None:
        """What is seen to at incidents of this type: their own list, else the general one, else none. As on the phone (`picture.js`)."""
        own = (row for row in self.checklist if incident_type in row.incident_types)
        return next(own, None) or next((row for row in self.checklist if not row.incident_types), None)


def load_codes(city_file: Path | None = None) -> Codes:
    """The city's own tables where it has a file, else the built-in sample. Raises ValueError naming what is wrong."""
    path = city_file if city_file is not None and city_file.exists() else BUILT_IN
    try:
        codes = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Codes)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"code tables {path} can't be read: {error}") from None
    for what, rows in (("incident type", codes.incident_type), ("service", codes.service), ("place_warning", codes.place_warning)):
        twice = _named_twice([row.id for row in rows])
        if twice:
            raise ValueError(f"code tables {path}: {what} {twice} is declared twice")
    _check_checklists(codes, path)
    _check_reviews(codes, path)
    for kind in codes.place_warning:
        if not 0 < kind.days <= 366:
            raise ValueError(f"code tables {path}: place_warning {kind.id} holds {kind.days:g} days; give more than 0 and at most 366")
    if not codes.place_warning and path != BUILT_IN:
        codes = msgspec.structs.replace(codes, place_warning=load_codes().place_warning)
    if not codes.service and path != BUILT_IN:  # a file that is older than this table, or sees no need of its own
        codes = msgspec.structs.replace(codes, service=load_codes().service)
    if OFFICER_EMERGENCY in codes.type_by_id:
        return codes
    # A city's file without the type that the system itself makes: it comes with its name all the same.
    own = load_codes().type_by_id[OFFICER_EMERGENCY]
    return msgspec.structs.replace(codes, incident_type=(*codes.incident_type, own))


def _check_checklists(codes: Codes, path: Path) -> None:
    types = [kind for checklist in codes.checklist for kind in checklist.incident_types or ("",)]
    twice = _named_twice(types)
    if twice is not None:
        whose = f"incident type {twice}" if twice else "the rest (no incident_types)"
        raise ValueError(f"code tables {path}: {whose} has two check-lists; leave it in one")
    unknown = [kind for kind in types if kind and kind not in codes.type_by_id]
    if unknown:
        raise ValueError(f"code tables {path}: a check-list is for incident type {unknown[0]}, which is not declared")
    for checklist in codes.checklist:
        twice = _named_twice([item.id for item in checklist.item])
        if twice:
            raise ValueError(f"code tables {path}: check-list item {twice} stands twice in one list")


def _check_reviews(codes: Codes, path: Path) -> None:
    for rule in codes.review_before_closing:
        unknown = [kind for kind in rule.incident_types if kind not in codes.type_by_id]
        if unknown:
            raise ValueError(f"code tables {path}: review_before_closing names incident type {unknown[0]}, which is not declared")
        if not rule.grades:
            raise ValueError(f"code tables {path}: review_before_closing has no grades; name some of 1 to 4")


def _named_twice(names: list[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)
