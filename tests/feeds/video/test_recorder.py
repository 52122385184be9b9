"""Recording beside watching: what a camera sends is in the ring with its time, and a viewer never finds the place taken by it."""

from __future__ import annotations

import asyncio
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from dispatch.clock import SystemClock
from feeds.video.admission import Limits
from feeds.video.farm import TestCamera
from feeds.video.farm_media import Format
from feeds.video.pull import Packet, PullFailed
from feeds.video.recorder import Recorders, as_kept
from feeds.video.subscription import Item
from feeds.video.wanted import Wanted
from feeds.video.worker import Setup, Worker
from operations.cameras.video import Quality
from operations.footage.ring_cut import plan, write
from storage.video_ring import Picture, VideoRing
from tests.feeds.video.farm_thread import FarmThread, running_farm
from tests.operations.ring_world import clocks

SMALL = Format(320, 180, 10, 150_000, gop_s=0.5)
WORKERS: list[Worker] = []
LIMITS = Limits(load=4, cpu_share=100.0)  # the tests' own process does the pulling here


@pytest.fixture(scope="module")
def farm() -> Iterator[FarmThread]:
    with running_farm(TestCamera("gate", sub=SMALL), TestCamera("timeless", sub=SMALL, sender_reports=False)) as running:
        yield running


@pytest.fixture(autouse=True)
async def cameras_end_with_the_test() -> AsyncIterator[None]:
    yield
    for hub in [hub for one in WORKERS for hub in one._hubs.values()]:
        hub.close()
    WORKERS.clear()
    await until(lambda: all(thread.name != "camera" for thread in threading.enumerate()))


def worker(folder: Path, limits: Limits = LIMITS) -> tuple[Worker, Recorders]:
    made = Worker(Setup("s", limits, ring=str(folder / "0")), SystemClock())
    WORKERS.append(made)
    assert made._recorders is not None
    return made, made._recorders


def wanted(farm: FarmThread, name: str, camera_id: str = "") -> Wanted:
    return Wanted(camera_id or name, Quality.SUB, (farm.url(name),), Quality.SUB)


