"""The roster page and the hand-over sheet: what they show, what their forms do, and that a sheet stays as it was signed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from dashboard.edge import Edge
from dispatch.commands import Arrive, Note, Push
from dispatch.duty_commands import CancelShift, EndMuster, PlanShift
from dispatch.shifts import Rostered
from tests.dashboard.api_world import CITY, COUNTY, EAST, WEST, ApiCity
from tests.dashboard.test_account import Person
from tests.dashboard.test_account import edge as edge  # the same pages

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def chief(city: ApiCity, edge: Edge) -> Person:
    return Person(city, edge, "commander", CITY)


@pytest.fixture(scope="module")
def second(city: ApiCity, edge: Edge) -> Person:
    return Person(city, edge, "operator", CITY)


class Day:
    """One test's shifts. Time only goes on, so each test has shifts of its own."""

    def __init__(self, city: ApiCity) -> None:
        self.city = city
        self.now = city.clock.now()
        self.id = f"day-{self.now.timestamp():.0f}"
        self.night = f"night-{self.now.timestamp():.0f}"
        self.sheet = f"/handover/{WEST}?shift={self.id}&lang=en"

    def plan(self, org_code: str, shift_id: str, begins: float, ends: float, *rows: Rostered, **more: Any) -> None:
        from_, to = self.now + begins * HOUR, self.now + ends * HOUR
        self.city.handle(PlanShift(org_code=org_code, shift_id=shift_id, name=shift_id, starts_at=from_, ends_at=to, crews=rows, **more))

    def later(self, minutes: float) -> None:
        """So long after the beginning of the test, with all told that is due by then."""
        self.city.clock.set(self.now + timedelta(minutes=minutes))
        self.city.run(self.city.services.duty.tick())
        self.city.run(self.city.services.deadlines.tick())


@pytest.fixture
def day(city: ApiCity) -> Iterator[Day]:
    """A-1 on a shift that ends in half an hour and on the next one, R-1 in reserve."""
    city.clock.advance(60)
    for unit_id in ("a-1", "r-1"):
        city.unit(unit_id, callsign=unit_id.upper(), members=("registered",))
    shifts = Day(city)
    row = Rostered("a-1", ("赵警官<b>",), "浙B0001警", (), "海曙2")
    shifts.plan(WEST, shifts.id, -1 / 60, 0.5, row, leader="王所长", radio_group="海曙1")
    shifts.plan(WEST, shifts.night, 0.4, 8, Rostered("a-1"), leader="李所长")
    shifts.later(0)
    yield shifts
    for muster in city.services.handler.picture.musters.values():
        city.handle(EndMuster(muster_id=muster.muster_id))
    for shift in city.services.handler.picture.shifts[WEST]:
        if shift.ends_at > city.clock.now() and not shift.signed:
            city.handle(CancelShift(org_code=WEST, shift_id=shift.shift_id))


