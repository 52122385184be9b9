"""Sea from coastlines: land lies to their left."""

from __future__ import annotations

import pytest
from shapely.geometry import LineString, box

from geodata.openstreetmap.coastline import sea_polygons

AREA = box(0, 0, 1, 1)
ISLAND = [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6), (0.4, 0.4)]


@pytest.mark.parametrize(
    ("coast", "bounds"),
    [
        ([(0.5, -1), (0.5, 2)], (0.5, 0, 1, 1)),
        ([(0.5, 2), (0.5, -1)], (0, 0, 0.5, 1)),
        ([(0.5, 0.001), (0.5, 0.999)], (0.5, 0, 1, 1)),  # clipped just before the edge
    ],
)
def test_sea_on_the_right(coast: list[tuple[float, float]], bounds: tuple[float, ...]) -> None:
    (sea,), unclear = sea_polygons([LineString(coast)], AREA)
    assert sea.bounds == bounds
    assert unclear == 0


def test_coast_in_several_lines() -> None:
    (sea,), _ = sea_polygons([LineString([(0.5, 0.5), (0.5, 1)]), LineString([(0.5, 0), (0.5, 0.5)])], AREA)
    assert sea.area == pytest.approx(0.5)


def test_island_is_a_hole_and_lagoon_is_water() -> None:
    (around,), _ = sea_polygons([LineString(ISLAND)], AREA)
    assert around.area == pytest.approx(1 - 0.04)
    (lagoon,), _ = sea_polygons([LineString(ISLAND[::-1])], AREA)
    assert lagoon.area == pytest.approx(0.04)


def test_coast_that_ends_inside_makes_no_sea_and_is_counted() -> None:
    assert sea_polygons([LineString([(0.5, 1), (0.5, 0.5)])], AREA) == ([], 1)


def test_no_coast_no_sea() -> None:
    assert sea_polygons([], AREA) == ([], 0)
    assert sea_polygons([LineString([(5, 5), (6, 6)])], AREA) == ([], 0)
