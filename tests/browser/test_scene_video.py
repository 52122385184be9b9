"""Scene video in real browsers: from an officer's camera to the desk, through a killed server and a closed page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from bench.glass_clock import FAKE_CAMERA, READ_DELAYS, STAMPED_CAMERA
from tests.browser.desk_server import chromium
from tests.browser.node import PASSWORD, Node, wait_for
from tests.browser.phone import Phone, node_with, phone_of, shows_well
from tests.cities import CITY

pytestmark = pytest.mark.browser
SOON_MS = 20_000
# Slices on the phone's disk.
KEPT = """() => new Promise((done) => {
  const opening = indexedDB.open('liandong-terminal');
  opening.onsuccess = () => {
    const counting = opening.result.transaction('chunks').objectStore('chunks').count();
    counting.onsuccess = () => done(counting.result);
  };
})"""
DESK_VIDEO = ".video-tile.scene video"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(*FAKE_CAMERA) as running:
        yield running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with node_with(tmp_path_factory.mktemp("scene"), "car", "van") as running:
        running.accounts.add_user("operator", PASSWORD, "operator", CITY)
        yield running


@pytest.fixture
def phone(node: Node, browser: Browser) -> Iterator[Phone]:
    with phone_of(node, browser) as device:
        device.context.grant_permissions(["camera", "geolocation"])
        device.context.add_init_script(STAMPED_CAMERA)
        yield device


@pytest.fixture(scope="module")
def desk(node: Node, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 900, "height": 560}, locale="zh-CN", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(SOON_MS)
    context.request.post(f"{node.url}/login", form={"name": "operator", "password": PASSWORD, "next": "/"}, headers={"Origin": node.url})
    page.goto(f"{node.url}/?on=incident")  # the map is drawn without a graphics card
    page.wait_for_selector("html.ready", timeout=60_000)
    yield page
    context.close()


def film(phone: Phone) -> str:
    """On the scene, filming; the incident."""
    phone.ready()
    incident_id = phone.at_scene()
    phone.page.click("[data-do=film]")
    phone.page.wait_for_selector(".filmed [data-film=live]")
    return incident_id


def recordings(node: Node, incident_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = node.ask("GET", f"/incidents/{incident_id}/scene-video")["recordings"]
    return found


def stored(node: Node, incident_id: str) -> dict[str, Any]:
    """Its only recording, once it is evidence, with its bytes looked at."""
    wait_for(lambda: [one["state"] for one in recordings(node, incident_id)] == ["stored"], 20)
    (one,) = recordings(node, incident_id)
    content = node.fetch(one["file"])
    assert hashlib.sha256(content).hexdigest() == one["sha256"]
    assert one["whole"]
    return one


def test_the_desk_watches_what_the_phone_films(node: Node, phone: Phone, desk: Page) -> None:
    incident_id = film(phone)
    shows_well(phone.page)
    desk.locator(".card").first.click()
    desk.locator(".video-tile.scene .watch").click()
    expect(desk.locator(".video-tile.scene.has-picture")).to_be_visible(timeout=SOON_MS)
    desk.evaluate(READ_DELAYS, [DESK_VIDEO, 25, 8000])  # it settles at its live edge
    delays = sorted(desk.evaluate(READ_DELAYS, [DESK_VIDEO, 60, 15_000]))
    assert len(set(delays)) > 5, "the picture does not move"
    # Two maps' worth of software drawing on shared cores: `python -m bench.phone_video` says what it is without.
    assert 0 < delays[len(delays) // 2] < 15_000
    phone.page.click("[data-do=stop-film]")
    one = stored(node, incident_id)
    assert one["unit_id"] == "car"
    expect(desk.locator(".video-tile.scene")).to_have_count(0, timeout=SOON_MS)
    expect(desk.locator(".gallery video")).to_have_count(1, timeout=SOON_MS)
    length = desk.evaluate(
        "() => new Promise((done) => { const v = document.querySelector('.gallery video'); const say = () => done(v.duration);"
        " v.readyState ? say() : v.addEventListener('loadedmetadata', say); })"
    )
    assert 1 < length < 120


def test_what_is_filmed_through_a_killed_server_arrives_whole(node: Node, phone: Phone) -> None:
    incident_id = film(phone)
    wait_for(lambda: recordings(node, incident_id)[0]["state"] == "live")
    node.kill()
    phone.page.wait_for_selector(".filmed [data-film=offline]")
    phone.page.wait_for_timeout(1500)
    node.start()
    phone.page.wait_for_selector(".filmed [data-film=live]", timeout=SOON_MS)
    phone.page.click("[data-do=turn-camera]")  # another recording
    wait_for(lambda: [one["state"] for one in recordings(node, incident_id)][1:] == ["live"])
    phone.page.click("[data-do=stop-film]")
    wait_for(lambda: [one["state"] for one in recordings(node, incident_id)] == ["stored", "stored"], 20)
    for one in recordings(node, incident_id):
        assert one["whole"]
        assert hashlib.sha256(node.fetch(one["file"])).hexdigest() == one["sha256"]
    assert recordings(node, incident_id)[0]["chunks"] > 15


def test_a_page_closed_without_a_network_sends_the_rest_when_it_is_opened_again(node: Node, phone: Phone) -> None:
    incident_id = film(phone)
    wait_for(lambda: recordings(node, incident_id)[0]["state"] == "live")
    phone.context.set_offline(True)
    phone.page.wait_for_selector(".filmed [data-film=offline]")
    phone.page.wait_for_timeout(1500)
    left = phone.page.evaluate(KEPT)
    phone.page.close()
    phone.context.set_offline(False)
    phone.page = phone.open()
    phone.page.goto(f"{node.url}/terminal")
    expect(phone.page.locator("[data-recording][data-state=stored]")).to_be_visible(timeout=SOON_MS)
    one = stored(node, incident_id)
    assert one["chunks"] >= left > 0


def test_a_camera_that_is_refused_is_said(node: Node, phone: Phone) -> None:
    phone.context.clear_permissions()
    phone.context.grant_permissions(["geolocation"])
    phone.context.add_init_script("navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'))")
    phone.ready()
    phone.at_scene()
    phone.page.click("[data-do=film]")
    expect(phone.page.locator(".note.bad")).to_contain_text("请在浏览器设置里允许本网站使用摄像头")


def test_watching_is_written_down_and_for_those_who_may(node: Node, phone: Phone, desk: Page) -> None:
    incident_id = film(phone)
    recording_id = recordings(node, incident_id)[0]["recording_id"]
    with httpx.Client(base_url=node.url) as stranger:
        assert stranger.get(f"/video/scene/{recording_id}/playback").status_code == 401
    phone.page.click("[data-do=hide-film]")
    expect(phone.page.locator(".note.filming")).to_be_visible()
    phone.page.click(".note.filming [data-do=stop-film]")
    stored(node, incident_id)
