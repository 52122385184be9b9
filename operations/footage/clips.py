"""Clips: a moment marked in a camera's picture becomes, once what follows it has been recorded, a piece of evidence of its incident.

The mark is an event of the journal, and what waits for its clip stands in the picture: a restart goes on where it was. The clip is cut
out of the ring by copy and kept like any upload, under the id of the moment.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import structlog

from dispatch.clock import Clock
from dispatch.commands import BookmarkMoment, MissClip
from dispatch.errors import DispatchError, NotFound
from dispatch.model import Actor
from dispatch.moments import AFTER_S, BEFORE_S, Moment
from operations.access.on_record import Log, look_of, write_down
from operations.access.permissions import Action
from operations.cameras.video import LATEST_S
from operations.footage.evidence import Evidence, plain_name
from operations.footage.ring_cut import Cut, NothingThere, plan, write
from storage.evidence import ClipFacts, Manifest
from storage.video_ring import VideoRing

if TYPE_CHECKING:
    from operations.access.authority import Authority
    from operations.incidents.handle import Handler

# Why there is no clip of a moment.
MISSED = ("no-pictures", "not-cut")
NAME = "clips"  # in the journal, and on the health page

TICK_S = 1.0
# Pictures lie in the ring so long after they came at the latest: they are written together. A camera that has brought none for so long has
# ended.
SETTLES_S = 3.0
# What fails, on a disk that is full or in a journal that refuses it, is tried again for so long.
GIVE_UP_S = 600.0

log = structlog.get_logger(__name__)


class Clips:
    """One per node, on the event loop. `tick` cuts what is due; `start` and `stop` run it."""

    def __init__(
        self,
        ring: VideoRing,
        folder: Path,
        evidence: Evidence,
        handler: Handler,
        authority: Authority,
        camera_name: Callable[[str], str | None],
        log: Log,
        clock: Clock,
        city_code: str,
    ) -> None:
        """`folder`: on the disk of the evidence, for clips being cut. `camera_name`: of a camera of that id, None where there is none."""
        self._ring, self._folder, self._evidence, self._handler = ring, folder, evidence, handler
        self._authority, self._camera_name, self._log, self._clock = authority, camera_name, log, clock
        self._actor = Actor(NAME, "admin", city_code, kind="system")
        self._task: asyncio.Task[None] | None = None
        self._cutting = asyncio.Lock()
        self.counts: Counter[str] = Counter()  # clips since the start: made, and missed by reason
        self._failure = ""
        self._newest: dict[str, tuple[float, datetime]] = {}  # of moments whose pictures are late: the newest, and when it was first seen

    async def start(self) -> None:
        await asyncio.to_thread(self._clear)
        self._task = asyncio.create_task(self._run(), name="clips")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def state(self) -> dict[str, Any]:
        """For the health page."""
        waiting = len(self._handler.picture.moments)
        return {"state": "failing" if self._failure else "ok", "failure": self._failure, "moments_waiting": waiting, **self.counts}

    async def bookmark(
        self,
        actor: Actor,
        incident_id: str,
        camera_id: str,
        channel: str,
        at: datetime | None = None,
        before_s: float = BEFORE_S,
        after_s: float = AFTER_S,
        key: str | None = None,
    ) -> str:
        """Mark what the camera showed at `at`, or shows now, for a clip of `before_s` before to `after_s` after; the id of both.

        The same `key` of the same actor marks it once. Raises NotPermitted, NotFound, RuleViolation and Unavailable.
        """
        self._authority.authorise(actor, Action.WATCH_CAMERA)
        if self._camera_name(camera_id) is None:
            raise NotFound("unknown-camera", f"There is no camera {camera_id!r}; /api/v1/elements/street_camera lists them.")
        command = BookmarkMoment(
            incident_id=incident_id,
            moment_id=_id_of(actor, key),
            camera_id=camera_id,
            at=at,
            before_s=before_s,
            after_s=after_s,
            channel=channel,
        )
        await write_down(self._log, look_of(actor, self._clock.now(), "camera_clip", camera_id, channel), "The moment is not marked")
        await self._handler.handle(command, actor, key)
        return command.moment_id

    async def tick(self) -> None:
        """Cut the clips that are due; one call after the other, so that none is cut twice at a time."""
        async with self._cutting:
            now, waiting, failure = self._clock.now(), self._handler.picture.moments, ""
            self._newest = {moment_id: seen for moment_id, seen in self._newest.items() if moment_id in waiting}
            for moment in tuple(waiting.values()):
                if now >= moment.to_at + timedelta(seconds=SETTLES_S):
                    try:
                        await self._settle(moment, now)
                    except Exception as error:  # whatever it is, the others are cut, and this one is tried again
                        failure = type(error).__name__
                        log.exception("clip_not_kept", moment_id=moment.moment_id, incident_id=moment.incident_id)
                        await self._failed(moment, now)
            self._failure = failure

    async def _run(self) -> None:
        while True:
            try:
                await self.tick()
            except Exception as error:  # whatever it is, the next look may succeed
                self._failure = type(error).__name__
                log.exception("clips_failed")
            await asyncio.sleep(TICK_S)

    async def _settle(self, moment: Moment, now: datetime) -> None:
        if await self._evidence.records([moment.moment_id]):  # cut before, and the journal could not be told
            await self._evidence.settle(moment.moment_id)
            return
        try:
            cut = await asyncio.to_thread(self._cut, moment, now)
        except NothingThere:
            await self._miss(moment, "no-pictures")
        except (OSError, av.FFmpegError, ValueError, IndexError) as error:
            log.warning("clip_not_cut", moment_id=moment.moment_id, incident_id=moment.incident_id, reason=str(error))
            await self._failed(moment, now)
        else:
            if cut is None:
                return
            path = self._path(moment)
            await self._evidence.take_over(await asyncio.to_thread(self._manifest, moment, cut, path), path)
            self.counts["made"] += 1

    async def _failed(self, moment: Moment, now: datetime) -> None:
        self.counts["tries_failed"] += 1
        if now > moment.to_at + timedelta(seconds=GIVE_UP_S):
            await self._miss(moment, "not-cut")

    async def _miss(self, moment: Moment, reason: str) -> None:
        command = MissClip(incident_id=moment.incident_id, moment_id=moment.moment_id, reason=reason)
        try:
            await self._handler.handle(command, self._actor)
        except DispatchError as refused:
            log.error("clip_miss_not_recorded", moment_id=moment.moment_id, reason=refused.detail)
        else:
            self.counts[f"missed_{reason}"] += 1

    # In a thread

    def _cut(self, moment: Moment, now: datetime) -> Cut | None:
        """None while more of it is on its way. Raises NothingThere, and what `write` raises."""
        from_s, to_s = moment.from_at.timestamp(), moment.to_at.timestamp()
        entries = self._ring.entries(moment.camera_id, from_s, to_s)
        if entries and entries[-1].captured_at < to_s and self._is_coming(moment, entries[-1].captured_at, now):
            return None
        cut = plan(entries, from_s, to_s)
        write(cut, self._ring, self._path(moment))
        descriptor = os.open(self._path(moment), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return cut

    def _is_coming(self, moment: Moment, newest_s: float, now: datetime) -> bool:
        """Whether a camera, which is late by its own clock, still brings pictures of the moment. `newest_s`: when its newest was taken."""
        if now >= moment.to_at + timedelta(seconds=SETTLES_S + LATEST_S):
            return False
        seen_s, seen_at = self._newest.get(moment.moment_id, (float("-inf"), now))
        if newest_s > seen_s:
            seen_at = now
        self._newest[moment.moment_id] = newest_s, seen_at
        return now < seen_at + timedelta(seconds=SETTLES_S)

    def _manifest(self, moment: Moment, cut: Cut, path: Path) -> Manifest:
        start_at, end_at = (datetime.fromtimestamp(at, UTC) for at in (cut.start_at, cut.end_at))
        name = self._camera_name(moment.camera_id) or moment.camera_id
        facts = ClipFacts(
            camera_id=moment.camera_id,
            camera_name=name,
            moment_at=moment.at,
            from_at=moment.from_at,
            to_at=moment.to_at,
            start_at=start_at,
            end_at=end_at,
            time_source="camera" if cut.by_camera else "arrival",
            gaps_s=cut.gaps_s,
            cut_at=self._clock.now(),
        )
        return Manifest(
            upload_id=moment.moment_id,
            incident_id=moment.incident_id,
            filename=plain_name(f"{name} {start_at:%Y%m%dT%H%M%SZ}.mp4"),
            media_type="video/mp4",
            size_bytes=path.stat().st_size,
            actor=moment.by,
            actor_role=moment.by_role,
            org_code=moment.by_org,
            unit_id=None,
            created_at=facts.cut_at,
            taken_at=start_at,
            clip=facts,
        )

    def _path(self, moment: Moment) -> Path:
        return self._folder / f"{moment.moment_id}.mp4"

    def _clear(self) -> None:
        """What a crash left half cut is cut anew."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            path.unlink()


def _id_of(actor: Actor, key: str | None) -> str:
    if key is None:
        return secrets.token_hex(16)
    return hashlib.sha256(f"{actor.kind}\0{actor.name}\0{key}".encode()).hexdigest()[:32]
