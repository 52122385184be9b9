"""What crews' own drives teach about the streets: fixes to streets, streets to times, times into every answer; kept on disk.

Fixes are only laid aside on the event loop. Every few seconds a thread matches them to streets and learns; each minute, and when the
hour changes, the new times are swapped in. What is known as a part of the day begins is kept for replays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import structlog
from numpy.typing import NDArray

from dispatch.clock import Clock
from dispatch.model import Grade, UnitKind, UnitStatus
from dispatch.picture import OperatingPicture
from geodata.routing.travel import TravelTimes
from geodata.streets.learned import ON_WAY, PATROL, SIREN, LearnedSpeeds
from geodata.streets.street_hours import PART_OF_HOUR
from geodata.tracks.matching import Matcher, Traversals
from operations.tracking.positions import KIND_INDEX, STATUS_INDEX, PositionTable
from storage.speeds import DamagedSpeeds, SpeedFile, SpeedHistory

log = structlog.get_logger()

TICK_S = 3.0
SWAP_EVERY_S = 60.0
KEEP_EVERY_S = 300.0
# Fixes that wait at most; when a thread falls behind, the oldest are forgotten: they would teach, nothing depends on them.
MOST_WAITING = 200_000
# To incidents up to this grade crews drive with siren.
SIREN_GRADE = Grade.URGENT
_ON_FOOT, _EN_ROUTE = KIND_INDEX[UnitKind.FOOT_PATROL], STATUS_INDEX[UnitStatus.EN_ROUTE]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Fixes:
    """Fixes of cars as they came, and how each is driven now."""

    unit: NDArray[np.int64]
    at_s: Floats
    lon: Floats
    lat: Floats
    heading_deg: Floats
    speed_mps: Floats


class _Manners:
    """How each unit is driven, and since when; what it was before, because streets are settled some seconds after they were driven."""

    def __init__(self) -> None:
        self._now = np.zeros(0, np.int64)
        self._before = np.zeros(0, np.int64)
        self._since_s = np.zeros(0)

    def note(self, manner: NDArray[np.int64], now_s: float) -> None:
        """[units] as of `now_s`; units are only ever added."""
        more = len(manner) - len(self._now)
        self._now, self._before = (np.concatenate([a, np.zeros(more, np.int64)]) for a in (self._now, self._before))
        self._since_s = np.concatenate([self._since_s, np.zeros(more)])
        changed = manner != self._now
        self._before[changed], self._since_s[changed] = self._now[changed], now_s
        self._now = manner.copy()

    def of(self, driven: Traversals) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """[traversals] how each was driven, and whether it was so all along."""
        since_s = self._since_s[driven.unit]
        after = driven.left_s >= since_s
        return np.where(after, self._now[driven.unit], self._before[driven.unit]), (driven.entered_s >= since_s) == after


class StreetSpeeds:
    """One per node. `take` is for the event loop; `start` and `stop` run the rest."""

    def __init__(
        self,
        *,
        travel: TravelTimes,
        matcher: Matcher,
        file: SpeedFile,
        history: SpeedHistory,
        positions: PositionTable,
        picture: Callable[[], OperatingPicture],
        affected: Callable[[], frozenset[int]],
        clock: Clock,
        time_zone: str,
    ) -> None:
        """`affected`: edges that traffic events change just now; what is driven there teaches nothing."""
        self._travel = travel
        self._matcher = matcher
        self._file = file
        self._history = history
        self._positions = positions
        self._picture = picture
        self._affected = affected
        self._clock = clock
        self._zone = ZoneInfo(time_zone)
        self._learned = LearnedSpeeds(travel.graph)
        self._manners = _Manners()
        self._waiting: list[_Fixes] = []
        self._waiting_fixes = self._forgotten = 0
        self._swapped_at = self._kept_at = -np.inf
        self._hour: int | None = None
        self._share = 0.0
        self._observations = 0
        self._failures: dict[str, str] = {}  # by what failed
        self._seen: NDArray[np.float32] = np.zeros(0, np.float32)
        self._task: asyncio.Task[None] | None = None

    def take(
        self, indices: NDArray[np.int64], at_s: Floats, lon: Floats, lat: Floats, heading_deg: NDArray[Any], speed_mps: NDArray[Any]
    ) -> None:
        """Lay fixes aside that are their units' newest, by row of the position table."""
        cars = self._positions.kind[indices] != _ON_FOOT
        if not cars.any():
            return
        columns = (column[cars] for column in (indices, at_s, lon, lat, heading_deg, speed_mps))
        self._waiting.append(_Fixes(*columns))
        self._waiting_fixes += int(cars.sum())
        while self._waiting_fixes > MOST_WAITING:
            gone = len(self._waiting.pop(0).unit)
            self._waiting_fixes -= gone
            self._forgotten += gone

    async def start(self) -> None:
        """Go on with what was learned before."""
        await asyncio.to_thread(self._matcher.warm_up)
        await asyncio.to_thread(self._read)
        await self.tick()
        self._task = asyncio.create_task(self._run(), name="street-speeds")

    async def stop(self) -> None:
        """Learn from what waits, keep everything, end."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self.tick()
        await asyncio.to_thread(self._keep)

    async def tick(self) -> None:
        """Learn from what has come since the last time; swap and keep when it is time."""
        waiting, self._waiting, self._waiting_fixes = self._waiting, [], 0
        now_s = self._clock.unix_s()
        self._manners.note(self._present_manners(), now_s)
        await asyncio.to_thread(self._work, waiting, now_s)

    def observations_at(self, edge: int) -> float:
        """How many traversals stand behind an edge's times, as far as they are not forgotten."""
        return float(self._seen[edge]) if edge < len(self._seen) else 0.0

    def state(self) -> dict[str, Any]:
        """For the health page."""
        failure = " ".join(self._failures.values())
        return {
            "state": "failing" if failure else "ok",
            "observations": self._observations,
            "learned_percent": round(100.0 * self._share, 1),
            "forgotten": self._forgotten,
        } | ({"failure": failure} if failure else {})

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.tick()
                self._failures.pop("learning", None)
            except Exception as error:  # streets keep the times they have; everything else goes on
                self._failures["learning"] = str(error)
                log.exception("street_speeds_failed")

    def _present_manners(self) -> NDArray[np.int64]:
        """[units] on its way with siren, on its way, or neither."""
        table, picture = self._positions, self._picture()
        manner = np.full(table.count, PATROL)
        for index in np.flatnonzero(table.status[: table.count] == _EN_ROUTE).tolist():
            unit = picture.units.get(table.unit_ids[index])
            incident = picture.incidents.get(unit.incident_id) if unit is not None and unit.incident_id is not None else None
            if incident is not None:
                manner[index] = SIREN if incident.grade <= SIREN_GRADE else ON_WAY
        return manner

    # In a thread ----------------------------------------------------------------------------------------------------------

    def _work(self, waiting: list[_Fixes], now_s: float) -> None:
        for fixes in waiting:
            driven = self._matcher.follow(fixes.unit, fixes.at_s, fixes.lon, fixes.lat, fixes.heading_deg, fixes.speed_mps)
            if len(driven):
                self._learn(driven)
        self._observations = self._learned.observations
        hour = datetime.fromtimestamp(now_s, self._zone).hour
        if now_s - self._swapped_at >= SWAP_EVERY_S or hour != self._hour:
            self._learned.age(now_s)
            self._travel.use(self._learned.times(hour))
            self._seen, self._share = self._learned.seen(), self._learned.learned_share()
            if self._hour is None or PART_OF_HOUR[hour] != PART_OF_HOUR[self._hour]:
                self._remember(now_s)
            self._swapped_at, self._hour = now_s, hour
        if now_s - self._kept_at >= KEEP_EVERY_S:
            if self._kept_at > -np.inf:
                self._keep()
            self._kept_at = now_s

    def _learn(self, driven: Traversals) -> None:
        manner, is_whole = self._manners.of(driven)
        teaches = is_whole & np.isfinite(driven.entered_s)
        affected = self._affected()
        if affected:
            teaches &= ~np.isin(driven.edge, np.fromiter(affected, np.int64))
        # What was half driven so ends a stretch: it is handed on without a time.
        entered_s = np.where(teaches, driven.entered_s, np.nan)
        hours = np.array([datetime.fromtimestamp(at, self._zone).hour for at in driven.left_s.tolist()])
        self._learned.observe(driven.unit, driven.edge, entered_s, driven.left_s, hours, manner)

    def _read(self) -> None:
        try:
            state = self._file.read()
        except DamagedSpeeds as damage:
            self._failures["reading"] = f"{damage} It was set aside as {self._file.set_aside().name}; learning began anew."
            log.error("learned speeds damaged", detail=self._failures["reading"])
            return
        if state is not None:
            self._learned = LearnedSpeeds(self._travel.graph, state)

    def _keep(self) -> None:
        self._written("keeping", lambda: self._file.write(self._learned.state()))

    def _remember(self, now_s: float) -> None:
        """What is known as a part of the day begins, for whoever looks back at it."""
        self._written("remembering", lambda: self._history.keep(self._learned.state(), now_s))

    def _written(self, what: str, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._failures[what] = f"{error.filename} can't be written: {error.strerror}."
            log.error("learned speeds not kept", detail=self._failures[what])
        else:
            self._failures.pop(what, None)
