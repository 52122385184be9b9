"""Where people live, as a weight of each street: what the city source knows of homes, given to the streets they stand at.

A weight is no number of people: only shares of the whole mean something. A source that knows of no homes gives no
weights, and then coverage of residents is not stated; streets are never taken to be lived in alike.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import shapely
from numpy.typing import NDArray

from geodata.building.source import Homes, MapFeature
from geodata.projection import LocalProjection
from geodata.streets.graph import StreetGraph
from geodata.streets.snapping import Snapper

FILE_NAME = "residents.npy"
# Farther from any street a car may use a home is given to none.
NEAR_M = 250.0
# `building=…` of which nobody lives in; what is left are homes and the buildings whose use is not tagged (`yes`).
NO_HOMES = frozenset(
    (
        "barn", "bridge", "bunker", "carport", "cathedral", "chapel", "church", "civic", "college", "commercial", "construction",
        "cowshed", "farm_auxiliary", "fire_station", "garage", "garages", "grandstand", "greenhouse", "hangar", "hospital",
        "industrial", "kindergarten", "kiosk", "manufacture", "mosque", "office", "parking", "pavilion", "public", "railway_station",
        "retail", "riding_hall", "roof", "ruins", "school", "service", "shed", "shrine", "slurry_tank", "sports_centre", "sports_hall",
        "stable", "stadium", "storage_tank", "sty", "supermarket", "synagogue", "temple", "toilets", "train_station",
        "transformer_tower", "transportation", "university", "warehouse", "water_tower",
    )
)  # fmt: skip


def homes_of_buildings(features: Iterable[MapFeature], projection: LocalProjection) -> Homes | None:
    """Buildings where somebody may live, weighed by their footprint in m²; None when the source has none."""
    lived_in = [f.geometry for f in features if f.layer == "building" and f.kind not in NO_HOMES]
    if not lived_in:
        return None
    shapes = np.array(lived_in)
    per_lon, per_lat = projection.metres_per_degree
    middle, area_m2 = shapely.centroid(shapes), shapely.area(shapes) * per_lon * per_lat
    kept = (area_m2 > 0) & ~shapely.is_empty(middle)
    return Homes(shapely.get_x(middle[kept]), shapely.get_y(middle[kept]), area_m2[kept])


def residents_of_streets(homes: Homes, graph: StreetGraph) -> NDArray[np.float32]:
    """[edges] the share of all residents that live along each street, noted with its lower-numbered edge; sums to 1.

    All zero when no home is near a street.
    """
    snapped = Snapper(graph).snap_all(homes.lon, homes.lat, "car", NEAR_M)
    near = snapped.edge >= 0
    weight = np.bincount(snapped.edge[near], weights=homes.weight[near], minlength=graph.edge_count)
    whole = weight.sum()
    return (weight / whole if whole > 0 else weight).astype(np.float32)
