"""A moment of the past that moves on: events in their order, each told with the picture it made; of positions the newest.

Nothing is computed twice and nothing is left out: a step of three seconds (60×) tells every event that was recorded in them, one
commit after the other, and each unit's newest fix once. What lies ahead is read in pieces, so that a step costs no reading. On the
event loop; reading is done in threads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from dispatch.events import Recorded
from dispatch.evolve import fold
from dispatch.evolve_incident import evolve_incident
from dispatch.model import Incident
from dispatch.past_events import IMPORTED
from operations.records.past import SETTLED_S, Past, Pasts, put, take_units, with_imported
from storage.readings import Reading
from storage.track_reader import Heard
from storage.track_slices import SLICE_S

if TYPE_CHECKING:
    from operations.services import Services

AHEAD_EVENTS = 500  # read at a time
STAGES_EVERY_S = 1.0  # of the replay's time, as the live watch
TRAVEL_EVERY_S = 10.0  # the same: traffic events begin and end
TENTH_S = 0.1  # what tracks tell apart


class Replay:
    """One reader's. `past.services` is what it shows; `advance` moves it on."""

    def __init__(self, live: Services, past: Past, pasts: Pasts) -> None:
        self._live = live
        self._pasts = pasts
        self.past = past
        self._events: deque[Recorded] = deque()  # read and not yet told
        self._events_read = past.handler.picture.revision  # revision
        self._events_known_until = past.at  # Unix s: whatever was recorded by then is in `_events`, or told
        self._imported: deque[Recorded] = deque()  # of other systems
        self._imported_known_until = past.at
        self._heard: Heard | None = None  # of the slice that `past.at` is in
        self._slot = -1  # where that slice begins, Unix s
        self._heard_known_until = past.at
        self._readings: deque[Reading] = deque()
        self._readings_known_until = past.at
        self._stages_at = past.at
        self._travel_at = past.at

    @classmethod
    async def open(cls, live: Services, pasts: Pasts, at: datetime) -> Replay:
        """At rest at an instant. Raises DamagedSlice, DamagedSpeeds, JournalError."""
        return cls(live, await pasts.moment(live, at), pasts)

    @property
    def newest_at(self) -> float:
        """Unix s: how far a replay can have come by now. What was recorded since is still being written."""
        return self._live.clock.unix_s() - SETTLED_S

    async def advance(self, to: float) -> None:
        """Show what was so at `to` (Unix s), not before the present instant and not after `newest_at`."""
        at = self.past.at
        while at < to:
            # A slice ends with what was heard in its last tenth of a second: a step goes up to there, the next is in the next slice.
            slot = int((at + 0.6 * TENTH_S) // SLICE_S) * SLICE_S
            step = min(to, slot + SLICE_S - 0.5 * TENTH_S)
            await self._read_ahead(slot, step)
            for group in self._groups(step):
                self._move(group[0].recorded_at.timestamp())
                await self._tell(group)
            self._move(step)
            at = step
        if to - self._travel_at >= TRAVEL_EVERY_S:
            self._travel_at = to
            travel = await asyncio.to_thread(self._pasts.travel, self._live, self.past.elements, to)
            self.past.services.coverage.use(travel)

    # Reading ahead ----------------------------------------------------------------------------------------------------

    async def _read_ahead(self, slot: int, until: float) -> None:
        """Know everything that is recorded and heard by `until`, which is in the slice of tracks that begins at `slot`."""
        while self._events_known_until < until:
            settled = self.newest_at
            more = await self._live.history.changes(self._events_read, AHEAD_EVENTS)
            more = [recorded for recorded in more if recorded.recorded_at.timestamp() <= settled]
            self._events += more
            self._events_read = more[-1].revision if more else self._events_read
            # A full piece ends within a commit, perhaps: what belongs to it comes with the next.
            is_all = len(more) < AHEAD_EVENTS
            self._events_known_until = settled if is_all else more[-1].recorded_at.timestamp() - 1e-6
            if is_all:
                break
        if self._heard_known_until < until or slot != self._slot:
            settled = self.newest_at
            self._heard, self._slot = await asyncio.to_thread(self._live.tracks.heard_in, slot), slot
            self._heard_known_until = max(min(slot + SLICE_S, settled), until)
        ahead = min(slot + SLICE_S, self.newest_at)
        if self._readings_known_until < until:
            self._readings += await asyncio.to_thread(self._pasts.readings.between, self._readings_known_until, ahead)
            self._readings_known_until = max(ahead, until)
        if self._imported_known_until < until:
            span = (datetime.fromtimestamp(at, UTC) for at in (self._imported_known_until, max(ahead, until)))
            self._imported += await asyncio.to_thread(self._live.imported.between, *span)
            self._imported_known_until = max(ahead, until)

    def _groups(self, until: float) -> Iterator[tuple[Recorded, ...]]:
        """Events recorded by `until`, those of one instant together: what one command, or one commit, did; other systems' apart."""
        while queues := [queue for queue in (self._events, self._imported) if queue and queue[0].recorded_at.timestamp() <= until]:
            queue = min(queues, key=lambda queue: queue[0].recorded_at)
            group = [queue.popleft()]
            while queue and queue[0].recorded_at == group[0].recorded_at:
                group.append(queue.popleft())
            yield tuple(group)

    # Moving on --------------------------------------------------------------------------------------------------------

    def _move(self, to: float) -> None:
        """What was heard and read by `to`; then the clock."""
        past, at = self.past, self.past.at
        if self._heard is not None and to > at:
            put(past.positions, self._heard.between(at, to))
        heard = []
        while self._readings and self._readings[0].received_at <= to:
            heard.append(self._readings.popleft())
        if heard:
            past.elements.take(heard)
        past.clock.set(datetime.fromtimestamp(to, UTC))
        if to - self._stages_at >= STAGES_EVERY_S:
            self._stages_at = to
            past.services.stages.tick()

    async def _tell(self, group: tuple[Recorded, ...]) -> None:
        """Fold the events and tell whoever listens; the next ones wait until these were heard."""
        if group[0].channel == IMPORTED:
            group = self._fold_imported(group)
        else:
            await self._fold(group)
        self.past.bus.publish(group)
        while self.past.bus.is_waiting:  # noqa: ASYNC110 who listens is on this loop and takes one turn
            await asyncio.sleep(0)

    async def _fold(self, group: tuple[Recorded, ...]) -> None:
        handler = self.past.handler
        before = handler.picture
        ended: dict[str, Incident | None] = {}  # something happens to incidents that the picture no longer holds
        for incident_id in {r.incident_id for r in group if r.incident_id is not None} - before.incidents.keys():
            ended[incident_id] = await self._live.history.incident_at(incident_id, group[0].revision - 1)
        picture = handler.picture = fold(before, group, lambda incident_id, _: ended.get(incident_id))
        take_units(self.past.positions, picture, before)

    def _fold_imported(self, group: tuple[Recorded, ...]) -> tuple[Recorded, ...]:
        """The same events, at the picture's revision: they are in no journal and raise none."""
        picture = self.past.handler.picture
        changed: dict[str, Incident] = {}
        for recorded in group:
            id_ = recorded.incident_id or ""
            after = evolve_incident(changed.get(id_) or picture.incidents.get(id_), recorded)
            if after is not None:
                changed[id_] = after
        self.past.handler.picture = with_imported(picture, changed)
        return tuple(msgspec.structs.replace(recorded, revision=picture.revision) for recorded in group)
