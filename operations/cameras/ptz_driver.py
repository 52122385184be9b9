"""What turns a camera: what operations ask of a driver, and how it says that it can't. An implementation: `feeds/video/onvif.py`."""

from __future__ import annotations

from typing import Protocol

import msgspec

from dispatch.errors import Unavailable
from storage.cameras import CameraSource


class PtzFailed(Unavailable):
    """The camera did not do it. `rule` is one of `camera-unreachable`, `camera-timeout`, `camera-not-authorised`,
    `camera-bad-answer`, `camera-refused`, `camera-no-position`; the message names no address."""


class Preset(msgspec.Struct, frozen=True):
    """A position that the camera itself keeps."""

    token: str  # what the camera calls it
    name: str  # what people call it


class Reach(msgspec.Struct, frozen=True):
    """How far it turns, degrees: pan clockwise from its own heading, tilt up from the horizon."""

    pan_min_deg: float = -180.0
    pan_max_deg: float = 180.0
    tilt_min_deg: float = -90.0
    tilt_max_deg: float = 90.0


class Velocity(msgspec.Struct, frozen=True):
    """-1 to 1 each: to the right, up, and in."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0


class Looking(msgspec.Struct, frozen=True):
    """Where a camera says it looks now, degrees as in `Reach`."""

    pan_deg: float
    tilt_deg: float
    in_degrees: bool  # counted so by the camera itself; else worked out from its ends, and as good as the reach that was given
    is_zoomed: bool | None  # None: it doesn't tell


class PtzDriver(Protocol):
    """Every call may raise PtzFailed and ends within a few seconds."""

    async def presets(self, camera: CameraSource) -> list[Preset]: ...

    async def go(self, camera: CameraSource, token: str) -> None:
        """To one of its presets."""

    async def save(self, camera: CameraSource, name: str, token: str | None) -> str:
        """Keep where it looks now, over the preset `token` or as a new one; its token."""

    async def move(self, camera: CameraSource, velocity: Velocity, for_s: float) -> None:
        """Begin to move; a camera that heeds `for_s` stops by itself then."""

    async def stop(self, camera: CameraSource) -> None: ...

    async def point(self, camera: CameraSource, pan_deg: float, tilt_deg: float | None, reach: Reach) -> None:
        """Look there; tilt None: as high as it looks now."""

    async def looking(self, camera: CameraSource, reach: Reach) -> Looking:
        """Where it looks now. PtzFailed `camera-no-position`: it doesn't tell."""

    async def close(self) -> None: ...
