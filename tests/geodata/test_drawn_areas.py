"""Areas drawn by hand: what is none is named with its place, and a ring by road becomes one that a hand can move."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from geodata.districts.drawn_areas import MOST_CORNERS, Polygon, drawable, fault, holds, shape_of
from geodata.projection import LocalProjection
from geodata.routing.travel import TravelTimes
from geodata.streets.street_lines import lines_within, ways_out
from tests.cities import build_test_city, degrees

ORIGIN = (121.55, 29.87)


def polygon(*points: tuple[float, float]) -> Polygon:
    return ((*points, points[0]),)


SQUARE = polygon((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def test_a_sound_area_has_no_fault() -> None:
    assert fault(SQUARE) is None


@pytest.mark.parametrize(
    ("area", "said"),
    [
        (polygon((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)), "crosses itself near 0.5, 0.5"),
        (polygon((0.0, 0.0), (1.0, 1.0), (2.0, 2.0)), "crosses itself near 1, 1"),
        ((*SQUARE, *polygon((5.0, 5.0), (6.0, 5.0), (6.0, 6.0))), "draw it anew"),
    ],
)
def test_what_is_no_area_says_where(area: Polygon, said: str) -> None:
    assert said in (fault(area) or "")


def test_a_point_is_inside_on_the_edge_or_not_and_a_missing_one_is_nowhere() -> None:
    hole = polygon((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6))
    area = ((*SQUARE, *hole), polygon((3.0, 3.0), (4.0, 3.0), (4.0, 4.0)))
    lon, lat = [0.1, 1.0, 0.5, 3.8, 2.0, math.nan], [0.1, 0.5, 0.5, 3.2, 2.0, 0.1]
    assert holds(area, lon, lat).tolist() == [True, True, False, True, False, False]


bumps = st.lists(st.floats(50.0, 900.0), min_size=8, max_size=120)


@given(bumps, st.integers(0, 3))
def test_any_ring_becomes_few_sound_corners_that_hold_most_of_it(radii: list[float], spikes: int) -> None:
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    flat = LocalProjection(*ORIGIN)
    metres = shapely.Polygon(np.column_stack([np.cos(angles) * radii, np.sin(angles) * radii])).buffer(0)
    for k in range(spikes):
        metres = metres.union(
            shapely.LineString([(0, 0), (1500 * math.cos(k), 1500 * math.sin(k))]).buffer(25)
        )  # rings reach 20 m off their streets at least
    assume(metres.area > 20_000)
    ring = shapely.transform(metres, lambda points: np.column_stack(flat.to_degrees(points[:, 0], points[:, 1])))
    area = drawable(ring, flat)
    assert area
    assert all(fault(part) is None for part in area)
    assert all(len(outline) <= MOST_CORNERS + 1 and outline[0] == outline[-1] for (outline,) in area)
    assert shape_of(area).intersection(ring).area > 0.6 * ring.area


def test_nothing_reached_is_no_area() -> None:
    assert drawable(shapely.MultiPolygon(), LocalProjection(*ORIGIN)) == ()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return build_test_city(tmp_path_factory.mktemp("drawn"))


def test_a_ring_of_a_city_is_drawable_and_the_main_street_leads_out_of_it(city: Any) -> None:
    lon, lat = degrees(500, 600)
    (area,) = (drawable(one, city.projection) for one in TravelTimes(city).rings(lon, lat, (0.5,)).areas)
    assert all(fault(part) is None for part in area)
    ways = ways_out(city.graph, shape_of(area), 5)
    assert {way.name for way in ways} == {"横6路"}, "the others are residential"
    assert len(ways) == 2
    edge = shape_of(area).boundary
    assert all(edge.distance(shapely.Point(way.lon, way.lat)) < 1e-5 for way in ways)
    assert [way.name for way in ways_out(city.graph, shape_of(area), 1)] == ["横6路"]


def test_streets_for_paper_come_once_and_the_largest_last(city: Any) -> None:
    lines = lines_within(city.graph, (*degrees(150, 450), *degrees(450, 750)))
    assert lines[-1].street_class == "primary"
    assert lines[0].street_class == "residential"
    ends = [frozenset(((round(line.lon[0], 6), round(line.lat[0], 6)), (round(line.lon[-1], 6), round(line.lat[-1], 6)))) for line in lines]
    assert len(set(ends)) == len(ends) > 20
    assert [line.street_class for line in lines_within(city.graph, (*degrees(150, 450), *degrees(450, 750)), most=2)] == ["primary"] * 2
