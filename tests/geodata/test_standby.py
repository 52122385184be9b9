"""Standby advice against every possible arrangement of small cases, and against the greedy one."""

from __future__ import annotations

import itertools
import threading
import time
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.routing import standby
from geodata.routing.searches import Ground, RoadPoint
from geodata.routing.standby import Advice, Task, advise
from geodata.streets.graph import StreetGraph
from tests.geodata.networks import Street, random_grid, street_graph


class Oracle:
    """Who reaches which street in time, and how long each drive takes: by searches to the streets and sites, one by one."""

    def __init__(self, ground: Ground, task: Task) -> None:
        streets = [e for e in range(len(ground.twin)) if e < ground.twin[e]]
        self.task = task
        self.weight = np.array([task.demand[e] + task.demand[ground.twin[e]] for e in streets])
        middles = [RoadPoint(e, 0.5, 0.0, 0.0, 0.0) for e in streets]
        feet = np.array([profile == "foot" for profile in task.profiles], bool)
        self.by_unit = self._seconds(ground, task.units, middles, feet) <= task.within_s
        self.by_site = self._seconds(ground, task.sites, middles, np.zeros(len(task.sites), bool)) <= task.within_s
        self.drive_s = self._seconds(ground, task.units, task.sites, feet)

    @staticmethod
    def _seconds(ground: Ground, starts: list[RoadPoint], goals: list[RoadPoint], on_foot: np.ndarray) -> np.ndarray:
        edges, fractions = np.array([p.edge for p in starts], np.int32), np.array([p.fraction for p in starts])
        seconds = np.full((len(starts), len(goals)), np.inf)
        for g, goal in enumerate(goals):
            for profile, chosen in (("car", ~on_foot), ("foot", on_foot)):
                with ground.search(goal, 3600.0, "to", profile) as found:
                    seconds[chosen, g] = found.seconds_at(edges, fractions)[0][chosen]
        return seconds

    def covered(self, site_of: dict[int, int]) -> float:
        rows = [self.by_site[site_of[u]] if u in site_of else self.by_unit[u] for u in range(len(self.task.units))]
        return float(self.weight[np.any(rows, axis=0)].sum()) if rows else 0.0

    def allows(self, site_of: dict[int, int]) -> bool:
        task = self.task
        drives = [self.drive_s[u, s] for u, s in site_of.items()]
        return (
            len(site_of) <= task.most_moves
            and len(set(site_of.values())) == len(site_of)
            and all(task.movable[u] for u in site_of)
            and all(d <= task.longest_drive_s for d in drives)
        )

    def best(self) -> float:
        movable = np.flatnonzero(self.task.movable).tolist()
        choices = itertools.product(range(-1, len(self.task.sites)), repeat=len(movable))
        arrangements = ({u: s for u, s in zip(movable, sites, strict=True) if s >= 0} for sites in choices)
        return max(self.covered(one) for one in arrangements if self.allows(one))

    def greedy(self) -> float:
        """The best single move, again and again."""
        site_of: dict[int, int] = {}
        while True:
            more = [{**site_of, u: s} for u in range(len(self.task.units)) for s in range(len(self.task.sites)) if u not in site_of]
            better = max((one for one in more if self.allows(one)), key=self.covered, default=None)
            if better is None or self.covered(better) <= self.covered(site_of):
                return self.covered(site_of)
            site_of = better


def random_task(rng: np.random.Generator, graph: StreetGraph, units: int, sites: int) -> Task:
    drivable = np.flatnonzero(np.isfinite(graph.car.time_s) & np.isfinite(graph.foot.time_s))

    def points(count: int) -> list[RoadPoint]:
        return [RoadPoint(int(e), float(rng.random()), 0.0, 0.0, 0.0) for e in rng.choice(drivable, count)]

    on_foot = rng.random(units) < 0.2
    return Task(
        units=points(units),
        profiles=["foot" if walks else "car" for walks in on_foot.tolist()],
        movable=~on_foot & (rng.random(units) < 0.8),
        sites=points(sites),
        demand=np.where(rng.random(graph.edge_count) < 0.7, rng.exponential(1.0, graph.edge_count), 0.0),
        within_s=float(rng.uniform(10, 40)),
        longest_drive_s=float(rng.uniform(20, 120)),
        most_moves=int(rng.integers(0, units + 1)),
    )


