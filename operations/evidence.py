"""Photos, videos and files bound to an incident: who may add and read them, what is accepted, when the journal learns of it."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch.clock import Clock
from dispatch.commands import AddUpload
from dispatch.errors import NotFound, RuleViolation
from dispatch.model import Actor
from storage.evidence import EvidenceFiles, Manifest

if TYPE_CHECKING:
    from operations.handle import Handler

# A crew at one incident sends a handful; more open ones at once is a broken or hostile client.
MAX_OPEN_PER_ACTOR = 32
# An upload that has not moved for this long was given up.
ABANDONED_AFTER = timedelta(days=7)
_SNIFF_BYTES = 32

# Accepted media types and how their first bytes are known (https://mimesniff.spec.whatwg.org, ISO/IEC 14496-12).
_SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": lambda b: b.startswith(b"\xff\xd8\xff"),
    "image/png": lambda b: b.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/webp": lambda b: b[:4] == b"RIFF" and b[8:12] == b"WEBP",
    "image/heic": lambda b: b[4:8] == b"ftyp",
    "video/mp4": lambda b: b[4:8] == b"ftyp",
    "video/quicktime": lambda b: b[4:8] in (b"ftyp", b"moov", b"wide", b"mdat"),
    "video/webm": lambda b: b.startswith(b"\x1aE\xdf\xa3"),
    "audio/webm": lambda b: b.startswith(b"\x1aE\xdf\xa3"),
    "audio/mp4": lambda b: b[4:8] == b"ftyp",
    "application/pdf": lambda b: b.startswith(b"%PDF-"),
}
MEDIA_TYPES = tuple(_SIGNATURES)


class Evidence:
    """Uploads of one node."""

    def __init__(self, files: EvidenceFiles, handler: Handler, clock: Clock, max_bytes: int) -> None:
        self._files = files
        self._handler = handler
        self._clock = clock
        self.max_bytes = max_bytes
        self._locks: dict[str, asyncio.Lock] = {}

    async def start(self) -> None:
        """Finish what a crash interrupted, forget what was given up."""
        for manifest in await asyncio.to_thread(lambda: list(self._files.incoming())):
            if self._files.offset(manifest) == manifest.size_bytes:
                await self._complete(manifest)
            elif self._clock.now() - manifest.created_at > ABANDONED_AFTER:
                await asyncio.to_thread(self._files.discard, manifest)
        for manifest in await asyncio.to_thread(lambda: list(self._files.kept())):
            if not manifest.announced:
                await self._announce(manifest)

    async def begin(
        self, actor: Actor, incident_id: str, filename: str, media_type: str, size_bytes: int, taken_at: datetime | None = None
    ) -> Manifest:
        """Open an upload. Raises RuleViolation naming what is wrong with it; authority was asked by the caller."""
        if media_type not in _SIGNATURES:
            raise RuleViolation("media_type", f"{media_type or 'no media type'} is not accepted; send one of {', '.join(MEDIA_TYPES)}")
        if not 0 < size_bytes <= self.max_bytes:
            raise RuleViolation("upload_size", f"{size_bytes} bytes can't be uploaded; 1 to {self.max_bytes} can")
        open_now = await asyncio.to_thread(lambda: Counter(m.actor for m in self._files.incoming()))
        if open_now[actor.name] >= MAX_OPEN_PER_ACTOR:
            raise RuleViolation("too_many_uploads", f"{actor.name} has {open_now[actor.name]} uploads open; finish or delete one first")
        manifest = Manifest(
            upload_id=secrets.token_hex(16),
            incident_id=incident_id,
            filename=_plain_name(filename),
            media_type=media_type,
            size_bytes=size_bytes,
            actor=actor.name,
            actor_role=actor.role,
            org_code=actor.org_code,
            unit_id=actor.unit_id,
            created_at=self._clock.now(),
            taken_at=taken_at,
        )
        await asyncio.to_thread(self._files.begin, manifest)
        return manifest

    async def find(self, upload_id: str) -> tuple[Manifest, int]:
        """An upload and its offset. Raises NotFound."""
        manifest = await asyncio.to_thread(self._files.find, upload_id)
        if manifest is None:
            raise NotFound("no_such_upload", f"there is no upload {upload_id[:40]!r}")
        return manifest, await asyncio.to_thread(self._files.offset, manifest)

    async def append(self, manifest: Manifest, offset: int, data: bytes) -> int:
        """Store the next bytes, on disk before it returns; the new offset. The last byte completes the upload."""
        lock = self._locks.setdefault(manifest.upload_id, asyncio.Lock())
        async with lock:
            reached = await asyncio.to_thread(self._files.append, manifest, offset, data)
            if reached == manifest.size_bytes:
                await self._complete(manifest)
                self._locks.pop(manifest.upload_id, None)
        return reached

    async def discard(self, manifest: Manifest) -> None:
        """Forget an incomplete upload. Raises EvidenceError for a complete one."""
        await asyncio.to_thread(self._files.discard, manifest)
        self._locks.pop(manifest.upload_id, None)

    def path(self, manifest: Manifest) -> Path:
        """Where a kept upload's bytes lie."""
        return self._files.path(manifest)

    async def _complete(self, manifest: Manifest) -> None:
        head = await asyncio.to_thread(self._files.head, manifest, _SNIFF_BYTES)
        if not _SIGNATURES[manifest.media_type](head):
            await asyncio.to_thread(self._files.discard, manifest)
            raise RuleViolation("media_mismatch", f"{manifest.filename} is announced as {manifest.media_type} but does not begin like one")
        await self._announce(await asyncio.to_thread(self._files.keep, manifest))

    async def _announce(self, manifest: Manifest) -> None:
        actor = Actor(name=manifest.actor, role=manifest.actor_role, org_code=manifest.org_code, unit_id=manifest.unit_id)
        command = AddUpload(
            incident_id=manifest.incident_id,
            upload_id=manifest.upload_id,
            filename=manifest.filename,
            media_type=manifest.media_type,
            size_bytes=manifest.size_bytes,
            sha256=manifest.sha256,
            unit_id=manifest.unit_id,
            taken_at=manifest.taken_at,
        )
        await self._handler.handle(command, actor, key=f"upload-{manifest.upload_id}")
        await asyncio.to_thread(self._files.mark_announced, manifest)


def _plain_name(filename: str) -> str:
    """The last path component without control characters, at most 120 characters; never used as a path."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in name if c.isprintable())[:120] or "unnamed"
