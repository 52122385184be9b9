"""Beats 巡区: the areas or stretches of street that crews of an organisation patrol, and which of them a point is on.

The table is `beats.toml` in the city folder (docs/city.md); a city without one has no beats.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geodata.cities.city import City, CityError
from geodata.projection import LocalProjection

FILE_NAME = "beats.toml"
# Who walks a street is on it up to the houses and the next corner, and a phone errs by tens of metres between high houses.
STREET_REACH_M = 120.0

Line = tuple[tuple[float, float], ...]  # lon, lat


class Beat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One beat: polygons (each its outline, then its holes), or streets as lines of points. WGS-84 degrees."""

    id: str
    organisation: str
    name: str
    areas: tuple[tuple[Line, ...], ...] = ()
    streets: tuple[Line, ...] = ()


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    beat: tuple[Beat, ...] = ()


class Beats:
    """The beats of a city; immutable, any number of threads may ask."""

    def __init__(self, beats: Sequence[Beat] = ()) -> None:
        """The beats must be sound: see `load_beats`."""
        self._by_id = {beat.id: beat for beat in beats}
        self._ground = {beat.id: _ground(beat) for beat in beats}
        # A street lies within the area it leads through, so the smallest beat says most.
        self._order = sorted(beats, key=lambda beat: (self._ground[beat.id].area, beat.id))
        self._tree = shapely.STRtree([self._ground[beat.id] for beat in self._order])

    @classmethod
    def of_city(cls, city: City) -> Beats:
        """Raises CityError naming what is wrong with the city's table."""
        return cls(load_beats(city.folder / FILE_NAME, {row["code"] for row in city.organisations()}))

    def all(self) -> tuple[Beat, ...]:
        """In the order of the file."""
        return tuple(self._by_id.values())

    def get(self, beat_id: str) -> Beat | None:
        return self._by_id.get(beat_id)

    def beat_at(self, lon: float, lat: float, organisation: str | None = None) -> Beat | None:
        """The smallest beat the point is on, of one organisation where that is given; None on no beat."""
        found = sorted(self._tree.query(shapely.Point(lon, lat), predicate="intersects").tolist())
        beats = (self._order[index] for index in found)
        return next((beat for beat in beats if organisation in (None, beat.organisation)), None)

    def holds(self, beat_id: str, lon: float, lat: float) -> bool:
        """Whether the point is on this beat; an unknown beat holds nothing."""
        ground = self._ground.get(beat_id)
        return ground is not None and bool(shapely.intersects_xy(ground, lon, lat))

    def outline(self, beat_id: str) -> BaseGeometry | None:
        """The ground of a beat as one shape in degrees; None for an unknown one."""
        return self._ground.get(beat_id)


def _ground(beat: Beat) -> BaseGeometry:
    """Areas and streets, these as wide as who walks them counts as on them, in one shape."""
    shapes: list[BaseGeometry] = [shapely.Polygon(outline, holes) for outline, *holes in beat.areas]
    for line in beat.streets:
        flat = LocalProjection(*line[0])
        points = np.array(line, dtype=np.float64)
        metres = np.column_stack(flat.to_metres(points[:, 0], points[:, 1]))
        walked = shapely.LineString(metres) if len(line) > 1 else shapely.Point(metres[0])
        shapes.append(shapely.transform(walked.buffer(STREET_REACH_M), partial(_in_degrees, flat)))
    ground = shapely.union_all(shapes)
    shapely.prepare(ground)
    return ground


def _in_degrees(flat: LocalProjection, metres: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack(flat.to_degrees(metres[:, 0], metres[:, 1]))


# The file --------------------------------------------------------------------------------------------------------------


def load_beats(file: Path, organisations: Collection[str]) -> tuple[Beat, ...]:
    """The beats in the file, none where there is no file. Raises CityError naming the first thing that is wrong."""
    if not file.exists():
        return ()
    try:
        table = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Table)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CityError(f"{file} can't be read: {error}. Correct it; docs/city.md says what may stand in it.") from None
    ids = [beat.id for beat in table.beat]
    for number, beat in enumerate(table.beat, 1):
        for fault in _faults(beat, organisations, ids):
            raise CityError(f"{file}, beat {number} ({beat.id}): {fault}.")
    return table.beat


def _faults(beat: Beat, organisations: Collection[str], ids: Sequence[str]) -> Iterator[str]:
    if not beat.id.strip() or not beat.name.strip():
        yield "its id or name is empty; give both"
    if ids.count(beat.id) > 1:
        yield f"there are {ids.count(beat.id)} beats of this id; give each its own"
    if beat.organisation not in organisations:
        yield f"there is no organisation {beat.organisation!r}; give the 12-digit code of one in organisations.json"
    if not (beat.areas or beat.streets):
        yield "it is nowhere; give areas or streets"
    if not all(beat.areas) or not all(beat.streets):
        yield "an area or a street is empty; give its points as [[lon, lat], …]"
        return
    for lon, lat in (point for line in (*beat.streets, *(ring for area in beat.areas for ring in area)) for point in line):
        if not (abs(lon) <= 180 and abs(lat) <= 90):
            yield f"has the point {lon:g}, {lat:g}; give lon, lat in WGS-84 degrees"
    for number, (outline, *holes) in enumerate(beat.areas, 1):
        if any(len(ring) < 3 for ring in (outline, *holes)):
            yield f"area {number} has a ring of fewer than three points; give its corners in order"
        elif not shapely.Polygon(outline, holes).is_valid:
            yield f"area {number} crosses itself, or a hole lies outside its outline; draw it anew"
