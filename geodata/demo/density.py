"""How large the blocks between streets are: small in the old city, larger outwards, vast in the hills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from geodata.building.source import Homes
from geodata.demo.ground import PROJECTION, Ground, read_features, to_metres

CELL_M = 100.0
PLAIN_BLOCK_M2 = 2_800_000.0
HILL_BLOCK_M2 = 11_000_000.0
PARK_BLOCK_M2 = 4_000_000.0
# Up to here a place counts as built-up: streets line its rivers, one-way lanes and pavements occur.
URBAN_BLOCK_M2 = 70_000.0

# Block area in the middle, radius of the middle, and the distance over which blocks grow e-fold outside it.
OLD_CITY = (12_000.0, 1_100.0, 1_300.0)
CITY_QUARTERS = (
    # lon, lat, (block m², radius m, growth m)
    (121.5770, 29.8680, (34_000.0, 2_000.0, 1_500.0)),  # 江东
    (121.5520, 29.8980, (30_000.0, 1_200.0, 1_300.0)),  # 江北
    (121.5500, 29.8180, (40_000.0, 2_600.0, 1_500.0)),  # 鄞州中心区
    (121.5100, 29.8720, (34_000.0, 1_500.0, 1_400.0)),  # 海曙西
    (121.6200, 29.8720, (46_000.0, 1_700.0, 1_300.0)),  # 东部新城
    (121.6100, 29.9150, (50_000.0, 1_500.0, 1_300.0)),  # 高教园区
)
COUNTY_SEAT = (30_000.0, 1_300.0, 800.0)
GRID_TOWN = (46_000.0, 600.0, 450.0)
TOWN_BY_SIZE = {0: (48_000.0, 300.0, 450.0), 1: (32_000.0, 260.0, 260.0), 2: (38_000.0, 450.0, 320.0)}
VILLAGE = (25_000.0, 120.0, 95.0)
VILLAGES_IN_PLAIN = 220
VILLAGES_IN_HILLS = 90


@dataclass(frozen=True)
class Density:
    """Block area wished for at any place, m², on a raster of `CELL_M`."""

    west: float
    south: float
    block_m2: NDArray[np.float32]  # [rows from the south, columns from the west]

    def at(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.float32]:
        """Block area at points in metres; outside the raster that of its nearest cell."""
        rows, columns = self.block_m2.shape
        column = np.clip(((np.asarray(x) - self.west) / CELL_M).astype(np.int64), 0, columns - 1)
        row = np.clip(((np.asarray(y) - self.south) / CELL_M).astype(np.int64), 0, rows - 1)
        found: NDArray[np.float32] = self.block_m2[row, column]
        return found


def make_density(ground: Ground, scale: float, rng: np.random.Generator) -> Density:
    """The density raster. All block areas are multiplied by `scale`, so that tests can ask for a coarse city."""
    west, south, east, north = ground.land.bounds
    columns, rows = int((east - west) / CELL_M) + 1, int((north - south) / CELL_M) + 1
    x = west + (np.arange(columns) + 0.5) * CELL_M
    y = south + (np.arange(rows) + 0.5) * CELL_M
    log_block = np.full((rows, columns), np.log(PLAIN_BLOCK_M2))
    grid_x, grid_y = np.meshgrid(x, y)
    log_block[shapely.contains_xy(ground.hills, grid_x, grid_y)] = np.log(HILL_BLOCK_M2)
    for cx, cy, block, radius, growth in [*_centres(ground), *_villages(ground, rng)]:
        # Beyond this distance the centre no longer matters even in the hills.
        reach = radius + growth * np.log(HILL_BLOCK_M2 / block)
        c0, c1 = np.searchsorted(x, [cx - reach, cx + reach])
        r0, r1 = np.searchsorted(y, [cy - reach, cy + reach])
        distance = np.hypot(x[None, c0:c1] - cx, y[r0:r1, None] - cy)
        here = np.log(block) + np.maximum(distance - radius, 0.0) / growth
        log_block[r0:r1, c0:c1] = np.minimum(log_block[r0:r1, c0:c1], here)
    log_block[shapely.contains_xy(ground.parks, grid_x, grid_y)] = np.log(PARK_BLOCK_M2)
    return Density(west, south, (np.exp(log_block) * scale).astype(np.float32))


def _centres(ground: Ground) -> list[tuple[float, float, float, float, float]]:
    centres = [(*_metres(121.5490, 29.8705), *OLD_CITY)]
    centres += [(*_metres(lon, lat), *rest) for lon, lat, rest in CITY_QUARTERS]
    centres += [(point.x, point.y, *COUNTY_SEAT) for code, point in ground.seats.items() if int(code) > 330_212]
    centres += [(town.x, town.y, *TOWN_BY_SIZE[town.size]) for town in ground.towns]
    for feature in read_features("roads.geojson"):
        if feature["properties"].get("kind") == "town_grid":
            block, radius, growth = GRID_TOWN
            reach = max(radius, 0.6 * feature["properties"]["reach_m"])
            centres.append((*_metres(*feature["geometry"]["coordinates"]), block, reach, growth))
    return centres


def _metres(lon: float, lat: float) -> tuple[float, float]:
    point = to_metres(shapely.Point(lon, lat))
    return point.x, point.y


def _villages(ground: Ground, rng: np.random.Generator) -> list[tuple[float, float, float, float, float]]:
    """Villages strewn over the plain and along the hills' feet, none within 900 m of another."""
    west, south, east, north = ground.land.bounds
    inner = ground.land.buffer(-300.0).simplify(50.0)
    shapely.prepare(inner)
    shapely.prepare(ground.hills)
    x, y = rng.uniform(west, east, 6_000), rng.uniform(south, north, 6_000)
    on_land = shapely.contains_xy(inner, x, y)
    in_hills = shapely.contains_xy(ground.hills, x, y)
    left = {False: VILLAGES_IN_PLAIN, True: VILLAGES_IN_HILLS}
    kept: list[tuple[float, float]] = []
    for i in np.flatnonzero(on_land):
        hilly = bool(in_hills[i])
        if left[hilly] and all((x[i] - a) ** 2 + (y[i] - b) ** 2 > 810_000.0 for a, b in kept):
            kept.append((x[i], y[i]))
            left[hilly] -= 1
    block, radius, growth = VILLAGE
    return [(a, b, block, radius * rng.uniform(0.7, 1.9), growth) for a, b in kept]


def make_homes(density: Density) -> Homes:
    """Where people live in the demo city: in what is built up, the more the smaller the blocks."""
    built_up = density.block_m2 <= URBAN_BLOCK_M2
    row, column = np.nonzero(built_up)
    lon, lat = PROJECTION.to_degrees(density.west + (column + 0.5) * CELL_M, density.south + (row + 0.5) * CELL_M)
    return Homes(lon, lat, 1.0 / density.block_m2[built_up].astype(np.float64))
