"""Which cameras are recorded into the ring: those of duty circles always, those nearest an open incident from its report until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import structlog

from dispatch.clock import Clock
from dispatch.picture import OperatingPicture
from operations.cameras.video import Quality, VideoGateway, VideoRefused
from storage.cameras import CameraSource
from storage.video_ring import Held, VideoRing

LOOK_EVERY_S = 2.0
TELL_AGAIN_S = 15.0  # also when nothing has changed: addresses may have, and a process that was started anew knows of none
TRIM_EVERY_S = 10.0
NEAREST = 4  # of an incident, as many as its panel starts by itself
MOST_ASKED_FOR = 400  # cameras whose addresses are looked up at a time; many are registered without

log = structlog.get_logger(__name__)

Nearest = Callable[[float, float], Sequence[str]]


class Recording:
    """One per node, on the event loop. `tick` does what is due; `start` and `stop` run it."""

    def __init__(
        self,
        gateway: VideoGateway,
        ring: VideoRing,
        sources: Callable[[Collection[str]], dict[str, CameraSource]],
        picture: Callable[[], OperatingPicture],
        nearest: Nearest,
        clock: Clock,
        most: int,
        minutes: int,
        most_bytes: int,
        quality: Quality,
    ) -> None:
        """`sources` reads addresses and is called from a thread; `nearest`: ids of the cameras at a point, closest first.

        `most` cameras are recorded at a time, `minutes` of each are kept, `most_bytes` of all.
        """
        self._gateway, self._ring, self._sources = gateway, ring, sources
        self._picture, self._nearest, self._clock = picture, nearest, clock
        self._most, self._keep_s, self._most_bytes, self._quality = most, minutes * 60.0, most_bytes, quality
        self._known: dict[tuple[str, float, float], Sequence[str]] = {}  # nearest cameras by incident and point
        self._ids: list[str] = []  # whose addresses were looked up last
        self._told: list[CameraSource] = []
        self._told_at = self._trimmed_at = float("-inf")  # Unix s
        self._held = Held(0, 0, None)
        self._failure = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Also where nothing is to be recorded: what was recorded before grows old all the same."""
        self._task = asyncio.create_task(self._run(), name="recording")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def state(self) -> dict[str, Any]:
        """For the health page."""
        now = self._clock.unix_s()
        held_s = 0.0 if self._held.oldest_at is None else max(0.0, now - self._held.oldest_at)
        return {
            "state": "failing" if self._failure else "ok",
            "failure": self._failure,
            "to_record": len(self._told),
            "held_cameras": self._held.cameras,
            "held_mb": round(self._held.bytes / 1e6, 1),
            "most_mb": round(self._most_bytes / 1e6, 1),
            "held_minutes": round(held_s / 60, 1),
        }

    async def tick(self) -> None:
        """Tell the gateway what to record, and keep the ring small."""
        now, picture = self._clock.unix_s(), self._picture()
        ids = wanted(picture, self._near, self._most) if self._most else []
        self._known = {key: found for key, found in self._known.items() if key[0] in picture.incidents}
        if ids != self._ids or now - self._told_at >= TELL_AGAIN_S:
            found = await asyncio.to_thread(self._sources, ids)
            cameras = [found[one] for one in ids if one in found and (found[one].url or found[one].substream_url)][: self._most]
            await self._gateway.record([(camera, self._quality) for camera in cameras])
            self._ids, self._told, self._told_at = ids, cameras, now
        if now - self._trimmed_at >= TRIM_EVERY_S:
            self._held = await asyncio.to_thread(self._ring.trim, now - self._keep_s, self._most_bytes)
            self._trimmed_at = now

    def _near(self, incident_id: str, lon: float, lat: float) -> Sequence[str]:
        """Remembered: cameras do not move, and a city has many."""
        key = (incident_id, lon, lat)
        if key not in self._known:
            self._known[key] = self._nearest(lon, lat)[:NEAREST]
        return self._known[key]

    async def _run(self) -> None:
        while True:
            try:
                await self.tick()
                self._failure = ""
            except VideoRefused:
                self._told_at = float("-inf")  # it is starting, and is told again
            except Exception as error:  # whatever it is, the next look may succeed
                self._failure = type(error).__name__
                log.exception("recording_failed")
            await asyncio.sleep(LOOK_EVERY_S)


def wanted(picture: OperatingPicture, near: Callable[[str, float, float], Sequence[str]], most: int) -> list[str]:
    """Ids of cameras to be recorded, the most important first; more than `most`, because not every camera has an address.

    Duty circles have half of the places for themselves, the cameras of their shortest tiers first. Of incidents the most urgent come
    first; within a grade the nearest camera of each, the newest incident's first, then the second nearest.
    """
    circles = [camera for _, camera in sorted(_of_circles(picture), key=lambda one: one[0])]
    ranked = []
    for incident in picture.incidents.values():
        if incident.is_open and incident.lon is not None and incident.lat is not None:
            for rank, camera_id in enumerate(near(incident.incident_id, incident.lon, incident.lat)):
                ranked.append((incident.grade, rank, -incident.received_at.timestamp(), camera_id))
    incidents = [camera_id for *_, camera_id in sorted(ranked)]
    half = max(1, most // 2)
    return list(dict.fromkeys([*circles[:half], *incidents, *circles[half:]]))[:MOST_ASKED_FOR]


def _of_circles(picture: OperatingPicture) -> Iterable[tuple[float, str]]:
    for circle in picture.duty_circles.values():
        if not circle.withdrawn:
            for tier in circle.tiers:
                yield from ((tier.minutes, camera_id) for camera_id in tier.cameras)
