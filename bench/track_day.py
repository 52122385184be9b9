"""A day of tracks for the benchmarks: crews of the demo city, driven at speed, one fix each three seconds, kept as the server keeps them.

Beside the slices the same fixes lie as rows in SQLite and as Parquet. Made once, under `var/bench/track-day`.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import harness
from dispatch.codes import load_codes
from feeds.simulator.behaviour import Crew
from feeds.simulator.town import Town
from geodata.building.demo_city import ensure_demo_city
from geodata.cities.city import open_city
from storage.track_files import FIX
from storage.track_reader import TrackReader
from storage.track_slices import SLICE_S
from storage.track_writer import TrackWriter

UNITS, EVERY_S = 700, 3
DAY_S = 86_400
BEGAN_S = 1_777_593_600  # 2026-05-01 00:00 UTC
NOISE_M, LAG_S = 5.0, 0.4
METRES_PER_DEGREE = 111_195.0
COLUMNS = "unit INTEGER NOT NULL, position_ms BIGINT NOT NULL, received_ds BIGINT NOT NULL, lon INTEGER NOT NULL, lat INTEGER NOT NULL"
COLUMNS += ", heading SMALLINT NOT NULL, speed SMALLINT NOT NULL, status SMALLINT NOT NULL, flags SMALLINT NOT NULL"


@dataclass(frozen=True)
class TrackDay:
    """Where it lies."""

    folder: Path
    seconds: int

    @property
    def tracks(self) -> Path:
        return self.folder / "tracks"

    @property
    def sqlite(self) -> Path:
        return self.folder / "fixes.sqlite"

    @property
    def rows(self) -> Path:
        """Every fix once as FIX records, by reception: what the peers are filled from."""
        return self.folder / "fixes.bin"

    @property
    def fixes(self) -> int:
        return self.rows.stat().st_size // FIX.itemsize

    def pieces(self) -> Iterator[NDArray[Any]]:
        """The rows, a slice's worth at a time."""
        rows = np.memmap(self.rows, FIX, "r")
        step = UNITS * SLICE_S // EVERY_S
        for first in range(0, len(rows), step):
            yield np.asarray(rows[first : first + step])


def prepare(seconds: int = DAY_S) -> TrackDay:
    """Make what is not there yet."""
    day = TrackDay(harness.WORK / f"track-day-{seconds}", seconds)
    if not day.sqlite.exists():
        shutil.rmtree(day.folder, ignore_errors=True)
        day.folder.mkdir(parents=True)
        harness.say(f"tracks: driving {UNITS} crews for {seconds / 3600:g} hours")
        _drive(day)
        harness.say(f"tracks: {day.fixes:,} fixes into SQLite")
        _fill_sqlite(day)
    return day


