"""A media engine in front of the cameras: it pulls each camera once and hands it on by RTSP, our own processes take it from there.

Browsers speak to this server alone, whichever engine there is: the same player, the same tokens, the same detection of frozen
pictures, the same snapshots. The engine's side is three questions to its control interface.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

from feeds.video.gateway import played
from operations.cameras.video import CameraState, Quality, Recording, Snapshot, Stream, VideoGateway, VideoRefused
from storage.cameras import CameraSource

# An engine that starts a camera waits for its first packets; GB/T 28181 devices take some seconds to be invited.
TIMEOUT_S = 15.0
LARGEST_ANSWER = 4 * 1024 * 1024
MOST_ASKED_AT_ONCE = 8  # cameras to be recorded, of the engine
SCHEMES = ("rtsp", "rtsps", "http", "https", "gb28181")


class Engine(Protocol):
    """What is particular to one engine. Every call raises VideoRefused."""

    name: str

    async def source(self, camera: CameraSource, quality: Quality) -> str:
        """Address at the engine, where it hands on the camera from now on."""

    async def stop(self) -> None: ...


class Recorder(Protocol):
    """What an engine can do beside, of cameras that it has a recorder for."""

    async def recordings(self, camera: CameraSource, from_at: datetime, to_at: datetime) -> list[Recording]: ...

    async def playback(self, camera: CameraSource, at: datetime, to_at: datetime) -> str: ...


class EngineGateway:
    """`operations.cameras.video.VideoGateway` over an engine; `Playback` too where its recorder can."""

    def __init__(self, engine: Engine, own: VideoGateway, recorder: Recorder | None = None) -> None:
        """`own` is the built-in gateway, which takes from the engine what it would take from cameras."""
        self._engine = engine
        self._own = own
        self._recorder = recorder
        self._refused_by_engine = 0
        self._recorded: dict[tuple[str, ...], CameraSource] = {}  # by address and quality: as the engine handed it on

    async def start(self) -> None:
        await self._own.start()

    async def stop(self) -> None:
        await self._own.stop()
        await self._engine.stop()

    async def open(self, camera: CameraSource, quality: Quality) -> Stream:
        return await self._own.open(await self._at_engine(camera, quality), quality)

    def watch(self, stream_id: str) -> AsyncGenerator[str | bytes, None]:
        return self._own.watch(stream_id)

    async def close(self, stream_id: str) -> None:
        await self._own.close(stream_id)

    async def snapshot(self, camera: CameraSource) -> Snapshot:
        return await self._own.snapshot(await self._at_engine(camera, Quality.SUB))

    async def record(self, wanted: Sequence[tuple[CameraSource, Quality]]) -> None:
        """A camera that the engine refuses just now is counted, and recorded on from where it was handed on, if it ever was."""
        asking = asyncio.Semaphore(MOST_ASKED_AT_ONCE)

        async def handed_on(camera: CameraSource, quality: Quality) -> CameraSource | None:
            async with asking:
                try:
                    return await self._at_engine(camera, quality)
                except VideoRefused:
                    return self._recorded.get(_key(camera, quality))  # its control may be away while its pictures run

        asked = zip(wanted, await asyncio.gather(*(handed_on(*one) for one in wanted)), strict=True)
        found = [(one, at_engine) for one, at_engine in asked if at_engine is not None]
        self._recorded = {_key(*one): at_engine for one, at_engine in found}
        await self._own.record([(at_engine, quality) for (_, quality), at_engine in found])

    def states(self) -> dict[str, CameraState]:
        return self._own.states()

    def state(self) -> dict[str, Any]:
        """For the health page."""
        return self._own.state() | {"engine": self._engine.name, "refused_by_engine": self._refused_by_engine}

    async def recordings(self, camera: CameraSource, from_at: datetime, to_at: datetime) -> list[Recording]:
        return await self._can_play().recordings(camera, from_at, to_at)

    async def playback(self, camera: CameraSource, at: datetime, to_at: datetime) -> Stream:
        return await played(self._own, camera, await self._can_play().playback(camera, at, to_at), at)

    async def from_recorder(self, camera: CameraSource, at: datetime, to_at: datetime) -> Stream:
        """The engine is left out: it would keep on pulling what is played once."""
        return await self._own.from_recorder(camera, at, to_at)

    def _can_play(self) -> Recorder:
        if self._recorder is None:
            raise VideoRefused("no-recorder", "The engine has no recorder; recordings are played from one of GB/T 28181 only.")
        return self._recorder

    async def _at_engine(self, camera: CameraSource, quality: Quality) -> CameraSource:
        try:
            url = await self._engine.source(camera, quality)
            # The small picture of a camera whose large one browsers don't play is taken rather than to transcode it.
            has_both = quality is Quality.MAIN and camera.url and camera.substream_url
            small = await self._engine.source(camera, Quality.SUB) if has_both else ""
        except VideoRefused:
            self._refused_by_engine += 1
            raise
        return msgspec.structs.replace(camera, url=url, substream_url=small)


class ControlInterface:
    """An engine's HTTP interface: JSON in and out, bounded in time and size."""

    def __init__(
        self,
        engine: str,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._engine = engine
        self._client = httpx.AsyncClient(
            base_url=base_url, headers=headers, auth=auth, timeout=timeout_s, trust_env=False, follow_redirects=False
        )

    async def ask(self, method: str, path: str, params: Mapping[str, str] | None = None, body: Any = None) -> tuple[int, dict[str, Any]]:
        """Status and body. Raises VideoRefused("starting") when the engine can't be reached or does not answer in JSON."""
        try:
            # Never a body over the limit in memory, whatever the engine has become.
            async with self._client.stream(method, path, params=params, json=body) as answer:
                content = b""
                async for piece in answer.aiter_bytes():
                    content += piece
                    if len(content) > LARGEST_ANSWER:
                        raise ValueError("too large")
                decoded = msgspec.json.decode(content) if content else {}
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise VideoRefused("starting", f"{self._engine} does not answer ({type(error).__name__}); look whether it runs.") from None
        if answer.status_code in (401, 403):
            raise VideoRefused("starting", f"{self._engine} does not take our secret; correct it in its file.")
        return answer.status_code, decoded if isinstance(decoded, dict) else {}

    async def stop(self) -> None:
        await self._client.aclose()


def _key(camera: CameraSource, quality: Quality) -> tuple[str, ...]:
    return camera.camera_id, camera.url, camera.substream_url, quality.value


def address(camera: CameraSource, quality: Quality) -> str:
    """Where the camera itself is. Raises VideoRefused."""
    url = (camera.substream_url or camera.url) if quality is Quality.SUB else (camera.url or camera.substream_url)
    if not url:
        raise VideoRefused("no-address", "Nobody has said where this camera's pictures come from.")
    try:
        parts = urlsplit(url)
        is_camera = parts.scheme.lower() in SCHEMES and bool(parts.hostname)
    except ValueError:
        is_camera = False
    if not is_camera:  # an engine would open files and pages of its own machine as well
        raise VideoRefused("bad-address", "The camera's address has a scheme that is not served, or names no host.")
    return url


def path_name(key: str, camera: CameraSource, url: str) -> str:
    """A name at the engine for this address of this camera: another address is another name, and neither can be read from it."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", camera.camera_id)[:40]
    return f"{plain}-{hmac.new(key.encode(), f'{camera.camera_id}|{url}'.encode(), hashlib.sha256).hexdigest()[:16]}"
