"""Looking back at a camera: from the ring, else from its recorder; for the session that asked; written down like any look."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest

from dispatch.clock import ManualClock
from dispatch.errors import NotFound, NotPermitted, RuleViolation
from dispatch.model import Actor
from operations.cameras.recorded_watch import GOOD_FOR, LONGEST_S, MOST_OF_SESSION, RecordedWatch
from operations.cameras.video import Quality, Recording, Stream, StreamKind, VideoRefused
from operations.cameras.video_watch import VideoWatch
from operations.footage.ring_cut import Cut, write
from storage.cameras import CameraSource
from storage.video_ring import VideoRing
from tests.operations.ring_world import clocks, fill
from tests.operations.test_video_watch import DESK, NOW, OFFICER, Log, Sight

BEGAN = NOW - timedelta(seconds=60)


class Gateway:
    """Without a recorder."""

    async def watch(self, stream_id: str) -> AsyncGenerator[str | bytes, None]:
        yield stream_id


class RecorderGateway(Gateway):
    """With one (历史回放)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, datetime, datetime]] = []
        self.has: list[Recording] = []

    async def recordings(self, camera: CameraSource, from_at: datetime, to_at: datetime) -> list[Recording]:
        return self.has

    async def playback(self, camera: CameraSource, at: datetime, to_at: datetime) -> Stream:
        self.asked.append((camera.camera_id, at, to_at))
        return Stream(
            "s1", camera.camera_id, Quality.MAIN, StreamKind.WS_FMP4, f"/video/{camera.camera_id}", None, NOW + timedelta(seconds=30)
        )


class SiteGateway(RecorderGateway):
    """Over an engine, of cameras that have a site's recorder as well."""

    def __init__(self) -> None:
        super().__init__()
        self.of_site: list[tuple[str, datetime, datetime]] = []
        self.began_at: datetime | None = None
        self.refuses = ""

    async def recordings(self, camera: CameraSource, from_at: datetime, to_at: datetime) -> list[Recording]:
        if not self.has:
            raise VideoRefused("starting", "The engine does not answer.")
        return self.has

    async def from_recorder(self, camera: CameraSource, at: datetime, to_at: datetime) -> Stream:
        if self.refuses:
            raise VideoRefused(self.refuses, "no")
        self.of_site.append((camera.recorder_url, at, to_at))
        until, url = NOW + timedelta(seconds=30), f"/video/{camera.camera_id}"
        return Stream("s2", camera.camera_id, Quality.MAIN, StreamKind.WS_FMP4, url, None, until, self.began_at)


RECORDER = "rtsp://10.0.0.8/1?b={from:%s}"


class World:
    def __init__(self, folder: Path, gateway: Any) -> None:
        self.clock, self.log = ManualClock(NOW), Log()
        known = {
            "gate": CameraSource("gate", "rtsp://10.0.0.9/x", "", "f", 0.0),
            "site": CameraSource("site", "", "", "f", 0.0, recorder_url=RECORDER),
        }
        self.video = VideoWatch(gateway, known.get, {"gate", "site", "bare"}.__contains__, Sight(), self.log, self.clock)
        self.folder = folder / "recorded"
        self.watch = RecordedWatch(self.video, VideoRing(folder / "ring"), self.folder, Sight(), self.clock)
        self.watch._clear()

    async def open(
        self, at: datetime = BEGAN, seconds: float = 10.0, session: str = "mine", actor: Actor = DESK, camera: str = "gate"
    ) -> Any:
        return await self.watch.open(actor, camera, at, at + timedelta(seconds=seconds), session, "desk")

    async def file(self, url: str, session: str = "mine", actor: Actor = DESK, camera: str = "gate") -> Path:
        return await self.watch.file(actor, camera, url.partition("?token=")[2], session)


@pytest.fixture
def world(tmp_path: Path) -> World:
    fill(tmp_path / "ring", "gate", BEGAN.timestamp(), 60)
    return World(tmp_path, Gateway())


async def test_what_the_ring_has_is_a_file_that_says_when_it_begins(world: World) -> None:
    found = await world.open(BEGAN + timedelta(seconds=20.4))
    assert (found.kind, found.time_source, found.start_at) == ("mp4", "camera", BEGAN + timedelta(seconds=20))
    assert found.end_at == pytest.approx(BEGAN + timedelta(seconds=30.4), abs=timedelta(seconds=0.2))
    assert clocks(await world.file(found.url))[0][1] == pytest.approx(found.start_at.timestamp(), abs=0.002)
    assert [(look.actor, look.what, look.subject) for look in world.log.looks] == [("desk", "camera_recorded", "gate")]


