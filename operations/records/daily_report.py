"""The daily incident report 警情日报: what came in within 24 hours, how fast it was answered, what lacks, what is open. At 08:00.

It counts what a viewer of the whole city may count: complaints against police are not in it, nor are callers or texts of calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path

import msgspec
import structlog

from dispatch.clock import Clock
from dispatch.errors import RuleViolation
from dispatch.kpis import GroupFigures
from dispatch.model import Actor, Incident
from dispatch.organisations import OrganisationTree
from operations.access.authority import Authority
from operations.access.permissions import Role
from operations.daily import Daily
from operations.records.history import History
from operations.records.kpis import GroupBy, KpiQuery, KpiService
from operations.records.silences import UNRECORDED_S, Tracks, silences
from storage.evidence import write_atomically

NAME = "daily-report"
AT = time(8, 0)  # of the city's day
DAY, WEEK = timedelta(days=1), timedelta(days=7)
MOST_LISTED = 200

log = structlog.get_logger(__name__)


class Count(msgspec.Struct, frozen=True):
    """Incidents of one type, grade or organisation: in the day, in the one before, in the same day a week before."""

    key: str
    day: int
    day_before: int
    week_before: int
    figures: GroupFigures | None = None  # of the day


class Lacking(msgspec.Struct, frozen=True):
    """An incident whose stages can't be measured: `stages` are (stage, missing | out_of_order)."""

    incident: Incident
    stages: tuple[tuple[str, str], ...]


class Unrecorded(msgspec.Struct, frozen=True):
    """A time of which nothing is on record, neither an event nor a position: what is counted of it may be too little."""

    from_at: datetime
    to_at: datetime


class DailyReport(msgspec.Struct, frozen=True):
    """The day that ended on the morning of `day`."""

    day: date
    from_at: datetime
    to_at: datetime
    made_at: datetime
    org_code: str
    total: GroupFigures
    day_before: GroupFigures
    week_before: GroupFigures
    types: tuple[Count, ...]  # most first
    grades: tuple[Count, ...]
    organisations: tuple[Count, ...]  # most first
    lacking: tuple[Lacking, ...]  # oldest first, at most MOST_LISTED
    lacking_total: int
    open: tuple[Incident, ...]  # at the day's end, most urgent first, at most MOST_LISTED
    open_total: int
    unrecorded: tuple[Unrecorded, ...]  # of the three days that are counted, the newest day first


Render = Callable[[DailyReport], dict[str, bytes]]  # by the files' suffix


