"""Something that is done once a day at a time of the city's day: also when that time was missed, and again when it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta, tzinfo

import structlog

from dispatch.clock import Clock

TICK_S = 20.0
RETRY = timedelta(minutes=10)

log = structlog.get_logger(__name__)


class Daily:
    """One task. `tick` does what is due; `start` and `stop` run it on the event loop."""

    def __init__(
        self,
        name: str,
        at: time,
        zone: tzinfo,
        clock: Clock,
        work: Callable[[date], Awaitable[None]],
        is_done: Callable[[date], bool] = lambda day: False,
    ) -> None:
        """`work` is given the day that is due; `is_done` says whether an earlier run has done it (asked in a thread)."""
        self.name = name
        self.failure = ""  # of the last attempt
        self.done: date | None = None  # the newest day that was done
        self._at, self._zone = at, zone
        self._clock = clock
        self._work, self._is_done = work, is_done
        self._again_at: datetime | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def due(self) -> date:
        """The newest day whose hour has come."""
        local = self._clock.now().astimezone(self._zone)
        return local.date() if local.time() >= self._at else local.date() - timedelta(days=1)

    async def tick(self) -> None:
        """Do the newest day that is due, unless it is done. A failure is kept and tried again later; it is never raised."""
        now, due = self._clock.now(), self.due()
        # A clock that has been set back since waits no longer than otherwise.
        waits = self._again_at is not None and self._again_at - RETRY <= now < self._again_at
        if waits or (self.done is not None and self.done >= due):
            return
        try:
            if not await asyncio.to_thread(self._is_done, due):
                await self._work(due)
        except Exception as fault:
            self.failure, self._again_at = f"{type(fault).__name__}: {fault}", now + RETRY
            log.exception("daily_task_failed", task=self.name, day=str(due))
            return
        self.done, self.failure, self._again_at = due, "", None

    async def _run(self) -> None:
        while True:  # a start has better things to do at once
            await asyncio.sleep(TICK_S)
            await self.tick()
