"""A ground of two crossing streets, for the checks that ask where a unit can be."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from operations.tracking.ground import Ground


def streets(origin_lon: float, origin_lat: float, *lines: tuple[tuple[float, float], ...]) -> Any:
    """What `Ground` reads of a street graph: one edge a line, points in metres from the origin."""
    lengths = [len(line) for line in lines]
    ends = np.cumsum(lengths) - 1
    points = np.array([point for line in lines for point in line], dtype=float).reshape(-1, 2)
    return SimpleNamespace(
        origin_lon=origin_lon,
        origin_lat=origin_lat,
        vertex_x=points[:, 0],
        vertex_y=points[:, 1],
        first_vertex=(ends - np.array(lengths) + 1).astype(np.int32),
        last_vertex=ends.astype(np.int32),
    )


def crossroads(lon: float, lat: float) -> Ground:
    """Two streets of 200 m that cross at the point."""
    return Ground(streets(lon, lat, ((-100, 0), (0, 0), (100, 0)), ((0, -100), (0, 100))))
