"""The way of a position: named (`reporters`), checked (`quality`), placed (`positions`), kept (tracks). On the event loop.

Also the other way round: what the journal changes about a unit goes into the same table and tracks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dispatch.clock import Clock
from dispatch.events import Recorded
from dispatch.model import Unit
from geodata.datum import TO_WGS84
from operations.health import Health
from operations.tracking import datum_watch, quality
from operations.tracking.datum_watch import DatumWatch, SnapDistance
from operations.tracking.positions import NO_TRACKER, PositionTable, TooManyUnits
from operations.tracking.reporters import Reporters
from operations.tracking.reports import FeedSession, PositionReport
from storage.track_reader import TrackState

Refusals = list[tuple[int, str]]  # (index of the report, reason)
Floats = NDArray[np.float64]

# Told of fixes that are now their units' positions: rows of the table, Unix s, lon, lat, degrees, m/s. Must only lay them aside.
Follower = Callable[[NDArray[np.int64], Floats, Floats, Floats, Floats, Floats], None]

# Positions handled at a stretch; the event loop gets its turn in between.
CHUNK = 200
# Fixes are offered to a feed's datum watch this often.
SAMPLE_EVERY_S = 1.0
# Faster is no vehicle's speed but a wrong unit or a broken field: taken as unknown.
TOP_SPEED_MPS = 100.0
# Under this name the health page counts units of the registry itself that do not fit the table.
REGISTRY = "registry"


class Tracks(Protocol):
    """Where accepted fixes are kept; `storage.tracks.TrackStore`."""

    def append(
        self,
        unit_ids: Sequence[str],
        indices: NDArray[np.int64],
        position_at: Floats,
        received_at: Floats | float,
        lon: Floats,
        lat: Floats,
        heading_deg: NDArray[Any],
        speed_mps: NDArray[Any],
        status: NDArray[np.uint8],
        flags: NDArray[np.uint8],
    ) -> None: ...


class Fixes:
    """One per server; all feeds share it."""

    def __init__(
        self,
        clock: Clock,
        reporters: Reporters,
        known: quality.Known,
        positions: PositionTable,
        tracks: Tracks,
        health: Health,
        snap_distance: SnapDistance | None,
        follower: Follower | None = None,
    ) -> None:
        self._clock = clock
        self._reporters = reporters
        self._known = known
        self._positions = positions
        self._tracks = tracks
        self._health = health
        self._snap_distance = snap_distance
        self._follower = follower
        self._watches: dict[str, DatumWatch] = {}  # by feed
        self._sample_at: dict[str, float] = {}  # by feed, Unix s of the next sample

    async def take(self, reports: Sequence[PositionReport], feed: FeedSession) -> Refusals:
        """Check, place and keep positions; unknown units are registered first, in the feed's scope."""
        refused: Refusals = []
        for start in range(0, len(reports), CHUNK):
            if start:
                await asyncio.sleep(0)
            chunk = reports[start : start + CHUNK]
            rows = self._reporters.rows(chunk, feed)
            if rows.min() < 0:
                rows, unnamed = await self._reporters.resolve(chunk, feed, rows, self._hopeless(chunk, rows, feed))
                refused += [(start + index, reason) for index, reason in unnamed]
            refused += [(start + index, reason) for index, reason in self._write(chunk, rows, feed)]
        return refused

    def _hopeless(self, reports: Sequence[PositionReport], rows: NDArray[np.int64], feed: FeedSession) -> dict[int, str]:
        """Reports without a row that are refused whoever sent them: index and reason."""
        places = np.flatnonzero(rows < 0)
        unnamed = [reports[place] for place in places.tolist()]
        batch, refused = _batch_of(unnamed, np.zeros(len(unnamed), np.int64), feed.datum, self._clock.unix_s())
        for reason, bad in quality.sift(batch, self._known, quality.ALONE)[1]:
            refused += [(place, reason) for place in bad.place.tolist()]
        return {int(places[place]): reason for place, reason in refused}

    def _write(self, reports: Sequence[PositionReport], rows: NDArray[np.int64], feed: FeedSession) -> Refusals:
        """From named reports to table and tracks, without a break."""
        batch, refused = _batch_of(reports, rows, feed.datum, self._clock.unix_s())
        for part in quality.one_per_row(batch):
            sound, bad = quality.check(part, self._known)
            for reason, unsound in bad:
                refused += [(place, reason) for place in unsound.place.tolist()]
                if reason in quality.STILL_HEARD:
                    self._positions.hear(self._reporters.unit_index[unsound.row], part.now)
            if len(sound):
                self._accept(sound, feed)
        return refused

    def _accept(self, sound: quality.Batch, feed: FeedSession) -> None:
        indices = self._reporters.unit_index[sound.row]
        table = self._positions
        watch = self._watches.get(feed.name)
        doubted = np.ones(len(sound), dtype=bool) if watch is not None and watch.suspected is not None else None
        motion = (sound.heading_deg, sound.speed_mps)
        newest = table.write(indices, sound.lon, sound.lat, sound.position_at, sound.now, *motion, sound.row, doubted)
        if self._follower is not None and doubted is None:
            self._follower(indices[newest], *(a[newest] for a in (sound.position_at, sound.lon, sound.lat, *motion)))
        status, flags = table.status[indices], table.flags[indices]
        self._tracks.append(table.unit_ids, indices, sound.position_at, sound.now, sound.lon, sound.lat, *motion, status, flags)
        if self._snap_distance is not None and sound.now >= self._sample_at.get(feed.name, 0.0):
            self._sample_at[feed.name] = sound.now + SAMPLE_EVERY_S
            self._watches.setdefault(feed.name, DatumWatch()).sample(sound.row, sound.lon, sound.lat)

    def hear(self, unit_id: str) -> None:
        """Something of the unit is alive; an unknown one stays unknown."""
        index = self._positions.index_of(unit_id)
        if index is not None:
            self._positions.hear(np.array([index]), self._clock.unix_s())

    # What the journal says about units ------------------------------------------------------------------------------------

    def restore(self, units: Sequence[Unit], last_known: TrackState) -> None:
        """Fill the table at a start: these units, where they were last known."""
        table = self._positions
        for unit in units:
            self._follow(unit)
        places = [table.index_of(unit_id) for unit_id in last_known.unit_ids]
        known = np.array([place is not None for place in places], dtype=bool)
        table.write(
            np.array([place for place in places if place is not None], dtype=np.int64),
            last_known.lon[known],
            last_known.lat[known],
            last_known.position_at[known],
            last_known.received_at[known],
            last_known.heading_deg[known],
            last_known.speed_mps[known],
            np.full(int(known.sum()), NO_TRACKER),
        )

    def follow(self, batch: Sequence[Recorded]) -> None:
        """Take over what committed events changed about units."""
        self.follow_units(self._reporters.touched(batch))

    def follow_units(self, units: Sequence[Unit]) -> None:
        """A changed status or flag stands in the tracks at once, with the last fix, and not only with the next one."""
        table, changed = self._positions, []
        for unit in units:
            seq = table.seq
            index = self._follow(unit)
            if index is not None and table.seq != seq and not np.isnan(table.lon[index]):
                changed.append(index)
        if changed:
            self._keep_again(np.array(changed, dtype=np.int64))

    def _keep_again(self, indices: NDArray[np.int64]) -> None:
        """Write what the table holds of these units to the tracks, as heard now."""
        table = self._positions
        self._tracks.append(
            table.unit_ids,
            indices,
            table.position_at[indices],
            self._clock.unix_s(),
            table.lon[indices],
            table.lat[indices],
            table.heading_deg[indices],
            table.speed_mps[indices],
            table.status[indices],
            table.flags[indices],
        )

    def _follow(self, unit: Unit) -> int | None:
        """The unit's index, None when it does not fit."""
        try:
            return self._positions.follow(unit)
        except TooManyUnits:
            self._health.feed(REGISTRY).reject("too_many_units")
            return None

    # Datums ------------------------------------------------------------------------------------------------------------

    async def judge_datums(self) -> None:
        """Judge each feed's samples in a thread: sets or withdraws its warning."""
        if self._snap_distance is None:
            return
        for name, watch in list(self._watches.items()):
            watch.suspected = await asyncio.to_thread(datum_watch.verdict, *watch.samples(), self._snap_distance)
            warnings = self._health.feed(name).warnings
            if watch.suspected is None:
                warnings.discard(datum_watch.WARNING)
            else:
                warnings.add(datum_watch.WARNING)


