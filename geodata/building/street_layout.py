"""The streets of a source laid out in arrays: every way node looked up, gaps kept as gaps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.building.source import CitySource, SourceWay
from geodata.building.street_rules import StreetRule, street_rule


@dataclass(frozen=True)
class StreetLayout:
    """Streets with their nodes. A vertex is one way node that has a place; vertices lie way after way."""

    streets: list[SourceWay]
    rules: list[StreetRule]  # [streets]
    node_ids: NDArray[np.int64]  # [nodes] ascending
    node_lon: NDArray[np.float64]  # [nodes]
    node_lat: NDArray[np.float64]
    vertex_node: NDArray[np.int64]  # [vertices] index of the node
    vertex_street: NDArray[np.int64]  # [vertices] index into `streets`
    vertex_run: NDArray[np.int64]  # [vertices] numbers the stretches without a gap

    def lines(self) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
        """Street index and line of every stretch that has two nodes or more, in lon, lat."""
        run, first, size = np.unique(self.vertex_run, return_index=True, return_counts=True)
        number = np.full(int(run[-1]) + 1 if len(run) else 0, -1, dtype=np.int64)
        drawn = size > 1
        number[run[drawn]] = np.arange(int(drawn.sum()))
        index = number[self.vertex_run]
        node = self.vertex_node[index >= 0]
        points = np.column_stack([self.node_lon[node], self.node_lat[node]])
        return self.vertex_street[first[drawn]], shapely.linestrings(points, indices=index[index >= 0])


def lay_out_streets(source: CitySource, counts: Counter[str]) -> StreetLayout:
    """Streets of a source, those no one can use left out; every loss is counted in `counts` by its reason."""
    streets, rules = _streets(source, counts)
    node_ids, node_lon, node_lat = _sorted_nodes(source, counts)
    return StreetLayout(streets, rules, node_ids, node_lon, node_lat, *_vertices(streets, node_ids, counts))


def _streets(source: CitySource, counts: Counter[str]) -> tuple[list[SourceWay], list[StreetRule]]:
    streets: list[SourceWay] = []
    rules: list[StreetRule] = []
    seen: set[int] = set()
    for way in source.ways:
        rule = street_rule(way.tags, source.closed_ways_pass)
        if rule is None:
            counts["way_of_unknown_highway"] += 1
        elif way.way_id in seen:
            counts["way_twice"] += 1
        elif len(way.nodes) < 2:
            counts["way_with_one_node"] += 1
        else:
            seen.add(way.way_id)
            streets.append(way)
            rules.append(rule)
            counts.update(rule.remarks)
    return streets, rules


def _sorted_nodes(source: CitySource, counts: Counter[str]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Ids ascending and unique, without places that can't be."""
    ids, lon, lat = source.node_ids, source.node_lon, source.node_lat
    sound = (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)  # false for NaN too
    counts["node_with_bad_place"] += int((~sound).sum())
    unique, first = np.unique(ids[sound], return_index=True)
    counts["node_twice"] += int(sound.sum()) - len(unique)
    return unique, lon[sound][first], lat[sound][first]


def _vertices(
    streets: list[SourceWay], node_ids: NDArray[np.int64], counts: Counter[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Node, street and run of every vertex; a missing node ends a run, so that nothing is joined across the gap."""
    sizes = np.fromiter((len(way.nodes) for way in streets), dtype=np.int64, count=len(streets))
    refs = np.fromiter(chain.from_iterable(way.nodes for way in streets), dtype=np.int64, count=int(sizes.sum()))
    way = np.repeat(np.arange(len(streets)), sizes)
    node = np.searchsorted(node_ids, refs)
    known = np.zeros(len(refs), dtype=bool)
    inside = node < len(node_ids)
    known[inside] = node_ids[node[inside]] == refs[inside]
    counts["missing_way_nodes"] += int((~known).sum())
    counts["way_with_missing_nodes"] += len(np.unique(way[~known]))

    repeated = np.zeros(len(refs), dtype=bool)
    repeated[1:] = (refs[1:] == refs[:-1]) & (way[1:] == way[:-1])
    counts["repeated_way_nodes"] += int(repeated.sum())
    node, way, known = node[~repeated], way[~repeated], known[~repeated]
    starts = np.ones(len(node), dtype=bool)
    starts[1:] = (way[1:] != way[:-1]) | ~known[:-1]
    run = np.cumsum(starts) - 1
    return node[known], way[known], run[known]
