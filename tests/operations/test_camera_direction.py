"""Where a camera looks now: told by itself or not said at all, asked once for all who want to know."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dispatch.clock import ManualClock
from dispatch.errors import NotPermitted
from dispatch.model import Actor
from operations.access.authority import Authority
from operations.cameras import camera_direction
from operations.cameras.camera_direction import CameraDirections
from operations.cameras.ptz_driver import Looking
from tests.operations.access_world import NOW, STATION, organisations
from tests.operations.ptz_double import RecordingDriver
from tests.operations.test_ptz import OneCamera, camera

VIEWER = Actor("v", "viewer", STATION, kind="user")
TO_THE_LEFT = Looking(-60.0, -12.34, in_degrees=True, is_zoomed=False)


class House:
    def __init__(self, looks: Looking | None = TO_THE_LEFT, **properties: Any) -> None:
        self.clock, self.driver = ManualClock(NOW), RecordingDriver()
        self.driver.looks = looks
        turns = properties.pop("turns", True)
        self.cameras: Any = OneCamera(camera(turns, **({"heading_deg": 30.0} | properties)))
        self.directions = CameraDirections(self.driver, self.cameras, Authority(organisations(), self.clock), self.clock)


async def test_a_camera_that_counts_in_degrees_is_believed() -> None:
    told = await House().directions.now(VIEWER, "cam-1")
    assert (told.heading_deg, told.tilt_deg, told.is_zoomed, told.why, told.at) == (330.0, -12.3, False, "", NOW)


async def test_a_share_of_an_unknown_turn_is_no_direction() -> None:
    share = Looking(90.0, 0.0, in_degrees=False, is_zoomed=None)
    assert (await House(share).directions.now(VIEWER, "cam-1")).why == "camera-reach-unknown"
    assert (await House(share, pan_min_deg=-170.0).directions.now(VIEWER, "cam-1")).heading_deg is None
    told = await House(share, pan_min_deg=-170.0, pan_max_deg=170.0).directions.now(VIEWER, "cam-1")
    assert (told.heading_deg, told.tilt_deg) == (120.0, None)


@pytest.mark.parametrize(
    ("properties", "why"), [({"turns": False}, "camera-fixed"), ({"heading_deg": None}, "camera-heading-unknown")], ids=["fixed", "heading"]
)
async def test_what_can_not_be_known_is_not_asked(properties: dict[str, Any], why: str) -> None:
    house = House(**properties)
    assert (await house.directions.now(VIEWER, "cam-1")).why == why
    assert house.driver.asked == []


async def test_it_is_asked_once_for_all_and_again_when_the_answer_is_old() -> None:
    house = House()
    house.driver.gate = asyncio.Event()
    asking = [asyncio.create_task(house.directions.now(VIEWER, "cam-1")) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()  # one who has gone takes the answer from nobody else
    house.driver.gate.set()
    answers = await asyncio.gather(*asking[1:])
    await house.directions.now(VIEWER, "cam-1")
    assert house.driver.asked == ["looking"]
    assert len({answer.heading_deg for answer in answers}) == 1
    house.clock.advance(camera_direction.FRESH_S)
    await house.directions.now(VIEWER, "cam-1")
    assert house.driver.asked == ["looking", "looking"]


async def test_one_that_does_not_tell_is_left_alone_for_a_while() -> None:
    house = House(looks=None)
    assert (await house.directions.now(VIEWER, "cam-1")).why == "camera-no-position"
    house.clock.advance(camera_direction.SILENT_S - 1)
    await house.directions.now(VIEWER, "cam-1")
    assert house.driver.asked == ["looking"]
    house.clock.advance(1)
    house.driver.looks = TO_THE_LEFT
    assert (await house.directions.now(VIEWER, "cam-1")).heading_deg == 330.0


async def test_no_more_than_so_many_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_direction, "MOST_AT_ONCE", 0)
    assert (await House().directions.now(VIEWER, "cam-1")).why == "busy"


async def test_who_may_not_watch_it_does_not_learn_where_it_looks() -> None:
    house = House()
    with pytest.raises(NotPermitted):
        await house.directions.now(Actor("t", "officer", STATION, kind="user"), "cam-1")
    assert house.driver.asked == []
    await house.directions.stop()
