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

FORMAT = 4
MOST_IN_MEMORY = 120  # months of a kind; a year of a city is about 60 MB
_FIRST = datetime(1900, 1, 1, tzinfo=UTC)
_NONE = FactsBuilder(UTC).built()


class MonthlyFacts:
    """Reads what was received in a period. `org_of` says whose a past incident is.

    What was imported changes seldom and one's own month all the time, so they are kept apart.
    """

    def __init__(
        self,
        journal: Journal,
        past: PastIncidents,
        folder: Path,
        zone: tzinfo,
        org_of: Callable[[PastIncident], str],
        city: str,
    ) -> None:
        """`city`: changes whenever places belong to other organisations."""
        self._journal, self._past = journal, past
        self._org_of = org_of
        of_city = f"{FORMAT} {city} {zone}"  # what else the columns depend on
        self._own = _Months(folder, "", zone, of_city, self._own_state, self._read_own)
        self._imported = _Months(folder, "-imported", zone, of_city, self._imported_state, self._read_imported)
        self._joined: tuple[list[Facts], Facts] | None = None  # what was asked for last: most ask for the same again
        self._joining = threading.Lock()

    def load(self, from_: datetime, to: datetime) -> Facts:
        """Everything received in the calendar months that a period touches. Raises JournalError."""
        parts = [kept.of(begins) for begins in months(max(from_, _FIRST), to) for kept in (self._own, self._imported)]
        with self._joining:
            if self._joined is None or [id(part) for part in parts] != [id(part) for part in self._joined[0]]:
                self._joined = (parts, joined(parts))
            return self._joined[1]

    def load_imported(self, from_: datetime, to: datetime) -> list[Facts]:
        """Of other systems alone, month by month: those that have any."""
        parts = [self._imported.of(begins) for begins in months(max(from_, _FIRST), to)]
        return [part for part in parts if len(part.incidents)]

    def sources(self) -> list[str]:
        """Names of other systems whose incidents were imported."""
        return self._past.sources()

    def _own_state(self, begins: datetime) -> str | None:
        tally = self._journal.tally(begins, next_month(begins))
        return f"{tally.incidents} {tally.versions}" if tally.incidents else None

    def _read_own(self, begins: datetime, builder: FactsBuilder) -> None:
        cursor: str | None = None
        while True:
            page = self._journal.incidents(IncidentQuery(from_=begins, to=next_month(begins), cursor=cursor, limit=MAX_PAGE))
            for incident in page.incidents:
                builder.add(incident)
            cursor = page.cursor
            if cursor is None:
                break

    def _imported_state(self, begins: datetime) -> str | None:
        number = self._past.count(begins, next_month(begins))
        return str(number) if number else None

    def _read_imported(self, begins: datetime, builder: FactsBuilder) -> None:
        for incident in self._past.between(begins, next_month(begins)):
            builder.add_past(incident, self._org_of(incident))


class _Months:
    """Facts of one kind by month, in memory and on disk. Two readers at once would both read the same months: one waits."""

    def __init__(
        self,
        folder: Path,
        suffix: str,
        zone: tzinfo,
        of_city: str,
        state_of: Callable[[datetime], str | None],
        read: Callable[[datetime, FactsBuilder], None],
    ) -> None:
        """`state_of` a month: what changes whenever it has to be read anew; None when there is nothing in it."""
        self._folder, self._suffix = folder, suffix
        self._zone = zone
        self._of_city = of_city
        self._state_of, self._read = state_of, read
        self._kept: OrderedDict[datetime, tuple[str, Facts]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, begins: datetime) -> Facts:
        """Of the month that begins then. Raises JournalError."""
        with self._lock:
            state = self._state_of(begins)
            if state is None:
                return _NONE
            state = f"{self._of_city} {state}"
            known = self._kept.get(begins)
            if known is None or known[0] != state:
                facts = self._stored(begins, state)
                if facts is None:
                    builder = FactsBuilder(self._zone)
                    self._read(begins, builder)
                    facts = builder.built()
                    self._store(begins, state, facts)
                known = (state, facts)
                self._kept[begins] = known
            self._kept.move_to_end(begins)
            while len(self._kept) > MOST_IN_MEMORY:
                self._kept.popitem(last=False)
            return known[1]

    def _path(self, begins: datetime) -> Path:
        return self._folder / f"{begins:%Y%m}{self._suffix}.npz"

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
