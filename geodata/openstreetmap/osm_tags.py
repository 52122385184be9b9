"""Which OpenStreetMap object becomes what: a shape of the base map, an entry of the catalogue, or nothing.

Values as in https://wiki.openstreetmap.org/wiki/Map_features. Everything here is a table and a look-up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Tags = Mapping[str, str]

# Keys that make an object worth looking at; everything else is left in the file unread.
INTERESTING_KEYS = (
    "highway",
    "barrier",
    "type",  # of relations: multipolygons, turn restrictions of every kind
    "building",
    "waterway",
    "natural",
    "landuse",
    "leisure",
    "railway",
    "place",
    "boundary",
    "amenity",
    "emergency",
    "man_made",
    "office",
    "shop",
    "tourism",
    "historic",
    "junction",
)

# Keys that make a line that is no street (`line_layer`), whatever else it is.
LINE_KEYS = ("waterway", "natural", "railway", "boundary")
# Keys without any of which nothing stands for a place, a thing to be found by name or an entry of the catalogue.
POINT_KEYS = ("name", "name:zh", "name:en", "amenity", "emergency", "railway", "man_made", "office")

_WATER = {("natural", "water"), ("waterway", "riverbank"), ("waterway", "dock"), ("landuse", "reservoir"), ("landuse", "basin")}
_GREEN_KEYS = {
    "landuse": {
        "forest",
        "grass",
        "meadow",
        "vineyard",
        "orchard",
        "cemetery",
        "recreation_ground",
        "village_green",
        "allotments",
        "farmland",
        "greenfield",
    },
    "leisure": {"park", "garden", "pitch", "nature_reserve", "golf_course", "playground", "stadium"},
    "natural": {"wood", "scrub", "heath", "grassland", "wetland"},
}
_RAIL_RANK = {"rail": 3, "subway": 3, "light_rail": 2, "monorail": 2, "narrow_gauge": 2, "tram": 1}
_WATERWAY_RANK = {"river": 3, "canal": 2, "stream": 1, "drain": 0, "ditch": 0}
_PLACE_RANK = {
    "city": 9,
    "town": 8,
    "borough": 7,
    "suburb": 6,
    "village": 6,
    "quarter": 5,
    "neighbourhood": 4,
    "hamlet": 4,
    "island": 4,
    "islet": 2,
    "isolated_dwelling": 2,
    "locality": 2,
    "square": 2,
}
# National borders are level 2, districts 6, towns 8 and finer: finer ones are no help on a city map.
_FINEST_ADMIN_LEVEL = 8

# `amenity` of a 重点部位.
_KEY_PLACES = {"hospital", "school", "bank", "kindergarten", "university", "college", "marketplace"}
_POI_KEYS = ("amenity", "shop", "tourism", "leisure", "office", "historic", "man_made", "railway", "building")
# Named but no help in finding a place.
_NO_POI = {
    "bench",
    "waste_basket",
    "parking_space",
    "bicycle_parking",
    "parking_entrance",
    "switch",
    "signal",
    "vending_machine",
    "rail",
    "tram",
}


def name_of(tags: Tags) -> str:
    """The local name, or whatever else it is called by."""
    return tags.get("name") or tags.get("name:zh") or tags.get("name:en") or ""


def area_layer(tags: Tags) -> tuple[str, str] | None:
    """Layer and kind of a closed shape."""
    for key, value in _WATER:
        if tags.get(key) == value:
            return "water", tags.get("water") or value
    for key, values in _GREEN_KEYS.items():
        if tags.get(key) in values:
            return "green", tags[key]
    if tags.get("building", "no") != "no":
        return "building", tags["building"]
    return None


def line_layer(tags: Tags) -> tuple[str, str, int] | None:
    """Layer, kind and rank of a line that is no street."""
    waterway = tags.get("waterway", "")
    if waterway in _WATERWAY_RANK and tags.get("tunnel") != "culvert":
        return "waterway", waterway, _WATERWAY_RANK[waterway]
    if tags.get("natural") == "coastline":
        return "waterway", "coastline", 4
    railway = tags.get("railway", "")
    if railway in _RAIL_RANK:
        return "rail", railway, 0 if tags.get("service") else _RAIL_RANK[railway]
    level = tags.get("admin_level", "")
    if tags.get("boundary") == "administrative" and level.isdigit() and int(level) <= _FINEST_ADMIN_LEVEL:
        return "boundary", f"admin_{int(level)}", 10 - int(level)
    return None


def place_rank(tags: Tags) -> int | None:
    """Importance of a named place, 0 … 10; a big population lifts it by one. None: not a place to be named."""
    rank = _PLACE_RANK.get(tags.get("place", ""))
    if rank is None or not name_of(tags):
        return None
    population = tags.get("population", "").replace(" ", "").replace(",", "")
    return rank + 1 if population.isdigit() and int(population) >= 100_000 else rank


def poi_kind(tags: Tags) -> str | None:
    """Kind of a named thing one may ask for: a shop, a hotel, a bus station, a named building."""
    if not name_of(tags):
        return None
    for key in _POI_KEYS:
        value = tags.get(key, "no")
        if value != "no" and value not in _NO_POI:
            return key if value == "yes" else value
    return None


def elements_of(tags: Tags) -> list[tuple[str, dict[str, Any]]]:
    """Catalogue elements an object stands for, with their properties; usually none, at most a few."""
    found: list[tuple[str, dict[str, Any]]] = []
    amenity = tags.get("amenity", "")
    name = name_of(tags)
    if tags.get("emergency") == "fire_hydrant" or amenity == "fire_hydrant":
        found.append(
            ("hydrant", _chosen(tags, type="fire_hydrant:type", diameter="fire_hydrant:diameter", pressure="fire_hydrant:pressure"))
        )
    if amenity == "fire_station":
        found.append(("fire_station", {}))
    if tags.get("railway") == "station" and (tags.get("station") == "subway" or tags.get("subway") == "yes"):
        found.append(("metro_station", _chosen(tags, line="line")))
    if amenity in _KEY_PLACES:
        found.append(("key_place", {"kind": amenity}))
    if tags.get("man_made") == "surveillance" and _is_outdoor_camera(tags):
        found.append(("street_camera", _camera(tags)))
    if amenity == "townhall" or tags.get("office") == "government":
        found.append(("service_hall", {"kind": amenity or "government"}))
    named = {"name": name} if name else {}
    if name and tags.get("name:en"):
        named["name_en"] = tags["name:en"]
    return [(element, {**named, **properties}) for element, properties in found]


def _is_outdoor_camera(tags: Tags) -> bool:
    return tags.get("surveillance") != "indoor" and tags.get("surveillance:type", "camera") == "camera"


def _camera(tags: Tags) -> dict[str, Any]:
    properties: dict[str, Any] = _chosen(tags, mount="camera:mount", type="camera:type", operator="operator")
    direction = tags.get("camera:direction") or tags.get("direction") or ""
    heading = _heading_deg(direction)
    if heading is not None:
        properties["heading_deg"] = heading
    return properties


def _heading_deg(text: str) -> float | None:
    points = ("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW")
    if text.upper() in points:
        return points.index(text.upper()) * 22.5
    try:
        heading = float(text)
    except ValueError:
        return None
    return heading % 360.0 if -360.0 <= heading <= 360.0 else None


def _chosen(tags: Tags, **key_by_property: str) -> dict[str, Any]:
    return {name: tags[key] for name, key in key_by_property.items() if tags.get(key)}
