"""Pictures of cameras in a real browser, from cameras that a test commands: what is shown, what is said of it, what is let go."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from dispatch.clock import SystemClock
from dispatch.model import Actor
from operations.tracking.reports import CameraReport, FeedSession
from storage.cameras import CameraSource
from tests.browser.desk_server import DeskServer, Visitor, desk_server
from tests.browser.fake_cameras import FakeCameras
from tests.browser.pictures import ages_on_screen_s, is_live
from tests.cities import CITY, degrees
from tests.feeds.video.onvif_camera import OnvifCamera, served

pytestmark = pytest.mark.browser

CAMERAS = 12
LAYERS = "liandong.basemap.overlay._props.layers"  # of the map
FEED = Actor("cameras", "feed", CITY, kind="token")


@pytest.fixture(scope="module")
def cameras() -> Iterator[FakeCameras]:
    fake = FakeCameras()
    yield fake
    fake.live.end()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, cameras: FakeCameras) -> Iterator[DeskServer]:
    with desk_server(tmp_path_factory.mktemp("video"), units=6, mount=cameras.mount) as server:
        city_cameras = [report(k, *degrees(380 + 20 * k, 480)) for k in range(2, CAMERAS + 1)]
        server.call(server.services.intake.cameras([report(1, *degrees(400, 600)), *city_cameras], FeedSession("cameras", FEED)))
        yield server


@pytest.fixture(scope="module")
def operator(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, desk, "operator", size=(1280, 720))
    visitor.open("/?lang=en")
    yield visitor
    assert visitor.errors == []
    assert visitor.outside == []
    visitor.context.close()


@pytest.fixture
def page(operator: Visitor, cameras: FakeCameras) -> Iterator[Page]:
    """The desk with nothing selected and no picture open."""
    yield operator.page
    cameras.refusals.clear()
    cameras.silent.clear()
    for _ in range(3):
        operator.page.keyboard.press("Escape")
    if operator.page.locator("#video-close").is_visible():
        operator.page.click("#video-close")
    operator.until("document.querySelectorAll('.video-tile').length === 0")


def report(k: int, lon: float, lat: float) -> CameraReport:
    names = {"name": f"纵{k}路相机", "name_en": f"Camera {k}"}
    return CameraReport(camera_id=f"cam-{k}", lon=lon, lat=lat, heading_deg=0 if k % 2 else 180, url="rtsp://10.0.0.1/x", properties=names)


def tile(page: Page, camera_id: str) -> Any:
    return page.locator(f".video-tile[data-camera='{camera_id}']")


def watch(operator: Visitor, camera_id: str, **properties: Any) -> None:
    """As a click on the camera on the map does."""
    lon, lat = degrees(400, 600)
    selection = {"kind": "element", "element": "street_camera", "id": f"street_camera/{camera_id}", "lon": lon, "lat": lat}
    selection["properties"] = {"element_id": camera_id, "name": camera_id} | properties
    operator.page.evaluate("(chosen) => liandong.select(chosen)", selection)
    is_live(operator, camera_id)


def test_an_incidents_nearest_four_start_by_themselves(operator: Visitor, page: Page, desk: DeskServer, cameras: FakeCameras) -> None:
    desk.incident(520, 520, incident_type="robbery")
    page.locator(".card:has-text('Robbery')").click()
    expect(page.locator(".video-tile")).to_have_count(4)
    shown = page.locator(".video-tile").evaluate_all("(tiles) => tiles.map((tile) => tile.dataset.camera)")
    for camera_id in shown:
        is_live(operator, camera_id)
    assert {quality for _, quality in cameras.asked} == {"sub"}
    stamp = page.locator(".video-tile .stamp").first.text_content()
    assert stamp.startswith("operator · 20")
    ages_s = ages_on_screen_s(page, shown[0])
    assert len(set(ages_s)) > 6, "the picture does not move, or its clock can't be read"
    assert 0 <= float(np.median(ages_s)) < 1.0
    # Another of the panel's cameras joins them in the same place; a fifth one does not push any of them out.
    page.locator("#panel-scene [data-watch]").nth(5).click()
    expect(page.locator(".video-tile")).to_have_count(5)


def test_a_cut_is_said_at_once_and_mended_within_three_seconds(operator: Visitor, page: Page, cameras: FakeCameras) -> None:
    watch(operator, "cam-3")
    cameras.refusals["cam-3"] = "unreachable"
    cameras.cut("cam-3")
    expect(tile(page, "cam-3")).to_contain_text("The camera doesn't answer", timeout=2_000)
    assert "bad" in tile(page, "cam-3").get_attribute("class").split()
    page.wait_for_timeout(5_000)  # long enough for the longest wait between two tries
    expect(tile(page, "cam-3")).to_contain_text("old")
    del cameras.refusals["cam-3"]
    back_at = time.monotonic()
    is_live(operator, "cam-3", 3)
    assert time.monotonic() - back_at < 3
    assert min(ages_on_screen_s(page, "cam-3")) < 1.0


def test_a_picture_that_stands_is_marked_before_it_is_three_seconds_old(operator: Visitor, page: Page, cameras: FakeCameras) -> None:
    watch(operator, "cam-4")
    cameras.silent.add("cam-4")
    began_at = time.monotonic()
    operator.until("""document.querySelector('.video-tile[data-camera="cam-4"].bad') !== null""", 3)
    assert time.monotonic() - began_at > 1.5
    expect(tile(page, "cam-4").locator(".verdict")).to_contain_text(re.compile(r"Picture \d+ s old"))  # it counts on


def test_what_the_server_detects_and_refuses_is_said_in_words(operator: Visitor, page: Page, cameras: FakeCameras) -> None:
    cameras.converted.add("cam-5")
    watch(operator, "cam-5")
    expect(tile(page, "cam-5").locator(".converted")).to_be_visible()
    since = "2026-05-01T12:00:00Z"
    for message, words in (
        ({"state": "frozen", "since": since}, "Frozen since"),
        ({"state": "black", "since": since}, "Black since"),
        ({"state": "late", "since": since, "late_s": 42.0}, "Late by 42 s"),
    ):
        cameras.say("cam-5", **message)
        expect(tile(page, "cam-5").locator(".verdict")).to_contain_text(words)
        assert "bad" in tile(page, "cam-5").get_attribute("class").split()
    cameras.say("cam-5", state="ok", since=since)
    is_live(operator, "cam-5", 3)
    for camera_id, reason, words in (
        ("cam-6", "no-address", "No stream is registered"),
        ("cam-7", "at-limit", "The server carries no more pictures"),
        ("cam-8", "transcoding-at-limit", "No more pictures can be converted"),
    ):
        cameras.refusals[camera_id] = reason
        page.evaluate("(id) => liandong.tell('watch-camera', { id, name: id, name_en: '' })", camera_id)
        expect(tile(page, camera_id).locator(".verdict")).to_contain_text(words)
    watch(operator, "cam-4")
    expect(tile(page, "cam-4").locator(".converted")).to_be_hidden()


def test_the_large_one_is_the_main_stream_and_goes_back(operator: Visitor, page: Page, cameras: FakeCameras) -> None:
    watch(operator, "cam-9")
    cameras.asked.clear()
    page.keyboard.press("v")
    operator.until("document.querySelector('.video-tile.large[data-camera=\"cam-9\"] video.front') !== null")
    page.wait_for_timeout(600)
    assert cameras.asked == [("cam-9", "main")]
    assert cameras.open_now["cam-9"] == 1, "the small stream goes on beside the large one"
    assert tile(page, "cam-9").bounding_box()["height"] > 250
    page.keyboard.press("Escape")
    expect(page.locator(".video-tile.large")).to_have_count(0)
    is_live(operator, "cam-9")
    page.keyboard.press("x")
    expect(page.locator(".video-tile")).to_have_count(0)
    assert page.locator("#video").is_hidden()


def test_a_camera_is_turned_from_its_large_picture_until_somebody_above_takes_it(operator: Visitor, page: Page, desk: DeskServer) -> None:
    degrees_ahead = (("SphericalPositionSpaceDegrees", -180, 180, -90, 20),)
    dome = OnvifCamera(SystemClock(), spaces=degrees_ahead, position=(90.0, -5.0))
    with served(dome) as control:
        desk.services.cameras.write([CameraSource("cam-12", "rtsp://10.0.0.1/x", "", "cameras", 0.0, control)])
        page.evaluate("() => void liandong.basemap.map.jumpTo({ zoom: 15 })")
        watch(operator, "cam-12", heading_deg=180, fov_deg=60, turns=True)
        operator.until(f"{LAYERS}.find((layer) => layer.id === 'camera-cones-areas')?.props.data.length === 1")  # it tells where it looks
        page.keyboard.press("y")
        pad = page.locator(".video-tile.large .ptz")
        expect(pad).to_be_visible()
        expect(pad).to_contain_text("Free")
        expect(pad).to_contain_text("Looks 270° west")
        expect(pad).to_be_focused()
        page.keyboard.down("ArrowRight")
        wait_until(lambda: dome.velocity is not None and dome.velocity[0] > 0)
        page.wait_for_timeout(1_300)  # longer than the server lets it move unasked
        assert dome.velocity is not None
        page.keyboard.up("ArrowRight")
        wait_until(lambda: dome.velocity is None)
        expect(pad).to_contain_text("Yours until")
        page.keyboard.press("2")
        wait_until(lambda: "GotoPreset" in dome.asked)
        pad.locator(".ptz-hold.up").hover()
        page.mouse.down()
        wait_until(lambda: dome.velocity is not None and dome.velocity[1] > 0)
        desk.call(desk.services.ptz.take(Actor("commander", "commander", CITY, kind="user"), "cam-12", take_over=True))
        expect(pad.locator(".ptz-note")).to_contain_text("commander")
        expect(pad.locator(".ptz-hold.up")).to_be_disabled()
        wait_until(lambda: dome.velocity is None)
        page.mouse.up()
        expect(page.locator(".video-tile.large")).to_have_count(1)  # a press on the pad is none on the picture
        # One that stands still has none, and says so when it is asked.
        page.keyboard.press("Escape")
        page.evaluate("() => liandong.tell('watch-camera', { id: 'cam-11', name: 'still', name_en: '' })")
        tile(page, "cam-11").locator(".tool.enlarge").click()
        tile(page, "cam-11").locator(".tool.turn").click()
        expect(page.locator("#toast")).to_contain_text("stands still")
        expect(tile(page, "cam-11").locator(".ptz")).to_be_hidden()


def test_nobody_steers_by_a_picture_of_the_past(operator: Visitor, page: Page, desk: DeskServer) -> None:
    with served(OnvifCamera(SystemClock())) as control:
        desk.services.cameras.write([CameraSource("cam-10", "rtsp://10.0.0.1/x", "", "cameras", 0.0, control)])
        watch(operator, "cam-10", turns=True)
        page.keyboard.press("y")
        pad = tile(page, "cam-10").locator(".ptz")
        expect(pad).to_be_visible()
        page.keyboard.press("h")
        expect(page.locator(".video-tile.large.recorded")).to_have_count(1)
        expect(pad).to_be_hidden()
        page.keyboard.press("v")
        expect(pad).to_have_count(0)
        page.keyboard.press("v")
        expect(page.locator(".video-tile.large.recorded")).to_have_count(1)
        page.wait_for_timeout(1_000)  # longer than a pad needs to know that the camera can be turned
        expect(pad).to_be_hidden()
        page.keyboard.press("y")
        expect(pad).to_be_visible()
        is_live(operator, "cam-10")
        expect(page.locator(".video-tile.recorded")).to_have_count(0)
        # A hold ends by itself, also while the server does not answer.
        page.keyboard.down("ArrowRight")
        expect(pad).to_contain_text("Yours until")
        page.keyboard.up("ArrowRight")
        page.route("**/cam-10/ptz", lambda route: route.abort())
        page.evaluate("() => void (liandong.state.clockOffsetS += 60)")
        expect(pad).to_contain_text("Free")
        page.unroute("**/cam-10/ptz")


def test_a_page_that_is_not_seen_pulls_nothing(operator: Visitor, page: Page, cameras: FakeCameras) -> None:
    watch(operator, "cam-10")
    seen = "(state) => { Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });"
    seen += " document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(seen, "hidden")
    wait_until(lambda: cameras.open_now["cam-10"] == 0)
    page.wait_for_timeout(800)
    assert cameras.open_now["cam-10"] == 0
    page.evaluate(seen, "visible")
    is_live(operator, "cam-10", 2)


def wait_until(what: Any, within_s: float = 15) -> None:
    until = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture(scope="module")
def wall(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    visitor = Visitor(browser, desk, "viewer", size=(1000, 640))
    ids = ",".join(f"cam-{k}" for k in range(1, CAMERAS + 1))
    visitor.open(f"/wall?screen=video&tiles=4&dwell=3600&group=list:{ids}&lang=en")
    yield visitor
    assert visitor.errors == []
    visitor.context.close()


def test_a_wall_goes_round_for_days_without_growing(wall: Visitor, cameras: FakeCameras) -> None:
    wall.until("document.querySelectorAll('.video-tile:not(.bad) video.front').length === 4", 30)
    assert [button for button in wall.page.locator("button").all() if button.is_visible()] == []
    counted = "['*', 'video'].map((nodes) => document.querySelectorAll(nodes).length)"
    seen, before = set(wall.knows("liandong.wallVideo().shown")), wall.knows(counted)
    for turn in range(1, 13):  # four times all twelve cameras
        wall.knows("liandong.wallVideo().next()")
        wall.until(f"liandong.wallVideo().settled && liandong.wallVideo().turn === {turn % 3}", 20)
        seen |= set(wall.knows("liandong.wallVideo().shown"))
    assert len(seen) == CAMERAS
    assert wall.knows(counted) == before
    wait_until(lambda: sum(cameras.open_now.values()) == 4)
    kept_s = wall.knows("[...document.querySelectorAll('video.front')].map((video) => video.buffered.end(0) - video.buffered.start(0))")
    assert max(kept_s) < 25


def test_a_wall_shows_what_a_desk_sends(wall: Visitor, operator: Visitor, page: Page, desk: DeskServer) -> None:
    watch(operator, "cam-11")
    tile(page, "cam-11").hover()
    tile(page, "cam-11").locator(".tool.wall").click()
    wall.until("liandong.wallVideo().shown.includes('cam-11')")
    expect(wall.page.locator(".video-title")).to_contain_text("sent by operator")
    # The view of an incident: its pictures, and which incident it is; the round has what tiles remain.
    desk.incident(520, 520, incident_type="theft")
    page.locator(".card:has-text('Theft')").click()
    expect(page.locator(".video-tile")).to_have_count(5)
    page.keyboard.press("w")
    expect(wall.page.locator(".video-title")).to_contain_text("Theft")
    stamp = wall.page.locator(".video-tile .stamp").first.text_content()
    assert stamp.startswith("viewer · 20")


def test_no_picture_of_now_stands_beside_the_past(operator: Visitor, page: Page, desk: DeskServer, cameras: FakeCameras) -> None:
    first = desk.incident(520, 520, incident_type="robbery", text="filmed now")
    operator.until(f"liandong.state.incidents.has('{first}')")
    page.evaluate("(incident_id) => liandong.select({ kind: 'incident', incident_id })", first)
    expect(page.locator(".video-tile")).to_have_count(4)
    page.keyboard.press("t")
    operator.until("document.documentElement.classList.contains('replaying')")
    expect(page.locator(".video-tile")).to_have_count(0)
    asked = len(cameras.asked)
    page.evaluate("(incident_id) => liandong.select({ kind: 'incident', incident_id })", first)
    camera = {"kind": "element", "element": "street_camera", "id": "street_camera/cam-3", "lon": 0, "lat": 0}
    page.evaluate("(chosen) => liandong.select(chosen)", camera | {"properties": {"element_id": "cam-3", "name": "cam-3"}})
    expect(page.locator("#toast")).to_contain_text("Cameras show the present only")
    page.wait_for_timeout(1_500)  # longer than a scene takes to come
    expect(page.locator(".video-tile")).to_have_count(0)
    assert len(cameras.asked) == asked
    page.keyboard.press("l")
    operator.until("!document.documentElement.classList.contains('replaying')")
    watch(operator, "cam-3")
