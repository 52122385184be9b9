"""The street network as the source draws it: nodes, ways with tags, turn restrictions, all of it connected."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point

from geodata.building.source import SourceRestriction, SourceWay
from geodata.demo.blocks import Blocks, Cut
from geodata.demo.density import URBAN_BLOCK_M2, Density
from geodata.demo.expressways import Expressways, bridge_tags
from geodata.demo.faces import Net
from geodata.demo.ground import Ground, to_metres
from geodata.demo.names import StreetNames
from geodata.demo.skeleton import street_tags

# Streets for people on foot: lon, lat, radius in metres, name.
PEDESTRIAN_ZONES = (
    (121.5506, 29.8708, 190.0, "天一广场"),
    (121.5581, 29.8815, 170.0, "老外滩"),
    (121.5437, 29.8760, 110.0, "鼓楼步行街"),
    (121.5428, 29.8625, 150.0, "南塘老街"),
    (121.4535, 29.9885, 130.0, "慈城古街"),
)
OLD_TOWN = (121.5475, 29.8700, 1_900.0)

DROPPED_SHARE = 0.05  # of side street pieces: two blocks become one
DEAD_END_SHARE = 0.06  # of side street pieces: cut off before the far end
ONE_WAY_SHARE_OLD_TOWN, ONE_WAY_SHARE_TOWN = 0.5, 0.14
NO_LEFT_TURN_SHARE = 0.22


@dataclass
class _Way:
    nodes: list[int]
    tags: dict[str, str]
    is_side_street: bool = False
    wants_one_way: bool = False

    @property
    def is_for_cars(self) -> bool:
        return self.tags["highway"] not in ("pedestrian", "footway")

    @property
    def may_break(self) -> bool:
        """Through roads stay whole; smaller side streets may lose pieces."""
        return self.is_side_street and self.is_for_cars and self.tags["highway"] != "tertiary"


@dataclass
class Network:
    """What `CitySource` needs of the streets; coordinates in metres."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    ways: list[SourceWay] = field(default_factory=list)  # node ids are 1 + index into x, y
    restrictions: list[SourceRestriction] = field(default_factory=list)


