"""Watches the deadlines of all open incidents: what is late is put on record and told, level by level, exactly once.

It remembers nothing of its own: what has been told stands in the incidents, so a restart goes on where it was. Whether a
step is late, and whom that concerns, is decided by `dispatch.deadlines`; this only looks at the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from dispatch.arrivals import disagreement_of
from dispatch.clock import Clock
from dispatch.commands import Command, MissDeadline, Repush
from dispatch.deadlines import Notice, OnMiss, SendOthers, Targets, alarms, deadlines, notices, others_to_send, supervised
from dispatch.errors import Conflict, DispatchError
from dispatch.model import Actor, Incident
from dispatch.organisations import OrganisationTree
from operations.incidents.handle import Handler

# How late the watch may notice that something is due.
TICK_S = 0.25
# Nobody could be sent instead of a crew that does not answer: looked for again after this long.
RETRY_S = 5.0

NAME = "deadlines"  # in the journal, and on the health page
Json = dict[str, Any]
# The unit that would be there soonest of those nobody has asked yet; None while there is none.
NextNearest = Callable[[Incident], Awaitable[str | None]]

log = structlog.get_logger(__name__)


class DeadlineWatch:
    """One per node. `tick` does all that is due; `start` and `stop` run it on the event loop."""

    def __init__(
        self, handler: Handler, clock: Clock, organisations: OrganisationTree, targets: Targets, next_nearest: NextNearest
    ) -> None:
        self._handler = handler
        self._clock = clock
        self._organisations = organisations
        self._targets = targets
        self._next_nearest = next_nearest
        self._actor = Actor(NAME, "admin", organisations.city.code, kind="system")
        # By incident: as it was when looked at, and when it has to be looked at again; it changes only by becoming another object.
        self._next: dict[str, tuple[Incident, datetime | None]] = {}
        self._retry_at: dict[str, datetime] = {}  # by assignment: when to look again for somebody to send
        self._task: asyncio.Task[None] | None = None
        self._failure = ""  # of the last tick

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="deadline-watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def state(self) -> Json:
        """For the health page: a watch that has failed is as bad as no deadlines at all."""
        running = sum(1 for _, at in self._next.values() if at is not None)
        return {"state": "failing" if self._failure else "ok", "failure": self._failure, "watched": running}

    async def tick(self) -> None:
        """Tell everything that is due by now. What fails for one incident is raised when it was tried for all of them."""
        now = self._clock.now()
        due = self._due(now)
        # Side by side, in one commit. One after the other, with a slow disk after a restart, crews had done a step before its turn came.
        told = await asyncio.gather(*(self._tell_all(incident_id, now) for incident_id in due), return_exceptions=True)
        failures = [failure for failure in told if failure is not None]
        for incident_id, failure in zip(due, told, strict=True):
            if failure is None:
                try:
                    await self._send_due(incident_id, now)
                except Exception as fault:
                    failures.append(fault)
        if failures:
            raise failures[0]

    async def _run(self) -> None:
        while True:
            try:
                await self.tick()
                self._failure = ""
            except DispatchError as refused:  # the journal is not to be written now: all of it is still due with the next tick
                self._failure = refused.detail
                log.warning("deadlines_not_told", rule=refused.rule, detail=refused.detail)
            except Exception as fault:
                self._failure = f"{type(fault).__name__}: {fault}"
                log.exception("deadline_watch_failed")
            await asyncio.sleep(TICK_S)

    def _due(self, now: datetime) -> list[str]:
        """Ids of open incidents about which something is to be done now."""
        known, self._next, due = self._next, {}, []
        for incident in self._handler.picture.incidents.values():
            if not incident.is_open:
                continue
            before, at = known.get(incident.incident_id, (None, None))
            if before is not incident:
                at = self._look(incident)
            self._next[incident.incident_id] = (incident, at)
            if at is not None and at <= now:
                due.append(incident.incident_id)
        return due

    def _look(self, incident: Incident) -> datetime | None:
        """When something about the incident is due next, if it stays as it is."""
        levels = 1 + len(self._organisations.ancestors(incident.org_code))
        instants = [notice.at for notice in notices(incident, self._targets, levels)]
        instants += [sending.at for sending in others_to_send(incident, self._targets)]
        return min(instants, default=None)

    def _next_miss(self, incident_id: str, now: datetime) -> MissDeadline | None:
        """What is to be told of the incident as it is now, one at a time: each changes it."""
        incident = self._handler.picture.incidents[incident_id]
        chain = (incident.org_code, *self._organisations.ancestors(incident.org_code))
        notice = next((notice for notice in notices(incident, self._targets, len(chain)) if notice.at <= now), None)
        return None if notice is None else _miss(incident, notice, chain[notice.level])

    async def _tell_all(self, incident_id: str, now: datetime) -> None:
        """Each changes the incident, so they wait for each other."""
        while miss := self._next_miss(incident_id, now):
            if not await self._tell(miss):
                return

    async def _tell(self, miss: MissDeadline) -> bool:
        """Whether it is on record now. An incident that has changed meanwhile is looked at again with the next tick."""
        try:
            return bool((await self._handler.handle(miss, self._actor)).events)
        except Conflict:
            return False

    async def _send_due(self, incident_id: str, now: datetime) -> None:
        incident = self._handler.picture.incidents[incident_id]
        for sending in others_to_send(incident, self._targets):
            if sending.at <= now:
                await self._send_others(incident, sending, now)

    async def _send_others(self, incident: Incident, sending: SendOthers, now: datetime) -> None:
        assignment_id = sending.deadline.assignment_id
        if now < self._retry_at.get(assignment_id, now):
            return
        unit_id = await self._next_nearest(incident)
        if unit_id is None:
            self._retry_at[assignment_id] = now + timedelta(seconds=RETRY_S)
            return
        self._retry_at.pop(assignment_id, None)
        command: Command = Repush(incident_id=incident.incident_id, unit_ids=(unit_id,), because_of=assignment_id)
        try:
            await self._handler.handle(command, self._actor)
        except DispatchError as refused:  # somebody else has taken that unit meanwhile
            log.info("repush_refused", incident=incident.number, unit_id=unit_id, detail=refused.detail)


def loop_view(incident: Incident, targets: Targets) -> Json:
    """What screens show beside an incident: running deadlines, countdowns to a re-push, alarms, supervision, and arrivals of
    which button and position say different things."""
    return {
        "deadlines": msgspec.to_builtins(deadlines(incident, targets)),
        "repush": [
            {"assignment_id": s.deadline.assignment_id, "unit_id": s.deadline.unit_id, "at": s.at.isoformat()}
            for s in others_to_send(incident, targets)
        ],
        "alarms": msgspec.to_builtins(alarms(incident)),
        "supervised": msgspec.to_builtins(supervised(incident)),
        "disagreements": [
            {"assignment_id": a.assignment_id, "unit_id": a.unit_id, **msgspec.structs.asdict(apart)}
            for a in incident.assignments
            if (apart := disagreement_of(a)) is not None
        ],
    }


def _miss(incident: Incident, notice: Notice, org_code: str) -> MissDeadline:
    deadline = notice.deadline
    return MissDeadline(
        incident_id=incident.incident_id,
        expected_version=incident.version,
        step=deadline.step,
        round=deadline.round,
        level=notice.level,
        org_code=org_code,
        due_at=deadline.due_at,
        assignment_id=deadline.assignment_id,
        quiet=deadline.on_miss is OnMiss.SUPERVISE,
    )
