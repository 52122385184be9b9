"""City and station at their desks in two real browsers: one incident in step, nothing of the other station, links that stay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from dispatch.commands import Acknowledge, Push
from dispatch.duty_commands import RegisterUnit
from dispatch.model import UnitKind
from tests.browser.desk_server import DeskServer, Visitor
from tests.cities import EAST, WEST, degrees

pytestmark = pytest.mark.browser

BLINK_S = 1.0  # what one desk does is seen at the other
PLACES = {"west": (250, 550), "east": (850, 550)}


@pytest.fixture(scope="module")
def city(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    yield from visitor(browser, desk, "operator", "/?lang=en")


@pytest.fixture(scope="module")
def station(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    yield from visitor(browser, desk, "west", f"/station/{WEST}?lang=en")


def visitor(browser: Browser, desk: DeskServer, account: str, path: str) -> Iterator[Visitor]:
    made = Visitor(browser, desk, account, size=(1280, 720))
    made.open(path)
    yield made
    assert made.errors == []
    assert made.outside == []
    made.context.close()


def call(desk: DeskServer, where: str, incident_type: str, **more: object) -> str:
    return desk.incident(*PLACES[where], incident_type=incident_type, **more)


def stage_of(incident_id: str) -> str:
    return f"liandong.state.incidents.get('{incident_id}')?.stage"


def test_the_station_opens_on_its_own_ground_under_its_own_name(station: Visitor, city: Visitor) -> None:
    expect(station.page.locator("#strip .city strong")).to_have_text("西门派出所")
    expect(city.page.locator("#strip .city strong")).to_have_text("Ningbo")
    lon, lat = degrees(*PLACES["west"])
    centre = station.knows("[liandong.basemap.map.getCenter().lng, liandong.basemap.map.getCenter().lat]")
    assert centre == [pytest.approx(lon, abs=2e-3), pytest.approx(lat, abs=2e-3)]


def test_both_desks_see_the_same_incident_change_at_once(station: Visitor, city: Visitor, desk: DeskServer) -> None:
    incident_id = call(desk, "west", "robbery", grade=1, text="at the west gate")
    for one in (station, city):
        expect(one.page.locator(".card:has-text('Robbery')")).to_be_visible()
        expect(one.page.locator("[data-grade-count='1']").first).to_have_text("1")
    station.page.locator(".card:has-text('Robbery')").click()
    station.page.wait_for_selector(f"#panel-scene .push-top[data-press*='{incident_id}']")
    station.page.keyboard.press("p")
    city.until(f"{stage_of(incident_id)} === 'pushed'")
    desk.handle(Acknowledge(incident_id=incident_id))
    for one in (station, city):
        one.until(f"{stage_of(incident_id)} === 'acknowledged'", within_s=BLINK_S)
        expect(one.page.locator(".card:has-text('Robbery') .stage")).to_have_text("Acknowledged")
    station.page.wait_for_selector("#panel-body .assignment .stage-acknowledged")


def test_the_other_stations_incidents_and_plain_clothes_are_not_there(station: Visitor, city: Visitor, desk: DeskServer) -> None:
    for unit_id, marked in (("east-marked", True), ("east-covert", False)):
        desk.handle(RegisterUnit(unit_id=unit_id, callsign=unit_id, kind=UnitKind.PATROL_CAR, org_code=EAST, marked=marked))
    # Of a grade whose missed acknowledgement sends nobody else: the next nearest would be the west station's, and see it.
    east = call(desk, "east", "fire", grade=3)
    desk.handle(Push(incident_id=east, unit_ids=("east-marked",)))
    west = call(desk, "west", "theft", grade=3)
    for one in (station, city):
        one.until(f"{stage_of(west)} === 'received'")
    assert city.knows(stage_of(east)) == "pushed"
    assert not station.knows(f"liandong.state.incidents.has('{east}')"), "told before the theft, had it been told at all"
    known = "['east-marked', 'east-covert'].filter((id) => liandong.fleet.indexById.has(id))"
    assert city.knows(known) == ["east-marked", "east-covert"]
    assert station.knows(known) == ["east-marked"], "the neighbour's marked car is seen, its plain clothes are not"
    expect(station.page.locator(".card:has-text('Fire')")).to_have_count(0)
    expect(station.page.locator("[data-grade-count='3']").first).to_have_text("1")
    expect(city.page.locator("[data-grade-count='3']").first).to_have_text("2")


def test_ones_own_come_before_what_is_shared(station: Visitor, desk: DeskServer) -> None:
    desk.handle(RegisterUnit(unit_id="west-lent", callsign="west-lent", kind=UnitKind.PATROL_CAR, org_code=WEST))
    lent = call(desk, "east", "suspicious_person", grade=2)
    desk.handle(Push(incident_id=lent, unit_ids=("west-lent",)))
    own = call(desk, "west", "assault", grade=2)
    minor = call(desk, "west", "help", grade=4)
    rows = "[...document.querySelectorAll('#queue .ag-center-cols-container .ag-row')]"
    in_order = f"{rows}.sort((a, b) => a.getAttribute('row-index') - b.getAttribute('row-index'))"
    named = f"{in_order}.map((row) => row.querySelector('.card strong').innerText)"
    wanted = "Assault,Suspicious person,Call for help"  # the shared one is older, and as urgent as the first
    station.until(f"{named}.filter((name) => '{wanted}'.includes(name)).join() === '{wanted}'")
    assert station.knows(f"[{', '.join(map(stage_of, (lent, own, minor)))}]") == ["pushed", "received", "received"]


def test_the_address_is_the_state_also_in_the_other_language(station: Visitor, desk: DeskServer) -> None:
    station.page.locator(".card:has-text('Theft')").click()
    station.page.wait_for_selector("#panel-body h2:has-text('Theft')")
    station.until("location.search.includes('incident=')")
    assert station.knows("location.pathname") == f"/station/{WEST}"
    station.page.click("#language-switch")
    station.page.wait_for_selector("html.ready[lang=zh-CN]", timeout=60_000)
    station.page.wait_for_selector("#panel-body h2:has-text('盗窃')")
    assert station.knows("location.pathname") == f"/station/{WEST}"
    assert station.until("liandong.state.scope?.org_code") == WEST
    expect(station.page.locator(".card:has-text('火灾')")).to_have_count(0)


@pytest.mark.parametrize(
    ("code", "status", "said"), [(EAST, 403, "not open to you"), ("330203", 403, "not open"), ("330299", 404, "no such desk")]
)
def test_a_desk_that_is_not_ones_own_says_why(station: Visitor, desk: DeskServer, code: str, status: int, said: str) -> None:
    answer = station.page.goto(f"{desk.url}/station/{code}?lang=en")
    assert answer is not None
    assert answer.status == status
    expect(station.page.locator("h1 ~ p")).to_contain_text(said)
    expect(station.page.locator("a", has_text="To the desk")).to_have_attribute("href", "/")


def test_the_level_above_opens_the_same_desk_and_no_more(city: Visitor, desk: DeskServer) -> None:
    east = call(desk, "east", "drowning", grade=1)
    west = call(desk, "west", "noise", grade=4)
    city.open(f"/station/{WEST}?lang=en&incident={east}")
    expect(city.page.locator("#panel-body")).to_contain_text("may not see it")
    city.until(f"{stage_of(west)} === 'received'")
    assert not city.knows(f"liandong.state.incidents.has('{east}')")
    assert city.knows("liandong.state.scope.org_code") == WEST
