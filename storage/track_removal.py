"""Removing track slices whose time is over, but for what a hold covers. On record in the ledger before a file goes. For threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geodata.tracks.passages import crossing, metres_off
from storage.track_files import DamagedSlice, unpack
from storage.track_ledger import REMOVED, Entry, TrackLedger
from storage.track_slices import SLICE_S, slice_files, slice_name

# A passage may begin with a slice that is over and end with one that is not: these many seconds of later ones are looked at too.
BEYOND_S = 3600

Circle = tuple[float, float, float]  # lon, lat, radius in metres


@dataclass(frozen=True)
class Held:
    """What a hold covers of what was heard in a span (Unix s): all of it, or what tells who was within a circle."""

    from_s: float
    to_s: float
    circle: Circle | None = None


@dataclass(frozen=True)
class Removal:
    """What one run did."""

    removed: int = 0
    removed_bytes: int = 0
    held: int = 0  # slices that are over and were kept


def remove_before(
    folder: Path, ledger: TrackLedger, before_s: float, held: Sequence[Held], at: datetime, why: str, sha256: Callable[[Path], str]
) -> Removal:
    """Remove closed slices that end by `before_s`. A slice that can't be read is kept while a hold with a circle covers its time."""
    closed = [(start_s, path) for start_s, path in slice_files(folder) if path.suffix == ".track" and start_s < before_s + BEYOND_S]
    kept = _kept(closed, held)
    over = [(start_s, path) for start_s, path in closed if start_s + SLICE_S <= before_s]
    due = [(start_s, path) for start_s, path in over if start_s not in kept]
    noted = {name for name, entry in ledger.newest().items() if entry.kind == REMOVED}  # and not gone: a crash came between
    removed_bytes = 0
    for day, of_day in groupby(due, key=lambda one: one[1].parent):
        slices = list(of_day)
        sizes = [path.stat().st_size for _, path in slices]
        removed_bytes += sum(sizes)
        ledger.append(
            [
                Entry(REMOVED, slice_name(start_s), sha256(path), size, at, why)
                for (start_s, path), size in zip(slices, sizes, strict=True)
                if slice_name(start_s) not in noted
            ]
        )
        for _, path in slices:
            path.unlink()
        if not any(day.iterdir()):
            day.rmdir()
    return Removal(len(due), removed_bytes, len(over) - len(due))


def _kept(closed: Sequence[tuple[int, Path]], held: Sequence[Held]) -> set[int]:
    """When the slices begin that a hold covers, Unix s; with those before them in which a passage began."""
    covered = [(start_s, path, [hold for hold in held if _overlaps(hold, start_s)]) for start_s, path in closed]
    kept = {start_s for start_s, _, holds in covered if any(hold.circle is None for hold in holds)}
    for start_s, path, holds in covered:
        circles = {hold.circle for hold in holds if hold.circle is not None}
        if circles and not kept.issuperset((start_s, start_s - SLICE_S)):
            kept |= _passed(start_s, path, circles)
    return kept


def _overlaps(hold: Held, start_s: int) -> bool:
    return hold.from_s < start_s + SLICE_S and hold.to_s >= start_s


def _passed(start_s: int, path: Path, circles: set[Circle]) -> set[int]:
    """The slice, where anybody was within one of the circles, and those in which the fix was heard from which a passage goes on."""
    try:
        fixes = unpack(path.read_bytes()).fixes
    except DamagedSlice:
        return {start_s}
    fixes = fixes[np.lexsort((fixes["position_ms"], fixes["unit"]))]
    lon, lat, at = fixes["lon"] / 1e6, fixes["lat"] / 1e6, fixes["position_ms"] / 1e3
    of_one = fixes["unit"][1:] == fixes["unit"][:-1]
    heard_in: NDArray[np.int64] = fixes["received_ds"] // (SLICE_S * 10) * SLICE_S
    kept: set[int] = set()
    for to_lon, to_lat, radius_m in circles:
        x, y = metres_off(lon, lat, to_lon, to_lat)
        crosses = crossing(at, x, y, radius_m) & of_one
        if crosses.any() or (np.hypot(x, y) <= radius_m).any():
            kept.add(start_s)
            kept.update(heard_in[:-1][crosses].tolist(), heard_in[1:][crosses].tolist())
    return kept
