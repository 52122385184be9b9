"""Map matching against cars that know where they are, and against every mischief of receivers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.drives import Drive, Fixes, drive, fixes
from feeds.simulator.legs import Seconds
from geodata.projection import LocalProjection
from geodata.streets.graph import StreetGraph
from geodata.streets.snapping import Snapper
from geodata.tracks.matching import Matcher, Traversals
from tests.geodata.networks import ORIGIN, Street, random_grid, street_graph

PROJECTION = LocalProjection(*ORIGIN)


def match(graph: StreetGraph, seen: Fixes, parts: int = 1) -> Traversals:
    """All fixes, in `parts` calls."""
    matcher = Matcher(graph, Snapper(graph))
    found = []
    for rows in np.array_split(np.arange(len(seen.unit)), parts):
        columns = (getattr(seen, name)[rows] for name in ("unit", "at_s", "lon", "lat", "heading_deg", "speed_mps"))
        found.append(matcher.follow(*columns))
    return Traversals(*(np.concatenate([getattr(t, name) for t in found]) for name in ("unit", "edge", "entered_s", "left_s")))


def fixes_along(
    points_m: list[tuple[float, float]], mps: float, noise_m: float = 0.0, heading: bool = False, every_s: float = 1.0
) -> Fixes:
    """One car along a line at even speed."""
    xy = np.array(points_m, np.float64)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    at_s = np.arange(0.0, along[-1] / mps, every_s)
    rng = np.random.default_rng(1)
    x, y = (np.interp(at_s * mps, along, xy[:, i]) + rng.normal(0, noise_m, len(at_s)) for i in (0, 1))
    i = np.clip(np.searchsorted(along, at_s * mps, side="right") - 1, 0, len(along) - 2)
    east, north = np.diff(xy, axis=0)[i].T
    told = np.degrees(np.arctan2(east, north)) % 360.0 if heading else np.full(len(at_s), np.nan)
    lon, lat = PROJECTION.to_degrees(x, y)
    return Fixes(np.zeros(len(at_s), np.int32), at_s, lon, lat, told, np.full(len(at_s), mps))


def built(graph: StreetGraph) -> Seconds:
    """Streets take what they were built with."""
    return lambda edge, _: float(graph.car.time_s[edge])


def right_share(found: Traversals, drives: list[Drive], graph: StreetGraph) -> float:
    """Share of the matched metres that were driven, each at about its time."""
    right = 0.0
    for unit, edge, left_s in zip(found.unit, found.edge, found.left_s, strict=True):
        one = drives[unit]
        near = (one.edge == edge) & (one.left_s[1:] > left_s - 30) & (one.left_s[:-1] < left_s + 30)
        right += float(graph.length_m[edge]) * bool(near.any())
    return right / float(graph.length_m[found.edge].sum())


@given(seed=st.integers(0, 2**32 - 1), noise_m=st.sampled_from([1.0, 5.0, 15.0]), parts=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_it_never_jumps(seed: int, noise_m: float, parts: int) -> None:
    """What follows with a known time begins where the edge before ended, and nobody is in two places at once."""
    rng = np.random.default_rng(seed)
    graph = random_grid(rng, side=7)
    usable = np.flatnonzero(np.isfinite(graph.car.time_s))
    drives = [drive(graph, built(graph), int(e), 0.0, 240.0, rng) for e in rng.choice(usable, 5)]
    seen = fixes(graph, drives, 0.0, 240.0, noise_m, rng)
    gone = rng.random(len(seen.unit)) < 0.1
    seen = Fixes(*(getattr(seen, name)[~gone] for name in seen.__dataclass_fields__))
    found = match(graph, seen, parts)
    for unit in range(5):
        rows = np.flatnonzero(found.unit == unit)
        edge, entered_s, left_s = found.edge[rows], found.entered_s[rows], found.left_s[rows]
        known = np.isfinite(entered_s)
        joined = known[1:]
        np.testing.assert_array_equal(graph.head[edge[:-1]][joined], graph.tail[edge[1:]][joined])
        assert (left_s[known] > entered_s[known]).all()
        assert (np.diff(left_s) > -5.0).all()


@pytest.mark.parametrize(("noise_m", "least"), [(5.0, 0.97), (15.0, 0.9)])
def test_the_streets_that_were_driven_are_found(noise_m: float, least: float) -> None:
    rng = np.random.default_rng(8)
    graph = random_grid(rng, side=10, spacing_m=180.0)
    usable = np.flatnonzero(np.isfinite(graph.car.time_s))
    drives = [drive(graph, built(graph), int(e), 0.0, 600.0, rng) for e in rng.choice(usable, 12)]
    found = match(graph, fixes(graph, drives, 0.0, 600.0, noise_m, rng), parts=200)
    assert right_share(found, drives, graph) > least
    driven_m = sum(float(graph.length_m[one.edge].sum()) for one in drives)
    assert float(graph.length_m[found.edge].sum()) > 0.75 * driven_m


def test_in_one_call_or_second_by_second_it_finds_the_same() -> None:
    rng = np.random.default_rng(9)
    graph = random_grid(rng, side=7)
    start = int(np.flatnonzero(np.isfinite(graph.car.time_s))[3])
    seen = fixes(graph, [drive(graph, built(graph), start, 0.0, 300.0, rng)], 0.0, 300.0, 5.0, rng)
    whole, pieces = match(graph, seen), match(graph, seen, parts=len(seen.unit))
    np.testing.assert_array_equal(whole.edge, pieces.edge)
    np.testing.assert_array_equal(whole.left_s, pieces.left_s)


# Two streets 14 m apart, joined at both ends; the southern one goes on to the east.
#   4 ───────────── 5
#  /                 \
# 0 ─ 1 ─────────── 2 ─ 3
PARALLEL = street_graph(
    [(0, 0), (100, 0), (900, 0), (1100, 0), (100, 14), (900, 14)],
    [Street(0, 1), Street(1, 2), Street(2, 3), Street(0, 4), Street(4, 5), Street(5, 3)],
)


def test_of_two_streets_side_by_side_it_is_the_one_that_was_driven() -> None:
    for points, edges in (([(0, 0), (1100, 0)], [0, 2]), ([(0, 0), (100, 14), (900, 14), (1100, 0)], [6, 8])):
        found = match(PARALLEL, fixes_along([*points], 12.0, noise_m=4.0))
        assert found.edge.tolist()[:2] == edges


def test_times_at_crossings_are_those_of_the_drive() -> None:
    line = street_graph([(0, 0), (300, 0), (600, 0), (900, 0)], [Street(0, 1), Street(1, 2), Street(2, 3)])
    found = match(line, fixes_along([(0, 0), (900, 0)], 10.0, noise_m=3.0, every_s=3.0))
    assert found.edge.tolist() == [0, 2]
    assert np.isnan(found.entered_s[0]), "when it entered its first street nobody saw"
    assert found.entered_s[1] == pytest.approx(30, abs=1.5)
    assert found.left_s.tolist() == pytest.approx([30, 60], abs=1.5)


def test_against_a_one_way_street_it_is_seen_where_it_drives() -> None:
    one_way = street_graph([(0, 0), (300, 0), (600, 0), (900, 0)], [Street(0, 1), Street(2, 1, one_way=True), Street(2, 3)])
    found = match(one_way, fixes_along([(0, 0), (900, 0)], 10.0, noise_m=3.0, heading=True))
    assert found.edge.tolist() == [0, 3]


def test_a_stop_makes_the_streets_time_unknown_and_a_signal_does_not() -> None:
    line = street_graph([(0, 0), (300, 0), (600, 0), (900, 0)], [Street(0, 1), Street(1, 2), Street(2, 3)])
    for stop_s, is_known in ((25.0, True), (120.0, False)):
        seen = fixes_along([(0, 0), (900, 0)], 10.0)
        later = np.where(seen.at_s > 45.0, seen.at_s + stop_s, seen.at_s)
        standing = np.arange(46.0, 45.0 + stop_s)
        at = int(np.flatnonzero(seen.at_s == 45.0)[0])
        column = {
            name: np.insert(getattr(seen, name), at + 1, np.repeat(getattr(seen, name)[at], len(standing))) for name in ("lon", "lat")
        }
        at_s = np.insert(later, at + 1, standing)
        speed = np.insert(seen.speed_mps, at + 1, np.zeros(len(standing)))
        found = match(line, Fixes(np.zeros(len(at_s), np.int32), at_s, column["lon"], column["lat"], np.full(len(at_s), np.nan), speed))
        assert found.edge.tolist() == [0, 2]
        assert np.isfinite(found.entered_s[1]) == is_known
        if is_known:
            assert found.left_s[1] - found.entered_s[1] == pytest.approx(30 + stop_s, abs=3)


def test_noise_of_a_parked_car_drives_nowhere() -> None:
    graph = random_grid(np.random.default_rng(2), side=6)
    rng = np.random.default_rng(3)
    x, y = (float(v[graph.tail[20]]) for v in (graph.node_x, graph.node_y))
    for noise_m, speed in ((5.0, np.nan), (15.0, 0.0)):
        lon, lat = PROJECTION.to_degrees(*(c + rng.normal(0, noise_m, 900) for c in (x, y)))
        nowhere = np.full(900, np.nan)
        found = match(graph, Fixes(np.zeros(900, np.int32), np.arange(900.0), lon, lat, nowhere, np.full(900, speed)))
        assert np.isfinite(found.entered_s).sum() <= 2


def test_after_a_gap_or_a_leap_it_begins_anew() -> None:
    line = street_graph([(i * 300.0, 0) for i in range(12)], [Street(i, i + 1) for i in range(11)])
    seen = fixes_along([(0, 0), (3300, 0)], 10.0)
    for lost in ((seen.at_s > 100) & (seen.at_s < 200), np.zeros(len(seen.at_s), bool)):
        lon = seen.lon + np.where((seen.at_s > 150) & ~lost.any(), 0.02, 0.0)
        kept = Fixes(
            seen.unit[~lost], seen.at_s[~lost], lon[~lost], *(getattr(seen, n)[~lost] for n in ("lat", "heading_deg", "speed_mps"))
        )
        found = match(line, kept)
        assert len(found)
        # Nothing is made up of what was not seen: every time that is known is that of the drive.
        known = np.isfinite(found.entered_s)
        np.testing.assert_allclose((found.left_s - found.entered_s)[known], 30.0, atol=2.0)


def test_off_the_streets_it_is_nowhere_and_old_fixes_change_nothing() -> None:
    line = street_graph([(0, 0), (300, 0)], [Street(0, 1)])
    matcher = Matcher(line, Snapper(line))
    lon, lat = PROJECTION.to_degrees([150.0, 150.0, 20.0], [0.0, 400.0, 0.0])
    nowhere = np.full(1, np.nan)
    matcher.follow([2], [10.0], lon[:1], lat[:1], nowhere, nowhere)
    assert matcher.place(2) == (0, pytest.approx(0.5, abs=0.01))
    assert matcher.place(0) is None
    assert matcher.place(99) is None
    matcher.follow([2], [5.0], lon[2:], lat[2:], nowhere, nowhere)
    assert matcher.place(2) == (0, pytest.approx(0.5, abs=0.01))
    matcher.follow([2], [30.0], lon[1:2], lat[1:2], nowhere, nowhere)
    assert matcher.place(2) is None
    assert not len(matcher.follow([], [], [], [], [], []))
