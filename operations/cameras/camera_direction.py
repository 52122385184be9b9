"""Where a camera that can be turned looks now: as the camera itself tells it, never as it is supposed to be.

What a camera tells is kept for a second, that it doesn't tell for longer: whoever shows a map asks again and again.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec

from dispatch.clock import Clock
from dispatch.model import Actor
from operations.access.authority import Action, Authority
from operations.cameras.camera_aim import has_pan_ends, reach_of
from operations.cameras.camera_register import Camera, CameraRegister
from operations.cameras.ptz_driver import Looking, PtzDriver, PtzFailed

FRESH_S = 1.0  # all who ask within it hear the same
SILENT_S = 20.0  # a camera that didn't tell is left alone for so long
MOST_AT_ONCE = 16  # cameras that are asked at the same time
MOST_KEPT = 2_000


class Direction(msgspec.Struct, frozen=True):
    """Where one looks, as it told at `at`; or why that is not known."""

    camera_id: str
    at: datetime
    heading_deg: float | None = None  # clockwise from north
    tilt_deg: float | None = None  # up from the horizon
    is_zoomed: bool | None = None  # then it sees less than its registered angle; None: it doesn't tell
    why: str = ""  # camera-fixed, camera-heading-unknown, camera-reach-unknown, busy, or as `PtzFailed.rule`


class CameraDirections:
    """Asks cameras. Belongs to the event loop."""

    def __init__(self, driver: PtzDriver, cameras: CameraRegister, authority: Authority, clock: Clock) -> None:
        self._driver = driver
        self._cameras = cameras
        self._authority = authority
        self._clock = clock
        self._told: dict[str, Direction] = {}  # by camera: the newest answer
        self._asking: dict[str, asyncio.Task[Direction]] = {}  # by camera

    async def now(self, actor: Actor, camera_id: str) -> Direction:
        """Where it looks; asked of the camera unless it has just been. Raises NotPermitted, NotFound."""
        self._authority.authorise(actor, Action.WATCH_CAMERA)
        camera = self._cameras.one(camera_id)
        told = self._told.get(camera_id)
        if told is not None and (self._clock.now() - told.at).total_seconds() < (SILENT_S if told.why else FRESH_S):
            return told
        unknown = _not_to_be_known(camera)
        if unknown:
            return Direction(camera_id, self._clock.now(), why=unknown)
        asking = self._asking.get(camera_id)
        if asking is None:
            if len(self._asking) >= MOST_AT_ONCE:
                return Direction(camera_id, self._clock.now(), why="busy")
            asking = self._asking[camera_id] = asyncio.create_task(self._ask(camera), name="camera-direction")
        return await asyncio.shield(asking)  # one who goes away does not end it for the others

    async def stop(self) -> None:
        """Ask nobody any more."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, camera: Camera) -> Direction:
        camera_id = camera.camera_id
        try:
            source = await self._cameras.source(camera_id)
            if source is None or not source.control_url:
                return Direction(camera_id, self._clock.now(), why="camera-fixed")
            looking = await self._driver.looking(source, reach_of(camera))
            told = _direction(camera, looking, self._clock.now())
        except PtzFailed as failed:
            told = Direction(camera_id, self._clock.now(), why=failed.rule)
        finally:
            del self._asking[camera_id]
        if len(self._told) >= MOST_KEPT:
            self._told.clear()
        self._told[camera_id] = told
        return told


def _not_to_be_known(camera: Camera) -> str:
    """Why it need not be asked; empty when it may know."""
    if not camera.turns:
        return "camera-fixed"
    return "camera-heading-unknown" if camera.heading_deg is None else ""


def _direction(camera: Camera, looking: Looking, at: datetime) -> Direction:
    # A share of its whole turn is a direction only where the ends of that turn are registered.
    if camera.heading_deg is None or not (looking.in_degrees or has_pan_ends(camera)):
        return Direction(camera.camera_id, at, is_zoomed=looking.is_zoomed, why="camera-reach-unknown")
    heading_deg = round((camera.heading_deg + looking.pan_deg) % 360.0, 1)
    return Direction(camera.camera_id, at, heading_deg, round(looking.tilt_deg, 1) if looking.in_degrees else None, looking.is_zoomed)
