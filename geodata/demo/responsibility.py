"""Who is responsible for what in the demo city: traffic police for accidents, the city's division for those on motorways."""

from __future__ import annotations

import numpy as np
import shapely
from shapely.geometry import LineString

from geodata.building.source import SourceOrganisation
from geodata.demo.ground import to_degrees
from geodata.demo.skeleton import Street
from geodata.demo.stations import CITY_CODE, TRAFFIC_DIGITS
from geodata.districts.responsibility import Kind, Ring, Rule

# Of the built-in code table (`dispatch/codes.toml`).
TRAFFIC_TYPES = ("traffic_accident", "traffic_injury", "drunk_driving")
# From the middle of a motorway: both carriageways with their shoulders, not the streets along it.
HALF_WIDTH_M = 25.0
COARSE_M = 5.0


def make_responsibility(organisations: list[SourceOrganisation], expressways: list[tuple[Street, LineString]]) -> list[Rule]:
    """The rules of `responsibility.toml`; everything else is the territory's."""
    traffic = tuple(o.code for o in organisations if o.code.endswith(TRAFFIC_DIGITS))
    division = CITY_CODE[:6] + TRAFFIC_DIGITS
    motorways = [line for street, line in expressways if street.highway == "motorway"]
    return [
        Rule(Kind.EXPRESSWAY, types=TRAFFIC_TYPES, areas=_corridors(motorways), organisations=(division,)),
        Rule(Kind.TRAFFIC, types=TRAFFIC_TYPES, organisations=traffic),
    ]


def _corridors(lines: list[LineString]) -> tuple[tuple[Ring, ...], ...]:
    """Polygons along the lines, in degrees."""
    bands = np.array([line.buffer(HALF_WIDTH_M, cap_style="flat") for line in lines])
    area = shapely.union_all(bands).simplify(COARSE_M)
    return tuple(
        tuple(_ring(ring) for ring in (polygon.exterior, *polygon.interiors)) for polygon in map(to_degrees, shapely.get_parts(area))
    )


def _ring(ring: LineString) -> Ring:
    return tuple((float(lon), float(lat)) for lon, lat in ring.coords)