class DailyReports:
    """One per node."""

    def __init__(
        self,
        kpis: KpiService,
        history: History,
        authority: Authority,
        organisations: OrganisationTree,
        clock: Clock,
        zone: tzinfo,
        folder: Path,
        render: Render,
        suffixes: tuple[str, ...],
        tracks: Tracks,
    ) -> None:
        """`render` makes the files of a report, one for each of `suffixes`; it is called in a thread."""
        self.folder = folder
        self._kpis, self._history, self._authority = kpis, history, authority
        self._clock, self._zone = clock, zone
        self._render, self._suffixes = render, suffixes
        self._tracks = tracks
        self._actor = Actor(NAME, Role.VIEWER.value, organisations.city.code)
        self.daily = Daily(NAME, AT, zone, clock, self._write_due, self.is_written)

    def paths(self, day: date) -> list[Path]:
        """Where the report of a morning lies."""
        return [self.folder / f"{day.isoformat()}{suffix}" for suffix in self._suffixes]

    def is_written(self, day: date) -> bool:
        return all(path.exists() for path in self.paths(day))

    def state(self) -> dict[str, object]:
        """For the health page."""
        failure = self.daily.failure
        return {"state": "failing" if failure else "ok", "failure": failure, "newest": str(self.daily.done or "")}

    async def write(self, day: date) -> list[Path]:
        """Make the files of a morning anew, each as a whole. Raises RuleViolation for a morning that is to come, OSError."""
        report = await self.of(day)
        await asyncio.to_thread(self._write, report)
        return self.paths(day)

    def _write(self, report: DailyReport) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        files = self._render(report)
        for path in self.paths(report.day):
            write_atomically(path, files[path.suffix])

    async def _write_due(self, day: date) -> None:
        first_at = await self._history.first_recorded_at()
        if first_at is None or first_at >= self._morning(day):
            return  # there is nothing to report of before the first event
        await self.write(day)
        log.info("daily_report_written", day=str(day), folder=str(self.folder))

    async def of(self, day: date) -> DailyReport:
        """The report of a morning. Figures are as they are known now, open incidents as they were then. Raises RuleViolation."""
        ends = self._morning(day)
        if ends > self._clock.now():
            raise RuleViolation("report-to-come", f"The report of {day} is made at {ends.isoformat()}; ask for an earlier day.")
        begins = self._morning(day - DAY)
        spans = [(begins, ends), (self._morning(day - 2 * DAY), begins), (self._morning(day - WEEK - DAY), self._morning(day - WEEK))]
        total, day_before, week_before = [(await self._grouped(span, GroupBy.ALL))[1] for span in spans]
        counts = [await self._counts(spans, by) for by in (GroupBy.TYPE, GroupBy.GRADE, GroupBy.STATION)]
        lacking, lacking_total = await self._lacking(begins, ends)
        picture = await self._history.picture_at(ends)
        still_open = [one for one in picture.open_incidents() if self._authority.may_see_incident(self._actor, one)]
        return DailyReport(
            day=day,
            from_at=begins,
            to_at=ends,
            made_at=self._clock.now(),
            org_code=self._actor.org_code,
            total=total,
            day_before=day_before,
            week_before=week_before,
            types=tuple(sorted(counts[0], key=lambda one: (-one.day, -one.day_before, -one.week_before, one.key))),
            grades=tuple(sorted(counts[1], key=lambda one: one.key)),
            organisations=tuple(sorted(counts[2], key=lambda one: (-one.day, -one.day_before, -one.week_before, one.key))),
            lacking=tuple(lacking),
            lacking_total=lacking_total,
            open=tuple(still_open[:MOST_LISTED]),
            open_total=len(still_open),
            unrecorded=tuple([one for span in spans for one in await self._unrecorded(*span)]),
        )

    async def _unrecorded(self, begins: datetime, ends: datetime) -> list[Unrecorded]:
        span = begins.timestamp(), ends.timestamp()
        found = await silences(self._history, self._tracks, *span, self._clock.unix_s())
        long = [(first, last) for first, last in found.nothing if last - first >= UNRECORDED_S]
        return [Unrecorded(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)) for first, last in long]

    def _morning(self, day: date) -> datetime:
        """The instant of the report on a day of the city, in UTC."""
        return datetime.combine(day, AT, self._zone).astimezone(UTC)

    async def _grouped(self, span: tuple[datetime, datetime], by: GroupBy) -> tuple[dict[str, GroupFigures], GroupFigures]:
        found = await self._kpis.of(self._actor, KpiQuery(*span, by))
        return {group.key: group for group in found.groups}, found.total

    async def _counts(self, spans: list[tuple[datetime, datetime]], by: GroupBy) -> list[Count]:
        day, day_before, week_before = [(await self._grouped(span, by))[0] for span in spans]

        def incidents(groups: dict[str, GroupFigures], key: str) -> int:
            return groups[key].incidents if key in groups else 0

        keys = day.keys() | day_before.keys() | week_before.keys()
        return [
            Count(key, incidents(day, key), incidents(day_before, key), incidents(week_before, key), figures=day.get(key)) for key in keys
        ]

    async def _lacking(self, begins: datetime, ends: datetime) -> tuple[list[Lacking], int]:
        """Those that can be listed, and how many there are."""
        lacks = await self._kpis.lacking(self._actor, KpiQuery(begins, ends))
        found = [(await self._history.incident(incident_id), stages) for incident_id, stages in lacks[:MOST_LISTED]]
        return [Lacking(incident, stages) for incident, stages in found if incident is not None], len(lacks)
