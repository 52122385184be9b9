"""A duty circle as a drawing for paper: streets, the areas of its tiers, gates, the place. SVG, black on white, of pure data."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dashboard.figures.paper_map import Box, Frame, box_around, scale_of, word
from dispatch.duty_circles import DutyCircle
from geodata.streets.street_lines import StreetLine

WIDTH, HEIGHT = 720.0, 560.0  # of the drawing's own units
MARGIN = 0.06  # of the extent, around the widest area
_GREYS = {
    "motorway": ("#777", 5.0),
    "trunk": ("#888", 4.4),
    "primary": ("#999", 3.8),
    "secondary": ("#aaa", 3.0),
    "tertiary": ("#b5b5b5", 2.4),
}
_SMALL = ("#cfcfcf", 1.2)
# By tier: the wider the longer the dashes, as on the screen.
_DASHES = ("2 3", "8 4", "14 5", "20 6", "28 7")


def extent(circle: DutyCircle) -> Box:
    """What the drawing shows: all areas and gates, and a margin."""
    points = [point for tier in circle.tiers for polygon in tier.area for ring in polygon for point in ring]
    points += [(gate.lon, gate.lat) for tier in circle.tiers for gate in tier.gates] + [(circle.lon, circle.lat)]
    return box_around([(point[0], point[1]) for point in points], WIDTH, HEIGHT, MARGIN)


def circle_map(circle: DutyCircle, streets: Sequence[StreetLine], gate_numbers: Sequence[tuple[int, float, float]], label: str) -> str:
    """The SVG. `gate_numbers`: number and place of each gate, as they stand in the tables of the sheet; `label`: what it is, in words."""
    frame = Frame(extent(circle), WIDTH, HEIGHT)
    parts = [_street(street, frame) for street in streets]
    labels = []
    for number in range(len(circle.tiers) - 1, -1, -1):
        tier = circle.tiers[number]
        outline = " ".join(f"{frame.path(ring)}Z" for polygon in tier.area for ring in polygon)
        dash = _DASHES[min(number, len(_DASHES) - 1)]
        look = f'fill="#000" fill-opacity="0.04" fill-rule="evenodd" stroke="#000" stroke-width="2" stroke-dasharray="{dash}"'
        parts.append(f'<path d="{outline}" {look}/>')
        highest = max((point for polygon in tier.area for ring in polygon for point in ring), key=lambda point: point[1])
        labels.append(word(*frame.at(*highest), f"{tier.minutes:g}′", -12))
    for number, lon, lat in gate_numbers:
        x, y = frame.at(lon, lat)
        parts.append(f'<rect x="{x - 8:.1f}" y="{y - 8:.1f}" width="16" height="16" fill="#fff" stroke="#000" stroke-width="1.8"/>')
        parts.append(word(x, y, str(number), 4, bold=True))
    x, y = frame.at(circle.lon, circle.lat)
    parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="#000"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="#fff"/>')
    parts += [*labels, _scale(frame)]
    # Streets are drawn to their ends; the inner frame cuts them off.
    inner = (
        f'<svg width="{WIDTH:g}" height="{HEIGHT:g}" overflow="hidden"><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'
    )
    frame_line = f'<rect width="{WIDTH:g}" height="{HEIGHT:g}" fill="none" stroke="#000"/>'
    head = f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(label)}" xmlns="http://www.w3.org/2000/svg"'
    return f"<svg {head}>{inner}{frame_line}</svg>"


def _street(street: StreetLine, frame: Frame) -> str:
    colour, width = _GREYS.get(street.street_class, _SMALL)
    line = frame.path(zip(street.lon.tolist(), street.lat.tolist(), strict=True))
    return f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round"/>'


def _scale(frame: Frame) -> str:
    """A bar of round length, at most a quarter of the drawing."""
    (length, said), y = scale_of(frame), HEIGHT - 14
    bar = f'<path d="M14 {y - 5}V{y}H{14 + length:.1f}V{y - 5}" fill="none" stroke="#000" stroke-width="1.6"/>'
    return bar + word(14 + length / 2, y, said, -4)
