"""The wall in a real browser: no controls, follows the desk on request, never while someone moves its map."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.desk_server import LOSE_GRAPHICS, READY_WITHIN_MS, DeskServer, Visitor
from tests.cities import degrees

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def wall(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, desk, "viewer", size=(1600, 900))
    visitor.open("/wall?screen=all&lang=zh")
    yield visitor
    assert visitor.errors == []
    assert visitor.outside == []
    visitor.context.close()


@pytest.fixture(scope="module")
def operator(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, desk, "operator", size=(1280, 720))
    visitor.open("/?lang=en")
    yield visitor
    visitor.context.close()


def show(operator: Visitor, incident_type: str) -> None:
    """A desk selects the incident of this type and pushes its view to the wall."""
    operator.page.locator(f".card:has-text('{incident_type}')").click()
    operator.page.wait_for_selector(f"#panel-body h2:has-text('{incident_type}')")
    operator.page.wait_for_timeout(1500)  # the camera is on its way
    operator.page.keyboard.press("w")


def test_no_control_is_shown(wall: Visitor) -> None:
    assert [button for button in wall.page.locator("button").all() if button.is_visible()] == []
    assert wall.page.locator("#wall").is_visible()


def test_counters_are_large(wall: Visitor) -> None:
    """Read from eight metres: digits of at least 1/40 of the picture's height."""
    sizes = wall.knows("[...document.querySelectorAll('.counter b')].map((node) => parseFloat(getComputedStyle(node).fontSize))")
    assert len(sizes) == 10
    assert min(sizes) >= 900 / 40


def test_it_follows_the_desk_on_request(wall: Visitor, operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(150, 950, grade=1, incident_type="robbery")
    show(operator, "Robbery")
    wall.until(f"liandong.state.selection?.incident_id === '{incident_id}'")
    lon, _ = degrees(150, 950)
    wall.until(f"Math.abs(liandong.basemap.map.getCenter().lng - {lon}) < 0.01")
    wall.page.wait_for_selector("#panel.open .head")
    assert wall.page.locator("#panel button:visible").count() == 0


def test_it_leaves_the_view_to_whoever_moves_it(wall: Visitor, operator: Visitor, desk: DeskServer) -> None:
    box = wall.page.locator("#map-panel").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    wall.page.mouse.move(*middle)
    wall.page.mouse.down()
    wall.page.mouse.move(middle[0] + 200, middle[1] + 60, steps=6)
    wall.page.mouse.up()
    wall.page.wait_for_timeout(1500)
    held = wall.knows("[liandong.basemap.map.getCenter().lng, liandong.state.selection?.incident_id]")
    desk.incident(900, 150, grade=1, incident_type="theft")
    show(operator, "Theft")
    wall.page.wait_for_timeout(3000)
    assert wall.knows("[liandong.basemap.map.getCenter().lng, liandong.state.selection?.incident_id]") == held
    # A minute later nobody is at it any more.
    wall.knows("liandong.state.touchedAt = performance.now() - 61000")
    wall.until(f"liandong.state.selection?.incident_id !== '{held[1]}'")


def test_a_click_selects_nothing(wall: Visitor) -> None:
    before = wall.knows("JSON.stringify(liandong.state.selection)")
    box = wall.page.locator("#map-panel").bounding_box()
    assert box is not None
    wall.page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    wall.page.wait_for_timeout(800)
    assert wall.knows("JSON.stringify(liandong.state.selection)") == before


@pytest.mark.parametrize(("screen", "seen", "unseen"), [("map", "#map-panel", "#queue-panel"), ("queue", "#queue-panel", "#map-panel")])
def test_each_screen_shows_its_part(wall: Visitor, screen: str, seen: str, unseen: str) -> None:
    wall.until("liandong.basemap.map.loaded()", 60)  # a map that is left half loaded calls that an error
    wall.open(f"/wall?screen={screen}&lang=en")
    assert wall.page.locator(seen).is_visible()
    assert not wall.page.locator(unseen).is_visible()


def test_it_starts_again_by_itself_when_something_can_not_be_drawn(browser: Browser, desk: DeskServer) -> None:
    visitor = Visitor(browser, desk, "viewer")
    visitor.page.clock.install()
    visitor.open("/wall?screen=map&lang=zh")
    visitor.knows(LOSE_GRAPHICS)
    expect(visitor.page.locator("#banner")).to_have_text("地图显示不全，本屏将自动重新载入。")
    with visitor.page.expect_navigation():
        visitor.page.clock.fast_forward(15_000)
    visitor.page.wait_for_selector("html.ready", timeout=READY_WITHIN_MS)
    expect(visitor.page.locator("#banner")).to_be_hidden()
    visitor.context.close()
