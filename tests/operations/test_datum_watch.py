"""The watch for a wrong datum: silent for a sound feed, sure for a shifted one, undecided on too little."""

from __future__ import annotations

import numpy as np
import pytest

from geodata.datum import wgs84_to_bd09, wgs84_to_gcj02
from geodata.projection import LocalProjection
from operations.tracking.datum_watch import MOVED_DEG, DatumWatch, verdict

PROJECTION = LocalProjection(121.55, 29.88)
BLOCK_M = 180.0  # a street every 180 m: a dense city, where a shifted fix is never far from some street


def to_street_m(lon, lat):
    x, y = PROJECTION.to_metres(lon, lat)
    return np.minimum(np.abs(x - np.rint(x / BLOCK_M) * BLOCK_M), np.abs(y - np.rint(y / BLOCK_M) * BLOCK_M))


def on_streets(n: int, noise_m: float = 6.0):
    """Fixes of vehicles on the grid of streets, a few metres off."""
    random = np.random.default_rng(7)
    along, street = random.uniform(-5_000, 5_000, n), random.integers(-25, 26, n) * BLOCK_M + random.normal(0, noise_m, n)
    east = random.random(n) < 0.5
    return PROJECTION.to_degrees(np.where(east, along, street), np.where(east, street, along))


def test_a_feed_as_declared_is_not_suspected():
    assert verdict(*on_streets(400), to_street_m) is None


@pytest.mark.parametrize(("shift", "datum"), [(wgs84_to_gcj02, "gcj02"), (wgs84_to_bd09, "bd09")])
def test_a_shifted_feed_is_suspected_by_name(shift, datum):
    assert verdict(*shift(*on_streets(400)), to_street_m) == datum


def test_too_few_fixes_or_fixes_nowhere_near_a_street_say_nothing():
    assert verdict(*wgs84_to_gcj02(*on_streets(59)), to_street_m) is None
    lon, lat = on_streets(400)
    assert verdict(lon, lat, lambda lon, lat: np.full(len(lon), np.inf)) is None


def test_a_parked_car_votes_once():
    watch = DatumWatch()
    row = np.array([3])
    for step in range(10):
        watch.sample(row, np.array([121.5]), np.array([29.9 + step * MOVED_DEG / 20]))
    watch.sample(np.array([4]), np.array([121.5]), np.array([29.9]))
    assert len(watch.samples()[0]) == 2
    watch.sample(row, np.array([121.5]), np.array([29.9 + 2 * MOVED_DEG]))
    assert len(watch.samples()[0]) == 3
