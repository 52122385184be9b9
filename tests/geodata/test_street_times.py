"""Times that are swapped under the searches: usual and late, traffic events, and one moment an answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.projection import LocalProjection
from geodata.routing.nearest import NoRoute
from geodata.routing.searches import Ground, RoadPoint
from geodata.routing.travel import BadRings, TravelTimes
from geodata.streets.graph import StreetGraph
from geodata.streets.street_times import StreetEffects, StreetTimes, built_times
from tests.geodata.networks import ORIGIN, Street, labels_by_scipy, random_grid, street_graph

PROJECTION = LocalProjection(*ORIGIN)
# A ladder: two ways round from 0 to 2, the upper one shorter.
#   3 ─────── 4 ─────── 5
#   │                   │
#   0 ─────── 1 ─────── 2
LADDER = street_graph(
    [(0, 0), (400, 0), (800, 0), (0, 300), (400, 300), (800, 300)],
    [Street(0, 1), Street(1, 2), Street(3, 4), Street(4, 5), Street(0, 3), Street(2, 5)],
)
EAST, MIDDLE = 2, 0  # edges 1 → 2 and 0 → 1


def at(x: float, y: float) -> tuple[float, float]:
    lon, lat = PROJECTION.to_degrees(x, y)
    return float(lon), float(lat)


def closed(*edges: int) -> StreetEffects:
    return StreetEffects(closed=np.array(edges, np.int32))


def scaled(graph: StreetGraph, factor: float, late: float = 1.5) -> StreetTimes:
    usual = {pace: (times * np.float32(factor)).astype(np.float32) for pace, times in built_times(graph).p50_s.items()}
    return StreetTimes(usual, {pace: (times * np.float32(late)).astype(np.float32) for pace, times in usual.items()})


def test_the_late_time_is_that_of_the_same_way() -> None:
    travel = TravelTimes(LADDER)
    travel.use(scaled(LADDER, 2.0, late=1.5))
    way = travel.route(at(100, 0), at(700, 0))
    assert way.eta_s == pytest.approx(120, abs=0.01)
    assert way.eta_p90_s == pytest.approx(180, abs=0.01)
    assert way.edges == (MIDDLE, EAST)
    units = travel.place(*zip(at(100, 0), at(500, 0), at(700, 0), strict=True), [False, False, False])
    times = travel.etas_to(*at(700, 0), units)
    np.testing.assert_allclose(times.eta_p90_s, times.eta_s * 1.5, rtol=1e-5)
    found = travel.nearest(*at(700, 0), units, 2)
    np.testing.assert_allclose(found.eta_p90_s, found.eta_s * 1.5, rtol=1e-5)


def test_late_rings_are_smaller_and_hold_who_is_there_in_time_nine_times_of_ten() -> None:
    graph = random_grid(np.random.default_rng(5), side=9)
    travel = TravelTimes(graph)
    centre = at(800, 800)
    usual, late = travel.rings(*centre, [1, 3]), travel.rings(*centre, [1, 3], quantile=0.9)
    assert all(a < b for a, b in zip(late.street_metres, usual.street_metres, strict=True))
    assert late.geojson()["features"][0]["properties"]["quantile"] == 0.9
    units = travel.place(*PROJECTION.to_degrees(*np.random.default_rng(6).uniform(0, 1600, (2, 200))), np.zeros(200, bool))
    times = travel.etas_to(*centre, units, 180)
    with travel.ground(0.9).search(travel.snap(*centre), 180) as found:
        seconds, _, _ = found.seconds_at(units.edge, units.fraction)
    # The way that is usually fastest may not be the one that is surest, so nobody is left out of the ring.
    assert (seconds[np.isfinite(times.eta_s)] <= times.eta_p90_s[np.isfinite(times.eta_s)] + 1e-6).sum() > 20
    assert np.isfinite(seconds[times.eta_p90_s <= 180]).all()
    with pytest.raises(BadRings, match=r"Rings of quantile 0.75 are not drawn. Ask for 0.5 or 0.9."):
        travel.rings(*centre, quantile=0.75)


def test_with_siren_only_cars_are_faster() -> None:
    times = built_times(LADDER)
    fast = (times.p50_s["car"] / 2).astype(np.float32)
    travel = TravelTimes(LADDER)
    travel.use(StreetTimes({**times.p50_s, "siren": fast}, {**times.p90_s, "siren": fast}))
    units = travel.place(*zip(at(100, 0), at(100, 0), strict=True), [False, True])
    usual, siren = travel.etas_to(*at(300, 0), units), travel.etas_to(*at(300, 0), units, siren=True)
    np.testing.assert_allclose(siren.eta_s, [10, usual.eta_s[1]], atol=0.01)
    assert usual.eta_s[0] == pytest.approx(20, abs=0.01)


def test_a_closed_street_is_driven_round_at_once_and_the_way_comes_back() -> None:
    travel = TravelTimes(LADDER)
    straight = travel.route(at(100, 0), at(790, 5)).eta_s
    travel.affect(closed(EAST, EAST + 1))
    round_ = travel.route(at(100, 0), at(800, 10))
    assert round_.eta_s == pytest.approx((100 + 300 + 800 + 290) / 10, abs=0.1)
    assert round_.eta_p90_s > round_.eta_s
    travel.affect(StreetEffects())
    assert travel.route(at(100, 0), at(790, 5)).eta_s == straight


def test_an_incident_on_a_closed_street_is_reached_and_a_unit_on_it_gets_out() -> None:
    travel = TravelTimes(LADDER)
    travel.affect(closed(EAST, EAST + 1))
    assert travel.route(at(100, 0), at(600, 0)).eta_s == pytest.approx(50, abs=0.1)
    assert travel.route(at(600, 0), at(100, 0)).eta_s == pytest.approx(50, abs=0.1)
    assert travel.rings(*at(600, 0), [1]).street_metres[0] > 500


def test_one_direction_closed_leaves_the_other_open() -> None:
    travel = TravelTimes(LADDER)
    travel.affect(closed(EAST))
    assert travel.route(at(800, 10), at(100, 0)).eta_s == pytest.approx(71, abs=0.1)
    assert travel.route(at(100, 0), at(800, 10)).eta_s > 140


def test_before_a_closure_a_car_turns_round_where_no_other_street_leaves() -> None:
    # 0 ── 1 ── 2, closed between 1 and 2; from 3 one may only turn right at 0, towards 1, and wants to 4.
    #  3 (south of 0), 4 (west of 0); 3 → 0 → 4 is forbidden.
    graph = street_graph(
        [(0, 0), (300, 0), (600, 0), (0, -300), (-300, 0)],
        [Street(0, 1), Street(1, 2), Street(3, 0, one_way=True), Street(0, 4)],
        forbidden=[(4, 6)],
    )
    travel = TravelTimes(graph)
    # Without the closure it turns at the dead end of 2.
    assert travel.route(at(0, -200), at(-100, 0)).eta_s == pytest.approx((200 + 1200 + 100) / 10, abs=0.1)
    travel.affect(closed(2, 3))
    assert travel.route(at(0, -200), at(-100, 0)).eta_s == pytest.approx((200 + 600 + 100) / 10, abs=0.1)


def test_nobody_comes_through_where_all_is_closed_but_people_on_foot() -> None:
    travel = TravelTimes(LADDER)
    travel.affect(closed(EAST, EAST + 1, 6, 7))  # 4 - 5 too
    with pytest.raises(NoRoute):
        travel.route(at(100, 0), at(800, 10), siren=True)
    assert travel.route(at(100, 0), at(800, 10), "foot").eta_s == pytest.approx(710 / 1.4, abs=0.5)


def test_a_slow_street_takes_longer_and_the_slower_of_two_events_holds() -> None:
    travel = TravelTimes(LADDER)
    edges = np.array([EAST, EAST], np.int32)
    travel.affect(StreetEffects(slowed=edges, speed_factor=np.array([0.8, 0.5], np.float32)))
    assert travel.route(at(100, 0), at(600, 0)).eta_s == pytest.approx(30 + 40, abs=0.1)
    travel.use(scaled(LADDER, 2.0))
    assert travel.route(at(100, 0), at(600, 0)).eta_s == pytest.approx(140, abs=0.1), "events outlive new times"
    assert travel.ground().profiles["foot"].time_s[EAST] == pytest.approx(2 * 400 / 1.4, abs=0.5)


@given(seed=st.integers(0, 2**32 - 1), fraction=st.floats(0, 1), direction=st.sampled_from(["to", "from"]))
@settings(max_examples=40, deadline=None)
def test_around_closures_labels_equal_scipy(seed: int, fraction: float, direction: str) -> None:
    rng = np.random.default_rng(seed)
    graph = random_grid(rng)
    shut = rng.choice(graph.edge_count, graph.edge_count // 6, replace=False).astype(np.int32)
    ground = Ground(graph).with_times(built_times(graph), closed(*shut.tolist()))
    point = RoadPoint(int(rng.integers(graph.edge_count)), fraction, 0.0, 0.0, 0.0)
    expected = labels_by_scipy(ground, point, 200, direction == "to", "car")
    with ground.search(point, 200, direction) as found:  # type: ignore[arg-type]
        labels = np.full(graph.edge_count, np.inf)
        labels[found.edge] = found.label_s
    np.testing.assert_array_equal(labels, expected)


def test_times_that_do_not_fit_are_refused_and_change_nothing() -> None:
    travel = TravelTimes(LADDER)
    good = built_times(LADDER)
    short = {pace: times[:-1] for pace, times in good.p50_s.items()}
    shut = {**good.p50_s, "car": np.full_like(good.p50_s["car"], np.inf)}
    for bad, message in (
        (StreetTimes(short, good.p90_s), "Times of car are for 11 and 12 edges, the graph has 12."),
        (StreetTimes(shut, good.p90_s), "closures are effects, not times"),
        (StreetTimes(good.p90_s, good.p50_s), "late ones no shorter than usual ones"),
    ):
        with pytest.raises(ValueError, match=message):
            travel.use(bad)
    assert travel.route(at(100, 0), at(300, 0)).eta_s == pytest.approx(20, abs=0.01)


def test_an_answer_is_of_one_moment_whatever_is_swapped_meanwhile() -> None:
    graph = random_grid(np.random.default_rng(3), side=9)
    travel = TravelTimes(graph)
    choices = [scaled(graph, factor) for factor in (1.0, 3.0)]
    units = travel.place(*PROJECTION.to_degrees(*np.random.default_rng(4).uniform(0, 1600, (2, 40))), np.zeros(40, bool))
    answers = set()
    for times in choices:
        travel.use(times)
        answers.add((travel.rings(*at(800, 800)).edge_metres, travel.nearest(*at(800, 800), units).eta_s.tobytes()))

    def ask(_: int) -> tuple[bool, bool]:
        rings, nearest = travel.rings(*at(800, 800)).edge_metres, travel.nearest(*at(800, 800), units).eta_s.tobytes()
        return rings in {a for a, _ in answers}, nearest in {b for _, b in answers}

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, i) for i in range(60)]
        for i in range(60):
            travel.use(choices[i % 2])
        assert all(all(done.result()) for done in asked)
