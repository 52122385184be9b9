"""The incident, the recorded ways of its crews, and who was nearer: a map as SVG, drawn from our own streets. Pure data in.

It has no colours of its own: classes, which the style sheet of the page or of the report fills in (`assets/review-parts.css`).
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from dashboard.figures.paper_map import Box, Frame, box_around, scale_of
from geodata.streets.street_lines import StreetLine

WIDTH, HEIGHT = 960.0, 560.0
MARGIN = 0.1
MOST_STREETS = 5_000  # larger classes first; a file that is handed on is not to weigh megabytes
_BESIDE = 22.0  # of the drawing: marks that are nearer than this lie on each other
LOOKS = 6  # ways that look different: colour and dashes together
_CLASSES = {"motorway": "s1", "trunk": "s1", "primary": "s2", "secondary": "s2", "tertiary": "s3"}

Point = tuple[float, float]  # lon, lat


class DrawnWay(NamedTuple):
    """A crew's way in pieces that were measured without a silence, and what stands at its beginning."""

    mark: str
    pieces: Sequence[Sequence[Point]]


class DrawnPlace(NamedTuple):
    """Where a crew was that was not sent."""

    mark: str
    place: Point


def map_box(incident: Point | None, ways: Sequence[DrawnWay], places: Sequence[DrawnPlace]) -> Box | None:
    """What the map shows; None where there is nothing to show."""
    points = [point for way in ways for piece in way.pieces for point in piece] + [one.place for one in places]
    points += [] if incident is None else [incident]
    return box_around(points, WIDTH, HEIGHT, MARGIN, least=0.006) if points else None


def review_map(
    box: Box, streets: Sequence[StreetLine], incident: Point | None, ways: Sequence[DrawnWay], places: Sequence[DrawnPlace], label: str
) -> str:
    """The SVG; `label` says what it is, in words."""
    frame = Frame(box, WIDTH, HEIGHT)
    parts = [_streets(streets, frame)]
    for number, way in enumerate(ways):
        parts.append(f'<path class="way w{number % LOOKS}" d="{"".join(_thinned(piece, frame) for piece in way.pieces)}"/>')
        for before, after in pairwise(way.pieces):
            parts.append(f'<path class="way unknown w{number % LOOKS}" d="{_thinned((before[-1], after[0]), frame)}"/>')
    if incident is not None:
        x, y = frame.at(*incident)
        parts.append(f'<g class="incident"><circle cx="{x:.1f}" cy="{y:.1f}" r="11"/><circle cx="{x:.1f}" cy="{y:.1f}" r="4"/></g>')
    starts = [frame.at(*way.pieces[0][0]) for way in ways]
    for one in places:
        x, y = frame.at(*one.place)
        if any(abs(x - at_x) + abs(y - at_y) < _BESIDE for at_x, at_y in starts):
            x += _BESIDE  # beside the mark that stands there already
        parts.append(
            f'<rect class="other" x="{x - 10:.1f}" y="{y - 10:.1f}" width="20" height="20" rx="4"/>{_mark(x, y, one.mark, "other")}'
        )
    for number, (way, (x, y)) in enumerate(zip(ways, starts, strict=True)):
        parts.append(f'<circle class="start w{number % LOOKS}" cx="{x:.1f}" cy="{y:.1f}" r="10"/>{_mark(x, y, way.mark, "start")}')
    parts.append(_scale(frame))
    inner = f'<svg width="{WIDTH:g}" height="{HEIGHT:g}" overflow="hidden">{"".join(parts)}</svg>'
    head = f'class="track-map" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(label)}"'
    ground, edge = (f'<rect class="{name}" width="{WIDTH:g}" height="{HEIGHT:g}"/>' for name in ("ground", "edge"))
    return f"<svg {head}>{ground}{inner}{edge}</svg>"


def _streets(streets: Sequence[StreetLine], frame: Frame) -> str:
    """One path for each look, the small ones below."""
    lines: dict[str, list[str]] = {"s4": [], "s3": [], "s2": [], "s1": []}
    for street in streets:
        points = zip(street.lon.tolist(), street.lat.tolist(), strict=True)
        lines[_CLASSES.get(street.street_class, "s4")].append(_thinned(list(points), frame))
    return "".join(f'<path class="street {look}" d="{"".join(paths)}"/>' for look, paths in lines.items() if paths)


def _thinned(points: Sequence[Point], frame: Frame) -> str:
    """A path without the points that lie on the one before: below a drawn step nothing is to be seen. A single fix becomes a dot."""
    drawn = [frame.at(*point) for point in points]
    kept = [drawn[0], *(after for before, after in pairwise(drawn) if abs(after[0] - before[0]) + abs(after[1] - before[1]) > 0.4)]
    said = [f"{x:.0f} {y:.0f}" if frame.per_m < 0.05 else f"{x:.1f} {y:.1f}" for x, y in kept]
    return "M" + "L".join(said if len(said) > 1 else said * 2)


def _mark(x: float, y: float, text: str, look: str) -> str:
    return f'<text class="mark {look}" x="{x:.1f}" y="{y + 4.5:.1f}">{escape(text)}</text>'


def _scale(frame: Frame) -> str:
    (length, said), y = scale_of(frame), HEIGHT - 16
    bar = f'<path class="scale" d="M16 {y - 6:.1f}V{y:.1f}H{16 + length:.1f}V{y - 6:.1f}"/>'
    return f'{bar}<text class="scale" x="{16 + length / 2:.1f}" y="{y - 5:.1f}">{said}</text>'
