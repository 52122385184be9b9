"""Sound outlines, against what shapely says of the same corners."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.routing.contours import Outline
from geodata.routing.soundness import is_sound

Ring = list[tuple[int, int]]


def outline_of(polygons: list[list[Ring]]) -> Outline:
    """Corners in micro-degrees, rings still open; outer rings run counter-clockwise and holes clockwise, as traced."""
    rings = [oriented(ring, is_hole=h > 0) for polygon in polygons for h, ring in enumerate(polygon)]
    ring_start = np.concatenate([[0], np.cumsum([len(ring) for ring in rings])]).astype(np.int64)
    polygon_start = np.concatenate([[0], np.cumsum([len(polygon) for polygon in polygons])]).astype(np.int64)
    return Outline(np.array([point for ring in rings for point in ring], np.float64).reshape(-1, 2) / 1e6, ring_start, polygon_start)


def oriented(ring: Ring, is_hole: bool) -> Ring:
    closed = [*ring, ring[0]]
    twice_area = sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(closed))
    return closed[::-1] if (twice_area < 0) != is_hole else closed


def looked_at(outline: Outline) -> bool:
    return bool(is_sound(outline.corner, outline.ring_start, outline.polygon_start))


def do_rings_touch(outline: Outline) -> bool:
    """Whether any ring touches itself or another, or repeats a corner."""
    rings = [outline.corner[a:b] for a, b in itertools.pairwise(outline.ring_start)]
    lines = [shapely.linearrings(np.round(1e6 * ring)) for ring in rings]
    repeats = any((np.diff(ring, axis=0) == 0).all(axis=1).any() for ring in rings)
    return repeats or not shapely.is_simple(lines).all() or any(a.intersects(b) for a, b in itertools.combinations(lines, 2))


def random_polygons(seed: int) -> list[list[Ring]]:
    """A few rings on a coarse grid, so that many cross, touch, or lie in one another."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(3, 60))

    def ring() -> Ring:
        middle, radius, corners = rng.integers(0, size, 2), rng.integers(1, size), int(rng.integers(3, 8))
        angle = np.sort(rng.random(corners)) * 2 * np.pi if rng.random() < 0.8 else rng.random(corners) * 2 * np.pi
        return [tuple(p) for p in np.round(middle + radius * np.column_stack([np.cos(angle), np.sin(angle)])).astype(int).tolist()]

    return [[ring() for _ in range(rng.integers(1, 4))] for _ in range(rng.integers(1, 4))]


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=400, deadline=None)
def test_sound_is_what_is_valid_and_touches_nowhere(seed: int) -> None:
    outline = outline_of(random_polygons(seed))
    whole = Outline(np.round(1e6 * outline.corner), outline.ring_start, outline.polygon_start)
    assert looked_at(outline) == (whole.shape.is_valid and not do_rings_touch(outline))


def square(west: int, south: int, side: int) -> Ring:
    return [(west, south), (west + side, south), (west + side, south + side), (west, south + side)]


@pytest.mark.parametrize(
    ("polygons", "sound"),
    [
        ([], True),
        ([[square(0, 0, 100)]], True),
        ([[square(0, 0, 100), square(10, 10, 20), square(50, 50, 30)]], True),
        ([[square(0, 0, 100), square(10, 10, 80)], [square(20, 20, 60)]], True),  # an island in a lake
        ([[square(0, 0, 100)], [square(20, 20, 60)]], False),  # the island without the lake
        ([[square(0, 0, 100), square(10, 10, 80), square(20, 20, 20)]], False),  # a hole in a hole
        ([[square(0, 0, 100), square(200, 0, 20)]], False),  # a hole outside
        ([[square(0, 0, 100), square(10, 10, 80)], [square(20, 20, 60), square(12, 12, 4)]], False),  # a hole of the wrong polygon
        ([[square(0, 0, 100)], [square(100, 100, 50)]], False),  # two that touch in a corner
        ([[[(0, 0), (100, 0), (0, 100), (100, 100)]]], False),  # crosses itself
        ([[[(0, 0), (100, 0), (50, 0), (50, 100)]]], False),  # turns back
        ([[[(0, 0), (100, 0), (100, 0), (50, 100)]]], False),  # stands still
    ],
)
def test_what_is_sound(polygons: list[list[Ring]], sound: bool) -> None:
    assert looked_at(outline_of(polygons)) is sound
