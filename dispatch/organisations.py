"""The tree of police organisations: who stands below whom on which day. Scope follows this tree, never the digits of a code."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

CODE_LENGTH = 12
# 3302 is written for the city 330200000000, 330203 for the county 330203000000; stations have no short form.
SHORT_LENGTHS = (4, 6)


class Organisation(msgspec.Struct, frozen=True):
    """One organisation as it stood from `valid_from` until the day before `valid_to`; None is open-ended.

    A move to another parent is two rows of the same code with adjoining dates.
    """

    code: str
    name: str
    name_en: str
    level: str  # city | county | station
    parent: str | None
    lon: float
    lat: float
    has_command_room: bool = False
    valid_from: date | None = None
    valid_to: date | None = None

    def is_valid(self, on: date) -> bool:
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on < self.valid_to)


class OrganisationTree:
    """All organisations of one node. Built once; every question is answered from memory.

    Raises ValueError when rows can't be read, overlap in time, name an unknown parent, form a circle, or hold no city.
    """

    def __init__(self, rows: Iterable[Organisation | Mapping[str, Any]]) -> None:
        self._rows: dict[str, list[Organisation]] = {}
        for row in rows:
            organisation = row if isinstance(row, Organisation) else _read(row)
            self._rows.setdefault(organisation.code, []).append(organisation)
        for versions in self._rows.values():
            versions.sort(key=lambda o: o.valid_from or date.min)
        self._check()
        self.city = self._find_city()
        # (code, day, with ended ones) → reach; days pass slowly and codes are few hundred, so this stays small.
        self._reach: dict[tuple[str, date, bool], frozenset[str]] = {}

    def get(self, code: str, on: date | None = None) -> Organisation | None:
        """The row of `code` in force on the day; without a day the newest row, even when it has ended."""
        versions = self._rows.get(code, [])
        if on is None:
            return versions[-1] if versions else None
        return next((o for o in versions if o.is_valid(on)), None)

    def all(self) -> tuple[Organisation, ...]:
        """The newest row of every organisation, city first, then by code."""
        newest = [versions[-1] for versions in self._rows.values()]
        levels = {"city": 0, "county": 1}
        return tuple(sorted(newest, key=lambda o: (levels.get(o.level, 2), o.code)))

    def expand(self, short: str) -> str:
        """The full code of a full or short code (`3302`, `330203`). Raises ValueError when there is no such organisation."""
        code = short.ljust(CODE_LENGTH, "0") if len(short) in SHORT_LENGTHS else short
        if code not in self._rows:
            raise ValueError(
                f"organisation {short!r} is not known; use a 12-character code of this city or a short form such as {self.city.code[:4]}"
            )
        return code

    def reach(self, code: str, on: date, with_ended: bool = False) -> frozenset[str]:
        """Codes of the organisation and everything below it on that day; empty when it is not in force itself.

        `with_ended` adds organisations that no longer exist under their last parent: their records still need a reader.
        """
        key = (code, on, with_ended)
        found = self._reach.get(key)
        if found is None:
            if len(self._reach) > 4096:  # a server that runs for months must not keep every day it has seen
                self._reach.clear()
            found = self._reach[key] = self._find_reach(code, on, with_ended)
        return found

    def ancestors(self, code: str, on: date | None = None) -> tuple[str, ...]:
        """Codes above the organisation, nearest first."""
        above: list[str] = []
        row = self.get(code, on)
        while row is not None and row.parent is not None:
            above.append(row.parent)
            row = self.get(row.parent, on)
        return tuple(above)

    def county_of(self, code: str) -> str:
        """The county an organisation belongs to; of the city's own, and of one that is none of the tree's, itself."""
        for above in (code, *self.ancestors(code)):
            row = self.get(above)
            if row is not None and row.level == "county":
                return above
        return code

    def _find_reach(self, code: str, on: date, with_ended: bool) -> frozenset[str]:
        if self.get(code, on) is None:
            return frozenset()
        children: dict[str, list[str]] = {}
        for versions in self._rows.values():
            row = next((o for o in versions if o.is_valid(on)), None)
            if row is None and with_ended and _has_ended(versions, on):
                row = versions[-1]
            if row is not None and row.parent is not None:
                children.setdefault(row.parent, []).append(row.code)
        reached, waiting = {code}, [code]
        while waiting:
            # Ended rows keep parents of other times, so a circle is possible here though never on one day.
            below = [c for c in children.get(waiting.pop(), []) if c not in reached]
            reached.update(below)
            waiting.extend(below)
        return frozenset(reached)

    def _check(self) -> None:
        for code, versions in self._rows.items():
            for earlier, later in itertools.pairwise(versions):
                if earlier.valid_to is None or later.valid_from is None or later.valid_from < earlier.valid_to:
                    raise ValueError(f"organisation {code} has two rows in force at once; end one (valid_to) before the next begins")
            for row in versions:
                if row.parent is not None and row.parent not in self._rows:
                    raise ValueError(f"organisation {code} names the parent {row.parent}, which is not in the list; add it")
        # Days on which something changes: between two of them the tree is the same, so checking each is checking all.
        days = {d for versions in self._rows.values() for o in versions for d in (o.valid_from, o.valid_to) if d is not None}
        for day in sorted(days | {date.min}):
            self._refuse_circles(day)

    def _refuse_circles(self, on: date) -> None:
        parents = {code: row.parent for code in self._rows if (row := self.get(code, on)) is not None}
        sound: set[str] = set()
        for code in parents:
            path: list[str] = []
            at: str | None = code
            while at is not None and at not in sound:
                if at in path:
                    raise ValueError(f"organisations {' → '.join([*path, at])} form a circle; correct a parent")
                path.append(at)
                at = parents.get(at)
            sound.update(path)

    def _find_city(self) -> Organisation:
        cities = [versions[-1] for versions in self._rows.values() if versions[-1].level == "city"]
        if len(cities) != 1:
            raise ValueError(f"the organisations hold {len(cities)} of level 'city'; there must be exactly one")
        return cities[0]


def _has_ended(versions: list[Organisation], on: date) -> bool:
    return all(o.valid_to is not None and o.valid_to <= on for o in versions)


def _read(row: Mapping[str, Any]) -> Organisation:
    try:
        return msgspec.convert(dict(row), Organisation)
    except msgspec.ValidationError as error:
        raise ValueError(f"organisation {row.get('code')!r} can't be read: {error}") from None
