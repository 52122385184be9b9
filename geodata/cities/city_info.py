"""What a city folder holds, in figures: the answer of `city info`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from geodata.building.basemap import BaseMap
from geodata.building.street_table import load_streets
from geodata.cities.city import City, open_city
from geodata.cities.places import load_places


def city_info(folder: Path, *, now: datetime | None = None) -> dict[str, Any]:
    """Figures counted from the folder's own files, and the report of its build. Opens every part.

    `age_s` (since the build) and `data_age_s` (since the state of the map in the source file) are there with `now` (aware) when the folder
    knows the instant. Raises CityError.
    """
    city = open_city(folder)
    tiles = BaseMap(city.tiles_path)
    report = city.report()
    source = report["source"]
    graph = city.graph
    return {
        "code": city.code,
        "name": city.name,
        "name_en": city.name_en,
        "schematic": city.schematic,
        "time_zone": city.time_zone,
        "datum": "wgs84",
        "bounds": list(city.bounds),
        "extent_km": _extent_km(city),
        "built_at": city.built_at or None,
        "age_s": _age_s(city.built_at, now),
        "source": source,
        "data_age_s": _age_s(source["data_at"], now) if source is not None else None,
        "size_bytes": _sizes(folder),
        "nodes": len(graph.node_lon),
        "directed_edges": graph.edge_count,
        "directed_car_edges": graph.car_edge_count,
        "directed_foot_edges": int(np.isfinite(graph.foot.time_s).sum()),
        "directed_ebike_edges": int(np.isfinite(graph.ebike.time_s).sum()),
        "closed_ways_pass": city.closed_ways_pass,
        "turns": {profile.name: len(profile.next_edge) for profile in graph.profiles},
        "street_km": report["figures"]["street_km"],
        "limit_tagged_share": load_streets(city.streets_path).limit_shares(),
        "restrictions": report["restrictions"],
        "barriers": report["barriers"],
        "components": report["figures"]["components"],
        "organisations": len(city.organisations()),
        "elements": report["figures"]["elements"],
        "places": len(load_places(city.places_path)),
        "base_map": {"zooms": [tiles.min_zoom, tiles.max_zoom], "tiles": tiles.tile_count},
        "attribution": city.attribution,
        "read": report["read"],
        "problems": report["problems"],
    }


def _age_s(instant: str | None, now: datetime | None) -> float | None:
    return (now - datetime.fromisoformat(instant)).total_seconds() if instant and now is not None else None


def _extent_km(city: City) -> list[float]:
    """East to west along the middle, south to north."""
    west, south, east, north = city.bounds
    x, y = city.projection.to_metres([west, east], [south, north])
    return [round(float(axis[1] - axis[0]) / 1e3, 3) for axis in (x, y)]


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file and folder of the city, and of `all`."""
    parts = {
        path.name: sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
        for path in sorted(folder.iterdir())
    }
    return {"all": sum(parts.values())} | parts
