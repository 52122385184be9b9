"""Reading tracks back: the state of all units at an instant, one unit's path, everything between two instants.

Synchronous, for threads. What `TrackWriter` has not yet written (up to a second) is not seen.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.track_files import FIX, UNKNOWN, DamagedSlice, Slice, read_open, unpack
from storage.track_paths import UnitReader
from storage.track_slices import SLICE_S, slice_files, slice_files_of, slice_name, slice_starts
from storage.track_verify import TrackReport, verify
from storage.track_writer import newest_by_unit

# After an outage the last slice before it still tells where units were, this long.
LOOK_BACK_S = 24 * 3600
# Unpacked slices kept: a reviewer who drags the time bar stays within a few.
KEPT_SLICES = 12


@dataclass(frozen=True)
class TrackState:
    """Fixes of units, equally long arrays; in a state each unit occurs once."""

    unit_ids: list[str]
    lon: NDArray[np.float64]  # degrees WGS-84
    lat: NDArray[np.float64]
    heading_deg: NDArray[np.float32]  # NaN unknown
    speed_mps: NDArray[np.float32]  # NaN unknown
    position_at: NDArray[np.float64]  # Unix s, true at the unit
    received_at: NDArray[np.float64]  # Unix s, when it was heard, rounded up to tenths
    status: NDArray[np.uint8]
    flags: NDArray[np.uint8]

    @classmethod
    def nothing(cls) -> TrackState:
        """Of no unit."""
        return _state(Slice(0, [], np.zeros(0, FIX)), np.zeros(0, FIX))

    def __len__(self) -> int:
        return len(self.unit_ids)

    def silent(self, at: float, after_s: float) -> list[str]:
        """Units not heard for longer than `after_s` at the instant `at`."""
        return [self.unit_ids[index] for index in np.flatnonzero(at - self.received_at > after_s)]


@dataclass(frozen=True)
class Heard:
    """What was written in one slice, in that order."""

    unit_ids: list[str]  # by the index that the fixes name
    fixes: NDArray[Any]  # [n] FIX, by `received_ds`
    heard_ds: NDArray[np.int64]  # [n] tenths of a second: when the unit itself had last been heard by then

    def between(self, after: float, until: float) -> TrackState:
        """Of each unit of which something was written after one instant and by another (Unix s), the newest fix of these.

        `received_at` is when the unit was last heard: not when the journal changed its status.
        """
        first, last = np.searchsorted(self.fixes["received_ds"], [int(after * 10), int(until * 10)], side="right")
        fixes = self.fixes[first:last]
        units, chosen = newest_by_unit(fixes)
        heard_ds = np.zeros(len(self.unit_ids), np.int64)
        np.maximum.at(heard_ds, fixes["unit"], self.heard_ds[first:last])
        state = _state(Slice(0, self.unit_ids, fixes), fixes[chosen])
        return replace(state, received_at=heard_ds[units] / 10.0)


# Keys of (unit, milliseconds) in one number; 2^44 ms reach the year 2527.
_UNIT_KEY = 1 << 44


class _Indexed:
    """A slice made ready for many questions: each costs one search per unit instead of a walk over all fixes."""

    def __init__(self, piece: Slice) -> None:
        self.piece = piece

    @cached_property
    def _received_keys(self) -> NDArray[np.int64]:
        fixes = self.piece.fixes
        return np.maximum.accumulate(fixes["unit"].astype(np.int64) * _UNIT_KEY + fixes["received_ds"])

    @cached_property
    def _newest(self) -> NDArray[np.int64]:
        """[n] for each fix, where the newest of its unit's fixes up to it stands."""
        fixes = self.piece.fixes
        keys = fixes["unit"].astype(np.int64) * _UNIT_KEY + fixes["position_ms"]
        return np.maximum.accumulate(np.where(keys == np.maximum.accumulate(keys), np.arange(len(keys)), 0))

    @cached_property
    def heard_ds(self) -> NDArray[np.int64]:
        """[n] for each fix, tenths of a second: when its unit had last been heard by then.

        A row with the place, motion and instant of the unit's newest before it notes another status or flag, and was not heard.
        """
        fixes, before = self.piece.fixes, np.concatenate(([0], self._newest[:-1])) if len(self.piece.fixes) else self._newest
        is_noted = fixes["unit"] == fixes["unit"][before]
        is_noted[:1] = False
        for name in ("position_ms", "lon", "lat", "heading", "speed"):
            is_noted &= fixes[name] == fixes[name][before]
        keys = fixes["unit"].astype(np.int64) * _UNIT_KEY + np.where(is_noted, 0, fixes["received_ds"])
        return np.maximum.accumulate(keys) % _UNIT_KEY

    def known_at(self, at: float) -> NDArray[np.int64]:
        """Where the last row of each unit stands that was written by `at`."""
        units = np.arange(len(self.piece.unit_ids), dtype=np.int64)
        heard = np.searchsorted(self._received_keys, units * _UNIT_KEY + int(at * 10), side="right")
        some = heard > np.searchsorted(self._received_keys, units * _UNIT_KEY)
        return heard[some] - 1

    def state_at(self, at: float) -> NDArray[Any]:
        """Newest fix of each unit heard by `at`."""
        return self.piece.fixes[self._newest[self.known_at(at)]]


