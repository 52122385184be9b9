"""What the base map of the demo city draws besides streets."""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

from geodata.building.source import MapFeature
from geodata.demo.ground import Ground, smooth, to_degrees, to_metres

# Base map place ranks (`geodata.building.basemap`): the city and its districts from afar, towns nearer, quarters last.
CITY_RANK, DISTRICT_RANK, TOWN_RANK, QUARTER_RANK = 9, 8, 6, 5


def make_features(ground: Ground) -> list[MapFeature]:
    """Water, green, railways, borders and place names, in degrees."""
    return [*_water(ground), *_green(ground), *_rail(ground), *_borders(ground), *_places(ground)]


def _feature(layer: str, kind: str, name: str, geometry: BaseGeometry, rank: int = 0) -> MapFeature:
    return MapFeature(layer, kind, name, to_degrees(geometry), rank)


def _water(ground: Ground) -> list[MapFeature]:
    features = [_feature("water", "sea", "东海", ground.sea)]
    features += [_feature("water", "river", river.name, river.area) for river in ground.rivers]
    for shape in ground.shapes:
        if shape.layer == "water" and shape.kind in ("lake", "reservoir"):
            features.append(_feature("water", shape.kind, shape.name, shape.geometry))
        elif shape.layer == "waterway":
            line = shapely.intersection(shape.geometry, ground.land) if shape.kind == "stream" else shape.geometry
            features.append(_feature("waterway", shape.kind, shape.name, line.simplify(3.0), 3 if shape.kind == "river" else 1))
    return features


def _green(ground: Ground) -> list[MapFeature]:
    features = []
    for shape in ground.shapes:
        if shape.layer == "green":
            # Hills go on beyond the city, but nothing else is drawn there.
            area = shapely.intersection(shape.geometry, ground.land)
            features.append(_feature("green", "wood" if shape.kind == "hill" else shape.kind, shape.name, area.simplify(5.0)))
    return features


def _rail(ground: Ground) -> list[MapFeature]:
    city = to_metres(ground.city_outline)
    features = []
    for shape in ground.shapes:
        if shape.layer == "rail":
            features.append(_feature("rail", "rail", shape.name, shapely.intersection(shape.geometry, city).simplify(3.0), 3))
    for line in (1, 2):
        stops = sorted((stop for stop in ground.metro if stop["line"] == line), key=lambda stop: stop["order"])
        track = smooth(np.array([[stop["x"], stop["y"]] for stop in stops]))
        features.append(_feature("rail", "subway", f"轨道交通{line}号线", LineString(track), 1))
    return features


def _borders(ground: Ground) -> list[MapFeature]:
    features = [MapFeature("boundary", "city", "宁波市", ground.city_outline.boundary, DISTRICT_RANK)]
    features += [MapFeature("boundary", "district", d.name, d.outline.boundary, TOWN_RANK) for d in ground.districts]
    return features


def _places(ground: Ground) -> list[MapFeature]:
    city = ground.seats["330200"]
    features = [_feature("place", "city", "宁波", city, CITY_RANK)]
    for district in ground.districts:
        seat = ground.seats[district.code[:6]]
        # The inner districts' seats lie close together; their names stand in the middle of each district instead.
        at = seat if seat.distance(city) > 12_000.0 else district.area.representative_point()
        features.append(_feature("place", "district", district.name, at, DISTRICT_RANK))
    for town in ground.towns:
        kind, rank = ("town", TOWN_RANK) if town.size else ("suburb", QUARTER_RANK)
        features.append(_feature("place", kind, town.name, Point(town.x, town.y), rank))
    return features
