"""Restrictions over ways for cities whose source has none: the real extracts at hand and the demo city."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from geodata.building.source import CitySource, SourceRestriction
from geodata.streets.graph import StreetGraph

KINDS = ("no_u_turn", "no_left_turn", "only_straight_on")


def plant_over_ways(source: CitySource, graph: StreetGraph, count: int, seed: int = 0) -> CitySource:
    """The source with up to `count` restrictions along ways that cars can drive, over one to three ways each.

    Some will be ambiguous, because a way runs on through the junction: those are left alone, like a mapper's.
    """
    rng = np.random.default_rng(seed)
    car = graph.car
    restrictions: list[SourceRestriction] = []
    drivable = np.flatnonzero(np.isfinite(car.time_s))
    first_id = 1 + max((r.restriction_id for r in source.restrictions), default=0)
    for start in rng.choice(drivable, count):
        ways, edge = [int(graph.way_id[start])], int(start)
        wanted = int(rng.integers(3, 6))
        for _ in range(20):
            after = [e for e in _after(graph, edge) if graph.way_id[e] not in ways[:-1]]
            if len(ways) == wanted or not after:
                break
            edge = int(rng.choice(after))
            if graph.way_id[edge] != ways[-1]:
                ways.append(int(graph.way_id[edge]))
        if len(ways) == wanted:
            kind = str(rng.choice(KINDS, p=[0.4, 0.3, 0.3]))
            restrictions.append(SourceRestriction(first_id + len(restrictions), kind, ways[0], ways[-1], None, tuple(ways[1:-1])))
    return replace(source, restrictions=[*source.restrictions, *restrictions])


def _after(graph: StreetGraph, edge: int) -> list[int]:
    car = graph.car
    onward = car.next_edge[car.next_ptr[edge] : car.next_ptr[edge + 1]]
    return [int(e) for e in onward if e < graph.edge_count and e != graph.twin[edge]]
