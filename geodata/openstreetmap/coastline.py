"""The sea from coastlines. OpenStreetMap draws no sea: only lines with land on their left and water on their right."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

# How far beside a coastline the sides are looked at, degrees (about a metre).
_BESIDE_DEG = 1e-5
# A clipped extract cuts its coast at the last node inside: ends this near to the edge are led to it.
_REACH_DEG = 0.005


def sea_polygons(coastlines: list[LineString], area: BaseGeometry) -> tuple[list[BaseGeometry], int]:
    """The sea within the rectangle `area`, and the number of faces whose coast contradicts itself.

    A coastline that ends inside the area (a clipped extract) has the same face on both sides: that face is left as
    land and counted.
    """
    inside = [line for coast in coastlines for line in _lines(shapely.intersection(coast, area))]
    if not inside:
        return [], 0
    net = shapely.union_all([area.boundary, *inside, *_led_to_the_edge(inside, area.boundary)])
    faces = list(shapely.polygonize([net]).geoms)
    tree = shapely.STRtree(faces)
    begin = np.concatenate([shapely.get_coordinates(line)[:-1] for line in inside])
    end = np.concatenate([shapely.get_coordinates(line)[1:] for line in inside])
    step = end - begin
    keep = np.hypot(step[:, 0], step[:, 1]) > 0
    middle, step = ((begin + end) / 2)[keep], step[keep]
    right = np.column_stack([step[:, 1], -step[:, 0]]) / np.hypot(step[:, 0], step[:, 1])[:, None] * _BESIDE_DEG
    wet, dry = (np.bincount(_faces_at(tree, middle + side), minlength=len(faces)) for side in (right, -right))
    sea = [face for face, w, d in zip(faces, wet, dry, strict=True) if w > 0 and d == 0]
    return sea, int(((wet > 0) & (dry > 0)).sum())


def _led_to_the_edge(lines: list[BaseGeometry], edge: BaseGeometry) -> list[BaseGeometry]:
    """Straight connections from loose ends to the edge."""
    ends = Counter(end for line in lines for end in (line.coords[0], line.coords[-1]))
    loose = [shapely.Point(end) for end, times in ends.items() if times == 1]
    return [shapely.shortest_line(end, edge) for end in loose if shapely.distance(end, edge) < _REACH_DEG]


def _faces_at(tree: shapely.STRtree, points: NDArray[np.float64]) -> NDArray[Any]:
    return tree.query(shapely.points(points), predicate="within")[1]


def _lines(shape: BaseGeometry) -> list[BaseGeometry]:
    return [part for part in shapely.get_parts(shape) if part.geom_type == "LineString" and not part.is_empty]
