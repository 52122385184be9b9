"""Evidence files on disk: what has arrived of an upload survives any cut; what is complete is never changed again.

    incoming/<id>.json   what is being uploaded (`Manifest`), written before the first byte is accepted
    incoming/<id>.part   the bytes so far, once there are any; its length is the offset
    kept/<id>/file       the complete bytes, read-only;  kept/<id>/manifest.json  with their SHA-256
    kept/<id>/times      of a scene video: when each of its chunks was recorded and arrived

Every function here blocks on the disk: call it from a thread.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

_ID = re.compile(r"[0-9a-f]{32}")
_BLOCK_BYTES = 1 << 20


class EvidenceError(Exception):
    """Evidence can't be read or written; the message names the upload and the reason."""


class Place(msgspec.Struct, frozen=True):
    """Where a crew was. WGS-84."""

    at: datetime
    lon: float
    lat: float


class SceneFacts(msgspec.Struct, frozen=True):
    """What is kept with a scene video. Times are the phone's, put right by `clock_offset_ms`."""

    began_at: datetime
    ended_at: datetime  # when its last chunk was recorded
    chunks: int
    whole: bool  # the phone has said that it ended, and all of it has come
    clock_offset_ms: int  # server's clock minus the phone's when the server first heard of it
    opened_at: datetime  # when the server first heard of it
    places: tuple[Place, ...]  # of the crew from beginning to end, at most one in ten seconds
    times_sha256: str  # of `kept/<id>/times`: one record a chunk, big-endian: number u32, device u64 ms, arrival u64 ms, bytes u32


class ClipFacts(msgspec.Struct, frozen=True):
    """What is kept with a clip of a camera."""

    camera_id: str
    camera_name: str
    moment_at: datetime  # what was marked
    from_at: datetime  # the span that was asked for
    to_at: datetime
    start_at: datetime  # when its first picture was taken: of the key frame at or before `from_at`
    end_at: datetime
    time_source: str  # whose clock these are by: "camera" (its sender reports), or "arrival" at the server
    gaps_s: tuple[float, ...]  # longer than half a second without a picture
    cut_at: datetime


class Manifest(msgspec.Struct, frozen=True):
    """What is known of one upload. `sha256` is empty until every byte has arrived."""

    upload_id: str  # 32 hex digits, chosen by the server
    incident_id: str
    filename: str
    media_type: str
    size_bytes: int
    actor: str
    actor_role: str
    org_code: str
    unit_id: str | None
    created_at: datetime
    taken_at: datetime | None = None
    sha256: str = ""
    announced: bool = False  # the journal has its `upload_added`
    mismatched: bool = False  # it does not begin like what it was announced as: kept apart, never shown as a picture
    # What the camera wrote into a photo; None where it wrote nothing.
    photo_lon: float | None = None  # WGS-84
    photo_lat: float | None = None
    photo_at: datetime | None = None
    scene: SceneFacts | None = None  # of a scene video that came live; None of everything else
    clip: ClipFacts | None = None  # of a clip of a camera; None of everything else


