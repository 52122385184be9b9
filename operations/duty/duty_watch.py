"""Puts on record what the clock changes about crews' duty: shifts that begin and end, musters whose time is over.

Like the deadline watch it remembers nothing of its own: what has been told stands in the units, so a restart goes on where it
was. Who is on duty is decided by `dispatch.duty`; a push is refused by the clock itself, not by what this has told.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from dispatch.clock import Clock
from dispatch.duty import change_of, is_concerned, next_change
from dispatch.duty_commands import EndMuster, TellDuty
from dispatch.errors import DispatchError
from dispatch.model import Actor, Unit
from dispatch.organisations import OrganisationTree
from dispatch.picture import OperatingPicture
from operations.incidents.handle import Handler

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
        """For health page and banner: where nobody tells, screens show crews on duty that have gone home; and whose plan has run out when.

        All crews of those are off duty, which nobody would look for in the roster when no crew can be sent.
        """
        shifts, now = self._handler.picture.shifts, self._clock.now()
        ends = {org_code: max(shift.ends_at for shift in planned) for org_code, planned in shifts.items() if planned}
        return {
            "state": "failing" if self._failure else "ok",
            "failure": self._failure,
            "organisations": len(shifts),
            "run_out": {org_code: end.isoformat() for org_code, end in sorted(ends.items()) if end <= now},
        }

    async def tick(self) -> None:
        """Tell everything that has changed by now."""
        now = self._clock.now()
        for muster in self._handler.picture.musters.values():
            if muster.ended_at is None and muster.until <= now:
                await self._handler.handle(EndMuster(muster_id=muster.muster_id), self._actor)
        picture = self._handler.picture
        units = self._to_look_at(picture, now)
        # A shift change asks about every crew of a city: not on the event loop's own time.
        changed = await asyncio.to_thread(_changed, picture, units, now) if len(units) > AT_ONCE else _changed(picture, units, now)
        for first in range(0, len(changed), AT_ONCE):
            await self._handler.handle(TellDuty(unit_ids=tuple(changed[first : first + AT_ONCE])), self._actor)
        at = self._looked[1] if self._looked is not None and not self._is_due(picture, now) else next_change(picture, now)
        self._looked = picture, at

    def _is_due(self, picture: OperatingPicture, now: datetime) -> bool:
        """Whether the clock, a plan or a muster may have changed anybody's duty since the last look."""
        if self._looked is None:
            return True
        before, at = self._looked
        return picture.shifts is not before.shifts or picture.musters is not before.musters or (at is not None and now >= at)

    def _to_look_at(self, picture: OperatingPicture, now: datetime) -> list[Unit]:
        """All crews when something may have changed for any of them, else those that have changed themselves."""
        if self._looked is None or self._is_due(picture, now):
            return list(picture.units.values())
        before = self._looked[0].units
        return [] if before is picture.units else [unit for unit_id, unit in picture.units.items() if before.get(unit_id) is not unit]

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


def _changed(picture: OperatingPicture, units: list[Unit], now: datetime) -> list[str]:
    """Of these the crews whose duty is another than is on record."""
    return [unit.unit_id for unit in units if is_concerned(picture, unit) and change_of(picture, unit, now) is not None]
