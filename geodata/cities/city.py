"""A city folder on disk and in memory: where its parts lie and how they are opened.

city.toml            name, code, time zone, datum, extent, whether the streets are schematic
graph/*.npy          the street graph (`geodata.streets.graph`), memory-mapped
segments/*.npy       its straight segments in a grid (`geodata.streets.snapping`), memory-mapped
streets.npz          the streets as the source draws them (`geodata.building.street_table`)
base.pmtiles         vector base map, zoom 6–14
organisations.json   the organisation tree;  jurisdictions.geojson  their areas
responsibility.toml  exceptions from the areas (`geodata.districts.responsibility`), where the source has any
elements/*.geojson   catalogue elements the source knew, one file an element
places.npz           the place index (`geodata.cities.places`)
residents.npy        where people live (`geodata.building.residents`), where the source knows
boundary.geojson     outline
report.json          what was read, dropped, repaired
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geodata.projection import LocalProjection
from geodata.streets.graph import StreetGraph, load_graph

FORMAT_VERSION = 2


class CityError(Exception):
    """A city folder or its source can't be used; the message names the value and the remedy."""


@dataclass(frozen=True)
class City:
    """One opened city."""

    folder: Path
    code: str
    name: str
    name_en: str
    time_zone: str
    schematic: bool
    attribution: str
    built_at: str
    closed_ways_pass: bool  # how it was built, see `geodata.building.source`
    bounds: tuple[float, float, float, float]  # west, south, east, north, degrees
    graph: StreetGraph

    @cached_property
    def projection(self) -> LocalProjection:
        return LocalProjection(self.graph.origin_lon, self.graph.origin_lat)

    @property
    def tiles_path(self) -> Path:
        return self.folder / "base.pmtiles"

    @property
    def segments_path(self) -> Path:
        return self.folder / "segments"

    @property
    def streets_path(self) -> Path:
        return self.folder / "streets.npz"

    @property
    def places_path(self) -> Path:
        return self.folder / "places.npz"

    def organisations(self) -> list[dict[str, Any]]:
        """Rows of organisations.json: code, name, name_en, level, parent, lon, lat, has_command_room, valid_from, valid_to."""
        return self._json("organisations.json")

    def jurisdictions(self) -> dict[str, Any]:
        """GeoJSON FeatureCollection; `properties.code` names the organisation."""
        return self._json("jurisdictions.geojson")

    def boundary(self) -> dict[str, Any]:
        """GeoJSON Feature of the city's outline."""
        return self._json("boundary.geojson")

    def report(self) -> dict[str, Any]:
        return self._json("report.json")

    def residents(self) -> NDArray[np.float32] | None:
        """[edges] share of all residents along each street, with its lower-numbered edge; None when the source does not say."""
        path = self.folder / "residents.npy"
        return np.load(path) if path.exists() else None

    def elements(self, element: str) -> dict[str, Any]:
        """GeoJSON FeatureCollection of one catalogue element (`id`, `properties`); empty when the source has none."""
        if not (self.folder / "elements" / f"{element}.geojson").exists():
            return {"type": "FeatureCollection", "features": []}
        return self._json(f"elements/{element}.geojson")

    def _json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))


def open_city(folder: Path) -> City:
    """Open a city folder. Raises CityError when it is missing, damaged or of another format version."""
    try:
        meta = tomllib.loads((folder / "city.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CityError(
            f"{folder} is no city folder: city.toml is missing. Build one with: python app.py city build FILE.osm.pbf --out {folder}"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise CityError(f"{folder}/city.toml can't be read ({error}). Build the city again.") from None
    if meta.get("format_version") != FORMAT_VERSION:
        raise CityError(f"{folder} has format {meta.get('format_version')}, this program reads {FORMAT_VERSION}. Build the city again.")
    try:
        return City(
            folder=folder,
            code=meta["code"],
            name=meta["name"],
            name_en=meta["name_en"],
            time_zone=meta["time_zone"],
            schematic=meta["schematic"],
            attribution=meta["attribution"],
            built_at=meta["built_at"],
            closed_ways_pass=meta["closed_ways_pass"],
            bounds=tuple(meta["bounds"]),
            graph=load_graph(folder / "graph"),
        )
    except (KeyError, OSError, ValueError) as error:
        raise CityError(f"{folder} is damaged ({error}). Build the city again.") from error
