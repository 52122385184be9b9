"""Who watches which camera: asked, written down, granted for one use, bound to the session that asked.

Whatever serves the pictures (`operations.cameras.video.VideoGateway`) learns neither accounts nor sessions.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec

from dispatch.clock import Clock
from dispatch.errors import NotFound
from dispatch.model import Actor
from operations.access.on_record import Log, look_of, write_down
from operations.access.permissions import Action
from operations.cameras.video import Playback, Quality, Snapshot, Stream, VideoGateway, VideoRefused
from storage.cameras import CameraSource

MOST_GRANTED = 128  # streams granted to one session and not begun yet
SNAPSHOT_AGE = timedelta(seconds=3)  # within it the same picture is given to all who ask
MOST_SNAPSHOTS_AT_ONCE = 8  # cameras that are asked for a picture at the same time
MOST_SNAPSHOTS_KEPT = 200
# A wall of stills asks again and again: within this time it is the same look.
SAME_LOOK = timedelta(minutes=5)


class Sight(Protocol):
    """The question of `operations.access.authority.Authority` that matters here."""

    def authorise(self, actor: Actor, action: str) -> None: ...


@dataclass(frozen=True)
class _Grant:
    stream_id: str
    camera_id: str
    session: str
    expires_at: datetime


class VideoWatch:
    """One per node; on the event loop."""

    def __init__(
        self,
        gateway: VideoGateway,
        source: Callable[[str], CameraSource | None],
        is_camera: Callable[[str], bool],
        sight: Sight,
        log: Log,
        clock: Clock,
    ) -> None:
        """`source` reads a camera's addresses and is called from a thread; `is_camera` says whether there is one of that id."""
        self.gateway = gateway
        self._source, self._is_camera = source, is_camera
        self._sight, self._log, self._clock = sight, log, clock
        self._grants: dict[str, _Grant] = {}  # by token
        self._snapshots: dict[str, asyncio.Task[Snapshot]] = {}
        self._asking = asyncio.Semaphore(MOST_SNAPSHOTS_AT_ONCE)
        self._seen: dict[tuple[str, str, str], datetime] = {}  # kind and name of the actor, camera: snapshot last written down
        self.watching = 0  # viewers just now
        self.opened = 0  # streams since the start

    async def open(self, actor: Actor, camera_id: str, quality: Quality, session: str, channel: str) -> Stream:
        """A stream for one use by `session`. Raises NotPermitted, NotFound, Unavailable and VideoRefused."""
        camera = await self._camera(actor, camera_id)
        self._forget_old()
        self._must_have_room(session)
        await self._write_down(actor, "camera", camera_id, channel)
        return self._granted(await self.gateway.open(camera, quality), session)

    async def look_back(self, actor: Actor, camera_id: str, channel: str) -> None:
        """What the camera showed before is about to be shown: asked and written down. Raises NotPermitted, NotFound and Unavailable."""
        self._must_be_a_camera(actor, camera_id)
        await self._write_down(actor, "camera_recorded", camera_id, channel)

    async def playback(self, actor: Actor, camera_id: str, at: datetime, to_at: datetime, session: str) -> tuple[Stream, datetime]:
        """A stream, granted as any, of what a recorder of the camera has from `at` on, and when that begins: one that the engine knows,
        else the site's. Raises as `open` does; nothing is written down."""
        camera = await self._camera(actor, camera_id)
        self._forget_old()
        self._must_have_room(session)
        try:
            stream, from_at = await self._by_engine(camera, at, to_at)
        except VideoRefused:
            if not camera.recorder_url:
                raise
            from_at = at.replace(microsecond=0)  # it is asked by whole seconds
            stream = await self.gateway.from_recorder(camera, from_at, to_at)
        return self._granted(stream, session), stream.began_at or from_at

    async def watch(self, actor: Actor, camera_id: str, token: str, session: str) -> AsyncGenerator[str | bytes, None]:
        """Messages of a granted stream. Raises NotPermitted, and VideoRefused when there is no such grant or it can't go on."""
        self._sight.authorise(actor, Action.WATCH_CAMERA)
        grant = self._grants.pop(token, None)
        if grant is None or (grant.camera_id, grant.session) != (camera_id, session) or grant.expires_at < self._clock.now():
            raise VideoRefused("expired", "The address of this stream was used, or is too old; ask for another.")
        self.watching += 1
        try:
            async with aclosing(self.gateway.watch(grant.stream_id)) as messages:
                async for message in messages:
                    yield message
        finally:
            self.watching -= 1

    async def snapshot(self, actor: Actor, camera_id: str, channel: str) -> Snapshot:
        """A picture of a few seconds ago at most. Raises NotPermitted, NotFound, Unavailable and VideoRefused."""
        camera = await self._camera(actor, camera_id)
        now, look = self._clock.now(), (actor.kind, actor.name, camera_id)
        if now - self._seen.get(look, now - SAME_LOOK) >= SAME_LOOK:
            await self._write_down(actor, "camera_snapshot", camera_id, channel)
            self._seen = {key: at for key, at in self._seen.items() if now - at < SAME_LOOK} | {look: now}
        asked = self._snapshots.get(camera_id)
        if asked is None or (asked.done() and not self._is_fresh(asked)):
            if len(self._snapshots) >= MOST_SNAPSHOTS_KEPT:
                self._snapshots = {key: task for key, task in self._snapshots.items() if not task.done()}
            asked = self._snapshots[camera_id] = asyncio.create_task(self._take(camera))
        return await asyncio.shield(asked)

    def state(self) -> dict[str, Any]:
        """For the health page."""
        return self.gateway.state() | {"watching": self.watching, "opened": self.opened}

    async def _by_engine(self, camera: CameraSource, at: datetime, to_at: datetime) -> tuple[Stream, datetime]:
        if not isinstance(self.gateway, Playback):
            raise VideoRefused("no-recorder", "Nothing was recorded of this camera at that time, and it has no recorder of its own here.")
        found = await self.gateway.recordings(camera, at, to_at)
        if not found:
            raise VideoRefused("no-recorder", "Neither this server nor the camera's recorder has anything of that time.")
        from_at = max(at, found[0].from_at)
        return await self.gateway.playback(camera, from_at, to_at), from_at

    async def _take(self, camera: CameraSource) -> Snapshot:
        async with self._asking:
            return await self.gateway.snapshot(camera)

    def _is_fresh(self, taken: asyncio.Task[Snapshot]) -> bool:
        return taken.exception() is None and self._clock.now() - taken.result().taken_at < SNAPSHOT_AGE

    def _granted(self, stream: Stream, session: str) -> Stream:
        self.opened += 1
        token = secrets.token_urlsafe(24)
        self._grants[token] = _Grant(stream.stream_id, stream.camera_id, session, stream.expires_at)
        return msgspec.structs.replace(stream, url=f"{stream.url}?token={token}")

    def _must_have_room(self, session: str) -> None:
        if sum(grant.session == session for grant in self._grants.values()) >= MOST_GRANTED:
            raise VideoRefused("at-limit", f"{MOST_GRANTED} streams were asked for here and not begun yet; begin some first.")

    def _must_be_a_camera(self, actor: Actor, camera_id: str) -> None:
        self._sight.authorise(actor, Action.WATCH_CAMERA)
        if not self._is_camera(camera_id):
            raise NotFound("unknown-camera", f"There is no camera {camera_id!r}; /api/v1/elements/street_camera lists them.")

    async def _camera(self, actor: Actor, camera_id: str) -> CameraSource:
        self._must_be_a_camera(actor, camera_id)
        camera = await asyncio.to_thread(self._source, camera_id)
        if camera is None:
            raise VideoRefused("no-address", "Nobody has said where this camera's pictures come from.")
        return camera

    async def _write_down(self, actor: Actor, what: str, camera_id: str, channel: str) -> None:
        await write_down(self._log, look_of(actor, self._clock.now(), what, camera_id, channel), "The camera is not shown")

    def _forget_old(self) -> None:
        now = self._clock.now()
        self._grants = {token: grant for token, grant in self._grants.items() if grant.expires_at > now}
