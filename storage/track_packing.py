"""Closing slices of tracks: packed beside the open form, synced, noted in the ledger, renamed, the open form removed. For threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from storage.evidence import sync_folder
from storage.track_files import pack, read_open
from storage.track_ledger import CLOSED, FOUND, Entry, TrackLedger, ledger_entry
from storage.track_slices import SLICE_S, slice_files, slice_name, slice_start_s


class TrackPacking:
    """One per folder. What the disk refuses is said in `failure` and tried again with the next call."""

    def __init__(self, folder: Path, ledger: TrackLedger) -> None:
        self.failure = ""  # of the last call, empty when all was closed
        self.torn_bytes = 0  # left out at the ends of open slices
        self._folder, self._ledger = folder, ledger
        self._noted: dict[str, Entry] = {}  # in the ledger, and not yet closed: the disk refused after it

    def close_before(self, before_s: int) -> None:
        """Close every open slice that begins before `before_s` (Unix s)."""
        failure = ""
        for start_s, path in slice_files(self._folder):
            if start_s < before_s and path.suffix == ".open":
                try:
                    self._close(start_s, path)
                except OSError as error:
                    failure = f"tracks of {slice_name(start_s)} can't be closed: {error}"
        self.failure = failure

    def _close(self, start_s: int, path: Path) -> None:
        piece, _ = read_open(path.read_bytes(), start_s)
        temporary, content = path.with_suffix(".part"), pack(piece)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self._note(slice_name(start_s), content)
        temporary.rename(path.with_suffix(".track"))
        sync_folder(path.parent)
        path.unlink()
        self._noted.pop(slice_name(start_s), None)
        self.torn_bytes += piece.torn_bytes

    def _note(self, name: str, content: bytes) -> None:
        """Into the ledger, before the slice is closed: one that is there and not in it would be nobody's."""
        entry = ledger_entry(CLOSED, name, content)
        if self._noted.get(name) == entry:
            return
        there = [] if self._ledger.exists else [one for one in slice_files(self._folder) if one[1].suffix == ".track"]
        found = [ledger_entry(FOUND, slice_name(start_s), path.read_bytes()) for start_s, path in there]
        self._ledger.append([*found, entry])
        self._noted[name] = entry


def written_until_ds(folder: Path, ledger: TrackLedger) -> int:
    """Up to when earlier runs had written, tenths of a second of Unix time: nothing is received before it any more. 0: nothing was.

    A slice that is closed, damaged or removed is over as a whole, whatever the clock says now.
    """
    closed = list(_closed(ledger))
    latest_ds = 0
    for start_s, path in slice_files(folder):
        if path.suffix == ".track":
            closed.append(start_s)
        else:
            received_ds = read_open(path.read_bytes(), start_s)[0].fixes["received_ds"]
            latest_ds = max(latest_ds, start_s * 10, int(received_ds.max(initial=0)))
    return max([latest_ds, *((start_s + SLICE_S) * 10 for start_s in closed)])


def _closed(ledger: TrackLedger) -> Iterator[int]:
    for line in ledger.read():
        if line.entry is not None and not line.wrong:  # one that was meddled with is named by `verify`
            yield slice_start_s(line.entry.slice)
