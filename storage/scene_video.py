"""Scene video on disk while it comes in: what was acknowledged survives any cut, and nothing that came is ever changed.

    scene/<incident>/<recording>/recording.json   what is being recorded (`Recording`), written before the first chunk is accepted
    scene/<incident>/<recording>/chunks           one record a chunk, only ever appended to
    scene/<incident>/<recording>/torn-<offset>    what stood behind the last sound record after a crash, set aside

A record frames itself: head (number u32, device time u64 ms, arrival u64 ms, length u32), CRC-32 over head and bytes (u32), bytes;
big-endian. One file and one sync for all of it: there is no index that could say more than the data, or less.

Every function here blocks on the disk: call it from a thread.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from storage.evidence import sync_folder, write_atomically

HEAD = struct.Struct(">IQQI")
_CRC = struct.Struct(">I")
FRAME_BYTES = HEAD.size + _CRC.size
MOST_CHUNK_BYTES = 1 << 20
_RECORDING_ID = re.compile(r"[0-9a-f]{32}")
_INCIDENT_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_BLOCK_BYTES = 1 << 20


class Recording(msgspec.Struct, frozen=True):
    """What is known of one run of a phone's recorder. `began_at` is the phone's time put right by `clock_offset_ms`."""

    recording_id: str  # 32 hex digits, chosen by the phone: it may have no network when it begins
    incident_id: str
    unit_id: str
    actor: str
    actor_role: str
    org_code: str
    mime: str  # as the recorder tells it
    name: str  # of the file it becomes
    began_at: datetime
    opened_at: datetime  # when the server first heard of it
    clock_offset_ms: int  # server's clock minus the phone's when it was opened
    # Where the crew was when the server first heard of it; None where that was not known.
    lon: float | None = None  # WGS-84
    lat: float | None = None
    position_at: datetime | None = None
    chunks: int | None = None  # how many there are; None until the phone has said that it ended


class Chunk(NamedTuple):
    """One slice of a recorder's output. Times in Unix ms: the phone's own as it was sent, and the server's at arrival."""

    seq: int
    device_ms: int
    server_ms: int
    data: bytes


class Media(NamedTuple):
    """A recording as the file that its recorder wrote."""

    path: Path
    size_bytes: int
    times: bytes  # a record head for each chunk
    last_device_ms: int | None  # None without any chunk


class RecordingFiles:
    """The folder of recordings under way of one node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self, recording: Recording) -> None:
        """Note that a recording comes in; durable when it returns. Raises ValueError for ids that can't name a folder."""
        folder = self.folder(recording)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "recording.json", msgspec.json.encode(recording))
        sync_folder(folder.parent)
        sync_folder(self._folder)

    def note(self, recording: Recording) -> None:
        """Replace what is known of it."""
        write_atomically(self.folder(recording) / "recording.json", msgspec.json.encode(recording))

    def all(self) -> list[Recording]:
        """Recordings under way, in the order the server heard of them."""
        found = [msgspec.json.decode(path.read_bytes(), type=Recording) for path in self._folder.glob("*/*/recording.json")]
        return sorted(found, key=lambda recording: recording.opened_at)

    def open(self, recording: Recording, take: Callable[[Chunk], None]) -> ChunkLog:
        """Its chunks, to be gone on with; each that is there is given to `take`."""
        return ChunkLog(self.folder(recording) / "chunks", take)

    def chunks(self, recording: Recording) -> Iterator[Chunk]:
        """What has come of it, in order."""
        path = self.folder(recording) / "chunks"
        if not path.exists():
            return
        with path.open("rb") as file:
            yield from sound_chunks(file)

    def write_media(self, recording: Recording, name: str = "media") -> Media:
        """The bytes of all chunks as one file beside them, on disk when it returns."""
        path, times, size, last_ms = self.folder(recording) / name, bytearray(), 0, None
        with path.open("wb") as file:
            for chunk in self.chunks(recording):
                file.write(chunk.data)
                size += len(chunk.data)
                times += HEAD.pack(chunk.seq, chunk.device_ms, chunk.server_ms, len(chunk.data))
                last_ms = chunk.device_ms
            file.flush()
            os.fsync(file.fileno())
        return Media(path, size, bytes(times), last_ms)

    def forget(self, recording: Recording) -> None:
        """Remove a recording that is kept elsewhere, or of which nothing ever came."""
        shutil.rmtree(self.folder(recording), ignore_errors=True)

    def folder(self, recording: Recording) -> Path:
        """Where it lies. Raises ValueError for ids that can't name a folder."""
        if not _RECORDING_ID.fullmatch(recording.recording_id) or not _INCIDENT_ID.fullmatch(recording.incident_id):
            raise ValueError(f"{recording.recording_id[:40]!r} of incident {recording.incident_id[:70]!r} can't be kept under these names")
        return self._folder / recording.incident_id / recording.recording_id

    def free_bytes(self) -> int:
        """Room on the disk."""
        return shutil.disk_usage(self._folder).free


