"""Facts for figures of response (`dispatch.kpi_facts`), a calendar month (UTC) at a time, kept in memory and on disk.

What is kept can be made again from the journal: a month is read anew when any of its incidents has changed since. Files that
can't be read are made again as well. Blocks on disk and database: call it from a thread.
"""

from __future__ import annotations

import os
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import numpy as np

from dispatch.kpi_facts import INCIDENT_COLUMNS, RESPONSE_COLUMNS, Columns, Facts, FactsBuilder, joined
from dispatch.past import PastIncident
from storage.journal import MAX_PAGE, IncidentQuery, Journal
from storage.past import PastIncidents

FORMAT = 2
MOST_IN_MEMORY = 240  # months, own and imported ones counted apart; a year of a city is about 60 MB
_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
_NONE = FactsBuilder(UTC).built()


class MonthlyFacts:
    """Reads what was received in a period. `org_of` says whose a past incident is."""

    def __init__(
        self,
        journal: Journal,
        past: PastIncidents,
        folder: Path,
        zone: tzinfo,
        org_of: Callable[[PastIncident], str],
        city: str,
    ) -> None:
        self._journal, self._past = journal, past
        self._folder = folder
        self._zone = zone
        self._org_of = org_of
        self._city = f"{FORMAT} {city} {zone}"  # what else the columns depend on
        self._months: OrderedDict[str, tuple[str, Facts]] = OrderedDict()  # by name of their file
        self._joined: tuple[list[Facts], Facts] | None = None  # what was asked for last: most ask for the same again
        self._lock = threading.Lock()

    def load(self, from_: datetime, to: datetime) -> Facts:
        """Everything received in the calendar months that a period touches. Raises JournalError."""
        with self._lock:  # two readers at once would both read the same months
            parts = [part(begins) for begins in months(max(from_, _FIRST), to) for part in (self._own, self._imported)]
            if self._joined is None or [id(part) for part in parts] != [id(part) for part in self._joined[0]]:
                self._joined = (parts, joined(parts))
            return self._joined[1]

    def load_imported(self, from_: datetime, to: datetime) -> list[Facts]:
        """Of other systems alone, month by month: those that have any."""
        with self._lock:
            parts = [self._imported(begins) for begins in months(max(from_, _FIRST), to)]
        return [part for part in parts if len(part.incidents)]

    def sources(self) -> list[str]:
        """Names of other systems whose incidents were imported."""
        return self._past.sources()

    # What was imported changes seldom and one's own month all the time, so they are kept apart.

    def _own(self, begins: datetime) -> Facts:
        ends = next_month(begins)
        tally = self._journal.tally(begins, ends)
        return self._month(begins, f"{begins:%Y%m}", f"{tally.incidents} {tally.versions}", self._read_own)

    def _imported(self, begins: datetime) -> Facts:
        number = self._past.count(begins, next_month(begins))
        return self._month(begins, f"{begins:%Y%m}-imported", str(number), self._read_imported) if number else _NONE

    def _month(self, begins: datetime, name: str, state: str, read: Callable[[datetime, FactsBuilder], None]) -> Facts:
        state = f"{self._city} {state}"
        known = self._months.get(name)
        if known is None or known[0] != state:
            facts = self._stored(name, state)
            if facts is None:
                builder = FactsBuilder(self._zone)
                read(begins, builder)
                facts = builder.built()
                self._store(name, state, facts)
            known = (state, facts)
            self._months[name] = known
        self._months.move_to_end(name)
        while len(self._months) > MOST_IN_MEMORY:
            self._months.popitem(last=False)
        return known[1]

    def _read_own(self, begins: datetime, builder: FactsBuilder) -> None:
        cursor: str | None = None
        while True:
            page = self._journal.incidents(IncidentQuery(from_=begins, to=next_month(begins), cursor=cursor, limit=MAX_PAGE))
            for incident in page.incidents:
                builder.add(incident)
            cursor = page.cursor
            if cursor is None:
                break

    def _read_imported(self, begins: datetime, builder: FactsBuilder) -> None:
        for incident in self._past.between(begins, next_month(begins)):
            builder.add_past(incident, self._org_of(incident))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.npz"

    def _stored(self, name: str, state: str) -> Facts | None:
        path = self._path(name)
        if not path.exists():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                if str(kept["state"]) != state:
                    return None
                incidents = {name: kept[f"incident_{name}"] for name in INCIDENT_COLUMNS}
                responses = {name: kept[f"response_{name}"] for name in RESPONSE_COLUMNS}
                names = [tuple(str(name) for name in kept[key]) for key in ("orgs", "types", "sources")]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None
        return Facts(Columns([incidents]), Columns([responses]), *names)

    def _store(self, name: str, state: str, facts: Facts) -> None:
        if not len(facts.incidents):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(name)
        beside = path.with_suffix(".part")
        columns = {f"incident_{name}": facts.incidents[name] for name in INCIDENT_COLUMNS}
        columns |= {f"response_{name}": facts.responses[name] for name in RESPONSE_COLUMNS}
        columns |= {key: np.array(getattr(facts, key), dtype=np.str_) for key in ("orgs", "types", "sources")}
        with beside.open("wb") as file:
            np.savez(file, allow_pickle=False, state=np.array(state), **columns)
        os.replace(beside, path)


def months(from_: datetime, to: datetime) -> Iterator[datetime]:
    """Beginnings (UTC) of the calendar months that a period touches."""
    at = from_.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while at < to:
        yield at
        at = next_month(at)


def next_month(begins: datetime) -> datetime:
    return begins.replace(year=begins.year + begins.month // 12, month=begins.month % 12 + 1)
