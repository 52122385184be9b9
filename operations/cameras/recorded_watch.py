"""Looking back at a camera: from the ring where it has the moment, else from a recorder of the camera where the gateway can reach one.

What the ring has is copied into a file that a browser can wind, for the session that asked and for some minutes; the folder of these
files is emptied at each start, and never holds more than was said.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import msgspec
import structlog

from dispatch.clock import Clock
from dispatch.errors import RuleViolation
from dispatch.model import Actor
from operations.access.permissions import Action
from operations.cameras.video import StreamKind, VideoRefused
from operations.cameras.video_watch import Sight, VideoWatch
from operations.footage.ring_cut import Cut, NothingThere, plan, write
from storage.video_ring import VideoRing

LONGEST_S = 300.0  # of one span; the next is asked for when it has been played
HAS_THE_MOMENT = timedelta(seconds=10)  # a ring that begins later has it not, but what follows
GOOD_FOR = timedelta(minutes=15)
MOST_OF_SESSION, MOST = 16, 64  # files at a time
MOST_BYTES = 4 * 1024**3  # of all files together, as much as the ring may have by itself
MOST_AT_ONCE = 4  # being copied
CLEAR_EVERY_S = 30.0
MP4 = "mp4"  # beside `StreamKind`: a file, by ranges

log = structlog.get_logger(__name__)


class Recorded(msgspec.Struct, frozen=True):
    """Pictures of the past that may be fetched, or watched, until `expires_at`."""

    camera_id: str
    kind: str  # "mp4": a file at `url`, by ranges; "ws-fmp4": a stream at its pace, as a live one (docs/video.md)
    url: str
    start_at: datetime  # when the first picture was taken; of a stream: what its recorder was asked for
    end_at: datetime
    time_source: str  # "camera" | "arrival": whose clock these are by; "recorder" of a stream
    gaps_s: tuple[float, ...]  # longer than half a second without a picture
    expires_at: datetime


@dataclass(frozen=True)
class _File:
    path: Path
    camera_id: str
    session: str
    expires_at: datetime
    size_bytes: int = 0  # while it is being copied


class RecordedWatch:
    """One per node, on the event loop."""

    def __init__(self, video: VideoWatch, ring: VideoRing, folder: Path, sight: Sight, clock: Clock) -> None:
        self._video, self._ring, self._folder, self._sight, self._clock = video, ring, folder, sight, clock
        self._files: dict[str, _File] = {}  # by token
        self._copying = asyncio.Semaphore(MOST_AT_ONCE)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await asyncio.to_thread(self._clear)
        self._task = asyncio.create_task(self._run(), name="recorded")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def tick(self) -> None:
        """Remove what is too old. Raises OSError."""
        now = self._clock.now()
        await self._forget([token for token, one in self._files.items() if one.expires_at < now])

    async def open(self, actor: Actor, camera_id: str, at: datetime, to_at: datetime, session: str, channel: str) -> Recorded:
        """What the camera showed from `at` to `to_at`, as far as there is any. Raises RuleViolation, NotPermitted, NotFound, Unavailable
        and VideoRefused."""
        self._sight.authorise(actor, Action.WATCH_CAMERA)
        now = self._clock.now()
        if not at < to_at <= at + timedelta(seconds=LONGEST_S) or at > now:
            detail = f"{at.isoformat()} to {to_at.isoformat()} can't be played; ask for up to {LONGEST_S:g} s of the past at a time."
            raise RuleViolation("span", detail)
        await self._video.look_back(actor, camera_id, channel)
        ring_at = await asyncio.to_thread(self._begins_at, camera_id, at, min(to_at, now))
        if ring_at is None or ring_at - at > HAS_THE_MOMENT:
            ends_at = ring_at or to_at  # the ring has the rest
            try:
                stream, from_at = await self._video.playback(actor, camera_id, at, ends_at, session)
            except VideoRefused:
                if ring_at is None:
                    raise
            else:
                return Recorded(camera_id, StreamKind.WS_FMP4, stream.url, from_at, ends_at, "recorder", (), stream.expires_at)
        return await self._from_ring(camera_id, at, min(to_at, now), session)

    async def file(self, actor: Actor, camera_id: str, token: str, session: str) -> Path:
        """Of a span that was opened. Raises NotPermitted, and VideoRefused when there is none for this session."""
        self._sight.authorise(actor, Action.WATCH_CAMERA)
        found = self._files.get(token)
        if found is None or (found.camera_id, found.session) != (camera_id, session) or found.expires_at < self._clock.now():
            raise VideoRefused("expired", "The address of these pictures is too old; ask for another.")
        return found.path

    async def _from_ring(self, camera_id: str, at: datetime, to_at: datetime, session: str) -> Recorded:
        token = secrets.token_urlsafe(24)
        path = self._folder / f"{token}.mp4"
        async with self._copying:
            gone = self._in_excess(session)
            # Noted before it is there: it counts from now on, and goes with its time also when whoever asked has left meanwhile.
            self._files[token] = one = _File(path, camera_id, session, self._clock.now() + GOOD_FOR)
            try:
                await self._forget(gone)
                cut, size_bytes = await asyncio.to_thread(self._copy, camera_id, at.timestamp(), to_at.timestamp(), path)
            except (NothingThere, OSError, av.FFmpegError, ValueError, IndexError) as error:
                del self._files[token]
                raise _unreadable(camera_id, error) from error
        expires_at = self._clock.now() + GOOD_FOR
        self._files[token] = replace(one, expires_at=expires_at, size_bytes=size_bytes)
        await self._forget(self._beyond_bytes(token))
        return Recorded(
            camera_id=camera_id,
            kind=MP4,
            url=f"/video/{camera_id}/recorded?token={token}",
            start_at=datetime.fromtimestamp(cut.start_at, UTC),
            end_at=datetime.fromtimestamp(cut.end_at, UTC),
            time_source="camera" if cut.by_camera else "arrival",
            gaps_s=cut.gaps_s,
            expires_at=expires_at,
        )

    def _begins_at(self, camera_id: str, at: datetime, to_at: datetime) -> datetime | None:
        """When the ring's first picture of a span was taken; None where it has none. Raises VideoRefused."""
        try:
            cut = plan(self._ring.entries(camera_id, at.timestamp(), to_at.timestamp()), at.timestamp(), to_at.timestamp())
        except NothingThere:
            return None
        except OSError as error:
            raise _unreadable(camera_id, error) from error
        return datetime.fromtimestamp(cut.start_at, UTC)

    def _copy(self, camera_id: str, from_s: float, to_s: float, target: Path) -> tuple[Cut, int]:
        cut = plan(self._ring.entries(camera_id, from_s, to_s), from_s, to_s)
        write(cut, self._ring, target)
        return cut, target.stat().st_size

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(CLEAR_EVERY_S)
            try:
                await self.tick()
            except OSError:
                log.exception("recorded_not_cleared")

    def _in_excess(self, session: str) -> list[str]:
        """What makes room for one more: the session's own oldest, else the oldest of all. Whoever plays it asks again."""
        own = [token for token, one in self._files.items() if one.session == session]
        if len(own) >= MOST_OF_SESSION:
            return own[:1]
        return list(self._files)[:1] if len(self._files) >= MOST else []

    def _beyond_bytes(self, newest: str) -> list[str]:
        """The oldest, until what is left is not too much with the newest."""
        beyond = sum(one.size_bytes for one in self._files.values()) - MOST_BYTES
        gone = []
        for token, one in self._files.items():
            if beyond > 0 and token != newest and one.size_bytes:
                beyond -= one.size_bytes
                gone.append(token)
        return gone

    async def _forget(self, tokens: list[str]) -> None:
        gone = [self._files.pop(token).path for token in tokens]
        if gone:
            await asyncio.to_thread(_remove, gone)

    def _clear(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            path.unlink()


def _unreadable(camera_id: str, error: Exception) -> VideoRefused:
    log.warning("recorded_not_playable", camera_id=camera_id, reason=str(error))
    return VideoRefused("unplayable", "What was recorded can't be read; try another moment.")


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
