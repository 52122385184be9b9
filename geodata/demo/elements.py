"""Things on the map that the demo city knows: cameras, duty posts, key places, hydrants and the like. All invented."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point

from geodata.building.source import SourceElement, SourceOrganisation
from geodata.demo.ground import Ground, Town, to_degrees
from geodata.demo.kerbs import Beats, Crossing, Kerbs, compass, heading_deg

CAMERAS = 2_000
DUTY_POSTS = 200
CHECKPOINTS = 60
HYDRANTS = 3_000
FIRE_STATIONS = 30


@dataclass
class Site:
    """One element before it gets its number, in metres."""

    x: float
    y: float
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Surroundings:
    """What elements are placed by."""

    ground: Ground
    kerbs: Kerbs
    beats: Beats
    organisations: list[SourceOrganisation]
    rng: np.random.Generator

    def kerb_near(self, x: float, y: float, radius_m: float) -> int:
        """A kerb picked at random within a radius."""
        return int(self.rng.choice(self.kerbs.near(x, y, radius_m)))


def numbered(around: Surroundings, element: str, prefix: str, digits: int, sites: list[Site]) -> list[SourceElement]:
    """Sites as elements, numbered in their order, with the responsible station."""
    if not sites:
        return []
    x, y = np.array([s.x for s in sites]), np.array([s.y for s in sites])
    degrees = shapely.get_coordinates(to_degrees(shapely.multipoints(np.column_stack([x, y]))))
    return [
        SourceElement(
            element,
            f"{prefix}-{i + 1:0{digits}d}",
            float(lon),
            float(lat),
            {**site.properties, "org_code": site.properties.get("org_code", code), "demo": True},
        )
        for i, (site, (lon, lat), code) in enumerate(zip(sites, degrees, around.beats.at(x, y), strict=True))
    ]


def spread(x: NDArray[np.float64], y: NDArray[np.float64], order: NDArray[np.int64], count: int, apart_m: float) -> list[int]:
    """The first `count` indices of `order` that keep `apart_m` from each other."""
    kept: list[int] = []
    for i in order:
        if all((x[i] - x[k]) ** 2 + (y[i] - y[k]) ** 2 > apart_m**2 for k in kept):
            kept.append(int(i))
            if len(kept) == count:
                break
    return kept


def dense_first(block_m2: NDArray[np.float32], rng: np.random.Generator, bias: float = 1.0) -> NDArray[np.int64]:
    """A random order in which dense places tend to come first (the larger `bias`, the more)."""
    return np.argsort(rng.exponential(1.0, len(block_m2)) * block_m2.astype(np.float64) ** bias, kind="stable")


def make_cameras(around: Surroundings) -> list[SourceElement]:
    """Cameras: most look along the arms of crossings, some along streets, some over bridges."""
    sites = [*_bridge_cameras(around), *_crossing_cameras(around), *_street_cameras(around)][:CAMERAS]
    return numbered(around, "street_camera", "cam", 5, sites)


def _camera(x: float, y: float, heading_rad: float, name: str, kind: str, rng: np.random.Generator) -> Site:
    fov = float(rng.choice([48.0, 60.0, 75.0, 90.0]))
    return Site(x, y, {"name": name, "heading_deg": heading_deg(heading_rad), "fov_deg": fov, "kind": kind})


def _bridge_cameras(around: Surroundings) -> list[Site]:
    """Two a bridge, on it, looking across the river to either bank."""
    sites = []
    for bridge in around.ground.bridges:
        across = _across_the_river(around.ground, bridge.x, bridge.y)
        for heading in (across, across + math.pi):
            x, y = bridge.x - 40.0 * math.cos(heading), bridge.y - 40.0 * math.sin(heading)
            sites.append(_camera(x, y, heading, f"{bridge.name}{compass(heading + math.pi)}侧", "bridge", around.rng))
    return sites


def _across_the_river(ground: Ground, x: float, y: float) -> float:
    """Direction at right angles to the nearest river."""
    river = min(ground.rivers, key=lambda river: river.centre.distance(Point(x, y))).centre
    s = river.project(Point(x, y))
    a, b = river.interpolate(s - 60.0 if s > 60.0 else 0.0), river.interpolate(s + 60.0)
    return math.atan2(b.y - a.y, b.x - a.x) + math.pi / 2


def _crossing_cameras(around: Surroundings) -> list[Site]:
    kerbs, rng = around.kerbs, around.rng
    sites: list[Site] = []
    for i in dense_first(kerbs.crossing_block_m2, rng, 0.8):
        crossing = kerbs.crossings[int(i)]
        arms = crossing.headings_rad if crossing.is_main else crossing.headings_rad[:1]
        for heading in arms[:4]:
            x, y = crossing.x - 9.0 * math.cos(heading), crossing.y - 9.0 * math.sin(heading)
            sites.append(_camera(x, y, heading, f"{crossing.name}{compass(heading)}", "crossing", rng))
        if len(sites) > 0.66 * CAMERAS:
            break
    return sites


def _street_cameras(around: Surroundings) -> list[Site]:
    kerbs, rng = around.kerbs, around.rng
    named = [int(i) for i in dense_first(kerbs.block_m2, rng) if kerbs.names[i]]
    sites = []
    for i in spread(kerbs.x, kerbs.y, np.array(named), int(0.5 * CAMERAS), 120.0):
        heading = kerbs.heading_rad[i] + (math.pi if rng.random() < 0.5 else 0.0)
        kind = "ptz" if rng.random() < 0.3 else "street"
        sites.append(_camera(kerbs.x[i], kerbs.y[i], heading, f"{kerbs.names[i]}{i % 90 + 1}号", kind, rng))
    return sites


def make_duty_posts(around: Surroundings) -> list[SourceElement]:
    """Rapid-response posts (快反点) and must-visit posts (必到点) at crossings of main streets."""
    crossings, rng = around.kerbs.crossings, around.rng
    x, y = np.array([c.x for c in crossings]), np.array([c.y for c in crossings])
    sites = []
    for n, i in enumerate(spread(x, y, dense_first(around.kerbs.crossing_block_m2, rng, 0.55), DUTY_POSTS, 420.0)):
        kind, word = ("rapid_response", "快反点") if n % 5 < 2 else ("must_visit", "必到点")
        crossing: Crossing = crossings[i]
        sites.append(Site(crossing.x, crossing.y, {"name": crossing.name.removesuffix("路口") + word, "kind": kind}))
    return numbered(around, "duty_post", "post", 3, sites)


def make_checkpoints(around: Surroundings) -> list[SourceElement]:
    """Checkpoints on main streets near the borders of districts."""
    borders = shapely.union_all(np.array([d.area.boundary for d in around.ground.districts]))
    crossings = around.kerbs.crossings
    x, y = np.array([c.x for c in crossings]), np.array([c.y for c in crossings])
    distance = shapely.distance(borders, shapely.points(x, y))
    # Near the sea the border is a coast: nobody comes from there.
    distance[shapely.distance(around.ground.sea, shapely.points(x, y)) < 1_500.0] = np.inf
    distance[[not c.is_main for c in crossings]] += 2_000.0
    sites = []
    for i in spread(x, y, np.argsort(distance, kind="stable"), CHECKPOINTS, 1_400.0):
        heading = crossings[i].headings_rad[0]
        name = f"{crossings[i].names[0]}{_district_at(around.ground, x[i], y[i])}卡口"
        sites.append(
            Site(x[i], y[i], {"name": name, "kind": "road", "heading_deg": heading_deg(heading), "lanes": int(around.rng.integers(2, 7))})
        )
    return numbered(around, "checkpoint", "chk", 3, sites)


def _district_at(ground: Ground, x: float, y: float) -> str:
    return next((d.name[:-1] for d in ground.districts if shapely.contains_xy(d.area, x, y)), "")


def make_metro_stations(around: Surroundings) -> list[SourceElement]:
    """Stations of metro lines 1 and 2."""
    sites = [
        Site(stop["x"], stop["y"], {"name": stop["name"], "name_en": stop["name_en"], "line": stop["line"], "order": stop["order"]})
        for stop in around.ground.metro
    ]
    return numbered(around, "metro_station", "metro", 2, sites)


def make_fire_stations(around: Surroundings) -> list[SourceElement]:
    """Fire stations in the first towns of each district."""
    towns = _first_towns(around.ground, FIRE_STATIONS // 10)
    return _in_towns(
        around,
        "fire_station",
        "fire",
        towns,
        700.0,
        lambda town: {"name": f"{town.name}消防救援站", "engines": int(around.rng.integers(3, 9))},
    )


def make_hydrants(around: Surroundings) -> list[SourceElement]:
    """Hydrants along the streets of built-up places."""
    kerbs, rng = around.kerbs, around.rng
    sites = []
    for i in dense_first(kerbs.block_m2, rng, 0.9)[:HYDRANTS]:
        side = float(rng.choice([-6.0, 6.0]))
        x, y = kerbs.x[i] - side * math.sin(kerbs.heading_rad[i]), kerbs.y[i] + side * math.cos(kerbs.heading_rad[i])
        kind = "pillar" if rng.random() < 0.85 else "underground"
        pressure = round(float(rng.uniform(0.15, 0.4)), 2)
        name = f"{kerbs.names[i]}消火栓"
        sites.append(Site(x, y, {"name": name, "kind": kind, "diameter_mm": int(rng.choice([100, 150])), "pressure_mpa": pressure}))
    return numbered(around, "hydrant", "hyd", 4, sites)


def _first_towns(ground: Ground, per_district: int) -> list[Town]:
    towns = []
    for district in ground.districts:
        towns += [town for town in ground.towns if town.district == district.code[:6]][:per_district]
    return towns


def _in_towns(
    around: Surroundings, element: str, prefix: str, towns: list[Town], radius_m: float, properties: Callable[[Town], dict[str, Any]]
) -> list[SourceElement]:
    """One element a town, at a kerb not far from its middle."""
    sites = []
    for town in towns:
        i = around.kerb_near(town.x, town.y, radius_m)
        sites.append(Site(float(around.kerbs.x[i]), float(around.kerbs.y[i]), properties(town)))
    return numbered(around, element, prefix, 3, sites)


def make_command_rooms(around: Surroundings) -> list[SourceElement]:
    """Command rooms stand where their organisations do."""
    return [
        SourceElement(
            "command_room",
            f"room-{o.code}",
            o.lon,
            o.lat,
            {"name": f"{o.name}指挥室", "name_en": f"{o.name_en} Command Room", "level": o.level, "org_code": o.code, "demo": True},
        )
        for o in around.organisations
        if o.has_command_room
    ]


def in_towns(
    around: Surroundings, element: str, prefix: str, per_district: int, radius_m: float, properties: Callable[[Town], dict[str, Any]]
) -> list[SourceElement]:
    """One element in each of the first towns of every district."""
    return _in_towns(around, element, prefix, _first_towns(around.ground, per_district), radius_m, properties)


def at_seats(
    around: Surroundings, element: str, prefix: str, radius_m: float, properties: Callable[[str], dict[str, Any]]
) -> list[SourceElement]:
    """One element near the seat of every district; `properties` is given the district's short name."""
    sites = []
    for district in around.ground.districts:
        seat: Point = around.ground.seats[district.code[:6]]
        i = around.kerb_near(seat.x, seat.y, radius_m)
        sites.append(Site(float(around.kerbs.x[i]), float(around.kerbs.y[i]), properties(district.name[:-1])))
    return numbered(around, element, prefix, 3, sites)
