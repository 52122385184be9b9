"""When to tick: as soon as something moved, but not too often; now and then in any case.

Timers instead of a task that looks: at 20 ticks a second a task that wakes more often costs more than the frames it sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PERIOD_S = 0.05  # at most 20 ticks a second
LATEST_S = 0.025  # lateness that the next ticks make good
IDLE_S = 0.1  # without a reason


class Ticker:
    """Calls `tick(loop time)` on the running event loop until it raises or `run` is cancelled."""

    def __init__(self, tick: Callable[[float], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._tick_now = tick
        self._next_at = 0.0  # loop time before which it is too early
        self._hurried = False
        self._fault: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.Handle = self._loop.call_soon(self._tick)

    async def run(self) -> None:
        """Tick on. Raises what a tick has raised."""
        try:
            await self._fault
        finally:
            self._timer.cancel()

    def hurry(self) -> None:
        """Something moved: tick as soon as it is not too early."""
        if not self._hurried:
            self._hurried = True
            self._timer.cancel()
            self._timer = self._loop.call_at(self._next_at, self._tick)

    def _tick(self) -> None:
        now, self._hurried = self._loop.time(), False
        # A tick that came late does not make the next one late: else a feed of the same rhythm would wait longer each time.
        self._next_at = max(self._next_at, now - LATEST_S) + PERIOD_S
        self._timer = self._loop.call_at(now + IDLE_S, self._tick)
        try:
            self._tick_now(now)
        except Exception as error:
            self._timer.cancel()
            if not self._fault.done():
                self._fault.set_exception(error)
