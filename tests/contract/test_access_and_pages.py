"""Who sees what, with several accounts side by side; and pages that ask nobody outside for anything."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.desk_server import COARSE, chromium
from tests.contract.conftest import City, problem
from tests.servers import DEMO_PASSWORD

NUMBER = "13800001234"


def wall(city: City, account: str = "operator") -> httpx.Client:
    """A session that was logged in for a wall screen."""
    client = city.server.client(account)
    client.cookies.clear()
    client.post("/login", data={"name": account, "password": DEMO_PASSWORD, "next": "/wall?screen=all"})
    return client


def test_short_and_full_codes_mean_the_same(city: City) -> None:
    assert city.api("operator", "330203").get("/me").json()["org_code"] == "330203000000"
    assert city.api("viewer", "330203000000").get("/me").json()["org_code"] == "330203000000"
    assert city.api().get("/me").json()["org_code"] == "330200000000"


def test_a_county_acts_on_its_own_ground_only(city: City) -> None:
    county = city.api("operator", "330203")
    ours = city.incident()["incident_id"]
    theirs = city.incident(lon=121.62, lat=29.865)
    assert not theirs["org_code"].startswith("330203")
    note = {"command": "note", "text": "x"}
    assert county.post(f"/incidents/{ours}/commands", json=note).status_code == 200
    problem(county.post(f"/incidents/{theirs['incident_id']}/commands", json=note), 404)
    problem(county.get(f"/incidents/{theirs['incident_id']}"), 404)
    assert theirs["incident_id"] not in county.get("/picture").text
    assert theirs["incident_id"] not in county.get("/changes?since=0&limit=1000").text
    assert problem(county.put("/units/theirs", json={"callsign": "T", "kind": "patrol_car", "org_code": "330212"}), 403)


def test_a_viewer_changes_nothing(city: City) -> None:
    viewer = city.api("viewer", "330203000000")
    incident_id = city.incident()["incident_id"]
    assert viewer.get(f"/incidents/{incident_id}").status_code == 200
    problem(viewer.post(f"/incidents/{incident_id}/commands", json={"command": "note", "text": "x"}), 403)
    problem(viewer.post("/incidents", json={"incident_type": "assault", "grade": 2}), 403)
    problem(viewer.get("/metrics"), 403)


def test_a_caller_is_for_those_who_need_it_and_never_for_a_wall(city: City) -> None:
    path = f"/incidents/{city.incident(caller={'name': '王', 'number': NUMBER})['incident_id']}"
    assert city.api().get(path).json()["caller"] == {"name": "王", "number": NUMBER}
    assert NUMBER not in city.api("viewer", "330203000000").get(path).text
    assert NUMBER not in wall(city).get(f"/api/v1{path}").text
    assert NUMBER not in city.api().get("/changes?since=0&limit=1000").text


def test_plain_clothes_are_for_their_own_command_and_the_city_and_never_for_a_wall(city: City) -> None:
    city.unit("plain-1", marked=False, org_code="330212")
    assert "plain-1" in city.api().get("/units").text
    assert "plain-1" not in city.api("operator", "330203").get("/units").text
    assert "plain-1" not in wall(city).get("/api/v1/units").text
    assert wall(city).get("/api/v1/me").json()["role"] == "viewer"


def test_a_complaint_against_police_is_for_supervision_and_the_level_above(city: City) -> None:
    at_the_station = {"lon": 121.5437, "lat": 29.8752}
    ordinary, complaint = city.incident(**at_the_station), city.incident(incident_type="complaint", **at_the_station)
    assert ordinary["org_code"] == complaint["org_code"] == "330203010000"
    sees = {"station": (200, 404), "county": (200, 200), "supervisor": (200, 200)}
    for account, expected in sees.items():
        client = city.server.client(account)
        paths = (f"/api/v1/incidents/{incident['incident_id']}" for incident in (ordinary, complaint))
        assert tuple(client.get(path).status_code for path in paths) == expected, account


# Pages


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def logged_in(browser: Browser, city: City, account: str, page: str) -> BrowserContext:
    context = browser.new_context(
        base_url=city.server.url, viewport={"width": 1280, "height": 800}, device_scale_factor=COARSE, reduced_motion="reduce"
    )
    context.request.post("/login", form={"name": account, "password": DEMO_PASSWORD, "next": page}, headers={"Origin": city.server.url})
    return context


class Look:
    """One page as its browser sees it: what it asked, what went wrong."""

    def __init__(self, city: City, browser: Browser, account: str, path: str, shows: str) -> None:
        self.context = logged_in(browser, city, account, path) if account else browser.new_context(base_url=city.server.url)
        self.page = page = self.context.new_page()
        self.asked: set[str] = set()
        self.said: list[str] = []
        self.failed: list[str] = []
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc if request.url.startswith(("http", "ws")) else ""))
        page.on("websocket", lambda socket: self.asked.add(urlsplit(socket.url).netloc))
        page.on("console", lambda message: self.said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("response", lambda response: self.failed.append(response.url) if response.status >= 400 else None)
        page.goto(path, wait_until="load", timeout=60_000)
        page.wait_for_selector(shows, state="attached", timeout=60_000)


PAGES = (
    ("operator", "/", "canvas"),
    ("operator", "/wall?screen=all", "canvas"),
    ("officer", "/terminal", "main, #app"),
    ("admin", "/admin", "table"),
    ("", "/login", "input[name=password]"),
    ("", "/api/docs", "main"),
)


@pytest.fixture(scope="module")
def looks(city: City, browser: Browser) -> Iterator[dict[str, Look]]:
    """All pages, by path; each has been open for three seconds at least."""
    opened = {path: Look(city, browser, account, path, shows) for account, path, shows in PAGES}
    next(iter(opened.values())).page.wait_for_timeout(3_000)
    yield opened
    for look in opened.values():
        look.context.close()


@pytest.mark.browser
@pytest.mark.parametrize("path", [path for _, path, _ in PAGES])
def test_a_page_asks_its_own_server_only_and_breaks_no_rule_of_its_policy(city: City, looks: dict[str, Look], path: str) -> None:
    look = looks[path]
    assert urlsplit(look.page.url).path == urlsplit(path).path
    assert look.asked - {""} == {urlsplit(city.server.url).netloc}
    assert look.failed == []
    # A browser says this when a crew was pushed to a phone that nobody has touched yet.
    assert [words for words in look.said if not words.startswith("Blocked call to navigator.vibrate")] == []
