"""Which cameras are recorded: those of duty circles, those nearest an open incident until it ends, and never more than was said."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch import commands as c
from dispatch.clock import ManualClock
from dispatch.duty_circles import DutyCircle, Tier
from dispatch.model import Grade
from dispatch.picture import OperatingPicture
from operations.cameras.video import Quality, VideoRefused
from operations.footage.recording import TELL_AGAIN_S, TRIM_EVERY_S, Candidates, Recording, candidates
from storage.cameras import CameraSource
from storage.video_ring import VideoRing
from tests.dispatch.driver import START, Node
from tests.storage.test_video_ring import fill


def near(incident_id: str, lon: float, lat: float) -> list[str]:
    return [f"{incident_id}-{number}" for number in range(1, 5)]


def circle(circle_id: str, *tiers: tuple[float, tuple[str, ...]], withdrawn: bool = False) -> DutyCircle:
    made = tuple(Tier(minutes, (), cameras=cameras) for minutes, cameras in tiers)
    return DutyCircle(circle_id, circle_id, "330200000000", 121.5, 29.8, made, 1, "li", START, withdrawn=withdrawn)


def kept_in(folder: Path) -> list[Path]:
    return list(folder.rglob("*.m4s"))


def received(node: Node, grade: Grade, after_s: float = 1.0) -> str:
    node.pass_time(after_s)
    (recorded,) = node.give(c.ReceiveIncident(incident_type="theft", grade=grade, lon=121.5, lat=29.8, org_code="330203050000"))
    return str(recorded.body.incident_id)


def test_the_most_urgent_come_first_then_the_nearest_camera_of_each(node: Node) -> None:
    old, new, urgent = received(node, Grade.ORDINARY), received(node, Grade.ORDINARY), received(node, Grade.MAJOR)
    found = candidates(node.picture, near).of_incidents
    assert found[:4] == [f"{urgent}-{number}" for number in range(1, 5)]
    assert found[4:8] == [f"{new}-1", f"{old}-1", f"{new}-2", f"{old}-2"]
    assert len(found) == 12


def test_an_incident_that_has_ended_or_has_no_place_has_none(node: Node) -> None:
    incident_id = received(node, Grade.MAJOR)
    assert candidates(node.picture, near).shared(8)
    node.give(c.Cancel(incident_id=incident_id))
    node.give(c.ReceiveIncident(incident_type="theft", grade=Grade.MAJOR, org_code="330203050000"))
    assert candidates(node.picture, near).shared(8) == []


def test_circles_have_half_of_the_places_for_themselves_their_shortest_tiers_first(node: Node) -> None:
    incident_id = received(node, Grade.MAJOR)
    circles = [
        circle("bank", (3.0, ("b3",)), (1.0, ("b1", "both"))),
        circle("school", (1.0, ("s1", "both"))),
        circle("gone", (1.0, ("g1",)), withdrawn=True),
    ]
    picture = OperatingPicture(incidents=node.picture.incidents, duty_circles={one.circle_id: one for one in circles})
    found = candidates(picture, near)
    assert found.shared(6) == ["b1", "both", "s1", *near(incident_id, 0, 0)[:3]]
    assert found.shared(8) == ["b1", "both", "s1", "b3", *near(incident_id, 0, 0)]
    assert Candidates(["b1", "both", "s1"], ["x"]).shared(4) == ["b1", "both", "x", "s1"], "and what incidents leave"


@pytest.fixture
def node() -> Node:
    return Node()


class Gateway:
    def __init__(self) -> None:
        self.told: list[list[tuple[str, Quality]]] = []
        self.is_starting = False

    async def record(self, wanted: Sequence[tuple[CameraSource, Quality]]) -> None:
        if self.is_starting:
            raise VideoRefused("starting", "The video process is starting.")
        self.told.append([(camera.camera_id, quality) for camera, quality in wanted])


class World:
    def __init__(self, folder: Path, most: int = 3) -> None:
        self.node, self.clock, self.gateway, self.asked, self.read = Node(), ManualClock(START), Gateway(), 0, 0
        self.ring = VideoRing(folder)
        self.without: set[str] = set()
        self.first = ""  # a camera nearer than all others
        self.recording = Recording(
            self.gateway,  # type: ignore[arg-type]
            self.ring,
            self.sources,
            lambda: self.node.picture,
            self.nearest,
            self.clock,
            most,
            15,
            1_000_000,
            Quality.SUB,
        )

    def sources(self, ids: Any) -> dict[str, CameraSource]:
        self.read += 1
        return {one: CameraSource(one, "rtsp://10.0.0.1/x", "", "f", 0.0) for one in ids if one not in self.without}

    def nearest(self, lon: float, lat: float) -> list[str]:
        self.asked += 1
        return [*([self.first] if self.first else []), *(f"cam-{number}" for number in range(1, 9))]

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.recording.tick()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_the_gateway_is_told_what_is_so_and_again_for_a_process_that_was_started_anew(world: World) -> None:
    await world.pass_time(0)
    incident_id = received(world.node, Grade.MAJOR)
    world.without = {"cam-2"}  # registered, and nobody has said where its pictures come from
    for _ in range(3):
        await world.pass_time(2)
    # Of the nearest four those with an address.
    assert world.gateway.told == [[], [("cam-1", Quality.SUB), ("cam-3", Quality.SUB), ("cam-4", Quality.SUB)]]
    assert (world.asked, world.read) == (1, 2), "neither places nor addresses are looked up while nothing has changed"
    await world.pass_time(TELL_AGAIN_S)
    assert world.gateway.told[2] == world.gateway.told[1]
    world.node.give(c.Cancel(incident_id=incident_id))
    await world.pass_time(2)
    assert world.gateway.told[3] == []


async def test_a_camera_that_is_registered_while_the_incident_lasts_joins_in(world: World) -> None:
    received(world.node, Grade.MAJOR)
    await world.pass_time(0)
    world.first = "new"
    await world.pass_time(TELL_AGAIN_S)
    assert [camera_id for camera_id, _ in world.gateway.told[-1]] == ["new", "cam-1", "cam-2"]


async def test_a_circles_camera_without_an_address_or_named_twice_takes_no_place_of_its_half(tmp_path: Path) -> None:
    world = World(tmp_path, most=4)
    incident_id = received(world.node, Grade.MAJOR)
    circles = [circle("bank", (1.0, ("bare", "both"))), circle("school", (1.0, ("both",)), (3.0, ("far",)))]
    world.node.picture = OperatingPicture(
        incidents={incident_id: world.node.picture.incidents[incident_id]}, duty_circles={one.circle_id: one for one in circles}
    )
    world.without = {"bare"}
    await world.pass_time(0)
    assert [camera_id for camera_id, _ in world.gateway.told[0]] == ["both", "far", "cam-1", "cam-2"]


async def test_switched_off_nothing_is_recorded_and_what_was_goes(tmp_path: Path) -> None:
    world = World(tmp_path, most=0)
    received(world.node, Grade.MAJOR)
    fill(tmp_path, "gate", 20, START.timestamp() - 3_600)
    await world.pass_time(2)
    assert world.gateway.told == [[]]
    assert kept_in(tmp_path) == []


async def test_a_gateway_that_is_starting_is_told_again_at_the_next_look(world: World) -> None:
    received(world.node, Grade.MAJOR)
    world.gateway.is_starting = True
    with pytest.raises(VideoRefused):
        await world.pass_time(2)
    world.gateway.is_starting = False
    await world.pass_time(2)
    assert len(world.gateway.told) == 1


async def test_the_ring_is_kept_small_whatever_the_gateway_says(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.gateway.is_starting = True
    fill(tmp_path, "gate", 20, START.timestamp() - 3_600)
    with pytest.raises(VideoRefused):
        await world.pass_time(0)
    assert kept_in(tmp_path) == []


async def test_a_ring_that_can_not_be_kept_small_is_told_and_stops_no_recording(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(world.ring, "trim", broken)
        await world.pass_time(0)
    assert world.gateway.told == [[]]
    state = world.recording.state()
    assert (state["state"], state["failure"]) == ("failing", "PermissionError")
    await world.pass_time(TRIM_EVERY_S)
    assert world.recording.state()["state"] == "ok"


async def test_that_the_gateway_is_starting_stands_on_the_health_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.footage.recording.LOOK_EVERY_S", 0.001)
    world.gateway.is_starting = True
    world.recording.start()
    try:
        async with asyncio.timeout(5):
            while world.recording.state()["state"] != "starting":  # noqa: ASYNC110 - it is told by a task of its own
                await asyncio.sleep(0.001)
            world.gateway.is_starting = False
            while world.recording.state()["state"] != "ok":  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    finally:
        await world.recording.stop()
    assert world.gateway.told


async def test_the_ring_is_kept_small_and_told_of(tmp_path: Path) -> None:
    world = World(tmp_path)
    began = (START - timedelta(minutes=20)).timestamp()
    fill(tmp_path, "gate", 20 * 60, began)
    await world.pass_time(0)
    state = world.recording.state()
    assert 0 < state["held_mb"] <= state["most_mb"] == 1.0
    assert 14 < state["held_minutes"] < 16
    assert (state["state"], state["held_cameras"]) == ("ok", 1)
