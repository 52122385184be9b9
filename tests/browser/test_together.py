"""Two desks and a phone at once: who else is there, whose it is, who has read what."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dispatch.commands import Cancel
from tests.browser.desk_server import DeskServer, Visitor

pytestmark = pytest.mark.browser

GONE_WITHIN_MS = 2_000  # a desk that has left is shown no longer than this
SOON_MS = 30_000
DESK_SIZE = (1280, 720)  # two maps at once are drawn without a graphics card


@pytest.fixture(scope="module", autouse=True)
def patience(desk: DeskServer) -> Iterator[None]:
    expect.set_options(timeout=SOON_MS)
    desk.moving = False
    yield
    desk.moving = True
    expect.set_options(timeout=None)


@pytest.fixture(scope="module")
def city_desk(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, desk, "commander", DESK_SIZE)
    visitor.open("/?lang=en")
    yield visitor
    assert visitor.errors == []
    visitor.context.close()


@pytest.fixture(scope="module")
def west_desk(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, desk, "west", DESK_SIZE)
    visitor.open("/?lang=en")
    yield visitor
    assert visitor.errors == []
    visitor.context.close()


@pytest.fixture(autouse=True)
def nothing_left_over(city_desk: Visitor, west_desk: Visitor, desk: DeskServer) -> Iterator[None]:
    yield
    for visitor in (city_desk, west_desk):
        visitor.page.keyboard.press("Escape")
        visitor.page.keyboard.press("Escape")
    for incident in desk.services.handler.picture.open_incidents():
        desk.handle(Cancel(incident_id=incident.incident_id))
    expect(city_desk.page.locator(".card")).to_have_count(0)


def show(visitor: Visitor, desk: DeskServer, incident_id: str) -> Page:
    number = desk.services.handler.picture.incidents[incident_id].number
    visitor.page.locator(f".card:has(.number:text-is('#{number}'))").click()
    expect(visitor.page.locator("#panel-body .head .number").first).to_have_text(f"#{number}")
    return visitor.page


def press(button: Locator) -> None:
    """Without waiting for the page to stand still: two maps that are drawn without a graphics card seldom do."""
    button.evaluate("button => button.click()")


def test_desks_see_who_else_has_the_incident_open_and_that_they_have_left(city_desk: Visitor, west_desk: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident()
    other = desk.incident(300, 300)
    city, west = show(city_desk, desk, incident_id), west_desk.page
    expect(west.locator(".card .lookers .initials")).to_have_text("CO")
    show(west_desk, desk, incident_id)
    expect(city.locator("#panel-lookers .looker")).to_contain_text("west西门派出所")
    expect(west.locator("#panel-lookers .looker .name")).to_have_text("commander")
    expect(city.locator(".card.selected .lookers .initials")).to_have_text("WE")
    show(west_desk, desk, other)
    expect(city.locator("#panel-lookers")).to_be_hidden(timeout=GONE_WITHIN_MS)
    expect(city.locator(".card:not(.selected) .lookers .initials")).to_have_text("WE")
    west.goto("about:blank")
    expect(city.locator(".card .lookers")).to_have_count(0, timeout=GONE_WITHIN_MS)
    west_desk.open("/?lang=en")


def test_acting_on_what_another_has_claimed_takes_one_more_yes(city_desk: Visitor, west_desk: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident()
    city, west = show(city_desk, desk, incident_id), show(west_desk, desk, incident_id)
    west.keyboard.press("c")
    expect(west.locator(".due-line.claim")).to_contain_text("Claimed by you")
    expect(city.locator(".due-line.claim")).to_contain_text("Claimed by west西门派出所lapses in")
    expect(city.locator(".card .initials.claimed")).to_have_text("WE")

    def on_it() -> int:
        return len(desk.services.handler.picture.incidents[incident_id].assignments)

    expect(city.locator("#panel-scene .push-top")).to_be_visible()
    city.keyboard.press("p")
    warning = city.locator("#claim-warning")
    expect(warning).to_contain_text(re.compile(r"west, 西门派出所, is working on it; the claim lapses in [12]:\d\d"))
    city.keyboard.press("Escape")
    expect(warning).to_be_hidden()
    assert on_it() == 0
    city.keyboard.press("p")
    expect(warning).to_be_visible()
    city.keyboard.press("Enter")
    expect(city.locator(".assignment")).to_have_count(1)
    press(west.locator(".actions button", has_text="Recall"))  # its holder is not asked
    expect(west.locator(".assignment.past")).to_have_count(1)
    expect(west.locator("#claim-warning")).to_be_hidden()

    city.keyboard.press("c")
    expect(west.locator(".due-line.claim")).to_contain_text("Claimed by commander")
    expect(west.locator("#panel-after .timeline")).to_contain_text("Claimed, taken over from west")
    press(west.locator(".fold button", has_text="Close"))
    expect(west.locator("#claim-warning-go")).to_have_text("Close all the same")
    press(west.locator("#claim-warning-go"))
    expect(west.locator("#ask")).to_be_visible()
    press(west.locator("#ask-send"))
    expect(west.locator(".stage-bar .now")).to_contain_text("Closed")
