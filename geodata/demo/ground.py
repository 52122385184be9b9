"""The ground of the demo city: outlines, coast, rivers, lakes, hills and towns, read from `data/` into local metres."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Point, Polygon, shape
from shapely.geometry.base import BaseGeometry

from geodata.projection import LocalProjection

DATA = Path(__file__).with_name("data")

# Every coordinate inside `geodata.demo` is in metres about this point, near 三江口.
PROJECTION = LocalProjection(121.55, 29.85)

# Streets keep this far from the water's edge; the line at this distance is the riverside street.
BANK_M = 24.0


@dataclass(frozen=True)
class District:
    """One of the ten districts."""

    code: str
    name: str
    name_en: str
    outline: BaseGeometry  # degrees, as on the map
    area: BaseGeometry  # metres, without the sea


@dataclass(frozen=True)
class Town:
    """A town or urban subdistrict; `size` 0 has no streets of its own, 1 is a small town, 2 a large one."""

    district: str
    name: str
    name_en: str
    x: float
    y: float
    size: int
    command_room: bool


@dataclass(frozen=True)
class River:
    """A river that streets cross only by bridge or tunnel."""

    name: str
    centre: LineString
    area: Polygon


@dataclass(frozen=True)
class Bridge:
    """A named crossing of a river."""

    name: str
    x: float
    y: float
    is_tunnel: bool


@dataclass(frozen=True)
class GroundShape:
    """A hand-placed shape of the base map, in metres."""

    layer: str
    kind: str
    name: str
    geometry: BaseGeometry


@dataclass(frozen=True)
class Ground:
    """Everything that lies under the streets."""

    districts: tuple[District, ...]
    city_outline: BaseGeometry  # degrees
    land: BaseGeometry  # metres, without sea, lakes and the three rivers
    sea: BaseGeometry  # metres
    lakes: BaseGeometry  # metres
    hills: BaseGeometry
    parks: BaseGeometry
    rivers: tuple[River, ...]
    river_zone: BaseGeometry  # the three rivers and their banks
    bridges: tuple[Bridge, ...]
    towns: tuple[Town, ...]
    seats: dict[str, Point]  # county bureau by district code; the city's by its code
    shapes: tuple[GroundShape, ...]
    metro: tuple[dict[str, Any], ...]  # line, order, name, name_en, x, y


def read_features(name: str) -> list[dict[str, Any]]:
    """Features of one file in `data/`."""
    features: list[dict[str, Any]] = json.loads((DATA / name).read_text(encoding="utf-8"))["features"]
    return features


def to_metres(geometry: BaseGeometry) -> BaseGeometry:
    """A geometry in degrees as one in local metres."""
    return shapely.transform(geometry, lambda a: np.column_stack(PROJECTION.to_metres(a[:, 0], a[:, 1])))


def to_degrees(geometry: BaseGeometry) -> BaseGeometry:
    """A geometry in local metres as one in degrees, rounded to 0.000001°."""
    return shapely.transform(geometry, lambda a: np.round(np.column_stack(PROJECTION.to_degrees(a[:, 0], a[:, 1])), 6))


def smooth(points: NDArray[np.float64], rounds: int = 2) -> NDArray[np.float64]:
    """Corners of an open line rounded by cutting them (Chaikin); both ends stay."""
    for _ in range(rounds):
        first, second = points[:-1], points[1:]
        cut = np.stack([0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second], axis=1).reshape(-1, 2)
        points = np.vstack([points[:1], cut, points[-1:]])
    return points


def tapered_buffer(line: LineString, widths_m: list[float]) -> Polygon:
    """A river's surface: the line widened to `widths_m`, which are spread evenly from its first to its last point."""
    points = np.asarray(line.segmentize(120.0).coords)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    half = np.interp(along / along[-1], np.linspace(0.0, 1.0, len(widths_m)), np.asarray(widths_m, dtype=float)) / 2
    hulls = [
        shapely.union(Point(a).buffer(ra, quad_segs=6), Point(b).buffer(rb, quad_segs=6)).convex_hull
        for a, b, ra, rb in zip(points[:-1], points[1:], half[:-1], half[1:], strict=True)
    ]
    return shapely.union_all(np.array(hulls)).simplify(2.0)


