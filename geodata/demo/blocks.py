"""Side streets: every face of the net is cut in two again and again until its blocks have the size wished for there.

A cut runs from one side of the block to the other and so ends in T-junctions; where a street already meets the side
from beyond, the cut joins it and makes a crossing. A block's sides belong to *sides* (straight pieces of a street or
barrier) that the neighbouring block shares; points that either block puts on a side are kept there, in order.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from shapely.geometry import Polygon

from geodata.demo.density import Density
from geodata.demo.faces import Net

# A cut joins a street that ends at the other face of a side within this share of the block's width.
JOIN_SHARE = 0.30
# Junctions closer to each other than this are avoided.
CLEAR_M = 14.0
# A block much too large is tried in more ways, and in the end even a small piece may be cut from it.
TRIES, TRIES_LARGE = 5, 24
LEAST_SHARE, LEAST_SHARE_LARGE = 0.18, 0.04


@dataclass
class Side:
    """A straight piece between two points; `points` are the junctions on it as (distance from the start, point)."""

    start: int
    end: int
    cut: int  # index of the cut it belongs to, or -1 - index of the net's line
    points: list[tuple[float, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Cut:
    """A side street: its sides in order, the block area it divided (m²), and its ends' coordinates."""

    sides: tuple[int, ...]
    block_m2: float
    length_m: float


@dataclass
class Blocks:
    """The finished subdivision."""

    x: list[float]
    y: list[float]
    sides: list[Side]
    net_sides: list[list[int]]  # sides of each net line, in the line's order
    cuts: list[Cut]
    blocks: list[list[int]]  # corner points of each finished block

    def nodes_along(self, sides: tuple[int, ...] | list[int]) -> list[int]:
        """Points along consecutive sides, junctions included."""
        nodes = [self.sides[sides[0]].start]
        for s in sides:
            side = self.sides[s]
            nodes.extend(p for _, p in side.points)
            nodes.append(side.end)
        return nodes


@dataclass
class _Block:
    corners: list[int]
    sides: list[int]  # sides[i] joins corners[i] and corners[i + 1]


def fill_faces(net: Net, density: Density, rng: np.random.Generator) -> Blocks:
    """Cut all faces of the net into blocks."""
    work = _Subdivision(density, rng)
    faces = work.take_net(net)
    # Large faces first, so that the order of random numbers does not depend on the order of equal-looking input.
    stack = sorted(faces, key=lambda block: -abs(work.area_and_centre(block.corners)[0]))
    while stack:
        halves = work.divide(stack.pop())
        if halves:
            stack.extend(halves)
    return Blocks(work.x, work.y, work.sides, work.net_sides, work.cuts, work.finished)