def _batch_of(reports: Sequence[PositionReport], rows: NDArray[np.int64], datum: str, now: float) -> tuple[quality.Batch, Refusals]:
    """Columns of the reports that have a row, in WGS-84; the others were refused before."""
    batch = quality.Batch(
        place=np.arange(len(reports)),
        row=rows,
        lon=np.array([report.lon for report in reports], dtype=np.float64),
        lat=np.array([report.lat for report in reports], dtype=np.float64),
        # To the millisecond, as tracks keep it: which of two fixes is the newer one must not change when it is read back.
        position_at=np.round([report.position_at.timestamp() for report in reports], 3),
        # None becomes NaN.
        heading_deg=np.array([report.heading_deg for report in reports], dtype=np.float64),
        speed_mps=np.array([report.speed_mps for report in reports], dtype=np.float64),
        now=now,
    )
    _forget_absurd(batch)
    keep = rows >= 0
    refused: Refusals = []
    for name in {report.datum for report in reports}:
        if (name or datum) != "wgs84":
            of_it = keep & np.array([report.datum == name for report in reports])
            if not _converted(batch, of_it, name or datum):
                refused += [(place, "unknown_datum") for place in np.flatnonzero(of_it).tolist()]
                keep = keep & ~of_it
    return (batch if keep.all() else batch.only(keep)), refused


def _converted(batch: quality.Batch, chosen: NDArray[np.bool_], datum: str) -> bool:
    """Convert the chosen fixes in place; False for an unknown datum: a guess would be 500 m off."""
    if datum not in TO_WGS84:
        return False
    # What is no place on earth stays as it is, for the checks to name.
    sound = chosen & (np.abs(batch.lon) <= 180.0) & (np.abs(batch.lat) <= 90.0) & ((batch.lon != 0.0) | (batch.lat != 0.0))
    batch.lon[sound], batch.lat[sound] = TO_WGS84[datum](batch.lon[sound], batch.lat[sound])
    return True


def _forget_absurd(batch: quality.Batch) -> None:
    """A heading that is none or a negative speed is unknown; the fix itself may be sound."""
    for values, largest in ((batch.heading_deg, 360.0), (batch.speed_mps, TOP_SPEED_MPS)):
        absurd = ~((values >= 0.0) & (values <= largest))  # NaN included
        if absurd.any():
            values[absurd] = np.nan
