"""Live frames: the newest position of each visible unit, packed for the browser. Layout: `docs/live-protocol.md`.

A frame is a pure function of the position table, who may see what, and what the client was sent last.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

MAGIC = 0x444C  # the bytes "LD"
VERSION = 1
_HEADER = struct.Struct("<HBBIQd8x")  # magic, version, kind, count, revision, picture_at
RECORD = np.dtype(
    [
        ("index", "<u4"),
        ("lon", "<i4"),
        ("lat", "<i4"),
        ("heading", "u1"),
        ("speed", "u1"),
        ("status", "u1"),
        ("flags", "u1"),
        ("heard_age", "<u2"),
        ("fix_age", "<u2"),
    ]
)
UNKNOWN_BYTE = 255  # heading or speed that nobody reported
OLDEST_AGE = 65_535  # 6,553.5 s and everything older
FASTEST_KMH = 254


class FrameKind(IntEnum):
    """What a frame means to the one who holds the picture."""

    FULL = 0  # every visible unit with a position; what is not in it has none
    CHANGES = 1  # only units that changed since the last frame on this socket; none: a heartbeat


class Positions(Protocol):
    """The columns a frame is made of; `operations.tracking.positions.PositionTable` has them. Length: at least `count`."""

    count: int
    lon: NDArray[np.float64]  # degrees, NaN until the first fix
    lat: NDArray[np.float64]
    heading_deg: NDArray[np.float32]  # NaN: unknown
    speed_mps: NDArray[np.float32]  # NaN: unknown
    position_at: NDArray[np.float64]  # Unix s
    received_at: NDArray[np.float64]  # Unix s
    status: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    changed_seq: NDArray[np.int64]


class Sent(NamedTuple):
    """How far a client has been told: the table's `seq`, and how often its audience's view had widened. -1: nothing yet."""

    seq: int = -1
    widened: int = -1


def select(positions: Positions, visible: NDArray[np.bool_], widened: NDArray[np.int64], sent: Sent) -> NDArray[np.intp]:
    """Indices of the visible units with a position that changed, or came into sight, after `sent`.

    `widened` is the audience's count when a unit came into sight. Both arrays may be shorter than the table: units beyond are unseen.
    """
    count = min(positions.count, len(visible))
    newer = (positions.changed_seq[:count] > sent.seq) | (widened[:count] > sent.widened)
    candidates = np.flatnonzero(newer & visible[:count])
    return candidates[np.isfinite(positions.lon[candidates])]


def encode(positions: Positions, indices: NDArray[np.intp], kind: FrameKind, revision: int, picture_at: float) -> bytes:
    """The frame that tells of `indices` as of `picture_at` (Unix s); each must have a position."""
    return _frame(_records(positions, indices, picture_at), kind, revision, picture_at)


def heartbeat(revision: int, picture_at: float) -> bytes:
    """A frame of changes that tells of none."""
    return _HEADER.pack(MAGIC, VERSION, FrameKind.CHANGES, 0, revision, picture_at)


class Changed:
    """Everything that changed after one `seq`, written down once; each of many audiences is given the part it sees."""

    def __init__(self, positions: Positions, since_seq: int, picture_at: float) -> None:
        newer = np.flatnonzero(positions.changed_seq[: positions.count] > since_seq)
        self._indices = newer[np.isfinite(positions.lon[newer])]
        self._records = _records(positions, self._indices, picture_at)
        self._picture_at = picture_at  # Unix s

    def frame(self, visible: NDArray[np.bool_], kind: FrameKind, revision: int) -> bytes | None:
        """As `encode` of what `select` finds when the view has not widened; None when there is nothing to see."""
        count = int(np.searchsorted(self._indices, len(visible)))
        seen = self._records[:count][visible[self._indices[:count]]]
        return _frame(seen, kind, revision, self._picture_at) if len(seen) else None


def _frame(records: NDArray[np.void], kind: FrameKind, revision: int, picture_at: float) -> bytes:
    return _HEADER.pack(MAGIC, VERSION, kind, len(records), revision, picture_at) + records.tobytes()


def _records(positions: Positions, indices: NDArray[np.intp], picture_at: float) -> NDArray[np.void]:
    records = np.empty(len(indices), RECORD)
    records["index"] = indices
    records["lon"] = np.rint(positions.lon[indices] * 1e6)
    records["lat"] = np.rint(positions.lat[indices] * 1e6)
    records["heading"] = _byte(np.rint(positions.heading_deg[indices] / 2) % 180, 179)
    records["speed"] = _byte(np.rint(positions.speed_mps[indices] * 3.6), FASTEST_KMH)
    records["status"] = positions.status[indices]
    records["flags"] = positions.flags[indices]
    records["heard_age"] = _age(picture_at, positions.received_at[indices])
    records["fix_age"] = _age(picture_at, positions.position_at[indices])
    return records


def _byte(values: NDArray[np.float32], largest: int) -> NDArray[np.float32]:
    return np.where(np.isnan(values), UNKNOWN_BYTE, np.clip(values, 0, largest))


def _age(picture_at: float, instants: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tenths of a second from `instants` to `picture_at`; a clock that runs ahead counts as now, never heard as the oldest."""
    tenths = np.rint((picture_at - instants) * 10)
    return np.where(np.isnan(tenths), OLDEST_AGE, np.clip(tenths, 0, OLDEST_AGE))