def read_ground() -> Ground:
    """Read the files of `data/` and derive land, sea and river surfaces."""
    shapes, rivers = _read_shapes()
    outlines = [(f["properties"], shape(f["geometry"])) for f in read_features("districts.geojson")]
    city_outline = shapely.union_all(np.array([outline for _, outline in outlines]))
    sea = _sea(to_metres(city_outline), shapes)
    districts = tuple(
        District(p["code"], p["name"], p["name_en"], outline, to_metres(outline).difference(sea).buffer(0)) for p, outline in outlines
    )
    lakes = _union(shapes, "water", ("lake", "reservoir"))
    river_area = shapely.union_all(np.array([river.area for river in rivers]))
    land = shapely.union_all(np.array([district.area for district in districts])).difference(shapely.union(lakes, river_area))
    places = read_features("places.geojson")
    return Ground(
        districts=districts,
        city_outline=city_outline,
        land=land,
        sea=sea,
        lakes=lakes,
        hills=_union(shapes, "green", ("hill",)),
        parks=_union(shapes, "green", ("park",)),
        rivers=tuple(rivers),
        river_zone=river_area.buffer(BANK_M, quad_segs=4).simplify(4.0),
        bridges=tuple(_read_bridges()),
        towns=tuple(_read_towns(places)),
        seats={f["properties"]["code"]: Point(*_xy(f)) for f in places if f["properties"]["kind"] in ("seat", "city_seat")},
        shapes=tuple(s for s in shapes if s.layer != "land"),
        metro=tuple({**f["properties"], "x": _xy(f)[0], "y": _xy(f)[1]} for f in places if f["properties"]["kind"] == "metro_station"),
    )


def _xy(feature: dict[str, Any]) -> tuple[float, float]:
    x, y = PROJECTION.to_metres(*feature["geometry"]["coordinates"])
    return float(x), float(y)


def _read_shapes() -> tuple[list[GroundShape], list[River]]:
    shapes: list[GroundShape] = []
    rivers: list[River] = []
    for feature in read_features("ground.geojson"):
        p = feature["properties"]
        geometry = to_metres(shape(feature["geometry"]))
        if p["layer"] == "waterway":
            geometry = LineString(smooth(np.asarray(geometry.coords)))
        if p["kind"] == "river":
            rivers.append(River(p["name"], geometry, tapered_buffer(geometry, p["width_m"])))
        shapes.append(GroundShape(p["layer"], p["kind"], p["name"], geometry))
    return shapes, rivers


def _union(shapes: list[GroundShape], layer: str, kinds: tuple[str, ...]) -> BaseGeometry:
    return shapely.union_all(np.array([s.geometry for s in shapes if s.layer == layer and s.kind in kinds]))


def _sea(city: BaseGeometry, shapes: list[GroundShape]) -> BaseGeometry:
    """The sea: outside the outlines where it is open, inside them where the coast is drawn by hand; islands stay land."""
    open_sea = _union(shapes, "water", ("sea_open",))
    drawn = _union(shapes, "water", ("sea",))
    parts = sorted(shapely.get_parts(city), key=lambda part: part.area)
    islands = shapely.union_all(np.array([*parts[:-1], _union(shapes, "land", ("island",))]))
    return open_sea.difference(city).union(drawn).difference(islands)


def _read_bridges() -> list[Bridge]:
    return [
        Bridge(f["properties"]["name"], *_xy(f), is_tunnel=bool(f["properties"].get("tunnel"))) for f in read_features("bridges.geojson")
    ]


def _read_towns(places: list[dict[str, Any]]) -> list[Town]:
    towns = []
    for feature in places:
        p = feature["properties"]
        if p["kind"] == "town":
            towns.append(Town(p["district"], p["name"], p["name_en"], *_xy(feature), size=p["size"], command_room=p["command_room"]))
    return towns
