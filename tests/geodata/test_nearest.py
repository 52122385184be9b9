"""Nearest units, times and routes against scipy and against each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.projection import LocalProjection
from geodata.routing.isochrones import StreetShapes
from geodata.routing.nearest import NoRoute, Target, UnitPlacement, nearest_units, route, unit_times
from geodata.routing.searches import Ground
from geodata.streets.graph import PROFILES, StreetGraph
from geodata.streets.snapping import Snapper
from tests.geodata.networks import FOOT_MPS, ORIGIN, Street, labels_by_scipy, random_grid, street_graph

PROJECTION = LocalProjection(*ORIGIN)


def lonlat(x: float, y: float) -> tuple[float, float]:
    lon, lat = PROJECTION.to_degrees(x, y)
    return float(lon), float(lat)


def target(snapper: Snapper, x: float, y: float) -> Target:
    return {profile: snapper.snap(*lonlat(x, y), profile=profile) for profile in PROFILES}


def random_units(rng: np.random.Generator, snapper: Snapper, count: int, extent_m: float) -> UnitPlacement:
    lon, lat = PROJECTION.to_degrees(*rng.uniform(-100, extent_m, (2, count)))
    return UnitPlacement.place(snapper, lon, lat, rng.choice(len(PROFILES), count, p=[0.6, 0.2, 0.2]))


def oracle_eta_s(ground: Ground, goal: Target, units: UnitPlacement) -> np.ndarray:
    """Times by scipy over the whole network, the rest of each unit's edge added in plain Python."""
    eta = np.full(len(units.lon), np.inf)
    for number, profile in enumerate(PROFILES):
        p = ground.profiles[profile]
        point = goal[profile]
        assert point is not None
        edges, fractions = ground.seeds(point, p)
        label = labels_by_scipy(ground, point, np.inf, True, profile)
        for i in np.flatnonzero((units.edge >= 0) & (units.profile == number)):
            e, f = int(units.edge[i]), float(units.fraction[i])
            for edge, at in ((e, f), (int(ground.twin[e]), 1 - f)):
                if not np.isfinite(p.time_s[edge]):
                    continue
                time_s = float(p.time_s[edge])
                eta[i] = min(eta[i], label[edge] + (1 - at) * time_s)
                for seed, goal_at in zip(edges, fractions, strict=True):
                    if seed == edge and goal_at >= at:
                        eta[i] = min(eta[i], (goal_at - at) * time_s)
    return eta


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_k_nearest_equal_scipy(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_grid(rng)
    ground, snapper = Ground(graph), Snapper(graph)
    goal = target(snapper, 500, 500)
    units = random_units(rng, snapper, 30, 1100)
    expected = oracle_eta_s(ground, goal, units)
    expected[expected > 3600] = np.inf
    among = rng.random(30) < 0.8
    found = nearest_units(ground, goal, units, k, among)
    best = np.sort(np.where(among, expected, np.inf))[:k]
    np.testing.assert_allclose(found.eta_s, best[np.isfinite(best)], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(expected[found.index], found.eta_s, rtol=1e-9, atol=1e-9)
    assert among[found.index].all()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_route_agrees_with_the_time_and_its_line_with_the_metres(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_grid(rng)
    ground, snapper, shapes = Ground(graph), Snapper(graph), StreetShapes(graph)
    goal = target(snapper, 500, 500)
    units = random_units(rng, snapper, 8, 1100)
    times = unit_times(ground, goal, units, 3600)
    for i in range(8):
        profile = PROFILES[units.profile[i]]
        if not np.isfinite(times.eta_s[i]):
            continue
        start = snapper.snap(float(units.lon[i]), float(units.lat[i]), profile)
        way = route(ground, shapes, start, goal[profile], profile)  # type: ignore[arg-type]
        assert way.eta_s == pytest.approx(times.eta_s[i], abs=1e-6)
        assert way.distance_m == pytest.approx(times.distance_m[i], abs=1e-3)
        x, y = PROJECTION.to_metres(way.lonlat[:, 0], way.lonlat[:, 1])
        assert float(np.hypot(np.diff(x), np.diff(y)).sum()) == pytest.approx(way.distance_m, abs=0.2 * len(x))
        end = goal[profile]
        assert way.lonlat[0].tolist() == pytest.approx([start.lon, start.lat], abs=2e-6)
        assert way.lonlat[-1].tolist() == pytest.approx([end.lon, end.lat], abs=2e-6)


def crossroads() -> StreetGraph:
    """A river with one bridge far away: the unit across the water is near by eye and far by road."""
    nodes = [(0.0, 0.0), (3000.0, 0.0), (0.0, 200.0), (3000.0, 200.0)]
    return street_graph(nodes, [Street(0, 1), Street(2, 3), Street(1, 3)])


def test_the_unit_across_the_river_is_not_the_nearest() -> None:
    graph = crossroads()
    ground, snapper = Ground(graph), Snapper(graph)
    lon, lat = zip(lonlat(100, 200), lonlat(1500, 0), strict=True)
    units = UnitPlacement.place(snapper, lon, lat, [False, False])
    found = nearest_units(ground, target(snapper, 100, 0), units, 2)
    assert found.index.tolist() == [1, 0]
    assert found.eta_s.tolist() == pytest.approx([140, 290 + 20 + 290], abs=1e-2)
    assert found.distance_m.tolist() == pytest.approx([1400, 6000], abs=0.1)


def test_foot_patrols_go_at_foot_speed() -> None:
    graph = street_graph([(0, 0), (3000, 0)], [Street(0, 1)])
    ground, snapper = Ground(graph), Snapper(graph)
    lon, lat = zip(lonlat(1000, 0), lonlat(1300, 0), strict=True)
    units = UnitPlacement.place(snapper, lon, lat, [False, True])
    times = unit_times(ground, target(snapper, 1600, 0), units, 600)
    assert times.eta_s.tolist() == pytest.approx([60, 300 / FOOT_MPS], abs=0.01)


def test_limit_mask_and_units_off_the_network() -> None:
    graph = street_graph([(0, 0), (3000, 0)], [Street(0, 1)])
    ground, snapper = Ground(graph), Snapper(graph)
    lon, lat = zip(lonlat(1000, 0), lonlat(2900, 0), lonlat(1500, 900), lonlat(1100, 0), strict=True)
    units = UnitPlacement.place(snapper, lon, lat, [False] * 4)
    goal = target(snapper, 1200, 0)
    times = unit_times(ground, goal, units, 60, among=np.array([True, True, True, False]))
    assert times.eta_s.tolist() == [pytest.approx(20, abs=1e-3), np.inf, np.inf, np.inf]
    assert times.distance_m.tolist() == [pytest.approx(200, abs=1e-2), np.inf, np.inf, np.inf]
    assert nearest_units(ground, goal, units, 9).index.tolist() == [3, 0, 1]
    assert len(nearest_units(ground, goal, units, 9, among=np.zeros(4, bool)).index) == 0


def test_moving_units_snap_again_and_leave_the_old_placement_alone() -> None:
    rng = np.random.default_rng(7)
    graph = random_grid(rng)
    snapper = Snapper(graph)
    before = random_units(rng, snapper, 20, 1100)
    lon, lat = before.lon.copy(), before.lat.copy()
    lon[[3, 7]], lat[[3, 7]] = PROJECTION.to_degrees([200.0, 640.0], [410.0, 5000.0])
    kept = before.edge.copy()
    after = before.updated(snapper, lon, lat)
    fresh = UnitPlacement.place(snapper, lon, lat, before.profile)
    np.testing.assert_array_equal(after.edge, fresh.edge)
    np.testing.assert_array_equal(after.fraction, fresh.fraction)
    assert after.edge[7] == -1
    np.testing.assert_array_equal(before.edge, kept)


def test_a_point_without_any_way_there() -> None:
    graph = street_graph([(0, 0), (1000, 0), (0, 900), (1000, 900)], [Street(0, 1), Street(2, 3)])
    ground, snapper, shapes = Ground(graph), Snapper(graph), StreetShapes(graph)
    with pytest.raises(NoRoute, match="within 60 minutes"):
        route(ground, shapes, snapper.snap(*lonlat(100, 0)), snapper.snap(*lonlat(100, 900)))


def test_a_route_to_the_same_place_takes_no_time() -> None:
    graph = street_graph([(0, 0), (1000, 0)], [Street(0, 1)])
    ground, snapper, shapes = Ground(graph), Snapper(graph), StreetShapes(graph)
    here = snapper.snap(*lonlat(400, 0))
    way = route(ground, shapes, here, here)
    assert (way.eta_s, way.distance_m, len(way.lonlat)) == (0, 0, 2)


def test_route_round_the_block_ends_on_the_street_it_began() -> None:
    nodes = [(0, 0), (1000, 0), (1000, 1000), (0, 1000)]
    graph = street_graph(nodes, [Street(a, b, one_way=True) for a, b in itertools.pairwise([0, 1, 2, 3, 0])])
    ground, snapper, shapes = Ground(graph), Snapper(graph), StreetShapes(graph)
    way = route(ground, shapes, snapper.snap(*lonlat(300, 0)), snapper.snap(*lonlat(100, 0)))
    assert (way.eta_s, way.distance_m) == (pytest.approx(380, abs=0.01), pytest.approx(3800, abs=0.1))
    assert len(way.lonlat) == 6
