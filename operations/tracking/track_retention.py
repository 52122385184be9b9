"""How long tracks are kept: once a day what is older than the city's rule goes, but for what a hold covers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol

import structlog

from dispatch.clock import Clock
from operations.daily import Daily
from operations.tracking.track_holds import TrackHolds
from storage.speeds import SpeedHistory
from storage.track_removal import Held, Removal

AT = time(3, 30)  # of the city's day: when least is written and asked
# A clock that goes on by more than this with nothing written meanwhile may be wrong: what it says is believed after a while of going on.
LONGEST_PAUSE, SURE_AFTER = timedelta(days=2), timedelta(days=3)

log = structlog.get_logger(__name__)


class ClockInDoubt(Exception):
    """It may have jumped: by what it says, tracks would go that are not over."""


class Slices(Protocol):
    """`storage.tracks.TrackStore`; called in a thread."""

    def remove_before(self, before_s: float, held: Sequence[Held], at: datetime, why: str) -> Removal: ...

    def pause(self, since_s: float, until_s: float, longest_s: float) -> tuple[float, float] | None: ...


class TrackRetention:
    """One per node. `keep_days` 0 keeps everything. What streets were known to take (`speeds`) goes with the last track read by it."""

    def __init__(self, tracks: Slices, speeds: SpeedHistory, holds: TrackHolds, keep_days: int, zone: tzinfo, clock: Clock) -> None:
        self._tracks, self._speeds, self._holds = tracks, speeds, holds
        self.keep_days = keep_days
        self._clock = clock
        self._last = Removal()
        self._asked_at = self._steady_since = clock.now()
        self.daily = Daily("track-retention", AT, zone, clock, self._remove)

    def state(self) -> dict[str, object]:
        """For the health page."""
        failure = self.daily.failure
        return {
            "state": "failing" if failure else "ok",
            "failure": failure,
            "keep_days": self.keep_days,
            "slices_removed": self._last.removed,
            "slices_held": self._last.held,
        }

    async def _remove(self, day: date) -> None:
        if not self.keep_days:
            return
        now = self._clock.now()
        await self._check_clock(now)
        before = now - timedelta(days=self.keep_days)
        why = f"older than {self.keep_days} days"
        async with self._holds.unchanged:
            held = await self._holds.held()
            self._last = await asyncio.to_thread(self._tracks.remove_before, before.timestamp(), held, now, why)
            await asyncio.to_thread(self._speeds.remove_before, min([before.timestamp(), *(one.from_s for one in held)]))
        if self._last.removed:
            log.info("tracks_removed", slices=self._last.removed, bytes=self._last.removed_bytes, held=self._last.held, day=str(day))

    async def _check_clock(self, now: datetime) -> None:
        """Raises ClockInDoubt for a while after nothing had been written, unless this node has run as long."""
        if abs(now - self._asked_at) > LONGEST_PAUSE:
            self._steady_since = now
        self._asked_at = now
        sure_after = min(SURE_AFTER, timedelta(days=self.keep_days) / 2)
        if now - self._steady_since >= sure_after:
            return
        since_s = (now - sure_after).timestamp()
        pause = await asyncio.to_thread(self._tracks.pause, since_s, now.timestamp(), LONGEST_PAUSE.total_seconds())
        if pause is not None:
            begins, ends = (f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M}Z" for at_s in pause)
            raise ClockInDoubt(
                f"no tracks were written from {begins} to {ends}. Is the clock right? "
                f"None are removed until it has gone on for {sure_after / timedelta(days=1):g} days."
            )
