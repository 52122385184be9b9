"""Response times on the page, over the API and as a workbook: the same figures, for who may see them, with the incidents behind them."""

from __future__ import annotations

import io
from datetime import date, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from dashboard.edge import Edge
from dashboard.i18n import words_in
from dashboard.layouts.kpi import group_words, kind_words, month_words, stage_words
from dashboard.layouts.page import Page
from dashboard.layouts.strip import strip
from dispatch.commands import Acknowledge, Arrive, Depart, Feedback, Push
from dispatch.kpis import STAGES
from dispatch.model import Actor
from operations.records.kpis import KINDS, GroupBy
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity, problem_of
from tests.dashboard.pages_world import parts_of
from tests.dashboard.test_account import Person
from tests.dashboard.test_account import edge as edge  # the same pages
from tests.dashboard.test_calibration_page import figures_of, text_of


@pytest.fixture(scope="module")
def chief(city: ApiCity, edge: Edge) -> Person:
    return Person(city, edge, "commander", CITY)


@pytest.fixture(scope="module")
def worked(city: ApiCity) -> list[str]:
    """Two incidents: one went all the way, with one item of its check-list left out; of the other the arrival was never said."""
    ids = []
    for crew_id, steps in (("kpi-1", (Acknowledge, Depart, Arrive, Feedback)), ("kpi-2", (Acknowledge, Depart, Feedback))):
        city.unit(crew_id)
        incident_id = city.incident()["incident_id"]
        crew = Actor(crew_id, "officer", WEST, unit_id=crew_id)
        city.clock.advance(12)
        city.handle(Push(incident_id=incident_id, unit_ids=(crew_id,)))
        for step in steps:
            city.clock.advance(40)
            more = {"text": "done", "form": {"checks": {"a": True, "b": False}}} if step is Feedback else {}
            city.handle(step(incident_id=incident_id, unit_ids=(crew_id,), **more), crew)
        ids.append(incident_id)
    return ids


def page_of(person: Person, query: str = "", status: int = 200, path: str = "/kpi") -> str:
    answer = person.ask("GET", f"{path}?{query}")
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.text)


def test_page_and_api_say_the_same(city: ApiCity, chief: Person, worked: list[str]) -> None:
    found = city.get("/kpis?group_by=county").json()
    stages = {one["stage"]: one for one in found["total"]["stages"]}
    assert (stages["acknowledge"]["n"], stages["acknowledge"]["p50_s"], stages["acknowledge"]["within_target"]) == (2, 40.0, 0.0)
    assert (stages["arrive"]["n"], stages["arrive"]["p50_s"], stages["arrive"]["missing"]) == (1, 120.0, 1)
    assert (found["total"]["checklists"], found["total"]["checklists_complete"]) == (2, 0)
    page = page_of(chief, "lang=en&by=county")
    assert f"{found['total']['incidents']} incidents" in text_of(page)
    times, shares = figures_of(page)
    assert times["data"][0]["x"] == ["Haishu"]
    assert times["data"][0]["y"] == [2.0]
    assert shares["data"][0]["y"] == [1.0]
    assert "响应时间" in page_of(chief, "lang=zh")


@pytest.mark.parametrize("by", list(GroupBy))
def test_every_grouping_adds_up(city: ApiCity, chief: Person, worked: list[str], by: GroupBy) -> None:
    found = city.get(f"/kpis?group_by={by}").json()
    assert sum(group["incidents"] for group in found["groups"]) == found["total"]["incidents"] >= 2
    assert "Response times" in page_of(chief, f"by={by}&lang=en")


