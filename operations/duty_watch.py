"""Puts on record what the clock changes about crews' duty: shifts that begin and end, musters whose time is over.

Like the deadline watch it remembers nothing of its own: what has been told stands in the units, so a restart goes on where it
was. Who is on duty is decided by `dispatch.duty`; a push is refused by the clock itself, not by what this has told.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from dispatch.clock import Clock
from dispatch.commands import EndMuster, TellDuty
from dispatch.duty import change_of, is_concerned, next_change
from dispatch.errors import DispatchError
from dispatch.model import Actor
from dispatch.organisations import OrganisationTree
from dispatch.picture import OperatingPicture
from operations.handle import Handler

# How late the watch may notice that a shift has begun.
TICK_S = 0.25
# Crews in one command: a shift change of a whole city is written in steps between which pushes are answered.
AT_ONCE = 100

NAME = "duty"  # in the journal, and on the health page

log = structlog.get_logger(__name__)


class DutyWatch:
    """One per node. `tick` does all that is due; `start` and `stop` run it on the event loop."""

    def __init__(self, handler: Handler, clock: Clock, organisations: OrganisationTree) -> None:
        self._handler = handler
        self._clock = clock
        self._actor = Actor(NAME, "admin", organisations.city.code, kind="system")
        self._looked: tuple[OperatingPicture, datetime | None] | None = None  # picture all was told of, and what comes next
        self._task: asyncio.Task[None] | None = None
        self._failure = ""  # of the last tick

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="duty-watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def state(self) -> dict[str, object]:
        """For the health page: where nobody tells, screens show crews on duty that have gone home."""
        picture = self._handler.picture
        return {"state": "failing" if self._failure else "ok", "failure": self._failure, "organisations": len(picture.shifts)}

    async def tick(self) -> None:
        """Tell everything that has changed by now."""
        now = self._clock.now()
        if self._is_told(now):
            return
        for muster in self._handler.picture.musters.values():
            if muster.ended_at is None and muster.until <= now:
                await self._handler.handle(EndMuster(muster_id=muster.muster_id), self._actor)
        picture = self._handler.picture
        changed = [
            unit.unit_id for unit in picture.units.values() if is_concerned(picture, unit) and change_of(picture, unit, now) is not None
        ]
        for first in range(0, len(changed), AT_ONCE):
            await self._handler.handle(TellDuty(unit_ids=tuple(changed[first : first + AT_ONCE])), self._actor)
        self._looked = picture, next_change(picture, now)

    def _is_told(self, now: datetime) -> bool:
        """Whether neither the clock nor a plan, a muster or a crew has changed since all was told."""
        if self._looked is None:
            return False
        picture, at = self._looked
        present = self._handler.picture
        is_same = all(getattr(picture, name) is getattr(present, name) for name in ("units", "shifts", "musters"))
        return is_same and (at is None or now < at)

    async def _run(self) -> None:
        while True:
            try:
                await self.tick()
                self._failure = ""
            except DispatchError as refused:  # the journal is not to be written now: all of it is still to be told with the next tick
                self._failure = refused.detail
                log.warning("duty_not_told", rule=refused.rule, detail=refused.detail)
            except Exception as fault:
                self._failure = f"{type(fault).__name__}: {fault}"
                log.exception("duty_watch_failed")
            await asyncio.sleep(TICK_S)
