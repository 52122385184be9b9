"""From test cameras through the real gateway to the screen: the burnt-in clock tells the delay, glass to glass."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from dispatch.model import Actor
from feeds.video.farm import TestCamera
from feeds.video.farm_media import SUB, Fault
from operations.tracking.reports import CameraReport, FeedSession
from storage.cameras import CameraSource
from storage.video_ring import VideoRing
from tests.browser.desk_server import DeskServer, Visitor
from tests.browser.node import wait_for
from tests.browser.pictures import IN_STEP_S, ages_on_screen_s, clocks_while_playing, is_live
from tests.cities import CITY, degrees
from tests.feeds.video.farm_thread import FarmThread, running_farm
from tests.operations.ring_world import clocks

pytestmark = pytest.mark.browser

FEED = Actor("cameras", "feed", CITY, kind="token")


DESK = Actor("li", "operator", CITY)
SPAN_S = 8.0  # of each clip


def place(k: int) -> dict[str, float]:
    lon, lat = degrees(450 + 30 * k, 460)
    return {"lon": lon, "lat": lat}


NAMES = ("gate", "square", "bridge", "market")
KEPT = {"lon": degrees(150, 850)[0], "lat": degrees(150, 850)[1]}  # of `kept`, far from every incident: nothing of it is in the ring


@pytest.fixture(scope="module")
def farm(desk: DeskServer) -> Iterator[FarmThread]:
    """Four cameras beside each other, with their addresses, and one with a recorder."""
    with running_farm(*(TestCamera(name) for name in NAMES), TestCamera("kept", main=SUB, recorder_s=3_600.0)) as running:
        reports = [CameraReport(camera_id=name, **place(k)) for k, name in enumerate(NAMES)] + [CameraReport(camera_id="kept", **KEPT)]
        assert desk.call(desk.services.intake.cameras(reports, FeedSession("cameras", FEED))) == []
        # Written beside the feed, which takes no address of the server's own machine.
        sources = [CameraSource(name, running.url(name, "main"), running.url(name), "cameras", 0.0) for name in (*NAMES, "kept")]
        sources[-1] = msgspec.structs.replace(sources[-1], recorder_url=running.recorder_url("kept"))
        desk.services.cameras.write(sources)
        yield running


@pytest.fixture(scope="module")
def visitor(browser: Browser, desk: DeskServer) -> Iterator[Visitor]:
    made = Visitor(browser, desk, "operator", size=(1280, 720))
    made.open("/?lang=en")
    yield made
    # In replay the page is told what it may not do.
    assert [error for error in made.errors if "403" not in error] == []
    made.context.close()


def test_an_incident_shows_its_cameras_live_and_again_after_a_cut(
    visitor: Visitor, desk: DeskServer, farm: FarmThread, record_property: Any
) -> None:
    page = visitor.page
    desk.incident(480, 480, incident_type="robbery")
    page.locator(".card:has-text('Robbery')").click()
    for name in NAMES:
        is_live(visitor, name)
    ages_s = ages_on_screen_s(page, "gate", 30)
    record_property("glass_to_glass_p95_ms", round(float(np.percentile(ages_s, 95)) * 1000))
    assert len(set(ages_s)) > 10, "the picture does not move, or its clock can't be read"
    assert 0 < float(np.median(ages_s)) < 1.0, "far beyond what two busy cores explain"

    farm.fail("gate", Fault.DROP)
    expect(page.locator(".video-tile[data-camera='gate'].bad")).to_have_count(1, timeout=4_000)
    page.wait_for_timeout(4_000)
    farm.fail("gate", Fault.NONE)
    back_at = time.monotonic()
    is_live(visitor, "gate", 5)
    back_s = time.monotonic() - back_at
    record_property("picture_again_s", round(back_s, 2))
    assert back_s < 3
    assert min(ages_on_screen_s(page, "gate")) < 1.0
    assert visitor.errors == []


def test_two_clips_play_in_step_on_the_incidents_clock(visitor: Visitor, desk: DeskServer, farm: FarmThread, record_property: Any) -> None:
    """Recorded because an incident is near, cut because a moment was marked, played beside the map of then; then looked back at live."""
    services, ring = desk.services, VideoRing(desk.folder / "data" / "ring")
    known = services.handler.picture.open_incidents()  # of the test before: its cameras have been recorded since
    incident_id = known[0].incident_id if known else desk.incident(480, 480, incident_type="robbery")
    received_s = services.handler.picture.incidents[incident_id].received_at.timestamp()
    last_s = wait_for(lambda: recorded_until(ring, ("square", "bridge"), received_s), 30)
    moment_at = datetime.fromtimestamp(last_s - 1, UTC)
    ids = [
        desk.call(services.clips.bookmark(DESK, incident_id, name, "desk", moment_at, before_s=SPAN_S - 2, after_s=1))
        for name in ("square", "bridge")
    ]
    wait_for(lambda: not services.handler.picture.moments)
    kept = desk.call(services.evidence.records(ids))
    for clip_id in ids:
        clip = kept[clip_id].clip
        assert clip is not None
        assert clip.time_source == "camera"
        burnt_s = clocks(services.evidence.path(kept[clip_id]))[0][1]
        assert abs(burnt_s - clip.start_at.timestamp()) < 0.1, "a clip's first picture was not taken when it says"

    page = visitor.page
    page.evaluate("(incident_id) => liandong.select({ kind: 'incident', incident_id })", incident_id)
    page.evaluate("(at) => liandong.replay.seek(at)", last_s - SPAN_S + 2)
    visitor.until("document.querySelectorAll('.video-tile.in-step video.front').length === 2")
    expect(page.locator(".video-tile.in-step .watermark").first).to_contain_text("operator · 20")
    visitor.until("liandong.clipOffsets().length === 2 && liandong.clipOffsets().every(({ off_s }) => Math.abs(off_s) < 0.05)")
    page.evaluate("liandong.replay.setPlaying(true)")
    page.wait_for_timeout(1_000)
    read = clocks_while_playing(page, 2)
    assert len(read) >= 5, "the clocks can't be read off the screen"
    apart_s, off_s = [abs(one - other) for _, one, other in read], [abs(one - at) for at, one, _ in read]
    record_property("clips_apart_max_ms", round(max(apart_s) * 1000))
    record_property("clips_off_the_clock_median_ms", round(float(np.median(off_s)) * 1000))
    assert max(apart_s) < IN_STEP_S
    assert float(np.median(off_s)) < IN_STEP_S
    assert len({one for _, one, _ in read}) > 3, "the clips stand still"

    page.keyboard.press("l")
    expect(page.locator(".video-tile.in-step")).to_have_count(0)
    is_live(visitor, "square")
    page.locator(".video-tile[data-camera='square'] .tool.past").click(force=True)
    expect(page.locator(".video-tile[data-camera='square'].recorded.has-picture .verdict")).to_contain_text("Recorded")
    page.keyboard.press("l")
    is_live(visitor, "square")


def test_looking_back_reaches_a_sites_recorder_and_shows_the_time_it_says(visitor: Visitor, farm: FarmThread) -> None:
    page = visitor.page
    camera = {"kind": "element", "element": "street_camera", "id": "street_camera/kept", "properties": {"element_id": "kept"}} | KEPT
    page.evaluate("(chosen) => liandong.select(chosen)", camera)
    is_live(visitor, "kept")
    page.locator(".video-tile[data-camera='kept'] .tool.past").click(force=True)
    expect(page.locator(".video-tile[data-camera='kept'].recorded.has-picture .verdict")).to_contain_text("Recorded", timeout=15_000)
    ages_s = ages_on_screen_s(page, "kept")
    assert len(set(ages_s)) > 3, "the picture does not move, or its clock can't be read"
    assert 298 < float(np.median(ages_s)) < 305
    page.keyboard.press("l")
    is_live(visitor, "kept")


def recorded_until(ring: VideoRing, names: Sequence[str], after_s: float) -> float | None:
    """When the newest picture that all of them have was taken, once each has SPAN_S of them since an instant."""
    taken = [[one.captured_at for one in ring.entries(name, after_s, after_s + 600) if one.captured_at >= after_s] for name in names]
    return min(one[-1] for one in taken) if all(one and one[-1] - one[0] > SPAN_S for one in taken) else None
