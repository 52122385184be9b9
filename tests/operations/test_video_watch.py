"""Who may watch which camera, for how long a grant holds, what is written down."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dispatch.clock import ManualClock
from dispatch.errors import NotFound, NotPermitted, Unavailable
from dispatch.model import Actor
from operations.access.permissions import is_granted
from operations.cameras.video import Quality, Snapshot, Stream, StreamKind, VideoRefused
from operations.cameras.video_watch import MOST_GRANTED, VideoWatch
from storage.audit import Look
from storage.cameras import CameraSource

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DESK, OFFICER = Actor("desk", "operator", "330200000000"), Actor("li", "officer", "330200000000", unit_id="car-1")
CAMERA = CameraSource("gate", "rtsp://admin:secret@10.0.0.9/main", "", "cameras", 0.0)


class FakeGateway:
    """Grants everything but what it is told to refuse."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.opened, self.snapshots = clock, 0, 0
        self.refuses = ""

    async def open(self, camera: CameraSource, quality: Quality) -> Stream:
        self.opened += 1
        expires_at = self.clock.now() + timedelta(seconds=30)
        return Stream(f"s{self.opened}", camera.camera_id, quality, StreamKind.WS_FMP4, f"/video/{camera.camera_id}", None, expires_at)

    async def watch(self, stream_id: str) -> AsyncGenerator[str | bytes, None]:
        yield stream_id

    async def snapshot(self, camera: CameraSource) -> Snapshot:
        self.snapshots += 1
        if self.refuses:
            raise VideoRefused(self.refuses, "no")
        return Snapshot(b"jpeg", self.clock.now())

    def state(self) -> dict[str, Any]:
        return {"state": "ok"}


class Sight:
    def authorise(self, actor: Actor, action: str) -> None:
        if not is_granted(actor.role, action):
            raise NotPermitted("role-not-permitted", "no")


class Log:
    def __init__(self) -> None:
        self.looks: list[Look] = []
        self.fails = False

    def append(self, looks: list[Look]) -> None:
        if self.fails:
            raise OSError("disk full")
        self.looks += looks


class World:
    def __init__(self) -> None:
        self.clock, self.log = ManualClock(NOW), Log()
        self.gateway = FakeGateway(self.clock)
        known = {"gate": CAMERA}
        self.video = VideoWatch(self.gateway, known.get, {"gate", "bare"}.__contains__, Sight(), self.log, self.clock)  # type: ignore[arg-type]

    async def open(self, camera_id: str = "gate", session: str = "mine", actor: Actor = DESK) -> str:
        stream = await self.video.open(actor, camera_id, Quality.SUB, session, "desk")
        return stream.url.partition("?token=")[2]

    async def watch(self, token: str, session: str = "mine", camera_id: str = "gate", actor: Actor = DESK) -> list[str | bytes]:
        return [message async for message in self.video.watch(actor, camera_id, token, session)]


@pytest.fixture
def world() -> World:
    return World()


async def test_a_grant_is_for_one_use_and_written_down_first(world: World) -> None:
    token = await world.open()
    (look,) = world.log.looks
    assert (look.actor, look.what, look.subject, look.channel) == ("desk", "camera", "gate", "desk")
    assert await world.watch(token) == ["s1"]
    with pytest.raises(VideoRefused, match="ask for another"):
        await world.watch(token)
    await world.open()
    assert len(world.log.looks) == 2  # each stream is a look of its own


@pytest.mark.parametrize("changed", [{"session": "another"}, {"camera_id": "bare"}])
async def test_a_grant_is_bound_to_its_session_and_camera(world: World, changed: dict[str, str]) -> None:
    token = await world.open()
    with pytest.raises(VideoRefused) as refused:
        await world.watch(token, **changed)
    assert refused.value.reason == "expired"


async def test_a_grant_ends(world: World) -> None:
    token = await world.open()
    world.clock.advance(31)
    with pytest.raises(VideoRefused):
        await world.watch(token)


async def test_who_may_not_watch_gets_nothing_and_nothing_is_begun(world: World) -> None:
    token = await world.open()
    for asked in (world.open(actor=OFFICER), world.watch(token, actor=OFFICER), world.video.snapshot(OFFICER, "gate", "api")):
        with pytest.raises(NotPermitted):
            await asked
    assert (world.gateway.opened, world.gateway.snapshots) == (1, 0)


async def test_what_is_not_written_down_is_not_shown(world: World) -> None:
    world.log.fails = True
    for asked in (world.open(), world.video.snapshot(DESK, "gate", "desk")):
        with pytest.raises(Unavailable):
            await asked
    assert (world.gateway.opened, world.gateway.snapshots) == (0, 0)


async def test_unknown_cameras_and_those_without_address_are_told_apart(world: World) -> None:
    with pytest.raises(NotFound):
        await world.open("nothing")
    with pytest.raises(VideoRefused) as refused:
        await world.open("bare")
    assert refused.value.reason == "no-address"


async def test_grants_that_nobody_uses_are_bounded(world: World) -> None:
    for _ in range(MOST_GRANTED):
        await world.open()
    with pytest.raises(VideoRefused):
        await world.open()
    await world.open(session="another")
    world.clock.advance(31)
    await world.open()


async def test_a_still_is_taken_once_for_all_who_ask(world: World) -> None:
    for actor in (DESK, DESK, Actor("wall", "viewer", "330200000000")):
        assert (await world.video.snapshot(actor, "gate", "desk")).jpeg == b"jpeg"
    assert world.gateway.snapshots == 1
    assert [look.actor for look in world.log.looks] == ["desk", "wall"]
    world.clock.advance(4)
    await world.video.snapshot(DESK, "gate", "desk")
    assert world.gateway.snapshots == 2
    assert len(world.log.looks) == 2  # the same look


async def test_a_still_that_was_refused_is_asked_for_again(world: World) -> None:
    world.gateway.refuses = "unreachable"
    with pytest.raises(VideoRefused):
        await world.video.snapshot(DESK, "gate", "desk")
    world.gateway.refuses = ""
    assert (await world.video.snapshot(DESK, "gate", "desk")).jpeg == b"jpeg"


def test_no_address_stands_in_what_is_printed() -> None:
    assert "secret" not in repr(CAMERA)