def moved(advice: Advice) -> dict[int, int]:
    return {move.unit: move.site for move in advice.moves}


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_arrangement_covers_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_grid(rng)
    ground, task = Ground(graph), random_task(rng, graph, units=4, sites=5)
    advice, oracle = advise(ground, task), Oracle(ground, task)
    assert oracle.allows(moved(advice))
    assert advice.total == pytest.approx(task.demand.sum())
    assert advice.before == pytest.approx(oracle.covered({}))
    assert advice.after == pytest.approx(oracle.covered(moved(advice)))
    assert advice.proven
    best = oracle.best()
    assert advice.after == pytest.approx(best, rel=2e-4)
    assert advice.bound >= best * (1 - 1e-9)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_greedy_is_never_better_and_each_gain_is_what_leaving_the_move_out_costs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_grid(rng, side=8)
    ground, task = Ground(graph), random_task(rng, graph, units=8, sites=14)
    advice, oracle = advise(ground, task), Oracle(ground, task)
    assert advice.after >= oracle.greedy() * (1 - 2e-4)
    site_of = moved(advice)
    for move in advice.moves:
        assert move.drive_s == pytest.approx(oracle.drive_s[move.unit, move.site], abs=1e-6)
        without = {u: s for u, s in site_of.items() if u != move.unit}
        assert move.gain == pytest.approx(advice.after - oracle.covered(without), abs=1e-9)
        assert move.gain > 0


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_what_stands_while_the_solver_has_nothing_is_allowed_and_says_how_far_off_it_may_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_grid(rng)
    ground, task = Ground(graph), random_task(rng, graph, units=4, sites=5)
    oracle = Oracle(ground, task)
    with patch.object(standby, "_in_time", return_value=None):
        advice = advise(ground, task)
    assert oracle.allows(moved(advice))
    assert advice.after == pytest.approx(oracle.covered(moved(advice)))
    # No single move is better than all of them.
    singles = [{u: s} for u in range(4) for s in range(5) if oracle.allows({u: s})]
    assert advice.after >= max(map(oracle.covered, [{}, *singles])) * (1 - 1e-9)
    best = oracle.best()
    assert advice.bound >= best * (1 - 1e-9)
    # Without the solver it may be proven all the same, where it has come as far as its own bound.
    assert advice.after >= best * (1 - 2e-4) if advice.proven else advice.gap > 0


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None)
def test_without_time_units_stay_and_count_where_they_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_grid(rng)
    ground, task = Ground(graph), random_task(rng, graph, units=4, sites=5)
    advice, oracle = advise(ground, task, time_limit_s=0.0), Oracle(ground, task)
    assert advice.movable == min(1, task.movable.sum())
    assert advice.moves == ()
    assert advice.before == advice.after == pytest.approx(oracle.covered({}))
    best = oracle.best()
    assert advice.bound >= best * (1 - 1e-9)
    assert not advice.proven or advice.after >= best * (1 - 2e-4)


def test_a_solver_that_heeds_no_limit_is_not_waited_for() -> None:
    ground, task, let_go = Ground(avenue()), row_task([50.0, 150.0], [550.0, 950.0]), threading.Event()

    def heedless(*_: object, **__: object) -> object:
        let_go.wait(20)
        raise AssertionError("nobody waits for this")

    with patch.object(standby, "milp", heedless):
        for _ in range(2):  # the second finds the solver at it still
            began = time.monotonic()
            advice = advise(ground, task, time_limit_s=0.2)
            assert time.monotonic() - began < 0.2 + standby.OVERRUN_S + 1.0
            assert len(advice.moves) == 1
            assert not advice.proven
        let_go.set()
        assert standby._solving.acquire(timeout=5)
    standby._solving.release()


def avenue() -> StreetGraph:
    """Ten streets of 100 m in a row, 10 s each."""
    return street_graph([(100.0 * i, 0.0) for i in range(11)], [Street(i, i + 1) for i in range(10)])


def along(metres: float) -> RoadPoint:
    return RoadPoint(2 * int(metres // 100), metres % 100 / 100, 0.0, 0.0, 0.0)


def row_task(units: list[float], sites: list[float], **more: object) -> Task:
    count = len(units)
    standard = {"profiles": ["car"] * count, "movable": np.ones(count, bool), "demand": np.ones(20), "within_s": 25.0}
    return Task(units=[along(m) for m in units], sites=[along(m) for m in sites], **(standard | more))  # type: ignore[arg-type]


def test_a_unit_that_does_not_help_by_moving_stays() -> None:
    advice = advise(Ground(avenue()), row_task([250.0, 750.0], [300.0, 700.0]))
    assert advice.moves == ()
    assert advice.after == advice.before == 20.0


def test_the_nearer_unit_goes_and_the_drive_is_bounded() -> None:
    ground = Ground(avenue())
    two = row_task([50.0, 450.0], [750.0], longest_drive_s=60.0)
    assert [(m.unit, m.site, round(m.drive_s)) for m in advise(ground, two).moves] == [(1, 0, 30)]
    assert advise(ground, row_task([50.0], [750.0], longest_drive_s=60.0)).moves == ()


def test_units_that_stay_cover_what_they_cover() -> None:
    ground = Ground(avenue())
    task = row_task([250.0, 240.0], [260.0, 750.0], movable=np.array([True, False]))
    assert [(m.unit, m.site) for m in advise(ground, task).moves] == [(0, 1)]
    with pytest.raises(ValueError, match="Only cars"):
        advise(ground, row_task([250.0], [750.0], profiles=["foot"]))


def test_nothing_to_move_or_nowhere_to_go_is_no_advice() -> None:
    ground = Ground(avenue())
    for task in (row_task([], [250.0]), row_task([250.0], []), row_task([250.0], [750.0], demand=np.zeros(20))):
        advice = advise(ground, task)
        assert advice.moves == ()
        assert advice.gap == 0.0
