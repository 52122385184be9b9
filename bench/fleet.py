"""Units that move by a formula, so that a receiver can tell from a position alone which fix of which unit it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from geodata.cities.city import City
from geodata.streets.graph import StreetGraph

GROUP = 50  # units of one message
SWING = 60  # fixes until a unit turns round
STEP_MICRO = 100  # 11 m a second to the north and back
AWAY_DEG = 0.01  # an incident lies about a kilometre from its crew
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fleet:
    """`units` units that report once a second. Groups of GROUP report together; the groups are spread over the second.

    Fix k of a unit lies k micro-degrees east of its start: what names it. North and south it drives at 11 m/s.
    """

    def __init__(self, city: City, units: int, prefix: str) -> None:
        nodes = np.random.default_rng(7).integers(len(city.graph.node_lon), size=units)
        self.units = units
        self.groups = units // GROUP
        self.unit_ids = [f"{prefix}-{number:05}" for number in range(units)]
        self.number_by_id = {unit_id: number for number, unit_id in enumerate(self.unit_ids)}
        self.lon_micro: NDArray[np.int64] = np.rint(np.asarray(city.graph.node_lon)[nodes] * 1e6).astype(np.int64)
        self.lat_micro: NDArray[np.int64] = np.rint(np.asarray(city.graph.node_lat)[nodes] * 1e6).astype(np.int64)

    def due_s(self, fix: NDArray[np.int64], unit: NDArray[np.int64]) -> NDArray[np.float64]:
        """Seconds after the start at which fixes are due."""
        return fix + (unit // GROUP) / self.groups

    def place(self, fix: int, unit: int) -> tuple[float, float]:
        """Longitude and latitude in degrees."""
        swing = fix % (2 * SWING)
        north = (swing if swing < SWING else 2 * SWING - swing) * STEP_MICRO
        return float(self.lon_micro[unit] + fix) / 1e6, float(self.lat_micro[unit] + north) / 1e6

    def reports(self, fix: int, group: int, unix_s: float) -> list[bytes]:
        """The group's fixes as messages of the native feed protocol, without the array around them."""
        at = (EPOCH + timedelta(seconds=unix_s)).isoformat(timespec="milliseconds")
        reports = []
        for unit in range(group * GROUP, (group + 1) * GROUP):
            lon, lat = self.place(fix, unit)
            text = (
                f'{{"type":"position","unit_id":"{self.unit_ids[unit]}","lon":{lon:.6f},"lat":{lat:.6f},'
                f'"position_at":"{at}","speed_mps":11.1,"heading_deg":91.0}}'
            )
            reports.append(text.encode())
        return reports


class Receipts:
    """First receipts of each fix at one client: when, against when it was due."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._newest = np.full(fleet.units, -1, dtype=np.int64)
        self.started_at = 0.0  # loop time of due second 0
        self.due: list[NDArray[np.float64]] = []  # loop times
        self.latency_s: list[NDArray[np.float64]] = []

    def add(self, unit: NDArray[np.int64], lon_micro: NDArray[np.int64], now: float) -> None:
        """Positions of different units received at loop time `now`; those received before count nothing."""
        fix = lon_micro - self._fleet.lon_micro[unit]
        fresh = fix > self._newest[unit]
        unit, fix = unit[fresh], fix[fresh]
        self._newest[unit] = fix
        due = self.started_at + self._fleet.due_s(fix, unit)
        self.due.append(due)
        self.latency_s.append(now - due)

    def within(self, begin: float, end: float) -> NDArray[np.float64]:
        """Latencies in seconds of the fixes that were due in the window (loop times)."""
        if not self.due:
            return np.empty(0)
        due, latency = np.concatenate(self.due), np.concatenate(self.latency_s)
        return latency[(due >= begin) & (due < end)]

    def forget(self) -> None:
        """Drop what was received so far; repeats of it still count nothing."""
        self.due.clear()
        self.latency_s.clear()


def street_near(graph: StreetGraph, lon: float, lat: float) -> tuple[float, float]:
    """A crossing about AWAY_DEG from a place."""
    apart_deg = np.hypot(graph.node_lon - lon, graph.node_lat - lat)
    node = int(np.argmin(np.abs(apart_deg - AWAY_DEG)))
    return float(graph.node_lon[node]), float(graph.node_lat[node])
