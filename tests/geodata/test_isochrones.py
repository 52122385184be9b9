"""Street pieces against a look at every metre of every street."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.routing.isochrones import StreetPieces, StreetShapes, edge_metres
from geodata.routing.searches import Ground, RoadPoint
from tests.geodata.networks import Street, random_grid, street_graph

LEVELS = (40.0, 90.0, 160.0)


def pieces_of(ground: Ground, edge: int, fraction: float, direction: str, profile: str = "car") -> StreetPieces:
    with ground.search(RoadPoint(edge, fraction, 0, 0, 0), LEVELS[-1], direction, profile) as found:  # type: ignore[arg-type]
        return StreetShapes(ground.graph).pieces(found, LEVELS)


def seconds_along(ground: Ground, at: tuple[int, float], direction: str, profile: str, fractions: np.ndarray) -> np.ndarray:
    """[streets, fractions] seconds at points of every street, from single positions instead of stretches."""
    low = np.flatnonzero(np.arange(len(ground.twin)) < ground.twin).astype(np.int32)
    edges = np.repeat(low, len(fractions)).astype(np.int32)
    with ground.search(RoadPoint(*at, 0, 0, 0), LEVELS[-1], direction, profile) as found:  # type: ignore[arg-type]
        return found.seconds_at(edges, np.tile(fractions, len(low)))[0].reshape(len(low), -1)


@given(
    seed=st.integers(0, 2**32 - 1),
    fraction=st.floats(0, 1),
    direction=st.sampled_from(["to", "from"]),
    profile=st.sampled_from(["car", "foot"]),
)
@settings(max_examples=40, deadline=None)
def test_metres_within_each_level_are_those_of_single_positions(seed: int, fraction: float, direction: str, profile: str) -> None:
    rng = np.random.default_rng(seed)
    ground = Ground(random_grid(rng))
    at = (int(rng.integers(len(ground.twin))), fraction)
    pieces = pieces_of(ground, *at, direction, profile)
    samples = 500
    seconds = seconds_along(ground, at, direction, profile, (np.arange(samples) + 0.5) / samples)
    length = ground.length_m[np.arange(len(ground.twin)) < ground.twin]
    step_m = float(length.max()) / samples
    for level, metres in zip(LEVELS, pieces.street_metres(), strict=True):
        within = (seconds <= level).sum(axis=1) / samples * length
        # Each street has at most three ends of reach, each known to one sample.
        tolerance = 3 * step_m * max(1, np.count_nonzero(within))
        assert metres == pytest.approx(float(within.sum()), abs=tolerance)


@given(seed=st.integers(0, 2**32 - 1), fraction=st.floats(0.05, 0.95), direction=st.sampled_from(["to", "from"]))
@settings(max_examples=30, deadline=None)
def test_pieces_are_polylines_whose_times_belong_to_their_ring(seed: int, fraction: float, direction: str) -> None:
    rng = np.random.default_rng(seed)
    ground = Ground(random_grid(rng))
    pieces = pieces_of(ground, int(rng.integers(len(ground.twin))), fraction, direction)
    bounds = (0.0, *LEVELS)
    for i in range(len(pieces.ring)):
        here = slice(pieces.start[i], pieces.start[i + 1])
        time = pieces.time_s[here]
        assert len(time) >= 2
        assert time.min() >= bounds[pieces.ring[i]] - 1e-3
        assert time.max() <= bounds[pieces.ring[i] + 1] + 1e-3
        drawn = np.hypot(np.diff(pieces.x[here]), np.diff(pieces.y[here])).sum()
        assert drawn == pytest.approx(pieces.length_m[i], abs=1e-6)


def test_a_street_met_from_both_ends_is_drawn_once() -> None:
    """A ring road of four sides: the two ways round meet in the middle of the far side."""
    square = street_graph([(0, 0), (1000, 0), (1000, 1000), (0, 1000)], [Street(0, 1), Street(1, 2), Street(2, 3), Street(3, 0)])
    ground = Ground(square)
    with ground.search(RoadPoint(0, 0.5, 0, 0, 0), 1000) as found:
        pieces = StreetShapes(square).pieces(found, (100.0, 1000.0))
        assert edge_metres(found, (100.0, 1000.0)) == pytest.approx([2000, 8000], abs=0.1)
    assert pieces.street_metres() == pytest.approx([2000, 4000], abs=0.1)
    assert pieces.time_s.max() == pytest.approx(200, abs=1e-3)


def test_one_way_street_counts_only_where_it_leads_to_the_point() -> None:
    line = street_graph([(0, 0), (1000, 0), (2000, 0)], [Street(0, 1, one_way=True), Street(1, 2, one_way=True)])
    ground = Ground(line)
    with ground.search(RoadPoint(2, 0.5, 0, 0, 0), 120) as found:
        pieces = StreetShapes(line).pieces(found, (120.0,))
        assert edge_metres(found, (120.0,)) == pytest.approx([1200], abs=0.1)
    assert pieces.street_metres() == pytest.approx([1200], abs=0.1)
    assert (pieces.x.min(), pieces.x.max()) == pytest.approx((300, 1500), abs=0.1)


def test_lines_are_cumulative_or_by_band() -> None:
    line = street_graph([(0, 0), (1000, 0)], [Street(0, 1)])
    pieces = pieces_of(Ground(line), 0, 0.0, "to")
    assert len(pieces.lines(0)) == 1
    assert len(pieces.lines(1)) == 2
    assert len(pieces.lines(1, cumulative=False)) == 1
    assert [round(x, 6) for x in pieces.lonlat[0]] == pieces.lonlat[0].tolist()
