"""What drawn maps have in common: from degrees to a drawing, north up; what of the ground it shows; a bar for its scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

_METRES_PER_DEGREE = 111_195.0
_SCALES_M = (100, 200, 500, 1000, 2000, 5000, 10_000)

Box = tuple[float, float, float, float]  # west, south, east, north, degrees


class Frame:
    """From degrees to a drawing of so many units, one scale in both directions."""

    def __init__(self, box: Box, width: float, height: float) -> None:
        west, south, east, north = box
        self.width, self.height = width, height
        self._west, self._north = west, north
        self._lon_m = _METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2))
        self.per_m = min(width / ((east - west) * self._lon_m), height / ((north - south) * _METRES_PER_DEGREE))
        self._left = (width - (east - west) * self._lon_m * self.per_m) / 2
        self._top = (height - (north - south) * _METRES_PER_DEGREE * self.per_m) / 2

    def at(self, lon: float, lat: float) -> tuple[float, float]:
        x = self._left + (lon - self._west) * self._lon_m * self.per_m
        return x, self._top + (self._north - lat) * _METRES_PER_DEGREE * self.per_m

    def path(self, points: Iterable[tuple[float, float]]) -> str:
        return "M" + "L".join("{:.1f} {:.1f}".format(*self.at(lon, lat)) for lon, lat in points)


def box_around(points: Iterable[tuple[float, float]], width: float, height: float, margin: float = 0.06, least: float = 0.002) -> Box:
    """What shows all points (lon, lat) and a margin, in the shape of the drawing; at least so many degrees on a side."""
    lons, lats = zip(*points, strict=True)
    lon, lat = (min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2
    per_lon = math.cos(math.radians(lat))
    wide, high = ((1 + 2 * margin) * max(max(values) - min(values), least) for values in (lons, lats))
    # The frame is filled: what is too narrow for its sides is widened.
    wide, high = max(wide, high * width / height / per_lon), max(high, wide * height / width * per_lon)
    return lon - wide / 2, lat - high / 2, lon + wide / 2, lat + high / 2


def word(x: float, y: float, text: str, down: float, bold: bool = False) -> str:
    """A text in the middle of a place, with a halo. Black on white."""
    weight = ' font-weight="700"' if bold else ""
    look = 'font-size="12" text-anchor="middle" paint-order="stroke" stroke="#fff" stroke-width="3" fill="#000"'
    return f'<text x="{x:.1f}" y="{y + down:.1f}" {look}{weight}>{escape(text)}</text>'


def scale_of(frame: Frame) -> tuple[float, str]:
    """A round length of at most a quarter of the drawing, in its units; and what it is, in words."""
    metres = max((one for one in _SCALES_M if one * frame.per_m <= frame.width / 4), default=_SCALES_M[0])
    return metres * frame.per_m, f"{metres} m" if metres < 1000 else f"{metres // 1000} km"
