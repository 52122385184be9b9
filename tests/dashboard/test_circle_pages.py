"""The sheet of a duty circle: everything that is prepared, in both languages; and the circle in the panel of a point inside it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dashboard.callbacks.scene import scene_of
from dashboard.edge import Edge
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity
from tests.dashboard.pages_world import COMMANDER, PAGE, VIEWER, words_in
from tests.dashboard.test_account import Person
from tests.dashboard.test_account import edge as edge  # the same pages
from tests.dashboard.test_api_duty_circles import LAT, LON, plan, set_circle, tier


@pytest.fixture(scope="module")
def chief(city: ApiCity, edge: Edge) -> Person:
    gates = [{"name": "南门<b>", "lon": LON, "lat": LAT, "text": "双车"}, {"name": "北门", "lon": LON, "lat": LAT + 0.001}]
    inner = tier(1, 120, gates=gates[:1], cameras=["cam-1"], notes="夜间加灯")
    outer = tier(3, 250, gates=gates[1:], forces=[{"org_code": CITY, "kind": "armed_patrol", "count": 1, "text": "带盾"}])
    assert set_circle(city, "hospital", plan(inner, outer, name="第一<医院>")).status_code == 200
    return Person(city, edge, "commander", CITY)


def test_the_sheet_shows_what_is_prepared(chief: Person) -> None:
    page = chief.ask("GET", "/circle/hospital?lang=en")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    for said in (
        "Version 1",
        "2 × Patrol car",
        "1 × Armed patrol",
        "带盾",
        "横6路相机",
        "夜间加灯",
        "双车",
        "any crew of the tier",
        "1 min",
        "3 min",
    ):
        assert said in page.text, said
    assert "<医院>" not in page.text
    assert "南门<b>" not in page.text
    numbers = re.findall(r"class='number'>(\d+)<", page.text)
    assert numbers == ["1", "2"]
    (drawing,) = re.findall(r"<figure>(<svg.*</svg>)<figcaption", page.text, re.S)
    assert drawing.count("stroke-dasharray") == 2
    assert drawing.count('stroke-linecap="round"') > 50, "the streets of the place"
    assert [drawing.count(f">{n}</text>") for n in (1, 2)] == [1, 1]
    assert not re.search(r'(?:src|href)="https?:', page.text)


def test_it_is_chinese_for_who_reads_chinese(chief: Person) -> None:
    page = chief.ask("GET", "/circle/hospital?lang=zh").text
    assert all(said in page for said in ("快反圈", "2 × 巡逻车", "卡点", "西门派出所", "第 1 版"))


def test_who_may_not_see_it_finds_none(chief: Person) -> None:
    assert chief.ask("GET", "/circle/none").status_code == 404
    assert Person(chief.city, chief.edge, "commander", EAST).ask("GET", "/circle/hospital").status_code == 404
    assert Person(chief.city, chief.edge, "viewer", WEST).ask("GET", "/circle/hospital").status_code == 403


async def panel(city: ApiCity, actor: Any, **at: float) -> str:
    children, _ = await scene_of(city.services, actor, {"kind": "point", **at}, PAGE)
    return words_in(children)


def test_the_panel_of_a_point_inside_names_circle_forces_and_gates(city: ApiCity, chief: Person) -> None:
    shown = city.run(panel(city, COMMANDER, lon=LON, lat=LAT))
    for said in ("第一<医院>", "the point is in its 1 min area", "2 × Patrol car", "Gates: 南门<b>"):
        assert said in shown, said
    assert "第一<医院>" not in city.run(panel(city, COMMANDER, lon=LON + 0.008, lat=LAT + 0.008))
    assert "第一<医院>" not in city.run(panel(city, VIEWER, lon=LON, lat=LAT))
