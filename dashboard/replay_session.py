"""One reader's replay on the live socket: its clock, and the hub that tells it what the past was. Protocol: `docs/live-protocol.md`.

What is told is made by the very code that tells the present (`LiveHub`), over services of the past; a jump is another hub and
another hello. A replay at rest has no timer but the hub's heartbeat.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import structlog

from dashboard.live_hub import LiveClient, LiveHub
from dashboard.open_sockets import Recheck
from dashboard.server import TEXT, Outlet, websocket_message
from dispatch.events import Recorded
from dispatch.model import Actor
from operations.records.event_steps import EventSteps
from operations.records.replay import Replay
from storage.journal import JournalError
from storage.speeds import DamagedSpeeds
from storage.track_files import DamagedSlice

if TYPE_CHECKING:
    from operations.services import Services

SLOWEST, FASTEST = 0.5, 60.0
PERIOD_S = 0.05
# With the present there is nothing to read ahead: what comes is looked for this often.
AT_END_PERIOD_S = 0.5
# Texts that wait for a slow reader before the replay waits for it as well: no event is left out.
MOST_WAITING = 100
# A step that took so long does not have its time made good by leaps.
LATEST_S = 0.25

Json = dict[str, Any]
log = structlog.get_logger(__name__)


class Loop(NamedTuple):
    """A span that is played over and over; Unix s."""

    from_at: float
    to_at: float


class ReplaySession:
    """Everything on the event loop. `run` does what the other methods ask for."""

    def __init__(
        self, services: Services, actor: Actor, outlet: Outlet, screen: str | None, recheck: Recheck, at: datetime, speed: float = 1.0
    ) -> None:
        self._live = services
        self._actor = actor
        self._outlet = outlet
        self._screen = screen
        self._recheck = recheck
        self._steps = EventSteps(services.history, services.imported, services.authority, actor)
        self._replay: Replay | None = None
        self._hub: LiveHub | None = None
        self.client: LiveClient | None = None
        self._wanted: datetime | None = at  # where to go next; only the last of several jumps is made
        self._step: tuple[bool, str | None] | None = None  # onwards or back, of which incident
        self.speed = speed
        self.playing = True
        self._loop: Loop | None = None
        self._anchor = (0.0, 0.0)  # loop time, and Unix s of the replay then
        self._asked = asyncio.Event()

    # What can be asked ------------------------------------------------------------------------------------------------

    def seek(self, at: datetime) -> None:
        self._wanted, self._step = at, None
        self._asked.set()

    def set_speed(self, speed: float) -> None:
        """Raises ValueError beyond what a replay can do."""
        if not SLOWEST <= speed <= FASTEST:
            raise ValueError(f"a replay runs at {SLOWEST:g} to {FASTEST:g} times, not at {speed:g}")
        self.speed = speed
        self._changed()

    def play(self, playing: bool) -> None:
        self.playing = playing
        self._changed()

    def step(self, onwards: bool, incident_id: str | None) -> None:
        """Rest at the next or previous event, of one incident or of any."""
        self._step = (onwards, incident_id)
        self.playing = False
        self._asked.set()

    def repeat(self, from_at: datetime | None, to_at: datetime | None) -> None:
        """Play a span over and over; without one, go on from where it is. Raises ValueError for a span that is none."""
        if from_at is None or to_at is None:
            self._loop = None
        elif from_at >= to_at:
            raise ValueError(f"a loop ends after it begins: {from_at.isoformat()} is not before {to_at.isoformat()}")
        else:
            self._loop = Loop(from_at.timestamp(), to_at.timestamp())
            if not self._loop.from_at <= self.at < self._loop.to_at:
                self._wanted = from_at
        self._changed()

    @property
    def at(self) -> float:
        """Unix s."""
        return 0.0 if self._replay is None else self._replay.past.at

    def marker(self) -> Json:
        """What a client has to know of the replay's clock."""
        looped = None if self._loop is None else {"from": self._loop.from_at, "to": self._loop.to_at}
        newest_at = self._live.clock.unix_s() if self._replay is None else self._replay.newest_at
        return {"at": self.at, "speed": self.speed, "playing": self.playing, "loop": looped, "newest_at": newest_at}

    # Running ----------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Show the first moment. Raises DamagedSlice, DamagedSpeeds, JournalError."""
        assert self._wanted is not None
        at, self._wanted = self._wanted, None
        await self._go_to(at)

    async def run(self) -> None:
        """Play on, until cancelled; a fault ends the connection."""
        try:
            while True:
                await self._go_on()
        except Exception:
            log.exception("replay_failed", actor=self._actor.name)
            self._outlet.abort()

    def close(self) -> None:
        if self._hub is not None and self.client is not None:
            self._hub.leave(self.client)

    async def _go_on(self) -> None:
        """One thing that is asked for, or one step."""
        if self._wanted is not None or self._step is not None:
            await self._jump()
        elif not self.playing:
            self._asked.clear()
            await self._asked.wait()
            self._set_anchor()
        else:
            await asyncio.sleep(await self._play())

    async def _jump(self) -> None:
        step, self._step = self._step, None
        found: Recorded | None = None
        try:
            if step is not None:
                found = await self._find(*step)
                self._wanted = None if found is None else found.recorded_at
            at, self._wanted = self._wanted, None
            if at is not None:
                await self._go_to(at)
        except (DamagedSlice, DamagedSpeeds, JournalError) as damage:
            self._say({"type": "error", "reason": str(damage)})
            self.playing = False
        stepped = None if found is None else {"event_id": found.event_id, "incident_id": found.incident_id}
        missing = ("next" if step[0] else "previous") if step is not None and found is None else None
        self._say({"type": "replay", **self.marker(), "stepped": stepped, "no_event": missing})

    async def _find(self, onwards: bool, incident_id: str | None) -> Recorded | None:
        assert self._replay is not None
        past = self._replay.past
        if onwards:
            until = datetime.fromtimestamp(self._replay.newest_at, UTC)
            return await self._steps.next(past.handler.picture, past.clock.now(), until, incident_id)
        return await self._steps.previous(past.handler.picture, past.clock.now(), incident_id)

    async def _go_to(self, at: datetime) -> None:
        """Another moment: another hub, whose hello replaces everything."""
        newest = self._live.clock.unix_s() if self._replay is None else self._replay.newest_at
        at = min(at, datetime.fromtimestamp(newest, UTC))
        self._replay = await Replay.open(self._live, self._live.pasts, at)
        hub = LiveHub(self._replay.past.services, self.marker)
        client = await hub.join(self._actor, self._outlet, self._screen, None, self._recheck)
        self.close()
        client.bad_messages = 0 if self.client is None else self.client.bad_messages
        self._hub, self.client = hub, client
        self._set_anchor()

    async def _play(self) -> float:
        """One step of the clock; how long to wait for the next, in seconds."""
        assert self._replay is not None
        assert self.client is not None
        if self.client.needs_hello or len(self.client.texts) > MOST_WAITING:
            self._set_anchor()
            return PERIOD_S
        loop_time, anchored_at = self._anchor
        due = anchored_at + (asyncio.get_running_loop().time() - loop_time) * self.speed
        newest = self._replay.newest_at
        end = newest if self._loop is None else min(newest, self._loop.to_at)
        target = min(due, end)
        if target > self.at:
            await self._replay.advance(target)
        if self._loop is not None and self.at >= self._loop.to_at:
            self._wanted = datetime.fromtimestamp(self._loop.from_at, UTC)
            return 0.0
        behind_s = asyncio.get_running_loop().time() - loop_time - (self.at - anchored_at) / self.speed
        if behind_s > LATEST_S:
            self._set_anchor()
        return AT_END_PERIOD_S if target == newest else PERIOD_S

    def _set_anchor(self) -> None:
        self._anchor = (asyncio.get_running_loop().time(), self.at)

    def _changed(self) -> None:
        self._set_anchor()
        self._asked.set()
        self._say({"type": "replay", **self.marker(), "stepped": None, "no_event": None})

    def _say(self, message: Json) -> None:
        if self.client is not None:
            self.client.tell(websocket_message(TEXT, msgspec.json.encode(message)))
