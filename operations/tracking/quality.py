"""The checks every position passes before it is believed: a visible list of small steps over whole batches.

Each check of CHECKS answers which fixes of a batch it refuses; its name is the reason, counted per feed and told to the
sender. What one check refuses, the next ones do not see. A wrong datum can't be seen in one fix: `operations.tracking.datum_watch`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operations.tracking.ground import Ground
from operations.tracking.positions import distance_m

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

# Times kept per tracker to know a repeat: a gateway that reconnects sends its last minute again.
REMEMBERED = 64
# Fixes that agree with each other, but not with the last accepted one, before they are believed instead.
AGREEING = 3


@dataclass(frozen=True)
class Rules:
    """Bounds of the checks; defaults with their reason."""

    ahead_s: float = 5.0  # clocks of devices without NTP run a few seconds ahead
    oldest_s: float = 24 * 3600.0  # a phone that was offline hands in its shift; older is a replay or a broken clock
    top_speed_mps: float = 70.0  # 252 km/h: no police vehicle on the road is faster
    jitter_m: float = 100.0  # two fixes within a second may differ this much between tall buildings
    gap_s: float = 600.0  # after a longer gap any place in the city is possible


@dataclass
class Batch:
    """Equally long arrays; each tracker row occurs at most once."""

    place: Indices  # position of the fix in the message
    row: Indices  # tracker row, see Trackers
    lon: Floats
    lat: Floats
    position_at: Floats  # Unix s
    heading_deg: Floats  # NaN unknown
    speed_mps: Floats  # NaN unknown
    now: float  # Unix s of reception

    def __len__(self) -> int:
        return len(self.row)

    def only(self, chosen: Mask | Indices) -> Batch:
        """The chosen fixes."""
        return Batch(
            self.place[chosen],
            self.row[chosen],
            self.lon[chosen],
            self.lat[chosen],
            self.position_at[chosen],
            self.heading_deg[chosen],
            self.speed_mps[chosen],
            self.now,
        )


class Trackers:
    """What each tracker said last, by row; grows by doubling. Rows are handed out by the intake."""

    def __init__(self, capacity: int = 1024) -> None:
        self.count = 0
        self.lon: Floats = np.zeros(0)
        self.lat: Floats = np.zeros(0)
        self.at: Floats = np.zeros(0)  # Unix s of the newest accepted fix; 0 before the first
        # A place that was refused as too far, until AGREEING fixes in a row say the tracker really is there.
        self.doubted_lon: Floats = np.zeros(0)
        self.doubted_lat: Floats = np.zeros(0)
        self.doubted_at: Floats = np.zeros(0)
        self.doubted_count: Indices = np.zeros(0, np.int64)
        self.seen_at: Floats = np.zeros((0, REMEMBERED))  # times of the newest accepted fixes, as a ring
        self.seen_next: Indices = np.zeros(0, np.int64)
        self._grow(capacity)

    def add(self) -> int:
        """A new row."""
        if self.count == len(self.at):
            self._grow(2 * self.count)
        self.count += 1
        return self.count - 1

    def accept(self, batch: Batch) -> None:
        """Remember accepted fixes; a late one is remembered as seen but is not where the tracker is."""
        row = batch.row
        self.seen_at[row, self.seen_next[row]] = batch.position_at
        self.seen_next[row] = (self.seen_next[row] + 1) % REMEMBERED
        self.doubted_count[row] = 0
        newer = batch.position_at > self.at[row]
        if not newer.all():
            row, batch = row[newer], batch.only(newer)
        self.lon[row], self.lat[row], self.at[row] = batch.lon, batch.lat, batch.position_at

    def _grow(self, capacity: int) -> None:
        for name in ("lon", "lat", "at", "doubted_lon", "doubted_lat", "doubted_at", "doubted_count", "seen_at", "seen_next"):
            old: NDArray[Any] = getattr(self, name)
            grown = np.zeros((capacity, *old.shape[1:]), dtype=old.dtype)
            grown[: len(old)] = old
            setattr(self, name, grown)


@dataclass(frozen=True)
class Known:
    """What the checks compare a batch with."""

    rules: Rules
    trackers: Trackers
    ground: Ground | None  # None: any place on earth is accepted


def not_a_number(batch: Batch, known: Known) -> Mask:
    """NaN, infinite, or outside ±180°, ±90°."""
    sound = np.isfinite(batch.position_at) & (np.abs(batch.lon) <= 180.0) & (np.abs(batch.lat) <= 90.0)
    return ~sound  # comparisons with NaN are false


def no_fix(batch: Batch, known: Known) -> Mask:
    """Exactly 0, 0: what a receiver without satellites sends."""
    return (batch.lon == 0.0) & (batch.lat == 0.0)


def future(batch: Batch, known: Known) -> Mask:
    """Measured later than now: the device's clock is wrong."""
    return batch.position_at > batch.now + known.rules.ahead_s


