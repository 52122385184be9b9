"""Where incidents are expected and where people live, on small graphs."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from geodata.building.residents import homes_of_buildings, residents_of_streets
from geodata.building.source import Homes, MapFeature
from geodata.projection import LocalProjection
from geodata.routing.coverage import Streets
from geodata.routing.demand import DemandField
from geodata.routing.searches import Ground
from tests.geodata.networks import ORIGIN, Street, street_graph

# Three parallel streets 1 km apart, joined at their ends.
NODES = [(0.0, 0.0), (200.0, 0.0), (0.0, 1000.0), (200.0, 1000.0), (0.0, 2000.0), (200.0, 2000.0)]
GRAPH = street_graph(NODES, [Street(0, 1), Street(2, 3), Street(4, 5), Street(0, 2), Street(2, 4)])
STREETS = Streets.of(Ground(GRAPH))


def test_each_incident_is_shared_out_whole_among_the_streets_about_it() -> None:
    field = DemandField(GRAPH, STREETS)
    weight = field.spread(np.array([100.0, 100.0, 90.0]), np.array([0.0, 10.0, 2000.0]))
    assert weight.sum() == pytest.approx(3.0, rel=1e-6)
    assert weight[0] > 1.5  # the long streets across have a little of it, by their length
    assert weight[2] > 0.7
    assert weight[1] < 0.01


def test_what_is_far_from_every_street_counts_nowhere() -> None:
    field = DemandField(GRAPH, STREETS)
    assert field.spread(np.array([90_000.0]), np.array([0.0])).sum() == 0.0
    assert field.spread(np.empty(0), np.empty(0)).sum() == 0.0


def test_a_hot_spot_is_where_most_has_happened() -> None:
    field = DemandField(GRAPH, STREETS)
    x, y = np.array([100.0] * 30 + [100.0]), np.array([0.0] * 30 + [2000.0])
    (spot,) = field.hotspots(x, y, 10)
    assert (spot.x, spot.y) == pytest.approx((100.0, 0.0), abs=150.0)
    assert spot.incidents == 30
    assert field.hotspots(np.empty(0), np.empty(0), 10) == []


def square(x: float, y: float, side: float, kind: str) -> MapFeature:
    corners = LocalProjection(*ORIGIN).to_degrees(*np.array([(x, y), (x + side, y), (x + side, y + side), (x, y + side)]).T)
    return MapFeature("building", kind, "", shapely.Polygon(np.column_stack(corners)))


def test_people_live_in_homes_by_their_size() -> None:
    features = [square(50, 20, 10, "yes"), square(50, 1020, 20, "apartments"), square(100, 2010, 90, "industrial")]
    homes = homes_of_buildings(features, LocalProjection(*ORIGIN))
    assert homes is not None
    residents = residents_of_streets(homes, GRAPH)
    assert residents[[0, 2, 4]].tolist() == pytest.approx([0.2, 0.8, 0.0], abs=1e-3)
    assert residents[1::2].sum() == 0.0


def test_without_homes_nothing_is_known_of_residents() -> None:
    assert homes_of_buildings([square(0, 0, 50, "warehouse")], LocalProjection(*ORIGIN)) is None
    far = Homes(np.array([0.0]), np.array([0.0]), np.array([1.0]))
    assert not residents_of_streets(far, GRAPH).any()