def test_one_grade_and_one_type_alone(city: ApiCity, chief: Person, worked: list[str]) -> None:
    """The page, its lists and its workbook are of what was asked for, and say so; what is no grade is not asked for."""
    city.incident(grade=1, incident_type="robbery")
    city.clock.advance(1)
    both = city.get("/kpis").json()["total"]["incidents"]
    robberies = city.get("/kpis?grade=1&type=robbery").json()
    assert (robberies["grade"], robberies["incident_type"]) == (1, "robbery")
    assert 1 <= robberies["total"]["incidents"] < both
    page = page_of(chief, "grade=1&type=robbery&lang=en")
    assert f"{robberies['total']['incidents']} incidents" in text_of(page)
    assert '<option value="robbery" selected>' in page
    assert "grade=1&amp;type=robbery" in page, "what leads on from here keeps to it"
    book = load_workbook(io.BytesIO(chief.ask("GET", "/kpi.xlsx?grade=1&type=robbery&lang=en").content))
    assert ("Type", "robbery") in list(book.worksheets[1].values)
    assert f"{both} incidents" in text_of(page_of(chief, "grade=12&lang=en"))
    assert "No incident was received" in page_of(chief, "type=no%20such&lang=en")


def test_numbers_lead_to_the_incidents_behind_them(city: ApiCity, chief: Person, worked: list[str]) -> None:
    found = city.get("/kpis/incidents?stage=arrive&of=missing").json()
    assert found == {"incident_ids": [worked[1]], "total": 1}
    page = page_of(chief, "figure=arrive&of=missing&by=county&key=330203000000&lang=en", path="/kpi/incidents")
    assert f"/?incident={worked[1]}" in page
    assert worked[0] not in page
    assert "The figure counts crews" in page
    assert "The figure counts crews" not in page_of(chief, "figure=close&of=all&lang=en", path="/kpi/incidents")
    # In the other language it is the same list.
    assert 'href="/kpi/incidents?by=county&amp;figure=arrive&amp;of=missing&amp;key=330203000000&amp;lang=zh"' in page
    problem_of(city.get("/kpis/incidents?stage=nap&of=all"), 422)


def test_records_that_nobody_brought_in_are_shown_as_what_was_asked_for(chief: Person, worked: list[str]) -> None:
    assert '<option value="nowhere" selected>' in page_of(chief, "source=nowhere&lang=en")
    assert "Whose records" not in page_of(chief, "lang=en")


def test_a_month_that_is_not_whole_says_so(chief: Person, worked: list[str]) -> None:
    assert "2026-05, in part" in page_of(chief, "by=month&lang=en")
    april = partial(month_words, date(2026, 4, 1), words=words_in("en"))
    assert april(date(2026, 4, 1), date(2026, 4, 30), date(2026, 5, 1)) == "2026-04"
    assert april(date(2026, 4, 2), date(2026, 5, 9), date(2026, 5, 9)) == "2026-04, in part"
    assert april(date(2026, 4, 1), date(2026, 4, 29), date(2026, 5, 9)) == "2026-04, in part"
    assert april(date(2026, 4, 1), date(2026, 4, 30), date(2026, 4, 30)) == "2026-04, in part"


def test_before_and_after_a_day(city: ApiCity, chief: Person, worked: list[str]) -> None:
    now = city.clock.now()
    between = f"from={(now - timedelta(days=2)):%Y-%m-%dT%H:%M:%SZ}&to={(now + timedelta(days=1)):%Y-%m-%dT%H:%M:%SZ}"
    found = city.get(f"/kpis/compare?{between}&at={(now - timedelta(days=1)):%Y-%m-%dT%H:%M:%SZ}").json()
    assert (found["before"]["incidents"], found["after"]["incidents"]) == (0, city.get("/kpis").json()["total"]["incidents"])
    assert all(change["p50_s"] is None for change in found["changes"])
    problem_of(city.get(f"/kpis/compare?{between}&at=2001-01-01T00:00:00Z"), 422)
    today = now.date()
    page = page_of(chief, f"from={today - timedelta(days=5)}&to={today}&at={today - timedelta(days=1)}&lang=en")
    assert f"Before and from {today - timedelta(days=1)}" in text_of(page)


