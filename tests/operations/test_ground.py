"""Where a unit can be: near a street, also on a long bridge, not far from all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.projection import LocalProjection
from operations.tracking.ground import CELL_M, MARGIN_M, Ground
from tests.operations.grounds import crossroads, streets

LON, LAT = 121.5, 29.9
PROJECTION = LocalProjection(LON, LAT)


def contains(ground: Ground, *metres: tuple[float, float]) -> list[bool]:
    x, y = np.array(metres, dtype=float).T
    return ground.contains(*PROJECTION.to_degrees(x, y)).tolist()


def test_within_the_margin_of_a_street_and_not_beyond():
    assert contains(crossroads(LON, LAT), (0, 0), (4_000, 4_000), (-4_500, 0), (6_500, 0), (0, -7_000), (1e6, 1e6)) == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_bridge_with_two_vertices_is_ground_all_along_but_two_streets_are_not_joined():
    bridge = Ground(streets(LON, LAT, ((0, 0), (36_000, 0))))
    assert all(contains(bridge, *((x, 0.0) for x in range(0, 36_001, 500))))
    apart = Ground(streets(LON, LAT, ((0, 0), (100, 0)), ((36_000, 0), (36_100, 0))))
    assert contains(apart, (18_000, 0)) == [False]


def test_an_empty_graph_is_refused():
    with pytest.raises(ValueError, match="The street graph is empty"):
        Ground(streets(LON, LAT))


@settings(deadline=None, max_examples=200)
@given(st.floats(-20_000, 20_000), st.floats(-20_000, 20_000))
def test_the_margin_holds_within_a_cell(x, y):
    distance = max(max(abs(x) - 100, 0), max(abs(y) - 100, 0))  # of the square around the crossroads
    inside = contains(crossroads(LON, LAT), (x, y))[0]
    if distance < MARGIN_M - CELL_M - 100:
        assert inside
    if distance > MARGIN_M + CELL_M + 100:
        assert not inside
