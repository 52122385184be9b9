"""A small built city for tests that need streets, organisations and elements: a grid of 12 by 12 blocks with two stations."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from shapely.geometry import box

from geodata.building.build import build_city
from geodata.building.source import SourceElement, SourceOrganisation
from geodata.cities.city import City, open_city
from geodata.projection import LocalProjection
from tests.geodata.sources import ORIGIN, city_source, way

SIDE = 12
CITY, COUNTY, WEST, EAST = "330200000000", "330203000000", "330203010000", "330203020000"


def degrees(east_m: float, north_m: float) -> tuple[float, float]:
    """lon, lat of a point of the test city."""
    lon, lat = LocalProjection(*ORIGIN).to_degrees(east_m, north_m)
    return float(lon), float(lat)


def build_test_city(folder: Path, more_organisations: Iterable[SourceOrganisation] = ()) -> City:
    """Build it below `folder` and open it; 1.2 km on a side, residential streets with one primary road through the middle.

    `more_organisations` stand in the tree beside the city, its county and its two stations.
    """
    places = {y * SIDE + x: (float(x), float(y)) for y in range(SIDE) for x in range(SIDE)}
    rows = [
        way(1 + y, *(y * SIDE + x for x in range(SIDE)), highway="primary" if y == 6 else "residential", name=f"横{y}路")
        for y in range(SIDE)
    ]
    columns = [way(100 + x, *(y * SIDE + x for y in range(SIDE)), name=f"纵{x}路") for x in range(SIDE)]
    west, south = degrees(-50, -50)
    middle, _ = degrees(550, 0)
    east, north = degrees(1150, 1150)

    def station(code: str, name: str, east_m: float, area: tuple[float, float, float, float]) -> SourceOrganisation:
        lon, lat = degrees(east_m, 550)
        return SourceOrganisation(code, name, name, "station", COUNTY, lon, lat, True, box(*area))

    lon, lat = degrees(550, 550)
    organisations = [
        SourceOrganisation(CITY, "宁波市公安局", "Ningbo", "city", None, lon, lat, True, box(west, south, east, north)),
        SourceOrganisation(COUNTY, "海曙分局", "Haishu", "county", CITY, lon, lat, True, box(west, south, east, north)),
        station(WEST, "西门派出所", 250, (west, south, middle, north)),
        station(EAST, "东门派出所", 850, (middle, south, east, north)),
        *more_organisations,
    ]
    elements = [
        SourceElement("key_place", "kp-1", *degrees(300, 300), {"name": "第一医院", "kind": "hospital"}),
        SourceElement("street_camera", "cam-1", *degrees(400, 600), {"name": "横6路相机", "heading_deg": 90}),
        SourceElement("weather_station", "ws-1", *degrees(600, 600), {"name": "气象站"}),
    ]
    boundary = box(west, south, east, north)
    source = city_source(places, rows + columns, organisations=organisations, elements=elements, boundary=boundary)
    out = folder / "city"
    build_city(source, out, built_at=datetime(2026, 1, 1, tzinfo=UTC))
    return open_city(out)
