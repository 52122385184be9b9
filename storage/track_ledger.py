"""The ledger of track slices: what was closed, with its SHA-256, and what was removed and why. Lines chained by hash, only ever appended.

    tracks/ledger   one line an entry: canonical JSON, a tab, and SHA-256 (hexadecimal) over the hash before and the JSON's bytes

A slice that is closed and neither there nor removed is lost; one that is there and not in the ledger is not ours. Blocks on the
disk: call it from a thread.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from storage.evidence import sync_folder

NAME = "ledger"
CLOSED, FOUND, REMOVED = "closed", "found", "removed"
SLICE = timedelta(minutes=5)
_TAIL_BYTES = 4096  # more than the longest line has


class Entry(msgspec.Struct, frozen=True):
    """One line. `slice` is day and time of day as in its path: `20260301/080500`."""

    kind: str  # closed | found (was there when the ledger was begun) | removed
    slice: str
    sha256: str
    bytes: int
    at: datetime
    why: str = ""  # of a removal


class Line(NamedTuple):
    """One line as it stands; `entry` is None where it can't be read, `wrong` is empty where it is what was written."""

    number: int
    raw: bytes
    hash: str
    entry: Entry | None
    wrong: str


def ledger_entry(kind: str, slice_: str, content: bytes) -> Entry:
    """Of a slice that is closed, noted with the instant its five minutes were over."""
    at = datetime.strptime(slice_, "%Y%m%d/%H%M%S").replace(tzinfo=UTC) + SLICE
    return Entry(kind, slice_, hashlib.sha256(content).hexdigest(), len(content), at)


class TrackLedger:
    """The ledger of one folder of tracks. Thread-safe within one process; one server writes it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._lock = threading.Lock()

    @property
    def exists(self) -> bool:
        return self._path.exists()

    def append(self, entries: Sequence[Entry]) -> None:
        """On disk when it returns. A torn last line, left by a crash, is cut first; the first lines are there all or none."""
        with self._lock:
            if not self._path.exists():
                self._path.parent.mkdir(parents=True, exist_ok=True)
                new = self._path.with_suffix(".part")
                with new.open("wb") as file:
                    _put(file, "", entries)
                new.rename(self._path)
                sync_folder(self._path.parent)
                return
            with self._path.open("r+b") as file:
                _put(file, self._cut(file), entries)

    def read(self) -> Iterator[Line]:
        """Every whole line; one torn by a crash is cut at the next entry."""
        if not self._path.exists():
            return
        previous = ""
        with self._path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n"):
                    return
                body, _, hash_ = raw[:-1].rpartition(b"\t")
                follows = chained(previous, body) == hash_.decode("ascii", "replace")
                wrong = "" if follows else "it has been changed, or the line before it is missing or moved"
                previous = hash_.decode("ascii", "replace")
                try:
                    yield Line(number, raw, previous, msgspec.json.decode(body, type=Entry), wrong)
                except msgspec.MsgspecError as error:
                    yield Line(number, raw, previous, None, wrong or f"it can't be read: {error}")

    def newest(self) -> dict[str, Entry]:
        """By slice what was noted of it last."""
        return {line.entry.slice: line.entry for line in self.read() if line.entry is not None}

    def last_hash(self) -> str:
        """Of the newest line; empty where there is none."""
        if not self._path.exists():
            return ""
        with self._path.open("rb") as file:
            return self._last(file)[0]

    def _cut(self, file: BinaryIO) -> str:
        """Leave the file at the end of its last whole line; that line's hash."""
        last, end = self._last(file)
        file.truncate(end)
        file.seek(end)
        return last

    @staticmethod
    def _last(file: BinaryIO) -> tuple[str, int]:
        """Hash of the last whole line, and where it ends; nothing and 0 where there is none."""
        begins = file.seek(0, os.SEEK_END)
        end = 0
        while begins and not end:
            until, begins = begins, max(0, begins - _TAIL_BYTES)
            file.seek(begins)
            newline = file.read(until - begins).rfind(b"\n")
            end = begins + newline + 1 if newline >= 0 else 0
        if not end:
            return "", 0
        file.seek(max(0, end - _TAIL_BYTES))
        line = file.read(end - file.tell())[:-1].rpartition(b"\n")[2]
        return line.rpartition(b"\t")[2].decode("ascii", "replace"), end


def _put(file: BinaryIO, last: str, entries: Sequence[Entry]) -> None:
    """Write lines that follow the one with the hash `last`, and sync."""
    for entry in entries:
        body = msgspec.json.encode(entry, order="sorted")
        last = chained(last, body)
        file.write(body + b"\t" + last.encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def chained(previous_hash: str, body: bytes) -> str:
    """SHA-256, hexadecimal, over the hash before and the line's own bytes."""
    return hashlib.sha256(previous_hash.encode() + body).hexdigest()
