"""Areas drawn by hand: whether one is sound, what it holds, and a ring by road as a start that a hand can go on with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from geodata.projection import LocalProjection

Ring = tuple[tuple[float, float], ...]  # lon, lat degrees, closed
Polygon = tuple[Ring, ...]  # outline, then holes

# A ring by road has hundreds of bends; so many corners a hand can move, and so far apart they are at least.
MOST_CORNERS = 36
FIRST_TOLERANCE_M = 15.0
# Gaps between reached streets are closed and spikes along single streets cut off, the wider the area the larger: nobody guards fingers.
CLOSED_SHARE, LEAST_CLOSED_M = 0.08, 60.0  # of the square root of the area
LEAST_KEPT = 0.85  # a ring that is nothing but spikes keeps them
# Parts smaller than this share of the largest are the far ends of single streets.
LEAST_SHARE = 0.08
DECIMALS = 6  # a tenth of a metre


def polygons_of(kind: str, coordinates: Any) -> tuple[Polygon, ...]:
    """The polygons of a GeoJSON geometry. Raises ValueError where it is no area, or nested otherwise than its type says."""
    if kind not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"is a {kind[:40]}; draw a Polygon or MultiPolygon")
    polygons = [coordinates] if kind == "Polygon" else coordinates
    try:
        return tuple(tuple(tuple((float(point[0]), float(point[1])) for point in ring) for ring in polygon) for polygon in polygons)
    except (TypeError, IndexError, ValueError):
        raise ValueError(f"is no {kind}; nest its coordinates as RFC 7946 says") from None


def fault(polygon: Polygon) -> str | None:
    """Why a closed outline with its holes is no area; None when it is one."""
    outline, *holes = polygon
    shape = shapely.Polygon(outline, holes)
    if shape.is_valid and not shape.is_empty:
        return None
    why = explain_validity(shape)  # "Self-intersection[121.55 29.87]"
    place = why.partition("[")[2].rstrip("]")
    if why.startswith(("Self-intersection", "Ring Self-intersection")):
        return f"crosses itself near {place.replace(' ', ', ')}; move the corners there apart"
    return f"is no area ({why}); draw it anew"


@lru_cache(maxsize=4096)
def shape_of(area: tuple[Polygon, ...]) -> BaseGeometry:
    """All polygons of an area as one shape in degrees, prepared. The areas must be sound."""
    parts = [shapely.Polygon(outline, holes) for outline, *holes in area]
    shape = parts[0] if len(parts) == 1 else shapely.union_all(parts)
    shapely.prepare(shape)
    return shape


def holds(area: tuple[Polygon, ...], lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """[points] whether each point lies within the area, its edge included; a missing position (NaN) lies nowhere."""
    points = shapely.points(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
    known = ~(np.isnan(lon) | np.isnan(lat))
    return np.asarray(shapely.intersects(shape_of(area), points)) & known


def drawable(ring: BaseGeometry, projection: LocalProjection) -> tuple[Polygon, ...]:
    """A travel-time ring (lon, lat) as few outlines of few corners without holes, the largest first; about as wide as the ring."""
    metres = shapely.transform(ring, partial(_to_metres, projection))
    reach_m = max(LEAST_CLOSED_M, CLOSED_SHARE * float(np.sqrt(metres.area)))
    closed = metres.buffer(reach_m).buffer(-reach_m)
    blunt = closed.buffer(-reach_m / 2).buffer(reach_m / 2)
    kept_whole = blunt.intersection(metres).area >= LEAST_KEPT * metres.area
    parts = [shapely.Polygon(part.exterior) for part in _parts(blunt if kept_whole else closed)]
    if not parts:
        return ()
    parts.sort(key=lambda part: part.area, reverse=True)
    kept = [part for part in parts if part.area >= LEAST_SHARE * parts[0].area]
    return tuple((_rounded(_simple(part), projection),) for part in kept)


def _simple(part: shapely.Polygon) -> shapely.Polygon:
    """The outline with at most MOST_CORNERS corners."""
    tolerance_m, simple = FIRST_TOLERANCE_M, part
    while len(simple.exterior.coords) > MOST_CORNERS + 1:
        simple = part.simplify(tolerance_m)  # keeps the outline from crossing itself
        tolerance_m *= 1.3
    return simple


def _rounded(part: shapely.Polygon, projection: LocalProjection) -> Ring:
    x, y = np.asarray(part.exterior.coords, np.float64).T
    lon, lat = projection.to_degrees(x, y)
    corners = list(zip(np.round(lon, DECIMALS).tolist(), np.round(lat, DECIMALS).tolist(), strict=True))
    return (*corners[:-1], corners[0])


def _parts(shape: BaseGeometry) -> Sequence[shapely.Polygon]:
    found = shape.geoms if hasattr(shape, "geoms") else [shape]
    return [part for part in found if isinstance(part, shapely.Polygon) and not part.is_empty]


def _to_metres(projection: LocalProjection, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack(projection.to_metres(degrees[:, 0], degrees[:, 1]))
