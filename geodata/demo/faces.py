"""Main streets and barriers become one planar net, and the net becomes the faces that side streets fill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiLineString, Polygon
from shapely.geometry.base import BaseGeometry

from geodata.demo.ground import Ground
from geodata.demo.skeleton import Skeleton, Street, street_tags, wiggle

# Coordinates are rounded to this grid, so that equal points are equal.
GRID_M = 0.5
# Streets along an expressway run this far from its middle.
FRONTAGE_M = 48.0
# A street that ends in the open is led on for at most this far to the next street; otherwise its tail is dropped.
LEAD_ON_M = 3_500.0


@dataclass(frozen=True)
class Net:
    """A planar net: `lines[i]` touches others only at its ends and belongs to `streets[line_street[i]]`.

    `line_street` is -1 for barriers without a street (coast, city limit). `faces` are the polygons between the lines
    that may be filled with side streets.
    """

    streets: list[Street]
    lines: list[LineString]
    line_street: NDArray[np.int64]
    faces: list[Polygon]


@dataclass
class _Lines:
    """Lines with the street each belongs to, before they are cut at their crossings."""

    lines: list[BaseGeometry]
    street: list[int]

    def add(self, geometry: BaseGeometry, street: int) -> None:
        for part in shapely.get_parts(geometry):
            if part.length > 1.0:
                self.lines.append(part)
                self.street.append(street)

    def noded(self) -> NDArray[np.object_]:
        """All lines cut where they cross; no line crosses another one any more."""
        pieces = shapely.get_parts(shapely.union_all(np.array(self.lines), grid_size=GRID_M))
        return pieces[shapely.length(pieces) > 0]


def make_net(ground: Ground, skeleton: Skeleton, rng: np.random.Generator) -> Net:
    """Node everything, lead loose ends on, cut faces with holes, and drop what still hangs."""
    streets = list(skeleton.streets)
    all_lines = _Lines(list(skeleton.lines), list(skeleton.line_street))
    limits = ground.land.buffer(-15.0).simplify(12.0)
    all_lines.add(_edges_of(limits).difference(ground.river_zone), -1)
    for river in ground.rivers:
        streets.append(Street(f"{river.name}滨江路", "tertiary", street_tags("tertiary")))
        all_lines.add(_edges_of(ground.river_zone).intersection(river.area.buffer(40.0)), len(streets) - 1)
    strips = _expressway_strips(skeleton)
    streets.append(Street("高速辅道", "unclassified", street_tags("unclassified")))
    all_lines.add(_edges_of(strips).intersection(limits).difference(ground.river_zone), len(streets) - 1)
    _lead_loose_ends_on(all_lines, ground)
    _cut_holes(all_lines, streets, rng)
    pieces = all_lines.noded()
    polygons, cuts, dangles, _ = shapely.polygonize_full(pieces)
    pieces = _without(pieces, shapely.get_parts(np.array([cuts, dangles])))
    usable = limits.difference(shapely.union_all(np.array([strips, ground.river_zone, _large_parks(ground)])))
    shapely.prepare(usable)
    faces = [face for face in shapely.get_parts(polygons) if shapely.contains_properly(usable, face.representative_point())]
    return Net(streets, list(pieces), _street_of(pieces, all_lines), faces)


def _large_parks(ground: Ground) -> BaseGeometry:
    parts = shapely.get_parts(ground.parks)
    return shapely.union_all(parts[shapely.area(parts) > 400_000.0])


def _edges_of(area: BaseGeometry) -> BaseGeometry:
    return MultiLineString([ring for part in shapely.get_parts(area) for ring in (part.exterior, *part.interiors)])


def _expressway_strips(skeleton: Skeleton) -> BaseGeometry:
    """Ground under motorways at grade; elevated roads (trunk) stand on other streets and block nothing."""
    motorways = [line for street, line in skeleton.expressways if street.highway == "motorway"]
    return shapely.union_all(shapely.buffer(np.array(motorways), FRONTAGE_M, quad_segs=3)).simplify(5.0)


def _loose_ends(pieces: NDArray[np.object_]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """(end point, unit vector outwards) of every line end that touches no other line."""
    ends: dict[tuple[float, float], int] = {}
    for piece in pieces:
        for x, y in (piece.coords[0], piece.coords[-1]):
            ends[x, y] = ends.get((x, y), 0) + 1
    loose = []
    for piece in pieces:
        points = np.asarray(piece.coords)
        for end, before in ((points[0], points[1]), (points[-1], points[-2])):
            if ends[end[0], end[1]] == 1:
                ahead = end - before
                loose.append((end, ahead / np.hypot(*ahead)))
    return loose


def _lead_loose_ends_on(all_lines: _Lines, ground: Ground) -> None:
    """Extend every loose end straight ahead to the next line, if one comes soon and no river lies before it."""
    pieces = all_lines.noded()
    tree = shapely.STRtree(pieces)
    sources = shapely.STRtree(all_lines.lines)
    for end, ahead in _loose_ends(pieces):
        ray = LineString([end + 2.0 * ahead, end + LEAD_ON_M * ahead])
        hits = tree.query(ray, predicate="intersects")
        if len(hits) == 0 or ground.river_zone.distance(shapely.Point(end)) < 100.0:
            continue
        crossings = shapely.get_coordinates(shapely.intersection(pieces[np.sort(hits)], ray))
        nearest = crossings[np.argmin(np.hypot(*(crossings - end).T))]
        street = all_lines.street[int(sources.nearest(shapely.Point(end)))]
        if street >= 0:
            # A little beyond, so that rounding to the grid can't leave a gap.
            all_lines.add(LineString([end, nearest + 1.5 * ahead]), street)


def _cut_holes(all_lines: _Lines, streets: list[Street], rng: np.random.Generator) -> None:
    """Lay a winding road through every face that has a hole (a lake, a lonely road), until no face has one."""
    for _ in range(4):
        polygons = shapely.get_parts(shapely.polygonize_full(all_lines.noded())[0])
        holed = polygons[shapely.get_num_interior_rings(polygons) > 0]
        if len(holed) == 0:
            return
        for face in holed:
            west, _, east, _ = face.bounds
            for hole in face.interiors:
                y = Polygon(hole).centroid.y
                straight = np.array([[west - 10.0, y], [east + 10.0, y]])
                road = LineString(wiggle(straight, 0.06, rng, 5)).intersection(face)
                streets.append(Street("", "unclassified", street_tags("unclassified")))
                reached = [part for part in shapely.get_parts(road) if part.distance(Polygon(hole)) < 1.0]
                # Slightly longer at both ends, so that rounding to the grid can't leave a gap.
                all_lines.add(MultiLineString([_stretched(part) for part in reached]), len(streets) - 1)


def _stretched(line: LineString, by_m: float = 1.5) -> LineString:
    points = np.asarray(line.coords)
    first, last = points[0] - points[1], points[-1] - points[-2]
    return LineString([points[0] + by_m * first / np.hypot(*first), *points, points[-1] + by_m * last / np.hypot(*last)])


def _without(pieces: NDArray[np.object_], dropped: NDArray[np.object_]) -> NDArray[np.object_]:
    parts = shapely.get_parts(dropped)
    gone = {part.wkb for part in shapely.normalize(parts)}
    keep = [piece.wkb not in gone for piece in shapely.normalize(pieces)]
    return pieces[np.array(keep, dtype=bool)]


def _street_of(pieces: NDArray[np.object_], all_lines: _Lines) -> NDArray[np.int64]:
    """The street of each noded piece: that of the nearest line to a point on it, the lowest index among equals."""
    points = shapely.line_interpolate_point(pieces, 0.5, normalized=True)
    tree = shapely.STRtree(all_lines.lines)
    found, line = tree.query_nearest(points, all_matches=True)
    order = np.lexsort((line, found))
    first = np.concatenate([[True], np.diff(found[order]) > 0])
    return np.asarray(all_lines.street, dtype=np.int64)[line[order][first]]
