"""Datum conversions against values of other programs, and back again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata import datum

# The same point in wgs84, gcj02 and bd09, by the PyPI package coord-convert 0.2.1.
KNOWN = [
    ((121.5504, 29.8738), (121.5545573083991, 29.871216447969896), (121.5609626877968, 29.87756428525074)),
    ((121.6, 29.9), (121.60409362681463, 29.897368688656627), (121.61066929490522, 29.90312702355073)),
    ((116.404, 39.915), (116.41024449916938, 39.91640428150164), (116.41662724378733, 39.922699552216216)),
    ((87.6, 43.8), (87.60283897227161, 43.80121203029208), (87.60921015182171, 43.80747250765041)),
]
MM_DEG = 1e-3 / 111_000


@pytest.mark.parametrize(("wgs84", "gcj02", "bd09"), KNOWN)
def test_known_values(wgs84: tuple[float, float], gcj02: tuple[float, float], bd09: tuple[float, float]) -> None:
    assert datum.wgs84_to_gcj02(*wgs84) == pytest.approx(gcj02, abs=1e-10)
    assert datum.wgs84_to_bd09(*wgs84) == pytest.approx(bd09, abs=1e-10)
    assert datum.to_wgs84("gcj02", *gcj02) == pytest.approx(wgs84, abs=MM_DEG)
    assert datum.to_wgs84("bd09", *bd09) == pytest.approx(wgs84, abs=MM_DEG)


@given(st.floats(73.7, 135), st.floats(18, 53.5))
def test_there_and_back_within_a_millimetre(lon: float, lat: float) -> None:
    assert datum.gcj02_to_wgs84(*datum.wgs84_to_gcj02(lon, lat)) == pytest.approx((lon, lat), abs=MM_DEG)
    assert datum.bd09_to_wgs84(*datum.wgs84_to_bd09(lon, lat)) == pytest.approx((lon, lat), abs=MM_DEG)


def test_arrays_keep_their_shape_and_agree_with_points() -> None:
    lon = np.array([[121.5504, 116.404], [9.5, 121.6]])
    lat = np.array([[29.8738, 39.915], [47.1, 29.9]])
    east, north = datum.to_wgs84("gcj02", lon, lat)
    assert east.shape == north.shape == (2, 2)
    assert (float(east[0, 0]), float(north[0, 0])) == pytest.approx(datum.gcj02_to_wgs84(121.5504, 29.8738), abs=1e-12)


def test_outside_china_nothing_is_shifted() -> None:
    assert datum.wgs84_to_gcj02(9.52, 47.14) == (9.52, 47.14)


def test_wgs84_and_cgcs2000_are_kept() -> None:
    assert datum.to_wgs84("wgs84", 121.5, 29.8) == (121.5, 29.8)
    assert datum.to_wgs84("cgcs2000", 121.5, 29.8) == (121.5, 29.8)


@pytest.mark.parametrize("name", ["GCJ02", "", "mars", "epsg:4326"])
def test_unknown_datum_is_refused_with_the_names_known(name: str) -> None:
    with pytest.raises(datum.UnknownDatum, match=r"is unknown. Name one of wgs84, cgcs2000, gcj02, bd09."):
        datum.to_wgs84(name, 121.5, 29.8)
