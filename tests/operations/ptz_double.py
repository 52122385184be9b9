"""A driver that remembers what it was asked, and may fail or be slow."""

from __future__ import annotations

import asyncio

from operations.cameras.ptz_driver import Looking, Preset, PtzFailed, Reach, Velocity
from storage.cameras import CameraSource


class RecordingDriver:
    """`operations.cameras.ptz_driver.PtzDriver`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures = 0  # how many of the next calls fail
        self.gate: asyncio.Event | None = None  # moves, and where it looks, wait for it
        self.looks: Looking | None = None  # where it says it looks

    async def presets(self, camera: CameraSource) -> list[Preset]:
        self._note("presets")
        return [Preset("1", "北口")]

    async def go(self, camera: CameraSource, token: str) -> None:
        self._note(f"go {token}")

    async def save(self, camera: CameraSource, name: str, token: str | None) -> str:
        self._note(f"save {name}")
        return token or "2"

    async def move(self, camera: CameraSource, velocity: Velocity, for_s: float) -> None:
        self._note(f"move {velocity.pan:g}")
        if self.gate is not None:
            await self.gate.wait()

    async def stop(self, camera: CameraSource) -> None:
        self._note("stop")

    async def point(self, camera: CameraSource, pan_deg: float, tilt_deg: float | None, reach: Reach) -> None:
        tilt = "as it is" if tilt_deg is None else f"{tilt_deg:.0f}"
        self._note(f"point {pan_deg:.0f} {tilt}")

    async def looking(self, camera: CameraSource, reach: Reach) -> Looking:
        self._note("looking")
        if self.gate is not None:
            await self.gate.wait()
        if self.looks is None:
            raise PtzFailed("camera-no-position", "The camera doesn't tell where it looks; turn it by hand.")
        return self.looks

    async def close(self) -> None:
        self._note("close")

    def _note(self, what: str) -> None:
        if self.failures:
            self.failures -= 1
            self.asked.append(f"{what} failed")
            raise PtzFailed("camera-timeout", "The camera's control did not answer within 4 s; try again.")
        self.asked.append(what)
