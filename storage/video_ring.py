"""The ring of camera pictures on disk: what was recorded in the last minutes, until newer pictures need the room.

    <folder>/<writer>/<camera>/camera.json      whose pictures they are
    <folder>/<writer>/<camera>/<crc32>.init     what a player needs before them
    <folder>/<writer>/<camera>/<ms>.m4s         about ten seconds of fragments as they came, beginning with a key frame
    <folder>/<writer>/<camera>/<ms>.index       a record for each of them (`ENTRY`): when it was taken, where it lies

`<writer>` is one process, so that no two write the same file; readers look at all of them. Pictures go to the data before they go to the
index: what an index says that its data does not hold is left out. Nothing is synced: the ring is no evidence, a clip cut from it is.

Every function here blocks on the disk: call it from a thread.
"""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

TICKS_PER_S = 90_000
FILE_S = 10.0
LARGEST_FILE = 64 << 20  # bytes; a camera that sends no key frame for long begins another file all the same
# Unix µs, decoding time in ticks, place and size in the data, duration in ticks, CRC-32 of the init segment, flags.
ENTRY = struct.Struct(">QQIIIIB3x")
_KEY, _BY_CAMERA, _BEGINS = 1, 2, 4


class Picture(NamedTuple):
    """One fragment to be written."""

    data: bytes
    captured_at: float  # Unix s
    time: int  # ticks since its stream's beginning
    duration: int  # ticks
    is_key: bool
    by_camera: bool  # `captured_at` is by the camera's clock, else by when it came


class Entry(NamedTuple):
    """One fragment that is there."""

    path: Path
    offset: int
    size: int
    captured_at: float
    time: int
    duration: int
    init: int
    is_key: bool
    by_camera: bool
    begins: bool  # the first after the camera was connected to, or after its format changed


class _Camera(msgspec.Struct):
    camera_id: str


def folder_name(camera_id: str) -> str:
    """A camera's id may hold anything, a folder's name may not."""
    return hashlib.sha256(camera_id.encode()).hexdigest()[:24]


class RingLog:
    """What one process writes of one camera. Calls may come from several threads."""

    def __init__(self, folder: Path, camera_id: str) -> None:
        """`folder`: the writer's own."""
        self._folder = folder / folder_name(camera_id)
        self._camera_id = camera_id
        self._lock = threading.Lock()
        self._files: tuple[BinaryIO, BinaryIO] | None = None
        self._began_at, self._size = 0.0, 0
        self._init, self._init_data, self._begins = 0, b"", True
        self.bytes_written = 0

    def append(self, items: Iterable[bytes | Picture]) -> None:
        """Init segments (bytes) and pictures in the order they came. Raises OSError; what could not be written is left out."""
        with self._lock:
            try:
                for item in items:
                    if isinstance(item, bytes):
                        self._init, self._init_data, self._begins = zlib.crc32(item), item, True
                    elif self._init_data:
                        self._write(item)
                for file in self._files or ():
                    file.flush()
            except OSError:
                self._close()
                raise

    def close(self) -> None:
        with self._lock:
            self._close()

    def _write(self, picture: Picture) -> None:
        is_full = picture.captured_at - self._began_at >= FILE_S or self._size >= LARGEST_FILE
        if self._files is None or (picture.is_key and (is_full or self._begins)) or self._size >= LARGEST_FILE:
            if not picture.is_key and self._files is None:
                return  # nothing can be begun with it
            self._open(picture)
        assert self._files is not None
        data, index = self._files
        flags = _KEY * picture.is_key | _BY_CAMERA * picture.by_camera | _BEGINS * self._begins
        data.write(picture.data)
        index.write(
            ENTRY.pack(round(picture.captured_at * 1e6), picture.time, self._size, len(picture.data), picture.duration, self._init, flags)
        )
        self._size += len(picture.data)
        self.bytes_written += len(picture.data)
        self._begins = False

    def _open(self, picture: Picture) -> None:
        self._close()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._once("camera.json", msgspec.json.encode(_Camera(self._camera_id)))
        self._once(f"{self._init:08x}.init", self._init_data)
        name = f"{round(picture.captured_at * 1000):013d}"
        data = (self._folder / f"{name}.m4s").open("wb")
        try:
            index = (self._folder / f"{name}.index").open("wb")
        except OSError:
            data.close()
            raise
        self._files, self._began_at, self._size = (data, index), picture.captured_at, 0

    def _once(self, name: str, content: bytes) -> None:
        path = self._folder / name
        if not path.exists():
            making = path.with_suffix(".new")
            making.write_bytes(content)
            making.replace(path)

    def _close(self) -> None:
        files, self._files = self._files, None
        for file in files or ():
            with suppress(OSError):  # what could not be flushed is lost, and was told when it was written
                file.close()


