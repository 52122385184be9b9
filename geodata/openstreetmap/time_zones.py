"""A guess at a place's time zone, from the principal town that the tz database gives for each zone."""

from __future__ import annotations

import math
import re
from importlib import resources

_POINT = re.compile(r"([+-])(\d{2})(\d{2})(\d{2})?([+-])(\d{3})(\d{2})(\d{2})?$")


def guess_time_zone(lon: float, lat: float) -> str:
    """IANA name of the zone whose principal town is nearest. Right for most cities, wrong near some borders."""
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    nearest = (math.inf, "UTC")
    for line in table.splitlines():
        columns = line.split("\t")
        point = _POINT.match(columns[1]) if len(columns) >= 3 else None
        if point is None:
            continue
        zone_lat, zone_lon = _degrees(*point.groups()[:4]), _degrees(*point.groups()[4:])
        east = (zone_lon - lon + 180.0) % 360.0 - 180.0
        distance = math.hypot(east * math.cos(math.radians(lat)), zone_lat - lat)
        nearest = min(nearest, (distance, columns[2]))
    return nearest[1]


def _degrees(sign: str, degrees: str, minutes: str, seconds: str | None) -> float:
    value = int(degrees) + int(minutes) / 60 + int(seconds or 0) / 3600
    return -value if sign == "-" else value
