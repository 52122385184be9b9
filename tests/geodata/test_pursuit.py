"""Escape areas, closing lines and who can close them, against plain reckoning on small cities."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geodata.projection import LocalProjection
from geodata.routing.pursuit import LEADS_S, MAX_ELAPSED_S, MOST_EXITS, EscapeStreets, Flight, TooLongAgo, assign, without_signs
from geodata.routing.travel import TravelTimes
from geodata.streets.graph import StreetGraph
from geodata.streets.snapping import OffNetwork
from tests.geodata.networks import ORIGIN, Street, random_grid, street_graph

PROJECTION = LocalProjection(*ORIGIN)
SIDE, BLOCK_M, SPEED_MPS = 13, 300.0, 10.0


def lonlat(x: float, y: float) -> tuple[float, float]:
    lon, lat = PROJECTION.to_degrees(x, y)
    return float(lon), float(lat)


def grid() -> StreetGraph:
    """Square blocks, every street one-way, rows to the east and columns to the north."""
    nodes = [(BLOCK_M * (i % SIDE), BLOCK_M * (i // SIDE)) for i in range(SIDE * SIDE)]
    rows = [Street(i, i + 1, SPEED_MPS, one_way=True) for i in range(SIDE * SIDE) if (i + 1) % SIDE]
    return street_graph(nodes, rows + [Street(i, i + SIDE, SPEED_MPS, one_way=True) for i in range(SIDE * (SIDE - 1))])


@pytest.fixture(scope="module")
def streets() -> EscapeStreets:
    return TravelTimes(grid()).escape_streets()


MIDDLE = (6 * BLOCK_M + 100.0, 6 * BLOCK_M)


def flight(elapsed_s: float = 60.0, **more: object) -> Flight:
    return Flight(*lonlat(*MIDDLE), elapsed_s, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("factor", [1.0, 1.5, 2.0])
def test_without_signs_he_is_anywhere_after_the_blocks_between(streets: EscapeStreets, factor: float) -> None:
    corners = [(x, y) for x in range(4, 9) for y in range(4, 9)]
    escape = streets.escape(flight(30.0, factor=factor), [lonlat(x * BLOCK_M, y * BLOCK_M) for x, y in corners])
    metres = [
        min(100.0 + abs(x - 6) * BLOCK_M, 200.0 + abs(x - 7) * BLOCK_M) + abs(y - 6) * BLOCK_M for x, y in corners
    ]  # west or east along his own row, then up or down
    np.testing.assert_allclose(escape.places_s, np.array(metres) / SPEED_MPS / factor - 30.0, atol=0.1)


def test_heeding_signs_he_only_gets_north_and_east(streets: EscapeStreets) -> None:
    places = [lonlat(8 * BLOCK_M, 7 * BLOCK_M), lonlat(5 * BLOCK_M, 6 * BLOCK_M)]
    after_s = streets.escape(flight(10.0, factor=1.0, heeds_signs=True), places).places_s
    assert after_s[0] == pytest.approx((200 + 300 + 300) / SPEED_MPS - 10.0, abs=0.1)
    assert after_s[1] == np.inf


def test_the_way_he_went_comes_first(streets: EscapeStreets) -> None:
    east, west = lonlat(8 * BLOCK_M, 6 * BLOCK_M), lonlat(6 * BLOCK_M, 6 * BLOCK_M)
    after_s = streets.escape(flight(1.0, factor=1.0, heading_deg=80.0), [east, west]).places_s
    assert after_s.tolist() == pytest.approx([50.0 - 1, 50.0 - 1], abs=0.1)  # 200 m to the crossing, 300 m back and on
    after_s = streets.escape(flight(1.0, factor=1.0, heading_deg=280.0), [east, west]).places_s
    assert after_s.tolist() == pytest.approx([10.0 + 60.0 - 1, 10.0 - 1], abs=0.1)


def test_the_area_grows_and_its_next_streets_come_with_their_times(streets: EscapeStreets) -> None:
    escape = streets.escape(flight(60.0, factor=1.5))
    sizes = [outline.shape.area for outline in escape.outlines]
    assert sizes == sorted(sizes)
    assert len(sizes) == 1 + len(LEADS_S)
    front = np.repeat(escape.pieces.ring == 1, np.diff(escape.pieces.start))
    assert escape.pieces.time_s[front].min() >= 1.5 * 60 - 1e-3
    assert escape.pieces.time_s[front].max() <= 1.5 * 80 + 1e-3
    assert front.any()


def test_on_foot_he_is_nearer_and_may_go_any_way(streets: EscapeStreets) -> None:
    by_car, on_foot = streets.escape(flight()), streets.escape(flight(profile="foot", factor=2.0))
    assert on_foot.outlines[0].shape.area < by_car.outlines[0].shape.area
    assert all(one.after_s > line.lead_s for line in on_foot.lines for one in line.exits)


def test_what_can_not_be_answered_is_refused(streets: EscapeStreets) -> None:
    with pytest.raises(TooLongAgo, match="26 minutes"):
        streets.escape(flight(MAX_ELAPSED_S + 60))
    with pytest.raises(OffNetwork):
        streets.escape(replace(flight(), lon=120.0))


@given(seed=st.integers(0, 2**32 - 1), elapsed_s=st.floats(0, 20), factor=st.floats(0.5, 1.2))
@settings(max_examples=25, deadline=None)
def test_nobody_passes_the_line_but_by_its_exits(seed: int, elapsed_s: float, factor: float) -> None:
    graph = random_grid(np.random.default_rng(seed), side=7, spacing_m=600.0)
    time_s = np.asarray(without_signs(graph).car.time_s)
    asked = Flight(*lonlat(1800.0, 1800.0), elapsed_s, factor=factor)
    try:
        escape = TravelTimes(graph).escape_streets().escape(asked)
    except OffNetwork:
        assume(False)
    nodes = {
        (round(float(lon), 9), round(float(lat), 9)): n for n, (lon, lat) in enumerate(zip(graph.node_lon, graph.node_lat, strict=True))
    }
    for line in escape.lines:
        assert all(one.after_s > line.lead_s for one in line.exits)
        assert line.smaller == 0 or len(line.exits) == MOST_EXITS
        if line.smaller:
            continue
        closed = {nodes[round(one.lon, 9), round(one.lat, 9)] for one in line.exits}
        # Shortest times between crossings when nobody passes an exit: none of them is beyond the line.
        level_s = factor * (elapsed_s + line.lead_s)
        seen, f = escape.on_street.edge, escape.on_street.fraction
        begun = [(seen, 1 - f), (int(graph.twin[seen]), f)]
        at_s = {int(graph.head[e]): share * float(time_s[e]) for e, share in begun if np.isfinite(time_s[e])}
        ends = {n for n in range(len(graph.node_x)) if np.count_nonzero(np.isfinite(time_s) & (graph.tail == n)) <= 1}
        while True:
            better = {
                int(graph.head[e]): at_s[int(graph.tail[e])] + float(time_s[e])
                for e in np.flatnonzero(np.isfinite(time_s))
                if int(graph.tail[e]) in at_s
                and int(graph.tail[e]) not in closed
                and at_s[int(graph.tail[e])] + float(time_s[e]) < at_s.get(int(graph.head[e]), np.inf) - 1e-9
            }
            if not better:
                break
            at_s |= better
        assert not {n for n, s in at_s.items() if s > level_s + 1.0 and n not in closed and n not in ends}


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_as_many_exits_as_possible_are_closed_and_no_crew_stands_at_two(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places, crews = int(rng.integers(1, 5)), int(rng.integers(0, 5))
    target_s = rng.uniform(60, 300, places)
    crew_s = np.where(rng.random((places, crews)) < 0.2, np.inf, rng.uniform(0, 600, (places, crews)))
    crew = assign(target_s, crew_s)
    sent = crew[crew >= 0]
    assert len(set(sent.tolist())) == len(sent)
    assert all(np.isfinite(crew_s[p, crew[p]]) for p in np.flatnonzero(crew >= 0))
    in_time = sum(bool(crew_s[p, c] <= target_s[p]) for p, c in enumerate(crew) if c >= 0)
    choices = itertools.product(range(-1, crews), repeat=places)
    honest = (c for c in choices if len({k for k in c if k >= 0}) == sum(k >= 0 for k in c))
    assert in_time == max(sum(bool(k >= 0 and crew_s[p, k] <= target_s[p]) for p, k in enumerate(c)) for c in honest)
