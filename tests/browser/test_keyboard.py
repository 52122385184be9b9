"""The loop without a mouse: create, push, enter what the crew says, close; a further call that is answered by a key. And what needs
a mouse: a duty circle is drawn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from dispatch.model import Incident, Stage
from tests.browser.desk_server import DeskServer, Visitor, desk_server
from tests.cities import degrees

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


def test_a_key_held_until_its_form_is_there_types_nothing_into_it(operator: Visitor) -> None:
    page, kind = operator.page, operator.page.locator("#new-type")
    page.keyboard.down("n")
    expect(kind).to_be_focused()
    page.keyboard.up("n")
    expect(kind).to_be_focused()
    expect(kind).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("d")  # a list does open by a letter
    expect(kind).to_have_attribute("aria-expanded", "true")
    expect(page.locator("input[placeholder=Search]")).to_have_value("d")
    page.keyboard.press("Escape")
    expect(page.locator("#new-dialog")).to_be_hidden()


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


def test_a_duty_circle_is_drawn_moved_saved_and_drilled_on_the_map(operator: Visitor, desk: DeskServer) -> None:
    page = operator.page
    circle = "liandong.circles"
    page.click("#circles-open")
    page.click("#circles-body button:has-text('New duty circle')")
    expect(page.locator("#circle-hint")).to_have_text("Click the place itself on the map; Esc to leave it")
    lon, lat = degrees(300, 300)

    def at(of: tuple[float, float]) -> tuple[float, float]:
        """Where a point of the ground is in the window."""
        x, y = operator.knows(f"(() => {{ const p = liandong.basemap.map.project([{of[0]}, {of[1]}]); return [p.x, p.y] }})()")
        box = page.locator("#map canvas.maplibregl-canvas").bounding_box()
        assert box is not None
        return box["x"] + x, box["y"] + y

    operator.knows(f"void liandong.basemap.map.jumpTo({{center: [{lon}, {lat}], zoom: 15}})")
    page.mouse.click(*at((lon, lat)))
    expect(page.locator(".circle-place")).to_contain_text("第一医院")  # the key place that stands there
    page.click("text=All tiers by road")
    operator.until(f"{circle}.draft.tiers.every((tier) => tier.area.length)")
    corner = operator.knows(f"{circle}.draft.tiers[0].area[0][0][1]")
    x, y = at(corner)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 25, y - 15, steps=3)
    page.mouse.up()
    moved = operator.knows(f"{circle}.draft.tiers[0].area[0][0][1]")
    assert moved != corner
    assert at(moved) == (pytest.approx(x + 25, abs=1.5), pytest.approx(y - 15, abs=1.5))
    page.click("#circles-body button:has-text('Add a force')")
    page.click("#circles-body button:text-is('Save')")
    expect(page.locator("#circles-body h2")).to_have_text("第一医院")
    expect(page.locator(".circle-summary")).to_contain_text("crews")  # the drill has answered
    (saved,) = desk.services.handler.picture.duty_circles.values()
    assert saved.tiers[0].area[0][0][1] == tuple(moved)
    page.keyboard.press("Escape")
    expect(page.locator(".circle-entry .name")).to_have_text("第一医院")
