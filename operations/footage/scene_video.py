"""Scene video (现场回传): what crews' phones film comes in here in numbered chunks and is kept; meanwhile it can be watched.

A chunk is on disk before it is acknowledged, and before anybody sees it. Who may send is asked when a recording begins and not
again: what was filmed on an incident comes in also when the crew has left it or the incident is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import msgspec
import structlog

from dispatch.clock import Clock
from dispatch.commands import AddUpload
from dispatch.errors import NotFound, NotPermitted, RuleViolation, Unavailable
from dispatch.model import Actor, Incident, Unit
from operations.access.authority import Action, Authority
from operations.footage.evidence import ABANDONED_AFTER, Evidence, plain_name
from operations.footage.scene_recording import Asked, Reception, UnderWay, right_time
from operations.footage.scene_stream import SceneStream, Watcher
from operations.footage.stream_cutting import container_of
from storage.evidence import Manifest, Place, SceneFacts
from storage.scene_video import MOST_CHUNK_BYTES, Chunk, Media, Recording, RecordingFiles

if TYPE_CHECKING:
    from operations.incidents.handle import Handler
    from operations.records.history import History

log = structlog.get_logger(__name__)

MOST_CONNECTED = 64  # recordings that come in at the same time
MOST_UNDER_WAY = 256  # known and not complete, of all crews
MOST_OF_A_CREW = 32
LEAST_FREE_BYTES = 1 << 30  # of the disk; a recording that has begun goes on below it
TEND_EVERY_S = 3600.0

Path = Callable[[str, float, float], list[Place]]  # of a unit, between two instants (Unix s); called from a thread


class SceneVideo:
    """Recordings under way of one node; on the event loop."""

    def __init__(
        self,
        files: RecordingFiles,
        evidence: Evidence,
        authority: Authority,
        handler: Handler,
        history: History,
        clock: Clock,
        place_of: Callable[[str], Place | None],
        path_of: Path,
    ) -> None:
        self.torn = 0  # recordings whose end a crash had torn, since the start
        self._files = files
        self._evidence = evidence
        self._authority = authority
        self._handler = handler
        self._history = history
        self._clock = clock
        self._place_of = place_of
        self._path_of = path_of
        self._under_way: dict[str, UnderWay] = {}
        self._unannounced: set[str] = set()
        self._tending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Count what there is, complete what only lacked that. One that can't be read stops no other."""
        for recording in await asyncio.to_thread(self._files.all):
            one = UnderWay(recording, SceneStream(recording.mime))
            self._under_way[recording.recording_id] = one
            try:
                await asyncio.to_thread(self._open_log, one, one.stream)
            except OSError as error:
                log.error("recording_unreadable", recording_id=recording.recording_id, incident_id=recording.incident_id, reason=str(error))
        await self._tend()
        self._tending = asyncio.create_task(self._tend_on(), name="scene-video")

    async def stop(self) -> None:
        if self._tending is not None:
            self._tending.cancel()
        for one in self._under_way.values():
            if one.log is not None:
                one.log.close()

    # From phones

    async def begin(self, actor: Actor, unit: Unit, asked: Asked) -> Reception | Manifest:
        """Receive a recording, or go on with it; the evidence if it is complete already.

        Raises NotFound, NotPermitted, RuleViolation and Unavailable with what is wrong.
        """
        one = self._under_way.get(asked.recording_id)
        if one is None:
            kept = await self._kept(asked.recording_id)
            if kept is not None:
                _must_be_own(actor, unit.unit_id, kept.actor, kept.unit_id)
                return kept
        if (one is None or one.reception is None) and sum(o.reception is not None for o in self._under_way.values()) >= MOST_CONNECTED:
            raise Unavailable("too-many-recordings", f"{MOST_CONNECTED} recordings come in already; it is tried again by itself.")
        if one is None:
            one = await self._begin(actor, unit, asked)
        _must_be_own(actor, unit.unit_id, one.recording.actor, one.recording.unit_id)
        async with one.turn:
            if one.log is None:
                await self._reopen(one)
            one.reception = Reception(self, one)
        return one.reception

    async def _kept(self, recording_id: str) -> Manifest | None:
        try:
            manifest, _ = await self._evidence.find(recording_id)
        except NotFound:
            return None
        return manifest if manifest.scene is not None and manifest.sha256 else None

    async def _begin(self, actor: Actor, unit: Unit, asked: Asked) -> UnderWay:
        container = container_of(asked.mime)
        if container is None:
            raise RuleViolation("media-type", f"{asked.mime[:80]!r} is not accepted; send video/webm or video/mp4.")
        of_crew = sum(one.recording.unit_id == unit.unit_id for one in self._under_way.values())
        if of_crew >= MOST_OF_A_CREW or len(self._under_way) >= MOST_UNDER_WAY:
            raise Unavailable(
                "too-many-recordings", f"{of_crew} recordings of this crew are not complete yet; it is tried again by itself."
            )
        if await asyncio.to_thread(self._files.free_bytes) < LEAST_FREE_BYTES:
            raise Unavailable(
                "storage-full", "The disk for evidence is nearly full; free some space. The phone keeps the video and tries again."
            )
        await self._authorise(actor, unit, asked, f"video/{container}")
        recording = self._described(actor, unit, asked)
        one = UnderWay(recording, SceneStream(asked.mime))
        try:
            await asyncio.to_thread(self._files.begin, recording)
            await asyncio.to_thread(self._open_log, one, one.stream)
        except ValueError as error:
            raise RuleViolation("recording-id", f"{error}; use 32 hex digits.") from None
        except OSError as error:
            raise _disk_failed(error) from error
        first = self._under_way.setdefault(recording.recording_id, one)
        if first is not one and one.log is not None:  # another connection of the same phone was quicker
            one.log.close()
        return first

    async def _authorise(self, actor: Actor, unit: Unit, asked: Asked, media_type: str) -> None:
        incident = await self._incident(asked.incident_id)
        self._authority.authorise(actor, Action.USE_TERMINAL)
        command = AddUpload(
            incident_id=asked.incident_id,
            upload_id="new",
            filename="",
            media_type=media_type,
            size_bytes=0,
            sha256="",
            unit_id=unit.unit_id,
        )
        self._authority.authorise_command(actor, command, self._handler.picture, incident)
        if incident is None or incident.assignment_of(unit.unit_id) is None:
            raise NotPermitted("not-assigned", f"{unit.callsign} was not sent to this incident; only its crews send scene video.")

    async def _incident(self, incident_id: str) -> Incident | None:
        held = self._handler.picture.incidents.get(incident_id)
        return held if held is not None else await self._history.incident(incident_id)

    def _described(self, actor: Actor, unit: Unit, asked: Asked) -> Recording:
        now, place = self._clock.now(), self._place_of(unit.unit_id)
        # Without a measured offset: the way here counts as none.
        measured_ms = round((now - asked.device_now).total_seconds() * 1000)
        offset_ms = measured_ms if asked.clock_offset_ms is None else asked.clock_offset_ms
        try:
            began_at = min((asked.began_at + timedelta(milliseconds=offset_ms)).astimezone(UTC), now)
        except OverflowError:  # no calendar has it; a device that was never told the time says such things, and films all the same
            began_at = now
        return Recording(
            recording_id=asked.recording_id,
            incident_id=asked.incident_id,
            unit_id=unit.unit_id,
            actor=actor.name,
            actor_role=actor.role,
            org_code=actor.org_code,
            mime=asked.mime,
            name=plain_name(asked.name or f"scene-video.{container_of(asked.mime)}"),
            began_at=began_at,
            opened_at=now,
            clock_offset_ms=offset_ms,
            lon=None if place is None else place.lon,
            lat=None if place is None else place.lat,
            position_at=None if place is None else place.at,
        )

    async def keep(self, one: UnderWay, device_ms: int, data: bytes) -> None:
        """Write the next chunk, then show it. For `Reception`, in its turn."""
        if not 0 < len(data) <= MOST_CHUNK_BYTES:
            raise RuleViolation("chunk-size", f"A chunk of {len(data)} bytes; 1 to {MOST_CHUNK_BYTES} are taken.")
        if one.recording.chunks is not None and one.have >= one.recording.chunks:
            raise RuleViolation("recording-ended", f"This recording has ended with {one.recording.chunks} chunks; begin another.")
        if one.media_bytes + len(data) > self._evidence.max_bytes:
            raise RuleViolation(
                "recording-size", f"This recording has {one.media_bytes} bytes; {self._evidence.max_bytes} is the most. Begin another."
            )
        if one.log is None:
            raise Unavailable("disk-failed", "The recording can't be written just now; connect again.")
        now = self._clock.now()
        chunk = Chunk(one.have, device_ms, int(now.timestamp() * 1000), data)
        try:
            await asyncio.to_thread(one.log.append, [chunk])
        except OSError as error:
            one.log.close()
            one.log = None
            raise _disk_failed(error) from error
        was = one.state(now)
        one.have, one.media_bytes, one.last_device_ms, one.heard_at = one.log.have, one.log.media_bytes, device_ms, now
        one.stream.feed(data)
        if one.state(now) != was:
            self.tell_state(one)

    async def note_end(self, one: UnderWay, chunks: int) -> Manifest | None:
        """The phone has said how many chunks there are. For `Reception`, in its turn."""
        if chunks < one.have:
            raise RuleViolation("recording-ended", f"{one.have} chunks have come; the recording can't have ended after {chunks}.")
        if one.recording.chunks is None:
            one.recording = msgspec.structs.replace(one.recording, chunks=chunks)
            await asyncio.to_thread(self._files.note, one.recording)
        return await self._conclude(one) if one.have == one.recording.chunks else None

    # For those who watch

    def of_incident(self, incident_id: str) -> list[UnderWay]:
        """Recordings of an incident that are not complete, oldest first."""
        return [one for one in self._under_way.values() if one.recording.incident_id == incident_id]

    @property
    def under_way(self) -> list[UnderWay]:
        return list(self._under_way.values())

    def find(self, recording_id: str) -> UnderWay | None:
        return self._under_way.get(recording_id)

    def watch(self, one: UnderWay, watcher: Watcher) -> None:
        """Hand on what comes, from the latest key frame."""
        one.stream.join(watcher)
        watcher.text(self.state_text(one))

    def tell_state(self, one: UnderWay) -> None:
        """Tell its watchers how it stands."""
        text = self.state_text(one)
        for watcher in one.stream.watchers:
            watcher.text(text)

    def state_text(self, one: UnderWay) -> bytes:
        """The text that says whether pictures come, as for cameras."""
        now = self._clock.now()
        if one.state(now) == "live":
            return b'{"state":"ok"}'
        late_s = max(0.0, round((now - one.last_at).total_seconds(), 1))
        return msgspec.json.encode({"state": "late", "since": one.last_at, "late_s": late_s})

    async def media(self, one: UnderWay) -> Media:
        """What has come so far as a file of its own, which whoever asks removes."""
        return await asyncio.to_thread(self._files.write_media, one.recording, "so-far")

    # Ends

    async def _tend_on(self) -> None:
        while True:
            await asyncio.sleep(TEND_EVERY_S)
            await self._tend()

    async def _tend(self) -> None:
        """Complete what is whole or was given up. One that can't be completed stops no other."""
        for one in self.under_way:
            is_given_up = self._clock.now() - (one.heard_at or one.recording.opened_at) > ABANDONED_AFTER
            if one.log is None or not (one.have == one.recording.chunks or (is_given_up and one.reception is None)):
                continue
            async with one.turn:
                try:
                    await self._conclude(one)
                except OSError as error:
                    log.error("recording_not_completed", recording_id=one.recording.recording_id, reason=str(error))
        for upload_id in tuple(self._unannounced):
            with contextlib.suppress(Unavailable):
                await self._evidence.settle(upload_id)
                self._unannounced.discard(upload_id)

    async def _conclude(self, one: UnderWay) -> Manifest | None:
        """Make evidence of a recording; None when nothing ever came of it."""
        recording = one.recording
        if one.have == 0:
            await asyncio.to_thread(self._files.forget, recording)
            self._gone(one)
            return None
        media = await asyncio.to_thread(self._files.write_media, recording)
        scene = await asyncio.to_thread(self._facts, recording, one.have, media)
        manifest = Manifest(
            upload_id=recording.recording_id,
            incident_id=recording.incident_id,
            filename=recording.name,
            media_type=f"video/{container_of(recording.mime)}",
            size_bytes=media.size_bytes,
            actor=recording.actor,
            actor_role=recording.actor_role,
            org_code=recording.org_code,
            unit_id=recording.unit_id,
            created_at=recording.opened_at,
            taken_at=recording.began_at,
            scene=scene,
        )
        kept = await self._evidence.take_over(manifest, media.path, media.times)
        if not kept.announced:
            self._unannounced.add(kept.upload_id)
        await asyncio.to_thread(self._files.forget, recording)
        self._gone(one)
        return kept

    def _facts(self, recording: Recording, chunks: int, media: Media) -> SceneFacts:
        ended_at = right_time(recording, media.last_device_ms or 0)
        places = self._path_of(recording.unit_id, recording.began_at.timestamp(), ended_at.timestamp())
        if not places and recording.lon is not None and recording.lat is not None and recording.position_at is not None:
            places = [Place(recording.position_at, recording.lon, recording.lat)]
        return SceneFacts(
            began_at=recording.began_at,
            ended_at=ended_at,
            chunks=chunks,
            whole=chunks == recording.chunks,
            clock_offset_ms=recording.clock_offset_ms,
            opened_at=recording.opened_at,
            places=tuple(places),
            times_sha256=hashlib.sha256(media.times).hexdigest(),
        )

    def _gone(self, one: UnderWay) -> None:
        if one.log is not None:
            one.log.close()
        one.reception = None
        del self._under_way[one.recording.recording_id]
        one.stream.tell({"state": "ended"})

    # The disk

    def _open_log(self, one: UnderWay, stream: SceneStream | None) -> None:
        """Read what there is; in a thread. `stream`: is fed with it, so that one can begin to watch."""
        opened = self._files.open(one.recording, lambda chunk: stream.feed(chunk.data) if stream is not None else None)
        one.log, one.have, one.media_bytes, one.last_device_ms = opened, opened.have, opened.media_bytes, opened.last_device_ms
        if opened.torn_bytes:
            self.torn += 1
            log.warning("recording_torn", recording_id=one.recording.recording_id, chunks=opened.have, torn_bytes=opened.torn_bytes)

    async def _reopen(self, one: UnderWay) -> None:
        try:
            await asyncio.to_thread(self._open_log, one, None)
        except OSError as error:
            raise _disk_failed(error) from error


def _must_be_own(actor: Actor, unit_id: str, of_actor: str, of_unit: str | None) -> None:
    """Whoever began it, for the same crew; for everyone else there is no such recording."""
    if (actor.name, unit_id) != (of_actor, of_unit):
        raise NotFound("no-such-recording", "There is no such recording of this crew; begin another.")


def _disk_failed(error: OSError) -> Unavailable:
    return Unavailable("disk-failed", f"The recording can't be written ({error.strerror or error}); the phone keeps it and tries again.")
