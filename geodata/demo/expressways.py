"""Motorways and elevated roads: two one-way carriageways, ramps to the streets below, links to one another."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from geodata.demo.faces import FRONTAGE_M, Net
from geodata.demo.ground import Ground
from geodata.demo.skeleton import Street, street_tags

CARRIAGEWAY_M = 9.0  # middle of the road to middle of a carriageway
VERTEX_SPACING_M = 300.0
# An expressway that ends within this distance of another one ends there, with so much of it beyond the crossing.
JOIN_M, STUB_M = 900.0, 20.0


@dataclass(frozen=True)
class _Kind:
    ramp_m: float  # a ramp leaves and joins this far before and after the street it serves
    spacing_m: float  # least distance between interchanges
    reach_m: float  # a ramp's foot may be this far from where the roads cross


_KINDS = {"motorway": _Kind(400.0, 2_600.0, 110.0), "trunk": _Kind(270.0, 1_300.0, 140.0)}


@dataclass(frozen=True)
class ExpresswayWay:
    """One one-way piece; `nodes` are indices into `Expressways.points`."""

    street: Street
    tags: dict[str, str]
    nodes: list[int]


@dataclass
class Expressways:
    """All carriageways, ramps and links; a point with the exact coordinates of a point of the net is that point."""

    points: list[tuple[float, float]] = field(default_factory=list)
    ways: list[ExpresswayWay] = field(default_factory=list)


@dataclass
class _Axis:
    """The middle line of one expressway and what joins it where (metres along it)."""

    street: Street
    line: LineString
    kind: _Kind
    is_ring: bool
    begins_m: float = 0.0
    ends_m: float = 0.0
    # Places along the line where a carriageway needs a node: (metres, direction) -> index into points.
    nodes: dict[tuple[float, int], int] = field(default_factory=dict)
    taken_m: list[float] = field(default_factory=list)
    open_start: bool = True  # no other expressway there: the carriageways meet
    open_end: bool = True

    def at(self, s: float, direction: int, side_m: float = CARRIAGEWAY_M) -> tuple[float, float]:
        """A point `side_m` to the right of the line as seen in `direction` (+1 forwards, -1 backwards)."""
        s = self.wrapped(s)
        here, ahead = self.line.interpolate(max(s - 5.0, 0.0)), self.line.interpolate(min(s + 5.0, self.line.length))
        dx, dy = ahead.x - here.x, ahead.y - here.y
        norm = float(np.hypot(dx, dy)) * direction
        middle = self.line.interpolate(s)
        return round(middle.x + side_m * dy / norm, 2), round(middle.y - side_m * dx / norm, 2)

    def wrapped(self, s: float) -> float:
        return s % self.line.length if self.is_ring else s

    def reaches(self, s: float) -> bool:
        return self.is_ring or 0.0 <= s <= self.line.length


def make_expressways(ground: Ground, net: Net, axes: list[tuple[Street, LineString]]) -> Expressways:
    """Carriageways of all axes, joined to the net at points of its main streets and to each other where they cross."""
    made = Expressways()
    lines = _joined_at_ends([line for _, line in axes])
    roads = []
    for (street, _), line in zip(axes, lines, strict=True):
        axis = _Axis(street, line, _KINDS[street.highway], Point(line.coords[0]).distance(Point(line.coords[-1])) < 1.0)
        axis.ends_m = round(line.length, 1)
        roads.append(axis)
    for i, a in enumerate(roads):
        for b in roads[i + 1 :]:
            for point in shapely.get_parts(shapely.intersection(a.line, b.line)):
                if point.geom_type == "Point":
                    _link(made, a, b, point)
    feet = _ramp_feet(net)
    for axis in roads:
        _interchanges(made, axis, net, feet)
    for axis in roads:
        _carriageways(made, axis, ground)
    made.ways = [_bridged(made, way, ground) for way in made.ways]
    return made


def _bridged(made: Expressways, way: ExpresswayWay, ground: Ground) -> ExpresswayWay:
    """A ramp or link that crosses a river is a bridge from end to end."""
    line = LineString([made.points[n] for n in way.nodes])
    if not way.street.highway.endswith("_link") or not line.intersects(ground.river_zone):
        return way
    return replace(way, tags={**way.tags, **bridge_tags(ground, line.interpolate(0.5, normalized=True), "互通匝道")})


def _joined_at_ends(lines: list[LineString]) -> list[LineString]:
    """Lines that end near another one made to cross it just once there, 20 m before their end."""
    joined = []
    for i, line in enumerate(lines):
        if not line.is_ring:
            others = shapely.union_all(np.array(lines[:i] + lines[i + 1 :]))
            line = _joined_at_start(_joined_at_start(line, others).reverse(), others).reverse()
        joined.append(line)
    return joined


def _joined_at_start(line: LineString, others: BaseGeometry) -> LineString:
    """The line with its beginning shortened or led on so that it crosses another one `STUB_M` after it."""
    crossings = [line.project(point) for point in shapely.get_parts(shapely.intersection(line, others))]
    last = max((s for s in crossings if s < JOIN_M), default=None)
    if last is not None:
        return substring(line, max(last - STUB_M, 0.0), line.length) if last > STUB_M else line
    start = Point(line.coords[0])
    if start.distance(others) > JOIN_M:
        return line
    touch = np.asarray(shapely.shortest_line(others, start).coords[0])
    step = touch - np.asarray(start.coords[0])
    return LineString([touch + STUB_M * step / np.hypot(*step), *line.coords])


def _node(made: Expressways, axis: _Axis, s: float, direction: int) -> int:
    key = (round(axis.wrapped(s), 1), direction)
    if key not in axis.nodes:
        made.points.append(axis.at(s, direction))
        axis.nodes[key] = len(made.points) - 1
    return axis.nodes[key]


def _curve(
    made: Expressways, start: tuple[float, float], control: tuple[float, float], end: tuple[float, float], count: int = 5
) -> list[int]:
    """Points strictly between `start` and `end` on the parabola towards `control`."""
    f = np.linspace(0.0, 1.0, count + 2)[1:-1, None]
    curve = (1 - f) ** 2 * np.array(start) + 2 * f * (1 - f) * np.array(control) + f**2 * np.array(end)
    made.points.extend((round(float(x), 2), round(float(y), 2)) for x, y in curve)
    return list(range(len(made.points) - count, len(made.points)))


def _link(made: Expressways, a: _Axis, b: _Axis, crossing: Point) -> None:
    """Direct links from each carriageway to each of the other road; an end at the crossing makes it a T."""
    at = {id(a): a.line.project(crossing), id(b): b.line.project(crossing)}
    away = 330.0 if "trunk" in (a.street.highway, b.street.highway) else 600.0
    for axis in (a, b):
        s = at[id(axis)]
        axis.taken_m.append(s)
        if not axis.is_ring and s < away:
            axis.begins_m, axis.open_start = round(s + away, 1), False
        if not axis.is_ring and s > axis.line.length - away:
            axis.ends_m, axis.open_end = round(s - away, 1), False
    for source, target in ((a, b), (b, a)):
        for out in (1, -1):
            for into in (1, -1):
                leave, join = at[id(source)] - out * away, at[id(target)] + into * away
                if not (source.reaches(leave) and target.reaches(join)):
                    continue
                first, last = _node(made, source, leave, out), _node(made, target, join, into)
                between = _curve(made, made.points[first], (crossing.x, crossing.y), made.points[last], 7)
                street = Street("", source.street.highway + "_link", street_tags(source.street.highway + "_link"))
                made.ways.append(ExpresswayWay(street, {**street.tags, "oneway": "yes"}, [first, *between, last]))


@dataclass(frozen=True)
class _Feet:
    """Points of main streets where a ramp may begin or end; `point` is the coordinate of a net line's vertex."""

    tree: shapely.STRtree
    xy: NDArray[np.float64]


