"""Learned speeds on disk: one small file a build of the city, written whole and synced beside the old one, then renamed.

Layout, little-endian: 8 bytes magic, u32 length and u32 CRC-32 of the payload; the payload is zstd of a msgpack map of the arrays' bytes,
with the build's identity. A file of another build is left alone; a damaged one is set aside by name and said.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from geodata.learned import SpeedState

MAGIC = b"LDSPEED1"
_HEAD = struct.Struct("<8sII")
_COLUMNS = {"key": "<i8", "seen": "<f4", "weight": "<f4", "mean": "<f4", "square": "<f4"}
_LEVEL = 6


class DamagedSpeeds(Exception):
    """The file does not hold what was written; the message names the file and what is wrong with it."""


class SpeedFile:
    """The file of one build in a folder. Synchronous: call it from a thread."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / f"{identity}.speeds"
        self._identity = identity

    def read(self) -> SpeedState | None:
        """What was kept, None when nothing was yet. Raises DamagedSpeeds."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        return self._decode(content)

    def write(self, state: SpeedState) -> None:
        """Keep `state`; what was kept before stays until this is on disk."""
        payload: dict[str, Any] = {name: getattr(state, name).astype(kind).tobytes() for name, kind in _COLUMNS.items()}
        payload |= {"identity": self._identity, "lateness": state.lateness.astype("<f4").tobytes()}
        payload |= {"total": state.total, "aged_at": state.aged_at}
        packed = zstandard.compress(msgspec.msgpack.encode(payload), _LEVEL)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        with part.open("wb") as file:
            file.write(_HEAD.pack(MAGIC, len(packed), zlib.crc32(packed)) + packed)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path)

    def set_aside(self) -> Path:
        """Rename a damaged file, so that it can be looked at and learning begins anew; its new name."""
        aside = self.path.with_suffix(".damaged")
        os.replace(self.path, aside)
        return aside

    def _decode(self, content: bytes) -> SpeedState:
        if len(content) < _HEAD.size:
            raise DamagedSpeeds(f"{self.path} is cut off after {len(content)} bytes.")
        magic, length, crc = _HEAD.unpack_from(content)
        packed = content[_HEAD.size :]
        if magic != MAGIC:
            raise DamagedSpeeds(f"{self.path} does not begin with {MAGIC.decode()}: it is no file of learned speeds of this version.")
        if len(packed) != length or zlib.crc32(packed) != crc:
            raise DamagedSpeeds(f"{self.path} does not hold what was written: {len(packed)} of {length} bytes, or a wrong checksum.")
        payload = msgspec.msgpack.decode(zstandard.decompress(packed))
        if payload["identity"] != self._identity:
            raise DamagedSpeeds(f"{self.path} was renamed: it belongs to build {payload['identity']}.")
        columns = {name: np.frombuffer(payload[name], kind).astype(_native(kind)) for name, kind in _COLUMNS.items()}
        lateness: NDArray[np.float32] = np.frombuffer(payload["lateness"], "<f4").astype(np.float32)
        return SpeedState(**columns, lateness=lateness, total=payload["total"], aged_at=payload["aged_at"])


def verify(folder: Path) -> tuple[int, list[str]]:
    """How many builds of cities have learned speeds, and what is damaged, a sentence each."""
    files, damage = sorted(folder.glob("*.speeds")), []
    for path in files:
        try:
            SpeedFile(folder, path.stem).read()
        except DamagedSpeeds as found:
            damage.append(str(found))
    return len(files), damage


def _native(kind: str) -> Any:
    return np.int64 if kind == "<i8" else np.float32
