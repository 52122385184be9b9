"""How many incidents are to be expected on which street at which time of day: what was recorded here and what was imported.

The day has four parts of six hours by the city's clock. A part with too few incidents behind it borrows the whole day's; a
city with too few altogether has no expectation, and whoever asks is told so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
import structlog
from numpy.typing import NDArray

from dispatch.clock import Clock
from geodata.cities.city import City
from geodata.routing.coverage import Streets
from geodata.routing.demand import SPREAD_M, DemandField, Hotspot
from operations.records.history import History
from operations.situation.elements import ElementStore, Thing
from storage.journal import MAX_PAGE
from storage.past import PastIncidents

DAYS = 365
PART_HOURS = 6
PARTS = 24 // PART_HOURS
# Fewer say nothing about a city: one robbery would move a car.
LEAST_INCIDENTS = 50
EVERY_S = 3600.0
MOST_HOTSPOTS = 60
# Everybody may see hot spots: of so many incidents none is told of.
LEAST_AT_HOTSPOT = 10

Floats = NDArray[np.float64]
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Expectation:
    """Incidents expected on each street, with what stands behind them."""

    per_street: Floats  # [streets] of the incidents behind it, how many belong to the street
    incidents: int  # how many there are behind it
    hours: tuple[int, int] | None  # local hours from, to; None: of the whole day
    since: datetime  # the oldest that may be among them
    as_of: datetime


@dataclass(frozen=True)
class TooFew:
    """Not enough has happened yet."""

    incidents: int
    as_of: datetime | None  # None: history has not been read yet


@dataclass(frozen=True)
class _Known:
    whole: Floats
    parts: tuple[Floats, ...]
    counts: tuple[int, ...]  # of the parts
    hotspots: tuple[Hotspot, ...]
    since: datetime
    as_of: datetime


class Expects(Protocol):
    """Who says what is to be expected."""

    def now(self) -> Expectation | TooFew: ...


class NotKept:
    """Of a moment of the past: what was expected then is kept nowhere, and what is expected now was learned later as well."""

    def now(self) -> TooFew:
        return TooFew(0, None)


class ExpectedIncidents:
    """Reads history in the background, once an hour; what it knows is swapped whole."""

    def __init__(
        self,
        city: City,
        history: History,
        past: PastIncidents,
        clock: Clock,
        streets: Callable[[], Streets],
        elements: ElementStore,
        is_confidential: Callable[[str], bool],
    ) -> None:
        self._city = city
        self._history = history
        self._past = past
        self._clock = clock
        self._streets = streets
        self._elements = elements
        self._is_confidential = is_confidential  # by incident type: a complaint's place is nobody's business
        self._zone = ZoneInfo(city.time_zone)
        self._field: DemandField | None = None
        self._known: _Known | None = None
        self._task: asyncio.Task[None] | None = None
        self._reading = asyncio.Lock()

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="expected incidents")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            try:
                await self.read()
            except Exception:
                log.exception("history_not_read")  # what was known stays, and says of when it is
            await asyncio.sleep(EVERY_S)

    async def read(self) -> None:
        """Read history now; one after the other, so that what was read last counts."""
        async with self._reading:
            await self._read()

    async def _read(self) -> None:
        now = self._clock.now()
        since = now - timedelta(days=DAYS)
        rows = await asyncio.to_thread(self._past.places, since)
        cursor: str | None = None
        while True:
            page = await self._history.incidents(from_=since, cursor=cursor, limit=MAX_PAGE)
            rows += [
                (i.incident_type, i.received_at.timestamp(), i.lon, i.lat)
                for i in page.incidents
                if i.lon is not None and i.lat is not None
            ]
            cursor = page.cursor
            if cursor is None:
                break
        known = self._known = await asyncio.to_thread(self._learn, rows, since, now)
        is_enough = sum(known.counts) >= LEAST_INCIDENTS
        spots = [spot for spot in known.hotspots if is_enough and spot.incidents >= LEAST_AT_HOTSPOT]
        self._elements.derive("hotspot", [self._hotspot(number, spot, now) for number, spot in enumerate(spots, 1)])

    def now(self) -> Expectation | TooFew:
        """What is to be expected at this hour."""
        known = self._known
        if known is None:
            return TooFew(0, None)
        part = self._clock.now().astimezone(self._zone).hour // PART_HOURS
        if known.counts[part] >= LEAST_INCIDENTS:
            hours = (part * PART_HOURS, (part + 1) * PART_HOURS)
            return Expectation(known.parts[part], known.counts[part], hours, known.since, known.as_of)
        if sum(known.counts) >= LEAST_INCIDENTS:
            return Expectation(known.whole, sum(known.counts), None, known.since, known.as_of)
        return TooFew(sum(known.counts), known.as_of)

    def _hotspot(self, number: int, spot: Hotspot, as_of: datetime) -> Thing:
        lon, lat = self._city.projection.to_degrees(spot.x, spot.y)
        properties = {"incidents": round(spot.incidents), "within_m": round(2 * SPREAD_M), "days": DAYS}
        return Thing("hotspot", f"hotspot-{number}", round(float(lon), 6), round(float(lat), 6), properties, as_of.timestamp())

    def _learn(self, rows: list[tuple[str, float, float, float]], since: datetime, as_of: datetime) -> _Known:
        if self._field is None:
            self._field = DemandField(self._city.graph, self._streets())
        kept = [row for row in rows if not self._is_confidential(row[0])]
        at_s, lon, lat = (np.array([row[k] for row in kept], np.float64) for k in (1, 2, 3))
        x, y = self._city.projection.to_metres(lon, lat)
        hour = np.array([datetime.fromtimestamp(s, self._zone).hour for s in at_s.tolist()], np.int64)
        parts, counts = [], []
        for part in range(PARTS):
            here = hour // PART_HOURS == part
            parts.append(self._field.spread(x[here], y[here]))
            counts.append(int(here.sum()))
        spots = self._field.hotspots(x, y, MOST_HOTSPOTS)
        return _Known(np.sum(parts, axis=0), tuple(parts), tuple(counts), tuple(spots), since, as_of)
