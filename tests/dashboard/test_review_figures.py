"""Drawings of a review: places and lengths that can be told beforehand, and nothing drawn where nothing is known."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from dashboard.figures.paper_map import Frame, box_around, scale_of
from dashboard.figures.range_bar import range_bar
from dashboard.figures.review_map import DrawnPlace, DrawnWay, map_box, review_map
from dashboard.figures.stage_chart import LEFT, RIGHT, WIDTH, Bar, Lane, stage_chart
from dispatch.stage_line import Verdict
from geodata.streets.street_lines import StreetLine

T0 = datetime(2026, 5, 1, 8, tzinfo=UTC)
ACROSS = WIDTH - LEFT - RIGHT


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def chart(*bars: Bar, instants: Any = ()) -> str:
    return stage_chart([Lane("<A>", bars, instants)], T0, at(600), lambda instant: f"{instant:%H:%M:%S}", "x")


def bar(begins_s: float | None, ends_s: float | None, due_s: float | None, verdict: Verdict) -> Bar:
    begins, ends, due = (None if one is None else at(one) for one in (begins_s, ends_s, due_s))
    return Bar("way", "push to arrival", begins, ends, due, verdict)


def numbers(svg: str, pattern: str) -> tuple[float, ...]:
    found = re.search(pattern, svg)
    assert found, pattern
    return tuple(float(one) for one in found.groups())


def test_a_stage_lies_where_it_was_and_is_as_long_as_it_took() -> None:
    svg = chart(bar(60, 360, 300, Verdict.LATE))
    x, width = numbers(svg, r'class="bar way" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"')
    assert x == pytest.approx(LEFT + ACROSS * 0.1, abs=0.1)
    assert width == pytest.approx(ACROSS * 0.5, abs=0.1)
    late_x, late = numbers(svg, r'class="late" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"')
    assert (late_x, late) == pytest.approx((LEFT + ACROSS * 0.5, ACROSS * 0.1), abs=0.1)
    assert "&lt;A&gt;" in svg
    assert "<A>" not in svg


def test_what_has_no_time_has_no_bar_but_a_sign() -> None:
    missing, disordered = chart(bar(None, 300, None, Verdict.MISSING)), chart(bar(300, 200, None, Verdict.OUT_OF_ORDER))
    assert "?<title>" in missing
    assert "⇄<title>" in disordered
    assert "<rect" not in missing + disordered
    assert "<rect" not in chart(bar(None, None, None, Verdict.UNREACHED))


def test_what_was_not_reached_is_an_outline_and_what_came_later_is_not_drawn() -> None:
    svg = chart(bar(0, 600, None, Verdict.UNREACHED), instants=[(at(30), "the call"), (at(9000), "ended")])
    assert 'class="bar way undone"' in svg
    assert svg.count('class="instant"') == 1


def test_a_range_and_where_this_one_lies() -> None:
    svg = range_bar(50, 75, 100, 100, "x")
    left, width = numbers(svg, r'class="most" x="([\d.]+)" y="5" width="([\d.]+)"')
    (diamond,) = numbers(svg, r'class="this" d="M([\d.]+) ')
    assert (left, left + width, diamond) == pytest.approx((110, 161.5, 213), abs=0.1)
    assert range_bar(None, None, None, 100, "x") == ""


def test_the_map_shows_incident_ways_and_others_in_one_scale() -> None:
    incident, way = (121.55, 29.87), DrawnWay("1", [[(121.54, 29.86), (121.55, 29.87)]])
    box = map_box(incident, [way], [DrawnPlace("a", (121.56, 29.88))])
    assert box is not None
    street = StreetLine("primary", np.array([121.54, 121.56]), np.array([29.87, 29.87]))
    svg = review_map(box, [street], incident, [way], [DrawnPlace("a", (121.56, 29.88))], "<map>")
    x, y = numbers(svg, r'class="incident"><circle cx="([\d.]+)" cy="([\d.]+)"')
    assert (x, y) == pytest.approx((480, 280), abs=0.5), "the middle of what is shown"
    assert re.findall(r'class="mark (\w+)"[^>]*>(\w+)<', svg) == [("other", "a"), ("start", "1")]
    assert 'aria-label="&lt;map&gt;"' in svg
    assert svg.count('class="street s2"') == 1
    assert map_box(None, [], []) is None


def test_a_silence_is_not_drawn_as_a_way() -> None:
    a, b, c, d = (121.54, 29.86), (121.545, 29.865), (121.55, 29.87), (121.555, 29.875)
    way = DrawnWay("1", [[a, b], [c], [d]])
    box = map_box(None, [way], [])
    assert box is not None
    svg = review_map(box, [], None, [way], [], "x")
    (known,) = re.findall(r'class="way w0" d="([^"]+)"', svg)
    between = re.findall(r'class="way unknown w0" d="([^"]+)"', svg)
    measured = known.split("M")[1:]
    assert [piece.count("L") for piece in measured] == [1, 1, 1], "a single fix is a dot"
    ends = [(piece.split("L")[0], piece.split("L")[-1]) for piece in measured]
    assert between == [f"M{ends[n][1]}L{ends[n + 1][0]}" for n in (0, 1)]


def test_a_scale_is_round_and_no_longer_than_a_quarter() -> None:
    frame = Frame(box_around([(121.5, 29.8), (121.52, 29.82)], 960, 560), 960, 560)
    length, said = scale_of(frame)
    assert said == "1 km"
    assert length == pytest.approx(1000 * frame.per_m)
    assert 96 < length <= 240
