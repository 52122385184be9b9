"""Where crews have been, on the page and over the API: the same answer; what is asked stays in the form; nothing of others leaks."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dashboard.callbacks.context import facts_for
from dashboard.edge import Edge
from dashboard.layouts.incident import incident_head
from storage.audit import AuditLog
from storage.database import open_database
from tests.dashboard.api_world import COUNTY, EAST, WEST, ApiCity, degrees, problem_of
from tests.dashboard.pages_world import COMMANDER, PAGE, VIEWER, parts_of
from tests.dashboard.test_account import Person
from tests.dashboard.test_account import edge as edge  # the same pages

ZONE = ZoneInfo("Asia/Shanghai")
PLACE = degrees(500, 500)


@pytest.fixture(scope="module")
def reviewer(city: ApiCity, edge: Edge) -> Person:
    return Person(city, edge, "reviewer", COUNTY)


@pytest.fixture(scope="module")
def began(city: ApiCity) -> datetime:
    """When a crew of WEST began to drive past the place, ten metres a second; one of EAST stood beside it."""
    began, writer = city.clock.now(), city.services.tracks._writer  # type: ignore[attr-defined]
    ids = ["track-west", "track-east"]
    for unit_id, org_code in zip(ids, (WEST, EAST), strict=True):
        city.unit(unit_id, org_code, at_m=None)
    code = np.zeros(2, np.uint8)
    for step in range(31):
        (west_lon, west_lat), (east_lon, east_lat) = degrees(200 + 20 * step, 500), degrees(510, 510)
        at = np.full(2, began.timestamp() + 2.0 * step)
        lon, lat, still = np.array([west_lon, east_lon]), np.array([west_lat, east_lat]), np.zeros(2)
        writer.append(ids, np.arange(2), at, at + 0.3, lon, lat, still, still, code, code)
    writer.take()
    writer.write()
    city.clock.advance(90)
    return began


def local(at: datetime) -> str:
    return at.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M:%S")


def test_api_and_page_say_who_was_there(city: ApiCity, reviewer: Person, began: datetime) -> None:
    ends = began + timedelta(seconds=80)
    span = {"from": began.isoformat(), "to": ends.isoformat()}
    found = city.get("/tracks/near", "reviewer", COUNTY, params={"lon": PLACE[0], "lat": PLACE[1], "radius_m": 50, **span}).json()
    assert [one["unit"]["unit_id"] for one in found["there"]] == ["track-east", "track-west"]
    (stay,) = found["there"][1]["stays"]
    assert abs(datetime.fromisoformat(stay["nearest_at"]) - began - timedelta(seconds=30)) < timedelta(seconds=0.1)
    assert stay["nearest_m"] == pytest.approx(0.0, abs=0.2)
    query = {"point": f"{PLACE[0]}, {PLACE[1]}", "radius": "50", "from": local(began), "to": local(ends)}
    page = reviewer.ask("GET", "/tracks", params=query)
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "TRACK-WEST" in page.text
    assert '<option value="track-west">TRACK-WEST · ' in page.text
    assert local(datetime.fromisoformat(stay["first_at"])).replace("T", " ") in page.text
    assert page.text.count('class="way"') == 2
    assert "nobody is excluded" not in page.text
    before = {"from": local(began - timedelta(hours=3)), "to": local(began - timedelta(hours=2))}
    assert "nobody is excluded" in reviewer.ask("GET", "/tracks", params=query | before).text
    assert f'value="{local(began)}"' in page.text


def test_the_path_of_a_crew_is_drawn_and_its_length_said(city: ApiCity, reviewer: Person, began: datetime) -> None:
    ends = began + timedelta(seconds=61)
    path = city.get(
        "/tracks/path", "reviewer", COUNTY, params={"unit_id": "track-west", "from": began.isoformat(), "to": ends.isoformat()}
    ).json()
    assert path["length_m"] == pytest.approx(600, rel=0.01)
    assert len(path["points"]) == 31
    page = reviewer.ask("GET", "/tracks", params={"unit": "track-west", "from": local(began), "to": local(ends)})
    assert "0.6 km" in page.text
    assert 'class="way"' in page.text


def test_the_state_of_an_instant_holds_crews_of_the_scope_only(city: ApiCity, began: datetime) -> None:
    at = (began + timedelta(seconds=31)).isoformat()
    of_county = city.get("/tracks/state", "reviewer", COUNTY, params={"at": at}).json()["units"]
    of_station = city.get("/tracks/state", "operator", WEST, params={"at": at}).json()["units"]
    assert {one["unit"]["unit_id"] for one in of_county} >= {"track-west", "track-east"}
    assert "track-west" in {one["unit"]["unit_id"] for one in of_station}
    assert "track-east" not in {one["unit"]["unit_id"] for one in of_station}


def test_the_page_fills_in_the_place_and_time_of_an_incident(city: ApiCity, reviewer: Person, began: datetime) -> None:
    incident = city.incident()
    page = reviewer.ask("GET", "/tracks", params={"incident": incident["incident_id"]})
    assert f'value="{incident["lon"]:.6f}, {incident["lat"]:.6f}"' in page.text
    assert "<table" not in page.text  # nothing is asked yet


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"point": "here", "from": "2026-05-01T10:00", "to": "2026-05-01T11:00"}, "Give a place as longitude, latitude"),
        ({"point": "<b>,1", "from": "2026-05-01T10:00", "to": "2026-05-01T11:00"}, "Give a place as longitude, latitude"),
        ({"point": "121.5,29.8", "from": "yesterday", "to": "2026-05-01T11:00"}, "Give a place as longitude, latitude"),
        ({"point": "121.5,29.8", "from": "2026-04-29T10:00", "to": "2026-05-01T11:00"}, "no span of at most 6 hours"),
        ({"unit": "nobody", "from": "2026-05-01T10:00", "to": "2026-05-01T11:00"}, "no unit nobody whose track"),
    ],
)
def test_what_is_no_question_is_said_on_the_page(reviewer: Person, query: dict[str, str], said: str) -> None:
    page = reviewer.ask("GET", "/tracks", params={**query, "lang": "en"})
    assert page.status_code == 422
    assert said in page.text
    assert "<b>" not in page.text


def test_the_api_names_what_is_wrong(city: ApiCity, began: datetime) -> None:
    span = {"from": began.isoformat(), "to": (began + timedelta(hours=7)).isoformat()}
    place = {"lon": PLACE[0], "lat": PLACE[1]}
    assert "6 hours" in problem_of(city.get("/tracks/near", "reviewer", params={**place, **span}), 422)["detail"]
    far = {**span, "to": (began + timedelta(hours=1)).isoformat(), "lon": 2.0, "lat": 48.0}
    problem_of(city.get("/tracks/near", "reviewer", params=far), 422)
    problem_of(city.get("/tracks/near", "reviewer", params={**place, **span, "radius_m": 1}), 422)
    problem_of(city.get("/tracks/path", "reviewer", params={"unit_id": "x", **span, "from": "2030-01-01T00:00:00Z"}), 422)


def test_each_question_is_on_record(city: ApiCity, began: datetime) -> None:
    ends = began + timedelta(seconds=7)
    city.get("/tracks/path", "supervisor", COUNTY, params={"unit_id": "track-west", "from": began.isoformat(), "to": ends.isoformat()})
    log = AuditLog(open_database(f"sqlite:///{city.services.evidence._files._kept.parents[1]}/journal.sqlite"))
    looks = [look for _, look in log.read(limit=10_000)]
    assert (looks[-1].what, looks[-1].actor_role, looks[-1].channel) == ("track", "supervisor", "api")
    assert looks[-1].subject.startswith("track-west 20")


def test_one_question_on_the_page_is_one_look(city: ApiCity, reviewer: Person, began: datetime) -> None:
    log = AuditLog(open_database(f"sqlite:///{city.services.evidence._files._kept.parents[1]}/journal.sqlite"))

    def looks() -> list[str]:
        return [look.subject for _, look in log.read(limit=10_000) if look.what == "track"]

    before = looks()
    query = {"point": f"{PLACE[0]}, {PLACE[1]}", "radius": "60", "from": local(began), "to": local(began + timedelta(seconds=80))}
    assert reviewer.ask("GET", "/tracks", params=query).text.count('class="way"') == 2
    (look,) = looks()[len(before) :]
    assert look.startswith("within 60 m of")


def test_a_hold_is_set_on_an_incident_shown_and_released(city: ApiCity, reviewer: Person) -> None:
    incident = city.incident()["incident_id"]
    assert 'name="incident"' in reviewer.ask("GET", "/tracks", params={"incident": incident}).text
    done = reviewer.ask("POST", "/tracks/holds", data={"incident": incident, "reason": "<i>appeal</i>", "until": "2026-12-31"})
    assert (done.status_code, done.headers["location"]) == (303, "/tracks")
    page = reviewer.ask("GET", "/tracks").text
    assert "&lt;i&gt;appeal" in page
    assert "<i>" not in page
    (hold,) = [one for one in city.get("/tracks/holds", "reviewer", COUNTY).json()["holds"] if one["incident_id"] == incident]
    assert datetime.fromisoformat(hold["until"]) == datetime(2027, 1, 1, tzinfo=ZONE)  # all of the day that was given
    assert reviewer.ask("POST", "/tracks/holds", data={"release": hold["hold_id"]}).status_code == 303
    assert not [one for one in city.run(city.services.track_holds.held()) if one.circle is None]
    again = city.post(f"/tracks/holds/{hold['hold_id']}/release", None, "reviewer", COUNTY).json()
    assert again["released_by"] == reviewer.name


def test_a_hold_over_the_api_has_one_effect_under_one_key(city: ApiCity) -> None:
    body = {"reason": "inquiry", "from": "2026-05-01T00:00:00Z", "to": "2026-05-01T06:00:00Z", "lon": PLACE[0], "lat": PLACE[1]}
    made = [
        city.post("/tracks/holds", {**body, "radius_m": 200}, "commander", headers={"Idempotency-Key": "hold-1"}).json() for _ in range(2)
    ]
    assert made[0] == made[1]
    assert sum(one["hold_id"] == made[0]["hold_id"] for one in city.get("/tracks/holds", "commander").json()["holds"]) == 1
    problem_of(city.post("/tracks/holds", body, "commander"), 422)
    problem_of(city.post("/tracks/holds", {**body, "radius_m": 2}, "commander"), 422)
    problem_of(city.post("/tracks/holds", {"reason": "x", "incident_id": "none"}, "commander"), 404)
    problem_of(city.post("/tracks/holds", body, "operator"), 403)


def test_a_refused_hold_says_why_on_the_page(reviewer: Person) -> None:
    for form, said in (
        ({"reason": "x", "from": "2026-05-01T10:00", "to": "2026-05-01T09:00"}, "span of at most 31 days"),
        ({"reason": "x", "from": "soon", "to": "2026-05-01T09:00"}, "Give a place"),
        ({"reason": "x", "from": "2026-05-01T08:00", "to": "2026-05-01T09:00", "until": "9999-12-31"}, "Give a place"),
    ):
        page = reviewer.ask("POST", "/tracks/holds?lang=en", data=form)
        assert page.status_code == 422
        assert said in page.text


def test_the_panel_leads_to_the_tracks_of_an_incident_for_who_may_see_them(city: ApiCity) -> None:
    incident_id = city.incident()["incident_id"]
    incident = city.services.handler.picture.incidents[incident_id]
    for actor, leads in ((COMMANDER, [f"/tracks?incident={incident_id}"]), (VIEWER, [])):
        head = incident_head(incident, facts_for(city.services, actor, PAGE))
        assert [link.href for link in parts_of(head, "A") if link.href.startswith("/tracks")] == leads
