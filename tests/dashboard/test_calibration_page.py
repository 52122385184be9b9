"""The calibration page and its API: the same figures, in both languages, for who may see them, and an empty period says why."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from dashboard.edge import Edge
from dashboard.i18n import words_in
from dashboard.layouts.calibration import reason_words
from dashboard.layouts.page import Page
from dashboard.layouts.strip import strip
from dispatch.commands import Arrive, Depart, Push
from dispatch.model import Actor
from dispatch.promises import Unmatched
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity, problem_of
from tests.dashboard.pages_world import parts_of
from tests.dashboard.test_account import Person
from tests.dashboard.test_account import edge as edge  # the same pages

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def chief(city: ApiCity, edge: Edge) -> Person:
    return Person(city, edge, "commander", CITY)


@pytest.fixture(scope="module")
def driven(city: ApiCity) -> None:
    """Two ways of car a-1, the second entered by radio; promised by the city's own streets, 50 m away."""
    for channel in ("terminal", "radio"):
        unit_id = f"car-{channel}"
        city.unit(unit_id)
        incident_id = city.incident()["incident_id"]
        crew = Actor(unit_id, "officer", WEST, unit_id=unit_id)
        city.handle(Push(incident_id=incident_id, unit_ids=(unit_id,)))
        for command, after_s in ((Depart, 40), (Arrive, 95)):
            city.clock.advance(after_s)
            city.handle(command(incident_id=incident_id, unit_ids=(unit_id,), channel=channel), crew)


def page_of(person: Person, query: str = "", status: int = 200) -> str:
    answer = person.ask("GET", f"/calibration?{query}")
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def figures_of(page: str) -> list[dict[str, Any]]:
    return [json.loads(html.unescape(data)) for data in re.findall(r'data-figure="([^"]*)"', page)]


def test_an_empty_period_says_why(city: ApiCity, chief: Person) -> None:
    assert "No incident was received in this period." in page_of(chief, f"from=2020-01-01&to=2020-01-02&org={EAST}&lang=en")
    assert "该时段没有接到警情" in page_of(chief, f"from=2020-01-01&to=2020-01-02&org={EAST}&lang=zh")
    city.incident(lon=None, lat=None, scope=CITY)
    found = text_of(page_of(chief, "lang=en"))
    assert "nobody was sent to any" in found or "ways compared" in found


def test_page_and_api_say_the_same(city: ApiCity, chief: Person, driven: None) -> None:
    found = city.get("/calibration").json()
    assert (found["comparable"], found["not_comparable"]["entered"], found["org_code"]) == (1, 1, CITY)
    (bucket,) = [one for one in found["buckets"] if one["n"]]
    assert (bucket["from_min"], bucket["actual_s"], bucket["share_in_p50"]) == (0, 95.0, 0.0)
    assert (found["without_p90"], bucket["n_p90"]) == (0, 1)
    assert found["turnout"]["median_s"] == 40.0
    assert found["turnout"]["assumed_s"] == 60.0
    page = page_of(chief, "lang=en")
    assert "1 ways compared" in text_of(page)
    assert "entered by radio or at the desk 1" in text_of(page)
    assert f"all assignments {found['assignments']}" in text_of(page)
    reliability, kept, by_hour, by_district = figures_of(page)
    assert reliability["data"][1]["y"] == [round(95 / 60, 3)]
    assert kept["data"][0]["y"] == [0.0]
    assert by_hour["data"][0]["y"] == by_district["data"][0]["x"] == [round(found["bias_s"], 1)]
    assert by_district["data"][0]["y"] == ["Haishu"]
    chinese = page_of(chief, "lang=zh")
    assert "承诺核对" in chinese
    assert figures_of(chinese)[3]["data"][0]["y"] == ["海曙分局"]


def test_the_line_as_promised_goes_through_the_whole_picture(city: ApiCity, chief: Person, driven: None) -> None:
    (bucket,) = [one for one in city.get("/calibration").json()["buckets"] if one["n"]]
    reliability = figures_of(page_of(chief, "lang=en"))[0]
    least, most = reliability["layout"]["xaxis"]["range"]
    assert reliability["data"][0]["x"] == reliability["data"][0]["y"] == pytest.approx([10**least, 10**most])
    assert 10**least < bucket["promised_s"] / 60 < bucket["actual_s"] / 60 < 10**most


def test_by_the_position_nothing_is_claimed_without_one(chief: Person, driven: None) -> None:
    assert "no sound position was there" in text_of(page_of(chief, "by=position&lang=en"))


def test_a_period_that_is_none_is_said_and_the_usual_one_shown(chief: Person) -> None:
    for query in ("from=2026-05-02&to=2026-05-01", "from=x", "from=0001-01-01&to=9999-12-31"):
        assert "This is no period" in page_of(chief, f"{query}&lang=en", 422)


def test_the_api_refuses_a_period_that_is_none(city: ApiCity) -> None:
    for query in ("from=2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z", "from=2020-01-01T00:00:00Z", "by=guess"):
        problem_of(city.get(f"/calibration?{query}"), 422)


def test_scope_and_role(city: ApiCity, edge: Edge, driven: None) -> None:
    assert city.get("/calibration", scope=EAST).json()["assignments"] == 0
    problem_of(city.get(f"/calibration?org={WEST}", scope=EAST), 403)
    problem_of(city.get("/calibration", role="viewer"), 403)
    assert Person(city, edge, "viewer", CITY).ask("GET", "/calibration").status_code == 403


@pytest.mark.parametrize(("role", "offered"), [("operator", True), ("reviewer", True), ("viewer", False), ("call_taker", False)])
def test_the_desk_leads_there_for_who_may(city: ApiCity, role: str, offered: bool) -> None:
    bar = strip(city.services.city, Page(words_in("en"), "dark", "x", role, demo=False))
    assert any(link.href == "/calibration" for link in parts_of(bar, "A")) == offered


def test_every_reason_has_a_word() -> None:
    assert set(reason_words(words_in("zh"))) == set(Unmatched)
