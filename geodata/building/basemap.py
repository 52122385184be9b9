"""The base map: vector tiles in one PMTiles file, written at city build, read by the tile route.

Layers, each feature with `kind` and, where it has one, `name`:
road       class, rank (12 motorway … 1 path), oneway, bridge, tunnel
water, green, building (zoom 13 and on); waterway, rail, boundary (rank); place, poi (points, rank)
"""

from __future__ import annotations

import gzip
import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pmtiles.reader import MemorySource, Reader, all_tiles
from pmtiles.tile import Compression, TileType, deserialize_directory, deserialize_header, zxy_to_tileid
from pmtiles.writer import write as write_pmtiles

from geodata.building.graph_build import street_name
from geodata.building.source import CitySource, MapFeature
from geodata.building.street_layout import StreetLayout
from geodata.cities.city import CityError
from geodata.progress import Progress, unheard
from geodata.streets.graph import STREET_CLASSES

MIN_ZOOM, MAX_ZOOM = 6, 14
# Zooms that show the same features. A tile of zoom 6 holds the whole city: all its streets would be megabytes.
_BANDS = ((6, 8), (9, 10), (11, 11), (12, 12), (13, 14))
_ROAD_RANK = {name: 12 - i for i, name in enumerate(STREET_CLASSES)}
# First zoom at which a feature appears.
_ROAD_FROM = {
    "motorway": 6,
    "trunk": 6,
    "primary": 6,
    "secondary": 9,
    "tertiary": 11,
    "unclassified": 11,
    "residential": 12,
    "living_street": 12,
}
_SMALL_ROAD_FROM = 13
_PLACE_FROM = ((8, 6), (6, 9), (5, 11), (4, 12), (0, 13))  # rank at least -> zoom
_LAYER_FROM = {"boundary": 6, "building": 13, "poi": 14}
# An area is drawn from the zoom at which it covers some pixels (square degrees).
_AREA_FROM = ((1e-4, 6), (1e-5, 9), (2e-6, 11), (4e-7, 12), (0.0, 13))
_LINE_FROM = ((3, 6), (2, 9), (1, 12), (0, 13))
_WGS84 = 4326


@dataclass(frozen=True)
class _Layer:
    """Features of one layer, their properties in columns as the tile writer wants them."""

    geometry: NDArray[np.object_]
    first_zoom: NDArray[np.int64]
    properties: dict[str, list[Any]]


def write_base_map(source: CitySource, layout: StreetLayout, path: Path, progress: Progress = unheard) -> dict[str, int]:
    """Write the PMTiles file; returns the number of features of each layer."""
    progress("base map", 0.0)
    layers = {"road": _roads(layout), **_features(source.features)}
    parts = []
    for first, last in _BANDS:
        progress(f"base map, zoom {first} to {last}", (first - MIN_ZOOM) / (MAX_ZOOM - MIN_ZOOM + 1))
        part = path.with_name(f"{path.name}.{first}")
        if _write_band(layers, first, last, part):
            parts.append(part)
    progress("base map, one file", 0.95)
    _join(parts, path, source.attribution)
    for part in parts:
        part.unlink()
    return {name: len(layer.geometry) for name, layer in sorted(layers.items())}


def _roads(layout: StreetLayout) -> _Layer:
    index, lines = layout.lines()
    tags = [layout.streets[i].tags for i in index]
    classes = [STREET_CLASSES[layout.rules[i].street_class] for i in index]
    return _Layer(
        lines,
        np.array([_ROAD_FROM.get(name, _SMALL_ROAD_FROM) for name in classes]),
        {
            "class": classes,
            "kind": [t["highway"] for t in tags],
            "name": [street_name(t) or None for t in tags],
            "rank": [_ROAD_RANK[name] for name in classes],
            "oneway": [int(layout.rules[i].car_backward_mps == 0 < layout.rules[i].car_forward_mps) for i in index],
            "bridge": [int(t.get("bridge", "no") != "no") for t in tags],
            "tunnel": [int(t.get("tunnel", "no") != "no") for t in tags],
        },
    )


def _features(features: list[MapFeature]) -> dict[str, _Layer]:
    by_layer: dict[str, list[MapFeature]] = {}
    for feature in features:
        if not feature.geometry.is_empty:
            by_layer.setdefault(feature.layer, []).append(feature)
    return {
        layer: _Layer(
            np.array([f.geometry for f in rows], dtype=object),
            np.array([_first_zoom(f) for f in rows]),
            {"kind": [f.kind for f in rows], "name": [f.name or None for f in rows], "rank": [f.rank for f in rows]},
        )
        for layer, rows in by_layer.items()
    }


def _first_zoom(feature: MapFeature) -> int:
    if feature.layer in _LAYER_FROM:
        return _LAYER_FROM[feature.layer]
    if feature.layer == "place":
        return _at_least(_PLACE_FROM, feature.rank)
    if feature.layer in ("waterway", "rail"):
        return _at_least(_LINE_FROM, feature.rank)
    return _at_least(_AREA_FROM, feature.geometry.area)


