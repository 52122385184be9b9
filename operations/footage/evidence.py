"""Photos, videos and files bound to an incident: what is accepted, when the journal learns of it.

Who may add one is asked when it is opened and not again: a crew that was recalled while its photos were still going up has
handed them in all the same.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import msgspec
import structlog

from dispatch.clock import Clock
from dispatch.commands import AddUpload
from dispatch.errors import DispatchError, NotFound, RuleViolation
from dispatch.model import Actor
from operations.footage.photo_facts import read_photo_facts
from storage.evidence import EvidenceFiles, Manifest

if TYPE_CHECKING:
    from operations.incidents.handle import Handler

log = structlog.get_logger(__name__)

# A crew at one incident sends a handful; more open ones at once is a broken or hostile client.
MAX_OPEN_PER_ACTOR = 32
# An upload that has not moved for this long was given up.
ABANDONED_AFTER = timedelta(days=7)
# Clocks of cameras differ from ours by seconds; more than this is a wrong time.
CLOCK_TOLERANCE = timedelta(seconds=5)
MAX_FILENAME = 120  # characters
_SNIFF_BYTES = 32

_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"})
# Accepted media types and how their first bytes are known (https://mimesniff.spec.whatwg.org, ISO/IEC 14496-12).
_SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": lambda b: b.startswith(b"\xff\xd8\xff"),
    "image/png": lambda b: b.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/webp": lambda b: b[:4] == b"RIFF" and b[8:12] == b"WEBP",
    "image/heic": lambda b: b[4:8] == b"ftyp" and b[8:12] in _HEIC_BRANDS,
    "video/mp4": lambda b: b[4:8] == b"ftyp" and b[8:12] not in _HEIC_BRANDS,
    "video/quicktime": lambda b: b[4:8] in (b"ftyp", b"moov", b"wide", b"mdat"),
    "video/webm": lambda b: b.startswith(b"\x1aE\xdf\xa3"),
    "audio/webm": lambda b: b.startswith(b"\x1aE\xdf\xa3"),
    "audio/mp4": lambda b: b[4:8] == b"ftyp" and b[8:12] not in _HEIC_BRANDS,
    "application/pdf": lambda b: b.startswith(b"%PDF-"),
}
MEDIA_TYPES = tuple(_SIGNATURES)


class Evidence:
    """Uploads of one node."""

    def __init__(self, files: EvidenceFiles, handler: Handler, clock: Clock, max_bytes: int, zone: tzinfo = UTC) -> None:
        """`zone`: that of cameras which write their local time without one."""
        self._zone = zone
        self.mismatched = 0  # files kept apart since the start, because they are not what they were announced as
        self._files = files
        self._handler = handler
        self._clock = clock
        self.max_bytes = max_bytes
        # One at a time on one upload; a lock is there for as long as someone holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self) -> None:
        """Finish what a crash interrupted, forget what was given up. One upload that can't be finished stops nothing."""
        for manifest in await asyncio.to_thread(lambda: [*self._files.incoming(), *self._files.kept()]):
            try:
                await self._make_good(manifest)
            except DispatchError as error:
                log.error("upload_not_finished", upload_id=manifest.upload_id, incident_id=manifest.incident_id, reason=error.detail)

    async def begin(
        self, actor: Actor, incident_id: str, filename: str, media_type: str, size_bytes: int, taken_at: datetime | None = None
    ) -> Manifest:
        """Open an upload. Raises RuleViolation naming what is wrong with it; authority was asked by the caller."""
        if media_type not in _SIGNATURES:
            given = repr(media_type[:80]) if media_type else "no media type"
            raise RuleViolation("media-type", f"{given} is not accepted; send one of {', '.join(MEDIA_TYPES)}.")
        if not 0 < size_bytes <= self.max_bytes:
            raise RuleViolation("upload-size", f"{size_bytes} bytes can't be uploaded; 1 to {self.max_bytes} can.")
        now = self._clock.now()
        if taken_at is not None and taken_at > now + CLOCK_TOLERANCE:
            raise RuleViolation("taken-at", f"taken_at {taken_at.isoformat()} is in the future (now {now.isoformat()}); correct it.")
        open_now = await asyncio.to_thread(lambda: Counter(m.actor for m in self._files.incoming()))
        if open_now[actor.name] >= MAX_OPEN_PER_ACTOR:
            raise RuleViolation("too-many-uploads", f"{actor.name} has {open_now[actor.name]} uploads open; finish or delete one first.")
        manifest = Manifest(
            upload_id=secrets.token_hex(16),
            incident_id=incident_id,
            filename=plain_name(filename),
            media_type=media_type,
            size_bytes=size_bytes,
            actor=actor.name,
            actor_role=actor.role,
            org_code=actor.org_code,
            unit_id=actor.unit_id,
            created_at=now,
            taken_at=None if taken_at is None else min(taken_at, now),
        )
        await asyncio.to_thread(self._files.begin, manifest)
        return manifest

    async def find(self, upload_id: str) -> tuple[Manifest, int]:
        """An upload and its offset. Raises NotFound."""
        async with self._alone(upload_id):
            return await self._find(upload_id)

    async def append(self, upload_id: str, offset: int, data: bytes) -> int:
        """Store the next bytes, on disk before it returns; the new offset. The last byte completes the upload.

        Raises NotFound, EvidenceError when the upload does not stand at `offset` or would become too long, RuleViolation
        when it is complete and not what it was announced as (it is kept apart then, and on record).
        """
        async with self._alone(upload_id):
            manifest, _ = await self._find(upload_id)
            reached = await asyncio.to_thread(self._files.append, manifest, offset, data)
            if reached == manifest.size_bytes:
                await self._make_good(manifest)
                manifest, _ = await self._find(upload_id)
        if manifest.mismatched:
            detail = f"{manifest.filename} is announced as {manifest.media_type} but does not begin like one; it is kept apart as a file."
            raise RuleViolation("media-mismatch", detail)
        return reached

    async def settle(self, upload_id: str) -> None:
        """Tell the journal of a complete upload if it does not know of it yet, because it could not be written then."""
        async with self._alone(upload_id):
            manifest, _ = await self._find(upload_id)
            await self._make_good(manifest)

    async def records(self, upload_ids: Iterable[str]) -> dict[str, Manifest]:
        """What is kept of these uploads, by id; those that are not on this node are left out."""
        wanted = list(upload_ids)
        found = await asyncio.to_thread(lambda: [self._files.find(upload_id) for upload_id in wanted])
        return {manifest.upload_id: manifest for manifest in found if manifest is not None}

    async def discard(self, upload_id: str) -> None:
        """Forget an incomplete upload. Raises NotFound, and EvidenceError for a complete one."""
        async with self._alone(upload_id):
            manifest, _ = await self._find(upload_id)
            await asyncio.to_thread(self._files.discard, manifest)

    async def take_over(self, manifest: Manifest, media: Path, times: bytes | None = None) -> Manifest:
        """Keep a video that is complete as `media` (on the same disk), and announce it; `times` of a scene video's chunks. What the
        journal can't take now is announced by `settle`, or at the next start. Safe to repeat after a crash."""
        async with self._alone(manifest.upload_id):
            await asyncio.to_thread(self._files.take_over, manifest, media, times)
            try:
                await self._make_good(manifest)
            except DispatchError as error:
                log.error("upload_not_announced", upload_id=manifest.upload_id, incident_id=manifest.incident_id, reason=error.detail)
            kept, _ = await self._find(manifest.upload_id)
        return kept

    def path(self, manifest: Manifest) -> Path:
        """Where a kept upload's bytes lie."""
        return self._files.path(manifest)

    @asynccontextmanager
    async def _alone(self, upload_id: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(upload_id, asyncio.Lock())
        async with lock:
            yield

    async def _find(self, upload_id: str) -> tuple[Manifest, int]:
        manifest = await asyncio.to_thread(self._files.find, upload_id)
        if manifest is None:
            raise NotFound("no-such-upload", f"There is no upload {upload_id[:40]!r}; check the id.")
        return manifest, await asyncio.to_thread(self._files.offset, manifest)

    async def _make_good(self, manifest: Manifest) -> None:
        """Take the upload as far as it can go: complete what is whole, announce what is complete, forget what was given up."""
        if manifest.announced:
            return
        if manifest.sha256:
            await self._announce(manifest)
        elif await asyncio.to_thread(self._files.offset, manifest) == manifest.size_bytes:
            await self._complete(manifest)
        elif self._clock.now() - manifest.created_at > ABANDONED_AFTER:
            await asyncio.to_thread(self._files.discard, manifest)

    async def _complete(self, manifest: Manifest) -> None:
        head = await asyncio.to_thread(self._files.head, manifest, _SNIFF_BYTES)
        if _SIGNATURES[manifest.media_type](head):
            path = self._files.path(manifest)
            photo = await asyncio.to_thread(read_photo_facts, path, manifest.media_type, self._zone)
            manifest = msgspec.structs.replace(manifest, photo_lon=photo.lon, photo_lat=photo.lat, photo_at=photo.taken_at)
        else:
            # What an officer took is not thrown away over a wrong name; docs/decisions/0060-what-is-not-what-it-says.md.
            self.mismatched += 1
            manifest = msgspec.structs.replace(manifest, mismatched=True)
            log.warning("upload_mismatched", upload_id=manifest.upload_id, incident_id=manifest.incident_id, announced=manifest.media_type)
        await self._announce(await asyncio.to_thread(self._files.keep, manifest))

    async def _announce(self, manifest: Manifest) -> None:
        actor = Actor(manifest.actor, manifest.actor_role, manifest.org_code, manifest.unit_id, kind="system")
        command = AddUpload(
            incident_id=manifest.incident_id,
            upload_id=manifest.upload_id,
            filename=manifest.filename,
            media_type=manifest.media_type,
            size_bytes=manifest.size_bytes,
            sha256=manifest.sha256,
            unit_id=manifest.unit_id,
            taken_at=manifest.taken_at,
            mismatched=manifest.mismatched,
            channel="desk" if manifest.unit_id is None else "terminal",
        )
        await self._handler.handle(command, actor, key=f"upload-{manifest.upload_id}")
        await asyncio.to_thread(self._files.mark_announced, manifest)


def plain_name(filename: str) -> str:
    """The last path component without control characters, bounded; shown to people, never used as a path."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in name if c.isprintable()).strip()[:MAX_FILENAME] or "unnamed"
