"""From test cameras through the real gateway to the screen: the burnt-in clock tells the delay, glass to glass."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from dispatch.model import Actor
from feeds.video.farm import TestCamera
from feeds.video.farm_media import Fault
from operations.reports import CameraReport, FeedSession
from storage.cameras import CameraSource
from tests.browser.desk_server import DeskServer, Visitor
from tests.browser.pictures import ages_on_screen_s, is_live
from tests.cities import CITY, degrees
from tests.feeds.video.farm_thread import running_farm

pytestmark = pytest.mark.browser

FEED = Actor("cameras", "feed", CITY, kind="token")


def place(k: int) -> dict[str, float]:
    lon, lat = degrees(450 + 30 * k, 460)
    return {"lon": lon, "lat": lat}


def test_an_incident_shows_its_cameras_live_and_again_after_a_cut(browser: Browser, desk: DeskServer, record_property: Any) -> None:
    names = ("gate", "square", "bridge", "market")
    with running_farm(*(TestCamera(name) for name in names)) as farm:
        reports = [CameraReport(camera_id=name, **place(k)) for k, name in enumerate(names)]
        assert desk.call(desk.services.intake.cameras(reports, FeedSession("cameras", FEED))) == []
        # Written beside the feed, which takes no address of the server's own machine.
        desk.services.cameras.write([CameraSource(name, farm.url(name, "main"), farm.url(name), "cameras", 0.0) for name in names])
        visitor = Visitor(browser, desk, "operator", size=(1280, 720))
        page = visitor.open("/?lang=en")
        desk.incident(480, 480, incident_type="robbery")
        page.locator(".card:has-text('Robbery')").click()
        for name in names:
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
        visitor.context.close()