def _at_least(steps: tuple[tuple[float, int], ...], value: float) -> int:
    return next(zoom for least, zoom in steps if value >= least)


def _write_band(layers: dict[str, _Layer], first: int, last: int, path: Path) -> bool:
    """Tiles of zooms first … last; False when nothing is shown there."""
    # Heavy to import (pandas) and only needed while building.
    import geopandas
    from freestiler import freestile, freestile_layer

    shown = {}
    for name, layer in layers.items():
        visible = np.flatnonzero(layer.first_zoom <= last)
        if len(visible):
            properties = {key: [values[i] for i in visible] for key, values in layer.properties.items()}
            frame = geopandas.GeoDataFrame(properties, geometry=layer.geometry[visible], crs=_WGS84)
            shown[name] = freestile_layer(frame, min_zoom=max(first, int(layer.first_zoom.min())), max_zoom=last)
    if shown:
        try:
            freestile(shown, path, min_zoom=first, max_zoom=last, generate_ids=False, quiet=True)
        except RuntimeError as error:  # what the tile writer says of a full disk
            raise CityError(f"{path.parent} or the folder for temporary files can't be written: {error}. Make room there.") from error
    return bool(shown)


def _join(parts: list[Path], path: Path, attribution: str) -> None:
    """One file from files whose zooms do not overlap, in order of zoom."""
    fields: dict[str, dict[str, Any]] = {}
    bounds: list[tuple[int, int, int, int]] = []
    with write_pmtiles(str(path)) as writer:
        for part in parts:
            source = MemorySource(part.read_bytes())
            reader = Reader(source)
            header = reader.header()
            bounds.append(tuple(header[key] for key in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")))
            for layer in reader.metadata()["vector_layers"]:
                known = fields.setdefault(layer["id"], {**layer})
                known["maxzoom"] = layer["maxzoom"]
            for (z, x, y), tile in all_tiles(source):
                writer.write_tile(zxy_to_tileid(z, x, y), tile)
        west, south, east, north = (pick(b[i] for b in bounds) for i, pick in enumerate((min, min, max, max)))
        header = {
            "tile_type": TileType.MVT,
            "tile_compression": Compression.GZIP,
            "min_lon_e7": west,
            "min_lat_e7": south,
            "max_lon_e7": east,
            "max_lat_e7": north,
            "center_zoom": 11,
        }
        writer.finalize(header, {"attribution": attribution, "type": "baselayer", "vector_layers": list(fields.values())})


class BaseMap:
    """Tiles of one PMTiles file. The file is mapped, nothing is locked: any number of threads may read."""

    def __init__(self, path: Path) -> None:
        """Raises CityError when the file is missing or damaged."""
        try:
            with path.open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            header = deserialize_header(self._bytes[:127])
            if header["tile_data_offset"] + header["tile_data_length"] > len(self._bytes):
                raise ValueError(f"{len(self._bytes)} bytes, cut off")
            self._read_directories(header)
            metadata = self._bytes[header["metadata_offset"] : header["metadata_offset"] + header["metadata_length"]]
            self.metadata: dict[str, Any] = json.loads(gzip.decompress(metadata))
        except FileNotFoundError:
            raise CityError(f"{path} is missing. Build the city again.") from None
        except Exception as error:  # a damaged file fails in many ways inside the reader
            raise CityError(f"{path} is no base map that can be read ({error}). Build the city again.") from error
        self.min_zoom: int = header["min_zoom"]
        self.max_zoom: int = header["max_zoom"]
        west, south, east, north = (header[key] / 1e7 for key in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7"))
        self.bounds: tuple[float, float, float, float] = (west, south, east, north)  # degrees

    def _read_directories(self, header: Any) -> None:
        """All entries at once, flat: a city has some thousand tiles."""
        entries = []
        waiting = [(header["root_offset"], header["root_length"])]
        while waiting:
            offset, length = waiting.pop()
            for entry in deserialize_directory(self._bytes[offset : offset + length]):
                if entry.run_length:
                    entries.append((entry.tile_id, entry.run_length, header["tile_data_offset"] + entry.offset, entry.length))
                else:
                    waiting.append((header["leaf_directory_offset"] + entry.offset, entry.length))
        self._entries = np.array(sorted(entries), dtype=np.int64).reshape(-1, 4)

    @property
    def tile_count(self) -> int:
        return int(self._entries[:, 1].sum())

    def tile(self, z: int, x: int, y: int) -> bytes | None:
        """The gzip bytes of a vector tile; None where there is none (also for numbers that name no tile)."""
        if not (self.min_zoom <= z <= self.max_zoom and 0 <= x < 1 << z and 0 <= y < 1 << z):
            return None
        tile_id = zxy_to_tileid(z, x, y)
        at = int(np.searchsorted(self._entries[:, 0], tile_id, side="right")) - 1
        if at < 0:
            return None
        first, run, offset, length = self._entries[at].tolist()
        return self._bytes[offset : offset + length] if tile_id < first + run else None
