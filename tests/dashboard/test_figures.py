"""The map's figure and style: explicit camera, nothing from outside, layers the base map has, colours that can be read."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.figures.city_map import city_map, first_view
from dashboard.style import build_style
from dashboard.theme import GRADE_MARKS, STATUS_MARKS, TOKENS, client_marks, css_variables

BASE_MAP_LAYERS = {"road", "water", "green", "building", "waterway", "rail", "boundary", "place", "poi"}


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2)."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_camera_is_explicit() -> None:
    layout = city_map((121.55, 29.87), 11.5, "dark", "zh")["layout"]
    assert layout["map"]["center"] == {"lon": 121.55, "lat": 29.87}
    assert layout["map"]["zoom"] == 11.5
    assert layout["map"]["style"] == "/style.json?theme=dark&lang=zh&labels=0"


@given(st.floats(-170, 170), st.floats(-60, 60), st.floats(0.001, 8), st.floats(0.001, 8))
def test_the_first_view_is_a_zoom_the_map_has(west: float, south: float, width: float, height: float) -> None:
    bounds = (west, south, west + width, south + height)
    for heart in (None, (west, south)):
        centre, zoom = first_view(bounds, heart)
        assert 6.5 <= zoom <= 14.0
        assert centre == (heart or (west + width / 2, south + height / 2)) or centre == pytest.approx(
            (west + width / 2, south + height / 2)
        )


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_style_asks_nothing_from_outside(theme: str) -> None:
    style = build_style(theme, "http://desk.example/", "2026-01-01")
    addresses = re.findall(r"https?://[^\"]+", json.dumps(style))
    assert addresses == ["http://desk.example/tiles/{z}/{x}/{y}.pbf?v=2026-01-01"]
    assert "glyphs" not in style
    assert "sprite" not in style
    assert style["sources"]
    assert {layer.get("source-layer") for layer in style["layers"][1:]} <= BASE_MAP_LAYERS


def test_a_map_without_names_is_the_same_map() -> None:
    named, plain = (build_style("dark", "/", "1", labels=labels)["layers"] for labels in (True, False))
    assert plain == [layer for layer in named if layer["type"] != "symbol"]
    assert len(plain) < len(named)


def test_a_wall_gets_larger_type_and_wider_streets() -> None:
    plain, large = build_style("dark", "/", "1"), build_style("dark", "/", "1", scale=2.0)

    def streets(style: dict) -> list[float]:
        return next(layer["paint"]["line-width"][-1] for layer in style["layers"] if layer["id"] == "street-motorway-line")

    assert streets(large) == 2 * streets(plain)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_words_can_be_read_on_their_ground(theme: str) -> None:
    tokens = TOKENS[theme]
    for ground in ("panel", "raised"):
        for word in ("text", "muted", "good", "warn", "bad"):
            assert contrast(tokens[word], tokens[ground]) >= 4.5, f"{word} on {ground} in {theme}"
    for mark in (*GRADE_MARKS.values(), *STATUS_MARKS.values()):
        assert contrast(getattr(mark, theme), tokens["panel"]) >= 3.0, mark


def test_no_two_statuses_or_grades_differ_by_colour_alone() -> None:
    marks = client_marks()
    assert len({mark["glyph"] for mark in marks["statuses"]}) == len(marks["statuses"])
    assert len({mark["shape"] for mark in marks["grades"].values()}) == len(marks["grades"])
    assert len({mark["shape"] for mark in marks["kinds"]}) == len(marks["kinds"])


def test_both_themes_define_the_same_variables() -> None:
    dark, light = css_variables().split(":root[")
    assert set(re.findall(r"--[a-z0-9_-]+(?=:)", dark)) == set(re.findall(r"--[a-z0-9_-]+(?=:)", light))