class TrackReader:
    """The reading side of one folder. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._kept: OrderedDict[int, _Indexed] = OrderedDict()  # closed slices, by start
        self._lock = threading.Lock()

    def state_at(self, at: float) -> TrackState:
        """Newest fix of every unit as it was known at `at` (Unix s). Raises DamagedSlice."""
        indexed = self._slice_before(at)
        if indexed is None:
            return TrackState.nothing()
        return _state(indexed.piece, indexed.state_at(at))

    def known_at(self, at: float) -> TrackState:
        """As `state_at`, with `received_at` when each unit had last been heard: what the table of positions showed. Raises DamagedSlice."""
        indexed = self._slice_before(at)
        if indexed is None:
            return TrackState.nothing()
        state = _state(indexed.piece, indexed.state_at(at))
        return replace(state, received_at=indexed.heard_ds[indexed.known_at(at)] / 10.0)

    def heard_in(self, start_s: int) -> Heard | None:
        """What was heard in the slice that begins at `start_s` (Unix s); None where there is none. Raises DamagedSlice."""
        indexed = self._slice(start_s)
        if indexed is None:
            return None
        fixes = indexed.piece.fixes
        own = np.flatnonzero(fixes["received_ds"] >= start_s * 10)  # without what it carries over from the one before
        order = own[np.argsort(fixes["received_ds"][own], kind="stable")]
        return Heard(indexed.piece.unit_ids, fixes[order], indexed.heard_ds[order])

    def paths(self, unit_ids: Collection[str], from_at: float, until: float) -> dict[str, TrackState]:
        """What was heard of each of these units from one instant until another (Unix s), in the order measured."""
        parts: dict[str, list[NDArray[Any]]] = {}
        for start_s in range(int(from_at) // SLICE_S * SLICE_S, int(until) + 1, SLICE_S):
            indexed = self._slice(start_s)
            if indexed is None:
                continue
            fixes, starts = indexed.piece.fixes, indexed.piece.starts
            for number, unit_id in enumerate(indexed.piece.unit_ids):
                if unit_id in unit_ids:
                    own = fixes[starts[number] : starts[number + 1]]
                    first = max(start_s * 10, int(from_at * 10))
                    parts.setdefault(unit_id, []).append(own[(own["received_ds"] >= first) & (own["received_ds"] <= int(until * 10))])
        found = {}
        for unit_id, pieces in parts.items():
            fixes = np.concatenate(pieces)
            fixes = fixes[np.argsort(fixes["position_ms"], kind="stable")]
            fixes["unit"] = 0
            found[unit_id] = _state(Slice(0, [unit_id], fixes), fixes)
        return found

    def units_near(self, from_at: float, until: float, box: tuple[float, float, float, float]) -> set[str]:
        """Units of which something inside of a box (west, south, east, north, degrees) was heard between two instants (Unix s)."""
        west, south, east, north = (round(side * 1e6) for side in box)
        found: set[str] = set()
        for piece, fixes in self._heard_between(from_at, until):
            lon, lat = fixes["lon"], fixes["lat"]
            inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
            found.update(piece.unit_ids[number] for number in np.unique(fixes["unit"][inside]))
        return found

    def first_at(self) -> int | None:
        """When the oldest slice begins, Unix s; None where nothing is kept."""
        for folder in sorted(self.folder.glob("[0-9]*")):
            for start_s, _ in slice_files_of(folder):
                return start_s
        return None

    def heard_spans(self, from_at: float, until: float) -> list[tuple[float, float]]:
        """From when until when slices that follow each other were written, between two instants and in order (Unix s).

        Exact where one begins and ends; a silence within a slice, or from one to the next, is not told.
        """
        runs: list[list[int]] = []
        for start_s in slice_starts(self.folder, from_at, until):
            if runs and start_s - runs[-1][-1] <= SLICE_S:
                runs[-1].append(start_s)
            else:
                runs.append([start_s])
        return [(self._written_in(run[0])[0], self._written_in(run[-1])[1]) for run in runs]

    def _written_in(self, start_s: int) -> tuple[float, float]:
        """First and last instant of what a slice holds; all of its time where it is damaged: something was recorded then."""
        heard = None
        with contextlib.suppress(DamagedSlice):  # named by who looks into it, and by `verify`
            heard = self.heard_in(start_s)
        if heard is None or not len(heard.fixes):
            return start_s, start_s + SLICE_S
        return heard.fixes["received_ds"][0] / 10.0, heard.fixes["received_ds"][-1] / 10.0

    def forget(self) -> None:
        """Drop what is kept in memory: files have been removed."""
        with self._lock:
            self._kept.clear()

    def latest(self) -> Slice | None:
        """The newest slice that can be read, for a start; `verify` names damaged ones."""
        for start_s, path in reversed(list(slice_files(self.folder))):
            with contextlib.suppress(DamagedSlice):
                return self._read(start_s, path).piece
        return None

    def last_known(self) -> TrackState:
        """Newest fix of every unit in the newest slice, for a start."""
        piece = self.latest()
        return TrackState.nothing() if piece is None else _state(piece, piece.fixes[newest_by_unit(piece.fixes)[1]])

    def unit_path(self, unit_id: str, from_at: float, to_at: float, heard_until: float | None = None) -> TrackState:
        """One unit's fixes measured in [from_at, to_at), in the order of `position_at`; late ones heard until `heard_until` too."""
        reader = UnitReader(unit_id)
        for start_s in self._starts(from_at, to_at if heard_until is None else heard_until):
            try:
                reader.take(start_s, f"{self.folder}/{slice_name(start_s)}.track")
            except FileNotFoundError:  # still open, or there is none
                indexed = self._slice(start_s)
                if indexed is not None:
                    reader.take_whole(start_s, indexed.piece.unit_ids, indexed.piece.fixes)
        fixes = reader.fixes()
        milliseconds = fixes["position_ms"]
        asked = np.flatnonzero((milliseconds >= from_at * 1e3) & (milliseconds < to_at * 1e3))
        fixes = fixes.take(asked[np.argsort(milliseconds[asked], kind="stable")])
        fixes["unit"] = 0
        return _state(Slice(0, [unit_id], fixes), fixes)

    def replay(self, from_at: float, to_at: float, step_s: float = 1.0) -> Iterator[tuple[float, TrackState]]:
        """Fixes heard in (from_at, to_at], step by step: the end of the step and what was heard in it, in the order heard."""
        for piece, fixes in self._heard_between(from_at, to_at):
            received = fixes["received_ds"] / 10.0
            fixes = fixes[(received > from_at) & (received <= to_at)]
            steps = np.ceil((fixes["received_ds"] / 10.0 - from_at) / step_s).astype(np.int64)
            for step in np.unique(steps):
                chosen = fixes[steps == step]
                yield from_at + float(step) * step_s, _state(piece, chosen[np.argsort(chosen["received_ds"], kind="stable")])

    def verify(self) -> TrackReport:
        """Read everything and say what is damaged or missing."""
        return verify(self.folder)

    def _heard_between(self, from_at: float, to_at: float) -> Iterator[tuple[Slice, NDArray[Any]]]:
        """Slices that may hold what was heard between, without what each carries over from the one before."""
        for start_s in self._starts(from_at, to_at):
            indexed = self._slice(start_s)
            if indexed is not None:
                fixes = indexed.piece.fixes
                yield indexed.piece, fixes[fixes["received_ds"] >= start_s * 10]

    def _starts(self, from_at: float, to_at: float) -> range:
        """When slices that may hold what was heard between begin, Unix s."""
        begins = int(from_at) // SLICE_S * SLICE_S - SLICE_S
        # Looking for the oldest one lists its day: worth it only where there may be many that are not there.
        if to_at - from_at > LOOK_BACK_S * 2:
            first = self.first_at()
            if first is None:
                return range(0)
            begins = max(first, begins)
        return range(begins, int(to_at) + 1, SLICE_S)

    def _slice_before(self, at: float) -> _Indexed | None:
        """The slice of the instant, or the newest one before it within the look-back."""
        slot = int(at) // SLICE_S * SLICE_S
        for start_s in range(slot, max(slot - LOOK_BACK_S, 0) - 1, -SLICE_S):
            indexed = self._slice(start_s)
            if indexed is not None:
                return indexed
        return None

    def _slice(self, start_s: int) -> _Indexed | None:
        stem = self.folder / slice_name(start_s)
        for suffix in (".open", ".track"):
            try:
                return self._read(start_s, stem.with_suffix(suffix))
            except FileNotFoundError:  # also when it was closed just now: the other form is there
                continue
        return None

    def _read(self, start_s: int, path: Path) -> _Indexed:
        """A slice in either form. Raises DamagedSlice, FileNotFoundError."""
        if path.suffix == ".open":
            return _Indexed(read_open(path.read_bytes(), start_s)[0])
        with self._lock:
            kept = self._kept.get(start_s)
            if kept is not None:
                self._kept.move_to_end(start_s)
                return kept
        try:
            indexed = _Indexed(unpack(path.read_bytes()))
        except DamagedSlice as error:
            raise DamagedSlice(f"{path}: {error}") from None
        with self._lock:
            self._kept[start_s] = indexed
            while len(self._kept) > KEPT_SLICES:
                self._kept.popitem(last=False)
        return indexed


def _state(piece: Slice, fixes: NDArray[Any]) -> TrackState:
    """The columns of `fixes` in units of the program."""
    heading = fixes["heading"].astype(np.float32) * 2
    heading[fixes["heading"] == UNKNOWN] = np.nan
    speed = fixes["speed"].astype(np.float32) / np.float32(3.6)
    speed[fixes["speed"] == UNKNOWN] = np.nan
    return TrackState(
        unit_ids=piece.unit_ids * len(fixes) if len(piece.unit_ids) == 1 else [piece.unit_ids[number] for number in fixes["unit"].tolist()],
        lon=fixes["lon"] / 1e6,
        lat=fixes["lat"] / 1e6,
        heading_deg=heading,
        speed_mps=speed,
        position_at=fixes["position_ms"] / 1e3,
        received_at=fixes["received_ds"] / 10.0,
        status=fixes["status"].copy(),
        flags=fixes["flags"].copy(),
    )
