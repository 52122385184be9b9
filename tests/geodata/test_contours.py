"""Outlines of rasters: what is inside the raster is inside the polygons, holes and islands included."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from geodata.projection import LocalProjection
from geodata.routing.contours import _CASES, Outline, outline, polygons, trace
from tests.geodata.networks import ORIGIN

PROJECTION = LocalProjection(*ORIGIN)
CELL_M = 40.0


def random_raster(seed: int) -> np.ndarray:
    """Noise at a random grain, with a rim above every level."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(3, 25, 2)
    grain = int(rng.integers(1, 4))
    grid = np.kron(rng.random((rows, columns)), np.ones((grain, grain))) + 0.1 * rng.random((rows * grain, columns * grain))
    return np.pad(grid, 1, constant_values=2.0)


def exact(grid: np.ndarray, level: float) -> Outline:
    """The contour itself in units of cells, nothing simplified, no hole filled."""
    return Outline(*polygons(*trace(grid, level, np.inf, _CASES), 0.0, 0.0, 0.0, 0.0, 1.0, 1.0))


@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0.05, 1.05))
@settings(max_examples=60, deadline=None)
def test_cells_inside_are_inside_and_cells_outside_are_not(seed: int, level: float) -> None:
    grid = random_raster(seed)
    shape = exact(grid, level).shape
    rows, columns = np.indices(grid.shape)
    # A cell whose value is the level itself lies on the outline.
    clear = np.abs(grid - level) > 1e-4
    np.testing.assert_array_equal(shapely.contains_xy(shape, columns[clear], rows[clear]), (grid <= level)[clear])
    assert len(shape.geoms) == label(grid <= level)[1]


@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0.05, 1.05))
@settings(max_examples=60, deadline=None)
def test_simplified_outlines_are_sound_and_near(seed: int, level: float) -> None:
    grid = random_raster(seed)
    found = outline(grid, level, np.inf, 0.0, 0.0, CELL_M, PROJECTION, 0.0)
    assert found.shape.is_valid
    np.testing.assert_array_equal(found.corner, np.round(found.corner, 6))
    contour = exact(grid, level).shape
    if contour.is_empty:
        assert found.shape.is_empty
        return
    x, y = PROJECTION.to_metres(*shapely.get_coordinates(found.shape).T)
    corners = shapely.points(x / CELL_M, y / CELL_M)
    assert shapely.distance(corners, contour.boundary).max() < 0.6


def test_a_ring_in_a_hole_of_a_ring() -> None:
    """An island in a lake on an island: two polygons, the outer one with a hole."""
    grid = np.full((15, 15), 1.0)
    grid[2:13, 2:13] = 0.0
    grid[4:11, 4:11] = 1.0
    grid[6:9, 6:9] = 0.0
    shape = exact(grid, 0.5).shape
    assert sorted(len(p.interiors) for p in shape.geoms) == [0, 1]
    assert shape.area == pytest.approx(shapely.area(shapely.box(1.5, 1.5, 12.5, 12.5)) - 49 + 9, abs=3)


def test_holes_smaller_than_asked_are_filled() -> None:
    grid = np.full((12, 12), 1.0)
    grid[1:11, 1:11] = 0.0
    grid[3:5, 3:5] = 1.0
    grid[6:9, 6:9] = 1.0
    kept = outline(grid, 0.5, np.inf, 0.0, 0.0, CELL_M, PROJECTION, 5 * CELL_M**2)
    assert [len(p.interiors) for p in kept.shape.geoms] == [1]
    assert [len(p.interiors) for p in outline(grid, 0.5, np.inf, 0.0, 0.0, CELL_M, PROJECTION, 0.0).shape.geoms] == [2]


@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0.05, 1.05))
@settings(max_examples=20, deadline=None)
def test_what_lies_above_the_ceiling_counts_as_the_ceiling(seed: int, level: float) -> None:
    grid, ceiling = random_raster(seed), level + 0.2
    found = outline(grid, level, ceiling, 0.0, 0.0, CELL_M, PROJECTION, 0.0)
    lowered = outline(np.minimum(grid, ceiling), level, np.inf, 0.0, 0.0, CELL_M, PROJECTION, 0.0)
    assert found.coordinates() == lowered.coordinates()


def test_coordinates_are_those_of_the_shape() -> None:
    found = outline(random_raster(3), 0.5, np.inf, 0.0, 0.0, CELL_M, PROJECTION, 0.0)
    assert len(found.coordinates()) > 1
    again = shapely.geometry.shape({"type": "MultiPolygon", "coordinates": found.coordinates()})
    assert again.equals_exact(found.shape, 0)


def test_nothing_inside_is_an_empty_outline() -> None:
    found = outline(np.ones((4, 4)), 0.5, np.inf, 0.0, 0.0, CELL_M, PROJECTION, 0.0)
    assert found.coordinates() == []
    assert found.shape.is_empty
