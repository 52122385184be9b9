"""What two city folders have and do not have in common: streets, organisations, elements, lengths.

Streets are compared by the ids of their source ways, as the source draws them; organisations by code, elements by id. When the
folders were built and of which file is no difference. Files that a city adds by hand (`beats.toml`, `codes.toml`, …) are not read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape

from geodata.building.street_table import StreetTable, load_streets
from geodata.cities.city import City, open_city
from geodata.projection import LocalProjection
from geodata.streets.graph import STREET_CLASSES

# What one decimal of a km/h shows: less is no other speed.
_KPH_STEP = 0.05
_AREA = "jurisdiction"


@dataclass(frozen=True)
class Change:
    """One property of a thing, as A and as B has it; None where one has none."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Thing:
    """A street, an organisation or an element."""

    id: str
    name: str
    lon: float
    lat: float
    kind: str  # street class, level of an organisation, element
    length_m: float | None  # of a street
    moved_m: float | None  # of an organisation or an element that both have, None where it has not moved
    changes: tuple[Change, ...]  # empty where only one has it


@dataclass(frozen=True)
class Part:
    """The differences of one kind of thing. `changed` holds moved things too, at their place in B."""

    added: tuple[Thing, ...]
    removed: tuple[Thing, ...]
    changed: tuple[Thing, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True)
class CityDiff:
    """From city A to city B."""

    city: tuple[Change, ...]  # name, code, extent, …
    streets: Part
    organisations: Part
    elements: dict[str, Part]  # by element; those without a difference are not there
    street_km: dict[str, tuple[float, float]]  # in A, in B: `all`, and each street class that is there

    def __bool__(self) -> bool:
        """Whether there is any difference."""
        return bool(self.city or self.streets or self.organisations or self.elements)