async def until(what: Callable[[], object], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not what():  # noqa: ASYNC110 - it is told by threads and tasks of its own
            await asyncio.sleep(0.05)


async def test_what_a_camera_sends_is_in_the_ring_with_the_time_it_was_taken(farm: FarmThread, tmp_path: Path) -> None:
    _, recorders = worker(tmp_path)
    ring, now_s = VideoRing(tmp_path), SystemClock().unix_s()
    recorders.record([wanted(farm, "gate"), wanted(farm, "timeless")])
    held = {name: lambda name=name: len(ring.entries(name, now_s - 9, now_s + 60)) > 15 for name in ("gate", "timeless")}
    await until(lambda: all(is_held() for is_held in held.values()))
    assert recorders.state()["recording"] == 2
    assert recorders.written_bytes > 10_000
    recorders.record([])
    await until(lambda: not recorders._running)
    for name, by_camera in (("gate", True), ("timeless", False)):
        cut = plan(ring.entries(name, now_s - 9, now_s + 60), now_s - 9, now_s + 60)
        assert cut.by_camera is by_camera
        write(cut, ring, tmp_path / "clip.mp4")
        at_s, burnt_s = clocks(tmp_path / "clip.mp4")[0]
        assert at_s == 0.0
        # What tells no time is late by its way here at the least.
        assert -0.03 < cut.start_at - burnt_s < (0.1 if by_camera else 0.5)


async def test_a_viewer_takes_the_place_of_a_recording_and_no_recording_that_of_a_viewer(farm: FarmThread, tmp_path: Path) -> None:
    made, recorders = worker(tmp_path)
    recorders.record([wanted(farm, "gate", f"cam-{number}") for number in range(4)])
    await until(lambda: len(recorders._running) == 2)
    await asyncio.sleep(0.1)
    assert set(made._hubs) == {("cam-0", Quality.SUB), ("cam-1", Quality.SUB)}, "half of the places are kept for viewers"
    for number in range(2):
        made.hub(wanted(farm, "gate", f"seen-{number}")).hold(30)
    assert len(made._hubs) == 4
    with made.hub(wanted(farm, "gate", "cam-0")).subscribe():  # a viewer of what is recorded is one like any other
        made.hub(wanted(farm, "gate", "seen-2")).hold(30)
        assert ("cam-1", Quality.SUB) not in made._hubs
        with pytest.raises(PullFailed) as refused:
            made.hub(wanted(farm, "gate", "seen-3"))
        assert refused.value.reason == "at-limit"
        assert ("cam-0", Quality.SUB) in made._hubs
    recorders.record([])
    await until(lambda: not recorders._running)


async def test_a_viewer_is_transcoded_in_the_place_of_a_recording_and_half_of_the_places_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pulled(url: str, _clock: object, may_transcode: Callable[[], bool], h264_only: bool) -> Iterator[Packet | None]:
        """A camera of HEVC."""
        if not may_transcode():
            raise PullFailed("transcoding-at-limit", "No more cameras can be transcoded.", is_final=True)
        yield None
        while True:
            time.sleep(0.05)
            yield Packet(b"", 0, 0.0, 0.0)

    def named(name: str) -> Wanted:
        return Wanted(name, Quality.SUB, (f"rtsp://10.0.0.1/{name}",), Quality.SUB)

    def transcoded() -> set[str]:
        return {camera_id for (camera_id, _), hub in made._hubs.items() if hub.is_transcoded}

    monkeypatch.setattr("feeds.video.hub.connect", lambda *_: None)
    monkeypatch.setattr("feeds.video.hub.pull", pulled)
    made, recorders = worker(tmp_path, Limits(load=40, cpu_share=100.0, transcodes=4))
    recorders.record([named(f"cam-{number}") for number in range(4)])
    await until(lambda: len(made._hubs) == len(transcoded()) == 2)
    first, second = [one.camera_id for one in recorders._tasks if one.camera_id in transcoded()]
    for number in range(3):
        made.hub(named(f"seen-{number}")).hold(30)
    await until(lambda: transcoded() == {"seen-0", "seen-1", "seen-2", first})
    with made.hub(named("seen-0")).subscribe() as subscription:
        made.hub(named("seen-3")).hold(30)
        await until(lambda: transcoded() == {f"seen-{number}" for number in range(4)})
        made.hub(named("seen-4")).hold(30)
        await until(lambda: ("seen-4", Quality.SUB) not in made._hubs)
        assert not subscription._failure, "never a viewer's"
        assert second not in transcoded()
    recorders.record([])
    await until(lambda: not recorders._running)


async def test_no_recording_is_opened_by_a_busy_process(farm: FarmThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, recorders = worker(tmp_path, Limits(load=10, cpu_share=0.6))
    monkeypatch.setattr(type(made._admission), "cpu_share", property(lambda _: 0.4))
    recorders.record([wanted(farm, "gate")])
    await asyncio.sleep(0.2)
    assert not made._hubs
    made.hub(wanted(farm, "gate")).hold(5)  # but a viewer is let in
    recorders.record([])


async def test_a_disk_that_fails_is_counted_and_tried_again(farm: FarmThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.video.recorder.AGAIN_S", 0.05)
    _, recorders = worker(tmp_path)
    (tmp_path / "0").write_bytes(b"no folder")
    recorders.record([wanted(farm, "gate")])
    await until(lambda: recorders.disk_failures > 0)
    assert recorders.state()["recording_trouble"]
    (tmp_path / "0").unlink()
    await until(lambda: recorders.written_bytes > 0)
    assert "recording_trouble" not in recorders.state(), "what has been mended is not told any more"
    recorders.record([])
    await until(lambda: not recorders._running)


async def test_a_fault_ends_no_recording_for_ever(farm: FarmThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.video.recorder.AGAIN_S", 0.05)
    _, recorders = worker(tmp_path)

    broken: list[Item] = []

    def broken_once(item: Item) -> bytes | Picture:
        if not broken:
            broken.append(item)
            raise struct.error("a time that does not fit")
        return as_kept(item)

    monkeypatch.setattr("feeds.video.recorder.as_kept", broken_once)
    recorders.record([wanted(farm, "gate")])
    await until(lambda: recorders.faults > 0)
    assert recorders.state()["recording_trouble"] == "error"
    await until(lambda: recorders.written_bytes > 0)
    assert (recorders.state()["recording_faults"], recorders.state().get("recording_trouble")) == (1, None)
    recorders.record([])
    await until(lambda: not recorders._running)