def test_the_workbook_has_the_same_figures(city: ApiCity, chief: Person, worked: list[str]) -> None:
    answer = chief.ask("GET", "/kpi.xlsx?by=county&lang=en")
    assert answer.status_code == 200
    book = load_workbook(io.BytesIO(answer.content))
    head, *rows = book.worksheets[0].values
    stage = stage_words(words_in("en"))["arrive"]
    (haishu,) = [dict(zip(head, row, strict=True)) for row in rows if row[0] == "Haishu" and row[2] == stage]
    assert (haishu["n"], haishu["p50_s"], haishu["missing"]) == (1, 120, 1)
    assert chief.ask("GET", "/kpi.xlsx?type=%0B").status_code == 200  # what no workbook may hold


def test_a_period_that_is_none_is_said_and_the_usual_one_shown(city: ApiCity, chief: Person) -> None:
    for query in ("from=2026-05-02&to=2026-05-01", "from=x", "at=1999-01-01"):
        assert "This is no period" in page_of(chief, f"{query}&lang=en", 422)
    problem_of(city.get("/kpis?from=2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z"), 422)
    assert "No incident was received" in page_of(chief, f"from=2020-01-01&to=2020-01-02&org={EAST}&lang=en")


def test_scope_and_role(city: ApiCity, edge: Edge, worked: list[str]) -> None:
    assert city.get("/kpis", scope=EAST).json()["total"]["incidents"] == 0
    problem_of(city.get(f"/kpis?org={WEST}", scope=EAST), 403)
    problem_of(city.get("/kpis", role="officer"), 403)
    assert city.get("/kpis", role="viewer").status_code == 200  # for walls of the scope
    assert Person(city, edge, "call_taker", CITY).ask("GET", "/kpi").status_code == 403


def test_complaints_are_in_the_figures_of_those_who_may_read_them(city: ApiCity) -> None:
    query = "/kpis?type=complaint"
    about = city.incident(incident_type="complaint", grade=3)["org_code"]
    city.clock.advance(1)
    seen = {role: city.get(query, role=role, scope=about).json()["total"]["incidents"] for role in ("operator", "supervisor")}
    assert seen == {"operator": 0, "supervisor": 1}


@pytest.mark.parametrize(("role", "offered"), [("operator", True), ("viewer", True), ("call_taker", False)])
def test_the_desk_leads_there_for_who_may(city: ApiCity, role: str, offered: bool) -> None:
    bar = strip(city.services.city, Page(words_in("en"), "dark", "x", role, demo=False))
    assert any(link.href == "/kpi" for link in parts_of(bar, "A")) == offered


def test_everything_has_a_word() -> None:
    words = words_in("zh")
    assert set(stage_words(words)) == set(STAGES)
    assert set(group_words(words)) == set(GroupBy)
    assert set(kind_words(words)) == set(KINDS)


def test_what_is_of_no_station_is_held_against_none(city: ApiCity, chief: Person, worked: list[str]) -> None:
    def counts() -> dict[str, int]:
        return {one["key"]: one["incidents"] for one in city.get("/kpis?group_by=command_room").json()["groups"]}

    before = counts()
    assert city.incident(lon=None, lat=None)["org_code"] == CITY
    city.clock.advance(1)
    assert counts() == before | {"none": before.get("none", 0) + 1}
    assert "of no station" in page_of(chief, "by=command_room&lang=en")


def test_a_time_without_a_record_is_named_before_the_figures(city: ApiCity, chief: Person, worked: list[str]) -> None:
    off_at = city.clock.now()
    city.incident()
    city.clock.advance(5 * 3600)  # as if the server had been off
    back_at = city.clock.now()
    city.incident()
    zone = ZoneInfo("Asia/Shanghai")
    times = " – ".join(f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (off_at, back_at))
    assert f"<li>{times}</li>" in page_of(chief, "lang=en")
