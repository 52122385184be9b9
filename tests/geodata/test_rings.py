"""Areas: every reached street inside, little else, sound shapes."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.projection import LocalProjection
from geodata.routing.isochrones import StreetPieces, StreetShapes
from geodata.routing.rings import areas, fill_for
from geodata.routing.searches import Ground, RoadPoint
from tests.geodata.networks import ORIGIN, Street, random_grid, street_graph

LEVELS = (60.0, 180.0, 300.0)
PROJECTION = LocalProjection(*ORIGIN)


def pieces_of(ground: Ground, edge: int, fraction: float, levels: tuple[float, ...] = LEVELS) -> StreetPieces:
    with ground.search(RoadPoint(edge, fraction, 0, 0, 0), levels[-1]) as found:
        return StreetShapes(ground.graph).pieces(found, levels)


def shapes_of(pieces: StreetPieces) -> list[shapely.MultiPolygon]:
    return [outline.shape for outline in areas(pieces)]


def samples(pieces: StreetPieces, ring: int) -> tuple[np.ndarray, np.ndarray]:
    """A point every 10 m of the streets reached within the ring, in degrees."""
    out = []
    for i in np.flatnonzero(pieces.ring <= ring):
        here = slice(pieces.start[i], pieces.start[i + 1])
        x, y = pieces.x[here], pieces.y[here]
        along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        at = np.arange(5.0, along[-1], 10.0)
        out.append(np.column_stack([np.interp(at, along, x), np.interp(at, along, y)]))
    points = np.concatenate(out)
    return PROJECTION.to_degrees(points[:, 0], points[:, 1])


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_reached_streets_are_inside_and_shapes_are_sound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ground = Ground(random_grid(rng, side=9))
    edge = int(rng.choice(np.flatnonzero(np.isfinite(ground.profiles["car"].time_s))))
    pieces = pieces_of(ground, edge, float(rng.random()))
    for ring, shape in enumerate(shapes_of(pieces)):
        lon, lat = samples(pieces, ring)
        assert shape.geom_type == "MultiPolygon"
        assert shape.is_valid
        assert np.count_nonzero(shapely.contains_xy(shape, lon, lat)) >= 0.99 * len(lon) - 1


def test_the_area_follows_the_street_and_not_the_circle() -> None:
    """One straight street: the area is a band along it, as long as the street is reached and as wide as the fill."""
    line = street_graph([(0, 0), (6000, 0)], [Street(0, 1)])
    shape = shapes_of(pieces_of(Ground(line), 0, 0.5))[2]
    inside = [(3000, 0), (300, 0), (5700, 20), (3000, 30)]
    outside = [(3000, 120), (3000, -120), (-50, 0), (6050, 0)]
    assert all(shapely.contains_xy(shape, *PROJECTION.to_degrees(x, y)) for x, y in inside)
    assert not any(shapely.contains_xy(shape, *PROJECTION.to_degrees(x, y)) for x, y in outside)


def test_smaller_rings_lie_in_larger_ones() -> None:
    ground = Ground(random_grid(np.random.default_rng(4), side=9))
    one, three, five = shapes_of(pieces_of(ground, 40, 0.5))
    # Each outline is simplified on its own, so slivers of half a cell may stick out.
    assert one.difference(three).area < 0.002 * one.area
    assert three.difference(five).area < 0.002 * three.area
    assert one.area < three.area < five.area


def test_a_block_one_cannot_get_into_stays_open() -> None:
    """A square of streets a kilometre wide: its middle is no reached street and the area has a hole there."""
    square = street_graph([(0, 0), (1000, 0), (1000, 1000), (0, 1000)], [Street(0, 1), Street(1, 2), Street(2, 3), Street(3, 0)])
    shape = shapes_of(pieces_of(Ground(square), 0, 0.5))[2]
    assert shape.geoms[0].interiors
    assert not shapely.contains_xy(shape, *PROJECTION.to_degrees(500, 500))


def test_nothing_reached_is_an_empty_area() -> None:
    line = street_graph([(0, 0), (1000, 0)], [Street(0, 1, car=False)])
    pieces = pieces_of(Ground(line), 0, 0.5)
    assert [shape.is_empty for shape in shapes_of(pieces)] == [True, True, True]
    assert pieces.street_metres() == [0, 0, 0]


def test_the_shorter_ring_does_not_depend_on_the_longer() -> None:
    ground = Ground(random_grid(np.random.default_rng(6), side=9))
    alone = shapes_of(pieces_of(ground, 40, 0.5, (120.0,)))[0]
    beside = shapes_of(pieces_of(ground, 40, 0.5, (120.0, 240.0)))[0]
    # Cells outside may hold a later time instead of none: the outline moves by a part of a cell, no more.
    assert alone.symmetric_difference(beside).area < 0.15 * alone.area


def test_rings_of_half_an_hour() -> None:
    line = street_graph([(0, 0), (60_000, 0)], [Street(0, 1, speed_mps=20)])
    shape = shapes_of(pieces_of(Ground(line), 0, 0.5, (60.0, 1800.0)))[1]
    assert shapely.contains_xy(shape, *PROJECTION.to_degrees(100, 0))
    assert shapely.contains_xy(shape, *PROJECTION.to_degrees(59_900, 0))


@pytest.mark.parametrize(("level_s", "cell_m"), [(60, 15), (180, 36), (300, 36), (600, 60), (1800, 100)])
def test_longer_rings_get_coarser_cells(level_s: float, cell_m: float) -> None:
    assert fill_for(level_s).cell_m == cell_m
