"""What a city folder holds, in figures: the answer of `city info`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from geodata.basemap import BaseMap
from geodata.city import open_city
from geodata.places import load_places


def city_info(folder: Path, *, now: datetime | None = None) -> dict[str, Any]:
    """Figures counted from the folder's own files, and the report of its build. Opens every part.

    `age_s` is there with `now` (aware) when the folder knows when it was built. Raises CityError.
    """
    city = open_city(folder)
    tiles = BaseMap(city.tiles_path)
    report = city.report()
    built_at = datetime.fromisoformat(city.built_at) if city.built_at else None
    return {
        "code": city.code,
        "name": city.name,
        "name_en": city.name_en,
        "schematic": city.schematic,
        "time_zone": city.time_zone,
        "datum": "wgs84",
        "bounds": list(city.bounds),
        "built_at": city.built_at or None,
        "age_s": (now - built_at).total_seconds() if now is not None and built_at is not None else None,
        "nodes": len(city.graph.node_lon),
        "directed_edges": city.graph.edge_count,
        "directed_car_edges": city.graph.car_edge_count,
        "directed_foot_edges": int(np.isfinite(city.graph.foot.time_s).sum()),
        "directed_ebike_edges": int(np.isfinite(city.graph.ebike.time_s).sum()),
        "closed_ways_pass": city.closed_ways_pass,
        "restrictions": report["restrictions"],
        "components": report["figures"]["components"],
        "organisations": len(city.organisations()),
        "elements": report["figures"]["elements"],
        "places": len(load_places(city.places_path)),
        "base_map": {"zooms": [tiles.min_zoom, tiles.max_zoom], "tiles": tiles.tile_count},
        "attribution": city.attribution,
        "read": report["read"],
        "problems": report["problems"],
    }
