"""Looks at the crews on incidents, once a second, and keeps what their positions suggest (`operations.tracking.stage_signs`).

It sets no stage and writes nothing: a suggestion is shown until somebody confirms it, the stage is entered otherwise, or the
position no longer says so. On the event loop only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from dispatch.clock import Clock
from dispatch.model import Incident, Unit
from dispatch.picture import OperatingPicture
from operations.tracking.stage_signs import Suggestion, is_open_to, suggestion
from operations.tracking.trails import Trails

TICK_S = 1.0

log = structlog.get_logger(__name__)

# Told which incidents' suggestions have changed.
Listener = Callable[[frozenset[str]], None]


class StageWatch:
    """One per node. `tick` looks once; `start` and `stop` run it on the event loop."""

    def __init__(
        self, trails: Trails, picture: Callable[[], OperatingPicture], clock: Clock, is_home: Callable[[Unit, float, float], bool]
    ) -> None:
        """`is_home`: whether a point lies in the area of the unit's own organisation."""
        self._trails = trails
        self._picture = picture
        self._clock = clock
        self._is_home = is_home
        self._found: dict[str, Suggestion] = {}  # by assignment
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None

    def past(self, trails: Trails, picture: Callable[[], OperatingPicture], clock: Clock) -> StageWatch:
        """A watch by the same rules over other trails; it ticks when it is told to."""
        return StageWatch(trails, picture, clock, self._is_home)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="stage-watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the incidents whose suggestions have come, gone or changed. Returns how to stop."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def of(self, incident: Incident) -> list[Suggestion]:
        """What is suggested for the crews on it, as far as nothing has overtaken it."""
        found = ((a, self._found.get(a.assignment_id)) for a in incident.assignments)
        return [one for a, one in found if one is not None and is_open_to(a, one.command)]

    def tick(self) -> None:
        """Look at every crew on an incident."""
        self._trails.look()
        before, self._found = self._found, self._look()
        said, says = ({(id_, one.incident_id, one.command) for id_, one in found.items()} for found in (before, self._found))
        changed = frozenset(incident_id for _, incident_id, _ in said ^ says)
        if changed:
            for listener in tuple(self._listeners):
                listener(changed)

    def _look(self) -> dict[str, Suggestion]:
        """What the trails say now. One that goes on keeps the instant it began with: a step aside makes it no younger."""
        picture, now, found = self._picture(), self._clock.unix_s(), {}
        for incident in picture.incidents.values():
            if not incident.is_open:
                continue
            for assignment in incident.active_assignments:
                unit = picture.units.get(assignment.unit_id)
                if unit is None or assignment.service:
                    continue

                def is_home(lon: float, lat: float, unit: Unit = unit) -> bool:
                    return self._is_home(unit, lon, lat)

                one = suggestion(self._trails.of(assignment.unit_id), incident, assignment, now, is_home)
                if one is not None:
                    earlier = self._found.get(assignment.assignment_id)
                    if earlier is not None and earlier.command == one.command:
                        one = msgspec.structs.replace(one, since_at=min(one.since_at, earlier.since_at))
                    found[assignment.assignment_id] = one
        return found

    async def _run(self) -> None:
        while True:
            try:
                self.tick()
            except Exception:  # positions say nothing meanwhile; everything else goes on
                log.exception("stage_watch_failed")
            await asyncio.sleep(TICK_S)
