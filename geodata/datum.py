"""Datums of the sources: everything inside is WGS-84; GCJ-02 and BD-09 are converted here, at the edge.

Chinese maps publish shifted coordinates. Over Ningbo GCJ-02 lies some 500 m from WGS-84, enough to send the wrong unit,
so a source must say which datum it uses and an unknown name is refused. The shift is the public sine series on the Krasovsky
ellipsoid; the true transform is not published and the series agrees with it to metres.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

LonLat = tuple[NDArray[np.float64], NDArray[np.float64]]

# Krasovsky 1940 as the series uses it: semi-major axis in metres, first eccentricity squared.
_A_M = 6_378_245.0
_E2 = 0.00669342162296594323
# Where the shift applies; outside this box GCJ-02 is WGS-84.
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
# Each round of the fixed point shrinks the error about a thousandfold: 2 leave 8 mm, 5 are below a micrometre.
_ROUNDS = 5
# BD-09 turns and stretches GCJ-02 by a small wave with this many radians a degree, then moves it by these degrees.
_BD_WAVE = np.pi * 3000.0 / 180.0
_BD_LON, _BD_LAT = 0.0065, 0.006


class UnknownDatum(ValueError):
    """A source names a datum this program can't convert."""


def wgs84_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """GCJ-02 degrees of WGS-84 degrees, any shape."""
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    east, north = _shift(lon, lat)
    return lon + east, lat + north


def gcj02_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """WGS-84 degrees of GCJ-02 degrees, any shape; the inverse of `wgs84_to_gcj02` to less than a millimetre."""
    return _inverse(wgs84_to_gcj02, np.asarray(lon, np.float64), np.asarray(lat, np.float64))


def gcj02_to_bd09(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """BD-09 degrees of GCJ-02 degrees, any shape."""
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    radius = np.hypot(lon, lat) + 2e-5 * np.sin(lat * _BD_WAVE)
    angle = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * _BD_WAVE)
    return radius * np.cos(angle) + _BD_LON, radius * np.sin(angle) + _BD_LAT


def bd09_to_gcj02(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """GCJ-02 degrees of BD-09 degrees, any shape; the inverse of `gcj02_to_bd09` to less than a millimetre."""
    return _inverse(gcj02_to_bd09, np.asarray(lon, np.float64), np.asarray(lat, np.float64))


def wgs84_to_bd09(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """BD-09 degrees of WGS-84 degrees, any shape."""
    return gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))


def bd09_to_wgs84(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """WGS-84 degrees of BD-09 degrees, any shape."""
    return gcj02_to_wgs84(*bd09_to_gcj02(lon, lat))


def _same(lon: ArrayLike, lat: ArrayLike) -> LonLat:
    return np.asarray(lon, np.float64), np.asarray(lat, np.float64)


# CGCS2000, China's own datum, differs from WGS-84 by centimetres: far below any position the system receives.
TO_WGS84: dict[str, Callable[[ArrayLike, ArrayLike], LonLat]] = {
    "wgs84": _same,
    "cgcs2000": _same,
    "gcj02": gcj02_to_wgs84,
    "bd09": bd09_to_wgs84,
}
DATUMS = tuple(TO_WGS84)


def to_wgs84(datum: str, lon: ArrayLike, lat: ArrayLike) -> LonLat:
    """WGS-84 degrees of coordinates in `datum`. Raises UnknownDatum: a guess would silently be 500 m off."""
    try:
        convert = TO_WGS84[datum]
    except KeyError:
        raise UnknownDatum(f"Datum {datum!r} is unknown. Name one of {', '.join(DATUMS)}.") from None
    return convert(lon, lat)


def _inverse(forward: Callable[[ArrayLike, ArrayLike], LonLat], lon: NDArray[np.float64], lat: NDArray[np.float64]) -> LonLat:
    guess_lon, guess_lat = lon, lat
    for _ in range(_ROUNDS):
        there_lon, there_lat = forward(guess_lon, guess_lat)
        guess_lon, guess_lat = guess_lon + (lon - there_lon), guess_lat + (lat - there_lat)
    return guess_lon, guess_lat


def _shift(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> LonLat:
    """Degrees east and north by which GCJ-02 differs from WGS-84."""
    x, y = lon - 105.0, lat - 35.0
    root, cross = np.sqrt(np.abs(x)), x * y
    common = (20.0 * np.sin(6.0 * np.pi * x) + 20.0 * np.sin(2.0 * np.pi * x)) * 2.0 / 3.0
    north_m = (
        -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * cross + 0.2 * root + common
        + (20.0 * np.sin(np.pi * y) + 40.0 * np.sin(np.pi * y / 3.0)) * 2.0 / 3.0
        + (160.0 * np.sin(np.pi * y / 12.0) + 320.0 * np.sin(np.pi * y / 30.0)) * 2.0 / 3.0
    )  # fmt: skip
    east_m = (
        300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * cross + 0.1 * root + common
        + (20.0 * np.sin(np.pi * x) + 40.0 * np.sin(np.pi * x / 3.0)) * 2.0 / 3.0
        + (150.0 * np.sin(np.pi * x / 12.0) + 300.0 * np.sin(np.pi * x / 30.0)) * 2.0 / 3.0
    )  # fmt: skip
    latitude = np.radians(lat)
    magic = 1.0 - _E2 * np.sin(latitude) ** 2
    per_lat = np.radians(_A_M * (1.0 - _E2) / magic**1.5)
    per_lon = np.radians(_A_M / np.sqrt(magic) * np.cos(latitude))
    inside = (lon >= _WEST) & (lon <= _EAST) & (lat >= _SOUTH) & (lat <= _NORTH)
    return np.where(inside, east_m / per_lon, 0.0), np.where(inside, north_m / per_lat, 0.0)
