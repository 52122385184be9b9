"""What a city is built from, whoever provides it.

An OpenStreetMap extract (`geodata.openstreetmap.osm`) and the schematic demo city (`geodata.demo`) both end up as one
`CitySource`; `geodata.building.build` turns a `CitySource` into a city folder and knows nothing of where it came from.
Coordinates are lon, lat in WGS-84 degrees; tags are OpenStreetMap tags (https://wiki.openstreetmap.org/wiki/Map_features).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geodata.districts.responsibility import Rule


@dataclass(frozen=True)
class SourceWay:
    """One street as the source draws it: an ordered list of node ids and OpenStreetMap tags."""

    way_id: int
    nodes: tuple[int, ...]
    tags: dict[str, str]


@dataclass(frozen=True)
class SourceRestriction:
    """A turn restriction: from one way over a node (or ways) to another; `kind` is the OSM value, e.g. no_left_turn."""

    restriction_id: int
    kind: str
    from_way: int
    to_way: int
    via_node: int | None
    via_ways: tuple[int, ...] = ()
    except_modes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class MapFeature:
    """One shape of the base map. `layer` is water, green, building, waterway, rail, boundary, place or poi."""

    layer: str
    kind: str
    name: str
    geometry: BaseGeometry
    # Larger is more important; decides from which zoom a place name is drawn.
    rank: int = 0


@dataclass(frozen=True)
class SourceElement:
    """One entry of the catalogue (`dispatch.catalogue`) that the source already knows: a station, a hydrant, a camera."""

    element: str
    element_id: str
    lon: float
    lat: float
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceOrganisation:
    """A police organisation. `level` is city, county or station; a brigade counts as station."""

    code: str
    name: str
    name_en: str
    level: str
    parent: str | None
    lon: float
    lat: float
    has_command_room: bool
    # Area it answers for (Polygon or MultiPolygon); None when unknown.
    jurisdiction: BaseGeometry | None = None
    valid_from: str | None = None
    valid_to: str | None = None


@dataclass(frozen=True)
class SourceFile:
    """The file a source was read from."""

    name: str
    size_bytes: int
    sha256: str
    # When the map was as in the file, by the file's own word (aware); None when it says nothing.
    data_at: datetime | None


@dataclass(frozen=True)
class Homes:
    """Points with the weight of those who live there."""

    lon: NDArray[np.float64]  # [homes] degrees
    lat: NDArray[np.float64]
    weight: NDArray[np.float64]  # [homes] any unit: only shares of the whole mean something


@dataclass
class CitySource:
    """Everything a city folder is built from."""

    code: str
    name: str
    name_en: str
    time_zone: str
    # True when the streets are invented; drawn as a notice on every map.
    schematic: bool
    attribution: str
    node_ids: NDArray[np.int64]
    node_lon: NDArray[np.float64]
    node_lat: NDArray[np.float64]
    ways: list[SourceWay]
    restrictions: list[SourceRestriction]
    features: list[MapFeature]
    elements: list[SourceElement]
    organisations: list[SourceOrganisation]
    # (Multi)Polygon of the city; None: the extent of the streets is used.
    boundary: BaseGeometry | None = None
    # Exceptions from the territory's responsibility.
    responsibility: list[Rule] = field(default_factory=list)
    # Whether units of the police pass what is closed to cars (private roads, closed gates), slowly; else it stops them.
    closed_ways_pass: bool = True
    # Where people live, when the source knows it better than by its buildings.
    homes: Homes | None = None
    # Tags of the few nodes that matter to a street: barriers (`barrier=…`) and named crossings (`junction=yes`).
    node_tags: dict[int, dict[str, str]] = field(default_factory=dict)
    # None: from no file, as the demo city.
    file: SourceFile | None = None
    # What was met while reading, by reason: `way_with_missing_nodes`, `restriction_with_missing_way`, …
    problems: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
