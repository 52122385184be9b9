"""Which organisation is responsible for an incident = f(type, place): the first fitting rule of the city's table, else the territory.

The table is `responsibility.toml` in the city folder; what stands in it is told in docs/city.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec
import shapely
from shapely.geometry.base import BaseGeometry

from geodata.cities.city import City, CityError
from geodata.districts.jurisdictions import Jurisdictions

BUILT_IN = Path(__file__).with_name("responsibility.toml")
FILE_NAME = "responsibility.toml"

Ring = tuple[tuple[float, float], ...]  # lon, lat; closed or not


class Kind(StrEnum):
    """What makes an organisation responsible."""

    TERRITORY = "territory"  # the place lies in its area
    TRAFFIC = "traffic"
    EXPRESSWAY = "expressway"
    RAIL = "rail"
    PORT = "port"
    AIRPORT = "airport"
    WATER = "water"


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exception from the territory, or one from the exceptions below it. Conditions that are left out always hold."""

    kind: Kind
    types: tuple[str, ...] = ()  # of incidents
    # The place lies in one of these polygons (each its outline, then its holes), or where one of these organisations is responsible.
    areas: tuple[tuple[Ring, ...], ...] = ()
    within: tuple[str, ...] = ()
    # Who is responsible; of several the one that belongs to the bureau nearest above the place.
    organisations: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    rule: tuple[Rule, ...] = ()


class Answer(NamedTuple):
    """Who is responsible, and by what."""

    code: str
    kind: Kind


class Responsibility:
    """Answers for a type and a point; immutable, any number of threads may ask."""

    def __init__(self, jurisdictions: Jurisdictions, rules: Sequence[Rule], parents: Mapping[str, str | None]) -> None:
        """`parents`: the organisation above each, by code. The rules must be sound: see `load_rules`."""
        self._jurisdictions = jurisdictions
        self._rules = [(rule, _area(rule)) for rule in rules]
        self._parents = parents

    @classmethod
    def of_city(cls, city: City, jurisdictions: Jurisdictions, incident_types: Collection[str]) -> Responsibility:
        """By the city's own table where it has one. Raises CityError naming what is wrong with it."""
        # The newest row of an organisation comes last.
        rows = sorted(city.organisations(), key=lambda row: row["valid_from"] or "")
        parents: dict[str, str | None] = {row["code"]: row["parent"] for row in rows}
        return cls(jurisdictions, load_rules(city.folder / FILE_NAME, parents, incident_types), parents)

    def territory(self, lon: float, lat: float) -> str:
        """Code of whoever's area the point lies in, whatever happens there."""
        return self._jurisdictions.locate(lon, lat).code

    def of(self, incident_type: str, lon: float, lat: float) -> Answer:
        """Who is responsible for an incident of this type at this point."""
        territory = self._jurisdictions.locate(lon, lat)
        for rule, area in self._rules:
            if rule.types and incident_type not in rule.types:
                continue
            if not _holds(rule, area, territory.chain, lon, lat):
                continue
            code = territory.code if rule.kind == Kind.TERRITORY else self._nearest_above(rule.organisations, territory.chain)
            if code is not None:
                return Answer(code, rule.kind)
        return Answer(territory.code, Kind.TERRITORY)

    def _nearest_above(self, organisations: Sequence[str], chain: Sequence[str]) -> str | None:
        """The one; of several that whose parent comes first in the chain from the station up; None when no parent is in it."""
        if len(organisations) == 1:
            return organisations[0]
        by_parent = {self._parents[code]: code for code in organisations}
        return next((by_parent[above] for above in chain if above in by_parent), None)


def _holds(rule: Rule, area: BaseGeometry | None, chain: Sequence[str], lon: float, lat: float) -> bool:
    if area is None and not rule.within:
        return True
    return (area is not None and bool(shapely.intersects_xy(area, lon, lat))) or any(code in chain for code in rule.within)


def _area(rule: Rule) -> BaseGeometry | None:
    """All polygons of a rule as one shape, ready for many questions; None when it names none."""
    if not rule.areas:
        return None
    area = shapely.union_all([shapely.Polygon(outline, holes) for outline, *holes in rule.areas])
    shapely.prepare(area)
    return area


# The file --------------------------------------------------------------------------------------------------------------


def load_rules(city_file: Path, parents: Mapping[str, str | None], incident_types: Collection[str]) -> tuple[Rule, ...]:
    """The city's rules where it has a file, else the built-in ones.

    `parents` are all organisations with the one above each, `incident_types` the ids of the city's code table. Raises
    CityError naming the first thing that is wrong.
    """
    path = city_file if city_file.exists() else BUILT_IN
    try:
        table = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Table)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CityError(f"{path} can't be read: {error}. Correct it; docs/city.md says what may stand in it.") from None
    for number, rule in enumerate(table.rule, 1):
        for fault in _faults(rule, parents, incident_types):
            raise CityError(f"{path}, rule {number} ({rule.kind}): {fault}.")
    return table.rule


def _faults(rule: Rule, parents: Mapping[str, str | None], incident_types: Collection[str]) -> Iterator[str]:
    if not (rule.types or rule.areas or rule.within):
        yield "it fits every incident everywhere; name types, areas or within"
    if rule.kind == Kind.TERRITORY and rule.organisations:
        yield "the territory is responsible by the place alone; leave organisations out"
    if rule.kind != Kind.TERRITORY and not rule.organisations:
        yield "it names nobody; give organisations"
    for incident_type in rule.types:
        if incident_type not in incident_types:
            yield f"there is no incident type {incident_type!r}; name one of the city's code table"
    for code in (*rule.within, *rule.organisations):
        if code not in parents:
            yield f"there is no organisation {code!r}; give the 12-digit code of one in organisations.json"
    above = [parents[code] for code in rule.organisations if code in parents]
    for parent in above:
        if above.count(parent) > 1:
            yield f"two of its organisations belong to {parent}, so that nothing tells which is meant; keep one of them"
    for number, (outline, *holes) in enumerate(rule.areas, 1) if all(rule.areas) else ():
        yield from (f"area {number} {fault}" for fault in _polygon_faults(outline, holes))
    if not all(rule.areas):
        yield "an area is empty; give its outline as [[lon, lat], …]"


def _polygon_faults(outline: Ring, holes: Sequence[Ring]) -> Iterator[str]:
    for lon, lat in (point for ring in (outline, *holes) for point in ring):
        if not (abs(lon) <= 180 and abs(lat) <= 90):
            yield f"has the point {lon:g}, {lat:g}; give lon, lat in WGS-84 degrees"
    if any(len(ring) < 3 for ring in (outline, *holes)):
        yield "has a ring of fewer than three points; give its corners in order"
    elif not shapely.Polygon(outline, holes).is_valid:
        yield "crosses itself, or a hole lies outside its outline; draw it anew"
