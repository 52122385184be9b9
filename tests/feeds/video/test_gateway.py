"""The built-in gateway over several processes: what one of them refuses keeps nothing from the others."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dispatch.clock import SystemClock
from feeds.video.admission import Limits
from feeds.video.gateway import EmbeddedGateway, _Opened
from feeds.video.pull import PullFailed
from feeds.video.wanted import Wanted
from feeds.video.worker import Setup, Worker
from operations.cameras.video import Quality, VideoRefused
from storage.cameras import CameraSource


class Process:
    """What `VideoProcess` is asked."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.is_starting = False

    async def ask(self, do: str, wanted: list[dict[str, Any]]) -> dict[str, Any]:
        if self.is_starting:
            raise VideoRefused("starting", "The video process is starting.")
        self.told.append([one["camera_id"] for one in wanted])
        return {}


@pytest.mark.parametrize("stuck", [0, 1])
async def test_what_is_to_be_recorded_comes_to_all_processes_but_the_one_that_is_starting(stuck: int) -> None:
    gateway, processes = EmbeddedGateway(SystemClock(), 2), [Process(), Process()]
    gateway._processes = processes  # type: ignore[assignment]
    cameras = [CameraSource(f"cam-{number}", "rtsp://10.0.0.1/x", "", "f", 0.0) for number in range(8)]
    wanted = [(camera, Quality.SUB) for camera in cameras]
    processes[stuck].is_starting = True
    with pytest.raises(VideoRefused):
        await gateway.record(wanted)
    (shared,) = processes[1 - stuck].told
    assert 0 < len(shared) < len(cameras)
    processes[stuck].is_starting = False
    await gateway.record(wanted)
    assert sorted(processes[stuck].told[0] + shared) == [camera.camera_id for camera in cameras]


async def test_the_small_picture_of_a_camera_that_has_only_its_large_one_counts_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.video.hub.connect", lambda *_: None)
    monkeypatch.setattr("feeds.video.hub.pull", lambda *_: iter(()))
    alone, both = ("rtsp://10.0.0.1/main", ""), ("rtsp://10.0.0.1/main", "rtsp://10.0.0.1/sub")
    asked = [(alone, Quality.SUB), (both, Quality.SUB), (both, Quality.MAIN), (("", both[1]), Quality.MAIN)]
    told = [_Opened(CameraSource(f"cam-{n}", *urls, "f", 0.0), quality, 0.0).wanted() for n, (urls, quality) in enumerate(asked)]
    assert [one["weighs"] for one in told] == ["main", "sub", "main", "sub"]
    worker = Worker(Setup("s", Limits(load=3)), SystemClock())
    first, second, large, _ = (msgspec.convert(one, Wanted) for one in told)
    held = [worker.hub(first), worker.hub(second)]
    with pytest.raises(PullFailed):
        worker.hub(large)
    for hub in held:
        hub.close()
