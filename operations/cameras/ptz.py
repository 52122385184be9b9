"""Turning cameras: who holds one and for how long, who may take it over, and that it stops when nobody is there any more.

A hold is had by using a camera and lasts as long as it is used, and half a minute more. It lives in memory: after a restart nobody
holds any. Taking hold, taking over, aiming and saving are written into the audit before they happen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
import structlog

from dispatch.clock import Clock
from dispatch.errors import Conflict, RuleViolation
from dispatch.model import Actor
from dispatch.organisations import OrganisationTree
from operations.access.authority import Action, Authority, Role
from operations.access.on_record import Log, look_of, write_down
from operations.cameras.camera_aim import aim, reach_of
from operations.cameras.camera_register import Camera, CameraRegister
from operations.cameras.ptz_driver import Preset, PtzDriver, PtzFailed, Velocity
from storage.cameras import CameraSource

log = structlog.get_logger(__name__)

HOLD = timedelta(seconds=30)
DEAD_MAN_S = 1.0  # a move that is not renewed for so long is stopped
STOP_TRIES = 3
LONGEST_PRESET = 64  # characters of a name or token


class Hold(msgspec.Struct, frozen=True):
    """Who has a camera to himself."""

    camera_id: str
    name: str
    kind: str  # user | token
    role: str
    org_code: str  # of the account, also where its desk is narrowed
    since: datetime
    until: datetime  # from then on it is free; each use moves it

    def is_of(self, actor: Actor) -> bool:
        return (self.name, self.kind) == (actor.name, actor.kind)


class TakenOver(msgspec.Struct, frozen=True):
    """For the former holder."""

    camera_id: str
    camera: str  # its name
    from_name: str
    from_kind: str
    by_name: str
    by_org: str


class Ptz:
    """Everything about turning. Belongs to the event loop."""

    def __init__(
        self,
        driver: PtzDriver,
        cameras: CameraRegister,
        authority: Authority,
        organisations: OrganisationTree,
        audit: Log,
        clock: Clock,
        dead_man_s: float = DEAD_MAN_S,
    ) -> None:
        self._driver = driver
        self._cameras = cameras
        self._authority = authority
        self._organisations = organisations
        self._audit = audit
        self._clock = clock
        self._dead_man_s = dead_man_s
        self._holds: dict[str, Hold] = {}  # by camera; ended ones stay until the next hold
        self._locks: dict[str, asyncio.Lock] = {}  # one request at a time to a camera
        self._newest: dict[str, int] = {}  # by camera: number of the newest move or stop, so that older ones are left out
        self._moving: dict[str, asyncio.Task[None]] = {}  # by camera: what stops it when nobody renews its move
        self._listeners: set[Callable[[TakenOver], None]] = set()

    async def stop(self) -> None:
        """Nothing moves on while the system is down."""
        for camera_id in tuple(self._moving):
            await self._halt(camera_id)
        await self._driver.close()

    def listen(self, listener: Callable[[TakenOver], None]) -> Callable[[], None]:
        """Be told of take-overs; the answer ends that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def holder(self, camera_id: str) -> Hold | None:
        hold = self._holds.get(camera_id)
        return hold if hold is not None and hold.until > self._clock.now() else None

    def why_not(self, actor: Actor, camera: Camera) -> str:
        """Why the actor can't turn it: `camera-fixed`, `not-permitted` (by role), `outside-scope`; empty when he can."""
        if not camera.turns:
            return "camera-fixed"
        if not self._authority.can(actor, Action.OPERATE_CAMERA):
            return "not-permitted"
        return "" if self._authority.in_scope(actor, camera.org_code) else "outside-scope"

    def may_take_over(self, actor: Actor, hold: Hold) -> bool:
        """Whoever stands above the holder: an organisation above the holder's, or its commander over its operators."""
        own = actor.own_org_code or actor.org_code
        if own == hold.org_code:
            leads = (Role.COMMANDER.value, Role.ADMIN.value)
            return actor.role in leads and hold.role not in leads
        return hold.org_code in self._organisations.reach(own, self._clock.now().date())

    # What a desk asks -------------------------------------------------------------------------------------------------
    # Each raises NotFound, NotPermitted, Conflict (another holds it), Unavailable (not audited), and PtzFailed.

    async def take(self, actor: Actor, camera_id: str, take_over: bool = False) -> Hold:
        """Hold a camera; `take_over` also one that somebody below holds."""
        camera, source = await self._allowed(actor, camera_id)
        held = self.holder(camera_id)
        if held is None or held.is_of(actor):
            return await self._hold(actor, camera)
        if not take_over:
            raise self._held(held, camera)
        if not self.may_take_over(actor, held):
            detail = f"{held.name} of {held.org_code} holds this camera, and does not stand below you; ask there."
            raise Conflict("camera-held", detail)
        await self._write(actor, "camera_taken_over", f"{camera_id} from {held.name}")
        now_held = self.holder(camera_id)  # a third may have been quicker while it was written
        if now_held is not None and (now_held.name, now_held.kind) not in ((held.name, held.kind), (actor.name, actor.kind)):
            raise self._held(now_held, camera)
        hold = self._note(actor, camera_id, self._clock.now())
        name = str(camera.properties.get("name") or camera_id)
        for listener in tuple(self._listeners):
            listener(TakenOver(camera_id, name, held.name, held.kind, hold.name, hold.org_code))
        self._disarm(camera_id)
        await self._stop_for_sure(camera_id, source)  # whatever it does: what waits for its turn may have disarmed a move
        return hold

    async def release(self, actor: Actor, camera_id: str) -> None:
        """Let others have it; without a hold nothing happens."""
        self._authority.authorise(actor, Action.OPERATE_CAMERA)
        held = self.holder(camera_id)
        if held is not None and held.is_of(actor):
            del self._holds[camera_id]  # before anything is waited for: whoever uses it meanwhile holds it anew
            await self._halt(camera_id)

    async def move(self, actor: Actor, camera_id: str, velocity: Velocity) -> Hold:
        """Move until `halt`, or until this is not asked again for a second."""
        camera, source, hold = await self._use(actor, camera_id)
        async with self._turn(camera_id) as is_newest:
            self._must_be_free_for(actor, camera)
            if is_newest():
                self._arm(camera_id, source)
                await self._driver.move(source, velocity, self._dead_man_s)
        return hold

    async def halt(self, actor: Actor, camera_id: str) -> Hold:
        camera, source, hold = await self._use(actor, camera_id)
        self._disarm(camera_id)
        async with self._turn(camera_id):
            self._must_be_free_for(actor, camera)
            await self._driver.stop(source)
        return hold

    async def presets(self, actor: Actor, camera_id: str) -> list[Preset]:
        """What the camera keeps; asking holds nothing."""
        _, source = await self._allowed(actor, camera_id)
        async with self._lock(camera_id):
            return await self._driver.presets(source)

    async def go(self, actor: Actor, camera_id: str, token: str) -> Hold:
        camera, source, hold = await self._use(actor, camera_id)
        self._disarm(camera_id)
        async with self._turn(camera_id):
            self._must_be_free_for(actor, camera)
            await self._driver.go(source, token)
        return hold

    async def save(self, actor: Actor, camera_id: str, name: str, token: str | None) -> str:
        """Keep where it looks now; the preset's token."""
        self._authority.authorise(actor, Action.SAVE_PRESET)
        camera, source, _ = await self._use(actor, camera_id)
        await self._write(actor, "camera_preset_saved", f"{camera_id} {name}")
        async with self._turn(camera_id):
            self._must_be_free_for(actor, camera)
            return await self._driver.save(source, name, token)

    async def look(self, actor: Actor, camera_id: str, lon: float, lat: float, about: str) -> Hold:
        """Turn it to a point; `about` says in the audit what is there. Raises RuleViolation as `aim`."""
        camera, _ = await self._allowed(actor, camera_id)
        pan_deg, tilt_deg = aim(camera, lon, lat)
        _, source, hold = await self._use(actor, camera_id)
        await self._write(actor, "camera_aimed", f"{camera_id} {about}")
        self._must_be_free_for(actor, camera)  # else it would disarm what stops another's move
        self._disarm(camera_id)
        async with self._turn(camera_id):
            self._must_be_free_for(actor, camera)
            await self._driver.point(source, pan_deg, tilt_deg, reach_of(camera))
        return hold

    # How --------------------------------------------------------------------------------------------------------------

    async def _allowed(self, actor: Actor, camera_id: str) -> tuple[Camera, CameraSource]:
        self._authority.authorise(actor, Action.OPERATE_CAMERA)
        camera = self._cameras.one(camera_id)
        self._authority.authorise(actor, Action.OPERATE_CAMERA, org_code=camera.org_code)
        source = await self._cameras.source(camera_id) if camera.turns else None
        if source is None or not source.control_url:
            raise RuleViolation("camera-fixed", f"Camera {camera_id} can't be turned from here: no control_url is registered.")
        return camera, source

    async def _use(self, actor: Actor, camera_id: str) -> tuple[Camera, CameraSource, Hold]:
        """The camera and its addresses, once the actor holds it."""
        camera, source = await self._allowed(actor, camera_id)
        self._must_be_free_for(actor, camera)
        return camera, source, await self._hold(actor, camera)

    def _must_be_free_for(self, actor: Actor, camera: Camera) -> None:
        """Asked again after whatever was waited for: what the actor asked before another took it over is not done any more."""
        held = self.holder(camera.camera_id)
        if held is not None and not held.is_of(actor):
            raise self._held(held, camera)

    async def _hold(self, actor: Actor, camera: Camera) -> Hold:
        held = self.holder(camera.camera_id)
        if held is None:
            await self._write(actor, "camera_held", camera.camera_id)
            self._must_be_free_for(actor, camera)  # another may have been quicker while it was written
            held = self.holder(camera.camera_id)
        return self._note(actor, camera.camera_id, self._clock.now() if held is None else held.since)

    def _note(self, actor: Actor, camera_id: str, since: datetime) -> Hold:
        org_code = actor.own_org_code or actor.org_code
        hold = Hold(camera_id, actor.name, actor.kind, actor.role, org_code, since, self._clock.now() + HOLD)
        self._holds[camera_id] = hold
        return hold

    def _held(self, held: Hold, camera: Camera) -> Conflict:
        left_s = max((held.until - self._clock.now()).total_seconds(), 1.0)
        name = camera.properties.get("name") or camera.camera_id
        return Conflict(
            "camera-held", f"{held.name} of {held.org_code} holds camera {name} for {left_s:.0f} s more; ask there, or take it over."
        )

    def _lock(self, camera_id: str) -> asyncio.Lock:
        return self._locks.setdefault(camera_id, asyncio.Lock())

    def _turn(self, camera_id: str) -> _Turn:
        """One request to the camera at a time; what has become old while it waited knows that it has."""
        number = self._newest[camera_id] = self._newest.get(camera_id, 0) + 1
        return _Turn(self._lock(camera_id), lambda: self._newest[camera_id] == number)

    def _arm(self, camera_id: str, source: CameraSource) -> None:
        self._disarm(camera_id)
        self._moving[camera_id] = asyncio.create_task(self._stop_later(camera_id, source), name="camera-dead-man")

    def _disarm(self, camera_id: str) -> None:
        waiting = self._moving.pop(camera_id, None)
        if waiting is not None:
            waiting.cancel()

    async def _stop_later(self, camera_id: str, source: CameraSource) -> None:
        await asyncio.sleep(self._dead_man_s)
        self._moving.pop(camera_id, None)  # from here on it is not cancelled: it must stop
        await self._stop_for_sure(camera_id, source)

    async def _halt(self, camera_id: str) -> None:
        """Stop it if it moves."""
        if camera_id in self._moving:
            self._disarm(camera_id)
            source = await self._cameras.source(camera_id)
            if source is not None:
                await self._stop_for_sure(camera_id, source)

    async def _stop_for_sure(self, camera_id: str, source: CameraSource) -> None:
        for left in reversed(range(STOP_TRIES)):
            try:
                async with self._turn(camera_id):
                    await self._driver.stop(source)
                return
            except PtzFailed as error:
                log.warning("camera_not_stopped", camera_id=camera_id, why=error.rule, tries_left=left)

    async def _write(self, actor: Actor, what: str, subject: str) -> None:
        await write_down(self._audit, look_of(actor, self._clock.now(), what, subject), "The camera is not turned")


class _Turn:
    """`async with turn as is_newest`: holds the camera's lock; `is_newest()` says whether nothing newer waits."""

    def __init__(self, lock: asyncio.Lock, is_newest: Callable[[], bool]) -> None:
        self._lock = lock
        self._is_newest = is_newest

    async def __aenter__(self) -> Callable[[], bool]:
        await self._lock.acquire()
        return self._is_newest

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
