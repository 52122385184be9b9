"""What a crew's position says, at the desk and on its phone: a stage to confirm with one press, and a button that it contradicts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from dispatch.commands import Acknowledge, Arrive, Push
from dispatch.duty_commands import RegisterUnit
from dispatch.model import Stage, UnitKind
from tests.browser.desk_server import PASSWORD, DeskServer, Visitor
from tests.browser.phone import shows_well
from tests.cities import WEST, degrees

pytestmark = pytest.mark.browser
SOON_MS = 30_000  # until something is drawn, on a busy machine


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    expect.set_options(timeout=SOON_MS)
    yield
    expect.set_options(timeout=None)


@pytest.fixture(scope="module")
def crews(desk: DeskServer) -> None:
    """Three crews that stand still, one of them with a phone."""
    for k in range(3):
        desk.handle(RegisterUnit(unit_id=f"p{k}", callsign=f"定位{k}", kind=UnitKind.PATROL_CAR, org_code=WEST, radio_group="西 2"))
    desk.services.accounts.add_user("officer", PASSWORD, "officer", WEST, unit_id="p0")


@pytest.fixture(scope="module")
def operator(browser: Browser, desk: DeskServer, crews: None) -> Iterator[Visitor]:
    visitor = Visitor(browser, desk, "operator")
    visitor.open("/?lang=en")
    yield visitor
    assert visitor.errors == []
    assert visitor.outside == []
    visitor.context.close()


@pytest.fixture(scope="module")
def phone(browser: Browser, desk: DeskServer, crews: None) -> Iterator[Page]:
    visitor = Visitor(browser, desk, "officer", size=(390, 844))
    visitor.page.goto(f"{desk.url}/terminal?lang=en")
    visitor.page.wait_for_selector(".head .tick")
    yield visitor.page
    assert visitor.errors == []
    visitor.context.close()


def stand(desk: DeskServer, unit_id: str, east_m: float, north_m: float, for_s: int = 24) -> None:
    """The crew has been seen there for so long."""

    async def look() -> None:
        table = desk.services.positions
        index = np.array([table.follow(desk.services.handler.picture.units[unit_id])])
        place = [np.array([degree]) for degree in degrees(east_m, north_m)]
        still, now = np.zeros(1, np.float32), desk.services.clock.unix_s()
        for ago in range(for_s, -1, -4):
            table.write(index, *place, np.array([now - ago]), now, still, still)
            desk.services.stages.tick()

    desk.call(look())


def open_panel(operator: Visitor, desk: DeskServer, incident_id: str) -> None:
    number = desk.services.handler.picture.incidents[incident_id].number
    operator.page.locator(f".card:has(.number:text-is('#{number}'))").click()
    expect(operator.page.locator("#panel-body .head .number").first).to_have_text(f"#{number}")


def test_a_stage_that_the_position_suggests_is_confirmed_with_one_press(operator: Visitor, phone: Page, desk: DeskServer) -> None:
    incident_id = desk.incident(grade=3)
    for unit_id in ("p0", "p1"):
        desk.handle(Push(incident_id=incident_id, unit_ids=(unit_id,)))
        desk.handle(Acknowledge(incident_id=incident_id, unit_ids=(unit_id,), on_behalf_of=unit_id, channel="radio"))
    open_panel(operator, desk, incident_id)
    expect(operator.page.locator(".suggested")).to_have_count(0)
    for unit_id in ("p0", "p1"):
        stand(desk, unit_id, 520, 510)
    rows = operator.page.locator("#panel-body .assignment")
    expect(rows.locator(".suggested")).to_have_count(2)
    button = phone.locator("[data-suggested=arrive]")
    expect(button).to_contain_text("You seem to have arrived: confirm")
    expect(button).to_be_in_viewport(ratio=1)
    shows_well(phone)
    button.click()
    expect(button).to_have_count(0)
    expect(phone.locator("[data-step=feedback]")).to_be_visible()
    second = rows.filter(has_text="定位1").locator(".suggested")
    expect(rows.locator(".suggested")).to_have_count(1)
    second.locator("button", has_text="Confirm: Arrived").click()
    expect(second).to_have_count(0)
    timeline = operator.page.locator("#panel-after .timeline")
    expect(timeline).to_contain_text("operator for 定位1 · position, confirmed")
    expect(timeline.locator(".position-says.disagrees")).to_have_count(0)
    assert desk.services.handler.picture.incidents[incident_id].stage == Stage.ON_SCENE


def test_a_button_that_the_position_contradicts_is_flagged(operator: Visitor, desk: DeskServer) -> None:
    incident_id = desk.incident(grade=3, incident_type="dispute")
    desk.handle(Push(incident_id=incident_id, unit_ids=("p2",)))
    open_panel(operator, desk, incident_id)
    stand(desk, "p2", 500, 1150)
    desk.handle(Arrive(incident_id=incident_id, unit_ids=("p2",), on_behalf_of="p2", channel="radio"))
    flag = "button and position disagree: the position was 650 m away"
    expect(operator.page.locator("#panel-body .assignment .disagrees")).to_have_text(flag)
    expect(operator.page.locator("#panel-after .timeline .disagrees")).to_have_text(flag)