class ChunkLog:
    """The open chunk file of one recording. Not thread-safe."""

    def __init__(self, path: Path, take: Callable[[Chunk], None]) -> None:
        """Counts what is whole, gives it to `take`, and sets a torn end aside."""
        self.have = 0  # number of the next chunk
        self.media_bytes = 0
        self.torn_bytes = 0  # behind the last sound record, when it was opened
        self.last_device_ms: int | None = None
        self._path = path
        self._file = path.open("r+b" if path.exists() else "w+b")
        for chunk in sound_chunks(self._file):
            self._count(chunk)
            take(chunk)
        self._end = self.media_bytes + self.have * FRAME_BYTES
        self._set_torn_end_aside()
        sync_folder(path.parent)

    def append(self, chunks: Sequence[Chunk]) -> None:
        """Write chunks that follow each other and what is there; on disk when it returns. Raises OSError and changes nothing then."""
        records = b"".join(_record(chunk) for chunk in chunks)
        try:
            self._file.seek(self._end)
            self._file.write(records)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end += len(records)
        for chunk in chunks:
            self._count(chunk)

    def close(self) -> None:
        self._file.close()

    def _count(self, chunk: Chunk) -> None:
        self.have = chunk.seq + 1
        self.media_bytes += len(chunk.data)
        self.last_device_ms = chunk.device_ms

    def _set_torn_end_aside(self) -> None:
        """It was never acknowledged; but what a crew took is not thrown away because nobody can read it here."""
        self.torn_bytes = self._file.seek(0, os.SEEK_END) - self._end
        if not self.torn_bytes:
            return
        self._file.seek(self._end)
        with self._path.with_name(f"torn-{self._end}").open("wb") as aside:
            shutil.copyfileobj(self._file, aside, _BLOCK_BYTES)
            aside.flush()
            os.fsync(aside.fileno())
        self._file.truncate(self._end)
        os.fsync(self._file.fileno())


def sound_chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Records from the start of a file up to the first that is not whole, not the next, or not what was written."""
    file.seek(0)
    expected = 0
    while len(head := file.read(FRAME_BYTES)) == FRAME_BYTES:
        seq, device_ms, server_ms, length = HEAD.unpack_from(head)
        if seq != expected or length > MOST_CHUNK_BYTES:
            return
        data = file.read(length)
        if len(data) < length or _crc(head[: HEAD.size], data) != head[HEAD.size :]:
            return
        yield Chunk(seq, device_ms, server_ms, data)
        expected += 1


def _record(chunk: Chunk) -> bytes:
    head = HEAD.pack(chunk.seq, chunk.device_ms, chunk.server_ms, len(chunk.data))
    return head + _crc(head, chunk.data) + chunk.data


def _crc(head: bytes, data: bytes) -> bytes:
    return _CRC.pack(zlib.crc32(data, zlib.crc32(head)))
