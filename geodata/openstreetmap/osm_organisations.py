"""An organisation tree for a city whose real one was not supplied: the city and a station per `amenity=police`.

Jurisdictions are drawn by the straight-line nearest station inside the boundary. They are a beginning, not a claim:
an importing administrator replaces them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import shapely
from shapely.affinity import scale
from shapely.geometry import MultiPoint, Point
from shapely.geometry.base import BaseGeometry

from geodata.building.source import SourceOrganisation


@dataclass(frozen=True)
class PolicePlace:
    """A police post as drawn in the map."""

    osm_id: str
    lon: float
    lat: float
    name: str
    name_en: str


def default_organisations(code: str, name: str, name_en: str, area: BaseGeometry, posts: list[PolicePlace]) -> list[SourceOrganisation]:
    """The city and its stations. Codes of stations are the city's first six digits and a running number."""
    centre = area.representative_point()
    city = SourceOrganisation(code, name, name_en, "city", None, round(centre.x, 6), round(centre.y, 6), True, area)
    inside = sorted((p for p in posts if area.intersects(Point(p.lon, p.lat))), key=lambda p: p.osm_id)
    distinct = list({(p.lon, p.lat): p for p in inside}.values())
    stations = [
        SourceOrganisation(
            f"{code[:6]}{number:04d}00",
            post.name or f"{name} {number}",
            post.name_en or post.name or f"{name_en} {number}",
            "station",
            code,
            post.lon,
            post.lat,
            False,
            cell,
        )
        for number, (post, cell) in enumerate(zip(distinct, nearest_cells(area, [(p.lon, p.lat) for p in distinct]), strict=True), start=1)
    ]
    return [city, *stations]


def nearest_cells(area: BaseGeometry, points: list[tuple[float, float]]) -> list[BaseGeometry]:
    """The part of `area` nearest to each of the distinct points (degrees in, degrees out), in their order."""
    if len(points) < 2:
        return [area] * len(points)
    # A degree of longitude is shorter than one of latitude: without the factor cells would lean east and west.
    factor = math.cos(math.radians(points[0][1]))
    flat = scale(area, factor, 1.0, origin=(0, 0))
    sites = MultiPoint([(lon * factor, lat) for lon, lat in points])
    cells = list(shapely.voronoi_polygons(sites, extend_to=flat.envelope).geoms)
    tree = shapely.STRtree(cells)
    ordered = []
    for site in sites.geoms:
        cell = cells[int(tree.query(site, predicate="intersects")[0])]
        ordered.append(scale(_polygons(cell.intersection(flat)), 1.0 / factor, 1.0, origin=(0, 0)))
    return ordered


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """Only the areas of an intersection: touching borders leave lines and points."""
    if shape.geom_type == "GeometryCollection":
        return shapely.union_all([part for part in shape.geoms if part.geom_type in ("Polygon", "MultiPolygon")])
    return shape
