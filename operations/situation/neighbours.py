"""Which organisations lie within a few minutes of one another: computed once from the jurisdictions, then read from a table.

An approximation, see docs/decisions/0010-neighbours-by-area.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import shapely
from numpy.typing import NDArray
from shapely.geometry import shape

from geodata.cities.city import City

# Five minutes at 30 km/h, the pace of a patrol car in a city.
NEAR_M = 2_500.0
# Outlines are made of thousands of points; to this many metres their distances stay right.
COARSE_M = 100.0


def neighbour_table(city: City, near_m: float = NEAR_M) -> Callable[[str], frozenset[str]]:
    """The function `Authority` asks: codes of organisations whose area comes within `near_m` of the given one's."""

    def to_metres(lonlat: NDArray[Any]) -> NDArray[Any]:
        x, y = city.projection.to_metres(lonlat[:, 0], lonlat[:, 1])
        return shapely.get_coordinates(shapely.points(x, y))

    features = city.jurisdictions()["features"]
    codes = [feature["properties"]["code"] for feature in features]
    areas = [shapely.transform(shape(feature["geometry"]), to_metres).simplify(COARSE_M) for feature in features]
    near: dict[str, set[str]] = {code: set() for code in codes}
    for i, j in shapely.STRtree(areas).query(areas, predicate="dwithin", distance=near_m).T.tolist():
        if i != j:
            near[codes[i]].add(codes[j])
    table = {code: frozenset(others) for code, others in near.items()}
    return lambda code: table.get(code, frozenset())
