"""What cameras write, and what strangers write in their place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.datum import wgs84_to_gcj02
from operations.footage.photo_facts import NONE, PhotoFacts, read_photo_facts
from tests.operations.photos import taken

NINGBO = ZoneInfo("Asia/Shanghai")


def facts(folder: Path, photo: bytes) -> PhotoFacts:
    path = folder / "photo"
    path.write_bytes(photo)
    return read_photo_facts(path, "image/jpeg", NINGBO)


def test_place_and_time_are_read(tmp_path: Path) -> None:
    found = facts(tmp_path, taken(121.5503, 29.8739, "2026:05:01 20:14:05", "+08:00"))
    assert (found.lon, found.lat) == pytest.approx((121.5503, 29.8739), abs=1e-6)
    assert found.taken_at == datetime(2026, 5, 1, 12, 14, 5, tzinfo=UTC)


@given(lon=st.floats(-180, 180), lat=st.floats(-90, 90))
def test_any_place_on_earth_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, lon: float, lat: float) -> None:
    found = facts(tmp_path_factory.mktemp("photo"), taken(lon, lat))
    if round(lon * 3600) and round(lat * 3600):  # 0, 0 is what a camera without a fix writes
        assert (found.lon, found.lat) == pytest.approx((lon, lat), abs=1e-6)


@pytest.mark.parametrize(
    ("more", "at"),
    [
        ({"written": "2026:05:01 20:14:05", "offset": "+08:00"}, datetime(2026, 5, 1, 12, 14, 5, tzinfo=UTC)),
        ({"written": "2026:05:01 20:14:05", "offset": "-03:30"}, datetime(2026, 5, 1, 23, 44, 5, tzinfo=UTC)),
        ({"written": "2026:05:01 20:14:05"}, datetime(2026, 5, 1, 12, 14, 5, tzinfo=UTC)),  # the city's own time
        ({"GPSDateStamp": "2026:05:01", "GPSTimeStamp": (12.0, 14.0, 5.0)}, datetime(2026, 5, 1, 12, 14, 5, tzinfo=UTC)),
        ({"written": "2026:05:01 20:14:05", "offset": "soon"}, datetime(2026, 5, 1, 12, 14, 5, tzinfo=UTC)),
        ({"written": "0000:00:00 00:00:00"}, None),
        ({"GPSDateStamp": "yesterday", "GPSTimeStamp": (12.0, 14.0, 5.0)}, None),
        ({}, None),
    ],
)
def test_the_time_is_the_cameras_with_its_offset_else_the_satellites_else_local(tmp_path: Path, more: dict[str, Any], at: datetime) -> None:
    assert facts(tmp_path, taken(121.55, 29.87, **more)).taken_at == at


def test_a_place_in_another_datum_is_moved_and_one_in_an_unknown_datum_is_none(tmp_path: Path) -> None:
    lon, lat = (float(value) for value in wgs84_to_gcj02(121.55, 29.87))
    moved = facts(tmp_path, taken(lon, lat, GPSMapDatum="GCJ-02"))
    assert (moved.lon, moved.lat) == pytest.approx((121.55, 29.87), abs=1e-5)
    assert facts(tmp_path, taken(121.55, 29.87, GPSMapDatum="WGS-84")).lon == pytest.approx(121.55)
    assert facts(tmp_path, taken(121.55, 29.87, GPSMapDatum="TOKYO")).lon is None


@pytest.mark.parametrize(
    "more",
    [
        {"lon": 0.0, "lat": 0.0},
        {"GPSLongitude": (200.0, 0.0, 0.0), "GPSLongitudeRef": "E", "GPSLatitude": (29.0, 0.0, 0.0), "GPSLatitudeRef": "N"},
        {"GPSLongitude": (121.0, 0.0, 0.0), "GPSLatitude": (29.0, 0.0, 0.0)},
        {"GPSLongitude": (121.0, 0.0, 0.0), "GPSLongitudeRef": "?", "GPSLatitude": (29.0, 0.0, 0.0), "GPSLatitudeRef": "N"},
        {"GPSLatitude": (29.0, 0.0, 0.0), "GPSLatitudeRef": "N"},
    ],
)
def test_what_is_no_place_is_none(tmp_path: Path, more: dict[str, Any]) -> None:
    assert facts(tmp_path, taken(**more)) == NONE


@given(cut=st.integers(2, 400), noise=st.binary(max_size=60))
def test_a_broken_photo_says_nothing_and_stops_nothing(tmp_path_factory: pytest.TempPathFactory, cut: int, noise: bytes) -> None:
    photo = taken(121.55, 29.87, "2026:05:01 20:14:05")
    found = facts(tmp_path_factory.mktemp("photo"), photo[:cut] + noise + photo[cut + len(noise) :])
    assert isinstance(found, PhotoFacts)


@pytest.mark.parametrize("media_type", ["image/png", "image/webp", "image/heic", "video/mp4", "application/pdf"])
def test_other_kinds_of_file_are_not_opened(tmp_path: Path, media_type: str) -> None:
    assert read_photo_facts(tmp_path / "there is none", media_type, UTC) == NONE
