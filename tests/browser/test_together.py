"""Two desks and a phone at once: who else is there, whose it is, who has read what."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from dispatch.commands import Acknowledge, Cancel, Push
from dispatch.duty_commands import RecallBroadcast
from tests.browser.desk_server import PASSWORD, DeskServer, Visitor
from tests.cities import WEST

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
    visitor.page.wait_for_selector("html:not(.panel-waiting)")  # until then keys answer nothing that is asked in it
    return visitor.page


def press(button: Locator) -> None:
    """Without waiting for the page to stand still: two maps that are drawn without a graphics card seldom do.

    In one step with finding it: the panel may be drawn anew at any moment, and a button that has left it tells nobody of its click.
    """
    button.dispatch_event("click")


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


@pytest.fixture(scope="module")
def crew_account(desk: DeskServer) -> str:
    desk.services.accounts.add_user("crew", PASSWORD, "officer", WEST, unit_id="u0")
    return "crew"


def phone(browser: Browser, desk: DeskServer, account: str) -> Visitor:
    """The officer's page on a phone of its own."""
    visitor = Visitor(browser, desk, account, (390, 844))
    visitor.page.goto(f"{desk.url}/terminal?lang=en")
    visitor.page.wait_for_selector(".head .tick")
    return visitor


def broadcast(visitor: Visitor, text: str) -> None:
    visitor.page.fill("#broadcast-text", text)
    press(visitor.page.locator("#broadcast-send"))
    expect(visitor.page.locator("#broadcasts-sent .broadcast .text").first).to_have_text(text)


def test_a_broadcast_is_read_on_a_phone_and_at_a_desk_and_the_sender_sees_by_whom(
    browser: Browser, city_desk: Visitor, west_desk: Visitor, desk: DeskServer, crew_account: str
) -> None:
    crew = phone(browser, desk, crew_account)
    city, west = city_desk.page, west_desk.page
    press(city.locator("#broadcast-open"))
    broadcast(city_desk, "Bridge closed. <b>No</b> way across.")
    receipts, rest = city.locator(".receipts").first, city.locator(".rest").first
    expect(receipts).to_have_text("0 of 27 have read it, 2 have it")
    expect(rest).to_contain_text("西门00")
    expect(city.locator("#broadcasts-received")).to_be_hidden()

    expect(crew.page.locator(".cast .text")).to_have_text("Bridge closed. <b>No</b> way across.")
    press(crew.page.locator("[data-do=read-cast]"))
    expect(crew.page.locator(".cast")).to_have_count(0)
    expect(west.locator("#broadcasts-received .text")).to_have_text("Bridge closed. <b>No</b> way across.")
    press(west.locator("#broadcasts-received button"))
    expect(west.locator("#broadcasts-received")).to_be_hidden()
    expect(receipts).to_have_text("2 of 27 have read it, 2 have it")
    expect(rest).not_to_contain_text("西门00")
    expect(rest).not_to_contain_text("西门派出所")

    crew.context.close()  # a phone that is off
    broadcast(city_desk, "Second.")
    broadcast(city_desk, "Third.")
    crew = phone(browser, desk, crew_account)
    expect(crew.page.locator(".cast .text")).to_have_text("Second.")
    press(crew.page.locator("[data-do=read-cast]"))
    expect(crew.page.locator(".cast .text")).to_have_text("Third.")
    press(city.locator(".broadcast button", has_text="Recall").first)
    expect(crew.page.locator(".cast")).to_have_count(0)
    expect(crew.page.locator(".note .words")).to_have_text("A broadcast was recalledThird.")
    expect(west.locator("#broadcasts-received .broadcast")).to_have_count(1)
    assert crew.errors == []
    crew.context.close()
    for one in desk.services.handler.picture.broadcasts.values():
        desk.handle(RecallBroadcast(broadcast_id=one.broadcast_id))


def test_a_note_shows_who_on_the_incident_has_read_it(
    browser: Browser, city_desk: Visitor, west_desk: Visitor, desk: DeskServer, crew_account: str
) -> None:
    incident_id = desk.incident()
    desk.handle(Push(incident_id=incident_id, unit_ids=("u0", "u1")))
    for unit_id in ("u0", "u1"):  # before anybody else is sent as well
        desk.handle(Acknowledge(incident_id=incident_id, unit_ids=(unit_id,)))
    crew = phone(browser, desk, crew_account)
    city, west = show(city_desk, desk, incident_id), show(west_desk, desk, incident_id)
    press(west.locator(".actions button", has_text="Note"))
    west.fill("#ask-text", "The dog bites.")
    press(west.locator("#ask-send"))
    expect(city.locator(".note-row .reads .waiting")).to_have_text("not read: 西门00, 西门01")
    expect(crew.page.locator(".remark .words")).to_contain_text("The dog bites.")
    press(crew.page.locator("[data-do=read-note]"))
    expect(crew.page.locator(".remark")).to_have_count(0)
    expect(city.locator(".note-row .reads .waiting")).to_have_text("not read: 西门01")  # listed in the order in which it was recorded
    press(city.locator(".note-row button", has_text="Read"))
    expect(west.locator(".note-row .reads")).to_have_text(
        re.compile(r"^read: 西门00 \d\d:\d\d:\d\dread: commander \d\d:\d\d:\d\dnot read: 西门01$")
    )
    assert crew.errors == []
    crew.context.close()