class _Union:
    """Disjoint sets of nodes."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def find(self, node: int) -> int:
        parent = self.parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def join(self, a: int, b: int) -> bool:
        """Whether the two were apart before."""
        a, b = self.find(a), self.find(b)
        self.parent[max(a, b)] = min(a, b)
        return a != b


def make_network(ground: Ground, net: Net, blocks: Blocks, expressways: Expressways, density: Density, rng: np.random.Generator) -> Network:
    """Put main streets, side streets and expressways together and keep what hangs together."""
    x, y = list(blocks.x), list(blocks.y)
    mains = _main_ways(ground, net, blocks, density)
    sides = _side_ways(ground, blocks, density, rng)
    fast = _expressway_ways(expressways, x, y)
    ways = _thin_out([*mains, *sides], x, y, rng)
    ways = _largest_part([*ways, *fast], len(x))
    return _numbered(ways, x, y, net, rng)


def _main_ways(ground: Ground, net: Net, blocks: Blocks, density: Density) -> list[_Way]:
    """One way per line of the net. Streets along rivers and expressways exist only where the city is dense."""
    shapely.prepare(ground.river_zone)
    ways = []
    for i, line in enumerate(net.lines):
        if net.line_street[i] < 0:
            continue
        street = net.streets[int(net.line_street[i])]
        middle = line.interpolate(0.5, normalized=True)
        tags = dict(street.tags)
        if street.name:
            tags["name"] = street.name
        if street.name.endswith(("滨江路", "高速辅道")):
            if density.at(middle.x, middle.y) > URBAN_BLOCK_M2:
                continue
        elif ground.river_zone.contains(middle) and ground.river_zone.boundary.distance(middle) > 2.0:
            tags |= bridge_tags(ground, middle, street.name)
        ways.append(_Way(blocks.nodes_along(blocks.net_sides[i]), tags, wants_one_way=tags.pop("oneway", "no") == "yes"))
    return ways


def _side_ways(ground: Ground, blocks: Blocks, density: Density, rng: np.random.Generator) -> list[_Way]:
    """One way per cut, with a class by the size of what it divides and a name."""
    middles = np.array([_middle(blocks, cut) for cut in blocks.cuts])
    wished = density.at(middles[:, 0], middles[:, 1])
    shapely.prepare(ground.parks)
    in_park = shapely.contains_xy(ground.parks, middles)
    district = _district_index(ground, middles)
    zones = [(_metres(lon, lat), radius, name) for lon, lat, radius, name in PEDESTRIAN_ZONES]
    old_town, old_town_m = _metres(OLD_TOWN[0], OLD_TOWN[1]), OLD_TOWN[2]
    names = StreetNames(rng)
    ways = []
    for i, cut in enumerate(blocks.cuts):
        zone = next((name for (zx, zy), radius, name in zones if math.hypot(middles[i, 0] - zx, middles[i, 1] - zy) < radius), "")
        nodes = blocks.nodes_along(cut.sides)
        if zone or in_park[i]:
            tags = {"highway": "pedestrian", "name": zone} if zone else {"highway": "footway", "name": "公园步道"}
            ways.append(_Way(nodes, tags, is_side_street=True))
            continue
        highway = _side_class(cut, float(wished[i]), rng)
        tags = street_tags(highway)
        name = names.next(highway, int(district[i]))
        if name:
            tags["name"] = name
        in_old_town = math.hypot(middles[i, 0] - old_town[0], middles[i, 1] - old_town[1]) < old_town_m
        share = ONE_WAY_SHARE_OLD_TOWN if in_old_town else ONE_WAY_SHARE_TOWN if wished[i] < URBAN_BLOCK_M2 else 0.0
        ways.append(_Way(nodes, tags, is_side_street=True, wants_one_way=cut.length_m > 90.0 and rng.random() < share))
    return ways


def _middle(blocks: Blocks, cut: Cut) -> tuple[float, float]:
    a, b = blocks.sides[cut.sides[0]].start, blocks.sides[cut.sides[-1]].end
    return (blocks.x[a] + blocks.x[b]) / 2, (blocks.y[a] + blocks.y[b]) / 2


def _metres(lon: float, lat: float) -> tuple[float, float]:
    point = to_metres(Point(lon, lat))
    return point.x, point.y


def _district_index(ground: Ground, xy: NDArray[np.float64]) -> NDArray[np.int64]:
    index = np.full(len(xy), -1, dtype=np.int64)
    for i, district in enumerate(ground.districts):
        shapely.prepare(district.area)
        index[shapely.contains_xy(district.area, xy)] = i
    return index


def _side_class(cut: Cut, wished_m2: float, rng: np.random.Generator) -> str:
    """The class of a side street: the larger the block it divides, the larger the street."""
    if wished_m2 > 4e6 and cut.block_m2 < 3e7 and rng.random() < 0.35:
        return "track"
    if wished_m2 > URBAN_BLOCK_M2 * 1.6:
        return "tertiary" if cut.block_m2 > 1.2e7 else "unclassified" if cut.block_m2 > 1.2e5 else "residential"
    if cut.block_m2 > 4.5e5:
        return "tertiary"
    if cut.block_m2 > 5.0 * wished_m2 or cut.length_m > 260.0:
        return "residential"
    return str(rng.choice(["residential", "living_street", "service"], p=[0.66, 0.22, 0.12]))


def _expressway_ways(expressways: Expressways, x: list[float], y: list[float]) -> list[_Way]:
    """Expressways over new points, except where a ramp stands on a point of the net."""
    known = {xy: i for i, xy in enumerate(zip(x, y, strict=True))}
    index = []
    for xy in expressways.points:
        if xy not in known:
            known[xy] = len(x)
            x.append(xy[0])
            y.append(xy[1])
        index.append(known[xy])
    return [
        _Way([index[n] for n in way.nodes], {**way.tags, "name": way.street.name} if way.street.name else way.tags)
        for way in expressways.ways
    ]


def _thin_out(ways: list[_Way], x: list[float], y: list[float], rng: np.random.Generator) -> list[_Way]:
    """Side streets lose pieces or end blind, and some streets become one-way, but never one that the net hangs on.

    A spanning tree of all streets is laid first over what stays as it is; what it needs of the rest stays two-way too.
    So every street can be reached from every other one in both directions.
    """
    union = _Union(len(x))
    fate = [rng.random(len(way.nodes) - 1) if way.may_break else None for way in ways]
    doomed = DROPPED_SHARE + DEAD_END_SHARE
    for way, luck in zip(ways, fate, strict=True):
        if way.is_for_cars and not way.wants_one_way:
            for k, (a, b) in enumerate(zip(way.nodes[:-1], way.nodes[1:], strict=True)):
                if luck is None or luck[k] >= doomed:
                    union.join(a, b)
    thinned: list[_Way] = []
    for way, luck in zip(ways, fate, strict=True):
        if way.wants_one_way:
            if any([union.join(a, b) for a, b in zip(way.nodes[:-1], way.nodes[1:], strict=True)]):
                thinned.append(way)
            else:
                run = way.nodes if way.tags.get("name:en") or rng.random() < 0.5 else way.nodes[::-1]
                thinned.append(_Way(run, {**way.tags, "oneway": "yes"}))
        elif luck is None:
            thinned.append(way)
        else:
            thinned.extend(_broken(way, luck, union, x, y))
    return thinned


def _broken(way: _Way, luck: NDArray[np.float64], union: _Union, x: list[float], y: list[float]) -> list[_Way]:
    """The way without its dropped pieces, with stubs where a piece was cut off before its end."""
    runs: list[list[int]] = [[way.nodes[0]]]
    for k, (a, b) in enumerate(zip(way.nodes[:-1], way.nodes[1:], strict=True)):
        if luck[k] >= DROPPED_SHARE + DEAD_END_SHARE or union.join(a, b):
            runs[-1].append(b)
            continue
        if luck[k] < DEAD_END_SHARE and math.hypot(x[b] - x[a], y[b] - y[a]) > 50.0:
            # The luck left over decides where the stub ends.
            f = 0.45 + 0.35 * luck[k] / DEAD_END_SHARE
            x.append(round(x[a] + f * (x[b] - x[a]), 2))
            y.append(round(y[a] + f * (y[b] - y[a]), 2))
            runs[-1].append(len(x) - 1)
        runs.append([b])
    return [_Way(run, way.tags, is_side_street=True) for run in runs if len(run) > 1]


def _largest_part(ways: list[_Way], node_count: int) -> list[_Way]:
    """Ways that hang together; islands and cut-off corners are left out."""
    union = _Union(max(node_count, 1 + max(n for way in ways for n in way.nodes)))
    for way in ways:
        if way.is_for_cars:
            for a, b in zip(way.nodes[:-1], way.nodes[1:], strict=True):
                union.join(a, b)
    roots = np.array([union.find(way.nodes[0]) for way in ways if way.is_for_cars for _ in way.nodes])
    largest = int(np.bincount(roots).argmax())
    return [way for way in ways if any(union.find(n) == largest for n in ({way.nodes[0], way.nodes[-1]} if way.is_for_cars else way.nodes))]


def _numbered(ways: list[_Way], x: list[float], y: list[float], net: Net, rng: np.random.Generator) -> Network:
    """Nodes that are in use, numbered from 1 in the order of their first use; ways likewise; restrictions."""
    number: dict[int, int] = {}
    used: list[int] = []
    network = Network(np.empty(0), np.empty(0))
    for i, way in enumerate(ways):
        for n in way.nodes:
            if n not in number:
                used.append(n)
                number[n] = len(used)
        network.ways.append(SourceWay(i + 1, tuple(number[n] for n in way.nodes), way.tags))
    network.x, network.y = np.array(x)[used], np.array(y)[used]
    network.restrictions.extend(_restrictions(network, rng))
    return network


def _restrictions(network: Network, rng: np.random.Generator) -> list[SourceRestriction]:
    """At some crossings of main streets one may not turn left."""
    meeting: dict[int, list[SourceWay]] = {}
    for way in network.ways:
        if way.tags["highway"] in ("primary", "secondary") and way.nodes[0] != way.nodes[-1]:
            for node in (way.nodes[0], way.nodes[-1]):
                meeting.setdefault(node, []).append(way)
    made: list[SourceRestriction] = []
    for node, ways in meeting.items():
        if len(ways) < 4:
            continue
        outwards = [_heading(network, way, node) for way in ways]
        for i, way in enumerate(ways):
            for k, other in enumerate(ways):
                # Arriving along `way` one heads against its outward heading; a left turn adds about 90°.
                turn = (outwards[k] - (outwards[i] + math.pi)) % (2 * math.pi)
                if i != k and math.radians(50) < turn < math.radians(130) and rng.random() < NO_LEFT_TURN_SHARE:
                    made.append(SourceRestriction(len(made) + 1, "no_left_turn", way.way_id, other.way_id, node))
    return made


def _heading(network: Network, way: SourceWay, node: int) -> float:
    """Direction in which the way leaves the node, radians anticlockwise from east."""
    there = way.nodes[1] if way.nodes[0] == node else way.nodes[-2]
    return math.atan2(network.y[there - 1] - network.y[node - 1], network.x[there - 1] - network.x[node - 1])
