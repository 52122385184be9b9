"""From streets as a source draws them to the street graph: cut at junctions, number along a Morton curve, join by turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodata.building.barriers import Barriers
from geodata.building.source import CitySource, SourceRestriction, SourceWay
from geodata.building.street_layout import StreetLayout
from geodata.building.street_rules import FOOT_MPS
from geodata.cities.city import CityError
from geodata.projection import LocalProjection
from geodata.streets.graph import Profile, StreetGraph
from geodata.streets.restrictions import CAR_MODES, EBIKE_MODES, NO_RULES, RestrictionReader, TurnRules
from geodata.streets.turns import build_profile

# Two nodes drawn at one place keep their connection as an edge of this length, so that no time is zero.
MIN_LENGTH_M = 0.1


@dataclass(frozen=True)
class _Pieces:
    """Stretches between two junctions: vertices first … last (inclusive) of the layout."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    length_m: NDArray[np.float64]

    def __getitem__(self, chosen: NDArray[Any]) -> _Pieces:
        return _Pieces(self.first[chosen], self.last[chosen], self.length_m[chosen])


@dataclass(frozen=True)
class _Edges:
    """Directed edges before their turns are known: edge 2k is piece k as drawn, edge 2k+1 its twin."""

    junction: NDArray[np.int64]  # [graph nodes] index of the layout's node
    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    twin: NDArray[np.int32]
    street: NDArray[np.int64]  # [edges] index into the layout's streets
    way_id: NDArray[np.int64]
    car_s: NDArray[np.float32]
    foot_s: NDArray[np.float32]
    ebike_s: NDArray[np.float32]


def build_graph(source: CitySource, layout: StreetLayout, counts: Counter[str]) -> StreetGraph:
    """The street graph of a source; every repair and every loss is counted in `counts` by its reason.

    Raises CityError when no street is left.
    """
    barriers = Barriers.of(source.node_tags, layout.node_ids, source.closed_ways_pass, counts)
    projection = _projection(layout)
    x, y = projection.to_metres(layout.node_lon, layout.node_lat)
    pieces = _cut(layout, barriers.is_cut, x, y, counts)
    order = np.argsort(morton_code(*(_middle(axis, layout, pieces) for axis in (x, y))), kind="stable")
    pieces = pieces[order]
    edges = _direct(layout, pieces, barriers, x, y)
    car, foot, ebike = _profiles(edges, source.restrictions, layout, barriers, counts)
    begin, end, vertex_node = _shape(layout, pieces)
    names, name_of_street = _names(layout.streets)
    return StreetGraph(
        node_lon=layout.node_lon[edges.junction],
        node_lat=layout.node_lat[edges.junction],
        node_x=x[edges.junction],
        node_y=y[edges.junction],
        tail=edges.tail,
        head=edges.head,
        twin=edges.twin,
        length_m=np.repeat(pieces.length_m, 2).astype(np.float32),
        street_class=np.array([rule.street_class for rule in layout.rules], dtype=np.uint8)[edges.street],
        name_index=name_of_street[edges.street],
        way_id=edges.way_id,
        first_vertex=_both_ways(begin, end).astype(np.int32),
        last_vertex=_both_ways(end, begin).astype(np.int32),
        vertex_x=x[vertex_node],
        vertex_y=y[vertex_node],
        names=names,
        origin_lon=projection.origin_lon,
        origin_lat=projection.origin_lat,
        car=car,
        foot=foot,
        ebike=ebike,
    )


def _projection(layout: StreetLayout) -> LocalProjection:
    """About the middle of the streets."""
    if not len(layout.vertex_node):
        raise CityError(
            "No street is left to build a graph from: the source has no way with a known `highway` value and two nodes. "
            "Use an extract that covers the city."
        )
    lon, lat = layout.node_lon[layout.vertex_node], layout.node_lat[layout.vertex_node]
    return LocalProjection(round(float(lon.min() + lon.max()) / 2, 5), round(float(lat.min() + lat.max()) / 2, 5))


def _cut(
    layout: StreetLayout, extra_cut: NDArray[np.bool_], x: NDArray[np.float64], y: NDArray[np.float64], counts: Counter[str]
) -> _Pieces:
    """Cut every run where streets meet and where `extra_cut` says so."""
    node, run = layout.vertex_node, layout.vertex_run
    is_first = np.ones(len(node), dtype=bool)
    is_first[1:] = run[1:] != run[:-1]
    is_last = np.ones(len(node), dtype=bool)
    is_last[:-1] = is_first[1:]
    counts["piece_of_one_node"] += int((is_first & is_last).sum())
    uses = np.bincount(node, minlength=len(layout.node_ids))
    # Ends count double, so that a street ending on another one cuts it and a ring has a beginning.
    uses += np.bincount(node[is_first | is_last], minlength=len(layout.node_ids))
    cut = np.flatnonzero((uses[node] > 1) | extra_cut[node] | is_first | is_last)
    whole = run[cut[:-1]] == run[cut[1:]]

    step_m = np.hypot(np.diff(x[node]), np.diff(y[node])) * ~is_first[1:]
    along_m = np.concatenate([[0.0], np.cumsum(step_m)])
    pieces = _Pieces(cut[:-1][whole], cut[1:][whole], (along_m[cut[1:]] - along_m[cut[:-1]])[whole])
    return _without_empty(pieces, node, counts)


