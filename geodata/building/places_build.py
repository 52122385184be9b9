"""Collect everything of a city that has a name, and lay it out for searching."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from geodata.building.graph_build import street_name
from geodata.building.source import CitySource
from geodata.building.street_layout import StreetLayout
from geodata.cities.place_text import search_forms
from geodata.cities.places import PlaceTable
from geodata.projection import LocalProjection
from geodata.streets.graph import StreetGraph

# Streets of one name that come this close are one road; further apart they are two roads of two localities.
ROAD_GAP_M = 1_500.0
# Carriageways of one crossing.
CROSSING_GAP_M = 100.0
# One thing drawn twice, as a point and as an outline.
ECHO_M = 150.0
# A place this important names the locality of a road; a square or a hamlet does not.
_LOCALITY_RANK = 5
_LAYERS_BY_KIND = {"place": "place", "poi": "poi", "building": "poi", "water": "water", "waterway": "water", "green": "green"}
# Other tags a street is known by.
_ALIAS_KEYS = ("name:en", "alt_name", "short_name", "old_name", "ref")


@dataclass(frozen=True)
class _Entry:
    kind: str
    name: str
    lon: float
    lat: float
    detail: str


def build_places(source: CitySource, layout: StreetLayout, graph: StreetGraph) -> PlaceTable:
    """The place table of a city."""
    locality = _Localities(source, graph)
    entries = [*_roads(graph, locality), *_named_crossings(source, layout), *_features(source, locality), *_elements(source, locality)]
    entries = sorted(_without_echoes(entries), key=lambda e: (e.name, e.kind, e.lon, e.lat, e.detail))
    names = sorted({e.name for e in entries} | set(graph.names[1:]))
    number = {name: i for i, name in enumerate(names)}
    kinds = sorted({e.kind for e in entries})
    crossing_a, crossing_b, crossing_lon, crossing_lat = _crossings(graph, number)
    crossing_localities = locality.of(crossing_lon, crossing_lat)
    details = sorted({e.detail for e in entries} | set(crossing_localities) | {""})
    detail_number = {detail: i for i, detail in enumerate(details)}
    counts = np.bincount([number[e.name] for e in entries], minlength=len(names)) if entries else np.zeros(len(names), dtype=np.int64)
    return PlaceTable(
        names=tuple(names),
        kinds=tuple(kinds),
        details=tuple(details),
        **_beginnings(names, _aliases(layout)),
        entry_ptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        entry_kind=np.array([kinds.index(e.kind) for e in entries], dtype=np.uint8),
        entry_detail=np.array([detail_number[e.detail] for e in entries], dtype=np.int32),
        entry_lon=np.array([e.lon for e in entries], dtype=np.float64),
        entry_lat=np.array([e.lat for e in entries], dtype=np.float64),
        crossing_a=crossing_a,
        crossing_b=crossing_b,
        crossing_detail=np.array([detail_number[d] for d in crossing_localities], dtype=np.int32),
        crossing_lon=crossing_lon,
        crossing_lat=crossing_lat,
    )


class _Localities:
    """Nearest named place, to tell roads of one name apart."""

    def __init__(self, source: CitySource, graph: StreetGraph) -> None:
        self._projection = LocalProjection(graph.origin_lon, graph.origin_lat)
        places = [f for f in source.features if f.layer == "place" and f.rank >= _LOCALITY_RANK and _clean(f.name)]
        self._names = [_clean(f.name) for f in places]
        centres = [f.geometry.representative_point() for f in places]
        x, y = self._projection.to_metres([c.x for c in centres], [c.y for c in centres])
        self._tree = cKDTree(np.column_stack([x, y])) if places else None

    def of(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> list[str]:
        if self._tree is None or not len(lon):
            return [""] * len(lon)
        _, nearest = self._tree.query(np.column_stack(self._projection.to_metres(lon, lat)))
        return [self._names[i] for i in nearest]


def _roads(graph: StreetGraph, locality: _Localities) -> list[_Entry]:
    """One entry a road and locality, on the road, as near to its middle as a street piece has its own middle."""
    pieces = np.flatnonzero((graph.name_index > 0) & (np.arange(graph.edge_count) < graph.twin))
    if not len(pieces):
        return []
    middle = (graph.first_vertex[pieces].astype(np.int64) + graph.last_vertex[pieces]) // 2
    x, y, name = graph.vertex_x[middle], graph.vertex_y[middle], graph.name_index[pieces]
    chosen = _one_a_cluster(name.astype(np.int64), x, y, ROAD_GAP_M, graph.length_m[pieces].astype(np.float64))
    lon, lat = LocalProjection(graph.origin_lon, graph.origin_lat).to_degrees(x[chosen], y[chosen])
    return [
        _Entry("road", graph.names[n], round(float(a), 6), round(float(b), 6), detail)
        for n, a, b, detail in zip(name[chosen], lon, lat, locality.of(lon, lat), strict=True)
    ]


def _crossings(
    graph: StreetGraph, number: dict[str, int]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]:
    """Pairs of road names that meet at a junction, one for all carriageways of a crossing."""
    named = graph.name_index > 0
    meets = np.unique(np.column_stack([graph.tail[named], graph.name_index[named]]), axis=0).astype(np.int64)
    found = [np.empty((0, 3), dtype=np.int64)]
    for distance in range(1, 16):  # more than sixteen names at one junction do not occur
        same = np.flatnonzero(meets[distance:, 0] == meets[:-distance, 0]) if len(meets) > distance else np.empty(0, dtype=np.int64)
        if not len(same):
            break
        found.append(np.column_stack([meets[same], meets[same + distance, 1]]))
    node, a, b = np.concatenate(found).T
    x, y = graph.node_x[node], graph.node_y[node]
    chosen = _one_a_cluster(a * len(graph.names) + b, x, y, CROSSING_GAP_M, np.ones(len(node)))
    name_number = np.array([number.get(name, -1) for name in graph.names], dtype=np.int32)
    lon, lat = graph.node_lon[node[chosen]], graph.node_lat[node[chosen]]
    return name_number[a[chosen]], name_number[b[chosen]], np.round(lon, 6), np.round(lat, 6)


def _one_a_cluster(
    key: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64], gap_m: float, weight: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Of the points of one key, those in the same or touching squares of `gap_m` are a cluster: the index of the point
    nearest to the weighted middle of each."""
    if not len(key):
        return np.empty(0, dtype=np.int64)
    column, row = np.floor((x - x.min()) / gap_m).astype(np.int64), np.floor((y - y.min()) / gap_m).astype(np.int64)
    rows = int(row.max()) + 3
    columns = int(column.max()) + 3
    _, dense_key = np.unique(key, return_inverse=True)
    cell, cell_of_point = np.unique((dense_key * columns + column + 1) * rows + row + 1, return_inverse=True)
    links = []
    for step in (1, rows - 1, rows, rows + 1):  # north, south-east, east, north-east
        at = np.minimum(np.searchsorted(cell, cell + step), len(cell) - 1)
        joined = np.flatnonzero(cell[at] == cell + step)
        links.append(np.column_stack([joined, at[joined]]))
    pairs = np.concatenate(links)
    matrix = coo_matrix((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(len(cell), len(cell)))
    _, cluster_of_cell = connected_components(matrix, directed=False)
    cluster = cluster_of_cell[cell_of_point]
    total = np.bincount(cluster, weight)
    off_m = np.hypot(x - (np.bincount(cluster, weight * x) / total)[cluster], y - (np.bincount(cluster, weight * y) / total)[cluster])
    order = np.lexsort((off_m, cluster))
    first = np.ones(len(order), dtype=bool)
    first[1:] = cluster[order][1:] != cluster[order][:-1]
    return np.sort(order[first])


def _named_crossings(source: CitySource, layout: StreetLayout) -> list[_Entry]:
    entries = []
    for node_id, tags in source.node_tags.items():
        at = int(np.searchsorted(layout.node_ids, node_id))
        if tags.get("junction") and tags.get("name") and at < len(layout.node_ids) and layout.node_ids[at] == node_id:
            entries.append(_Entry("crossing", _clean(tags["name"]), float(layout.node_lon[at]), float(layout.node_lat[at]), ""))
    return entries


def _features(source: CitySource, locality: _Localities) -> list[_Entry]:
    named = [f for f in source.features if f.name and f.layer in _LAYERS_BY_KIND]
    return _with_localities(((_LAYERS_BY_KIND[f.layer], f.name, *_centre(f.geometry)) for f in named), locality)


def _centre(geometry: BaseGeometry) -> tuple[float, float]:
    point = geometry.representative_point()
    return point.x, point.y


def _elements(source: CitySource, locality: _Localities) -> list[_Entry]:
    """Catalogue elements and organisations that have a name."""
    elements = ((e.element, str(e.properties["name"]), e.lon, e.lat) for e in source.elements if e.properties.get("name"))
    organisations = (("organisation", o.name, o.lon, o.lat) for o in source.organisations if o.name)
    return _with_localities([*elements, *organisations], locality)


def _with_localities(rows: Iterable[tuple[str, str, float, float]], locality: _Localities) -> list[_Entry]:
    rows = [(kind, _clean(name), lon, lat) for kind, name, lon, lat in rows]
    lon, lat = np.array([r[2] for r in rows], dtype=np.float64), np.array([r[3] for r in rows], dtype=np.float64)
    return [
        _Entry(kind, name, round(x, 6), round(y, 6), "" if place == name else place)
        for (kind, name, x, y), place in zip(rows, locality.of(lon, lat), strict=True)
        if name
    ]


def _without_echoes(entries: list[_Entry]) -> set[_Entry]:
    """Without the shape of a thing that is there as an element already: a school and the outline of its building."""
    firm: dict[str, list[_Entry]] = defaultdict(list)
    for entry in entries:
        if entry.kind != "poi":
            firm[entry.name].append(entry)
    return {e for e in entries if e.kind != "poi" or not any(_is_close(e, other) for other in firm.get(e.name, ()))}


def _is_close(a: _Entry, b: _Entry) -> bool:
    x, y = LocalProjection(a.lon, a.lat).to_metres(b.lon, b.lat)
    return float(np.hypot(x, y)) < ECHO_M


def _clean(name: str) -> str:
    """Names are stored one a line."""
    return " ".join(name.split())


def _aliases(layout: StreetLayout) -> dict[str, set[str]]:
    aliases: dict[str, set[str]] = defaultdict(set)
    for street in layout.streets:
        name = street_name(street.tags)
        if name:
            aliases[name].update(street.tags[key] for key in _ALIAS_KEYS if street.tags.get(key, name) != name)
    return aliases


def _beginnings(names: list[str], aliases: dict[str, set[str]]) -> dict[str, Any]:
    """The searchable forms of all names in one text, and every place in it where a search may begin, sorted."""
    lines: list[str] = []
    rows: list[tuple[str, int, int, bool]] = []  # text to the end of the line, offset, name, is head
    at = 0
    for number, name in enumerate(names):
        forms = dict(search_forms(name))
        for alias in sorted(aliases.get(name, ())):
            forms.update(search_forms(alias))
        for form, starts in sorted(forms.items()):
            rows.extend((form[start:], at + start, number, start == 0) for start in starts)
            lines.append(form)
            at += len(form) + 1
    rows.sort()
    return {
        "forms": "\n".join(lines),
        "begin_at": np.array([row[1] for row in rows], dtype=np.int32),
        "begin_name": np.array([row[2] for row in rows], dtype=np.int32),
        "begin_is_head": np.array([row[3] for row in rows], dtype=bool),
        "begin_length": np.array([min(len(row[0]), 65535) for row in rows], dtype=np.uint16),
    }
