"""The snap grid against a look at every segment, and its refusals."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.projection import LocalProjection
from geodata.streets.graph import StreetGraph
from geodata.streets.snapping import MANY, OffNetwork, Segments, Snapper
from tests.geodata.networks import ORIGIN, Street, random_grid, street_graph

PROJECTION = LocalProjection(*ORIGIN)


def lonlat(x: float, y: float) -> tuple[float, float]:
    lon, lat = PROJECTION.to_degrees(x, y)
    return float(lon), float(lat)


def position(graph: StreetGraph, edge: int, fraction: float) -> tuple[float, float]:
    """Metres of a point along an edge, walked vertex by vertex."""
    step = 1 if graph.last_vertex[edge] >= graph.first_vertex[edge] else -1
    run = range(graph.first_vertex[edge], graph.last_vertex[edge] + step, step)
    points = [(graph.vertex_x[v], graph.vertex_y[v]) for v in run]
    left = fraction * sum(math.dist(a, b) for a, b in itertools.pairwise(points))
    for a, b in itertools.pairwise(points):
        length = math.dist(a, b)
        if left <= length:
            return a[0] + (b[0] - a[0]) * left / length, a[1] + (b[1] - a[1]) * left / length
        left -= length
    return points[-1]


@given(seed=st.integers(0, 2**32 - 1), profile=st.sampled_from(["car", "foot"]), cell_m=st.sampled_from([40.0, 150.0, 700.0]))
@settings(max_examples=40, deadline=None)
def test_nearest_of_all_streets(seed: int, profile: str, cell_m: float) -> None:
    rng = np.random.default_rng(seed)
    graph = random_grid(rng, side=5)
    snapper = Snapper(graph, Segments.of(graph, cell_m))
    x, y = rng.uniform(-300, 1200, (2, 30))
    lon, lat = PROJECTION.to_degrees(x, y)
    snapped = snapper.snap_all(lon, lat, profile)
    for i in range(len(x)):
        exact = snapper.distance_m(float(lon[i]), float(lat[i]), profile)
        assert exact is not None
        if snapped.edge[i] < 0:
            assert exact > 250
            continue
        assert snapped.distance_m[i] >= exact - 1e-6
        on_street = position(graph, int(snapped.edge[i]), float(snapped.fraction[i]))
        assert math.dist(on_street, (x[i], y[i])) == pytest.approx(snapped.distance_m[i], abs=1e-4)
        time_s = (graph.car if profile == "car" else graph.foot).time_s
        assert np.isfinite(time_s[snapped.edge[i]]) or np.isfinite(time_s[graph.twin[snapped.edge[i]]])


def test_distance_is_the_least_where_all_is_connected() -> None:
    graph = street_graph([(0, 0), (1000, 0), (1000, 1000)], [Street(0, 1), Street(1, 2, bend=0.3)])
    snapper = Snapper(graph)
    for x, y in [(500, 40), (900, 300), (1100, 900), (-200, -100), (1000, 0)]:
        lon, lat = lonlat(x, y)
        found = snapper.snap(lon, lat)
        assert found.distance_m == pytest.approx(snapper.distance_m(lon, lat), abs=1e-9)
        assert lonlat(*position(graph, found.edge, found.fraction)) == pytest.approx((found.lon, found.lat), abs=1e-9)


def test_one_point_alone_gives_edge_fraction_and_distance() -> None:
    graph = street_graph([(0, 0), (1000, 0)], [Street(0, 1)])
    found = Snapper(graph).snap(*lonlat(250, 30))
    assert (found.edge, found.fraction, found.distance_m) == (0, pytest.approx(0.25, abs=1e-6), pytest.approx(30, abs=1e-3))


def test_off_the_network_says_how_far() -> None:
    snapper = Snapper(street_graph([(0, 0), (1000, 0)], [Street(0, 1)]))
    with pytest.raises(OffNetwork, match=r"no street for profile car within 250 m, the nearest one is 300 m away") as caught:
        snapper.snap(*lonlat(500, 300))
    assert caught.value.distance_m == pytest.approx(300, abs=0.01)
    assert snapper.snap(*lonlat(500, 300), max_distance_m=301).distance_m == pytest.approx(300, abs=0.01)


@pytest.mark.parametrize("lon", [math.nan, math.inf, 1e300, -200.0])
def test_coordinates_that_are_no_place_are_off_the_network(lon: float) -> None:
    snapper = Snapper(street_graph([(0, 0), (1000, 0)], [Street(0, 1)]))
    with pytest.raises(OffNetwork):
        snapper.snap(lon, ORIGIN[1])
    assert snapper.snap_all([lon, ORIGIN[0]], [ORIGIN[1]] * 2).edge.tolist() == [-1, 0]


def test_each_profile_snaps_to_its_own_streets() -> None:
    graph = street_graph([(0, 0), (1000, 0), (0, 100), (1000, 100)], [Street(0, 1, car=False), Street(2, 3, foot=False)])
    snapper = Snapper(graph)
    assert snapper.snap(*lonlat(500, 10), profile="foot").edge == 0
    assert snapper.snap(*lonlat(500, 10), profile="car").edge == 2


def test_a_street_cut_off_from_the_network_is_the_last_choice() -> None:
    graph = street_graph([(0, 0), (5000, 0), (400, 60), (500, 60)], [Street(0, 1), Street(2, 3)])
    snapper = Snapper(graph)
    assert snapper.snap(*lonlat(450, 59)).edge == 0
    assert snapper.snap(*lonlat(450, 300)).edge == 2  # the connected street is too far


def test_a_city_without_streets_for_the_profile() -> None:
    snapper = Snapper(street_graph([(0, 0), (1000, 0)], [Street(0, 1, foot=False)]))
    with pytest.raises(OffNetwork, match="there is no such street in this city"):
        snapper.snap(*lonlat(500, 0), profile="foot")


def test_many_points_at_once_lie_where_each_lies_alone() -> None:
    """Many are cut in parts for several cores."""
    rng = np.random.default_rng(7)
    snapper = Snapper(random_grid(rng, side=5))
    lon, lat = PROJECTION.to_degrees(*rng.uniform(-300, 1200, (2, MANY + 1)))
    together = snapper.snap_all(lon, lat)
    alone = [snapper.snap_all(lon[i], lat[i]) for i in range(len(lon))]
    for name in ("edge", "fraction", "distance_m"):
        assert getattr(together, name).tolist() == [getattr(one, name)[0] for one in alone], name
