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
from storage.journal import MAX_PAGE, IncidentQuery, Journal
from storage.past import PastIncidents

FORMAT = 1
MOST_IN_MEMORY = 120  # months; a year of a city is about 60 MB
_FIRST = datetime(1990, 1, 1, tzinfo=UTC)


class MonthlyFacts:
    """Reads what was received in a period. `org_of` says whose area a point (lon, lat) of a past incident lies in."""

    def __init__(
        self,
        journal: Journal,
        past: PastIncidents,
        folder: Path,
        zone: tzinfo,
        org_of: Callable[[float, float], str],
        city: str,
        home_org: str,
    ) -> None:
        self._journal, self._past = journal, past
        self._folder = folder
        self._zone = zone
        self._org_of = org_of
        self._city = f"{FORMAT} {city} {zone}"  # what else the columns depend on
        self._home_org = home_org  # of past incidents without a point, and outside of all areas
        self._months: OrderedDict[datetime, tuple[str, Facts]] = OrderedDict()
        self._joined: tuple[list[Facts], Facts] | None = None  # what was asked for last: most ask for the same again
        self._lock = threading.Lock()

    def load(self, from_: datetime, to: datetime) -> Facts:
        """Everything received in the calendar months that a period touches. Raises JournalError."""
        with self._lock:  # two readers at once would both read the same months
            parts = [self._month(begins) for begins in months(max(from_, _FIRST), to)]
            if self._joined is None or [id(part) for part in parts] != [id(part) for part in self._joined[0]]:
                self._joined = (parts, joined(parts))
            return self._joined[1]

    def sources(self) -> list[str]:
        """Names of other systems whose incidents were imported."""
        return self._past.sources()

    def _month(self, begins: datetime) -> Facts:
        ends = next_month(begins)
        tally = self._journal.tally(begins, ends)
        state = f"{self._city} {tally.incidents} {tally.versions} {self._past.count(begins, ends)}"
        known = self._months.get(begins)
        if known is None or known[0] != state:
            facts = self._stored(begins, state)
            if facts is None:
                facts = self._read(begins, ends)
                self._store(begins, state, facts)
            known = (state, facts)
            self._months[begins] = known
        self._months.move_to_end(begins)
        while len(self._months) > MOST_IN_MEMORY:
            self._months.popitem(last=False)
        return known[1]

    def _read(self, begins: datetime, ends: datetime) -> Facts:
        builder = FactsBuilder(self._zone)
        cursor: str | None = None
        while True:
            page = self._journal.incidents(IncidentQuery(from_=begins, to=ends, cursor=cursor, limit=MAX_PAGE))
            for incident in page.incidents:
                builder.add(incident)
            cursor = page.cursor
            if cursor is None:
                break
        for past in self._past.between(begins, ends):
            located = past.lon is not None and past.lat is not None
            builder.add_past(past, self._org_of(past.lon or 0.0, past.lat or 0.0) if located else self._home_org)
        return builder.built()

    def _path(self, begins: datetime) -> Path:
        return self._folder / f"{begins:%Y%m}.npz"

    def _stored(self, begins: datetime, state: str) -> Facts | None:
        path = self._path(begins)
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

    def _store(self, begins: datetime, state: str, facts: Facts) -> None:
        if not len(facts.incidents):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(begins)
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