def get(person: Person, path: str) -> str:
    answer = person.ask("GET", path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def post(person: Person, path: str, status: int = 303, **form: str) -> httpx.Response:
    answer = person.ask("POST", path, data=form)
    assert answer.status_code == status, answer.text
    return answer


def row_of(page: str, unit_id: str) -> str:
    (row,) = re.findall(rf'<tr data-unit="{unit_id}">.*?</tr>', page)
    return html.unescape(re.sub(r"<[^>]+>", " ", row))


def test_the_roster_says_who_is_on_duty_with_whom_and_who_leads(chief: Person, day: Day) -> None:
    page = get(chief, f"/duty?org={WEST}&lang=en")
    row = row_of(page, "a-1")
    for said in ("A-1", "Available", "赵警官<b>", "浙B0001警", "海曙2", "not signed on yet"):
        assert said in row
    assert "赵警官<b>" not in page  # escaped
    assert "off duty" in row_of(page, "r-1")
    assert "王所长" in page
    assert "李所长" in page
    assert f"/handover/{WEST}?shift={day.id}" in page
    assert f"/handover/{WEST}?shift={day.night}" not in page  # it has not begun
    assert "值班领导" in get(chief, f"/duty?org={WEST}&lang=zh")


def test_an_organisation_leads_to_the_rosters_below_it(chief: Person, day: Day) -> None:
    links = f'<a href="/duty?org={WEST}">'
    assert links in get(chief, f"/duty?org={COUNTY}&lang=en")
    assert "Rosters below" in get(chief, f"/duty?org={COUNTY}&lang=en")
    assert "Rosters below" not in get(chief, f"/duty?org={WEST}&lang=en")
    assert "下级值班表" in get(chief, f"/duty?org={COUNTY}&lang=zh")


def test_an_organisation_without_a_roster_and_one_whose_plan_has_run_out_say_so(chief: Person, day: Day) -> None:
    assert "keeps no roster" in get(chief, f"/duty?org={EAST}&lang=en")
    day.plan(EAST, day.id, 0, 0.1)
    assert "Nobody is on duty." in get(chief, f"/duty?org={EAST}&lang=en")
    day.later(7)
    assert "The roster has run out" in get(chief, f"/duty?org={EAST}&lang=en")


def test_the_desk_signs_a_crew_on_and_off(city: ApiCity, chief: Person, day: Day) -> None:
    post(chief, "/duty", do="sign_on", org=WEST, unit="a-1")
    assert city.services.handler.picture.units["a-1"].signed_on_at == day.now
    assert "Sign off" in row_of(get(chief, f"/duty?org={WEST}&lang=en"), "a-1")
    post(chief, "/duty", do="sign_off", org=WEST, unit="a-1")
    assert "signed off at" in row_of(get(chief, f"/duty?org={WEST}&lang=en"), "a-1")
    post(chief, "/duty", do="sign_on", org=WEST, unit="a-1")
    refused = post(chief, "/duty", 422, do="sign_on", org=WEST, unit="r-1")
    assert "sign on: it is in no shift now" in html.unescape(refused.text)


def test_reserves_are_mustered_counted_answered_for_and_sent_home(city: ApiCity, chief: Person, day: Day) -> None:
    refused = post(chief, "/duty", 422, do="muster", org=WEST, text="集合", hours="2", crews="R-1, nobody")
    assert "There is no unit nobody here" in refused.text
    for _ in range(2):  # a form sent twice has one effect
        post(chief, "/duty", do="muster", org=WEST, text="大型活动<散场>", hours="2", crews="R-1", key="k-once")
    page = get(chief, f"/duty?org={WEST}&lang=en")
    assert "0 of 1 answered, 0 coming" in page
    assert "大型活动&lt;散场&gt;" in page
    (muster_id,) = set(re.findall(r'data-muster="([^"]+)"', page))
    muster = city.services.handler.picture.musters[muster_id]
    assert muster.until == day.now.replace(microsecond=0) + 2 * HOUR
    post(chief, "/duty", do="answer", org=WEST, muster=muster_id, unit="r-1", coming="1")
    day.later(1)
    page = get(chief, f"/duty?org={WEST}&lang=en")
    assert "1 of 1 answered, 1 coming" in page
    assert "mustered until" in row_of(page, "r-1")
    post(chief, "/duty", do="end_muster", org=WEST, muster=muster_id)
    assert "Reserves mustered" not in get(chief, f"/duty?org={WEST}&lang=en")


def test_only_a_commander_finds_the_muster_and_nobody_acts_outside_the_scope(city: ApiCity, edge: Edge, second: Person, day: Day) -> None:
    assert "muster-form" not in get(second, f"/duty?org={WEST}")
    refused = post(second, "/duty", 422, do="muster", org=WEST, text="x", hours="1")
    assert "may not muster reserves" in refused.text
    east = Person(city, edge, "commander", EAST)
    assert east.ask("GET", f"/duty?org={WEST}").status_code == 403
    assert east.ask("GET", day.sheet).status_code == 403
    assert east.ask("GET", "/duty?org=nowhere").status_code == 404
    assert east.ask("GET", f"/handover/{EAST}?shift=none").status_code == 404
    assert east.ask("GET", "/duty", cookie="", headers={"Accept": "text/html"}).status_code == 303  # to the log-in
    foreign = east.ask("POST", "/duty", data={"do": "muster", "org": EAST}, headers={"Origin": "http://elsewhere.test"})
    assert foreign.status_code == 403


def bare(page: str) -> str:
    """The sheet without what only one of two readers may press."""
    return re.sub(r"<form.*?</form>", "", page, flags=re.S)


def sheet_rows(page: str) -> list[str]:
    return re.findall(r"<tr>.*?</tr>|<ul class=\"answers\">.*?</ul>", page, flags=re.S)


def test_without_a_name_the_sheet_is_that_of_the_shift_that_gives_over_next(chief: Person, day: Day) -> None:
    assert f"shift={day.id}" in get(chief, f"/handover/{WEST}")


def test_forms_that_make_no_sense_are_refused_in_words(chief: Person, day: Day) -> None:
    assert "There is no form" in html.unescape(post(chief, "/duty", 422, do="dance", org=WEST).text)
    assert "unknown" in post(chief, f"/handover/{WEST}", 404, shift="none", side="outgoing", name="x", revision="1").text
    assert post(chief, f"/handover/{WEST}", 422, shift=day.id, side="outgoing", name="x", revision="-1")


def test_the_sheet_holds_what_is_handed_over_and_stays_as_it_was_signed(city: ApiCity, chief: Person, second: Person, day: Day) -> None:
    incident_id = city.incident(address="中山东路 128 号", org_code=None)["incident_id"]
    city.handle(Push(incident_id=incident_id, unit_ids=("a-1",)))
    city.handle(Note(incident_id=incident_id, text="门口有监控<1>"))
    day.later(29)
    page = get(chief, day.sheet)
    for said in ("王所长", "李所长", "中山东路 128 号", "门口有监控&lt;1&gt;", "Acknowledge", "overdue", "Alarm: Acknowledge", "A-1"):
        assert said in page, said
    (revision,) = set(re.findall(r'name="revision" value="(\d+)"', page))
    form = {"shift": day.id, "revision": revision}
    post(chief, f"/handover/{WEST}", side="outgoing", name="王所长", **form)
    refused = post(chief, f"/handover/{WEST}", 422, side="incoming", name="李所长", **form)
    assert "the other leader signs under an own account" in refused.text
    # What happens from here on is not on the sheet any more, whoever opens it.
    city.handle(Arrive(incident_id=incident_id, unit_ids=("a-1",)))
    city.handle(Note(incident_id=incident_id, text="later"))
    signed = get(second, day.sheet)
    assert "later" not in signed
    assert f"revision {revision}" in signed
    assert bare(signed) == bare(get(chief, day.sheet))
    post(second, f"/handover/{WEST}", side="incoming", name="李所长", **form)
    both = get(second, day.sheet)
    assert both.count('class="done"') == 2
    day.later(90)
    assert sheet_rows(get(second, day.sheet)) == sheet_rows(page)
