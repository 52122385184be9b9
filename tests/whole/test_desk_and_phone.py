"""A person at the desk and an officer's phone carry one incident from the call to its end, photo and video included,
while 700 crews move and the server is killed in the middle. Real Chromium, the real demo city, nothing faked."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.desk_server import COARSE, chromium
from tests.servers import DEMO_PASSWORD, RunningServer

pytestmark = pytest.mark.browser

# 鼓楼: the demo officer's car stands at the station there.
NEAR_THE_STATION = "鼓楼"
# Software rendering on two shared cores is slow; a person would not wait this long, the test may.
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("whole"), crews=700)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def log_in(browser: Browser, server: RunningServer, path: str, account: str, width: int, height: int) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=COARSE, locale="zh-CN", reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{server.url}/login?next={path}")
    page.fill("input[name=name]", account)
    page.fill("input[name=password]", DEMO_PASSWORD)
    page.click("button[type=submit]")
    return page


def wait_for_crews(desk: Page, server: RunningServer, crews: int) -> None:
    """Until the demo feed has registered them all, which takes it a while beside other work."""
    give_up_at = time.monotonic() + PATIENCE_MS / 1000
    while len(desk.request.get(f"{server.url}/api/v1/picture").json()["units"]) < crews:
        assert time.monotonic() < give_up_at, f"the demo feed has not registered {crews} crews"
        desk.wait_for_timeout(500)


def record_a_call(desk: Page) -> None:
    """The new-incident form: a type, a text, a place found in the index."""
    desk.click("#new-open")
    desk.click("#new-type")
    desk.locator("[role=option]", has_text="殴打他人").click()
    desk.fill("#new-text", "酒后互殴，有人受伤")
    desk.click("#new-place")
    desk.locator(".dash-dropdown-search").last.fill(NEAR_THE_STATION)
    desk.locator(".dash-dropdown-content [role=option]", has_text=NEAR_THE_STATION).first.click()
    desk.click("#new-submit")


def command(desk: Page, name: str, unit: str = "") -> None:
    """Press a command's button in the panel, wherever software rendering has moved it by then."""
    named = f'[data-press*="{unit}"]' if unit else ""
    desk.locator(f'#panel button[data-press*=\'"command": "{name}"\']{named}').first.dispatch_event("click")


def press(phone: Page, step: str) -> None:
    phone.locator(f"[data-step={step}]").click()


def test_an_evening_with_a_power_cut(server: RunningServer, browser: Browser, tmp_path: Path) -> None:
    photo, video = tmp_path / "photo.jpg", tmp_path / "video.webm"
    photo.write_bytes(b"\xff\xd8\xff\xe0" + os.urandom(300_000))
    video.write_bytes(b"\x1aE\xdf\xa3" + os.urandom(6 << 20))
    desk = log_in(browser, server, "/", "operator", 1920, 1080)
    phone = log_in(browser, server, "/terminal", "officer", 390, 844)
    desk.wait_for_selector("html.ready")
    wait_for_crews(desk, server, 701)
    expect(desk.locator("#unit-counts")).to_contain_text("701")

    record_a_call(desk)
    panel = desk.locator("#panel")
    expect(panel).to_contain_text("酒后互殴，有人受伤", timeout=PATIENCE_MS)
    command(desk, "push", "demo-officer")
    press(phone, "acknowledge")
    press(phone, "depart")
    expect(phone.locator("[data-step=arrive]")).to_be_visible(timeout=PATIENCE_MS)
    phone.locator("input[type=file]").first.set_input_files(photo)
    phone.locator("input[type=file]").nth(1).set_input_files(video)

    server.kill()
    press(phone, "arrive")  # while nobody listens: kept and sent later
    expect(desk.locator("#banner")).to_be_visible(timeout=PATIENCE_MS)
    server.start()

    expect(desk.locator("#banner")).to_be_hidden(timeout=PATIENCE_MS)
    press(phone, "feedback")
    phone.locator("textarea").fill("双方和解，伤者已送医")
    press(phone, "send")
    expect(panel).to_contain_text("双方和解，伤者已送医", timeout=PATIENCE_MS)
    expect(panel).to_contain_text("photo.jpg", timeout=PATIENCE_MS)
    expect(panel).to_contain_text("video.webm", timeout=PATIENCE_MS)

    command(desk, "close")
    desk.locator("#ask-send").click()
    expect(panel).to_contain_text("办结", timeout=PATIENCE_MS)
    assert events_of_the_newest(server)[-1] == "incident_closed"


def events_of_the_newest(server: RunningServer) -> list[str]:
    """The timeline of the only incident there is, as the API tells it; each step exactly once."""
    client = server.client("operator")
    (incident,) = client.get("/api/v1/incidents").json()["incidents"]
    events = [e["event"] for e in client.get(f"/api/v1/incidents/{incident['incident_id']}/timeline").json()["events"]]
    for once in ("incident_received", "unit_pushed", "acknowledged", "departed", "arrived", "feedback_given"):
        assert events.count(once) == 1, events
    assert events.count("upload_added") == 2
    return events