@dataclass(frozen=True)
class Held:
    """What the ring holds altogether."""

    cameras: int
    bytes: int
    oldest_at: float | None  # Unix s


class VideoRing:
    """All of it, to be read and kept small."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def entries(self, camera_id: str, from_s: float, to_s: float) -> list[Entry]:
        """What there is of a camera in files that touch the span (Unix s), in the order it came; files begin with key frames."""
        touching: list[tuple[str, Path]] = []
        for folder in self.folder.glob(f"*/{folder_name(camera_id)}"):
            names = sorted(path.stem for path in folder.glob("*.index"))
            for place, name in enumerate(names):
                ends_s = int(names[place + 1]) / 1000 if place + 1 < len(names) else float("inf")
                if int(name) / 1000 <= to_s and ends_s >= from_s:
                    touching.append((name, folder))
        return [entry for name, folder in sorted(touching) for entry in _read(folder, name)]

    def init(self, entry: Entry) -> bytes:
        """The init segment of a fragment. Raises OSError."""
        return (entry.path.parent / f"{entry.init:08x}.init").read_bytes()

    def cameras(self) -> list[str]:
        """Ids of the cameras that it holds something of."""
        found = set()
        for path in self.folder.glob("*/*/camera.json"):
            with suppress(OSError, msgspec.MsgspecError):  # just being removed
                found.add(msgspec.json.decode(path.read_bytes(), type=_Camera).camera_id)
        return sorted(found)

    def trim(self, oldest_s: float, most_bytes: int) -> Held:
        """Remove what was begun before `oldest_s` (Unix s), then the oldest until `most_bytes` remain. A camera's newest file stays:
        it may be being written."""
        files: list[tuple[int, Path, int]] = []  # when it was begun, ms; its data; bytes
        for folder in [path for path in self.folder.glob("*/*") if path.is_dir()]:
            names = sorted(path for path in folder.glob("*.m4s"))
            files += [(int(path.stem), path, _size(path) + _size(path.with_suffix(".index"))) for path in names]
            if not names and folder.stat().st_mtime < oldest_s:
                _remove_folder(folder)
        newest = {path.parent: path for _, path, _ in sorted(files)}
        held, cameras = sum(size for _, _, size in files), {path.parent for _, path, _ in files}
        kept: list[int] = []
        for began_ms, path, size in sorted(files):
            is_old = began_ms / 1000 < oldest_s - FILE_S
            if (is_old or held > most_bytes) and (path != newest[path.parent] or began_ms / 1000 < oldest_s - 6 * FILE_S):
                path.unlink(missing_ok=True)
                path.with_suffix(".index").unlink(missing_ok=True)
                held -= size
            else:
                kept.append(began_ms)
        return Held(len(cameras), held, min(kept) / 1000 if kept else None)


def _read(folder: Path, name: str) -> Iterator[Entry]:
    path = folder / f"{name}.m4s"
    try:
        written, index = path.stat().st_size, path.with_suffix(".index").read_bytes()
    except FileNotFoundError:
        return  # removed meanwhile
    for place in range(0, len(index) - ENTRY.size + 1, ENTRY.size):
        taken_us, time, offset, size, duration, init, flags = ENTRY.unpack_from(index, place)
        if offset + size <= written:
            yield Entry(
                path,
                offset,
                size,
                taken_us / 1e6,
                time,
                duration,
                init,
                bool(flags & _KEY),
                bool(flags & _BY_CAMERA),
                bool(flags & _BEGINS),
            )


def data_of(entries: Sequence[Entry]) -> Iterator[bytes]:
    """Their bytes, in order. Raises OSError when a file was removed meanwhile."""
    file: BinaryIO | None = None
    path: Path | None = None
    try:
        for entry in entries:
            if file is None or entry.path != path:
                if file is not None:
                    file.close()
                path, file = entry.path, entry.path.open("rb")
            file.seek(entry.offset)
            yield file.read(entry.size)
    finally:
        if file is not None:
            file.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _remove_folder(folder: Path) -> None:
    """Of a camera of which nothing has been left for long."""
    with suppress(OSError):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
