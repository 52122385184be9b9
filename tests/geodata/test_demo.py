"""The built-in demo city: what it must hold, that it hangs together, and that it is the same every time."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from shapely.geometry import Point

import geodata.demo
from dispatch.catalogue import load_catalogue
from dispatch.codes import load_codes
from geodata.building.build import _write_organisations, _write_responsibility
from geodata.building.source import CitySource, SourceWay
from geodata.demo import _version_of, demo_source, demo_version
from geodata.demo.ground import DATA, PROJECTION, Ground, read_features, read_ground, to_metres
from geodata.districts.jurisdictions import Jurisdictions
from geodata.districts.responsibility import FILE_NAME, Answer, Kind, Responsibility, load_rules
from geodata.routing.searches import Ground as SearchGround
from geodata.routing.searches import RoadPoint
from tests.geodata.comparison import check
from tests.geodata.planted import plant_over_ways
from tests.geodata.reference import car_reference
from tests.geodata.sources import graph_of

NOT_FOR_CARS = {"pedestrian", "footway"}
COARSE = 30.0


@pytest.fixture(scope="module")
def source() -> CitySource:
    return demo_source()


@pytest.fixture(scope="module")
def coarse() -> CitySource:
    """With fewer streets, for what has to be built more than once."""
    return demo_source(block_scale=COARSE)


@pytest.fixture(scope="module")
def ground() -> Ground:
    return read_ground()


def cars(source: CitySource) -> list[SourceWay]:
    return [way for way in source.ways if way.tags["highway"] not in NOT_FOR_CARS]


def segments(source: CitySource, ways: list[SourceWay]) -> tuple[np.ndarray, np.ndarray]:
    """(index into `ways`, pair of node ids) of every straight piece."""
    owner = np.repeat(np.arange(len(ways)), [len(way.nodes) - 1 for way in ways])
    return owner, np.array([pair for way in ways for pair in pairwise(way.nodes)])


def in_metres(source: CitySource) -> np.ndarray:
    return shapely.get_coordinates(to_metres(shapely.multipoints(np.column_stack([source.node_lon, source.node_lat]))))


def fingerprint(source: CitySource) -> str:
    digest = hashlib.sha256()
    for array in (source.node_ids, source.node_lon, source.node_lat):
        digest.update(array.tobytes())
    for rows in (source.ways, source.restrictions, source.elements):
        digest.update(repr(rows).encode())
    for feature in source.features:
        digest.update(repr((feature.layer, feature.kind, feature.name, feature.rank)).encode() + feature.geometry.wkb)
    for o in source.organisations:
        digest.update(repr((o.code, o.name, o.lon, o.lat)).encode() + (o.jurisdiction.wkb if o.jurisdiction else b""))
    digest.update(repr(source.responsibility).encode())
    return digest.hexdigest()


def test_searches_equal_the_reference(source: CitySource) -> None:
    """A sample of `bench exact`, with restrictions over ways, of which the demo city has none."""
    planted = plant_over_ways(source, graph_of(source)[0], 400)
    graph, counts = graph_of(planted)
    assert counts["restriction_over_ways_applied"] > 50
    reference, ground = car_reference(planted, graph), SearchGround(graph)
    rng = np.random.default_rng(0)
    begun = np.array([e for run in reference.runs for e in run])
    for edge in [*rng.choice(np.flatnonzero(np.isfinite(graph.car.time_s)), 5), *rng.choice(begun, 5)]:
        check(reference, ground, RoadPoint(int(edge), float(rng.random()), 0.0, 0.0, 0.0), 180, 20, rng)


def test_it_has_a_hundred_thousand_directed_car_edges(source: CitySource) -> None:
    ends_and_passes: Counter[int] = Counter()
    for way in source.ways:
        ends_and_passes.update(way.nodes)
        ends_and_passes.update((way.nodes[0], way.nodes[-1]))
    directed = 0
    for way in cars(source):
        pieces = 1 + sum(ends_and_passes[node] > 1 for node in way.nodes[1:-1])
        directed += pieces if way.tags.get("oneway") == "yes" else 2 * pieces
    assert 100_000 <= directed <= 180_000


def test_every_street_reaches_every_other_by_car(source: CitySource) -> None:
    tail, head = [], []
    for way in cars(source):
        for a, b in pairwise(way.nodes):
            tail.append(a - 1)
            head.append(b - 1)
            if way.tags.get("oneway") != "yes":
                tail.append(b - 1)
                head.append(a - 1)
    count = len(source.node_ids)
    graph = csr_matrix((np.ones(len(tail)), (tail, head)), shape=(count, count))
    _, part = connected_components(graph, directed=True, connection="strong")
    largest = np.bincount(part).argmax()
    assert np.mean((part[tail] == largest) & (part[head] == largest)) > 0.999


def test_rivers_are_crossed_only_on_bridges_and_in_tunnels(source: CitySource, ground: Ground) -> None:
    open_ways = [way for way in source.ways if "bridge" not in way.tags and "tunnel" not in way.tags]
    owner, pairs = segments(source, open_ways)
    lines = shapely.linestrings(in_metres(source)[pairs - 1])
    for river in ground.rivers:
        surface = river.area.buffer(-1.0)
        shapely.prepare(surface)
        wet = {open_ways[i].tags.get("name", "?") for i in owner[shapely.intersects(surface, lines)]}
        assert wet == set(), river.name


def test_every_named_bridge_carries_a_street(source: CitySource) -> None:
    carried = {way.tags.get("bridge:name") or way.tags.get("tunnel:name") for way in source.ways}
    named = {feature["properties"]["name"] for feature in read_features("bridges.geojson")}
    assert {"灵桥", "江厦桥", "解放桥", "新江桥", "外滩大桥", "甬江大桥", "庆丰桥", "常洪隧道", "明州大桥", "招宝山大桥"} <= named & carried
    assert named - carried == set()


def test_streets_keep_off_the_sea_and_inside_the_city(source: CitySource, ground: Ground) -> None:
    assert shapely.contains_xy(source.boundary, source.node_lon, source.node_lat).all()
    surface_ways = [way for way in source.ways if not way.tags["highway"].startswith(("motorway", "trunk"))]
    owner, pairs = segments(source, surface_ways)
    sea = ground.sea.buffer(-1.0)
    shapely.prepare(sea)
    wet = shapely.intersects(sea, shapely.linestrings(in_metres(source)[pairs - 1]))
    assert [surface_ways[i].tags for i in owner[wet]] == []


def test_surface_streets_meet_only_at_nodes(source: CitySource) -> None:
    xy = in_metres(source)
    near = {int(i) + 1 for i in np.flatnonzero(np.hypot(*xy.T) < 4_000.0)}
    surface = [
        way
        for way in source.ways
        if not way.tags["highway"].startswith(("motorway", "trunk")) and near.issuperset(way.nodes) and "tunnel" not in way.tags
    ]
    _, pairs = segments(source, surface)
    lines = shapely.linestrings(xy[pairs - 1])
    a, b = shapely.STRtree(lines).query(lines, predicate="crosses")
    # Bends of half a millimetre at a junction are rounding, not a crossing.
    apart = [(i, k) for i, k in zip(a, b, strict=True) if i < k and not set(pairs[i]) & set(pairs[k]) and _depth(lines[i], lines[k]) > 0.1]
    assert len(surface) > 2_000
    assert apart == []


def _depth(one: shapely.LineString, other: shapely.LineString) -> float:
    """How far two crossing lines reach beyond each other, metres."""
    at = one.intersection(other)
    return min(at.distance(Point(c)) for line in (one, other) for c in line.coords)


def test_the_ten_districts_are_counties_with_stations(source: CitySource) -> None:
    counties = {o.code: o for o in source.organisations if o.level == "county"}
    codes = "203 205 206 211 212 213 225 226 281 282".split()  # noqa: SIM905
    assert sorted(counties) == [f"330{code}000000" for code in codes]
    assert [o.code for o in source.organisations if o.level == "city"] == ["330200000000"]
    with_area = [o for o in source.organisations if o.level == "station" and o.jurisdiction is not None]
    assert 140 <= len(with_area) <= 170
    assert sum(o.has_command_room for o in source.organisations if o.level == "station") == 56
    assert all(o.has_command_room for o in source.organisations if o.level != "station")
    assert len({o.code for o in source.organisations}) == len(source.organisations)
    for code, county in counties.items():
        stations = [o for o in with_area if o.parent == code]
        assert len(stations) >= 9
        assert all(len(o.code) == 12 and o.code.startswith(code[:6]) for o in stations)
        assert sum(o.jurisdiction.area for o in stations) == pytest.approx(county.jurisdiction.area, rel=1e-6)
        assert all(o.jurisdiction.covers(Point(o.lon, o.lat)) for o in stations), county.name


def test_county_bureaus_stand_in_their_districts(source: CitySource) -> None:
    for o in source.organisations:
        if o.level == "county":
            assert o.jurisdiction.contains(Point(o.lon, o.lat)), o.name


def test_elements_are_those_of_the_catalogue_and_have_an_answering_station(source: CitySource) -> None:
    counts = Counter(e.element for e in source.elements)
    assert counts.keys() <= load_catalogue().kinds.keys()
    assert counts["street_camera"] == 2_000
    assert counts["duty_post"] == 200
    assert counts["hydrant"] == 3_000
    assert counts["command_room"] == 1 + 10 + 56
    assert counts["key_place"] > 550
    assert counts["checkpoint"] == 60
    assert counts["hazmat_site"] == 40
    assert Counter(e.properties["line"] for e in source.elements if e.element == "metro_station") == {1: 29, 2: 27}
    codes = {o.code for o in source.organisations}
    assert len({e.element_id for e in source.elements}) == len(source.elements)
    assert all(e.properties["org_code"] in codes and e.properties["demo"] for e in source.elements)
    assert shapely.contains_xy(source.boundary, [e.lon for e in source.elements], [e.lat for e in source.elements]).all()
    cameras = [e for e in source.elements if e.element == "street_camera"]
    assert cameras[0].element_id == "cam-00001"
    assert all(0 <= e.properties["heading_deg"] < 360 and e.properties["fov_deg"] > 0 and e.properties["name"] for e in cameras)


def test_most_elements_answer_to_the_station_whose_area_they_stand_in(source: CitySource) -> None:
    areas = {o.code: o.jurisdiction for o in source.organisations if o.level == "station" and o.jurisdiction is not None}
    placed = [e for e in source.elements if e.properties["org_code"] in areas]
    inside = [areas[e.properties["org_code"]].covers(Point(e.lon, e.lat)) for e in placed]
    assert np.mean(inside) > 0.98


def test_restrictions_forbid_left_turns_between_ways_that_meet(source: CitySource) -> None:
    ways = {way.way_id: way for way in source.ways}
    xy = in_metres(source)
    assert len(source.restrictions) > 100
    for r in source.restrictions:
        assert r.kind == "no_left_turn"
        came, went = ways[r.from_way].nodes, ways[r.to_way].nodes
        before = came[1] if came[0] == r.via_node else came[-2]
        after = went[1] if went[0] == r.via_node else went[-2]
        assert r.via_node in (came[0], came[-1])
        assert r.via_node in (went[0], went[-1])
        (ax, ay), (bx, by) = xy[r.via_node - 1] - xy[before - 1], xy[after - 1] - xy[r.via_node - 1]
        turn = math.degrees(math.atan2(ax * by - ay * bx, ax * bx + ay * by))
        assert 45 < turn < 135


def test_streets_carry_the_tags_the_graph_needs(source: CitySource) -> None:
    by_class = Counter(way.tags["highway"] for way in source.ways)
    assert {"motorway", "motorway_link", "trunk", "primary", "secondary", "tertiary", "residential", "living_street", "pedestrian"} <= set(
        by_class
    )
    assert all("maxspeed" in way.tags for way in cars(source) if way.tags["highway"] != "track")
    assert all(way.tags.get("oneway") == "yes" for way in source.ways if way.tags["highway"] in ("motorway", "trunk", "motorway_link"))
    one_way = Counter(way.tags["highway"] for way in source.ways if way.tags.get("oneway") == "yes")
    assert one_way["residential"] + one_way["living_street"] + one_way["service"] > 150
    names = {way.tags.get("name") for way in source.ways}
    assert {"中山东路", "中山西路", "药行街", "百丈东路", "通途路", "人民路", "环城西路", "鄞县大道", "天一广场", "老外滩"} <= names


def test_node_numbers_are_one_to_n_and_all_in_use(source: CitySource) -> None:
    assert (source.node_ids == np.arange(1, len(source.node_ids) + 1)).all()
    assert set().union(*(way.nodes for way in source.ways)) == set(source.node_ids.tolist())
    assert [way.way_id for way in source.ways] == list(range(1, len(source.ways) + 1))
    assert all(len(way.nodes) > 1 and all(a != b for a, b in pairwise(way.nodes)) for way in source.ways)


def test_the_base_map_has_water_green_rail_borders_places_and_buildings(source: CitySource) -> None:
    layers = Counter(f.layer for f in source.features)
    assert set(layers) == {"water", "green", "waterway", "rail", "boundary", "place", "building"}
    assert layers["building"] > 15_000
    assert all(f.geometry.is_valid and not f.geometry.is_empty for f in source.features)
    names = {f.name for f in source.features}
    assert {"甬江", "余姚江", "奉化江", "东钱湖", "月湖", "四明山", "海曙区", "宁海县", "宁波"} <= names


def test_buildings_stand_clear_of_streets(source: CitySource) -> None:
    _, pairs = segments(source, [way for way in source.ways if not way.tags["highway"].startswith(("motorway", "trunk"))])
    xy = np.column_stack([source.node_lon, source.node_lat])
    streets = shapely.STRtree(shapely.linestrings(xy[pairs - 1]))
    buildings = [f.geometry for f in source.features if f.layer == "building"]
    hit, _ = streets.query(buildings, predicate="intersects")
    # Stubs of dead ends run into blocks; they may touch a few.
    assert len(np.unique(hit)) < 0.01 * len(buildings)


def test_the_same_seed_gives_the_same_city_whatever_the_hash_seed(coarse: CitySource) -> None:
    code = (
        "from geodata.demo import demo_source; from tests.geodata.test_demo import fingerprint, COARSE; "
        "print(fingerprint(demo_source(block_scale=COARSE)))"
    )
    root = Path(geodata.demo.__file__).parents[2]
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, env={**os.environ, "PYTHONHASHSEED": "12345"}, check=True
    )
    assert there.stdout.strip() == fingerprint(coarse)


def test_another_seed_gives_other_streets_and_the_same_organisations(coarse: CitySource) -> None:
    other = demo_source(7, block_scale=COARSE)
    assert [o.code for o in coarse.organisations] == [o.code for o in other.organisations]
    assert fingerprint(coarse) != fingerprint(other)


def test_the_version_follows_code_and_data(tmp_path: Path) -> None:
    copy = tmp_path / "geodata"
    shutil.copytree(Path(geodata.demo.__file__).parents[1], copy)
    versions = {demo_version()}
    assert _version_of(copy) in versions
    for number, changed in enumerate(("street_rules.py", "demo/names.py", "demo/data/bridges.geojson"), start=2):
        (copy / changed).write_text("# changed\n", encoding="utf-8")
        versions.add(_version_of(copy))
        assert len(versions) == number


def test_sources_name_every_data_file_and_the_outlines_are_small() -> None:
    sources = (DATA / "SOURCES.md").read_text(encoding="utf-8")
    files = sorted(path.name for path in DATA.glob("*.geojson"))
    assert len(files) == 5
    assert all(f"`{name}`" in sources for name in files)
    assert (DATA / "districts.geojson").stat().st_size < 300_000


def test_districts_share_their_borders(ground: Ground) -> None:
    outlines = np.array([district.outline for district in ground.districts])
    assert len(outlines) == 10
    assert shapely.coverage_is_valid(outlines)


@pytest.fixture(scope="module")
def responsibility(source: CitySource, tmp_path_factory: pytest.TempPathFactory) -> Responsibility:
    """By the table as it stands in the built folder."""
    folder = tmp_path_factory.mktemp("demo")
    _write_organisations(source, folder)
    _write_responsibility(source, folder)
    rows, areas = (json.loads((folder / name).read_text()) for name in ("organisations.json", "jurisdictions.geojson"))
    parents = {row["code"]: row["parent"] for row in rows}
    rules = load_rules(folder / FILE_NAME, parents, {kind.id for kind in load_codes().incident_type})
    return Responsibility(Jurisdictions(rows, areas, PROJECTION), rules, parents)


@pytest.mark.parametrize(
    ("incident_type", "point", "code", "kind"),
    [
        ("traffic_accident", (121.5437, 29.8706), "330203910000", Kind.TRAFFIC),  # 海曙
        ("traffic_injury", (121.5800, 29.8800), "330212910000", Kind.TRAFFIC),  # 鄞州
        ("drunk_driving", (121.4060, 29.6600), "330213910000", Kind.TRAFFIC),  # 奉化
    ],
)
def test_accidents_are_the_traffic_brigades(
    responsibility: Responsibility, incident_type: str, point: tuple[float, float], code: str, kind: Kind
) -> None:
    assert responsibility.of(incident_type, *point) == Answer(code, kind)
    assert responsibility.of("theft", *point).kind == Kind.TERRITORY


def test_accidents_on_motorways_are_the_citys_traffic_division(source: CitySource, responsibility: Responsibility) -> None:
    on_motorways = {node for way in source.ways if way.tags["highway"] == "motorway" for node in way.nodes}
    beside = {node for way in source.ways if way.tags["highway"] == "residential" for node in way.nodes} - on_motorways

    def answers(nodes: set[int], incident_type: str) -> Counter[Answer | Kind]:
        points = [(float(source.node_lon[n - 1]), float(source.node_lat[n - 1])) for n in sorted(nodes)[::20]]
        return Counter(responsibility.of(incident_type, *point).kind for point in points)

    assert set(answers(on_motorways, "traffic_accident")) == {Kind.EXPRESSWAY}
    assert set(answers(on_motorways, "theft")) == {Kind.TERRITORY}
    of_streets = answers(beside, "traffic_accident")
    assert of_streets[Kind.TRAFFIC] > 0.99 * of_streets.total()
