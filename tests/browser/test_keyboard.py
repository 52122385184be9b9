"""The loop without a mouse: create, push, enter what the crew says, close; and a further call that is answered by a key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from dispatch.model import Incident, Stage
from tests.browser.desk_server import DeskServer, Visitor, desk_server

pytestmark = pytest.mark.browser

SOON_MS = 30_000


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskServer]:
    expect.set_options(timeout=SOON_MS)
    with desk_server(tmp_path_factory.mktemp("keys"), units=6) as server:
        server.moving = False
        yield server
    expect.set_options(timeout=None)


@pytest.fixture(scope="module")
def operator(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, desk, "commander")
    visitor.open("/?lang=en")
    yield visitor
    assert visitor.errors == []
    assert visitor.outside == []
    visitor.context.close()


def newest(desk: DeskServer) -> Incident:
    return max(desk.services.handler.picture.incidents.values(), key=lambda one: one.number)


def test_create_push_and_close_by_keys_alone(operator: Visitor, desk: DeskServer) -> None:
    page, line = operator.page, operator.page.locator("#line")
    keys = page.keyboard

    def typed(text: str) -> None:
        keys.press(":")
        expect(line).to_be_visible()
        keys.type(text)

    typed("new assa")
    expect(line.locator("[role=option]").first).to_contain_text("assault")
    keys.press("Tab")
    keys.type("横5")
    expect(line.locator("[role=option]").first).to_contain_text("横5路")
    keys.press("Tab")
    keys.type("两人打架")
    keys.press("Enter")
    expect(line).to_be_hidden()
    expect(page.locator("#panel-body .head .number").first).to_have_text("#1")

    typed("push . ")
    expect(line.locator("[role=option]").first).to_contain_text("西门")
    nearest = line.locator("[role=option] .word").first.inner_text()
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator("#panel-body .assignment")).to_contain_text(nearest)

    typed("feedback . 已劝离")
    keys.press("Enter")
    expect(page.locator("#panel-body .actions .primary")).to_have_text("Review")
    keys.press("o")
    expect(page.locator("#ask")).to_be_visible()
    keys.press("Control+Enter")
    expect(page.locator("#panel-body .actions .primary")).to_have_text("Close")

    typed("close . wrong")
    keys.press("Enter")
    expect(line.locator(".line-note.bad")).to_contain_text("“wrong” is not known here as outcome. Could stand there: settled")
    for _ in "wrong":
        keys.press("Backspace")
    keys.type("settled")
    keys.press("Enter")
    expect(line.locator(".line-note.ask")).to_contain_text("Close · #1 Assault · Settled on the spot?")
    assert newest(desk).is_open
    keys.press("Enter")
    expect(line).to_be_hidden()
    assert newest(desk).stage == Stage.CLOSED

    keys.press("/")
    keys.press("ArrowUp")
    expect(line.locator("input")).to_have_value("close . settled")
    keys.press("ArrowUp")
    expect(line.locator("input")).to_have_value("feedback . 已劝离")
    keys.press("Escape")
    expect(line).to_be_hidden()
    keys.press("?")
    expect(page.locator("#help")).to_contain_text("command line")
    keys.press("Escape")


def test_a_further_call_is_pointed_out_and_merged_by_a_key(operator: Visitor, desk: DeskServer) -> None:
    page = operator.page
    first, later = desk.incident(300, 300), desk.incident(320, 300)
    incidents = desk.services.handler.picture.incidents
    page.keyboard.press("Escape")
    page.keyboard.press(":")
    page.keyboard.type(f"open {incidents[later].number}")
    page.keyboard.press("Enter")
    alike = page.locator("#panel-body .due-line.alike").first
    expect(alike).to_contain_text(f"May be the same as #{incidents[first].number}")
    expect(alike).to_contain_text("20 m away")
    card = page.locator(f".card:has(.number:text-is('#{incidents[later].number}'))")
    expect(card.locator(".alike-sign")).to_have_text(f"#{incidents[first].number}")
    page.keyboard.press("m")
    expect(page.locator("#panel-body .stage-bar .otherwise")).to_contain_text("Merged")
    assert desk.services.handler.picture.incidents[later].merged_into == first
    expect(page.locator(".card .alike-sign")).to_have_count(0)


def test_the_form_points_out_a_further_call_while_it_is_typed(operator: Visitor, desk: DeskServer) -> None:
    page = operator.page
    known = desk.incident(800, 800, text="店铺起火")
    number = desk.services.handler.picture.incidents[known].number
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(page.locator("#new-dialog")).to_be_visible()
    page.evaluate("([lon, lat]) => dash_clientside.set_props('new-point', {data: {lon, lat, address: ''}})", [*point_of(desk, known)])
    page.fill("#new-text", "店铺起火，有人被困")
    line = page.locator("#new-alike .due-line")
    expect(line).to_contain_text(f"May be the same as #{number}")
    line.locator("button", has_text="Not the same").click()
    expect(line).to_have_count(0)
    page.keyboard.press("Escape")


def point_of(desk: DeskServer, incident_id: str) -> tuple[float | None, float | None]:
    incident = desk.services.handler.picture.incidents[incident_id]
    return incident.lon, incident.lat
