"""Reading OpenStreetMap extracts, clean ones and dirty ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import osmium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from osmium.osm.mutable import Node, Relation, Way

from geodata.building.source import CitySource
from geodata.cities.city import CityError
from geodata.openstreetmap.osm import read_osm
from geodata.openstreetmap.osm_tags import INTERESTING_KEYS, LINE_KEYS, POINT_KEYS, elements_of, line_layer, place_rank, poi_kind
from geodata.openstreetmap.time_zones import guess_time_zone

# A square of 0.01 degrees with a street, a lake and things of a city; ids are arbitrary.
CORNERS = {1: (121.50, 29.80), 2: (121.51, 29.80), 3: (121.51, 29.81), 4: (121.50, 29.81)}


def write_pbf(path: Path, *things: Any) -> Path:
    with osmium.SimpleWriter(str(path)) as writer:
        for node_id, place in CORNERS.items():
            writer.add_node(Node(id=node_id, location=place))
        for thing in things:
            {Node: writer.add_node, Way: writer.add_way, Relation: writer.add_relation}[type(thing)](thing)
    return path


def node(node_id: int, lon: float, lat: float, **tags: str) -> Node:
    return Node(id=node_id, location=(lon, lat), tags={key.replace("__", ":"): value for key, value in tags.items()})


STREET = Way(id=100, nodes=[1, 2, 3], tags={"highway": "primary", "name": "中山路"})


def elements(source: CitySource) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for e in source.elements:
        found.setdefault(e.element, []).append(e.element_id)
    return found


def test_streets_and_only_their_nodes(tmp_path: Path) -> None:
    source = read_osm(write_pbf(tmp_path / "a.osm.pbf", STREET, Way(id=101, nodes=[3, 4], tags={"highway": "proposed"})))
    assert [(w.way_id, w.nodes, w.tags["name"]) for w in source.ways] == [(100, (1, 2, 3), "中山路")]
    assert dict(zip(source.node_ids.tolist(), zip(source.node_lon, source.node_lat, strict=True), strict=True)) == {
        i: pytest.approx(CORNERS[i], abs=1e-7) for i in (1, 2, 3)
    }
    assert source.problems["highway_not_used: proposed"] == 1
    assert source.boundary is None
    assert not source.schematic


def test_catalogue_elements_from_tags_with_stable_ids(tmp_path: Path) -> None:
    source = read_osm(
        write_pbf(
            tmp_path / "a.osm.pbf",
            node(10, 121.501, 29.801, emergency="fire_hydrant"),
            node(11, 121.502, 29.801, amenity="fire_station", name="一站"),
            node(12, 121.503, 29.801, railway="station", station="subway", name="鼓楼"),
            node(13, 121.503, 29.801, railway="subway_entrance", name="鼓楼 A"),
            node(14, 121.504, 29.801, amenity="school", name="中学", name__en="School"),
            node(15, 121.505, 29.801, man_made="surveillance", camera__direction="NE"),
            node(16, 121.505, 29.801, man_made="surveillance", surveillance="indoor"),
            node(17, 121.506, 29.801, office="government", name="区政府"),
            node(18, 121.506, 29.801, shop="bakery", name="面包店"),
            STREET,
            Way(id=200, nodes=[1, 2, 3, 4, 1], tags={"amenity": "hospital", "building": "yes", "name": "第一医院"}),
        )
    )
    assert elements(source) == {
        "hydrant": ["osm-n10"],
        "fire_station": ["osm-n11"],
        "metro_station": ["osm-n12"],
        "key_place": ["osm-n14", "osm-w200"],
        "street_camera": ["osm-n15"],
        "service_hall": ["osm-n17"],
    }
    by_id = {e.element_id: e for e in source.elements}
    assert by_id["osm-n14"].properties == {"name": "中学", "name_en": "School", "kind": "school"}
    assert by_id["osm-n15"].properties == {"heading_deg": 45.0}
    assert (by_id["osm-w200"].lon, by_id["osm-w200"].lat) == pytest.approx((121.505, 29.805), abs=0.005)
    assert [(f.kind, f.name) for f in source.features if f.layer == "poi"] == [("subway_entrance", "鼓楼 A"), ("bakery", "面包店")]


def test_shapes_of_the_base_map(tmp_path: Path) -> None:
    members = [("w", 201, "outer"), ("w", 202, "outer")]
    source = read_osm(
        write_pbf(
            tmp_path / "a.osm.pbf",
            node(10, 121.505, 29.805, place="town", name="镇", population="120000"),
            STREET,
            Way(id=201, nodes=[1, 2, 3]),
            Way(id=202, nodes=[3, 4, 1]),
            Way(id=203, nodes=[1, 2, 3, 4, 1], tags={"landuse": "forest"}),
            Way(id=204, nodes=[1, 3], tags={"waterway": "river", "name": "甬江"}),
            Way(id=205, nodes=[2, 4], tags={"railway": "rail"}),
            Relation(id=300, members=members, tags={"type": "multipolygon", "natural": "water", "name": "湖"}),
            Relation(id=301, members=[("w", 999, "outer")], tags={"type": "multipolygon", "natural": "water"}),
        )
    )
    shapes = {(f.layer, f.kind, f.name): f for f in source.features}
    assert shapes[("water", "water", "湖")].geometry.area == pytest.approx(1e-4, rel=1e-3)
    assert shapes[("green", "forest", "")].geometry.area == pytest.approx(1e-4, rel=1e-3)
    assert ("waterway", "river", "甬江") in shapes
    assert ("rail", "rail", "") in shapes
    assert shapes[("place", "town", "镇")].rank == 9
    assert source.name == "镇"
    assert source.problems["area_with_missing_members"] == 1


def test_clipped_ways_are_drawn_in_parts_and_counted(tmp_path: Path) -> None:
    source = read_osm(
        write_pbf(
            tmp_path / "a.osm.pbf",
            STREET,
            Way(id=201, nodes=[1, 2, 77, 3, 4, 78], tags={"waterway": "river"}),
            Way(id=202, nodes=[1, 2, 79, 1], tags={"building": "yes"}),
        )
    )
    rivers = [f.geometry for f in source.features if f.layer == "waterway"]
    assert [len(line.coords) for line in rivers] == [2, 2]
    assert source.problems["line_with_missing_nodes"] == 1
    assert source.problems["area_with_missing_nodes"] == 1


def test_restrictions_of_every_kind(tmp_path: Path) -> None:
    def relation(relation_id: int, members: list[tuple[str, int, str]], **tags: str) -> Relation:
        return Relation(id=relation_id, members=members, tags={"type": "restriction", **{k.replace("__", ":"): v for k, v in tags.items()}})

    simple = [("w", 100, "from"), ("n", 2, "via"), ("w", 101, "to")]
    source = read_osm(
        write_pbf(
            tmp_path / "a.osm.pbf",
            STREET,
            relation(300, simple, restriction="no_left_turn", **{"except": "psv; emergency"}),
            relation(301, [*simple, ("w", 102, "to")], restriction="no_exit"),
            relation(302, [("w", 100, "from"), ("w", 103, "via"), ("w", 101, "to")], restriction="no_u_turn"),
            relation(303, simple, restriction__conditional="no_left_turn @ (07:00-09:00)"),
            relation(304, simple, restriction="no_left_turn", hour_on="7", hour_off="9"),
            relation(305, simple, restriction__hgv="no_left_turn"),
            relation(306, [("w", 100, "from"), ("w", 101, "to")], restriction="no_left_turn"),
            relation(307, simple, restriction__motorcar="only_right_turn"),
        )
    )
    assert [(r.restriction_id, r.kind, r.to_way, r.via_node, r.via_ways) for r in source.restrictions] == [
        (300, "no_left_turn", 101, 2, ()),
        (301, "no_exit", 101, 2, ()),
        (301, "no_exit", 102, 2, ()),
        (302, "no_u_turn", 101, None, (103,)),
        (307, "only_right_turn", 101, 2, ()),
    ]
    assert source.restrictions[0].except_modes == {"psv", "emergency"}
    assert source.read["restrictions"] == 8
    assert source.problems["restriction_conditional_not_applied"] == 2
    assert source.problems["restriction_for_others"] == 1
    assert source.problems["restriction_without_members"] == 1


def write_boundary(path: Path, west: float, south: float, east: float, north: float) -> Path:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    path.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}))
    return path


def test_boundary_keeps_what_is_near_and_names_what_is_inside(tmp_path: Path) -> None:
    boundary = write_boundary(tmp_path / "b.geojson", 121.499, 29.799, 121.511, 29.811)
    pbf = write_pbf(
        tmp_path / "a.osm.pbf",
        node(10, 121.505, 29.805, amenity="school", name="里"),
        node(11, 121.52, 29.805, amenity="school", name="外"),
        node(20, 122.0, 29.8),
        node(21, 122.1, 29.8),
        STREET,
        Way(id=101, nodes=[20, 21], tags={"highway": "primary"}),
        Way(id=204, nodes=[1, 20], tags={"waterway": "river"}),
    )
    source = read_osm(pbf, boundary=boundary)
    assert [w.way_id for w in source.ways] == [100]
    assert source.problems["street_outside_boundary"] == 1
    assert elements(source) == {"key_place": ["osm-n10"]}
    river = next(f.geometry for f in source.features if f.layer == "waterway")
    assert river.bounds[2] == pytest.approx(121.511 + 0.02)
    assert source.boundary is not None
    assert source.organisations[0].jurisdiction.equals(source.boundary)


def test_organisations_are_made_from_police_posts(tmp_path: Path) -> None:
    pbf = write_pbf(
        tmp_path / "a.osm.pbf",
        node(10, 121.502, 29.805, amenity="police", name="西所"),
        node(11, 121.508, 29.805, amenity="police"),
        STREET,
    )
    city, west, east = read_osm(pbf, code="330200000000", name="宁波").organisations
    assert (city.code, city.level, city.parent, city.has_command_room) == ("330200000000", "city", None, True)
    assert (west.code, west.name, west.level, west.parent) == ("330200000100", "西所", "station", "330200000000")
    assert (east.code, east.name) == ("330200000200", "宁波 2")
    assert west.jurisdiction.bounds[2] == pytest.approx(121.505, abs=1e-6)
    assert west.jurisdiction.area + east.jurisdiction.area == pytest.approx(city.jurisdiction.area)


@pytest.mark.parametrize("content", [b"", b"hello, this is no map\n" * 99, b"\x00" * 500, b'{"type": "FeatureCollection"}'])
def test_files_of_another_kind_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "city.osm.pbf"
    path.write_bytes(content)
    with pytest.raises(CityError, match=r"city\.osm\.pbf .*(etch it|etch the extract) again"):
        read_osm(path)


def test_missing_file_and_wrong_code_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CityError, match=r"none\.osm\.pbf is not there"):
        read_osm(tmp_path / "none.osm.pbf")
    with pytest.raises(CityError, match="'3302' has 4 characters, not 12"):
        read_osm(write_pbf(tmp_path / "a.osm.pbf", STREET), code="3302")


def test_extract_without_streets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CityError, match="holds no streets"):
        read_osm(write_pbf(tmp_path / "a.osm.pbf", node(10, 121.5, 29.8, amenity="school", name="x")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "can't be read"),
        ("[]", "can't be read"),
        ('{"type": "Point", "coordinates": [121, 29]}', "holds no polygon"),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [500000, 0], [500000, 500000], [0, 0]]]}', "these are no degrees"),
    ],
)
def test_bad_boundaries_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "b.geojson").write_text(text)
    with pytest.raises(CityError, match=message):
        read_osm(write_pbf(tmp_path / "a.osm.pbf", STREET), boundary=tmp_path / "b.geojson")


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        ((121.55, 29.87), "Asia/Shanghai"),
        ((9.52, 47.14), "Europe/Vaduz"),
        ((24.94, 60.17), "Europe/Helsinki"),
        ((-179.9, -16.8), "Pacific/Fiji"),
    ],
)
def test_time_zone_of_the_nearest_principal_town(place: tuple[float, float], zone: str) -> None:
    assert guess_time_zone(*place) == zone


@pytest.mark.shared_data
def test_cut_off_extract_is_refused_wherever_it_ends(shared_data: Path, tmp_path: Path) -> None:
    whole = (shared_data / "osm" / "liechtenstein-latest.osm.pbf").read_bytes()
    path = tmp_path / "cut.osm.pbf"
    for size in range(1, len(whole), len(whole) // 12):
        path.write_bytes(whole[:size])
        with pytest.raises(CityError, match=r"cut\.osm\.pbf"):
            read_osm(path)


@given(
    tags=st.dictionaries(
        st.sampled_from([*INTERESTING_KEYS, "name", "name:zh", "name:en", "admin_level", "station", "subway", "surveillance"]),
        st.sampled_from(
            ["yes", "no", "river", "coastline", "rail", "station", "subway", "administrative", "4", "school", "police", "city", "pub"]
        ),
    )
)
@settings(max_examples=300)
def test_what_is_skipped_without_a_look_is_nothing(tags: dict[str, str]) -> None:
    if tags.keys().isdisjoint(POINT_KEYS):
        assert (elements_of(tags), place_rank(tags), poi_kind(tags)) == ([], None, None)
    if tags.keys().isdisjoint(LINE_KEYS):
        assert line_layer(tags) is None
