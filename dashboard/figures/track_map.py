"""Ways of crews as a drawing over the streets: SVG in the colours of the page, of pure data. What was not measured is dashed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from dashboard.figures.paper_map import Box, Frame, box_around
from geodata.streets.street_lines import StreetLine
from geodata.tracks.passages import METRES_PER_DEGREE

Point = tuple[float, float]  # lon, lat
WIDTH, HEIGHT = 720.0, 560.0  # of the drawing's own units
LEAST_DEG = 0.004
MARGIN = 0.06  # of the extent
_WIDTHS = {"motorway": 4.0, "trunk": 3.5, "primary": 3.0, "secondary": 2.4, "tertiary": 1.8}


class Way(NamedTuple):
    """One crew's way in pieces that were measured without a silence; from one to the next nothing is known."""

    callsign: str
    pieces: Sequence[Sequence[Point]]


class Circle(NamedTuple):
    """The place that was asked about."""

    lon: float
    lat: float
    radius_m: float


def extent(ways: Sequence[Way], circle: Circle | None) -> Box | None:
    """What the drawing shows; None where there is nothing to show."""
    points = [point for way in ways for piece in way.pieces for point in piece]
    if circle is not None:
        reach = 1.5 * circle.radius_m / METRES_PER_DEGREE
        points += [(circle.lon - reach, circle.lat - reach), (circle.lon + reach, circle.lat + reach)]
    return box_around(points, WIDTH, HEIGHT, MARGIN, LEAST_DEG) if points else None


def track_map(box: Box, ways: Sequence[Way], circle: Circle | None, streets: Sequence[StreetLine], label: str) -> str:
    """The SVG."""
    frame = Frame(box, WIDTH, HEIGHT)
    parts = [
        f'<path class="street" d="{frame.path(zip(street.lon.tolist(), street.lat.tolist(), strict=True))}" '
        f'stroke-width="{_WIDTHS.get(street.street_class, 1.0)}"/>'
        for street in streets
    ]
    if circle is not None:
        x, y = frame.at(circle.lon, circle.lat)
        parts.append(f'<circle class="asked" cx="{x:.1f}" cy="{y:.1f}" r="{circle.radius_m * frame.per_m:.1f}"/>')
    for way in ways:
        parts += _way(way, frame)
    head = f'viewBox="0 0 {frame.width:g} {frame.height:g}" role="img" aria-label="{escape(label)}" xmlns="http://www.w3.org/2000/svg"'
    return f'<svg class="track-map" {head}>{"".join(parts)}</svg>'


def _way(way: Way, frame: Frame) -> list[str]:
    parts = []
    for before, after in zip(way.pieces, way.pieces[1:], strict=False):
        parts.append(f'<path class="unknown" d="{frame.path((before[-1], after[0]))}"/>')
    for piece in way.pieces:
        if len(piece) > 1:
            parts.append(f'<path class="way" d="{frame.path(piece)}"/>')
        else:
            x, y = frame.at(*piece[0])
            parts.append(f'<circle class="fix" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')
    if way.pieces:
        for name, point in (("begin", way.pieces[0][0]), ("end", way.pieces[-1][-1])):
            x, y = frame.at(*point)
            parts.append(f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="5"><title>{escape(way.callsign)}</title></circle>')
    return parts
