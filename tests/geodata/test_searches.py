"""Searches against scipy's Dijkstra on the same turns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.routing.searches import Ground, RoadPoint
from tests.geodata.networks import Street, labels_by_scipy, random_grid, street_graph


def point(edge: int, fraction: float) -> RoadPoint:
    return RoadPoint(edge, fraction, 0.0, 0.0, 0.0)


@given(
    seed=st.integers(0, 2**32 - 1),
    fraction=st.floats(0, 1),
    limit_s=st.floats(1, 300),
    direction=st.sampled_from(["to", "from"]),
    profile=st.sampled_from(["car", "foot", "ebike"]),
)
@settings(max_examples=60, deadline=None)
def test_labels_equal_scipy(seed: int, fraction: float, limit_s: float, direction: str, profile: str) -> None:
    rng = np.random.default_rng(seed)
    ground = Ground(random_grid(rng))
    at = point(int(rng.integers(len(ground.twin))), fraction)
    expected = labels_by_scipy(ground, at, limit_s, direction == "to", profile)
    with ground.search(at, limit_s, direction, profile) as found:
        labels = np.full(len(ground.twin), np.inf)
        labels[found.edge] = found.label_s
        assert len(np.unique(found.edge)) == len(found.edge)
        assert (np.diff(found.label_s) >= 0).all()
    np.testing.assert_array_equal(labels, expected)


def test_workspace_is_clean_after_use() -> None:
    ground = Ground(random_grid(np.random.default_rng(1)))
    with ground.search(point(0, 0.5), 200) as found:
        first = (found.edge.copy(), found.label_s.copy())
    with ground.search(point(9, 0.1), 500):
        pass
    with ground.search(point(0, 0.5), 200) as found:
        np.testing.assert_array_equal(found.edge, first[0])
        np.testing.assert_array_equal(found.label_s, first[1])


def test_searches_inside_searches_do_not_mix() -> None:
    ground = Ground(random_grid(np.random.default_rng(2)))
    with ground.search(point(0, 0.5), 200) as outer:
        labels = outer.label_s.copy()
        with ground.search(point(9, 0.1), 500):
            np.testing.assert_array_equal(outer.label_s, labels)


def test_equal_times_are_exact_too() -> None:
    """Hundreds of streets of one length all fall into the same bucket."""
    side = 25
    nodes = [(x * 100.0, y * 100.0) for y in range(side) for x in range(side)]
    links = [(i, i + 1) for i in range(side * side) if (i + 1) % side] + [(i, i + side) for i in range(side * (side - 1))]
    ground = Ground(street_graph(nodes, [Street(a, b) for a, b in links]))
    at = point(600, 0.5)
    labels = np.full(len(ground.twin), np.inf)
    with ground.search(at, 200) as found:
        labels[found.edge] = found.label_s
    np.testing.assert_array_equal(labels, labels_by_scipy(ground, at, 200, True, "car"))


LINE = street_graph([(0, 0), (1000, 0), (2000, 0)], [Street(0, 1), Street(1, 2)])


@pytest.mark.parametrize(
    ("unit", "target", "expected_s"),
    [
        ((0, 0.2), (0, 0.7), 50.0),  # ahead on the same edge
        ((0, 0.7), (0, 0.2), 50.0),  # behind it: the car drives the other way
        ((1, 0.2), (0, 0.2), 60.0),  # the same street given by its other direction
        ((0, 0.5), (2, 0.5), 100.0),  # next street
        ((2, 0.5), (0, 0.5), 100.0),
    ],
)
def test_positions_within_edges(unit: tuple[int, float], target: tuple[int, float], expected_s: float) -> None:
    ground = Ground(LINE)
    edges, fractions = np.array([unit[0]], np.int32), np.array([unit[1]])
    for direction in ("to", "from"):
        with ground.search(point(*target), 300, direction) as found:  # type: ignore[arg-type]
            seconds, taken, row = found.seconds_at(edges, fractions)
            assert seconds[0] == pytest.approx(expected_s, abs=1e-4)
            assert found.metres_at(edges, fractions, taken, row)[0] == pytest.approx(expected_s * 10, abs=1e-2)


def test_one_way_on_the_same_edge_goes_round_the_block() -> None:
    square = street_graph(
        [(0, 0), (1000, 0), (1000, 1000), (0, 1000)],
        [Street(0, 1, one_way=True), Street(1, 2, one_way=True), Street(2, 3, one_way=True), Street(3, 0, one_way=True)],
    )
    ground = Ground(square)
    with ground.search(point(0, 0.2), 1000) as found:
        seconds, taken, row = found.seconds_at(np.array([0, 0], np.int32), np.array([0.1, 0.3]))
        assert seconds == pytest.approx([10.0, 390.0], abs=1e-3)
        metres = found.metres_at(np.array([0, 0], np.int32), np.array([0.1, 0.3]), taken, row)
        assert metres == pytest.approx([100.0, 3900.0], abs=1e-1)


def test_forbidden_turn_costs_the_detour() -> None:
    nodes = [(0.0, 0.0), (1000.0, 0.0), (1000.0, 1000.0), (2000.0, 0.0), (2000.0, 1000.0)]
    streets = [Street(0, 1), Street(1, 2), Street(1, 3), Street(3, 4), Street(4, 2)]
    free, banned = Ground(street_graph(nodes, streets)), Ground(street_graph(nodes, streets, [(0, 2)]))
    unit = (np.array([0], np.int32), np.array([0.5]))
    with free.search(point(2, 0.5), 1000) as found:
        assert found.seconds_at(*unit)[0][0] == pytest.approx(100.0, abs=1e-3)
    with banned.search(point(2, 0.5), 1000) as found:
        assert found.seconds_at(*unit)[0][0] == pytest.approx(50 + 100 + 100 + 100 + 50, abs=1e-3)


def test_a_run_that_is_forbidden_binds_those_who_come_along_it() -> None:
    """A street 0–1–2–3 with a side street at 2: from the first street over the second nobody turns into it."""
    nodes = [(0.0, 0.0), (1000.0, 0.0), (2000.0, 0.0), (2000.0, 1000.0), (3000.0, 0.0), (3000.0, 1000.0)]
    streets = [Street(0, 1), Street(1, 2), Street(2, 3), Street(2, 4), Street(4, 5), Street(5, 3)]
    ground = Ground(street_graph(nodes, streets, [(0, 2, 4)]))
    units = (np.array([0, 2], np.int32), np.array([0.5, 0.5]))
    with ground.search(point(4, 0.5), 1000) as found:
        seconds, taken, row = found.seconds_at(*units)
        assert seconds == pytest.approx([50 + 100 + 100 + 100 + 100 + 50, 50 + 50], abs=1e-3)
        assert found.metres_at(*units, taken, row) == pytest.approx([5000, 1000], abs=1e-1)
        assert found.chain(int(row[0])) == [0, 2, 6, 8, 10, 5]
        assert sorted(found.edge.tolist()) == sorted(set(found.edge.tolist()))
    # A place on the street between is reached by those too, and left from by those who stand there.
    with ground.search(point(2, 0.5), 1000) as found:
        assert found.seconds_at(*units)[0] == pytest.approx([100, 0], abs=1e-3)
    with ground.search(point(0, 0.5), 1000, "from") as found:
        goals = (np.array([2, 4], np.int32), np.array([0.5, 0.5]))
        assert found.seconds_at(*goals)[0] == pytest.approx([100, 500], abs=1e-3)
        assert found.chain(int(found.seconds_at(*goals)[2][1])) == [5, 10, 8, 6, 2, 0]
    with ground.search(point(2, 0.5), 1000, "from") as found:
        assert found.seconds_at(np.array([4], np.int32), np.array([0.5]))[0] == pytest.approx([100], abs=1e-3)


def test_nowhere_and_beyond_are_infinite() -> None:
    ground = Ground(LINE)
    with ground.search(point(0, 0.0), 60) as found:
        seconds = found.seconds_at(np.array([-1, 2, 0], np.int32), np.array([0.0, 0.5, 0.61]))[0]
    assert seconds.tolist() == [np.inf, np.inf, np.inf]
