"""Streets as lines, for a drawing on paper; and where the larger of them lead out of an area."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geodata.projection import LocalProjection
from geodata.streets.graph import STREET_CLASSES, StreetGraph

Floats = NDArray[np.float64]
LEAST_CLASS = STREET_CLASSES.index("tertiary")  # a way out that cars take to get away
APART_M = 150.0  # the carriageways of one street and its slip roads are one way out


class StreetLine(NamedTuple):
    """One street between two junctions."""

    street_class: str
    lon: Floats
    lat: Floats


class WayOut(NamedTuple):
    """Where a street crosses the edge of an area."""

    name: str
    lon: float
    lat: float


def lines_within(graph: StreetGraph, box: tuple[float, float, float, float], most: int | None = None) -> list[StreetLine]:
    """Streets with an end inside west, south, east, north, each once, the smallest classes first: the larger are drawn over them.

    Of more than `most` the smallest classes are left out.
    """
    west, south, east, north = box
    inside = (graph.node_lon >= west) & (graph.node_lon <= east) & (graph.node_lat >= south) & (graph.node_lat <= north)
    once = np.asarray(graph.twin) > np.arange(graph.edge_count)
    edges = np.flatnonzero((inside[graph.tail] | inside[graph.head]) & once)
    edges = edges[np.argsort(-np.asarray(graph.street_class)[edges].astype(np.int64), kind="stable")]
    edges = edges if most is None else edges[-most:]
    projection = LocalProjection(graph.origin_lon, graph.origin_lat)
    return [
        StreetLine(STREET_CLASSES[int(graph.street_class[edge])], *projection.to_degrees(*graph.shape(int(edge))))
        for edge in edges.tolist()
    ]


def ways_out(graph: StreetGraph, area: BaseGeometry, most: int) -> list[WayOut]:
    """Where streets of class tertiary or above that cars may take leave an area (lon, lat), the largest first, at least 150 m apart."""
    west, south, east, north = area.bounds
    near = (graph.node_lon >= west) & (graph.node_lon <= east) & (graph.node_lat >= south) & (graph.node_lat <= north)
    inside = np.zeros(len(graph.node_lon), bool)
    inside[near] = shapely.intersects_xy(area, np.asarray(graph.node_lon)[near], np.asarray(graph.node_lat)[near])
    usable = np.isfinite(graph.car.time_s) & (np.asarray(graph.street_class) <= LEAST_CLASS)
    edges = np.flatnonzero(inside[graph.tail] & ~inside[graph.head] & usable)
    edges = edges[np.argsort(np.asarray(graph.street_class)[edges], kind="stable")]
    projection = LocalProjection(graph.origin_lon, graph.origin_lat)
    found: list[WayOut] = []
    taken: list[tuple[float, float]] = []
    for edge in edges.tolist():
        x, y = graph.shape(edge)
        lon, lat = projection.to_degrees(x, y)
        crossing = shapely.LineString(np.column_stack([lon, lat])).intersection(area.boundary)
        if crossing.is_empty:
            continue
        point = crossing.representative_point()
        at_x, at_y = (float(v) for v in projection.to_metres(point.x, point.y))
        if any(np.hypot(at_x - x0, at_y - y0) < APART_M for x0, y0 in taken):
            continue
        taken.append((at_x, at_y))
        found.append(WayOut(graph.names[int(graph.name_index[edge])], round(float(point.x), 6), round(float(point.y), 6)))
        if len(found) == most:
            break
    return found
