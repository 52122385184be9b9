"""Who answers for a point."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from shapely.geometry import box, mapping

from geodata.cities.city import CityError
from geodata.districts.jurisdictions import Jurisdictions
from geodata.projection import LocalProjection

CITY, COUNTY = "330200000000", "330203000000"
WEST, EAST, NEW = "330203000100", "330203000200", "330203000300"


def row(
    code: str, level: str, parent: str | None, lon: float, valid_from: str | None = None, valid_to: str | None = None
) -> dict[str, Any]:
    return {"code": code, "level": level, "parent": parent, "lon": lon, "lat": 29.85, "valid_from": valid_from, "valid_to": valid_to}


ROWS = [
    row(CITY, "city", None, 121.55),
    row(COUNTY, "county", CITY, 121.55),
    row(WEST, "station", COUNTY, 121.52),
    row(EAST, "station", COUNTY, 121.57, valid_to="2016-10-01"),
    row(NEW, "station", COUNTY, 121.57, valid_from="2016-10-01"),
]


def area(code: str, *bounds: float) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"code": code}, "geometry": mapping(box(*bounds))}


AREAS = [
    area(CITY, 121.4, 29.7, 121.7, 30.0),
    area(COUNTY, 121.5, 29.8, 121.6, 29.9),
    area(WEST, 121.5, 29.8, 121.54, 29.9),
    area(EAST, 121.55, 29.8, 121.6, 29.9),
    area(NEW, 121.55, 29.8, 121.6, 29.9),
]
PROJECTION = LocalProjection(121.55, 29.85)


@pytest.fixture
def jurisdictions() -> Jurisdictions:
    return Jurisdictions(ROWS, {"features": AREAS}, PROJECTION)


def test_station_of_the_area_with_its_parents(jurisdictions: Jurisdictions) -> None:
    answer = jurisdictions.locate(121.51, 29.85)
    assert answer.chain == (WEST, COUNTY, CITY)
    assert (answer.code, answer.inside) == (WEST, True)


@pytest.mark.parametrize(("day", "code"), [(date(2016, 9, 30), EAST), (date(2016, 10, 1), NEW)])
def test_the_day_decides_between_successors(jurisdictions: Jurisdictions, day: date, code: str) -> None:
    assert jurisdictions.locate(121.58, 29.85, day).code == code


def test_gap_between_stations_goes_to_the_nearest_of_the_county(jurisdictions: Jurisdictions) -> None:
    answer = jurisdictions.locate(121.542, 29.85)
    assert (answer.code, answer.inside) == (WEST, False)


def test_outside_of_every_area_is_said(jurisdictions: Jurisdictions) -> None:
    assert [jurisdictions.locate(lon, 29.85).outside for lon in (121.51, 121.542, 100.0)] == [False, False, True]


@pytest.mark.parametrize("lon", [121.45, 100.0])
def test_outside_every_station_the_nearest_one(jurisdictions: Jurisdictions, lon: float) -> None:
    answer = jurisdictions.locate(lon, 29.85)
    assert (answer.code, answer.inside) == (WEST, False)


def test_overlap_goes_to_the_smaller_area() -> None:
    areas = [*AREAS, area(NEW, 121.505, 29.84, 121.515, 29.86)]
    assert Jurisdictions(ROWS, {"features": areas}, PROJECTION).locate(121.51, 29.85).code == NEW


def test_city_without_stations_answers_itself() -> None:
    alone = Jurisdictions(ROWS[:1], {"features": AREAS[:1]}, PROJECTION)
    assert alone.locate(121.5, 29.85) == alone.locate(121.5, 29.85, date(2020, 1, 1))
    assert (alone.locate(121.5, 29.85).code, alone.locate(121.5, 29.85).inside) == (CITY, True)
    assert (alone.locate(0.0, 0.0).code, alone.locate(0.0, 0.0).inside) == (CITY, False)


def test_unknown_codes_are_refused() -> None:
    with pytest.raises(CityError, match="330299000000 is named"):
        Jurisdictions(ROWS, {"features": [area("330299000000", 0, 0, 1, 1)]}, PROJECTION)
    with pytest.raises(CityError, match=f"{CITY} is named"):
        Jurisdictions([*ROWS[1:], row("999999000000", "city", None, 1.0)], {"features": []}, PROJECTION)
    with pytest.raises(CityError, match="no organisation of level city"):
        Jurisdictions(ROWS[2:], {"features": []}, PROJECTION)
