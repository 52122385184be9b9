"""Coordinates as text: what an encoder makes of the same lists."""

from __future__ import annotations

import json

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from geodata.routing.coordinate_text import lines_text, polygons_text

# Numbers below 0.0001 are written without an exponent: the same number, another text.
MICRO_DEGREES = st.integers(-180_000_000, 180_000_000).filter(lambda m: m == 0 or abs(m) >= 100)
POINTS = st.lists(st.tuples(MICRO_DEGREES, MICRO_DEGREES), min_size=2, max_size=8)


def starts(parts: list[list[object]]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)]).astype(np.int64)


@settings(deadline=None)  # the first call compiles
@given(lines=st.lists(POINTS, min_size=1, max_size=5), data=st.data())
def test_lines_are_those_an_encoder_writes(lines: list[list[tuple[int, int]]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(lines) - 1), unique=True))
    vertex = np.round(np.array([point for line in lines for point in line]) / 1e6, 6)
    expected = [[(lon / 1e6, lat / 1e6) for lon, lat in lines[i]] for i in chosen]
    assert lines_text(vertex, starts(lines), np.array(chosen, np.int32)) == msgspec.json.encode(expected)


@settings(deadline=None)
@given(polygons=st.lists(st.lists(POINTS, min_size=1, max_size=3), max_size=3))
def test_polygons_are_those_an_encoder_writes(polygons: list[list[list[tuple[int, int]]]]) -> None:
    rings = [ring for polygon in polygons for ring in polygon]
    corner = np.round(np.array([point for ring in rings for point in ring], np.float64).reshape(-1, 2) / 1e6, 6)
    expected = [[[(lon / 1e6, lat / 1e6) for lon, lat in ring] for ring in polygon] for polygon in polygons]
    assert polygons_text(corner, starts(rings), starts(polygons)) == msgspec.json.encode(expected)


@settings(deadline=None)
@given(micro=st.integers(-100, 100))
def test_very_small_numbers_are_the_same_numbers(micro: int) -> None:
    degrees = micro / 1e6
    text = lines_text(np.array([[degrees, -degrees], [degrees, -179.999999]]), np.array([0, 2]), np.array([0], np.int32))
    assert json.loads(text) == [[[degrees, -degrees], [degrees, -179.999999]]]