async def test_nobody_else_gets_it_and_nobody_for_ever(world: World) -> None:
    url = (await world.open()).url
    for other in ({"session": "another"}, {"camera": "bare"}):
        with pytest.raises(VideoRefused, match="too old"):
            await world.file(url, **other)  # type: ignore[arg-type]
    with pytest.raises(NotPermitted):
        await world.file(url, actor=OFFICER)
    world.clock.advance(GOOD_FOR.total_seconds() + 1)
    with pytest.raises(VideoRefused) as refused:
        await world.file(url)
    assert refused.value.reason == "expired"


async def test_the_files_of_a_session_are_bounded_and_removed_when_their_time_is_over(world: World) -> None:
    urls = [(await world.open(seconds=1.0)).url for _ in range(MOST_OF_SESSION + 1)]
    assert len(list(world.folder.iterdir())) == MOST_OF_SESSION
    with pytest.raises(VideoRefused):
        await world.file(urls[0])
    await world.file(urls[1])
    world.clock.advance(GOOD_FOR.total_seconds() + 1)
    await world.watch.tick()
    assert list(world.folder.iterdir()) == []


async def test_files_go_by_themselves_when_their_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.cameras.recorded_watch.CLEAR_EVERY_S", 0.01)
    await world.watch.start()
    await world.open(seconds=1.0)
    assert len(list(world.folder.iterdir())) == 1
    world.clock.advance(GOOD_FOR.total_seconds() + 1)
    async with asyncio.timeout(5):
        while list(world.folder.iterdir()):  # noqa: ASYNC110 a thread removes them
            await asyncio.sleep(0.01)
    await world.watch.stop()


async def test_many_at_once_are_no_more_than_many_one_after_the_other(world: World) -> None:
    await asyncio.gather(*(world.open(seconds=1.0) for _ in range(MOST_OF_SESSION + 6)))
    assert len(list(world.folder.iterdir())) == MOST_OF_SESSION


async def test_files_have_a_cap_in_bytes_and_the_newest_always_fits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    url = (await world.open(seconds=10.0)).url
    size_bytes = (await world.file(url)).stat().st_size
    monkeypatch.setattr("operations.cameras.recorded_watch.MOST_BYTES", int(size_bytes * 2.5))
    urls = [url] + [(await world.open(seconds=10.0)).url for _ in range(2)]
    assert len(list(world.folder.iterdir())) == 2
    with pytest.raises(VideoRefused):
        await world.file(urls[0])
    monkeypatch.setattr("operations.cameras.recorded_watch.MOST_BYTES", 1)
    await world.file((await world.open(seconds=10.0)).url)
    assert len(list(world.folder.iterdir())) == 1


async def test_a_copy_that_nobody_waits_for_any_more_goes_with_its_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    has_begun, may_go_on = threading.Event(), threading.Event()

    def slow(cut: Cut, ring: VideoRing, target: Path) -> None:
        has_begun.set()
        may_go_on.wait(5)
        write(cut, ring, target)

    monkeypatch.setattr("operations.cameras.recorded_watch.write", slow)
    asked = asyncio.create_task(world.open(seconds=1.0))
    await asyncio.to_thread(has_begun.wait, 5)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    may_go_on.set()
    async with asyncio.timeout(5):
        while [path.suffix for path in world.folder.iterdir()] != [".mp4"]:  # noqa: ASYNC110 the thread goes on with it
            await asyncio.sleep(0.01)
    world.clock.advance(GOOD_FOR.total_seconds() + 1)
    await world.watch.tick()
    assert list(world.folder.iterdir()) == []


async def test_a_copy_that_failed_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("av.open", cut_off(av.open))
    with pytest.raises(VideoRefused, match="can't be read"):
        await world.open(seconds=1.0)
    assert list(world.folder.iterdir()) == []
    monkeypatch.undo()
    for _ in range(MOST_OF_SESSION):
        await world.open(seconds=1.0)
    assert len(list(world.folder.iterdir())) == MOST_OF_SESSION, "what failed does not count"


def cut_off(whole: Any) -> Any:
    """As `av.open`, on a disk that is full when a file is closed."""

    def opened(file: str, mode: str = "r", **options: Any) -> Any:
        if mode != "w":
            return whole(file, mode, **options)
        Path(file).write_bytes(b"begun")
        raise OSError(28, "No space left on device")

    return opened


async def test_what_the_ring_has_not_comes_from_the_cameras_recorder(tmp_path: Path) -> None:
    gateway = RecorderGateway()
    world = World(tmp_path, gateway)
    at = NOW - timedelta(hours=5)
    with pytest.raises(VideoRefused, match="Neither this server nor the camera's recorder"):
        await world.open(at)
    begins = at + timedelta(seconds=4)
    gateway.has = [Recording(begins, at + timedelta(hours=1))]
    found = await world.open(at)
    assert (found.kind, found.time_source, found.start_at) == ("ws-fmp4", "recorder", begins)
    assert gateway.asked == [("gate", begins, at + timedelta(seconds=10))]
    token = found.url.partition("?token=")[2]
    assert [message async for message in world.video.watch(DESK, "gate", token, "mine")] == ["s1"]


