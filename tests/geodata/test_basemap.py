"""The base map: what is in its tiles, and reading them."""

from __future__ import annotations

import math
import resource
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from shapely.geometry import LineString, Point, box

from geodata.building.basemap import BaseMap, write_base_map
from geodata.building.source import CitySource, MapFeature
from geodata.building.street_layout import lay_out_streets
from geodata.cities.city import CityError
from geodata.projection import LocalProjection
from tests.geodata.sources import ORIGIN, city_source, way
from tests.geodata.tile_reader import read_tile


def tile_at(lon: float, lat: float, z: int) -> tuple[int, int, int]:
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return z, int((lon + 180) / 360 * 2**z), int(y * 2**z)


def place(east: float, north: float) -> tuple[float, float]:
    lon, lat = LocalProjection(*ORIGIN).to_degrees(east * 100.0, north * 100.0)
    return float(lon), float(lat)


def source() -> CitySource:
    lake = box(*place(1, 1), *place(4, 4))
    features = [
        MapFeature("water", "lake", "月湖", lake),
        MapFeature("green", "park", "", box(*place(-4, -4), *place(-1, -1))),
        MapFeature("building", "yes", "鼓楼", box(*place(1, -1), *place(1.3, -0.7))),
        MapFeature("place", "suburb", "海曙区", Point(*place(0, 0)), 6),
        MapFeature("waterway", "river", "甬江", LineString([place(-5, 5), place(5, 6)]), 3),
        MapFeature("poi", "shop", "小店", Point(*place(0.5, 0.5))),
    ]
    ways = [
        way(1, 1, 2, highway="primary", name="中山路", oneway="yes", bridge="yes"),
        way(2, 2, 3, highway="residential"),
        way(3, 3, 4, 99, 5, highway="motorway_link", ref="G15"),
    ]
    places = {1: (-3, 0), 2: (0, 0), 3: (0, 3), 4: (3, 3), 5: (3, 0)}
    return city_source(places, ways, features=features)


@pytest.fixture(scope="module")
def base_map(tmp_path_factory: pytest.TempPathFactory) -> BaseMap:
    city = source()
    path = tmp_path_factory.mktemp("map") / "base.pmtiles"
    write_base_map(city, lay_out_streets(city, Counter()), path)
    return BaseMap(path)


def layers(base_map: BaseMap, z: int) -> dict[str, list[tuple[int, dict[str, Any]]]]:
    tile = base_map.tile(*tile_at(*ORIGIN, z))
    assert tile is not None
    return read_tile(tile)


def test_roads_carry_what_a_style_needs(base_map: BaseMap) -> None:
    roads = [properties for kind, properties in layers(base_map, 14)["road"] if kind == 2]
    primary = next(p for p in roads if p["class"] == "primary")
    assert primary == {"class": "primary", "kind": "primary", "name": "中山路", "rank": 10, "oneway": 1, "bridge": 1, "tunnel": 0}
    link = next(p for p in roads if p["class"] == "motorway")
    assert (link["kind"], link["name"], link["rank"]) == ("motorway_link", "G15", 12)
    nameless = next(p for p in roads if p["class"] == "residential")
    assert "name" not in nameless


def test_other_layers_are_there_with_their_names(base_map: BaseMap) -> None:
    tile = layers(base_map, 14)
    assert {name: (rows[0][0], rows[0][1]["kind"], rows[0][1].get("name")) for name, rows in tile.items() if name != "road"} == {
        "water": (3, "lake", "月湖"),
        "green": (3, "park", None),
        "building": (3, "yes", "鼓楼"),
        "place": (1, "suburb", "海曙区"),
        "waterway": (2, "river", "甬江"),
        "poi": (1, "shop", "小店"),
    }


@pytest.mark.parametrize(
    ("z", "shown", "classes"),
    [
        (6, {"road", "waterway"}, {"primary", "motorway"}),
        (9, {"road", "waterway", "place"}, {"primary", "motorway"}),
        (12, {"road", "waterway", "place", "water", "green"}, {"primary", "motorway", "residential"}),
        (13, {"road", "waterway", "place", "water", "green", "building"}, {"primary", "motorway", "residential"}),
    ],
)
def test_things_appear_at_their_zoom(base_map: BaseMap, z: int, shown: set[str], classes: set[str]) -> None:
    tile = layers(base_map, z)
    assert set(tile) <= shown
    assert {p["class"] for _, p in tile["road"]} == classes
    assert "building" not in tile or z >= 13


def test_metadata_names_the_layers_and_the_source(base_map: BaseMap) -> None:
    zooms = {layer["id"]: (layer["minzoom"], layer["maxzoom"]) for layer in base_map.metadata["vector_layers"]}
    assert zooms["road"] == (6, 14)
    assert zooms["building"] == (13, 14)
    assert base_map.metadata["attribution"] == "made for tests"
    assert (base_map.min_zoom, base_map.max_zoom) == (6, 14)
    west, south, east, north = base_map.bounds
    assert west < ORIGIN[0] < east
    assert south < ORIGIN[1] < north


@pytest.mark.parametrize("zxy", [(14, 0, 0), (5, 26, 13), (15, 0, 0), (14, -1, 3), (14, 3, 1 << 14), (-1, 0, 0), (99, 1, 1)])
def test_no_tile(base_map: BaseMap, zxy: tuple[int, int, int]) -> None:
    assert base_map.tile(*zxy) is None


def test_many_threads_read_the_same(base_map: BaseMap) -> None:
    wanted = [tile_at(*ORIGIN, z) for z in range(6, 15)] * 50
    expected = [base_map.tile(*zxy) for zxy in wanted]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda zxy: base_map.tile(*zxy), wanted)) == expected


def test_same_source_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        city = source()
        write_base_map(city, lay_out_streets(city, Counter()), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    city = source()
    whole = tmp_path / "whole.pmtiles"
    write_base_map(city, lay_out_streets(city, Counter()), whole)
    bad = tmp_path / "bad.pmtiles"
    for content in (b"", b"no tiles here", whole.read_bytes()[:60], whole.read_bytes()[:-1]):
        bad.write_bytes(content)
        with pytest.raises(CityError, match=r"bad\.pmtiles is no base map"):
            BaseMap(bad)
    with pytest.raises(CityError, match=r"none\.pmtiles is missing"):
        BaseMap(tmp_path / "none.pmtiles")


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """What the tile writer says of it is an error of its own kind."""
    city = source()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, hard))
    try:
        with pytest.raises(CityError, match=r"can't be written: .*File too large.*Make room"):
            write_base_map(city, lay_out_streets(city, Counter()), tmp_path / "base.pmtiles")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
