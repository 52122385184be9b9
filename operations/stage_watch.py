"""Looks at the crews on incidents, once a second: where they have been is kept for what their positions say (`operations.trails`)."""

from __future__ import annotations

import asyncio

import structlog

from operations.trails import Trails

TICK_S = 1.0

log = structlog.get_logger(__name__)


class StageWatch:
    """One per node. `tick` looks once; `start` and `stop` run it on the event loop."""

    def __init__(self, trails: Trails) -> None:
        self._trails = trails
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="stage-watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def tick(self) -> None:
        self._trails.look()

    async def _run(self) -> None:
        while True:
            try:
                self.tick()
            except Exception:  # positions say nothing meanwhile; everything else goes on
                log.exception("stage_watch_failed")
            await asyncio.sleep(TICK_S)
