"""Small city sources for tests: nodes on a grid of 100 m, ways as lists of node numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from geodata.building.graph_build import build_graph
from geodata.building.source import CitySource, SourceRestriction, SourceWay
from geodata.building.street_layout import lay_out_streets
from geodata.projection import LocalProjection
from geodata.streets.graph import StreetGraph

ORIGIN = (121.55, 29.87)


def way(way_id: int, *nodes: int, highway: str = "residential", **tags: str) -> SourceWay:
    """`tags` with __ for a colon."""
    return SourceWay(way_id, nodes, {"highway": highway, **{key.replace("__", ":"): value for key, value in tags.items()}})


def ban(
    kind: str, from_way: int, via: int | None, to_way: int, *, via_ways: tuple[int, ...] = (), modes: tuple[str, ...] = ()
) -> SourceRestriction:
    return SourceRestriction(1, kind, from_way, to_way, via, via_ways, frozenset(modes))


def city_source(places: dict[int, tuple[float, float]], ways: list[SourceWay], **more: Any) -> CitySource:
    """`places`: node id -> (east, north) in units of 100 m."""
    xy = np.array(list(places.values()), dtype=np.float64).reshape(-1, 2) * 100.0
    lon, lat = LocalProjection(*ORIGIN).to_degrees(xy[:, 0], xy[:, 1])
    values: dict[str, Any] = {
        "code": "330200000000",
        "name": "宁波",
        "name_en": "Ningbo",
        "time_zone": "Asia/Shanghai",
        "schematic": True,
        "attribution": "made for tests",
        "node_ids": np.array(list(places), dtype=np.int64),
        "node_lon": lon,
        "node_lat": lat,
        "ways": ways,
        "restrictions": [],
        "features": [],
        "elements": [],
        "organisations": [],
    }
    return CitySource(**{**values, **more})


def build(places: dict[int, tuple[float, float]], ways: list[SourceWay], **more: Any) -> tuple[StreetGraph, Counter[str]]:
    return graph_of(city_source(places, ways, **more))


def graph_of(source: CitySource) -> tuple[StreetGraph, Counter[str]]:
    """The street graph without the rest of a city, and what was counted."""
    counts: Counter[str] = Counter()
    return build_graph(source, lay_out_streets(source, counts), counts), counts


def edge(graph: StreetGraph, way_id: int, tail: tuple[float, float]) -> int:
    """The one edge of a way that begins at a grid place."""
    lon, lat = LocalProjection(*ORIGIN).to_degrees(tail[0] * 100.0, tail[1] * 100.0)
    near = np.hypot(graph.node_lon - lon, graph.node_lat - lat)[graph.tail] < 1e-6
    (found,) = np.flatnonzero(near & (graph.way_id == way_id))
    return int(found)


def following(graph: StreetGraph, e: int, profile: str = "car") -> set[int]:
    """Way ids that may follow edge e; -1 is turning back."""
    p = getattr(graph, profile)
    after = p.next_edge[p.next_ptr[e] : p.next_ptr[e + 1]]
    return {-1 if f == graph.twin[e] else int(graph.way_id[f]) for f in after}


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
