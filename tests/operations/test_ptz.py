"""Turning cameras: holds, take-over from above, the dead man's stop, aiming, what is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from dispatch.clock import ManualClock
from dispatch.errors import Conflict, NotPermitted, RuleViolation, Unavailable
from dispatch.model import Actor
from operations.access.authority import Authority
from operations.cameras.camera_aim import aim
from operations.cameras.camera_register import Camera
from operations.cameras.ptz import Ptz, TakenOver
from operations.cameras.ptz_driver import PtzFailed, Velocity
from storage.audit import Look
from storage.cameras import Addresses, CameraSource
from tests.operations.access_world import CITY, COUNTY, NOW, OTHER, SISTER, STATION, organisations
from tests.operations.ptz_double import RecordingDriver

LON, LAT = 121.55, 29.87
RIGHT = Velocity(pan=0.5)


def camera(turns: bool = True, **properties: Any) -> Camera:
    return Camera("cam-1", LON, LAT, STATION, {"name": "西门"} | properties, Addresses(True, False, turns), "ok", None, "", None)


class OneCamera:
    """The register as far as turning needs it."""

    def __init__(self, one: Camera) -> None:
        self.camera = one

    def one(self, camera_id: str) -> Camera:
        return self.camera

    async def source(self, camera_id: str) -> CameraSource:
        return CameraSource(camera_id, "", "", "vms", 0.0, "http://10.0.0.1/" if self.camera.turns else "")


class Kept:
    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.broken = False

    def append(self, looks: list[Look]) -> None:
        if self.broken:
            raise OSError("disk full")
        self.looks += looks


class House:
    def __init__(self, one: Camera | None = None, dead_man_s: float = 30.0) -> None:
        self.clock, self.driver, self.audit = ManualClock(NOW), RecordingDriver(), Kept()
        self.cameras: Any = OneCamera(one or camera())
        tree = organisations()
        audit: Any = self.audit
        self.ptz = Ptz(self.driver, self.cameras, Authority(tree, self.clock), tree, audit, self.clock, dead_man_s)
        self.told: list[TakenOver] = []
        self.ptz.listen(self.told.append)

    @property
    def written(self) -> list[str]:
        return [f"{look.actor} {look.what} {look.subject}" for look in self.audit.looks]


def desk(name: str, role: str = "operator", org_code: str = STATION) -> Actor:
    return Actor(name, role, org_code, kind="user")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 whatever is waited for
            await asyncio.sleep(0.005)


async def test_moving_holds_the_camera_and_keeps_others_away_until_it_is_let_go() -> None:
    house = House()
    await house.ptz.move(desk("zhao"), "cam-1", RIGHT)
    house.clock.advance(20)
    await house.ptz.halt(desk("zhao"), "cam-1")
    house.clock.advance(29)  # since the newest use
    with pytest.raises(Conflict, match="zhao of 330203510000 holds camera 西门 for 1 s more"):
        await house.ptz.move(desk("qian"), "cam-1", RIGHT)
    assert await house.ptz.presets(desk("qian"), "cam-1")  # asking holds nothing
    house.clock.advance(2)
    await house.ptz.move(desk("qian"), "cam-1", RIGHT)
    await house.ptz.release(desk("zhao"), "cam-1")  # not his any more
    assert (held := house.ptz.holder("cam-1")) is not None
    assert held.name == "qian"
    await house.ptz.release(desk("qian"), "cam-1")
    assert house.ptz.holder("cam-1") is None
    assert house.driver.asked == ["move 0.5", "stop", "presets", "move 0.5", "stop"]
    assert house.written == ["zhao camera_held cam-1", "qian camera_held cam-1"]


@pytest.mark.parametrize(
    ("taker", "may"),
    [
        (desk("county", org_code=COUNTY), True),
        (desk("city", "commander", CITY), True),
        (desk("chief", "commander"), True),
        (desk("mate"), False),
        (Actor("city", "operator", STATION, kind="user", own_org_code=CITY), True),
    ],
)
async def test_whoever_stands_above_takes_it_over_and_the_former_holder_is_told(taker: Actor, may: bool) -> None:
    house = House()
    await house.ptz.move(desk("zhao"), "cam-1", RIGHT)
    with pytest.raises(Conflict):
        await house.ptz.take(taker, "cam-1")
    if not may:
        with pytest.raises(Conflict, match="does not stand below you"):
            await house.ptz.take(taker, "cam-1", take_over=True)
        return
    hold = await house.ptz.take(taker, "cam-1", take_over=True)
    assert hold.name == taker.name
    assert house.driver.asked == ["move 0.5", "stop"], "what the former holder began does not go on"
    assert [(t.from_name, t.by_name, t.camera) for t in house.told] == [("zhao", taker.name, "西门")]
    assert house.written[-1] == f"{taker.name} camera_taken_over cam-1 from zhao"
    with pytest.raises(Conflict):
        await house.ptz.halt(desk("zhao"), "cam-1")


@pytest.mark.parametrize("who", [desk("v", "viewer"), desk("t", "call_taker"), desk("s", org_code=SISTER), desk("o", "commander", OTHER)])
async def test_who_may_not_turn_it_does_not(who: Actor) -> None:
    house = House()
    for asked in (house.ptz.move(who, "cam-1", RIGHT), house.ptz.take(who, "cam-1", True), house.ptz.presets(who, "cam-1")):
        with pytest.raises(NotPermitted):
            await asked
    assert house.driver.asked == []


async def test_a_move_that_is_not_renewed_is_stopped_also_when_the_first_tries_fail() -> None:
    house = House(dead_man_s=0.05)
    await house.ptz.move(desk("zhao"), "cam-1", RIGHT)
    house.driver.failures = 2
    await until(lambda: house.driver.asked[-1] == "stop")
    assert house.driver.asked == ["move 0.5", "stop failed", "stop failed", "stop"]


async def test_a_move_that_failed_is_stopped_too_and_its_failure_is_told() -> None:
    house = House(dead_man_s=0.05)
    house.driver.failures = 1
    with pytest.raises(PtzFailed):
        await house.ptz.move(desk("zhao"), "cam-1", RIGHT)
    await until(lambda: house.driver.asked == ["move 0.5 failed", "stop"])


async def test_moves_that_became_old_while_the_camera_was_busy_are_left_out() -> None:
    house = House()
    house.driver.gate = asyncio.Event()
    speeds = (0.1, 0.2, 0.3)
    moves = []
    for pan in speeds:
        moves.append(asyncio.create_task(house.ptz.move(desk("zhao"), "cam-1", Velocity(pan=pan))))
        await until(lambda: bool(house.driver.asked))
        await asyncio.sleep(0.01)
    house.driver.gate.set()
    await asyncio.gather(*moves)
    assert house.driver.asked == ["move 0.1", "move 0.3"]
    await house.ptz.stop()
    assert house.driver.asked[-2:] == ["stop", "close"], "nothing moves on while the system is down"


async def test_what_waits_for_the_camera_is_not_done_once_another_has_taken_it_over() -> None:
    house = House(camera(heading_deg=45.0))
    house.driver.gate = asyncio.Event()
    root = desk("root", "admin", COUNTY)
    moving = asyncio.create_task(house.ptz.move(root, "cam-1", RIGHT))
    await until(lambda: bool(house.driver.asked))
    asked = [
        asyncio.create_task(house.ptz.go(root, "cam-1", "1")),
        asyncio.create_task(house.ptz.save(root, "cam-1", "南口", None)),
        asyncio.create_task(house.ptz.look(root, "cam-1", LON + 0.001, LAT, "incident-1")),
    ]
    await until(lambda: len(house.written) == 3)
    await asyncio.sleep(0.01)
    taking = asyncio.create_task(house.ptz.take(desk("city", "commander", CITY), "cam-1", take_over=True))
    await until(lambda: bool(house.told))
    asked.append(asyncio.create_task(house.ptz.halt(root, "cam-1")))
    await asyncio.sleep(0.01)
    house.driver.gate.set()
    refused = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in refused] == [Conflict] * 4
    assert ((await taking).name, (await moving).name) == ("city", "root")
    assert house.driver.asked == ["move 0.5", "stop"], "what he had begun is stopped, although it waited to be sent elsewhere"


async def test_of_two_who_take_it_over_at_once_the_first_has_it_and_the_other_is_told_so() -> None:
    house = House()
    await house.ptz.move(desk("zhao"), "cam-1", RIGHT)
    takers = (desk("county", "commander", COUNTY), desk("city", "commander", CITY))
    ended = await asyncio.gather(*(house.ptz.take(one, "cam-1", take_over=True) for one in takers), return_exceptions=True)
    [hold] = [one for one in ended if not isinstance(one, BaseException)]
    [refused] = [one for one in ended if isinstance(one, BaseException)]
    assert isinstance(refused, Conflict)
    assert house.ptz.holder("cam-1") == hold
    assert [(t.from_name, t.by_name) for t in house.told] == [("zhao", hold.name)]


async def test_a_camera_let_go_at_another_screen_while_it_moves_is_held_anew_by_the_next_use() -> None:
    house = House()
    house.driver.gate = asyncio.Event()
    zhao = desk("zhao")
    first = asyncio.create_task(house.ptz.move(zhao, "cam-1", RIGHT))
    await until(lambda: bool(house.driver.asked))
    letting_go = asyncio.create_task(house.ptz.release(zhao, "cam-1"))
    await asyncio.sleep(0.01)
    again = asyncio.create_task(house.ptz.move(zhao, "cam-1", RIGHT))
    await until(lambda: house.written == ["zhao camera_held cam-1"] * 2)
    house.driver.gate.set()
    assert (await first).name == "zhao"
    await letting_go
    assert await again == house.ptz.holder("cam-1")
    assert house.driver.asked == ["move 0.5", "stop", "move 0.5"]


async def test_only_an_administrator_saves_presets_and_it_is_written_down() -> None:
    house = House()
    with pytest.raises(NotPermitted):
        await house.ptz.save(desk("chief", "commander"), "cam-1", "南口", None)
    assert await house.ptz.save(desk("root", "admin"), "cam-1", "南口", None) == "2"
    await house.ptz.go(desk("root", "admin"), "cam-1", "2")
    assert house.written == ["root camera_held cam-1", "root camera_preset_saved cam-1 南口"]
    assert house.driver.asked == ["save 南口", "go 2"]


async def test_what_cannot_be_written_down_does_not_happen() -> None:
    house = House()
    house.audit.broken = True
    with pytest.raises(Unavailable) as refused:
        await house.ptz.move(desk("zhao"), "cam-1", RIGHT)
    assert refused.value.rule == "not-audited"
    assert house.driver.asked == []
    assert house.ptz.holder("cam-1") is None


async def test_a_fixed_camera_says_so() -> None:
    with pytest.raises(RuleViolation, match="control_url"):
        await House(camera(turns=False)).ptz.move(desk("zhao"), "cam-1", RIGHT)


async def test_it_looks_at_a_place_from_its_heading_and_its_mast() -> None:
    house = House(camera(heading_deg=45.0, mast_height_m=11.5))
    await house.ptz.look(desk("zhao"), "cam-1", LON + 0.001, LAT, "incident-1")  # 96 m east
    assert house.driver.asked == ["point 45 -6"]
    assert house.written[-1] == "zhao camera_aimed cam-1 incident-1"


def test_aiming_knows_what_it_does_not_know() -> None:
    pan_deg, tilt_deg = aim(camera(heading_deg=0.0), LON, LAT - 0.001)
    assert (round(abs(pan_deg)), tilt_deg) == (180, None)
    round_once = camera(heading_deg=0.0, pan_min_deg=0.0, pan_max_deg=340.0)
    assert round(aim(round_once, LON - 0.001, LAT)[0]) == 270, "counted on from 0, as its turn is"
    with pytest.raises(RuleViolation, match="heading_deg"):
        aim(camera(mast_height_m=6), LON, LAT + 0.001)
    with pytest.raises(RuleViolation, match="from -60° to 60°, the place lies at 90°"):
        aim(camera(heading_deg=0.0, pan_min_deg=-60.0, pan_max_deg=60.0), LON + 0.001, LAT)
