"""Removing track slices whose time is over, but for what a hold covers. On record in the ledger before a file goes. For threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import numpy as np

from geodata.tracks.passages import metres_off
from storage.track_files import DamagedSlice, unpack
from storage.track_ledger import REMOVED, Entry, TrackLedger
from storage.track_slices import SLICE_S, slice_files, slice_name


@dataclass(frozen=True)
class Held:
    """What a hold covers: a span (Unix s), all of it or a circle."""

    from_s: float
    to_s: float
    circle: tuple[float, float, float] | None = None  # lon, lat, radius in metres


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
    over = [(start_s, path) for start_s, path in slice_files(folder) if path.suffix == ".track" and start_s + SLICE_S <= before_s]
    due = [(start_s, path) for start_s, path in over if not any(_covers(hold, start_s, path) for hold in held)]
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


def _covers(hold: Held, start_s: int, path: Path) -> bool:
    if hold.to_s < start_s or hold.from_s >= start_s + SLICE_S:
        return False
    if hold.circle is None:
        return True
    lon, lat, radius_m = hold.circle
    try:
        fixes = unpack(path.read_bytes()).fixes
    except DamagedSlice:
        return True
    east_m, north_m = metres_off(fixes["lon"] / 1e6, fixes["lat"] / 1e6, lon, lat)
    return bool((np.hypot(east_m, north_m) <= radius_m).any())
