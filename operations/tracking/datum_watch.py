"""Suspicion of a wrong datum: a feed whose fixes lie beside the streets, but on them once converted from GCJ-02 or BD-09.

One fix proves nothing; a feed's fixes together do. The shift is some 500 m, a street of a one-minute ring, and silently picks
the wrong unit. A suspected feed's positions are flagged and the health page warns; nothing is converted on a suspicion.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from geodata.datum import TO_WGS84

Floats = NDArray[np.float64]
# Metres from each point (lon, lat arrays) to the nearest street, inf where none is near; runs in a thread.
SnapDistance = Callable[[Floats, Floats], Floats]

WARNING = "wrong_datum_suspected"
SHIFTED = ("gcj02", "bd09")

# Receivers place a vehicle within 20 m of the street's middle line nearly always; in the old city a random point does in one of three.
NEAR_M = 20.0
# The verdict needs this many fixes, this share of them on streets once converted, and this much more than as declared.
SAMPLES = 60
NEEDED_SHARE = 0.6
NEEDED_GAIN = 0.25
KEPT = 600
# A unit gives a sample only after it has moved on, so that parked cars do not vote all day.
MOVED_DEG = 0.0005


class DatumWatch:
    """Samples of one feed and what they suggest. Written on the event loop; `verdict` is pure and runs in a thread."""

    def __init__(self) -> None:
        self.suspected: str | None = None  # datum the fixes seem to be in
        self._samples: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._last_by_row: dict[int, tuple[float, float]] = {}

    def sample(self, rows: NDArray[np.int64], lon: Floats, lat: Floats) -> None:
        """Offer accepted fixes; one a tracker and place is kept."""
        for row, x, y in zip(rows.tolist(), lon.tolist(), lat.tolist(), strict=True):
            last = self._last_by_row.get(row)
            if last is None or abs(last[0] - x) + abs(last[1] - y) > MOVED_DEG:
                self._last_by_row[row] = (x, y)
                self._samples.append((x, y))

    def samples(self) -> tuple[Floats, Floats]:
        """A copy for a thread: lon, lat."""
        points = np.array(self._samples, dtype=np.float64).reshape(-1, 2)
        return points[:, 0], points[:, 1]


def verdict(lon: Floats, lat: Floats, snap_distance: SnapDistance) -> str | None:
    """The datum the points seem to be in, None when as declared or too few to say."""
    if len(lon) < SAMPLES:
        return None
    declared = _share_on_streets(lon, lat, snap_distance)
    shares = {datum: _share_on_streets(*TO_WGS84[datum](lon, lat), snap_distance) for datum in SHIFTED}
    best = max(shares, key=lambda datum: shares[datum])
    return best if shares[best] >= max(NEEDED_SHARE, declared + NEEDED_GAIN) else None


def _share_on_streets(lon: Floats, lat: Floats, snap_distance: SnapDistance) -> float:
    return float((snap_distance(lon, lat) <= NEAR_M).mean())
