"""The daily report: the right 24 hours, once a morning, also late, whole; nothing in it that not everybody may know."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook

from dispatch.commands import Acknowledge, Arrive, Caller, Close, Depart, Feedback, Push, ReceiveIncident
from dispatch.errors import RuleViolation
from dispatch.model import Actor, Grade
from operations.records.daily_report import DailyReport
from tests.dashboard.api_world import CITY, EAST, WEST, ApiCity, api_city, degrees

MORNING = date(2026, 5, 2)  # 08:00 in Shanghai is midnight UTC
ENDS = datetime(2026, 5, 2, tzinfo=UTC)
TEXT, NUMBER = "a-text-of-a-call", "13800001234"


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> Iterator[ApiCity]:
    """A day before MORNING with three incidents, one the day before that, one after; a complaint in the day."""
    with api_city(tmp_path_factory.mktemp("report")) as city:
        for unit_id, org in (("r1", WEST), ("r2", EAST), ("r3", WEST)):
            city.unit(unit_id, org)
        base = city.clock.now()  # 16:00 of the city on the first of May
        assert base == datetime(2026, 5, 1, 8, tzinfo=UTC)

        def receive(kind: str, east_m: float, grade: Grade = Grade.URGENT) -> str:
            lon, lat = degrees(east_m, 500)
            call = ReceiveIncident(incident_type=kind, grade=grade, text=TEXT, lon=lon, lat=lat, caller=Caller("王", NUMBER))
            return str(city.handle(call).incident_id)

        def work(incident_id: str, unit_id: str, *steps: type) -> None:
            crew = Actor(unit_id, "officer", WEST, unit_id=unit_id)
            city.clock.advance(10)
            city.handle(Push(incident_id=incident_id, unit_ids=(unit_id,)))
            for step in steps:
                city.clock.advance(60)
                more = {"text": "done", "form": {}} if step is Feedback else {}
                city.handle(step(incident_id=incident_id, unit_ids=(unit_id,), **more), crew)

        work(receive("theft", 400), "r1", Acknowledge, Depart, Arrive, Feedback)
        lacking = receive("theft", 400, Grade.ORDINARY)
        work(lacking, "r3", Acknowledge, Depart, Feedback)
        receive("assault", 800)
        receive("complaint", 400)
        city.clock.set(ENDS + timedelta(minutes=5))
        receive("theft", 400)
        yield city


@pytest.fixture(scope="module")
def report(city: ApiCity) -> DailyReport:
    found: DailyReport = city.run(city.services.daily_reports.of(MORNING))
    return found


def test_it_counts_the_24_hours_that_ended_in_the_morning(report: DailyReport) -> None:
    assert (report.from_at, report.to_at) == (ENDS - timedelta(days=1), ENDS)
    assert (report.total.incidents, report.day_before.incidents, report.week_before.incidents) == (3, 0, 0)
    assert [(one.key, one.day) for one in report.types] == [("theft", 2), ("assault", 1)]
    assert [(one.key, one.day) for one in report.grades] == [("2", 2), ("3", 1)]
    assert {one.key: one.day for one in report.organisations} == {WEST: 2, EAST: 1}
    arrive = next(one for one in report.total.stages if one.stage == "arrive")
    assert (arrive.n, arrive.p50_s, arrive.missing) == (1, 180.0, 1)
    day, before, week = ENDS - timedelta(days=1), ENDS - timedelta(days=2), ENDS - timedelta(days=7)
    first, *others = [(one.from_at, one.to_at) for one in report.unrecorded]
    assert first == (day, day + timedelta(hours=8)), "the first of May began at 16:00"
    assert others[-2:] == [(before, day), (week - timedelta(days=1), week)], "nought of a day without a record is no quiet day"


def test_calls_with_missing_stages_stand_apart_and_open_ones_are_those_of_then(city: ApiCity, report: DailyReport) -> None:
    assert [dict(one.stages).get("arrive") for one in report.lacking] == ["missing"]
    assert report.open_total == 3
    assert [one.incident_type for one in report.open] == ["theft", "assault", "theft"]
    (assault,) = [one for one in report.open if one.incident_type == "assault"]
    city.handle(Close(incident_id=assault.incident_id, disposition="settled"))
    again = city.run(city.services.daily_reports.of(MORNING))
    assert again.open_total == 3
    assert city.run(city.services.daily_reports.of(MORNING - timedelta(days=1))).total.incidents == 0


def test_the_next_morning_sets_it_beside(city: ApiCity) -> None:
    city.clock.set(ENDS + timedelta(days=7, hours=1))
    tomorrow = city.run(city.services.daily_reports.of(MORNING + timedelta(days=1)))
    assert (tomorrow.total.incidents, tomorrow.day_before.incidents) == (1, 3)
    week = city.run(city.services.daily_reports.of(MORNING + timedelta(days=7)))
    assert (week.total.incidents, week.week_before.incidents) == (0, 3)
    assert [(one.key, one.day, one.week_before) for one in week.types] == [("theft", 0, 2), ("assault", 0, 1)]
    with pytest.raises(RuleViolation, match="ask for an earlier day"):
        city.run(city.services.daily_reports.of(MORNING + timedelta(days=8)))


def test_page_and_workbook_say_the_same_and_need_nothing_else(city: ApiCity, report: DailyReport) -> None:
    files = city.services.daily_reports._render(report)
    page = files[".html"].decode()
    assert "警情日报 2026-05-02" in page
    assert "2026-05-01 08:00 – 2026-05-02 08:00" in page
    assert "<li>2026-05-01 08:00 – 2026-05-01 16:00</li>" in page
    assert not [word for word in ("http:", "https:", "src=", "href=", "url(", "<script") if word in page]
    book = load_workbook(io.BytesIO(files[".xlsx"]))
    kinds = [row[:2] for row in book["按警情类型"].iter_rows(min_row=2, values_only=True)]
    assert [count for _, count in kinds] == [2, 1]
    assert all(str(name) in page for name, _ in kinds)
    assert next(book["无记录时段"].iter_rows(min_row=2, values_only=True)) == ("2026-05-01 08:00", "2026-05-01 16:00")
    stages = {row[0]: row for row in book["响应时间"].iter_rows(min_row=2, values_only=True)}
    assert [row[2] for name, row in stages.items() if row[1] == 1 and row[2] == 180.0] == [180.0]
    assert "3:00" in page


def test_nothing_is_in_it_that_not_everybody_may_know(city: ApiCity, report: DailyReport) -> None:
    """Callers, texts, complaints."""
    files = city.services.daily_reports._render(report)
    book = load_workbook(io.BytesIO(files[".xlsx"]))
    cells = " ".join(str(value) for sheet in book.worksheets for row in sheet.iter_rows(values_only=True) for value in row)
    assert cells.count("2026-05-01 16:") >= 3  # all that is listed is looked through
    complaint = city.services.codes.type_by_id["complaint"]
    for text in (files[".html"].decode(), cells):
        assert not [word for word in (TEXT, NUMBER, complaint.zh, complaint.en) if word in text]


def files(city: ApiCity) -> list[str]:
    folder: Path = city.services.daily_reports.folder
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_it_is_written_once_each_morning_also_late_and_as_a_whole(city: ApiCity, monkeypatch) -> None:
    reports = city.services.daily_reports
    city.clock.set(ENDS + timedelta(days=8) - timedelta(seconds=1))
    city.run(reports.daily.tick())
    assert files(city) == ["2026-05-09.html", "2026-05-09.xlsx"]  # yesterday's: its hour was missed
    city.clock.advance(1)
    city.run(reports.daily.tick())
    names = files(city)
    assert names == ["2026-05-09.html", "2026-05-09.xlsx", "2026-05-10.html", "2026-05-10.xlsx"]
    before = {name: (reports.folder / name).stat().st_mtime_ns for name in names}
    reports.daily.done = None  # a restart
    city.run(reports.daily.tick())
    assert {name: (reports.folder / name).stat().st_mtime_ns for name in files(city)} == before
    (reports.folder / "2026-05-10.xlsx").unlink()  # a crash between the two
    reports.daily.done = None
    city.run(reports.daily.tick())
    assert files(city) == names
    city.clock.advance(86_400)
    monkeypatch.setattr(reports, "_render", lambda report: {".html": b"new"})  # fails at the second file
    city.run(reports.daily.tick())
    assert "KeyError" in reports.state()["failure"]
    monkeypatch.undo()
    city.clock.advance(600)
    city.run(reports.daily.tick())
    assert reports.state() == {"state": "ok", "failure": "", "newest": "2026-05-11"}
    assert (reports.folder / "2026-05-11.html").read_bytes().startswith(b"<!doctype html>")


def test_before_the_first_event_there_is_nothing_to_report(city: ApiCity) -> None:
    first = date(2026, 5, 1)  # its morning was over when the first event was recorded
    city.run(city.services.daily_reports._write_due(first))
    assert not city.services.daily_reports.is_written(first)


def test_the_scope_is_the_city(report: DailyReport) -> None:
    assert report.org_code == CITY


def test_of_more_lacking_than_are_listed_the_oldest_are_and_all_are_counted(city: ApiCity, monkeypatch) -> None:
    """Also where a list of incidents behind a figure would end sooner."""
    monkeypatch.setattr("operations.records.daily_report.MOST_LISTED", 3)
    monkeypatch.setattr("operations.records.kpis.MAX_BEHIND", 2)
    lacking, loaded = [], []
    for number in range(5):
        incident_id, unit_id = city.incident()["incident_id"], f"l{number}"
        crew = Actor(unit_id, "officer", WEST, unit_id=unit_id)
        city.unit(unit_id, WEST)
        city.handle(Push(incident_id=incident_id, unit_ids=(unit_id,)))
        for step in (Acknowledge, Depart):
            city.clock.advance(60)
            city.handle(step(incident_id=incident_id, unit_ids=(unit_id,)), crew)
        city.handle(Feedback(incident_id=incident_id, unit_ids=(unit_id,), text="done", form={}), crew)
        lacking.append(incident_id)
    city.clock.advance(86_400)
    history, of_history = city.services.history, city.services.history.incident

    async def counted(incident_id: str):
        loaded.append(incident_id)
        return await of_history(incident_id)

    monkeypatch.setattr(history, "incident", counted)
    report = city.run(city.services.daily_reports.of(city.services.daily_reports.daily.due()))
    assert report.lacking_total == 5
    assert [one.incident.incident_id for one in report.lacking] == loaded == lacking[:3]