def _ramp_feet(net: Net) -> _Feet:
    mains = [line for line, s in zip(net.lines, net.line_street, strict=True) if s >= 0 and net.streets[s].is_arterial]
    xy = np.unique(np.array([line.coords[k] for line in mains for k in (0, -1)]), axis=0)
    return _Feet(shapely.STRtree(shapely.points(xy)), xy)


def _interchanges(made: Expressways, axis: _Axis, net: Net, feet: _Feet) -> None:
    """Ramps where the axis meets main streets, the largest streets first, not closer to each other than its kind wants."""
    candidates = []
    for line, s in zip(net.lines, net.line_street, strict=True):
        if s >= 0 and net.streets[s].is_arterial and line.distance(axis.line) < 5.0:
            point = shapely.shortest_line(axis.line, line).coords[0]
            candidates.append((net.streets[s].highway != "primary", round(axis.line.project(Point(point)), 1)))
    for _, s in sorted(candidates):
        inside = axis.is_ring or axis.begins_m + axis.kind.ramp_m < s < axis.ends_m - axis.kind.ramp_m
        if inside and all(abs(s - taken) > axis.kind.spacing_m for taken in axis.taken_m) and _ramps(made, axis, s, feet):
            axis.taken_m.append(s)


def _ramps(made: Expressways, axis: _Axis, s: float, feet: _Feet) -> bool:
    """An exit and an entrance for each direction at `s`; False when no street offers a foot for both sides."""
    found = []
    for direction in (1, -1):
        side = FRONTAGE_M if axis.street.highway == "motorway" else 0.0
        foot = int(feet.tree.nearest(Point(axis.at(s, direction, side))))
        if Point(feet.xy[foot]).distance(Point(axis.at(s, direction, side))) > axis.kind.reach_m:
            return False
        found.append(foot)
    street = Street("", axis.street.highway + "_link", street_tags(axis.street.highway + "_link"))
    for direction, foot in zip((1, -1), found, strict=True):
        made.points.append((float(feet.xy[foot, 0]), float(feet.xy[foot, 1])))
        ground = len(made.points) - 1
        for sign in (-1, 1):
            top = _node(made, axis, s + sign * direction * axis.kind.ramp_m, direction)
            control = axis.at(s + sign * direction * axis.kind.ramp_m * 0.35, direction, FRONTAGE_M * 0.8)
            between = _curve(made, made.points[top], control, made.points[ground])
            nodes = [top, *between, ground] if sign < 0 else [ground, *reversed(between), top]
            made.ways.append(ExpresswayWay(street, {**street.tags, "oneway": "yes"}, nodes))
    return True


