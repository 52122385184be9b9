"""The built-in gateway over several processes: what one of them refuses keeps nothing from the others."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.clock import SystemClock
from feeds.video.gateway import EmbeddedGateway
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
