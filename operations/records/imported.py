"""Incidents that other systems recorded, as moments of the past and replays need them: open at an instant, told in their order, counted.

Nothing of them is in the journal; their events (`dispatch.past_events`) are made when they are asked for. Blocks on the database: call
it from a thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from dispatch.events import Recorded
from dispatch.kpi_facts import Facts
from dispatch.model import Incident
from dispatch.past import SHOWN_AT_MOST, SHOWN_FOR, PastIncident, is_past
from dispatch.past_events import past_events, past_incident_at
from storage.journal import CountQuery
from storage.kpi_months import MonthlyFacts
from storage.past import PastIncidents

# Looked through at a time for the next or last event: more each time, less where much happened.
WINDOW, WIDE, WIDEST = timedelta(hours=1), timedelta(days=1), timedelta(days=30)
INSTANT = timedelta(microseconds=1)
ROUNDING = timedelta(milliseconds=1)  # more than sums of stored times are off
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
MOST_LOOKED_AT = 20_000  # events; a reader who may see none of so many is told that there is none

Floats = NDArray[np.float64]
# Whether a reader may be told: the event, and its incident with it.
Wanted = Callable[[Recorded, Incident], bool]


class ImportedIncidents:
    """Thread-safe."""

    def __init__(self, past: PastIncidents, facts: MonthlyFacts, org_of: Callable[[PastIncident], str]) -> None:
        self._past = past
        self._facts = facts
        self._org_of = org_of  # whose it is

    def first_at(self) -> datetime | None:
        """When the first was received; None when nothing was imported."""
        return self._past.received_after(EARLIEST)

    def at(self, at: datetime) -> dict[str, Incident]:
        """Those that were open at an instant, by id."""
        found = (past_incident_at(events, at) for events in self._events(self._past.running(at, at)))
        return {one.incident_id: one for one in found if one is not None and one.is_open}

    def between(self, from_: datetime, to: datetime) -> list[Recorded]:
        """What happened after `from_` and by `to`, in order."""
        return [recorded for recorded, _ in self._told(from_, to)]

    def timeline(self, incident_id: str) -> tuple[Recorded, ...]:
        """All that happened on one of them; nothing of an id that is not one of theirs."""
        found = self._past.one(incident_id) if is_past(incident_id) else None
        return () if found is None else past_events(found, self._org_of(found))

    def as_ended(self, incident_id: str) -> Incident | None:
        """One of them as it was in the end."""
        events = self.timeline(incident_id)
        return past_incident_at(events, events[-1].recorded_at) if events else None

    def next(self, after: datetime, until: datetime, wanted: Wanted) -> Recorded | None:
        """The first event after one instant and by another that is wanted."""
        looked_at, window = 0, WINDOW
        while after < until and looked_at < MOST_LOOKED_AT:
            to = min(after + window, until)
            told = self._told(after, to)
            found = _first(told, wanted)
            if found is not None:
                return found
            looked_at += len(told)
            window = min(2 * window, WIDE if told else WIDEST)
            after = to
            if not told and not self._past.running(to, to):
                begins = self._past.received_after(to)
                if begins is None:
                    return None
                after, window = begins - INSTANT, WINDOW
        return None

    def previous(self, before: datetime, since: datetime | None, wanted: Wanted) -> Recorded | None:
        """The last event before one instant, and after another, that is wanted."""
        looked_at, window, to = 0, WINDOW, before - INSTANT
        while looked_at < MOST_LOOKED_AT and (since is None or to > since):
            from_ = to - window if since is None else max(since, to - window)
            told = self._told(from_, to)
            found = _first(reversed(told), wanted)
            if found is not None:
                return found
            looked_at += len(told)
            window = min(2 * window, WIDE if told else WIDEST)
            to = from_
            if not told and not self._past.running(from_, from_):
                ended = self._past.ended_by(from_)
                if ended is None:
                    return None
                to, window = min(from_, ended + ROUNDING), WINDOW
        return None

    def counts(self, query: CountQuery) -> list[tuple[int, str, int]]:
        """As of the journal's (`storage.journal.Journal.counts`), by when they are told."""
        found: Counter[tuple[int, str]] = Counter()
        begins = self.first_at()
        if begins is not None and begins < query.to:
            # One that was received before is told of in the span as well.
            longest = min(timedelta(seconds=self._past.longest_s()), max(query.from_, begins) - EARLIEST)
            for facts in self._facts.load_imported(max(begins, max(query.from_, begins) - longest), query.to):
                for name, times in told_times(facts, query.orgs, query.without_types):
                    inside = times[(times >= query.from_.timestamp()) & (times < query.to.timestamp())]
                    bins = ((inside - query.from_.timestamp()) / query.bin_s).astype(np.int64)
                    places, numbers = np.unique(np.minimum(bins, query.bins - 1), return_counts=True)
                    found.update({(place, name): number for place, number in zip(places.tolist(), numbers.tolist(), strict=True)})
        return [(place, name, number) for (place, name), number in sorted(found.items())]

    def _events(self, incidents: Iterable[PastIncident]) -> Iterator[tuple[Recorded, ...]]:
        return (past_events(one, self._org_of(one)) for one in incidents)

    def _told(self, from_: datetime, to: datetime) -> list[tuple[Recorded, tuple[Recorded, ...]]]:
        """What happened in a span, in order, each beside all events of its incident."""
        all_events = self._events(self._past.running(from_, to))
        told = [(one, events) for events in all_events for one in events if from_ < one.recorded_at <= to]
        return sorted(told, key=lambda pair: (pair[0].recorded_at, pair[0].incident_id, pair[0].incident_version))


def _first(told: Iterable[tuple[Recorded, tuple[Recorded, ...]]], wanted: Wanted) -> Recorded | None:
    for recorded, events in told:
        incident = past_incident_at(events, recorded.recorded_at)
        if incident is not None and wanted(recorded, incident):
            return recorded
    return None


def told_times(facts: Facts, orgs: Collection[str], without_types: Collection[str]) -> list[tuple[str, Floats]]:
    """When the events of imported incidents are told (`dispatch.past_events`), by kind; Unix s. Only of `orgs`, not of `without_types`."""
    rows, responses = facts.incidents, facts.responses
    if not len(rows):
        return []
    is_counted = np.isin(rows["org"], [k for k, org in enumerate(facts.orgs) if org in orgs])
    is_counted &= ~np.isin(rows["type"], [k for k, kind in enumerate(facts.types) if kind in without_types])
    received, of_incident = rows["received_at"], responses["incident"]
    times = np.stack([responses[name] for name in ("pushed_at", "departed_at", "arrived_at", "ended_at")])
    first_at, last_at = np.fmin.reduce(times), np.fmax.reduce(times)  # NaN only of crews without any time
    closed = np.full(len(rows), -np.inf)
    np.maximum.at(closed, of_incident[~np.isnan(last_at)], last_at[~np.isnan(last_at)])
    closed = np.where(np.isinf(closed), received + SHOWN_FOR.total_seconds(), np.maximum(closed, received))
    closed = np.minimum(closed, received + SHOWN_AT_MOST.total_seconds())
    told = [("incident_received", received[is_counted]), ("incident_closed", closed[is_counted])]
    released_at = np.where(np.isnan(times[-1]), np.nan, last_at)
    for name, at in (("service_called", first_at), ("departed", times[1]), ("arrived", times[2]), ("unit_released", released_at)):
        is_told = ~np.isnan(at) & is_counted[of_incident]
        told.append((name, np.minimum(np.maximum(at, received[of_incident]), closed[of_incident])[is_told]))
    return told