def _drive(day: TrackDay) -> None:
    """The demo's crews on patrol, places by its own movement, with a tracker's noise; written by the server's own writer."""
    city = open_city(ensure_demo_city(harness.ROOT / "var" / "city"))
    town = Town(city, load_codes(city.folder / "codes.toml"), crews=UNITS, calls_per_day=0, seed=7, now_s=BEGAN_S)
    ids, random = list(town.crews), np.random.default_rng(7)
    phase = np.sort(random.uniform(0.0, EVERY_S, len(ids)))  # trackers report each at its own moment
    steps = np.arange(0, day.seconds, EVERY_S, dtype=np.float64)
    driven = np.empty((4, len(steps), len(ids)), np.float64)  # lon, lat, heading, speed
    for number, crew in enumerate(town.crews.values()):
        driven[:, :, number] = _patrol(crew, BEGAN_S + steps + phase[number])
    writer, index, code = TrackWriter(day.tracks), np.arange(len(ids)), np.zeros(len(ids), np.uint8)
    for step, step_s in enumerate(steps.astype(int).tolist()):
        lon, lat, heading, speed = driven[:, step]
        # As the demo's: a receiver that stands averages its noise away.
        noise = random.normal(0.0, NOISE_M, (2, len(ids))) / METRES_PER_DEGREE * (speed > 0.2)
        at = BEGAN_S + step_s + phase
        received = np.minimum(at + random.uniform(0.1, LAG_S, len(ids)), BEGAN_S + (step_s // SLICE_S + 1) * SLICE_S - 0.1)
        writer.append(
            ids, index, np.round(at, 3), received, lon + noise[0] / np.cos(np.radians(lat)), lat + noise[1], heading, speed, code, code
        )
        if (step_s + EVERY_S) % 60 == 0:
            writer.take()
            writer.write()
        if (step_s + EVERY_S) % SLICE_S == 0:
            writer.pack_finished()
    writer.finish()
    _close(day, ids)


def _patrol(crew: Crew, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """[4, n] lon, lat, heading (degrees), speed (m/s) of a crew at these instants, leg by leg."""
    found = np.empty((4, len(at)))
    first = 0
    while first < len(at):
        crew.step(float(at[first]))
        leg = crew._leg
        until = max(int(np.searchsorted(at, max(leg.ends_s, crew._due_s))), first + 1)
        now = at[first:until]
        found[0, first:until] = np.interp(now, leg.at_s, leg.lon)
        found[1, first:until] = np.interp(now, leg.at_s, leg.lat)
        east = np.diff(leg.lon) * METRES_PER_DEGREE * np.cos(np.radians(leg.lat[0]))
        north, lasts = np.diff(leg.lat) * METRES_PER_DEGREE, np.maximum(np.diff(leg.at_s), 1e-6)
        speed = np.append(np.hypot(east, north) / lasts, 0.0)
        heading = np.degrees(np.arctan2(east, north)) % 360.0
        piece = np.clip(np.searchsorted(leg.at_s, now, side="right") - 1, 0, len(leg.at_s) - 1)
        found[2, first:until] = np.append(heading, heading[-1:] if len(heading) else 0.0)[piece]
        found[3, first:until] = speed[piece]
        first = until
    return found


def _close(day: TrackDay, ids: list[str]) -> None:
    """Close the last slice too, and write each fix once as a row, without what slices carry over."""
    last = TrackWriter(day.tracks)
    last._slice_start_s = BEGAN_S + day.seconds  # so that nothing counts as being written
    last.pack_finished()
    reader, beside = TrackReader(day.tracks), day.rows.with_suffix(".part")
    with beside.open("wb") as file:
        for start_s in range(BEGAN_S, BEGAN_S + day.seconds, SLICE_S):
            heard = reader.heard_in(start_s)
            if heard is None or list(heard.unit_ids) != ids:
                raise RuntimeError(f"the slice at {start_s} does not hold the day's crews in their order")
            file.write(heard.fixes.tobytes())
    beside.rename(day.rows)


def _fill_sqlite(day: TrackDay) -> None:
    """Rows and the index that both questions use. Written as a whole, without a journal: only reading is measured."""
    beside = day.sqlite.with_suffix(".part")
    beside.unlink(missing_ok=True)
    with closing(sqlite3.connect(beside)) as connection:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(f"CREATE TABLE fixes ({COLUMNS})")
        for piece in day.pieces():
            connection.executemany("INSERT INTO fixes VALUES (?,?,?,?,?,?,?,?,?)", piece.tolist())
        connection.execute("CREATE INDEX by_unit ON fixes (unit, received_ds)")
        connection.commit()
    beside.rename(day.sqlite)


def evict(folder: Path) -> None:
    """Drop a folder's files from the page cache, as far as a process can."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def warm(place: Path) -> None:
    """Read a file, or all of a folder's, into the page cache."""
    for path in [place] if place.is_file() else place.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 22):
                    pass


def resident_bytes(path: Path) -> int:
    """How much of a file is in the page cache, by mincore."""
    size = path.stat().st_size
    if not size:
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as pages:
        held = (ctypes.c_char * size).from_buffer(pages)
        vector = (ctypes.c_ubyte * (-(-size // mmap.PAGESIZE)))()
        libc.mincore(ctypes.c_void_p(ctypes.addressof(held)), ctypes.c_size_t(size), vector)
        del held
    return int((np.frombuffer(vector, np.uint8) & 1).sum()) * mmap.PAGESIZE
