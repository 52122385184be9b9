"""Which cameras are recorded into the ring: those of duty circles always, those nearest an open incident from its report until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
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
        self._asked = Candidates((), ())  # whose addresses were looked up last
        self._told: list[CameraSource] = []
        self._told_at = self._trimmed_at = float("-inf")  # Unix s
        self._held = Held(0, 0, None)
        self._failure = self._trim_failure = ""
        self._is_starting = False
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
        failure = self._failure or self._trim_failure
        return {
            "state": "failing" if failure else "starting" if self._is_starting else "ok",
            "failure": failure,
            "to_record": len(self._told),
            "held_cameras": self._held.cameras,
            "held_mb": round(self._held.bytes / 1e6, 1),
            "most_mb": round(self._most_bytes / 1e6, 1),
            "held_minutes": round(held_s / 60, 1),
        }

    async def tick(self) -> None:
        """Keep the ring small, whatever becomes of the rest; then tell the gateway what to record. Raises VideoRefused."""
        now, picture = self._clock.unix_s(), self._picture()
        await self._trim(now)
        if now - self._told_at >= TELL_AGAIN_S:
            self._known = {}  # others may have been registered
        asked = candidates(picture, self._near) if self._most else Candidates((), ())
        self._known = {key: found for key, found in self._known.items() if key[0] in picture.incidents}
        if asked != self._asked or now - self._told_at >= TELL_AGAIN_S:  # addresses are read no oftener
            self._asked, self._told_at = asked, float("-inf")  # one that refuses is told again at the next look
            found = await asyncio.to_thread(self._sources, [*asked.of_circles, *asked.of_incidents])
            addressed = {camera_id for camera_id, camera in found.items() if camera.url or camera.substream_url}
            self._told = [found[camera_id] for camera_id in asked.among(addressed).shared(self._most)]
            await self._gateway.record([(camera, self._quality) for camera in self._told])
            self._told_at = now

    async def _trim(self, now: float) -> None:
        if now - self._trimmed_at < TRIM_EVERY_S:
            return
        self._trimmed_at = now
        try:
            self._held = await asyncio.to_thread(self._ring.trim, now - self._keep_s, self._most_bytes)
            self._trim_failure = ""
        except Exception as error:  # whatever it is, recording goes on, and the next look may succeed
            self._trim_failure = type(error).__name__
            log.exception("ring_not_trimmed")

    def _near(self, incident_id: str, lon: float, lat: float) -> Sequence[str]:
        """Remembered for a while: a city has many cameras, and few are new."""
        key = (incident_id, lon, lat)
        if key not in self._known:
            self._known[key] = self._nearest(lon, lat)[:NEAREST]
        return self._known[key]

    async def _run(self) -> None:
        while True:
            try:
                await self.tick()
                self._failure, self._is_starting = "", False
            except VideoRefused:
                self._failure, self._is_starting = "", True
            except Exception as error:  # whatever it is, the next look may succeed
                self._failure = type(error).__name__
                log.exception("recording_failed")
            await asyncio.sleep(LOOK_EVERY_S)


@dataclass(frozen=True)
class Candidates:
    """Ids of cameras that may be recorded, each once within its kind, the most important first."""

    of_circles: Sequence[str]
    of_incidents: Sequence[str]

    def among(self, camera_ids: Collection[str]) -> Candidates:
        return Candidates([one for one in self.of_circles if one in camera_ids], [one for one in self.of_incidents if one in camera_ids])

    def shared(self, most: int) -> list[str]:
        """Who gets the places: duty circles have half of them for themselves, and what incidents leave."""
        half = max(1, most // 2)
        return list(dict.fromkeys([*self.of_circles[:half], *self.of_incidents, *self.of_circles[half:]]))[:most]


def candidates(picture: OperatingPicture, near: Callable[[str, float, float], Sequence[str]]) -> Candidates:
    """More than there are places, because not every camera has an address.

    Of duty circles the cameras of their shortest tiers come first. Of incidents the most urgent come first; within a grade the nearest
    camera of each, the newest incident's first, then the second nearest.
    """
    circles = [camera for _, camera in sorted(_of_circles(picture), key=lambda one: one[0])]
    ranked = []
    for incident in picture.incidents.values():
        if incident.is_open and incident.lon is not None and incident.lat is not None:
            for rank, camera_id in enumerate(near(incident.incident_id, incident.lon, incident.lat)):
                ranked.append((incident.grade, rank, -incident.received_at.timestamp(), camera_id))
    incidents = [camera_id for *_, camera_id in sorted(ranked)]
    return Candidates(*(list(dict.fromkeys(ids))[: MOST_ASKED_FOR // 2] for ids in (circles, incidents)))


def _of_circles(picture: OperatingPicture) -> Iterable[tuple[float, str]]:
    for circle in picture.duty_circles.values():
        if not circle.withdrawn:
            for tier in circle.tiers:
                yield from ((tier.minutes, camera_id) for camera_id in tier.cameras)
