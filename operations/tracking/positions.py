"""Newest position of every unit: parallel arrays by unit index, newest `position_at` wins.

Positions are no journal events. They are written on the event loop only, a batch at a time; threads may read and
copy what they need first, because a later write changes the arrays in place and growth replaces them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dispatch.model import UNIT_STATUSES, Unit, UnitKind, UnitStatus

UNIT_KINDS = tuple(UnitKind)
STATUS_INDEX = {status: index for index, status in enumerate(UNIT_STATUSES)}
KIND_INDEX = {kind: index for index, kind in enumerate(UNIT_KINDS)}

# Bits of `flags`, sent to clients as they are: append only.
SUSPICIOUS = 1  # a check doubts the newest fix (wrong datum suspected) without refusing it
TRACKERS_DISAGREE = 2  # two trackers of the unit were more than DISAGREEMENT_M apart
UNREGISTERED = 4  # made by a position of an unknown unit
PLAIN_CLOTHES = 8  # 便衣: seen by its own command and the city only
SIMULATED = 16  # moved by the demo feed

# A larger disagreement is shown. Trackers are compared only while both are this fresh, and the flag
# stays this long after the last disagreement, so that three trackers of which one is off do not make it flicker.
DISAGREEMENT_M = 300.0
DISAGREEMENT_KEPT_S = 60.0

# Half the live protocol's step of 1e-6 degrees: a smaller move cannot be shown.
_UNMOVED_DEG = 5e-7
# Speed a unit may have had between the fixes of two trackers; larger distances cannot come from the time between them.
_TOP_SPEED_MPS = 70.0

# Fixes of one unit in one batch that are compared with each other: a car and two phones, and one more.
ROUNDS = 4

NO_TRACKER = -1  # nobody has given the unit's position yet, or it is not known who

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


class TooManyUnits(Exception):
    """The table is full; the message names the bound."""


def distance_m(lon_a: Any, lat_a: Any, lon_b: Any, lat_b: Any) -> Any:
    """Rough distance in metres between points of one city (error below 0.5 %), for thresholds, not for ETAs. Scalars or arrays."""
    metres_per_degree = 111_195.0  # mean Earth radius 6,371,009 m
    east = (lon_b - lon_a) * np.cos(np.radians((lat_a + lat_b) * 0.5))
    return np.hypot(east, lat_b - lat_a) * metres_per_degree


class PositionTable:
    """Arrays of length `capacity`; only the first `count` entries mean something. A unit's index never changes."""

    def __init__(self, max_units: int = 100_000, capacity: int = 1024) -> None:
        self.max_units = max_units
        self.count = 0
        self.seq = 0  # number of writes so far; what changed_seq and heard_seq are compared with
        self.unit_ids: list[str] = []  # by index
        self._index: dict[str, int] = {}
        self.lon: Floats = np.empty(0)  # degrees; NaN until the first fix
        self.lat: Floats = np.empty(0)
        self.heading_deg: NDArray[np.float32] = np.empty(0, np.float32)  # NaN unknown
        self.speed_mps: NDArray[np.float32] = np.empty(0, np.float32)  # NaN unknown
        self.position_at: Floats = np.empty(0)  # Unix s, true at the unit; 0 until the first fix
        self.received_at: Floats = np.empty(0)  # Unix s, when anything was last heard; 0 until then
        self.status: NDArray[np.uint8] = np.empty(0, np.uint8)  # index in UNIT_STATUSES
        self.kind: NDArray[np.uint8] = np.empty(0, np.uint8)  # index in UNIT_KINDS
        self.flags: NDArray[np.uint8] = np.empty(0, np.uint8)
        self.changed_seq: NDArray[np.int64] = np.empty(0, np.int64)  # `seq` when place, motion, status or flags last changed
        self.heard_seq: NDArray[np.int64] = np.empty(0, np.int64)  # `seq` when it was last heard, changed or not
        self.tracker: NDArray[np.int64] = np.empty(0, np.int64)  # who gave the present position; -1 nobody yet
        self.disagreed_at: Floats = np.empty(0)  # Unix s, last time two trackers were too far apart; 0 never
        self._listeners: set[Callable[[], None]] = set()
        self._mark: Indices = np.empty(0, np.int64)  # scratch: finds units that occur twice in a batch
        self._grow(min(capacity, max_units))

    def index_of(self, unit_id: str) -> int | None:
        return self._index.get(unit_id)

    def ensure(self, unit_id: str, kind: UnitKind, status: UnitStatus) -> int:
        """Index of the unit, added when new. Raises TooManyUnits when a new one does not fit."""
        known = self._index.get(unit_id)
        if known is not None:
            return known
        index = self.count
        if index >= self.max_units:
            raise TooManyUnits(f"unit {unit_id!r} does not fit: {self.max_units} units are known already; raise the bound to admit more")
        if index >= len(self.lon):
            self._grow(min(2 * len(self.lon), self.max_units))
        self.kind[index] = KIND_INDEX[kind]
        self.status[index] = STATUS_INDEX[status]
        self.unit_ids.append(unit_id)
        self._index[unit_id] = index
        self.count = index + 1
        self._changed(index)
        return index

    def follow(self, unit: Unit) -> int:
        """Take kind, status and flags from the picture's unit; adds it when new. Raises TooManyUnits."""
        index = self.ensure(unit.unit_id, unit.kind, unit.status)
        kind = KIND_INDEX[unit.kind]
        status = STATUS_INDEX[unit.status]
        flags = int(self.flags[index]) & ~(UNREGISTERED | PLAIN_CLOTHES)
        flags |= (0 if unit.registered else UNREGISTERED) | (0 if unit.marked else PLAIN_CLOTHES)
        if (kind, status, flags) != (self.kind[index], self.status[index], self.flags[index]):
            self.kind[index], self.status[index], self.flags[index] = kind, status, flags
            self._changed(index)
        return index

    def set_status(self, index: int, status: UnitStatus) -> None:
        """`status` as of now; the same status again changes nothing."""
        code = STATUS_INDEX[status]
        if self.status[index] != code:
            self.status[index] = code
            self._changed(index)

    def set_flag(self, index: int, flag: int, on: bool) -> None:
        """Set or clear one bit of `flags`; no change when it is so already."""
        flags = (int(self.flags[index]) | flag) if on else (int(self.flags[index]) & ~flag)
        if flags != self.flags[index]:
            self.flags[index] = flags
            self._changed(index)

    def write(
        self,
        indices: Indices,
        lon: Floats,
        lat: Floats,
        position_at: Floats,
        received_at: Floats | float,
        heading_deg: NDArray[Any],
        speed_mps: NDArray[Any],
        tracker: NDArray[Any] | None = None,
        suspicious: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.bool_]:
        """Write a batch of fixes, equally long arrays; a unit may occur more than once.

        Degrees, m/s, Unix s; NaN heading or speed is unknown. `tracker` numbers who measured (None: one per unit).
        True for each fix that is now its unit's position: the newest by `position_at`; of two trackers' fixes of one instant
        the one heard last, as in the tracks. The others, repeats and late fixes, freshen `received_at` only. A newer fix of
        an unmoved unit moves `position_at`, but is no change.
        """
        n = len(indices)
        if n == 0:
            return np.zeros(0, dtype=bool)
        self._advance()
        places = np.arange(n)
        tracker = np.zeros(n, np.int64) if tracker is None else tracker
        self._mark[indices] = places
        if not (self._mark[indices] == places).all():
            return self._write_repeated(indices, lon, lat, position_at, received_at, heading_deg, speed_mps, tracker, suspicious)
        self._note_disagreement(indices, lon, lat, position_at, tracker)
        self.received_at[indices] = np.maximum(self.received_at[indices], received_at)
        self.heard_seq[indices] = self.seq
        before = self.position_at[indices]
        newest = (position_at > before) | ((position_at == before) & (tracker != self.tracker[indices]))
        if not newest.all():
            indices, lon, lat, position_at = indices[newest], lon[newest], lat[newest], position_at[newest]
            heading_deg, speed_mps, tracker = heading_deg[newest], speed_mps[newest], tracker[newest]
            suspicious = None if suspicious is None else suspicious[newest]
        self._place(indices, lon, lat, position_at, heading_deg, speed_mps, tracker, suspicious)
        return newest

    def put(
        self,
        indices: Indices,
        lon: Floats,
        lat: Floats,
        position_at: Floats,
        received_at: Floats,
        heading_deg: NDArray[Any],
        speed_mps: NDArray[Any],
        flags: NDArray[np.uint8],
    ) -> None:
        """Take positions and flags as tracks kept them, each unit once: a replay. What the registry says of a unit stays as it is.

        A fix that is older than the unit's present one only freshens `received_at`.
        """
        if len(indices) == 0:
            return
        self._advance()
        self.received_at[indices] = np.maximum(self.received_at[indices], received_at)
        self.heard_seq[indices] = self.seq
        newest = position_at >= self.position_at[indices]
        indices, flags = indices[newest], flags[newest]
        by_registry = np.uint8(UNREGISTERED | PLAIN_CLOTHES)
        kept = (flags & ~by_registry) | (self.flags[indices] & by_registry)
        columns = ("lon", "lat", "heading_deg", "speed_mps", "flags")
        told: tuple[NDArray[Any], ...] = (
            lon[newest],
            lat[newest],
            heading_deg[newest].astype(np.float32),
            speed_mps[newest].astype(np.float32),
            kept,
        )
        same = np.ones(len(indices), np.bool_)
        for name, values in zip(columns, told, strict=True):
            column = getattr(self, name)
            same &= _same_number(values, column[indices])
            column[indices] = values
        self.position_at[indices] = position_at[newest]
        self.changed_seq[indices[~same]] = self.seq

    def hear(self, indices: Indices, received_at: float) -> None:
        """The units were heard at `received_at` (Unix s) without a new fix."""
        self.seq += 1
        self.received_at[indices] = np.maximum(self.received_at[indices], received_at)
        self.heard_seq[indices] = self.seq

    def _write_repeated(
        self,
        indices: Indices,
        lon: Floats,
        lat: Floats,
        position_at: Floats,
        received_at: Floats | float,
        heading_deg: NDArray[Any],
        speed_mps: NDArray[Any],
        tracker: NDArray[Any],
        suspicious: NDArray[np.bool_] | None,
    ) -> NDArray[np.bool_]:
        """A batch in which a unit occurs more than once: rounds of one fix per unit, oldest first.

        Only the newest ROUNDS of a unit are looked at; a phone that hands in an hour at once costs no more.
        """
        received = np.broadcast_to(np.asarray(received_at, dtype=np.float64), indices.shape)
        accepted = np.zeros(len(indices), dtype=bool)
        newest_first = np.argsort(position_at, kind="stable")[::-1]
        kept = np.sort(np.concatenate(list(islice(_one_each(newest_first, indices), ROUNDS))))
        for chosen in _one_each(kept[np.argsort(position_at[kept], kind="stable")], indices):
            doubted = None if suspicious is None else suspicious[chosen]
            newest = self.write(
                indices[chosen],
                lon[chosen],
                lat[chosen],
                position_at[chosen],
                received[chosen],
                heading_deg[chosen],
                speed_mps[chosen],
                tracker[chosen],
                doubted,
            )
            # What an earlier round wrote for these units is superseded.
            accepted[np.isin(indices, indices[chosen[newest]])] = False
            accepted[chosen[newest]] = True
        return accepted

    def _place(
        self,
        indices: Indices,
        lon: Floats,
        lat: Floats,
        position_at: Floats,
        heading_deg: NDArray[Any],
        speed_mps: NDArray[Any],
        tracker: NDArray[Any],
        suspicious: NDArray[np.bool_] | None,
    ) -> None:
        """Make these the units' positions; each unit occurs once."""
        old_flags = self.flags[indices]
        flags = old_flags & np.uint8(255 - SUSPICIOUS - TRACKERS_DISAGREE)
        if suspicious is not None:
            flags |= suspicious.astype(np.uint8)  # SUSPICIOUS is bit 0
        flags |= (position_at - self.disagreed_at[indices] < DISAGREEMENT_KEPT_S).astype(np.uint8) << np.uint8(1)
        heading_deg, speed_mps = heading_deg.astype(np.float32), speed_mps.astype(np.float32)
        same = (np.abs(lon - self.lon[indices]) < _UNMOVED_DEG) & (np.abs(lat - self.lat[indices]) < _UNMOVED_DEG)
        if same.any():  # mostly false at once: nearly every unit that reports has moved
            same &= (flags == old_flags) & _same_number(heading_deg, self.heading_deg[indices])
            same &= _same_number(speed_mps, self.speed_mps[indices])
            self.changed_seq[indices[~same]] = self.seq
        else:
            self.changed_seq[indices] = self.seq
        self.lon[indices] = lon
        self.lat[indices] = lat
        self.position_at[indices] = position_at
        self.heading_deg[indices] = heading_deg
        self.speed_mps[indices] = speed_mps
        self.tracker[indices] = tracker
        self.flags[indices] = flags

    def _note_disagreement(self, indices: Indices, lon: Floats, lat: Floats, position_at: Floats, tracker: NDArray[Any]) -> None:
        """Remember units whose present position came from another tracker and is too far from this one."""
        present = self.tracker[indices]
        other = (present != tracker) & (present != NO_TRACKER)
        if not other.any():
            return
        chosen = indices[other]
        apart_s = np.abs(position_at[other] - self.position_at[chosen])
        apart_m = distance_m(lon[other], lat[other], self.lon[chosen], self.lat[chosen])
        disagree = (apart_s < DISAGREEMENT_KEPT_S) & (apart_m > DISAGREEMENT_M + _TOP_SPEED_MPS * apart_s)
        at = np.maximum(position_at[other], self.position_at[chosen])
        self.disagreed_at[chosen[disagree]] = at[disagree]

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever something is about to change; what it reads may still be as before. Returns how to stop."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def _advance(self) -> None:
        self.seq += 1
        for listener in self._listeners:
            listener()

    def _changed(self, index: int) -> None:
        self._advance()
        self.changed_seq[index] = self.seq

    def _grow(self, capacity: int) -> None:
        """Larger arrays; those handed out before keep their old contents."""

        def longer(array: NDArray[Any], fill: float) -> NDArray[Any]:
            grown = np.full(capacity, fill, dtype=array.dtype)
            grown[: len(array)] = array
            return grown

        for name in ("lon", "lat", "heading_deg", "speed_mps"):
            setattr(self, name, longer(getattr(self, name), np.nan))
        for name in ("position_at", "received_at", "status", "kind", "flags", "changed_seq", "heard_seq", "disagreed_at", "_mark"):
            setattr(self, name, longer(getattr(self, name), 0))
        self.tracker = longer(self.tracker, NO_TRACKER)


def _one_each(order: Indices, indices: Indices) -> Iterator[Indices]:
    """The places of `order` in rounds: the first of each unit, then the second of those that have more, and so on."""
    while len(order):
        _, first = np.unique(indices[order], return_index=True)
        yield order[first]
        order = np.delete(order, first)


def _same_number(new: NDArray[Any], old: NDArray[Any]) -> NDArray[np.bool_]:
    """Equal, or both unknown (NaN)."""
    return (new == old) | (np.isnan(new) & np.isnan(old))
