"""One recording of a crew's phone while it comes in, and the connection that brings it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from dispatch.errors import Conflict
from operations.footage.scene_stream import SceneStream
from storage.evidence import Manifest
from storage.scene_video import ChunkLog, Recording

if TYPE_CHECKING:
    from operations.footage.scene_video import SceneVideo

QUIET_AFTER = timedelta(seconds=3)  # a phone sends ten chunks a second, or one with MP4
LATE_AFTER = timedelta(seconds=3)


class Asked(msgspec.Struct, frozen=True):
    """What a phone says of a recording it wants to send."""

    recording_id: str
    incident_id: str
    mime: str
    began_at: datetime  # by the phone's own clock
    device_now: datetime  # the phone's clock as it says this
    name: str = ""  # for the file, as the phone's user would call it
    clock_offset_ms: int | None = None  # server's clock minus the phone's, as it has measured it over there and back


@dataclass(eq=False)
class UnderWay:
    """A recording that is not complete."""

    recording: Recording
    stream: SceneStream
    log: ChunkLog | None = None  # None after it could not be written: read again when the phone is back
    have: int = 0
    media_bytes: int = 0
    last_device_ms: int | None = None
    heard_at: datetime | None = None  # when its last chunk came; None: none since the start
    reception: Reception | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def last_at(self) -> datetime:
        """When its newest picture was taken, or it began."""
        return self.recording.began_at if self.last_device_ms is None else right_time(self.recording, self.last_device_ms)

    def state(self, now: datetime) -> str:
        """live, late (older pictures come first, after a break) or waiting (nothing comes)."""
        if self.reception is None or self.heard_at is None or now - self.heard_at > QUIET_AFTER:
            return "waiting"
        return "late" if now - self.last_at > LATE_AFTER else "live"


class Reception:
    """One phone's connection that brings one recording. A newer one for the same recording takes over."""

    def __init__(self, videos: SceneVideo, one: UnderWay) -> None:
        self._videos = videos
        self._one = one

    @property
    def have(self) -> int:
        """Number of the next chunk that is wanted."""
        return self._one.have

    @property
    def is_over(self) -> bool:
        """Whether another connection has taken over, or the recording is complete."""
        return self._one.reception is not self

    async def take(self, seq: int, device_ms: int, data: bytes) -> int:
        """Keep a chunk if it is the next one, and say which is wanted now; a repeated one and one behind a gap change nothing.

        Raises RuleViolation for what can't be kept, Conflict when another connection has taken over, Unavailable when the disk fails.
        """
        async with self._one.turn:
            self._go_on()
            if seq == self._one.have:
                await self._videos.keep(self._one, device_ms, data)
            return self._one.have

    async def end(self, chunks: int) -> Manifest | None:
        """The recorder has ended after so many chunks. The evidence it has become, once all of them are here; None before that.

        Raises RuleViolation when more have come already.
        """
        async with self._one.turn:
            self._go_on()
            return await self._videos.note_end(self._one, chunks)

    def _go_on(self) -> None:
        if self.is_over:
            raise Conflict("replaced", "Another connection sends this recording now, or it is complete; this one ends.")

    def close(self) -> None:
        """The connection is gone."""
        if not self.is_over:
            self._one.reception = None
            self._videos.tell_state(self._one)


def right_time(recording: Recording, device_ms: int) -> datetime:
    """An instant of the phone's clock on the server's, as its offset was measured; one that no calendar has is when it was opened."""
    try:
        return datetime.fromtimestamp((device_ms + recording.clock_offset_ms) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return recording.opened_at