class EvidenceFiles:
    """The folder of evidence of one node."""

    def __init__(self, folder: Path) -> None:
        self._incoming = folder / "incoming"
        self._kept = folder / "kept"
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._kept.mkdir(exist_ok=True)

    def begin(self, manifest: Manifest) -> None:
        """Note that an upload is under way; durable when it returns."""
        write_atomically(self._incoming / f"{manifest.upload_id}.json", msgspec.json.encode(manifest))

    def find(self, upload_id: str) -> Manifest | None:
        """The manifest of an upload, complete or not; None when there is none of that id."""
        if not _ID.fullmatch(upload_id):
            return None
        for path in (self._kept / upload_id / "manifest.json", self._incoming / f"{upload_id}.json"):
            if path.exists():
                return msgspec.json.decode(path.read_bytes(), type=Manifest)
        return None

    def offset(self, manifest: Manifest) -> int:
        """Bytes that have arrived."""
        # Moved already, whether or not a crash kept the final manifest from being written.
        if manifest.sha256 or (self._kept / manifest.upload_id / "file").exists():
            return manifest.size_bytes
        part = self._incoming / f"{manifest.upload_id}.part"
        return part.stat().st_size if part.exists() else 0

    def append(self, manifest: Manifest, offset: int, data: bytes) -> int:
        """Write `data` at `offset`, on disk when it returns; the new offset. Refuses a gap, an overlap and an overrun."""
        present = self.offset(manifest)
        if offset != present:
            raise EvidenceError(f"upload {manifest.upload_id} stands at {present} bytes, not {offset}")
        if present + len(data) > manifest.size_bytes:
            raise EvidenceError(f"upload {manifest.upload_id} was announced with {manifest.size_bytes} bytes; {present + len(data)} came")
        with (self._incoming / f"{manifest.upload_id}.part").open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return present + len(data)

    def take_over(self, manifest: Manifest, media: Path, times: bytes | None) -> None:
        """Make a file that was written elsewhere on this disk the whole of a new upload; `keep` completes it. Safe to repeat.

        `times` of its chunks: of a scene video alone.
        """
        folder = self._kept / manifest.upload_id
        folder.mkdir(exist_ok=True)
        if times is not None:
            write_atomically(folder / "times", times)
        self.begin(manifest)
        os.replace(media, self._incoming / f"{manifest.upload_id}.part")
        sync_folder(self._incoming)

    def head(self, manifest: Manifest, length: int) -> bytes:
        """The first bytes of an upload, to tell what it is."""
        with self.path(manifest).open("rb") as file:
            return file.read(length)

    def keep(self, manifest: Manifest) -> Manifest:
        """Move a whole upload to its final place with its SHA-256. Safe to repeat after a crash at any point."""
        part = self._incoming / f"{manifest.upload_id}.part"
        folder = self._kept / manifest.upload_id
        folder.mkdir(exist_ok=True)
        final = folder / "file"
        if part.exists():
            os.replace(part, final)
        kept = msgspec.structs.replace(manifest, sha256=file_sha256(final))
        final.chmod(0o440)
        write_atomically(folder / "manifest.json", msgspec.json.encode(kept))
        sync_folder(self._kept)
        (self._incoming / f"{manifest.upload_id}.json").unlink(missing_ok=True)
        return kept

    def mark_announced(self, manifest: Manifest) -> None:
        """Note that the journal knows of a kept upload."""
        path = self._kept / manifest.upload_id / "manifest.json"
        write_atomically(path, msgspec.json.encode(msgspec.structs.replace(manifest, announced=True)))

    def discard(self, manifest: Manifest) -> None:
        """Forget an upload that was not completed; complete ones are evidence and stay."""
        if manifest.sha256:
            raise EvidenceError(f"upload {manifest.upload_id} is complete and is evidence; it can't be discarded")
        for suffix in (".part", ".json"):
            (self._incoming / f"{manifest.upload_id}{suffix}").unlink(missing_ok=True)

    def path(self, manifest: Manifest) -> Path:
        """Where the bytes lie."""
        final = self._kept / manifest.upload_id / "file"
        return final if manifest.sha256 or final.exists() else self._incoming / f"{manifest.upload_id}.part"

    def incoming(self) -> Iterator[Manifest]:
        """Uploads that are under way."""
        for path in sorted(self._incoming.glob("*.json")):
            yield msgspec.json.decode(path.read_bytes(), type=Manifest)

    def kept(self) -> Iterator[Manifest]:
        """Complete uploads."""
        for path in self._kept_manifests():
            yield msgspec.json.decode(path.read_bytes(), type=Manifest)

    def count(self) -> int:
        """How many complete uploads there are, damaged or not."""
        return len(self._kept_manifests())

    def _kept_manifests(self) -> list[Path]:
        return sorted(self._kept.glob("*/manifest.json"))

    def verify(self) -> list[str]:
        """Damage found in kept files, one sentence each; empty when all is well."""
        damage = []
        for noted in self._kept_manifests():
            try:
                manifest = msgspec.json.decode(noted.read_bytes(), type=Manifest)
            except msgspec.MsgspecError as error:
                damage.append(f"evidence {noted.parent.name}: its manifest can't be read: {error}")
                continue
            path = self.path(manifest)
            if not path.exists():
                damage.append(
                    f"evidence {manifest.upload_id} ({manifest.filename}) of incident {manifest.incident_id}: the file is missing"
                )
            elif (found := file_sha256(path)) != manifest.sha256:
                damage.append(f"evidence {manifest.upload_id} ({manifest.filename}): SHA-256 is {found}, was {manifest.sha256}")
            if manifest.scene is not None and _sha256_or_none(path.with_name("times")) != manifest.scene.times_sha256:
                damage.append(f"evidence {manifest.upload_id} ({manifest.filename}): its times are missing or not what they were")
        return damage


def _sha256_or_none(path: Path) -> str | None:
    return file_sha256(path) if path.exists() else None


def file_sha256(path: Path) -> str:
    """Of a file of any size, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file as a whole; durable when it returns."""
    temporary = path.with_name(path.name + ".new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make names that were given or taken in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
