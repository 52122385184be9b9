"""Tracks: every accepted fix, in five-minute slices by time of reception, written once a second, readable at any instant.

`append` copies into memory on the event loop and nothing else. A thread writes and syncs (`run`), another closes slices
into their packed form. A crash loses at most the last second; a torn record is cut and counted at the next start.
Each slice begins with what was known of every unit, so that the state at any instant is in one file.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.evidence import sync_folder
from storage.track_files import FASTEST_KMH, FIX, OPEN_MAGIC, UNKNOWN, Slice, read_open, record_of_fixes, record_of_units
from storage.track_ledger import TrackLedger
from storage.track_packing import TrackPacking, written_until_ds
from storage.track_slices import SLICE_S, slice_name

FLUSH_EVERY_S = 1.0
# What may wait in memory while the disk refuses (some 5 minutes of 5,000 units at 1 Hz); more is dropped and counted.
MAX_WAITING = 1_500_000
# Fixes that are kept as received so much later than the clock said: it was set back, or had been ahead.
MOST_AHEAD_S = 60.0

_RAW = np.dtype(
    [
        ("unit", "<i8"),
        ("position_at", "<f8"),
        ("received_at", "<f8"),
        ("lon", "<f8"),
        ("lat", "<f8"),
        ("heading_deg", "<f4"),
        ("speed_mps", "<f4"),
        ("status", "u1"),
        ("flags", "u1"),
    ]
)


class _Buffer:
    """Grows by doubling; filled on the event loop."""

    def __init__(self, capacity: int = 4096) -> None:
        self.rows = np.empty(capacity, _RAW)
        self.count = 0

    def room(self, n: int) -> NDArray[Any]:
        """The next `n` rows, to be written to."""
        if self.count + n > len(self.rows):
            grown = np.empty(max(2 * len(self.rows), self.count + n), _RAW)
            grown[: self.count] = self.rows[: self.count]
            self.rows = grown
        self.count += n
        return self.rows[self.count - n : self.count]


class TrackWriter:
    """The writing side. One per folder; `append` on the event loop, everything else in one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = TrackLedger(folder)
        self.fixes = 0  # written and synced since the start
        self.dropped = 0  # lost because the disk refused for too long
        self.failure = ""  # of the last write, empty when it succeeded
        self._packing = TrackPacking(folder, self.ledger)
        self._cut_bytes = 0  # torn, at the end of a slice that is gone on with
        self._no_room = 0  # fixes that were not even taken, because nothing is written any more
        self._ahead_s = 0.0  # how much later than the clock said the newest fix is kept as received
        self._buffer = _Buffer()
        self._table_ids: Sequence[str] = ()  # of the position table the indices refer to
        self._waiting: list[NDArray[Any]] = []  # taken from the buffer, not yet on disk
        self._carried: dict[str, NDArray[Any]] = {}  # newest known fix of units from before the start, by unit id
        self._last = np.zeros(0, FIX)  # newest fix by table index; position_ms 0 until the first
        self._received_ds = 0  # of the newest fix written, tenths of a second
        self._slice_start_s = 0
        self._slice_index: NDArray[np.int64] = np.zeros(0, np.int64)  # by table index: index in the open slice, -1 not in it yet
        self._slice_units: dict[str, int] = {}  # the same by unit id
        self._file: Any = None
        self._writing = threading.Lock()  # a write at shutdown may meet one that is under way

    def append(
        self,
        unit_ids: Sequence[str],
        indices: NDArray[np.int64],
        position_at: NDArray[np.float64],
        received_at: NDArray[np.float64] | float,
        lon: NDArray[np.float64],
        lat: NDArray[np.float64],
        heading_deg: NDArray[Any],
        speed_mps: NDArray[Any],
        status: NDArray[np.uint8],
        flags: NDArray[np.uint8],
    ) -> None:
        """Keep fixes (equally long arrays, Unix s, degrees, m/s, NaN unknown). `unit_ids` names the indices and only ever grows."""
        self._table_ids = unit_ids
        if self._buffer.count + len(indices) > MAX_WAITING:
            self._no_room += len(indices)
            return
        rows = self._buffer.room(len(indices))
        rows["unit"] = indices
        rows["position_at"] = position_at
        rows["received_at"] = received_at
        rows["lon"] = lon
        rows["lat"] = lat
        rows["heading_deg"] = heading_deg
        rows["speed_mps"] = speed_mps
        rows["status"] = status
        rows["flags"] = flags

    async def run(self) -> None:
        """Write each second and close finished slices, until cancelled; `finish` afterwards."""
        packing: asyncio.Task[None] | None = None
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            self.take()
            await asyncio.to_thread(self.write)
            if packing is None or packing.done():
                if packing is not None:
                    packing.result()
                packing = asyncio.create_task(asyncio.to_thread(self.pack_finished))

    def finish(self) -> None:
        """Write what was taken and close the file."""
        self.write()
        self.close()

    def take(self) -> None:
        """Hand the buffer over to the next `write`. On the event loop: two assignments."""
        if self._buffer.count:
            self._waiting.append(self._buffer.rows[: self._buffer.count])
            self._buffer = _Buffer(len(self._buffer.rows))

    def write(self) -> None:
        """Bring what was taken to disk. A refusing disk is recorded in `failure`, and the same is tried again next time."""
        with self._writing:
            try:
                while self._waiting:
                    self._write_first()
                    del self._waiting[0]
                if self._file is not None:
                    os.fdatasync(self._file.fileno())
                self.failure = ""
            except OSError as error:
                self.failure = f"tracks can't be written to {self.folder}: {error}"
                self._forget_open_slice()
                while sum(map(len, self._waiting)) > MAX_WAITING:
                    self.dropped += len(self._waiting.pop(0))

    def state(self) -> dict[str, Any]:
        """Counters for the health page."""
        failure = self.failure or self._packing.failure or self._clock_failure()
        return {
            "state": "failing" if failure else "ok",
            "fixes": self.fixes,
            "waiting": self._buffer.count + sum(map(len, self._waiting)),
            "dropped": self.dropped + self._no_room,
            "torn_bytes": self.torn_bytes,
            "failure": failure,
        }

    @property
    def torn_bytes(self) -> int:
        """Left out at the ends of slices since the start."""
        return self._cut_bytes + self._packing.torn_bytes

    def close(self) -> None:
        self._forget_open_slice()

    def carry(self, piece: Slice | None) -> None:
        """Go on from earlier runs: from when they had written, and with the last fixes of their newest slice that can be read.

        Blocks on the disk.
        """
        self._received_ds = written_until_ds(self.folder, self.ledger)
        if piece is None:
            return
        for number, chosen in zip(*newest_by_unit(piece.fixes), strict=True):
            self._carried[piece.unit_ids[number]] = piece.fixes[chosen]

    # In the thread ----------------------------------------------------------------------------------------------------

    def _write_first(self) -> None:
        """Convert the buffer that waits first and append it, changing slices where its times say so. What is written waits no more."""
        rows = self._waiting[0]
        fixes = quantised(rows)
        # A clock that was set back stands still here until it is where it was: slices are never opened again.
        heard_ds = fixes["received_ds"].copy()
        fixes["received_ds"] = np.maximum.accumulate(np.maximum(heard_ds, self._received_ds))
        slots = fixes["received_ds"] // (SLICE_S * 10) * SLICE_S
        for slot in np.unique(slots):
            if slot != self._slice_start_s or self._file is None:
                self._open(int(slot))
            of_slot = fixes[slots == slot]
            self._write_fixes(of_slot)
            self._received_ds = int(of_slot["received_ds"][-1])
            self.fixes += len(of_slot)
            self._waiting[0] = rows[slots > slot]
        self._ahead_s = float(fixes["received_ds"][-1] - heard_ds[-1]) / 10.0

    def _clock_failure(self) -> str:
        if self._ahead_s <= MOST_AHEAD_S:
            return ""
        return f"the clock is {self._ahead_s:.0f} s behind what was written before; fixes are kept as received at the later time"

    def _write_fixes(self, fixes: NDArray[Any]) -> None:
        """Append fixes whose `unit` is the table index."""
        self._reach(int(fixes["unit"].max()) + 1)
        units = np.unique(fixes["unit"])
        unannounced = units[self._slice_index[units] < 0]
        records = b""
        if len(unannounced):
            records = self._announce([self._table_ids[index] for index in unannounced.tolist()])
            self._slice_index[unannounced] = [self._slice_units[self._table_ids[index]] for index in unannounced.tolist()]
        numbers, chosen = newest_by_unit(fixes)
        for index in numbers[self._last["position_ms"][numbers] == 0].tolist():
            carried = self._carried.pop(self._table_ids[index], None)
            if carried is not None:
                self._last[index] = carried
        newer = fixes["position_ms"][chosen] >= self._last["position_ms"][numbers]
        self._last[numbers[newer]] = fixes[chosen[newer]]
        self._append(records + record_of_fixes(_renumbered(fixes, self._slice_index[fixes["unit"]])))

    def _announce(self, unit_ids: Sequence[str]) -> bytes:
        """Give units an index in the open slice."""
        new = [unit_id for unit_id in unit_ids if unit_id not in self._slice_units]
        for unit_id in new:
            self._slice_units[unit_id] = len(self._slice_units)
        return record_of_units(new) if new else b""

    def _open(self, start_s: int) -> None:
        """Go on in the slice that begins at `start_s`: the file of an earlier run, or a new one with what is known of every unit."""
        self._forget_open_slice()
        path = self.folder / f"{slice_name(start_s)}.open"
        if path.with_suffix(".track").exists() and not path.exists():
            raise FileExistsError(f"{path.with_suffix('.track')} is closed, and closed slices are not opened again")
        path.parent.mkdir(parents=True, exist_ok=True)
        known, length = read_open(path.read_bytes(), start_s) if path.exists() else (Slice(start_s, [], np.zeros(0, FIX)), 0)
        self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        self._cut_bytes += known.torn_bytes
        self._file.truncate(length)
        self._file.seek(length)
        self._slice_start_s = start_s
        self._slice_units = {unit_id: index for index, unit_id in enumerate(known.unit_ids)}
        self._slice_index = np.array([self._slice_units.get(unit_id, -1) for unit_id in self._table_ids], np.int64)
        self._append((b"" if length else OPEN_MAGIC) + (b"" if known.unit_ids else self._beginning()))
        sync_folder(path.parent)
        sync_folder(self.folder)

    def _beginning(self) -> bytes:
        """Records of the last fix of every unit: those of this run, and those carried from an earlier one."""
        self._reach(len(self._table_ids))
        heard = np.flatnonzero(self._last["position_ms"])
        ids = [self._table_ids[index] for index in heard.tolist()]
        ids += self._carried
        if not ids:
            return b""
        fixes = np.concatenate([self._last[heard], np.array(list(self._carried.values()), FIX).reshape(-1)])
        self._slice_index[heard] = np.arange(len(heard))
        return self._announce(ids) + record_of_fixes(_renumbered(fixes, np.arange(len(fixes))))

    def _append(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[self._file.write(left) :]

    def _forget_open_slice(self) -> None:
        """Close the file; what a failed write may have left behind is cut when it is opened again."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._slice_index[:] = -1

    def _reach(self, count: int) -> None:
        """Make room for table indices below `count`."""
        if count > len(self._last):
            missing = max(count, 2 * len(self._last)) - len(self._last)
            self._last = np.concatenate([self._last, np.zeros(missing, FIX)])
        if len(self._last) > len(self._slice_index):
            missing = len(self._last) - len(self._slice_index)
            self._slice_index = np.concatenate([self._slice_index, np.full(missing, -1, np.int64)])

    def pack_finished(self) -> None:
        """Close every open slice but the one being written."""
        self._packing.close_before(self._slice_start_s)


def quantised(rows: NDArray[Any]) -> NDArray[Any]:
    """Fixes in the steps they are kept in; `unit` stays the table index."""
    fixes = np.empty(len(rows), FIX)
    fixes["unit"] = rows["unit"]
    fixes["position_ms"] = np.rint(rows["position_at"] * 1e3)
    fixes["received_ds"] = np.ceil(np.round(rows["received_at"] * 10, 6))  # up: nothing is replayed before it was heard
    fixes["lon"] = np.rint(rows["lon"] * 1e6)
    fixes["lat"] = np.rint(rows["lat"] * 1e6)
    heading = np.rint(rows["heading_deg"] / 2) % 180
    fixes["heading"] = np.where(np.isnan(heading), UNKNOWN, heading)
    speed = np.rint(rows["speed_mps"] * 3.6)
    fixes["speed"] = np.where(np.isnan(speed), UNKNOWN, np.clip(speed, 0, FASTEST_KMH))
    fixes["status"] = rows["status"]
    fixes["flags"] = rows["flags"]
    return fixes


def newest_by_unit(fixes: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Units that occur and, for each, where its newest fix stands: newest by `position_ms`, of equal ones the last to arrive."""
    order = np.lexsort((np.arange(len(fixes)), fixes["position_ms"], fixes["unit"]))
    units = fixes["unit"][order]
    is_last = np.append(units[1:] != units[:-1], True) if len(units) else np.zeros(0, bool)
    return units[is_last].astype(np.int64), order[is_last]


def _renumbered(fixes: NDArray[Any], numbers: NDArray[np.int64]) -> NDArray[Any]:
    fixes = fixes.copy()
    fixes["unit"] = numbers
    return fixes
