"""Figures of response for one actor: own scope only, grouped as asked, two periods beside each other, incidents behind a number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from dispatch.clock import Clock
from dispatch.deadlines import Targets
from dispatch.errors import RuleViolation
from dispatch.kpi_facts import AREAS, OWN, Facts, named
from dispatch.kpis import STAGES, Change, GroupFigures, StageFigures, changes, measure, which
from dispatch.model import Actor, Area
from dispatch.organisations import OrganisationTree
from operations.access.authority import Action, Authority

MAX_PERIOD = timedelta(days=3660)
MAX_BEHIND = 500  # incidents listed behind one figure
KINDS = ("all", "late", "missing", "out_of_order", "unreached")
LACKS = ("missing", "out_of_order")  # a stage that can't be measured
WITH_ROOM, WITHOUT_ROOM, NO_STATION = "with", "without", "none"


class GroupBy(StrEnum):
    """What figures are grouped by."""

    ALL = "all"
    STATION = "station"  # the responsible organisation itself
    COUNTY = "county"
    GRADE = "grade"
    HOUR = "hour"  # of the call, in the city
    TYPE = "type"
    AREA = "area"
    MONTH = "month"
    COMMAND_ROOM = "command_room"  # stations that have one against those that have none; what is no station's apart


class KpiQuery(msgspec.Struct, frozen=True):
    """Which incidents: received from `from_` until before `to`, of one source, one grade or type where named."""

    from_: datetime
    to: datetime
    group_by: GroupBy = GroupBy.ALL
    source: str = OWN  # "": this system's own; else the name of an import
    grade: int | None = None
    incident_type: str | None = None


class Kpis(msgspec.Struct, frozen=True):
    """Figures of a query. `total` is over all groups."""

    from_: datetime = msgspec.field(name="from")
    to: datetime
    group_by: GroupBy
    source: str
    grade: int | None
    incident_type: str | None
    org_code: str
    total: GroupFigures
    groups: tuple[GroupFigures, ...]


class Comparison(msgspec.Struct, frozen=True):
    """The time before a day beside the time from it on."""

    at: datetime
    before: GroupFigures
    after: GroupFigures
    changes: tuple[Change, ...]


class FactsSource(Protocol):
    """`storage.kpi_months.MonthlyFacts`; called in a thread."""

    def load(self, from_: datetime, to: datetime) -> Facts:
        """At least everything received from `from_` until before `to`."""

    def sources(self) -> list[str]: ...


class KpiService:
    """Answers in threads; a month that has not changed is counted from memory."""

    def __init__(self, facts: FactsSource, authority: Authority, organisations: OrganisationTree, targets: Targets, clock: Clock) -> None:
        self._facts = facts
        self._authority = authority
        self._organisations = organisations
        self._targets = targets
        self._clock = clock

    async def of(self, actor: Actor, query: KpiQuery) -> Kpis:
        """Raises NotPermitted, and RuleViolation for a period that is none."""
        sees = self._rights(actor, query)

        def answer() -> Kpis:
            facts, counted = self._counted(query, sees)
            group_of, keys = self._groups(facts, query.group_by)
            *groups, total = measure(facts, self._targets, np.where(counted, group_of, -1), keys, self._clock.unix_s())
            asked = (query.from_, query.to, query.group_by, query.source, query.grade, query.incident_type)
            return Kpis(*asked, actor.org_code, total, tuple(groups))

        return await asyncio.to_thread(answer)

    async def compare(self, actor: Actor, query: KpiQuery, at: datetime) -> Comparison:
        """`[from, at)` beside `[at, to)`. Raises as `of`."""
        if not query.from_ < at < query.to:
            raise RuleViolation(
                "bad-period", f"{at.isoformat()} does not lie between {query.from_.isoformat()} and {query.to.isoformat()}."
            )
        sees = self._rights(actor, query)

        def answer() -> Comparison:
            facts, counted = self._counted(query, sees)
            is_after = facts.incidents["received_at"] >= at.timestamp()
            found = measure(facts, self._targets, np.where(counted, is_after, -1), ("before", "after"), self._clock.unix_s())
            sides = {side.key: side for side in found}
            before, after = (sides.get(key, nothing(key)) for key in ("before", "after"))
            return Comparison(at, before, after, changes(before, after))

        return await asyncio.to_thread(answer)

    async def behind(self, actor: Actor, query: KpiQuery, stage: str, kind: str, key: str | None = None) -> tuple[list[str], int]:
        """Ids of the incidents behind a figure, newest first, at most MAX_BEHIND, and how many there are. Raises as `of`."""
        if stage not in STAGES or kind not in KINDS:
            known = f"stages are {', '.join(STAGES)}; kinds {', '.join(KINDS)}"
            raise RuleViolation("unknown-figure", f"There is no figure {kind[:40]!r} of {stage[:40]!r}; {known}.")
        sees = self._rights(actor, query)

        def answer() -> tuple[list[str], int]:
            facts, counted = self._counted(query, sees)
            if key is not None:
                group_of, keys = self._groups(facts, query.group_by)
                counted = counted & (group_of == (keys.index(key) if key in keys else -1))
            rows = which(facts, self._targets, counted, stage, kind, self._clock.unix_s())
            newest = rows[np.argsort(-facts.incidents["received_at"][rows], kind="stable")][:MAX_BEHIND]
            return [one.decode() for one in facts.incidents["incident_id"][newest].tolist()], len(rows)

        return await asyncio.to_thread(answer)

    async def lacking(self, actor: Actor, query: KpiQuery) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
        """Ids of all incidents with stages that can't be measured, oldest first, each with these: (stage, one of LACKS). Raises as `of`."""
        sees = self._rights(actor, query)

        def answer() -> list[tuple[str, tuple[tuple[str, str], ...]]]:
            facts, counted = self._counted(query, sees)
            lacks: dict[int, list[tuple[str, str]]] = {}
            for stage in STAGES:
                for kind in LACKS:
                    for row in which(facts, self._targets, counted, stage, kind, self._clock.unix_s()).tolist():
                        lacks.setdefault(row, []).append((stage, kind))
            ids, received_at = facts.incidents["incident_id"], facts.incidents["received_at"]
            return [(ids[row].decode(), tuple(lacks[row])) for row in sorted(lacks, key=lambda row: (received_at[row], row))]

        return await asyncio.to_thread(answer)

    async def sources(self, actor: Actor) -> list[str]:
        """Imports that may be asked for."""
        self._authority.authorise(actor, Action.SEE_KPIS)
        return await asyncio.to_thread(self._facts.sources)

    # Which incidents ---------------------------------------------------------------------------------------------------

    def _rights(self, actor: Actor, query: KpiQuery) -> Callable[[str, str], bool]:
        """Whether the actor may count an organisation's incidents of a type; decided on the event loop, used in a thread."""
        self._authority.authorise(actor, Action.SEE_KPIS)
        if not timedelta(0) < query.to - query.from_ <= MAX_PERIOD:
            raise RuleViolation(
                "bad-period", f"{query.from_.isoformat()} to {query.to.isoformat()} is no period of at most {MAX_PERIOD.days} days."
            )
        visible = self._authority.visible_orgs(actor)
        complaints = {code for code in visible if self._authority.may_count_complaints(actor, code)}
        confidential = self._authority.is_confidential
        return lambda org, kind: org in (complaints if confidential(kind) else visible)

    def _counted(self, query: KpiQuery, sees: Callable[[str, str], bool]) -> tuple[Facts, NDArray[np.bool_]]:
        """Facts of the months, and which incidents of them are asked for and may be counted."""
        facts = self._facts.load(query.from_, min(query.to, self._clock.now() + timedelta(days=1)))
        rows = facts.incidents
        seen = np.zeros((len(facts.orgs) + 1, len(facts.types) + 1), np.bool_)
        for i, org in enumerate(facts.orgs):
            for j, kind in enumerate(facts.types):
                seen[i, j] = sees(org, kind) and query.incident_type in (None, kind)
        mask: NDArray[np.bool_] = seen[rows["org"], rows["type"]] & named(facts.sources, lambda name: name == query.source)[rows["source"]]
        mask &= (rows["received_at"] >= query.from_.timestamp()) & (rows["received_at"] < query.to.timestamp())
        if query.grade is not None:
            mask &= rows["grade"] == query.grade
        return facts, mask

    # By what -----------------------------------------------------------------------------------------------------------

    def _groups(self, facts: Facts, by: GroupBy) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        rows = facts.incidents
        match by:
            case GroupBy.STATION:
                return _by_name(rows["org"], facts.orgs)
            case GroupBy.COUNTY:
                return _by_name(rows["org"], [self._organisations.county_of(code) for code in facts.orgs])
            case GroupBy.COMMAND_ROOM:
                return _by_name(rows["org"], [self._room(code) for code in facts.orgs])
            case GroupBy.TYPE:
                return _by_name(rows["type"], facts.types)
            case GroupBy.AREA:
                return _by_name(rows["area"], [str(area or Area.TOWN) for area in AREAS])
            case GroupBy.GRADE:
                return _by_number(rows["grade"])
            case GroupBy.HOUR:
                return _by_number(rows["hour"])
            case GroupBy.MONTH:
                return _by_number(rows["month"])
            case GroupBy.ALL:
                return np.zeros(len(rows), np.int64), ("all",)

    def _room(self, org_code: str) -> str:
        row = self._organisations.get(org_code)
        if row is None or row.level != "station":
            return NO_STATION  # a county's or the city's own command room is no station's
        return WITH_ROOM if row.has_command_room else WITHOUT_ROOM


def nothing(key: str) -> GroupFigures:
    """Of nothing at all there are figures too: every count is zero."""
    return GroupFigures(key, 0, 0, tuple(StageFigures(stage) for stage in STAGES))


def _by_name(index: NDArray[np.integer], names: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    keys = sorted(set(names))
    place = {name: i for i, name in enumerate(keys)}
    table = np.array([place[name] for name in names] or [0], np.int64)
    return table[index], tuple(keys) or ("",)


def _by_number(column: NDArray[np.integer]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    values, group_of = np.unique(column, return_inverse=True)
    return group_of.astype(np.int64), tuple(str(value) for value in values)
