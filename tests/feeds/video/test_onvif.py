"""The ONVIF driver against a double of a camera, and against cameras that lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from feeds.video import soap
from feeds.video.onvif import OnvifDriver
from feeds.video.soap import Device
from operations.cameras.ptz_driver import Looking, Preset, PtzFailed, Reach, Velocity
from storage.cameras import CameraSource
from tests.feeds.video.onvif_camera import SPACES, OnvifCamera, envelope
from tests.operations.access_world import clock

CONTROL = "http://admin:pass%20word%26%3C1%3E@10.1.1.9/onvif/device_service"
SOURCE = CameraSource("cam-1", "", "", "vms", 0.0, CONTROL)


def camera(**more: Any) -> OnvifCamera:
    return OnvifCamera(clock(), **more)


def driver(double: OnvifCamera) -> OnvifDriver:
    return OnvifDriver(double.clock, double.transport)


async def test_it_moves_stops_and_asks_what_the_device_is_only_once() -> None:
    double = camera()
    turning = driver(double)
    await turning.move(SOURCE, Velocity(0.5, -0.25, 1.0), 1.0)
    assert double.velocity == (0.5, -0.25, 1.0)
    assert double.timeout == "PT1.000S"
    await turning.stop(SOURCE)
    assert double.velocity is None
    learned = ["GetSystemDateAndTime", "GetCapabilities", "GetProfiles", "GetNodes"]
    assert double.asked == [*learned, "ContinuousMove", "Stop"]
    # Its services are asked where the register says, not where the device believes to be.
    assert {httpx.URL(url).host for url in double.urls} == {"10.1.1.9"}
    assert not any("admin" in url for url in double.urls)


async def test_presets_are_listed_called_and_saved() -> None:
    double = camera()
    turning = driver(double)
    assert await turning.presets(SOURCE) == [Preset("1", "北口"), Preset("2", "Gate <A>")]
    await turning.go(SOURCE, "2")
    assert await turning.save(SOURCE, "南 & 口", None) == "3"
    assert await turning.save(SOURCE, "北", "1") == "1"
    assert double.presets == {"1": "北", "2": "Gate <A>", "3": "南 & 口"}


async def test_a_camera_whose_clock_is_wrong_is_asked_in_its_own_time() -> None:
    double = camera(ahead=timedelta(hours=-8))
    await driver(double).stop(SOURCE)
    assert double.asked[-1] == "Stop"


async def test_positions_are_counted_as_the_device_does() -> None:
    generic = camera(spaces=(("PositionGenericSpace", 0, 2, -1, 1),))
    await driver(generic).point(SOURCE, 90.0, -45.0, Reach())
    assert generic.position == (1.5, -0.5)
    assert generic.position_space == SPACES + "PositionGenericSpace"
    await driver(generic).point(SOURCE, 45.0, -10.0, Reach(-90, 90, -20, 0))
    assert generic.position == (1.5, 0.0)
    degrees = camera(spaces=(("PositionGenericSpace", -1, 1, -1, 1), ("SphericalPositionSpaceDegrees", -170, 170, -90, 20)))
    await driver(degrees).point(SOURCE, 175.0, -12.5, Reach())
    assert degrees.position == (170.0, -12.5)
    round_once = camera(spaces=(("SphericalPositionSpaceDegrees", 0, 355, -90, 20),))
    await driver(round_once).point(SOURCE, -100.0, -12.5, Reach())
    assert round_once.position == (260.0, -12.5)


async def test_without_a_height_it_keeps_the_tilt_it_has() -> None:
    double = camera(position=(0.0, 0.25))
    await driver(double).point(SOURCE, 0.0, None, Reach())
    assert double.position == (0.0, 0.25)
    with pytest.raises(PtzFailed, match="mast_height_m") as failed:
        await driver(camera(tells_position=False)).point(SOURCE, 0.0, None, Reach())
    assert failed.value.rule == "camera-no-position"


BOTH = (("PositionGenericSpace", -1, 1, -1, 1), ("SphericalPositionSpaceDegrees", -170, 170, -90, 20))


@pytest.mark.parametrize(
    ("told", "reach", "looking"),
    [
        ({"position": (0.5, -0.5)}, Reach(), Looking(90.0, -45.0, False, None)),
        ({"position": (0.5, -1.0), "zoom": 0.0}, Reach(-60, 60, -20, 0), Looking(30.0, -20.0, False, False)),
        ({"position": (-33.0, -12.5), "spaces": BOTH, "position_told": BOTH[1][0], "zoom": 0.4}, Reach(), Looking(-33, -12.5, True, True)),
        ({"position": (0.5, 0.0), "spaces": BOTH, "position_told": BOTH[0][0]}, Reach(), Looking(90.0, 0.0, False, None)),
    ],
)
async def test_where_it_looks_is_read_as_the_device_counts(told: dict[str, Any], reach: Reach, looking: Looking) -> None:
    assert await driver(camera(**told)).looking(SOURCE, reach) == looking


@pytest.mark.parametrize(
    "told",
    [{"tells_position": False}, {"position": (float("nan"), 0.0)}, {"spaces": BOTH}, {"position_told": "SomebodysOwnSpace"}],
    ids=["nothing", "no number", "not in which way", "in another way"],
)
async def test_a_position_that_could_mean_anything_is_none(told: dict[str, Any]) -> None:
    with pytest.raises(PtzFailed) as failed:
        await driver(camera(**told)).looking(SOURCE, Reach())
    assert failed.value.rule == "camera-no-position"


async def test_the_tilt_it_keeps_is_counted_as_it_was_told() -> None:
    double = camera(spaces=BOTH, position=(0.0, 0.25), position_told="PositionGenericSpace")
    await driver(double).point(SOURCE, 90.0, None, Reach())
    assert (double.position, double.position_space) == ((0.5, 0.25), SPACES + "PositionGenericSpace")


async def test_a_wrong_password_and_a_fault_are_named_without_the_address() -> None:
    with pytest.raises(PtzFailed) as failed:
        await driver(camera(password="other")).stop(SOURCE)
    assert failed.value.rule == "camera-not-authorised"
    with pytest.raises(PtzFailed, match="no preset at") as failed:
        await driver(camera()).go(SOURCE, "9")
    assert failed.value.rule == "camera-refused"
    assert "hidden" not in failed.value.detail
    assert "10.1.1.9" not in failed.value.detail


BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
FILE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda _: httpx.Response(200, content=BOMB), "document type"),
        (lambda _: httpx.Response(200, content=FILE), "document type"),
        (lambda _: httpx.Response(200, content=b"<x>" * 100), "nested"),
        (lambda _: httpx.Response(200, content=b"<x>"), "line 1"),
        (lambda _: httpx.Response(200, content=b""), "can't be read"),
        (lambda _: httpx.Response(200, content=b"\xff" * 1_000_000), "more than"),
        (lambda _: httpx.Response(200, content=b"<html><body>log in</body></html>"), "SOAP body"),
        (lambda _: httpx.Response(302, headers={"location": "http://127.0.0.1/"}, content=envelope("<x/>")), "answered 302"),
        (
            lambda _: httpx.Response(200, content=envelope("<tt:UTCDateTime><tt:Date><tt:Year>x</tt:Year></tt:Date></tt:UTCDateTime>")),
            "clock",
        ),
    ],
)
async def test_answers_that_are_none_are_named(answer: Callable[[httpx.Request], httpx.Response], says: str) -> None:
    with pytest.raises(PtzFailed, match=says) as failed:
        await OnvifDriver(clock(), httpx.MockTransport(answer)).stop(SOURCE)
    assert failed.value.rule == "camera-bad-answer"


async def test_a_camera_that_is_silent_or_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soap, "TIMEOUT_S", 0.05)

    async def silent(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5)
        raise AssertionError

    with pytest.raises(PtzFailed) as failed:
        await OnvifDriver(clock(), httpx.MockTransport(silent)).stop(SOURCE)
    assert failed.value.rule == "camera-timeout"

    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("All connection attempts failed to http://admin:hidden@10.1.1.9", request=request)

    with pytest.raises(PtzFailed) as failed:
        await OnvifDriver(clock(), httpx.MockTransport(gone)).stop(SOURCE)
    assert failed.value.rule == "camera-unreachable"
    assert "hidden" not in str(failed.value)


async def test_a_device_that_cannot_turn_says_so_and_is_asked_anew() -> None:
    double = camera()
    original, found = double._of, {"turns": False}

    def without(name: str, call: Any) -> httpx.Response:
        if name == "GetProfiles" and not found["turns"]:
            return httpx.Response(200, content=envelope('<trt:GetProfilesResponse><trt:Profiles token="a"/></trt:GetProfilesResponse>'))
        return original(name, call)

    double._of = without  # type: ignore[method-assign]
    turning = driver(double)
    with pytest.raises(PtzFailed, match="profiles"):
        await turning.stop(SOURCE)
    found["turns"] = True
    await turning.stop(SOURCE)


def test_a_device_never_shows_its_address() -> None:
    device = Device.of(CONTROL)
    assert (device.url, device.user, device.password) == ("http://10.1.1.9/onvif/device_service", "admin", "pass word&<1>")
    assert repr(device) == "Device(…)"