def stale(batch: Batch, known: Known) -> Mask:
    """Too old even for a phone that was offline."""
    return batch.position_at < batch.now - known.rules.oldest_s


def outside_city(batch: Batch, known: Known) -> Mask:
    """Far from every street of the city: on the sea, in another province."""
    if known.ground is None:
        return np.zeros(len(batch), dtype=bool)
    return ~known.ground.contains(batch.lon, batch.lat)


def duplicate(batch: Batch, known: Known) -> Mask:
    """The tracker's fix of this instant was accepted before: heard, not changed."""
    return (known.trackers.seen_at[batch.row] == batch.position_at[:, None]).any(axis=1)


def impossible_speed(batch: Batch, known: Known) -> Mask:
    """Too far from the tracker's last fix for the time between, unless several fixes in a row say so."""
    trackers, rules, row = known.trackers, known.rules, batch.row
    last_at = trackers.at[row]
    apart_s = np.abs(batch.position_at - last_at)
    apart_m = distance_m(trackers.lon[row], trackers.lat[row], batch.lon, batch.lat)
    too_far = (apart_m > rules.jitter_m + rules.top_speed_mps * apart_s) & (apart_s < rules.gap_s) & (last_at > 0.0)
    if too_far.any():
        too_far[too_far] = ~_believed_after_all(batch.only(too_far), known)
    return too_far


Check = Callable[[Batch, Known], Mask]
# What a fix shows by itself, whoever sent it; such a fix brings no unit into being.
ALONE: tuple[Check, ...] = (not_a_number, no_fix, future, stale, outside_city)
# What takes the tracker's earlier fixes.
CHECKS: tuple[Check, ...] = (*ALONE, duplicate, impossible_speed)

# A tracker that sends these is alive: its unit is heard though nothing changes.
STILL_HEARD = frozenset({"duplicate", "no_fix"})


def check(batch: Batch, known: Known) -> tuple[Batch, list[tuple[str, Batch]]]:
    """The sound fixes, and the refused ones by reason. Sound ones are remembered: checking them again finds duplicates."""
    batch, refused = sift(batch, known, CHECKS)
    if len(batch):
        known.trackers.accept(batch)
    return batch, refused


def sift(batch: Batch, known: Known, checks: tuple[Check, ...]) -> tuple[Batch, list[tuple[str, Batch]]]:
    """The fixes that pass, and the refused ones by reason; remembers nothing. With ALONE the rows may be anything."""
    refused: list[tuple[str, Batch]] = []
    for step in checks:
        bad = step(batch, known)
        if bad.any():
            refused.append((step.__name__, batch.only(bad)))
            batch = batch.only(~bad)
            if len(batch) == 0:
                break
    return batch, refused


def one_per_row(batch: Batch) -> list[Batch]:
    """The batch in rounds in which each tracker row occurs once, oldest fixes first: checks compare a fix with the one before."""
    if len(set(batch.row.tolist())) == len(batch):
        return [batch]
    order = np.lexsort((batch.position_at, batch.row))
    rows = batch.row[order]
    starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
    lengths = np.diff(np.append(starts, len(rows)))
    nth = np.arange(len(rows)) - np.repeat(starts, lengths)
    by_round = np.argsort(nth, kind="stable")
    ends = np.cumsum(np.bincount(nth))
    return [batch.only(chosen) for chosen in np.split(order[by_round], ends[:-1])]


def _believed_after_all(batch: Batch, known: Known) -> Mask:
    """Whether these fixes, too far from the accepted ones, agree with enough refused ones before them."""
    trackers, rules, row = known.trackers, known.rules, batch.row
    apart_s = batch.position_at - trackers.doubted_at[row]
    apart_m = distance_m(trackers.doubted_lon[row], trackers.doubted_lat[row], batch.lon, batch.lat)
    agrees = (apart_s > 0.0) & (apart_s < rules.gap_s) & (apart_m <= rules.jitter_m + rules.top_speed_mps * apart_s)
    count = np.where(agrees & (trackers.doubted_count[row] > 0), trackers.doubted_count[row] + 1, 1)
    trackers.doubted_lon[row], trackers.doubted_lat[row], trackers.doubted_at[row] = batch.lon, batch.lat, batch.position_at
    trackers.doubted_count[row] = count
    return count >= AGREEING