async def test_a_sites_recorder_is_asked_after_the_ring_and_the_engine_by_whole_seconds(tmp_path: Path) -> None:
    gateway = SiteGateway()
    world = World(tmp_path, gateway)
    at = NOW - timedelta(hours=5)
    found = await world.open(at + timedelta(seconds=0.7), camera="site")
    assert (found.kind, found.time_source, found.start_at) == ("ws-fmp4", "recorder", at)
    assert (gateway.of_site, gateway.asked) == ([(RECORDER, at, at + timedelta(seconds=10.7))], [])
    assert [message async for message in world.video.watch(DESK, "site", found.url.partition("?token=")[2], "mine")] == ["s2"]
    gateway.refuses = "at-limit"
    with pytest.raises(VideoRefused) as refused:
        await world.open(at, camera="site")
    assert refused.value.reason == "at-limit"
    with pytest.raises(VideoRefused) as refused:
        await world.open(at)
    assert refused.value.reason == "starting", "without one the engine's word is the last"
    gateway.has = [Recording(at, at + timedelta(hours=1))]
    assert (await world.open(at, camera="site")).start_at == at
    assert gateway.asked == [("site", at, at + timedelta(seconds=10))]
    fill(tmp_path / "ring", "site", BEGAN.timestamp(), 60)
    assert (await world.open(camera="site")).kind == "mp4"


async def test_a_recorder_that_says_when_its_first_picture_was_taken_is_believed_and_nobody_else_hears_of_it(tmp_path: Path) -> None:
    gateway = SiteGateway()
    world = World(tmp_path, gateway)
    at = NOW - timedelta(hours=5)
    gateway.began_at = at - timedelta(seconds=1.5)
    assert (await world.open(at, camera="site")).start_at == gateway.began_at
    live = Stream("s", "site", Quality.SUB, StreamKind.WS_FMP4, "/video/site", None, NOW)
    assert "began_at" not in msgspec.to_builtins(live), "what is live has no beginning"


async def test_what_was_before_the_ring_comes_from_a_recorder_and_the_rest_from_the_ring(tmp_path: Path) -> None:
    gateway = SiteGateway()
    world = World(tmp_path, gateway)
    fill(tmp_path / "ring", "site", BEGAN.timestamp(), 60)
    before = await world.open(BEGAN - timedelta(seconds=30), 60, camera="site")
    assert (before.kind, before.start_at) == ("ws-fmp4", BEGAN - timedelta(seconds=30))
    assert before.end_at == pytest.approx(BEGAN, abs=timedelta(seconds=0.2))
    rest = await world.open(before.end_at, 30, camera="site")
    assert (rest.kind, rest.start_at) == ("mp4", before.end_at)
    gateway.refuses = "unreachable"
    for camera in ("site", "gate"):
        fill(tmp_path / "ring", camera, BEGAN.timestamp(), 60)
        only = await world.open(BEGAN - timedelta(seconds=30), 60, camera=camera)
        assert (only.kind, only.start_at) == ("mp4", before.end_at), "what the ring has is shown when there is no more"
    assert (await world.open(BEGAN - timedelta(seconds=5), 60, camera="site")).kind == "mp4"


async def test_a_ring_that_cannot_be_read_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(VideoRing, "entries", broken)
    with pytest.raises(VideoRefused, match="can't be read"):
        await world.open()


async def test_without_either_it_is_refused_by_name(tmp_path: Path) -> None:
    world = World(tmp_path, Gateway())
    for camera, reason in (("gate", "no-recorder"), ("bare", "no-address")):
        with pytest.raises(VideoRefused) as refused:
            await world.open(camera=camera)
        assert refused.value.reason == reason
    with pytest.raises(NotFound):
        await world.open(camera="none")


@pytest.mark.parametrize(("at", "seconds"), [(NOW + timedelta(seconds=1), 10.0), (BEGAN, 0.0), (BEGAN, LONGEST_S + 1)])
async def test_only_a_bounded_span_of_the_past_is_played(world: World, at: datetime, seconds: float) -> None:
    with pytest.raises(RuleViolation, match="can't be played"):
        await world.open(at, seconds)
    assert world.log.looks == []


async def test_who_may_not_watch_a_camera_does_not_look_back_at_it(world: World) -> None:
    with pytest.raises(NotPermitted):
        await world.open(actor=OFFICER)
    assert world.log.looks == []
