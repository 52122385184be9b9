"""Read an OpenStreetMap extract (.osm.pbf) into a `CitySource`.

Extracts are dirty: clipped at a border, ways naming nodes that are not there, relations with half their members. Each
such thing is counted by its reason in `CitySource.problems`, and the rest is used.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray
from osmium.filter import KeyFilter
from osmium.geom import WKBFactory
from shapely.geometry import LineString, Point, box
from shapely.geometry.base import BaseGeometry

from geodata.building.boundary import read_boundary
from geodata.building.source import CitySource, MapFeature, SourceElement, SourceRestriction, SourceWay
from geodata.building.street_rules import street_rule
from geodata.cities.city import CityError
from geodata.openstreetmap.coastline import sea_polygons
from geodata.openstreetmap.osm_file import extract, source_file, unreadable
from geodata.openstreetmap.osm_organisations import PolicePlace, default_organisations
from geodata.openstreetmap.osm_tags import (
    INTERESTING_KEYS,
    LINE_KEYS,
    POINT_KEYS,
    area_layer,
    elements_of,
    line_layer,
    name_of,
    place_rank,
    poi_kind,
)
from geodata.openstreetmap.time_zones import guess_time_zone
from geodata.progress import Progress, unheard

ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0"
DEFAULT_CODE = "000000000000"
# Streets and shapes this far outside the boundary are kept: help comes from there, and a map needs an edge.
MARGIN_DEG = 0.02
# osmium marks the place of a node that is not in the file with this.
_UNDEFINED = 2**31 - 1
# How much of a file one node, way or area with a tag of interest takes: how far the reading is can only be estimated.
_BYTES_A_THING = 45
_TOLD_EVERY = 10_000


def read_osm(
    path: Path,
    *,
    boundary: Path | None = None,
    code: str = DEFAULT_CODE,
    name: str | None = None,
    time_zone: str | None = None,
    progress: Progress = unheard,
) -> CitySource:
    """The city in an extract. `boundary`: GeoJSON with its (multi)polygon; without it the extent of the streets counts.

    `code`: the city's organisation code, 12 characters. `name`: without it the largest place's. `time_zone`: IANA
    name; without it guessed and counted. `progress` hears the share of the file read, estimated from its size.
    Raises CityError for a file that can't be read.
    """
    if len(code) != 12:
        raise CityError(f"Organisation code {code!r} has {len(code)} characters, not 12, for example 330200000000.")
    area = read_boundary(boundary) if boundary is not None else None
    reader = _Reader(area)
    reader.read(path, progress)
    if not reader.ways:
        raise CityError(f"{path} holds no streets{' inside ' + str(boundary) if boundary else ''}. Use an extract that covers the city.")
    return reader.source(path, code, name, time_zone)


@dataclass
class _Reader:
    """Collects what one pass over the file brings."""

    area: BaseGeometry | None
    ways: list[SourceWay] = field(default_factory=list)
    restrictions: list[SourceRestriction] = field(default_factory=list)
    features: list[MapFeature] = field(default_factory=list)
    elements: list[SourceElement] = field(default_factory=list)
    police: list[PolicePlace] = field(default_factory=list)
    node_tags: dict[int, dict[str, str]] = field(default_factory=dict)
    problems: Counter[str] = field(default_factory=Counter)
    read_counts: Counter[str] = field(default_factory=Counter)
    # Ids and places (1e-7 degrees) of the nodes of the streets kept, repeated where streets share them.
    _refs: array[int] = field(default_factory=lambda: array("q"))
    _x: array[int] = field(default_factory=lambda: array("i"))
    _y: array[int] = field(default_factory=lambda: array("i"))
    # Ways that have not come back as areas yet, and relations that should become areas and those that did: the rest lacked something.
    _awaited_buildings: set[int] = field(default_factory=set)
    _awaited_areas: set[int] = field(default_factory=set)
    _finished_areas: set[int] = field(default_factory=set)
    _best_place: tuple[int, int, str, str] = (-1, 0, "", "")

    def __post_init__(self) -> None:
        self._wkb = WKBFactory()
        self._wanted = None if self.area is None else box(*self.area.bounds).buffer(MARGIN_DEG, join_style="mitre")
        self._bounds_e7 = None if self._wanted is None else tuple(round(v * 1e7) for v in self._wanted.bounds)
        if self.area is not None:
            shapely.prepare(self.area)

    def read(self, path: Path, progress: Progress) -> None:
        self.file = source_file(path)
        expected = max(1, self.file.size_bytes // _BYTES_A_THING)
        processor = osmium.FileProcessor(extract(path)).with_areas().with_filter(KeyFilter(*INTERESTING_KEYS))
        try:
            for number, thing in enumerate(processor):
                self._take(thing)
                if number % _TOLD_EVERY == 0:
                    progress(f"{number:,} things read", min(0.99, number / expected))
        except (RuntimeError, ValueError) as error:
            raise unreadable(path, error) from error

    def _take(self, thing: Any) -> None:
        if thing.is_node():
            self.read_counts["nodes"] += 1
            self._take_node(thing)
        elif thing.is_way():
            self.read_counts["ways"] += 1
            self._take_way(thing)
        elif thing.is_area():
            self.read_counts["areas"] += 1
            self._take_area(thing)
        elif thing.is_relation():
            self.read_counts["relations"] += 1
            self._take_relation(thing)

    # nodes

    def _take_node(self, node: Any) -> None:
        tags = dict(node.tags)
        if "barrier" in tags or (tags.get("junction") == "yes" and "name" in tags):
            self.node_tags[node.id] = tags
        if node.location.valid():
            self._take_point(f"osm-n{node.id}", tags, node.location.lon, node.location.lat)

    def _take_point(self, osm_id: str, tags: dict[str, str], lon: float, lat: float) -> None:
        if self.area is not None and not shapely.intersects_xy(self.area, lon, lat):
            return
        found = elements_of(tags)
        self.elements.extend(SourceElement(element, osm_id, lon, lat, properties) for element, properties in found)
        if tags.get("amenity") == "police":
            self.police.append(PolicePlace(osm_id, lon, lat, name_of(tags), tags.get("name:en", "")))
        rank = place_rank(tags)
        if rank is not None:
            self.features.append(MapFeature("place", tags["place"], name_of(tags), Point(lon, lat), rank))
            population = tags.get("population", "")
            place = (rank, int(population) if population.isdecimal() else 0, name_of(tags), tags.get("name:en") or name_of(tags))
            self._best_place = max(self._best_place, place)
        elif not found:
            kind = poi_kind(tags)
            if kind is not None:
                self.features.append(MapFeature("poi", kind, name_of(tags), Point(lon, lat)))

    # ways

    def _take_way(self, way: Any) -> None:
        if "highway" in way.tags:
            self._take_street(way, dict(way.tags))
            return
        # Most ways are outlines of buildings. Those without a missing node come back as areas; to look at each node would take long.
        if way.tags.get("building", "no") != "no" and way.is_closed() and not any(key in way.tags for key in LINE_KEYS):
            self._awaited_buildings.add(way.id)
            return
        tags = dict(way.tags)
        found = line_layer(tags)
        if found is None:
            if area_layer(tags) is not None and any(n.x == _UNDEFINED for n in way.nodes):
                self.problems["area_with_missing_nodes"] += 1
            return
        places = [(n.x / 1e7, n.y / 1e7) if n.x != _UNDEFINED else None for n in way.nodes]
        if None in places:
            self.problems["line_with_missing_nodes"] += 1
        layer, kind, rank = found
        for run in _runs(places):
            self._keep_shape(MapFeature(layer, kind, name_of(tags), LineString(run), rank))

    def _take_street(self, way: Any, tags: dict[str, str]) -> None:
        if street_rule(tags) is None:
            self.problems[f"highway_not_used: {tags['highway'][:40]}"] += 1
            return
        refs, x, y = [], [], []
        for node in way.nodes:
            refs.append(node.ref)
            x.append(node.x)
            y.append(node.y)
        if self._bounds_e7 is not None and not self._is_near(x, y):
            self.problems["street_outside_boundary"] += 1
            return
        self.ways.append(SourceWay(way.id, tuple(refs), tags))
        self._refs.extend(refs)
        self._x.extend(x)
        self._y.extend(y)

    def _is_near(self, x: list[int], y: list[int]) -> bool:
        west, south, east, north = self._bounds_e7  # type: ignore[misc]
        return any(west <= px <= east and south <= py <= north for px, py in zip(x, y, strict=True))

    # areas and relations

    def _take_area(self, area: Any) -> None:
        tags = dict(area.tags)
        found = area_layer(tags)
        if area.from_way():
            self._awaited_buildings.discard(area.orig_id())
        else:
            self._finished_areas.add(area.orig_id())
        osm_id = f"osm-{'w' if area.from_way() else 'r'}{area.orig_id()}"
        if found is None and not elements_of(tags) and poi_kind(tags) is None and tags.get("amenity") != "police":
            return
        try:
            geometry = shapely.from_wkb(bytes.fromhex(self._wkb.create_multipolygon(area)))
        except (RuntimeError, shapely.errors.ShapelyError):
            self.problems["area_broken"] += 1
            return
        if not geometry.is_valid:
            self.problems["area_repaired"] += 1
            geometry = shapely.make_valid(geometry)
        if geometry.is_empty:
            self.problems["area_broken"] += 1
            return
        if not tags.keys().isdisjoint(POINT_KEYS):
            centre = geometry.representative_point()
            self._take_point(osm_id, tags, centre.x, centre.y)
        if found is not None:
            self._keep_shape(MapFeature(found[0], found[1], name_of(tags), geometry))

    def _keep_shape(self, feature: MapFeature) -> None:
        if self._wanted is None:
            self.features.append(feature)
            return
        clipped = shapely.clip_by_rect(feature.geometry, *self._wanted.bounds)
        if not clipped.is_empty:
            self.features.append(MapFeature(feature.layer, feature.kind, feature.name, clipped, feature.rank))

    def _take_relation(self, relation: Any) -> None:
        tags = dict(relation.tags)
        if tags.get("type") == "multipolygon" and area_layer(tags) is not None:
            self._awaited_areas.add(relation.id)
        if not tags.get("type", "").startswith("restriction"):
            return
        self.read_counts["restrictions"] += 1
        kind = tags.get("restriction:motorcar") or tags.get("restriction", "")
        if not kind or "day_on" in tags or "hour_on" in tags or "time" in tags:
            # Bound to hours: it holds at some times of the day only, and the graph has no hours yet.
            conditional = kind or "restriction:conditional" in tags
            self.problems["restriction_conditional_not_applied" if conditional else "restriction_for_others"] += 1
            return
        members: dict[tuple[str, str], list[int]] = {}
        for member in relation.members:
            members.setdefault((member.role, member.type), []).append(member.ref)
        from_ways, to_ways = members.get(("from", "w"), []), members.get(("to", "w"), [])
        via_nodes, via_ways = members.get(("via", "n"), []), members.get(("via", "w"), [])
        if not from_ways or not to_ways or not (via_nodes or via_ways):
            self.problems["restriction_without_members"] += 1
            return
        modes = frozenset(mode.strip() for mode in tags.get("except", "").split(";") if mode.strip())
        if "restriction" not in tags:
            modes |= {"bicycle"}  # written for motorcars alone
        via_node = via_nodes[0] if via_nodes and not via_ways else None
        self.restrictions.extend(
            SourceRestriction(relation.id, kind, f, t, via_node, tuple(via_ways), modes) for f in from_ways for t in to_ways
        )

    # together

    def source(self, path: Path, code: str, name: str | None, time_zone: str | None) -> CitySource:
        node_ids, lon, lat = self._nodes()
        self.problems["area_with_missing_nodes"] += len(self._awaited_buildings)
        self.problems["area_with_missing_members"] += len(self._awaited_areas - self._finished_areas)
        area = self.area if self.area is not None else box(lon.min(), lat.min(), lon.max(), lat.max())
        if time_zone is None:
            centre = area.representative_point()
            time_zone = guess_time_zone(centre.x, centre.y)
            self.problems["time_zone_guessed"] += 1
        local_name = name or self._best_place[2] or path.name.split(".")[0]
        name_en = name or self._best_place[3] or local_name
        self._add_sea(self._wanted if self._wanted is not None else area)
        if self.area is not None:
            self.features.append(MapFeature("boundary", "city", local_name, self.area.boundary, 5))
        return CitySource(
            code=code,
            name=local_name,
            name_en=name_en,
            time_zone=time_zone,
            schematic=False,
            attribution=ATTRIBUTION,
            node_ids=node_ids,
            node_lon=lon,
            node_lat=lat,
            ways=self.ways,
            restrictions=self.restrictions,
            features=self.features,
            elements=self.elements,
            organisations=default_organisations(code, local_name, name_en, area, self.police),
            boundary=self.area,
            node_tags=self.node_tags,
            file=self.file,
            problems=self.problems,
            read=self.read_counts,
        )

    def _add_sea(self, extent: BaseGeometry) -> None:
        coast = [f.geometry for f in self.features if f.kind == "coastline"]
        sea, unclear = sea_polygons(coast, extent)
        self.features.extend(MapFeature("water", "sea", "", face) for face in sea)
        self.problems["coastline_open"] += unclear

    def _nodes(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        x, y = np.frombuffer(self._x, dtype=np.int32), np.frombuffer(self._y, dtype=np.int32)
        known = x != _UNDEFINED
        ids, first = np.unique(np.frombuffer(self._refs, dtype=np.int64)[known], return_index=True)
        return ids, x[known][first] / 1e7, y[known][first] / 1e7


def _runs(places: list[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """Stretches without a gap that are long enough to draw."""
    runs: list[list[tuple[float, float]]] = [[]]
    for place in places:
        if place is None:
            runs.append([])
        elif not runs[-1] or runs[-1][-1] != place:
            runs[-1].append(place)
    return [run for run in runs if len(run) > 1]
