"""Gaps on a small grid: what is far is in, what is near is out."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geodata.projection import LocalProjection
from geodata.routing.coverage import CoverageSearch, Reach
from geodata.routing.gaps import GapRaster
from geodata.routing.searches import Ground
from geodata.streets.graph import StreetGraph
from tests.geodata.networks import ORIGIN, Street, street_graph
from tests.geodata.test_coverage import on_edges

SIDE, BLOCK_M = 21, 200.0  # 4 km on a side, 20 s a block


def grid() -> StreetGraph:
    nodes = [(x * BLOCK_M, y * BLOCK_M) for y in range(SIDE) for x in range(SIDE)]
    links = [(i, i + 1) for i in range(SIDE * SIDE) if (i + 1) % SIDE] + [(i, i + SIDE) for i in range(SIDE * (SIDE - 1))]
    return street_graph(nodes, [Street(a, b) for a, b in links])


GRID = grid()
SEARCH = CoverageSearch(Ground(GRID))
RASTER = GapRaster(GRID, SEARCH.streets)


def reach_from(*edges: int) -> Reach:
    return SEARCH.reach(on_edges(np.array(edges, np.int32), np.zeros(len(edges)), np.zeros(len(edges))))


def at(x: float, y: float) -> shapely.Point:
    return shapely.Point(*LocalProjection(*ORIGIN).to_degrees(x, y))


def test_without_units_all_streets_are_one_gap() -> None:
    (gap,) = RASTER.gaps(reach_from(), 180.0)
    assert gap.street_m == pytest.approx(SEARCH.streets.length_m.sum(), rel=0.03)


def test_where_a_unit_stands_is_no_gap() -> None:
    gaps = RASTER.gaps(reach_from(0), 180.0)  # from the south-west corner 1.8 km by road
    area = shapely.union_all([shapely.Polygon(gap.polygon[0], gap.polygon[1:]) for gap in gaps])
    assert not area.contains(at(300, 300))
    assert area.contains(at(2000, 2000))
    assert area.contains(at(3500, 500))
    late_m = ((1 - share_from(0)) * SEARCH.streets.length_m).sum()
    assert sum(gap.street_m for gap in gaps) == pytest.approx(late_m, rel=0.1)


def share_from(edge: int) -> np.ndarray:
    return reach_from(edge).within((180.0,))[0]


def test_only_the_streets_asked_for_and_their_weights() -> None:
    west = GRID.node_x[GRID.tail[SEARCH.streets.low]] + GRID.node_x[GRID.head[SEARCH.streets.low]] < 4000
    weight = np.where(west, 1.0, 100.0)
    (gap,) = RASTER.gaps(reach_from(), 60.0, west, [weight])
    assert gap.weights[0] == pytest.approx(west.sum(), rel=0.05)
    assert not shapely.Polygon(gap.polygon[0]).contains(at(3500, 2000))


def test_all_in_time_is_no_gap() -> None:
    everywhere = np.arange(0, len(GRID.tail), 2)
    assert RASTER.gaps(reach_from(*everywhere.tolist()), 60.0) == []
