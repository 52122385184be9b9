"""From streets as a source draws them to the street graph: cut at junctions, number along a Morton curve, join by turns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodata.city import CityError
from geodata.projection import LocalProjection
from geodata.source import CitySource, SourceWay
from geodata.street_rules import FOOT_MPS, StreetRule, street_rule
from geodata.streets import StreetGraph
from geodata.turns import RestrictionReader, build_profile

# Two nodes drawn at one place keep their connection as an edge of this length, so that no time is zero.
MIN_LENGTH_M = 0.1
# What opening a gate or a toll bar costs, counted once a passage.
GATE_DELAY_S = 10.0
_PASSABLE_BARRIERS = frozenset(
    {
        "gate",
        "lift_gate",
        "swing_gate",
        "sliding_gate",
        "toll_booth",
        "border_control",
        "checkpoint",
        "bump_gate",
        "cattle_grid",
        "chain",
        "entrance",
        "sally_port",
        "height_restrictor",
        "kerb",
    }
)
_NO_DELAY_BARRIERS = frozenset({"cattle_grid", "entrance", "height_restrictor", "kerb"})


@dataclass(frozen=True)
class _Vertices:
    """Way nodes that have a place, way after way; `run` numbers the stretches without a gap."""

    node: NDArray[np.int64]  # index into the source's sorted node ids
    way: NDArray[np.int64]  # index into the list of streets
    run: NDArray[np.int64]


@dataclass(frozen=True)
class _Pieces:
    """Stretches between two junctions: vertices first … last (inclusive) of `_Vertices`."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]


def build_graph(source: CitySource, counts: Counter[str]) -> StreetGraph:
    """The street graph of a source; every repair and every loss is counted in `counts` by its reason.

    Raises CityError when no street is left.
    """
    streets, rules = _streets(source.ways, counts)
    node_ids, node_lon, node_lat = _sorted_nodes(source, counts)
    vertices = _vertices(streets, node_ids, counts)
    barrier = _Barriers.of(source.node_tags, node_ids, counts)
    pieces = _cut(vertices, barrier.is_cut, len(node_ids), counts)
    if not len(pieces.first):
        raise CityError(
            "No street is left to build a graph from: the source has no way with a known `highway` value and two nodes. "
            "Use an extract that covers the city."
        )

    used = np.unique(vertices.node)
    projection = LocalProjection(
        round(float(node_lon[used].min() + node_lon[used].max()) / 2, 5), round(float(node_lat[used].min() + node_lat[used].max()) / 2, 5)
    )
    all_x, all_y = projection.to_metres(node_lon, node_lat)
    pieces, length_m = _measure(pieces, vertices, all_x, all_y, counts)
    pieces, length_m = _in_morton_order(pieces, length_m, vertices, all_x, all_y)
    return _assemble(
        source, streets, rules, node_ids, (node_lon, node_lat, all_x, all_y), vertices, pieces, length_m, barrier, projection, counts
    )


def _streets(ways: list[SourceWay], counts: Counter[str]) -> tuple[list[SourceWay], list[StreetRule]]:
    streets: list[SourceWay] = []
    rules: list[StreetRule] = []
    seen: set[int] = set()
    for way in ways:
        rule = street_rule(way.tags)
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
    counts["streets"] = len(streets)
    return streets, rules


