"""The outline of a city, from a GeoJSON file."""

from __future__ import annotations

import json
from pathlib import Path

import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geodata.cities.city import CityError


def read_boundary(path: Path) -> BaseGeometry:
    """The union of the polygons of a GeoJSON file, WGS-84. Raises CityError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        parts = data["features"] if data["type"] == "FeatureCollection" else [data]
        shapes = [shapely.make_valid(shape(part["geometry"] if part["type"] == "Feature" else part)) for part in parts]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise CityError(f"Boundary {path} can't be read ({error}). Give a GeoJSON file with the city's polygon.") from error
    polygons = [part for whole in shapes for part in shapely.get_parts(whole) if part.geom_type in ("Polygon", "MultiPolygon")]
    area = shapely.union_all(polygons)
    if area.is_empty:
        raise CityError(f"Boundary {path} holds no polygon. Give a GeoJSON file with the city's polygon.")
    west, south, east, north = area.bounds
    if west < -180 or east > 180 or south < -90 or north > 90:
        raise CityError(f"Boundary {path} reaches {west}, {south}, {east}, {north}: these are no degrees. Convert it to WGS-84 lon, lat.")
    return area
