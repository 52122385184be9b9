"""How cameras are doing: what the gateway has seen of each, kept over restarts, and what follows for a screen."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import structlog

from dispatch.clock import Clock
from operations.cameras.video import CameraState
from storage.camera_health import LONGEST_ERROR, CameraHealthStore, CameraRecord

log = structlog.get_logger(__name__)

LATELY_S = 24 * 3_600.0  # a picture older than this says little about whether there would be one now
LOOK_EVERY_S = 5.0
WRITE_EVERY_S = 60.0  # a watched camera has a new picture at each look; a failure is written down at once
MOST_LISTED = 100  # failing cameras that the health page names
# Whatever a driver or a camera puts into its message: no address, no name with a password.
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://\S*|\S+:\S+@\S+")


class CameraHealthState(StrEnum):
    """What a screen shows of a camera."""

    OK = "ok"  # its newest try within a day gave a picture
    FAILING = "failing"  # its newest try did not
    UNTRIED = "untried"  # nobody has tried it within a day
    NO_ADDRESS = "no_address"  # it can't be tried


NOTHING = CameraRecord("")


def without_addresses(text: str) -> str:
    """The text with whatever looks like an address taken out, bounded in length."""
    return _ADDRESS.sub("(address)", text)[:LONGEST_ERROR]


class CameraHealth:
    """Follows what gateways say of cameras. Runs between `start` and `stop`; reads are safe from threads."""

    STATES = tuple(state.value for state in CameraHealthState)

    def __init__(self, store: CameraHealthStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._records: dict[str, CameraRecord] = {}
        self._asked: list[Callable[[], Mapping[str, CameraState]]] = []
        self._live: dict[str, CameraState] = {}  # as of the last look
        self._has_address: Callable[[str], bool] = lambda _camera_id: False
        self._task: asyncio.Task[None] | None = None
        self._unwritten: set[str] = set()  # ids of cameras whose record is newer than what is on disk
        self._written_at = 0.0  # Unix s
        self.failure = ""  # why records could not be written, empty when they were

    def follow(self, states: Callable[[], Mapping[str, CameraState]]) -> None:
        """Ask this gateway too; `VideoGateway.states`."""
        self._asked.append(states)

    async def start(self, has_address: Callable[[str], bool]) -> None:
        self._has_address = has_address
        self._records = await asyncio.to_thread(self._store.all)
        self._task = asyncio.create_task(self._run(), name="camera-health")

    async def stop(self) -> None:
        """With what was seen last written down."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            await self.look()
            await self._write()

    async def look(self) -> None:
        """Take over what the gateways say now; what has changed is written down."""
        live: dict[str, CameraState] = {}
        for states in self._asked:
            live |= states()
        changed = [record for state in live.values() if (record := self._after(state)) != self.record(state.camera_id)]
        urgent = any(record.last_error_at != self.record(record.camera_id).last_error_at for record in changed)
        # Swapped whole, for readers in threads.
        self._live, self._records = live, self._records | {record.camera_id: record for record in changed}
        self._unwritten |= {record.camera_id for record in changed}
        if urgent or self._clock.unix_s() - self._written_at >= WRITE_EVERY_S:
            await self._write()

    async def _write(self) -> None:
        waiting, self._unwritten = self._unwritten, set()
        self._written_at = self._clock.unix_s()
        if not waiting:
            return
        try:
            await asyncio.to_thread(self._store.write, [self.record(camera_id) for camera_id in waiting])
            self.failure = ""
        except Exception as error:  # shown on the health page, and tried again
            self._unwritten |= waiting
            self.failure = f"{type(error).__name__}: what cameras did last can't be written down"
            log.exception("camera_health_not_written", cameras=len(waiting))

    async def forget(self, camera_id: str) -> None:
        self._records = {key: record for key, record in self._records.items() if key != camera_id}
        self._unwritten.discard(camera_id)
        await asyncio.to_thread(self._store.remove, camera_id)

    def record(self, camera_id: str) -> CameraRecord:
        return self._records.get(camera_id) or msgspec.structs.replace(NOTHING, camera_id=camera_id)

    def live(self, camera_id: str) -> CameraState | None:
        """What its gateway says now; None when it has not tried it since its start."""
        return self._live.get(camera_id)

    def watched(self) -> int:
        """Cameras that somebody watches now."""
        return sum(1 for state in self._live.values() if state.viewers > 0)

    def counts(self, is_registered: Callable[[str], bool]) -> dict[str, int]:
        """How many of the registered cameras are ok and how many failing; those that were never tried are in neither."""
        found = {"ok": 0, "failing": 0}
        for camera_id in self._records:
            state = self.state_of(camera_id, self._has_address(camera_id)).value
            if state in found and is_registered(camera_id):
                found[state] += 1
        return found

    def state_of(self, camera_id: str, has_address: bool) -> CameraHealthState:
        if not has_address:
            return CameraHealthState.NO_ADDRESS
        record = self._records.get(camera_id)
        if record is None:
            return CameraHealthState.UNTRIED
        picture_at, error_at = record.last_picture_at or 0.0, record.last_error_at or 0.0
        if max(picture_at, error_at) < self._clock.unix_s() - LATELY_S:
            return CameraHealthState.UNTRIED
        return CameraHealthState.FAILING if error_at > picture_at else CameraHealthState.OK

    def failing(self) -> list[CameraRecord]:
        """Newest failure first."""
        found = [r for r in self._records.values() if self.state_of(r.camera_id, self._has_address(r.camera_id)) == "failing"]
        return sorted(found, key=lambda record: -(record.last_error_at or 0.0))

    def _after(self, state: CameraState) -> CameraRecord:
        before = self.record(state.camera_id)
        return CameraRecord(
            state.camera_id,
            _later(before.last_picture_at, state.last_picture_at),
            without_addresses(state.last_error) if state.last_error else before.last_error,
            _later(before.last_error_at, state.last_error_at if state.last_error else None),
        )

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    def probe(self, counts: Callable[[], dict[str, int]]) -> dict[str, Any]:
        """For `Health.watch`: a state, counters, and why records could not be written."""
        return {"state": "failing" if self.failure else "ok", "failure": self.failure, **counts()}


def _later(before: float | None, now: datetime | None) -> float | None:
    """To whole seconds: a watched camera has a new picture at each look, and a finer instant is nobody's question."""
    if now is None:
        return before
    at = float(int(now.timestamp()))
    return at if before is None else max(before, at)