def _sorted_nodes(source: CitySource, counts: Counter[str]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Ids ascending and unique, without places that can't be."""
    ids, lon, lat = source.node_ids, source.node_lon, source.node_lat
    sound = (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)  # false for NaN too
    counts["node_with_bad_place"] += int((~sound).sum())
    unique, first = np.unique(ids[sound], return_index=True)
    counts["node_twice"] += int(sound.sum()) - len(unique)
    return unique, lon[sound][first], lat[sound][first]


def _vertices(streets: list[SourceWay], node_ids: NDArray[np.int64], counts: Counter[str]) -> _Vertices:
    """Look up every way node; a missing one ends a run, so that nothing is joined across the gap."""
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
    return _Vertices(node[known], way[known], run[known])


@dataclass(frozen=True)
class _Barriers:
    is_cut: NDArray[np.bool_]  # [source nodes] the street is cut here
    blocks: NDArray[np.bool_]  # [source nodes] no car passes
    delay_s: NDArray[np.float64]  # [source nodes]

    @classmethod
    def of(cls, node_tags: dict[int, dict[str, str]], node_ids: NDArray[np.int64], counts: Counter[str]) -> _Barriers:
        blocks = np.zeros(len(node_ids), dtype=bool)
        delay_s = np.zeros(len(node_ids))
        for node_id, tags in node_tags.items():
            at = int(np.searchsorted(node_ids, node_id))
            if "barrier" not in tags or at == len(node_ids) or node_ids[at] != node_id:
                continue
            blocks[at] = not _lets_police_in(tags)
            delay_s[at] = 0.0 if blocks[at] or tags["barrier"] in _NO_DELAY_BARRIERS else GATE_DELAY_S
            counts["barrier_closed_to_cars" if blocks[at] else "barrier_passable"] += 1
        return cls(blocks | (delay_s > 0), blocks, delay_s)


def _lets_police_in(tags: dict[str, str]) -> bool:
    if tags["barrier"] in _PASSABLE_BARRIERS:
        return True
    if tags["barrier"] == "bollard" and tags.get("bollard") in ("removable", "rising", "foldable"):
        return True
    return any(tags.get(key) in ("yes", "designated", "permissive") for key in ("emergency", "motorcar", "motor_vehicle", "vehicle"))


def _cut(vertices: _Vertices, extra_cut: NDArray[np.bool_], node_count: int, counts: Counter[str]) -> _Pieces:
    node, run = vertices.node, vertices.run
    is_first = np.ones(len(node), dtype=bool)
    is_first[1:] = run[1:] != run[:-1]
    is_last = np.ones(len(node), dtype=bool)
    is_last[:-1] = is_first[1:]
    counts["piece_of_one_node"] += int((is_first & is_last).sum())
    uses = np.bincount(node, minlength=node_count)
    # Ends count double, so that a street ending on another one cuts it and a ring has a beginning.
    uses += np.bincount(node[is_first | is_last], minlength=node_count)
    cut = np.flatnonzero((uses[node] > 1) | extra_cut[node] | is_first | is_last)
    same_run = run[cut[:-1]] == run[cut[1:]]
    return _Pieces(cut[:-1][same_run], cut[1:][same_run])


def _measure(
    pieces: _Pieces, vertices: _Vertices, all_x: NDArray[np.float64], all_y: NDArray[np.float64], counts: Counter[str]
) -> tuple[_Pieces, NDArray[np.float64]]:
    x, y = all_x[vertices.node], all_y[vertices.node]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    length_m = along[pieces.last] - along[pieces.first]
    # `along` grows over the whole city: below a millimetre its differences are noise.
    empty = length_m < 1e-3
    circular = vertices.node[pieces.first] == vertices.node[pieces.last]
    counts["zero_length_piece_dropped"] += int((empty & circular).sum())
    counts["zero_length_piece_kept"] += int((empty & ~circular).sum())
    keep = ~(empty & circular)
    return _Pieces(pieces.first[keep], pieces.last[keep]), np.maximum(length_m[keep], MIN_LENGTH_M)


def morton_code(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Place on the Z-order curve, by the metre: close codes are close places."""
    code = np.zeros(len(x), dtype=np.uint64)
    for shift, values in ((0, x), (1, y)):
        cell = np.minimum(np.maximum(values - values.min(), 0.0), 2.0**31).astype(np.uint64)
        for width, mask in (
            (16, 0x0000FFFF0000FFFF),
            (8, 0x00FF00FF00FF00FF),
            (4, 0x0F0F0F0F0F0F0F0F),
            (2, 0x3333333333333333),
            (1, 0x5555555555555555),
        ):
            cell = (cell | (cell << np.uint64(width))) & np.uint64(mask)
        code |= cell << np.uint64(shift)
    return code


def _in_morton_order(
    pieces: _Pieces, length_m: NDArray[np.float64], vertices: _Vertices, all_x: NDArray[np.float64], all_y: NDArray[np.float64]
) -> tuple[_Pieces, NDArray[np.float64]]:
    first, last = vertices.node[pieces.first], vertices.node[pieces.last]
    order = np.argsort(morton_code((all_x[first] + all_x[last]) / 2, (all_y[first] + all_y[last]) / 2), kind="stable")
    return _Pieces(pieces.first[order], pieces.last[order]), length_m[order]


def _both_ways(forward: NDArray[Any], backward: NDArray[Any]) -> NDArray[Any]:
    """Edge 2k is piece k as drawn, edge 2k+1 its twin."""
    return np.column_stack([forward, backward]).ravel()


def _assemble(
    source: CitySource,
    streets: list[SourceWay],
    rules: list[StreetRule],
    node_ids: NDArray[np.int64],
    places: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    vertices: _Vertices,
    pieces: _Pieces,
    length_m: NDArray[np.float64],
    barrier: _Barriers,
    projection: LocalProjection,
    counts: Counter[str],
) -> StreetGraph:
    all_lon, all_lat, all_x, all_y = places
    tail_node, head_node = vertices.node[pieces.first], vertices.node[pieces.last]
    junction = np.unique(np.concatenate([tail_node, head_node]))
    junction = junction[np.argsort(morton_code(all_x[junction], all_y[junction]), kind="stable")]
    number = np.full(len(node_ids), -1, dtype=np.int64)
    number[junction] = np.arange(len(junction))

    tail = _both_ways(number[tail_node], number[head_node]).astype(np.int32)
    head = _both_ways(number[head_node], number[tail_node]).astype(np.int32)
    twin = np.arange(len(tail), dtype=np.int32) ^ 1
    length = np.repeat(length_m, 2)
    piece_way = vertices.way[pieces.first]
    way = np.repeat(piece_way, 2)

    # Vertices again, in the order of the pieces.
    sizes = pieces.last - pieces.first + 1
    begin = np.cumsum(sizes) - sizes
    run = np.repeat(pieces.first - begin, sizes) + np.arange(int(sizes.sum()))
    end = begin + sizes - 1

    def per_way(values: list[float]) -> NDArray[np.float64]:
        return np.array(values, dtype=np.float64)[piece_way]

    speed_mps = _both_ways(per_way([r.car_forward_mps for r in rules]), per_way([r.car_backward_mps for r in rules]))
    drivable = speed_mps > 0
    car_s = np.full(len(tail), np.inf)
    car_s[drivable] = length[drivable] / speed_mps[drivable] + barrier.delay_s[junction][head[drivable]]
    car_s = car_s.astype(np.float32)
    walkable = np.repeat(per_way([float(r.foot) for r in rules]) > 0, 2)
    foot_s = np.where(walkable, length / FOOT_MPS, np.inf).astype(np.float32)

    way_id = np.array([street.way_id for street in streets], dtype=np.int64)[way]
    names, name_of_way = _names(streets)
    node_of_source = {int(node_ids[n]): i for i, n in enumerate(junction)} if source.restrictions else {}
    banned = RestrictionReader(way_id, tail, head, car_s, node_of_source).banned_pairs(source.restrictions, counts)
    nobody = np.zeros(len(junction), dtype=bool)
    return StreetGraph(
        node_lon=all_lon[junction],
        node_lat=all_lat[junction],
        node_x=all_x[junction],
        node_y=all_y[junction],
        tail=tail,
        head=head,
        twin=twin,
        length_m=length.astype(np.float32),
        street_class=np.array([r.street_class for r in rules], dtype=np.uint8)[way],
        name_index=name_of_way[way],
        way_id=way_id,
        first_vertex=_both_ways(begin, end).astype(np.int32),
        last_vertex=_both_ways(end, begin).astype(np.int32),
        vertex_x=all_x[vertices.node[run]],
        vertex_y=all_y[vertices.node[run]],
        names=names,
        origin_lon=projection.origin_lon,
        origin_lat=projection.origin_lat,
        car=build_profile("car", car_s, tail, head, twin, barrier.blocks[junction], banned),
        foot=build_profile("foot", foot_s, tail, head, twin, nobody, np.empty(0, dtype=np.int64)),
    )


def _names(streets: list[SourceWay]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Distinct street names, the empty one first, and each way's index. A street without a name goes by its number."""
    name_by_way = [street.tags.get("name") or street.tags.get("ref") or "" for street in streets]
    names = ("", *sorted(set(name_by_way) - {""}))
    index = {name: i for i, name in enumerate(names)}
    return names, np.array([index[name] for name in name_by_way], dtype=np.int32)
