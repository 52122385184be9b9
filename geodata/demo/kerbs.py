"""Places along the finished streets where things can stand: crossings of named streets, and kerbs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.demo.density import Density
from geodata.demo.ground import Ground
from geodata.demo.network import Network
from geodata.demo.stations import station_code

# Shorter pieces are corners, where nothing can stand.
SHORTEST_KERB_M = 15.0

_MAIN = ("primary", "secondary", "tertiary")
_STREETS = (*_MAIN, "unclassified", "residential", "living_street", "service")
_COMPASS = ("东", "东北", "北", "西北", "西", "西南", "南", "东南")


@dataclass(frozen=True)
class Crossing:
    """A place where two named streets meet; `headings_rad` lead away from it, anticlockwise from east."""

    x: float
    y: float
    names: tuple[str, str]
    headings_rad: tuple[float, ...]
    is_main: bool  # both are primary or secondary

    @property
    def name(self) -> str:
        return f"{self.names[0]}{self.names[1]}路口"


@dataclass(frozen=True)
class Kerbs:
    """The middle of every street piece, and all named crossings."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    heading_rad: NDArray[np.float64]
    names: list[str]
    classes: list[str]
    block_m2: NDArray[np.float32]  # how dense the city is there
    crossings: list[Crossing]
    crossing_block_m2: NDArray[np.float32]
    tree: shapely.STRtree  # over the kerbs

    def near(self, x: float, y: float, radius_m: float) -> NDArray[np.int64]:
        """Kerbs within a radius, in their order; the nearest one when there is none."""
        found = np.sort(self.tree.query(shapely.Point(x, y), predicate="dwithin", distance=radius_m))
        return found if len(found) else np.array([self.tree.nearest(shapely.Point(x, y))])


def make_kerbs(network: Network, density: Density) -> Kerbs:
    """Collect kerbs and crossings from the ways; expressways and footpaths have none."""
    rows = []
    names, classes = [], []
    for way in network.ways:
        if way.tags["highway"] in _STREETS and "bridge" not in way.tags and "tunnel" not in way.tags:
            middle = len(way.nodes) // 2
            a, b = way.nodes[middle - 1] - 1, way.nodes[middle] - 1
            ax, ay, bx, by = network.x[a], network.y[a], network.x[b], network.y[b]
            if math.hypot(bx - ax, by - ay) < SHORTEST_KERB_M:
                continue
            rows.append(((ax + bx) / 2, (ay + by) / 2, math.atan2(by - ay, bx - ax)))
            names.append(way.tags.get("name", ""))
            classes.append(way.tags["highway"])
    x, y, heading = np.array(rows).T
    crossings = _crossings(network)
    return Kerbs(
        x,
        y,
        heading,
        names,
        classes,
        density.at(x, y),
        crossings,
        density.at(np.array([c.x for c in crossings]), np.array([c.y for c in crossings])),
        shapely.STRtree(shapely.points(x, y)),
    )


def _crossings(network: Network) -> list[Crossing]:
    meeting: dict[int, list[tuple[str, str, float]]] = {}
    for way in network.ways:
        name, highway = way.tags.get("name", ""), way.tags["highway"]
        if not name or highway not in _MAIN:
            continue
        for here, ahead in ((way.nodes[0], way.nodes[1]), (way.nodes[-1], way.nodes[-2])):
            heading = math.atan2(network.y[ahead - 1] - network.y[here - 1], network.x[ahead - 1] - network.x[here - 1])
            meeting.setdefault(here, []).append((name, highway, heading))
    crossings = []
    for node, arms in meeting.items():
        different = list(dict.fromkeys(name for name, _, _ in arms))
        if len(different) > 1:
            is_main = sum(highway != "tertiary" for _, highway, _ in arms) > 2
            headings = tuple(heading for _, _, heading in arms)
            crossings.append(
                Crossing(float(network.x[node - 1]), float(network.y[node - 1]), (different[0], different[1]), headings, is_main)
            )
    return crossings


@dataclass(frozen=True)
class Beats:
    """Which station answers for a point: the nearest one of the district the point lies in."""

    ground: Ground
    codes: list[str]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    district: list[str]

    def at(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> list[str]:
        """Station codes for points in metres."""
        distance = np.hypot(x[:, None] - self.x, y[:, None] - self.y)
        own = np.array(self.district)
        for district in self.ground.districts:
            inside = shapely.contains_xy(district.area, x, y)
            distance[np.ix_(inside, own != district.code[:6])] = np.inf
        return [self.codes[i] for i in distance.argmin(axis=1)]


def make_beats(ground: Ground) -> Beats:
    """Stations as points."""
    towns = ground.towns
    return Beats(
        ground,
        [station_code(ground, town) for town in towns],
        np.array([town.x for town in towns]),
        np.array([town.y for town in towns]),
        [town.district for town in towns],
    )


def compass(heading_rad: float) -> str:
    """The Chinese name of a direction given anticlockwise from east."""
    return _COMPASS[round(heading_rad / (math.pi / 4)) % 8]


def heading_deg(heading_rad: float) -> float:
    """Degrees clockwise from north, to one decimal."""
    return round((90.0 - math.degrees(heading_rad)) % 360.0, 1)
