"""Which police organisation answers for a point: its jurisdiction, else the nearest station."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import shape

from geodata.cities.city import City, CityError
from geodata.projection import LocalProjection

_LEVELS = ("station", "county", "city")

Bounds = tuple[float, float, float, float]  # west, south, east, north, degrees


@dataclass(frozen=True)
class Responsible:
    """The answer for one point."""

    code: str  # the finest organisation: a station where there is one
    chain: tuple[str, ...]  # `code` first, then its parents up to the city
    # False: no station's area holds the point, `code` is the nearest station of the smallest area that does.
    inside: bool
    outside: bool = False  # no area at all holds the point


def area_bounds(areas: Mapping[str, Any]) -> dict[str, Bounds]:
    """How far the area of each organisation reaches, by code; `areas` as below."""
    return {feature["properties"]["code"]: shape(feature["geometry"]).bounds for feature in areas["features"]}


class Jurisdictions:
    """Point look-up; immutable, any number of threads may ask."""

    def __init__(self, organisations: Iterable[Mapping[str, Any]], areas: Mapping[str, Any], projection: LocalProjection) -> None:
        """`organisations`: rows of organisations.json; `areas`: the collection of jurisdictions.geojson.

        Raises CityError when an area or a parent names an organisation that is not there, or no city is among them.
        """
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        for row in organisations:
            self._rows.setdefault(row["code"], []).append(row)
        if not any(row["level"] == "city" for rows in self._rows.values() for row in rows):
            raise CityError("organisations.json holds no organisation of level city. Add it, or build the city again.")
        self._codes = [feature["properties"]["code"] for feature in areas["features"]]
        parents = {row["parent"] for rows in self._rows.values() for row in rows} - {None}
        unknown = (parents | set(self._codes)) - self._rows.keys()
        if unknown:
            raise CityError(f"Organisation {min(unknown)} is named as a parent or by an area but is not in organisations.json. Add it.")
        shapes = [shape(feature["geometry"]) for feature in areas["features"]]
        shapely.prepare(shapes)
        self._areas_deg2 = [area.area for area in shapes]
        self._tree = shapely.STRtree(shapes)
        self._projection = projection

    @classmethod
    def of(cls, city: City) -> Jurisdictions:
        return cls(city.organisations(), city.jurisdictions(), city.projection)

    def locate(self, lon: float, lat: float, on: date | None = None) -> Responsible:
        """Who answers for the point; `on` leaves out organisations not in force on that day."""
        hits = [int(i) for i in self._tree.query(shapely.Point(lon, lat), predicate="intersects")]
        holding = {self._codes[i]: self._areas_deg2[i] for i in hits if self._row(self._codes[i], on) is not None}
        # Areas of different levels lie upon each other; those of one level should not, the smaller one is meant then.
        for level in _LEVELS:
            inside = [code for code in holding if self._level(code, on) == level]
            if inside:
                code = min(inside, key=lambda c: (holding[c], c))
                station = code if level == "station" else self._nearest_station(lon, lat, on, below=code)
                return Responsible(station or code, self._chain(station or code, on), level == "station" or station is None)
        code = self._nearest_station(lon, lat, on, below=None) or self._city(on)
        return Responsible(code, self._chain(code, on), inside=False, outside=True)

    def locate_all(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> list[str]:
        """The finest organisation for each of many points, as `locate` finds it for one; without a day (1 s for 100,000)."""
        points, areas = self._tree.query(shapely.points(lon, lat), predicate="intersects")
        is_station = np.array([self._level(code, None) == "station" for code in self._codes], np.bool_)
        # Of the stations' areas that hold a point the smallest one comes first, and it is the first that counts.
        order = np.lexsort((np.array(self._codes)[areas], np.array(self._areas_deg2)[areas], points))
        order = order[is_station[areas[order]]]
        found, first = np.unique(points[order], return_index=True)
        codes: list[str | None] = [None] * len(lon)
        for point, area in zip(found.tolist(), areas[order[first]].tolist(), strict=True):
            codes[point] = self._codes[area]
        return [code if code is not None else self.locate(float(lon[i]), float(lat[i])).code for i, code in enumerate(codes)]

    def _row(self, code: str, on: date | None) -> Mapping[str, Any] | None:
        """The row in force; without a day the newest."""
        rows = self._rows.get(code, [])
        if on is None:
            return max(rows, key=lambda row: row["valid_from"] or "") if rows else None
        day = on.isoformat()
        return next((r for r in rows if (r["valid_from"] or "") <= day and (r["valid_to"] is None or day < r["valid_to"])), None)

    def _level(self, code: str, on: date | None) -> str:
        row = self._row(code, on)
        return row["level"] if row is not None else ""

    def _city(self, on: date | None) -> str:
        return next(code for code, rows in self._rows.items() if (self._row(code, on) or rows[-1])["level"] == "city")

    def _chain(self, code: str, on: date | None) -> tuple[str, ...]:
        chain = [code]
        while (row := self._row(chain[-1], on)) is not None and row["parent"] is not None and row["parent"] not in chain:
            chain.append(row["parent"])
        return tuple(chain)

    def _nearest_station(self, lon: float, lat: float, on: date | None, below: str | None) -> str | None:
        stations = [
            row
            for code in self._rows
            if (row := self._row(code, on)) is not None and row["level"] == "station" and (below is None or below in self._chain(code, on))
        ]
        if not stations:
            return None
        x, y = self._projection.to_metres([row["lon"] for row in stations], [row["lat"] for row in stations])
        at_x, at_y = self._projection.to_metres(lon, lat)
        return stations[int(np.argmin(np.hypot(x - at_x, y - at_y)))]["code"]
