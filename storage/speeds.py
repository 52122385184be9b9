"""Learned speeds on disk: one small file a build of the city, written whole and synced beside the old one, then renamed; and copies of it
from the beginning of each part of a day, so that the past is searched by what was known then.

Layout, little-endian: 8 bytes magic, u32 length and u32 CRC-32 of the payload; the payload is zstd of a msgpack map of the arrays' bytes,
with the build's identity. A file of another build is left alone; a damaged one is set aside by name and said.
"""

from __future__ import annotations

import os
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from geodata.streets.learned import SpeedState

MAGIC = b"LDSPEED1"
_HEAD = struct.Struct("<8sII")
_COLUMNS = {"key": "<i8", "seen": "<f4", "weight": "<f4", "mean": "<f4", "square": "<f4"}
_LEVEL = 6
_SUFFIX = ".speeds"


class DamagedSpeeds(Exception):
    """The file does not hold what was written; the message names the file and what is wrong with it."""


class SpeedFile:
    """The file of one build in a folder. Synchronous: call it from a thread."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / (identity + _SUFFIX)
        self._identity = identity

    def read(self) -> SpeedState | None:
        """What was kept, None when nothing was yet. Raises DamagedSpeeds."""
        try:
            return _read(self.path, self._identity)
        except FileNotFoundError:
            return None

    def write(self, state: SpeedState) -> None:
        """Keep `state`; what was kept before stays until this is on disk."""
        _write(self.path, self._identity, state)

    def set_aside(self) -> Path:
        """Rename a damaged file, so that it can be looked at and learning begins anew; its new name."""
        aside = self.path.with_suffix(".damaged")
        os.replace(self.path, aside)
        return aside


class SpeedHistory:
    """What had been learned of one build at earlier instants. Synchronous: call it from a thread."""

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder / identity
        self._identity = identity

    def keep(self, state: SpeedState, at_s: float) -> None:
        """Keep what is known at an instant (Unix s)."""
        _write(self._folder / (_name(at_s) + _SUFFIX), self._identity, state)

    def newest(self, at_s: float) -> str | None:
        """The name of the newest that was kept at or before an instant (Unix s); None where there is none."""
        name = _name(at_s)
        return max((path.stem for path in self._folder.glob("*" + _SUFFIX) if path.stem <= name), default=None)

    def remove_before(self, at_s: float) -> int:
        """Remove what no instant from `at_s` (Unix s) on is searched by; how many that were."""
        needed = self.newest(at_s)
        gone = [] if needed is None else [path for path in self._folder.glob("*" + _SUFFIX) if path.stem < needed]
        for path in gone:
            path.unlink()
        return len(gone)

    def read(self, name: str) -> SpeedState:
        """Raises DamagedSpeeds."""
        path = self._folder / (name + _SUFFIX)
        try:
            return _read(path, self._identity)
        except FileNotFoundError:
            raise DamagedSpeeds(f"{path} is gone.") from None


def verify(folder: Path) -> tuple[int, list[str]]:
    """How many files of learned speeds there are, of all builds and earlier instants, and what is damaged, a sentence each."""
    files, damage = sorted(folder.rglob("*" + _SUFFIX)), []
    for path in files:
        identity = path.stem if path.parent == folder else path.parent.name
        try:
            _read(path, identity)
        except DamagedSpeeds as found:
            damage.append(str(found))
    return len(files), damage


def _name(at_s: float) -> str:
    """An instant as the stem of a file's name; names sort as instants do."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%dT%H%M%SZ")


def _write(path: Path, identity: str, state: SpeedState) -> None:
    payload: dict[str, Any] = {name: getattr(state, name).astype(kind).tobytes() for name, kind in _COLUMNS.items()}
    payload |= {"identity": identity, "lateness": state.lateness.astype("<f4").tobytes()}
    payload |= {"total": state.total, "aged_at": state.aged_at}
    packed = zstandard.compress(msgspec.msgpack.encode(payload), _LEVEL)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(_HEAD.pack(MAGIC, len(packed), zlib.crc32(packed)) + packed)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _read(path: Path, identity: str) -> SpeedState:
    """Raises DamagedSpeeds, FileNotFoundError."""
    content = path.read_bytes()
    if len(content) < _HEAD.size:
        raise DamagedSpeeds(f"{path} is cut off after {len(content)} bytes.")
    magic, length, crc = _HEAD.unpack_from(content)
    packed = content[_HEAD.size :]
    if magic != MAGIC:
        raise DamagedSpeeds(f"{path} does not begin with {MAGIC.decode()}: it is no file of learned speeds of this version.")
    if len(packed) != length or zlib.crc32(packed) != crc:
        raise DamagedSpeeds(f"{path} does not hold what was written: {len(packed)} of {length} bytes, or a wrong checksum.")
    payload = msgspec.msgpack.decode(zstandard.decompress(packed))
    if payload["identity"] != identity:
        raise DamagedSpeeds(f"{path} was renamed: it belongs to build {payload['identity']}.")
    columns = {name: np.frombuffer(payload[name], kind).astype(_native(kind)) for name, kind in _COLUMNS.items()}
    lateness: NDArray[np.float32] = np.frombuffer(payload["lateness"], "<f4").astype(np.float32)
    return SpeedState(**columns, lateness=lateness, total=payload["total"], aged_at=payload["aged_at"])


def _native(kind: str) -> Any:
    return np.int64 if kind == "<i8" else np.float32
