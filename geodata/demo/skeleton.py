"""The main streets of the demo city: hand-placed arterials, town grids, and county roads between the towns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiLineString, Point
from shapely.geometry.base import BaseGeometry

from geodata.demo.ground import Ground, Town, read_features, smooth, to_metres

EXPRESSWAY_CLASSES = ("motorway", "trunk")

# km/h signed on the streets of each class, unless the street itself says otherwise.
MAXSPEED_KMH = {
    "motorway": 100,
    "motorway_link": 40,
    "trunk": 80,
    "trunk_link": 40,
    "primary": 60,
    "secondary": 50,
    "tertiary": 40,
    "unclassified": 40,
    "residential": 30,
    "living_street": 20,
    "service": 15,
}


# A generated road that spends more than this in a river's zone runs along the river rather than across it.
MAX_CROSSING_M = 320.0


@dataclass(frozen=True)
class Street:
    """What all pieces of one street have in common."""

    name: str
    highway: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def is_arterial(self) -> bool:
        return self.highway in ("primary", "secondary")


@dataclass(frozen=True)
class Skeleton:
    """Main streets as centre lines in metres; `expressways` are joined to the others only at interchanges."""

    streets: list[Street]
    lines: list[LineString]
    line_street: list[int]  # index into `streets`, per line
    expressways: list[tuple[Street, LineString]]


def make_skeleton(ground: Ground, rng: np.random.Generator) -> Skeleton:
    """All main streets, clipped to the land but kept where they cross one of the three rivers."""
    streets: list[Street] = []
    lines: list[LineString] = []
    line_street: list[int] = []
    expressways: list[tuple[Street, LineString]] = []
    passable = shapely.union_all(np.array([ground.land, *(river.area for river in ground.rivers)])).buffer(-30.0)
    shapely.prepare(passable)
    limits = to_metres(ground.city_outline).buffer(-60.0)

    def add(street: Street, line: BaseGeometry) -> None:
        kept = [part for part in shapely.get_parts(shapely.intersection(line, passable)) if part.length > 150.0]
        if kept:
            streets.append(street)
            lines.extend(kept)
            line_street.extend([len(streets) - 1] * len(kept))

    grids = []
    for feature in read_features("roads.geojson"):
        geometry = to_metres(_geometry(feature))
        if feature["properties"].get("kind") == "town_grid":
            grids.append((feature["properties"], geometry))
        elif feature["properties"]["highway"] in EXPRESSWAY_CLASSES:
            inside = shapely.intersection(LineString(smooth(np.asarray(geometry.coords), 3)), limits)
            expressways.append((_street(feature["properties"]), max(shapely.get_parts(inside), key=lambda part: part.length)))
        else:
            add(_street(feature["properties"]), _winding(geometry, rng))
    for properties, centre in grids:
        for street, line in _town_grid(properties, centre, ground, rng):
            add(street, _off_the_river(line, ground))
    urban = shapely.union_all(np.array([centre.buffer(properties["reach_m"] * 0.8) for properties, centre in grids]))
    for street, line in _county_roads(ground, MultiLineString(lines), urban, rng):
        add(street, _off_the_river(line, ground))
    return Skeleton(streets, lines, line_street, expressways)


def _geometry(feature: dict[str, Any]) -> BaseGeometry:
    coordinates = feature["geometry"]["coordinates"]
    return Point(coordinates) if feature["geometry"]["type"] == "Point" else LineString(coordinates)


def street_tags(highway: str, maxspeed_kmh: int | None = None) -> dict[str, str]:
    """The tags every street of this class carries."""
    speed = maxspeed_kmh or MAXSPEED_KMH.get(highway)
    return {"highway": highway} if speed is None else {"highway": highway, "maxspeed": str(speed)}


def _street(properties: dict[str, Any]) -> Street:
    tags = street_tags(properties["highway"], properties.get("maxspeed"))
    for ours, osm in (("name_en", "name:en"), ("ref", "ref"), ("oneway", "oneway")):
        if ours in properties:
            tags[osm] = properties[ours]
    return Street(properties["name"], properties["highway"], tags)


def wiggle(points: NDArray[np.float64], share: float, rng: np.random.Generator, rounds: int = 3) -> NDArray[np.float64]:
    """A line bent by moving midpoints sideways by up to `share` of each piece, again and again."""
    for _ in range(rounds):
        step = np.diff(points, axis=0)
        side = np.column_stack([-step[:, 1], step[:, 0]])
        middle = (points[:-1] + points[1:]) / 2 + side * rng.uniform(-share, share, len(step))[:, None]
        points = np.vstack([np.stack([points[:-1], middle], axis=1).reshape(-1, 2), points[-1:]])
    return points


def _winding(line: LineString, rng: np.random.Generator) -> LineString:
    """A hand-placed road whose long straight stretches in the country wind a little."""
    points = np.asarray(line.coords)
    parts = [points[:1]]
    for a, b in pairwise(points):
        length = math.hypot(*(b - a))
        parts.append(smooth(wiggle(np.array([a, b]), 0.07, rng), 1)[1:] if length > 2_500.0 else b[None])
    return LineString(np.vstack(parts))


def _off_the_river(line: BaseGeometry, ground: Ground) -> BaseGeometry:
    """The line without the stretches that run along a river instead of crossing it."""
    wet = shapely.get_parts(shapely.intersection(line, ground.river_zone))
    along = [part for part in wet if part.length > MAX_CROSSING_M]
    return line.difference(shapely.union_all(np.array(along)).buffer(60.0)) if along else line


def _town_grid(properties: dict[str, Any], centre: Point, ground: Ground, rng: np.random.Generator) -> list[tuple[Street, BaseGeometry]]:
    """The main streets of a town: two families of slightly bent lines about its centre, named in the data file."""
    angle = math.radians(properties["angle_deg"])
    reach = properties["reach_m"]
    made: list[tuple[Street, BaseGeometry]] = []
    for names, spacing, turn in (
        (properties["along"], properties["spacing_along_m"], 0.0),
        (properties["across"], properties["spacing_across_m"], math.pi / 2),
    ):
        ahead = np.array([math.cos(angle + turn), math.sin(angle + turn)])
        side = np.array([ahead[1], -ahead[0]]) if turn else np.array([-ahead[1], ahead[0]])
        for i, name in enumerate(names):
            offset = (i - (len(names) - 1) / 2) * spacing * rng.uniform(0.93, 1.07)
            half = math.sqrt(max(reach**2 - offset**2, (0.55 * reach) ** 2)) * rng.uniform(0.92, 1.08)
            s = np.linspace(-half, half, 9)
            bend = np.cumsum(rng.normal(0.0, 0.018, 9)) * 300.0
            line = np.array([centre.x, centre.y]) + s[:, None] * ahead + (offset + bend)[:, None] * side
            # The two middle streets of each family are the town's thoroughfares.
            highway = "primary" if abs(i - (len(names) - 1) / 2) < 0.6 else "secondary" if i % 2 else "tertiary"
            made.append((Street(name, highway, street_tags(highway)), LineString(smooth(line, 1)).difference(ground.lakes)))
    return made


def _county_roads(ground: Ground, known: BaseGeometry, urban: BaseGeometry, rng: np.random.Generator) -> list[tuple[Street, BaseGeometry]]:
    """Winding roads between neighbouring towns (a Gabriel graph), where no hand-placed road runs already."""
    towns = [town for town in ground.towns if town.size]
    x, y = np.array([[town.x for town in towns], [town.y for town in towns]])
    barred = shapely.union(ground.sea, ground.lakes)
    shapely.prepare(barred)
    near_known = known.buffer(500.0)
    shapely.prepare(near_known)
    made: list[tuple[Street, BaseGeometry]] = []
    for a, b in _gabriel_pairs(x, y):
        if math.hypot(x[a] - x[b], y[a] - y[b]) > 22_000:
            continue
        straight = np.array([[x[a], y[a]], [x[b], y[b]]])
        for attempt in range(5):
            line = LineString(smooth(wiggle(straight, 0.10 + 0.05 * attempt, rng, 4), 2))
            if not shapely.intersects(barred, line):
                break
        else:
            continue
        if shapely.intersection(near_known, line).length > 0.65 * line.length:
            continue
        made.append((_county_road(towns[a], towns[b]), line.difference(urban)))
    return made


def _county_road(a: Town, b: Town) -> Street:
    """County roads are named by the first characters of the towns they join, as 江横线 from 江口 to 横溪."""
    highway = "secondary" if a.size + b.size >= 3 else "tertiary"
    return Street(f"{a.name[0]}{b.name[0]}线", highway, street_tags(highway))


def _gabriel_pairs(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs of points with no third point inside the circle over them."""
    squared = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    pairs = []
    for a in range(len(x)):
        for b in range(a + 1, len(x)):
            others = squared[a] + squared[b]
            others[[a, b]] = np.inf
            if others.min() >= squared[a, b]:
                pairs.append((a, b))
    return pairs