def _carriageways(made: Expressways, axis: _Axis, ground: Ground) -> None:
    """Both one-way carriageways, cut into ways where bridges begin and end."""
    spans = _bridge_spans(axis, ground)
    steps = np.arange(axis.begins_m, axis.ends_m, VERTEX_SPACING_M).tolist()
    edges = [s for span in spans for s in span]
    for direction in (1, -1):
        own = [s for s, d in axis.nodes if d == direction]
        wanted = sorted({round(s, 1) for s in [*steps, *own, *edges, axis.begins_m, axis.ends_m] if axis.begins_m <= s <= axis.ends_m})
        # Vertices that almost coincide with a junction are left out.
        fixed = {round(s, 1) for s in [*own, *edges, axis.begins_m, axis.ends_m]}
        kept = [s for s in wanted if s in fixed or all(abs(s - f) > 60.0 for f in fixed)]
        nodes = [_node(made, axis, s, direction) for s in kept]
        if axis.is_ring:
            nodes[-1] = nodes[0]
        _emit(made, axis, kept, nodes, direction, spans, ground)
    _close_open_ends(made, axis)


def _close_open_ends(made: Expressways, axis: _Axis) -> None:
    """At the city limit the two carriageways meet, so that nobody is caught there."""
    if axis.is_ring:
        return
    for s, is_open, flip in ((axis.begins_m, axis.open_start, -1), (axis.ends_m, axis.open_end, 1)):
        if is_open:
            nodes = [_node(made, axis, s, flip), _node(made, axis, s, -flip)]
            street = Street("", axis.street.highway + "_link", street_tags(axis.street.highway + "_link"))
            made.ways.append(ExpresswayWay(street, {**street.tags, "oneway": "yes"}, nodes))


def _bridge_spans(axis: _Axis, ground: Ground) -> list[tuple[float, float]]:
    """Stretches over a river, a lake or the sea, metres along the axis."""
    spans = []
    for water in (ground.river_zone, ground.sea, ground.lakes):
        for part in shapely.get_parts(shapely.intersection(axis.line, water)):
            if part.length > 1.0:
                a, b = axis.line.project(Point(part.coords[0])), axis.line.project(Point(part.coords[-1]))
                spans.append((round(min(a, b), 1), round(max(a, b), 1)))
    return sorted(spans)


def _emit(
    made: Expressways, axis: _Axis, s: list[float], nodes: list[int], direction: int, spans: list[tuple[float, float]], ground: Ground
) -> None:
    """One way per stretch on the ground or on a bridge."""

    def bridge_over(k: int) -> int:
        middle = (s[k] + s[k + 1]) / 2
        return next((i for i, (a, b) in enumerate(spans) if a <= middle <= b), -1)

    first = 0
    for k in range(1, len(s)):
        if k == len(s) - 1 or bridge_over(k) != bridge_over(first):
            run = nodes[first : k + 1]
            tags = {**axis.street.tags, "oneway": "yes"}
            if axis.street.highway == "trunk":
                tags["layer"] = "1"
            span = bridge_over(first)
            if span >= 0:
                tags |= bridge_tags(ground, axis.line.interpolate(sum(spans[span]) / 2), axis.street.name)
            made.ways.append(ExpresswayWay(axis.street, tags, run if direction > 0 else run[::-1]))
            first = k


def bridge_tags(ground: Ground, middle: Point, street_name: str) -> dict[str, str]:
    """Tags of the crossing at `middle`: the named bridge or tunnel close by, else one called after its street."""
    nearest = min(ground.bridges, key=lambda bridge: (bridge.x - middle.x) ** 2 + (bridge.y - middle.y) ** 2)
    if np.hypot(nearest.x - middle.x, nearest.y - middle.y) > 260.0:
        return {"bridge": "yes", "layer": "1", "bridge:name": f"{street_name}桥"}
    if nearest.is_tunnel:
        return {"tunnel": "yes", "layer": "-1", "tunnel:name": nearest.name}
    return {"bridge": "yes", "layer": "1", "bridge:name": nearest.name}