class _Subdivision:
    def __init__(self, density: Density, rng: np.random.Generator) -> None:
        self.density = density
        self.rng = rng
        self.x: list[float] = []
        self.y: list[float] = []
        self.sides: list[Side] = []
        self.net_sides: list[list[int]] = []
        self.cuts: list[Cut] = []
        self.finished: list[list[int]] = []
        # Random numbers are drawn in large batches: one call each would cost more than the geometry.
        self._uniform: Iterator[float] = iter(())

    def uniform(self, low: float, high: float) -> float:
        for value in self._uniform:
            return low + (high - low) * value
        self._uniform = iter(self.rng.random(65_536).tolist())
        return self.uniform(low, high)

    def add_point(self, x: float, y: float) -> int:
        self.x.append(x)
        self.y.append(y)
        return len(self.x) - 1

    def take_net(self, net: Net) -> list[_Block]:
        """Points and sides of the net's lines; its faces as blocks over them."""
        point_at: dict[tuple[float, float], int] = {}
        side_at: dict[tuple[int, int], int] = {}
        for i, line in enumerate(net.lines):
            ids = []
            for xy in line.coords:
                if xy not in point_at:
                    point_at[xy] = self.add_point(*xy)
                ids.append(point_at[xy])
            own = []
            for a, b in pairwise(ids):
                side_at[a, b] = side_at[b, a] = len(self.sides)
                own.append(len(self.sides))
                self.sides.append(Side(a, b, -1 - i))
            self.net_sides.append(own)
        return [self._face(face, point_at, side_at) for face in net.faces]

    def _face(self, face: Polygon, point_at: dict[tuple[float, float], int], side_at: dict[tuple[int, int], int]) -> _Block:
        corners = [point_at[xy] for xy in face.exterior.coords]
        return _Block(corners[:-1], [side_at[a, b] for a, b in pairwise(corners)])

    def area_and_centre(self, corners: list[int]) -> tuple[float, float, float]:
        """Signed area and centroid of a block."""
        xs, ys = self.x, self.y
        # Relative to the first corner: products of large coordinates would cancel badly.
        x0, y0 = xs[corners[0]], ys[corners[0]]
        area = cx = cy = 0.0
        ax, ay = 0.0, 0.0
        for corner in [*corners[1:], corners[0]]:
            bx, by = xs[corner] - x0, ys[corner] - y0
            cross = ax * by - bx * ay
            area += cross
            cx += (ax + bx) * cross
            cy += (ay + by) * cross
            ax, ay = bx, by
        if abs(area) < 1e-9:
            return 0.0, x0, y0
        return area / 2, x0 + cx / (3 * area), y0 + cy / (3 * area)

    def divide(self, block: _Block) -> list[_Block]:
        """Two halves, or nothing when the block is small enough or can't be cut well (it is then finished)."""
        area, cx, cy = self.area_and_centre(block.corners)
        area = abs(area)
        excess = area / self._wished_area(block, cx, cy)
        if excess > self.uniform(0.85, 1.8):
            for attempt in range(TRIES if excess < 4.0 else TRIES_LARGE):
                halves = self._cut(block, area, attempt)
                if halves:
                    return halves
        self.finished.append(block.corners)
        return []

    def _wished_area(self, block: _Block, cx: float, cy: float) -> float:
        """Of several places in the block the densest counts, so that a village at the edge of a field is found."""
        corners = block.corners[:: max(1, len(block.corners) // 8)]
        px = [cx, *(0.35 * cx + 0.65 * self.x[c] for c in corners)]
        py = [cy, *(0.35 * cy + 0.65 * self.y[c] for c in corners)]
        return float(self.density.at(np.array(px), np.array(py)).min())

    def _cut(self, block: _Block, area: float, attempt: int) -> list[_Block]:
        xs = [self.x[c] for c in block.corners]
        ys = [self.y[c] for c in block.corners]
        n = len(xs)
        # Along the longest side, then across the longer extent.
        longest = max(range(n), key=lambda i: (xs[i] - xs[i - 1]) ** 2 + (ys[i] - ys[i - 1]) ** 2)
        angle = math.atan2(ys[longest] - ys[longest - 1], xs[longest] - xs[longest - 1])
        u, w = math.cos(angle), math.sin(angle)
        along = [x * u + y * w for x, y in zip(xs, ys, strict=True)]
        across = [y * u - x * w for x, y in zip(xs, ys, strict=True)]
        # Once the good ways have failed, the other direction has its turn as well.
        if (max(across) - min(across) > max(along) - min(along)) != (attempt >= TRIES and attempt % 2 == 1):
            along, across = across, along
            u, w = -w, u
        low, high = min(along), max(along)
        spread = min(0.08 + 0.07 * attempt, 0.42)
        turn = math.tan(self.uniform(-0.10, 0.10) * (1.0 + (2.0 if area > 2e5 else 0.0)) * (1 + 0.6 * min(attempt, 6)))
        place = low + (high - low) * (0.5 + self.uniform(-spread, spread))
        middle = (max(across) + min(across)) / 2
        key = [a - place - turn * (b - middle) for a, b in zip(along, across, strict=True)]
        ends = self._crossings(key, across, n)
        if ends is None:
            return []
        (i, fi), (j, fj) = ends
        width = high - low
        start, start_is_new = self._end_point(block, i, fi, width)
        end, end_is_new = self._end_point(block, j, fj, width)
        least = (LEAST_SHARE if attempt < TRIES else LEAST_SHARE_LARGE) * area
        return self._apply(block, area, least, (i, start, start_is_new), (j, end, end_is_new))

    @staticmethod
    def _crossings(key: list[float], across: list[float], n: int) -> tuple[tuple[int, float], tuple[int, float]] | None:
        """Where the line of a cut enters and leaves the block on its longest inner stretch: (side, fraction) twice."""
        hits = []
        for k in range(n):
            a, b = key[k], key[(k + 1) % n]
            if (a < 0.0) != (b < 0.0):
                f = a / (a - b)
                hits.append((across[k] + f * (across[(k + 1) % n] - across[k]), k, f))
        hits.sort()
        stretches = [(hits[m + 1][0] - hits[m][0], hits[m], hits[m + 1]) for m in range(0, len(hits) - 1, 2)]
        if not stretches:
            return None
        _, first, second = max(stretches)
        return (first[1], first[2]), (second[1], second[2])

    def _end_point(self, block: _Block, k: int, fraction: float, width: float) -> tuple[int, bool]:
        """The junction at `fraction` of the block's k-th side: one that is there, a new one, or a corner close by."""
        a, b = block.corners[k], block.corners[(k + 1) % len(block.corners)]
        side = self.sides[block.sides[k]]
        sx, sy = self.x[side.start], self.y[side.start]
        length = math.hypot(self.x[side.end] - sx, self.y[side.end] - sy)
        from_a = math.hypot(self.x[a] - sx, self.y[a] - sy)
        from_b = math.hypot(self.x[b] - sx, self.y[b] - sy)
        wanted = from_a + fraction * (from_b - from_a)
        low, high = min(from_a, from_b), max(from_a, from_b)
        inside = [(abs(at - wanted), p) for at, p in side.points if low + 1.0 < at < high - 1.0]
        if inside:
            distance, point = min(inside)
            if distance < max(CLEAR_M, JOIN_SHARE * width):
                return point, False
        if wanted - low < CLEAR_M or high - wanted < CLEAR_M:
            return self._corner_near(a, b, wanted - from_a, wanted - from_b), False
        share = wanted / length
        point = self.add_point(round(sx + share * (self.x[side.end] - sx), 2), round(sy + share * (self.y[side.end] - sy), 2))
        insort(side.points, (wanted, point))
        return point, True

    @staticmethod
    def _corner_near(a: int, b: int, to_a: float, to_b: float) -> int:
        """A cut may end in a corner when that is nearer than `CLEAR_M`."""
        return a if abs(to_a) <= abs(to_b) else b

    def _apply(self, block: _Block, area: float, least: float, first: tuple[int, int, bool], second: tuple[int, int, bool]) -> list[_Block]:
        """Lay the cut between two points on the block's border, if both halves are sound and not smaller than `least`."""
        (i, start, _), (j, end, _) = first, second
        left = self._half(block, i, start, j, end)
        right = self._half(block, j, end, i, start)
        smaller = min(abs(self.area_and_centre(half.corners)[0]) for half in (left, right))
        if smaller < least or self._leaves(block, [self._at(start), self._at(end)]):
            for k, point, is_new in (first, second):
                if is_new:
                    self._take_back(block.sides[k], point)
            return []
        path = [start, *self._bend(block, start, end), end]
        own = []
        for a, b in pairwise(path):
            own.append(len(self.sides))
            self.sides.append(Side(a, b, len(self.cuts)))
        length = math.hypot(self.x[end] - self.x[start], self.y[end] - self.y[start])
        self.cuts.append(Cut(tuple(own), area, length))
        # Each half runs along the border from one end of the cut to the other, and back along the cut.
        left.corners.extend(reversed(path[1:-1]))
        left.sides.extend(reversed(own))
        right.corners.extend(path[1:-1])
        right.sides.extend(own)
        return [left, right]

    def _half(self, block: _Block, i: int, start: int, j: int, end: int) -> _Block:
        """The border from `start` (on side i) onwards to `end` (on side j), without the closing cut."""
        corners, sides = [start], []
        k = i
        while k != j:
            following = block.corners[(k + 1) % len(block.corners)]
            if following != corners[-1]:
                sides.append(block.sides[k])
                corners.append(following)
            k = (k + 1) % len(block.corners)
        if corners[-1] != end:
            sides.append(block.sides[j])
            corners.append(end)
        return _Block(corners, sides)

    def _take_back(self, side: int, point: int) -> None:
        self.sides[side].points = [entry for entry in self.sides[side].points if entry[1] != point]

    def _bend(self, block: _Block, start: int, end: int) -> list[int]:
        """Points between the ends of a long cut that make it a gentle bow, or none where the bow would leave the block."""
        x0, y0, x1, y1 = self.x[start], self.y[start], self.x[end], self.y[end]
        length = math.hypot(x1 - x0, y1 - y0)
        if length < 140.0:
            return []
        bow = self.uniform(-0.045, 0.045) * (1.6 if length > 900.0 else 1.0)
        wave = self.uniform(-0.025, 0.025) if length > 500.0 else 0.0
        count = min(7, 1 + int(length / 220.0))
        path = [(x0, y0)]
        for m in range(1, count + 1):
            f = m / (count + 1)
            off = bow * math.sin(math.pi * f) + wave * math.sin(2 * math.pi * f)
            path.append((round(x0 + f * (x1 - x0) - off * (y1 - y0), 2), round(y0 + f * (y1 - y0) + off * (x1 - x0), 2)))
        path.append((x1, y1))
        if self._leaves(block, path):
            return []
        return [self.add_point(*xy) for xy in path[1:-1]]

    def _at(self, point: int) -> tuple[float, float]:
        return self.x[point], self.y[point]

    def _leaves(self, block: _Block, path: list[tuple[float, float]]) -> bool:
        """Whether a path between two points of the block's border crosses that border elsewhere."""
        border = [self._at(corner) for corner in block.corners]
        for m, ((px, py), (qx, qy)) in enumerate(pairwise(path)):
            # The path's two ends lie on the border themselves: step off it a little.
            ox, oy = 0.02 * (qx - px), 0.02 * (qy - py)
            if m == 0:
                px, py = px + ox, py + oy
            if m == len(path) - 2:
                qx, qy = qx - ox, qy - oy
            ax, ay = border[-1]
            for bx, by in border:
                if _cross(px, py, qx, qy, ax, ay, bx, by):
                    return True
                ax, ay = bx, by
        return False


def _cross(px: float, py: float, qx: float, qy: float, ax: float, ay: float, bx: float, by: float) -> bool:
    """Whether segments pq and ab properly cross."""
    d1 = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
    d2 = (bx - ax) * (qy - ay) - (by - ay) * (qx - ax)
    if (d1 > 0) == (d2 > 0):
        return False
    d3 = (qx - px) * (ay - py) - (qy - py) * (ax - px)
    d4 = (qx - px) * (by - py) - (qy - py) * (bx - px)
    return (d3 > 0) != (d4 > 0)