def _without_empty(pieces: _Pieces, node: NDArray[np.int64], counts: Counter[str]) -> _Pieces:
    # The length is a difference of sums over the whole city: below a millimetre it is noise.
    empty = pieces.length_m < 1e-3
    circular = node[pieces.first] == node[pieces.last]
    counts["zero_length_piece_dropped"] += int((empty & circular).sum())
    counts["zero_length_piece_kept"] += int((empty & ~circular).sum())
    kept = pieces[~(empty & circular)]
    if not len(kept.first):
        raise CityError("No street of the source has a length. Use an extract that covers the city.")
    return _Pieces(kept.first, kept.last, np.maximum(kept.length_m, MIN_LENGTH_M))


def _middle(axis: NDArray[np.float64], layout: StreetLayout, pieces: _Pieces) -> NDArray[np.float64]:
    node = layout.vertex_node
    return (axis[node[pieces.first]] + axis[node[pieces.last]]) / 2


def morton_code(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Place on the Z-order curve, by the metre: close codes are close places. x and y span less than 2^32 m."""
    code = np.zeros(len(x), dtype=np.uint64)
    for shift, values in ((0, x), (1, y)):
        cell = (values - values.min()).astype(np.uint64)
        # Spread 32 bits to every second of 64.
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


def _both_ways(forward: NDArray[Any], backward: NDArray[Any]) -> NDArray[Any]:
    """[pieces] twice to [edges]: values of the pieces as drawn and of their twins."""
    return np.column_stack([forward, backward]).ravel()


def _direct(layout: StreetLayout, pieces: _Pieces, barriers: Barriers, x: NDArray[np.float64], y: NDArray[np.float64]) -> _Edges:
    begin, end = layout.vertex_node[pieces.first], layout.vertex_node[pieces.last]
    junction = np.unique(np.concatenate([begin, end]))
    junction = junction[np.argsort(morton_code(x[junction], y[junction]), kind="stable")]
    number = np.full(len(layout.node_ids), -1, dtype=np.int32)
    number[junction] = np.arange(len(junction))
    tail, head = _both_ways(number[begin], number[end]), _both_ways(number[end], number[begin])

    piece_street = layout.vertex_street[pieces.first]
    street = np.repeat(piece_street, 2)
    length_m = np.repeat(pieces.length_m, 2)
    delay_s = barriers.delay_s[junction][head]

    def wheeled_s(forward: list[float], backward: list[float]) -> NDArray[np.float32]:
        speed_mps = _both_ways(np.array(forward)[piece_street], np.array(backward)[piece_street])
        rideable = speed_mps > 0
        time_s = np.full(len(tail), np.inf)
        time_s[rideable] = length_m[rideable] / speed_mps[rideable] + delay_s[rideable]
        return time_s.astype(np.float32)

    rules = layout.rules
    walkable = np.array([rule.foot for rule in layout.rules])[street]
    return _Edges(
        junction=junction,
        tail=tail,
        head=head,
        twin=np.arange(len(tail), dtype=np.int32) ^ 1,
        street=street,
        way_id=np.array([street.way_id for street in layout.streets], dtype=np.int64)[street],
        car_s=wheeled_s([rule.car_forward_mps for rule in rules], [rule.car_backward_mps for rule in rules]),
        foot_s=np.where(walkable, length_m / FOOT_MPS, np.inf).astype(np.float32),
        ebike_s=wheeled_s([rule.ebike_forward_mps for rule in rules], [rule.ebike_backward_mps for rule in rules]),
    )


def _profiles(
    edges: _Edges, restrictions: Iterable[SourceRestriction], layout: StreetLayout, barriers: Barriers, counts: Counter[str]
) -> tuple[Profile, Profile, Profile]:
    node_by_id = dict(zip(layout.node_ids[edges.junction].tolist(), range(len(edges.junction)), strict=True))
    restrictions = list(restrictions)

    def rules(time_s: NDArray[np.float32], exempt_modes: frozenset[str], told: Counter[str]) -> TurnRules:
        reader = RestrictionReader(edges.way_id, edges.tail, edges.head, edges.twin, time_s, node_by_id, exempt_modes)
        return reader.rules(restrictions, told)

    def profile(name: str, time_s: NDArray[np.float32], blocks: NDArray[np.bool_], rules: TurnRules) -> Profile:
        return build_profile(name, time_s, edges.tail, edges.head, edges.twin, blocks, rules)

    # The report tells what became of restrictions for cars.
    for_ebikes = rules(edges.ebike_s, EBIKE_MODES, Counter())
    return (
        profile("car", edges.car_s, barriers.blocks[edges.junction], rules(edges.car_s, CAR_MODES, counts)),
        profile("foot", edges.foot_s, np.zeros(len(edges.junction), dtype=bool), NO_RULES),
        profile("ebike", edges.ebike_s, barriers.blocks_ebike[edges.junction], for_ebikes),
    )


def _shape(layout: StreetLayout, pieces: _Pieces) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """First and last vertex of each piece among vertices stored piece after piece, and the layout's node of each."""
    sizes = pieces.last - pieces.first + 1
    begin = np.cumsum(sizes) - sizes
    vertex = np.repeat(pieces.first - begin, sizes) + np.arange(int(sizes.sum()))
    return begin, begin + sizes - 1, layout.vertex_node[vertex]


def _names(streets: list[SourceWay]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Distinct street names, the empty one first, and each street's index among them."""
    name_by_street = [street_name(street.tags) for street in streets]
    names = ("", *sorted(set(name_by_street) - {""}))
    index = {name: i for i, name in enumerate(names)}
    return names, np.array([index[name] for name in name_by_street], dtype=np.int32)


def street_name(tags: dict[str, str]) -> str:
    """A street without a name goes by its number. In one line, because names are stored one a line."""
    return " ".join((tags.get("name") or tags.get("ref") or "").split())