def diff_cities(a: Path, b: Path) -> CityDiff:
    """Compare two city folders. Raises CityError when one can't be read."""
    old, new = open_city(a), open_city(b)
    old_streets, new_streets = load_streets(old.streets_path), load_streets(new.streets_path)
    return CityDiff(
        city=_city_changes(old, new),
        streets=_streets(old_streets, new_streets),
        organisations=_things(_organisations(old), _organisations(new)),
        elements=_elements(old, new),
        street_km=_street_km(old_streets, new_streets),
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    keys = sorted(before.keys() | after.keys())
    return tuple(Change(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key))


def _city_changes(old: City, new: City) -> tuple[Change, ...]:
    def values(city: City) -> dict[str, Any]:
        named = ("code", "name", "name_en", "time_zone", "schematic", "attribution", "closed_ways_pass")
        return {name: getattr(city, name) for name in named} | {"bounds": list(city.bounds)}

    outlines = [_outline(city.boundary()["geometry"]) for city in (old, new)]
    outline = () if outlines[0] == outlines[1] else (Change("outline_km2", *map(_km2, outlines)),)
    return (*_changes(values(old), values(new)), *outline)


# Streets ---------------------------------------------------------------------------------------------------------------


def _streets(a: StreetTable, b: StreetTable) -> Part:
    _, in_a, in_b = np.intersect1d(a.way_id, b.way_id, assume_unique=True, return_indices=True)
    changes: dict[int, list[Change]] = defaultdict(list)  # by row of b
    for name, old, new in _columns(a, b, in_a, in_b):
        for i in np.flatnonzero(old != new).tolist():
            changes[int(in_b[i])].append(Change(name, old[i], new[i]))
    for change, rows in ((_speeds, _other_speed(a, b, in_a, in_b)), (_shape, a.shape[in_a] != b.shape[in_b])):
        for i in np.flatnonzero(rows).tolist():
            changes[int(in_b[i])].append(change(a, b, int(in_a[i]), int(in_b[i])))
    turns_a, turns_b = _turns(a), _turns(b)
    row_of_way = dict(zip(b.way_id[in_b].tolist(), in_b.tolist(), strict=True))
    for way_id in sorted((turns_a.keys() | turns_b.keys()) & row_of_way.keys()):
        old_turns, new_turns = turns_a.get(way_id, set()), turns_b.get(way_id, set())
        if old_turns != new_turns:
            changes[row_of_way[way_id]].append(Change("turn_restrictions", sorted(old_turns - new_turns), sorted(new_turns - old_turns)))
    only_a = np.setdiff1d(np.arange(len(a.way_id)), in_a)
    only_b = np.setdiff1d(np.arange(len(b.way_id)), in_b)
    return Part(
        tuple(_street(b, i) for i in only_b.tolist()),
        tuple(_street(a, i) for i in only_a.tolist()),
        tuple(_street(b, i, changes[i]) for i in sorted(changes)),
    )


def _columns(
    a: StreetTable, b: StreetTable, in_a: NDArray[np.int64], in_b: NDArray[np.int64]
) -> list[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Per property: its values in both, for the streets that both have."""

    def texts(values: tuple[str, ...], index: NDArray[Any]) -> NDArray[np.object_]:
        return np.array([*values, ""], dtype=object)[index]

    def directions(table: StreetTable) -> NDArray[np.int64]:
        forward, backward = table.forward_mps > 0, table.backward_mps > 0
        return np.where(forward & ~backward, 0, np.where(backward & ~forward, 1, 2))

    oneway = ("forward", "backward", "no")
    return [
        ("name", texts(a.names, a.name[in_a]), texts(b.names, b.name[in_b])),
        ("class", texts(STREET_CLASSES, a.street_class[in_a]), texts(STREET_CLASSES, b.street_class[in_b])),
        ("access", texts(a.accesses, a.access[in_a]), texts(b.accesses, b.access[in_b])),
        ("oneway", texts(oneway, directions(a)[in_a]), texts(oneway, directions(b)[in_b])),
    ]


def _other_speed(a: StreetTable, b: StreetTable, in_a: NDArray[np.int64], in_b: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Driven at another speed in a direction that is open in both."""
    other = np.zeros(len(in_a), dtype=np.bool_)
    for old, new in ((a.forward_mps[in_a], b.forward_mps[in_b]), (a.backward_mps[in_a], b.backward_mps[in_b])):
        other |= (old > 0) & (new > 0) & (np.abs(old - new) * 3.6 > _KPH_STEP)
    return other


def _speeds(a: StreetTable, b: StreetTable, i: int, j: int) -> Change:
    """[forward, backward], 0 where closed."""
    old, new = ([round(float(v) * 3.6, 1) for v in (t.forward_mps[k], t.backward_mps[k])] for t, k in ((a, i), (b, j)))
    return Change("speed_kph", old, new)


def _shape(a: StreetTable, b: StreetTable, i: int, j: int) -> Change:
    """The places of its nodes differ; told by the length, which may be the same."""
    return Change("geometry_m", round(float(a.length_m[i]), 1), round(float(b.length_m[j]), 1))


def _turns(table: StreetTable) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for line in table.restrictions:
        way_id, _, words = line.partition("\t")
        found[int(way_id)].add(words)
    return found


def _street(table: StreetTable, i: int, changes: Iterable[Change] = ()) -> Thing:
    place = round(float(table.lon[i]), 6), round(float(table.lat[i]), 6)
    kind, length_m = STREET_CLASSES[table.street_class[i]], round(float(table.length_m[i]), 1)
    return Thing(str(table.way_id[i]), table.names[table.name[i]], *place, kind, length_m, None, tuple(changes))


def _street_km(a: StreetTable, b: StreetTable) -> dict[str, tuple[float, float]]:
    by_class = [np.bincount(t.street_class, weights=t.length_m, minlength=len(STREET_CLASSES)) / 1e3 for t in (a, b)]
    rows = {"all": (float(by_class[0].sum()), float(by_class[1].sum()))}
    rows |= {name: (float(by_class[0][i]), float(by_class[1][i])) for i, name in enumerate(STREET_CLASSES)}
    return {name: (round(old, 3), round(new, 3)) for name, (old, new) in rows.items() if old or new or name == "all"}


# Organisations and elements --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    kind: str
    name: str
    lon: float
    lat: float
    values: dict[str, Any]


def _things(a: Mapping[str, _Row], b: Mapping[str, _Row]) -> Part:
    changed = []
    for key in sorted(a.keys() & b.keys()):
        old, new = a[key], b[key]
        changes = tuple(
            Change("area_km2", _km2(c.before), _km2(c.after)) if c.field == _AREA else c for c in _changes(old.values, new.values)
        )
        moved = (old.lon, old.lat) != (new.lon, new.lat)
        if changes or moved:
            changed.append(_thing(key, new, _apart_m(old, new) if moved else None, changes))
    return Part(
        tuple(_thing(key, b[key]) for key in sorted(b.keys() - a.keys())),
        tuple(_thing(key, a[key]) for key in sorted(a.keys() - b.keys())),
        tuple(changed),
    )


def _thing(key: str, row: _Row, moved_m: float | None = None, changes: tuple[Change, ...] = ()) -> Thing:
    return Thing(key, row.name, row.lon, row.lat, row.kind, None, moved_m, changes)


def _apart_m(old: _Row, new: _Row) -> float:
    """Measured about the point between them, so that there and back are as far."""
    x, y = LocalProjection((old.lon + new.lon) / 2, (old.lat + new.lat) / 2).to_metres([old.lon, new.lon], [old.lat, new.lat])
    return round(float(np.hypot(x[1] - x[0], y[1] - y[0])), 1)


def _organisations(city: City) -> dict[str, _Row]:
    """By code; a code that is there for several periods is told apart by their beginnings."""
    areas = {f["properties"]["code"]: _outline(f["geometry"]) for f in city.jurisdictions()["features"]}
    rows = city.organisations()
    periods = Counter(row["code"] for row in rows)
    found = {}
    for row in rows:
        values = {key: value for key, value in row.items() if key not in ("code", "lon", "lat")} | {_AREA: areas.get(row["code"])}
        key = row["code"] if periods[row["code"]] == 1 else f"{row['code']} {row['valid_from'] or ''}".strip()
        found[key] = _Row(row["level"], row["name"], row["lon"], row["lat"], values)
    return found


def _outline(geometry: Mapping[str, Any]) -> str:
    """The same text for the same area, wherever its ring begins."""
    return str(shapely.to_wkt(shapely.normalize(shape(geometry)), rounding_precision=6))


def _km2(outline: str | None) -> float | None:
    if outline is None:
        return None
    area = shapely.from_wkt(outline)
    per_lon, per_lat = LocalProjection(area.centroid.x, area.centroid.y).metres_per_degree
    return round(float(area.area) * per_lon * per_lat / 1e6, 3)


def _elements(old: City, new: City) -> dict[str, Part]:
    names = sorted({path.stem for city in (old, new) for path in (city.folder / "elements").glob("*.geojson")})
    parts = {name: _things(_element_rows(old, name), _element_rows(new, name)) for name in names}
    return {name: part for name, part in parts.items() if part}


def _element_rows(city: City, element: str) -> dict[str, _Row]:
    rows = {}
    for feature in city.elements(element)["features"]:
        (lon, lat), properties = feature["geometry"]["coordinates"], feature["properties"]
        rows[feature["id"]] = _Row(element, properties.get("name", ""), lon, lat, properties)
    return rows
