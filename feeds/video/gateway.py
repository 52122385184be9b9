"""The built-in video gateway: cameras shared out over processes of its own, H.264 copied into fragmented MP4 (docs/video.md)."""

from __future__ import annotations

import asyncio
import secrets
import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import msgspec

from dispatch.clock import Clock
from feeds.video.admission import Limits
from feeds.video.channel import Kind
from feeds.video.hub import Timing
from feeds.video.looks import FROZEN_AFTER_S
from feeds.video.processes import VideoProcess
from feeds.video.span_time import Span
from feeds.video.worker import Setup
from operations.cameras.recorder_address import filled, takes_range
from operations.cameras.video import CameraState, Quality, Snapshot, Stream, StreamKind, VideoGateway, VideoRefused
from storage.cameras import CameraSource

PLAYED = "/"  # in the id of what is played from a recorder; no camera's id has one
OPEN_FOR_S = 30.0  # a stream that nobody has begun to watch by then is forgotten
AGAIN_WITHIN_S = 30.0  # a viewer whose process has died waits so long for the next


@dataclass
class _Opened:
    """A stream that was asked for. Its addresses are in nobody's representation of it."""

    camera: CameraSource
    quality: Quality
    expires_at: float
    viewers: int = 0
    span: Span | None = None  # of what is played, where its address does not say it

    def wanted(self) -> dict[str, Any]:
        told: dict[str, Any] = {"camera_id": self.camera.camera_id, "quality": self.quality.value}
        urls = addresses(self.camera, self.quality)
        # Of a camera that has one address alone either picture is the large one, as far as anybody knows.
        weighs = Quality.SUB if urls and urls[0] == self.camera.substream_url else Quality.MAIN
        return told | {"urls": urls, "weighs": weighs.value, "once": self.is_played, "span": self.span}

    @property
    def is_played(self) -> bool:
        return PLAYED in self.camera.camera_id


def addresses(camera: CameraSource, quality: Quality) -> tuple[str, ...]:
    """Where to pull a quality from, and the small picture of a camera whose large one would have to be transcoded. May be empty."""
    small, large = camera.substream_url or camera.url, camera.url or camera.substream_url
    first = small if quality is Quality.SUB else large
    return tuple(dict.fromkeys(url for url in (first, small) if url))


async def played(own: VideoGateway, camera: CameraSource, url: str, at: datetime) -> Stream:
    """What a recorder plays at an address from `at` on, by the built-in gateway. Raises VideoRefused."""
    return _of_camera(camera, await own.open(_played_at(camera, url, at), Quality.MAIN))


def _played_at(camera: CameraSource, url: str, at: datetime) -> CameraSource:
    """Under an id of its own, so that it is neither the camera's live picture nor what another plays of the same moment."""
    played_id = f"{camera.camera_id}{PLAYED}{at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
    return msgspec.structs.replace(camera, camera_id=played_id, url=url, substream_url="")


def _of_camera(camera: CameraSource, stream: Stream) -> Stream:
    return msgspec.structs.replace(stream, camera_id=camera.camera_id, url=f"/video/{camera.camera_id}")


class EmbeddedGateway:
    """`operations.cameras.video.VideoGateway` without any other program."""

    def __init__(
        self,
        clock: Clock,
        processes: int = 1,
        limits: Limits | None = None,
        timing: Timing | None = None,
        frozen_after_s: float = FROZEN_AFTER_S,
        ring: Path | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        """`limits` are of all processes together, but the share of a core and the load, which are of each. `ring`: where they record.
        `zone`: the city's, which recorders may keep."""
        limits = limits or Limits()
        # Cameras are shared out by their ids: each process gets its part of what is rare.
        own = replace(limits, transcodes=-(-limits.transcodes // processes), viewers=-(-limits.viewers // processes))
        self._clock, self._zone = clock, zone
        setups = [
            Setup("", own, timing or Timing(), frozen_after_s, "" if ring is None else str(ring.resolve() / str(number)))
            for number in range(processes)
        ]
        self._processes = [VideoProcess(number, setup, self._hear) for number, setup in enumerate(setups)]
        self._recorded = [False] * processes  # whether each has been told to record something
        self._states: dict[str, CameraState] = {}
        self._streams: dict[str, _Opened] = {}
        self._stopping = False
        self.refused: dict[str, int] = {}  # streams and snapshots since the start, by reason

    async def start(self) -> None:
        for process in self._processes:
            process.start()

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*(process.stop() for process in self._processes))

    async def open(self, camera: CameraSource, quality: Quality) -> Stream:
        return await self._open(camera, quality)

    async def _open(self, camera: CameraSource, quality: Quality, span: Span | None = None) -> Stream:
        self._forget_old()
        opened = _Opened(camera, quality, self._clock.unix_s() + OPEN_FOR_S, span=span)
        answer = await self._ask("open", opened, hold_s=OPEN_FOR_S)
        stream_id = secrets.token_urlsafe(18)
        self._streams[stream_id] = opened
        return Stream(
            stream_id=stream_id,
            camera_id=camera.camera_id,
            quality=quality,
            kind=StreamKind.WS_FMP4,
            url=f"/video/{camera.camera_id}",
            codec=answer["codec"],
            expires_at=self._clock.now() + timedelta(seconds=OPEN_FOR_S),
            began_at=None if answer.get("began_at") is None else datetime.fromtimestamp(answer["began_at"], UTC),
        )

    async def from_recorder(self, camera: CameraSource, at: datetime, to_at: datetime) -> Stream:
        if not camera.recorder_url:
            raise VideoRefused("no-recorder", "Nobody has said where a recorder of this camera is.")
        if takes_range(camera.recorder_url):
            span = Span(at.timestamp(), to_at.timestamp())
            return _of_camera(camera, await self._open(_played_at(camera, camera.recorder_url, at), Quality.MAIN, span))
        return await played(self, camera, filled(camera.recorder_url, at, to_at, self._zone), at)

    async def watch(self, stream_id: str) -> AsyncGenerator[str | bytes, None]:
        opened = self._streams.get(stream_id)
        if opened is None:
            raise VideoRefused("expired", "The stream is not open any more; open it again.")
        opened.viewers += 1
        loop = asyncio.get_running_loop()
        try:
            lost_at: float | None = None
            while not self._stopping:
                try:
                    async with aclosing(self._messages(opened)) as messages:
                        async for message in messages:
                            lost_at = None
                            yield message
                    return
                except ConnectionError:
                    if opened.is_played:
                        raise VideoRefused("starting", "The video process is gone; ask for the rest again.") from None
                    lost_at = lost_at or loop.time()
                    if loop.time() - lost_at > AGAIN_WITHIN_S:
                        raise VideoRefused("starting", "The video process does not come back; try again later.") from None
                    await asyncio.sleep(0.2)
        finally:
            opened.viewers -= 1
            if not opened.viewers:
                self._streams.pop(stream_id, None)

    async def close(self, stream_id: str) -> None:
        opened = self._streams.pop(stream_id, None)
        if opened is not None and not opened.viewers:
            await self._ask("close", opened)

    async def snapshot(self, camera: CameraSource) -> Snapshot:
        opened = _Opened(camera, Quality.SUB, 0.0)
        answer = await self._ask("snapshot", opened)
        return Snapshot(answer["jpeg"], datetime.fromtimestamp(answer["taken_at"], UTC))

    async def record(self, wanted: Sequence[tuple[CameraSource, Quality]]) -> None:
        shares: list[list[dict[str, Any]]] = [[] for _ in self._processes]
        for camera, quality in wanted:
            told = _Opened(camera, quality, 0.0).wanted()
            if told["urls"]:
                shares[self._number_of(camera.camera_id)].append(told)
        # One that does not answer keeps nobody from the others.
        results = await asyncio.gather(
            *(self._tell_to_record(number, share) for number, share in enumerate(shares)), return_exceptions=True
        )
        for failure in results:
            if failure is not None:
                raise failure

    async def _tell_to_record(self, number: int, share: list[dict[str, Any]]) -> None:
        if share or self._recorded[number]:  # a process is not started for nothing
            await self._processes[number].ask("record", share)
            self._recorded[number] = bool(share)

    def states(self) -> dict[str, CameraState]:
        return dict(self._states)

    def state(self) -> dict[str, Any]:
        """For the health page: each process, and what was refused."""
        processes = [{"process": one.number, "state": one.state, "restarts": one.restarts} | one.load for one in self._processes]
        states = {one["state"] for one in processes}
        worst = next((state for state in ("failing", "starting") if state in states), "ok")
        return {"state": worst, "processes": processes, "refused": dict(self.refused)}

    def pids(self) -> list[int]:
        """Of the running processes."""
        return [one.pid for one in self._processes if one.pid is not None]

    async def _messages(self, opened: _Opened) -> AsyncGenerator[str | bytes, None]:
        """From one connection to its process, to the end of what is played once. Raises VideoRefused, and ConnectionError when the
        process is gone."""
        frames, writer = await self._process(opened).watch(opened.wanted())
        try:
            while True:
                for kind, content in await frames.next():
                    if kind is Kind.CONTROL:
                        said = msgspec.msgpack.decode(content)
                        if "ended" in said:
                            return
                        self._count(said["refused"])
                        raise VideoRefused(said["refused"], said["words"])
                    yield content.decode() if kind is Kind.TEXT else content
        finally:
            writer.transport.abort()

    async def _ask(self, do: str, opened: _Opened, **more: Any) -> dict[str, Any]:
        try:
            if not opened.wanted()["urls"]:
                raise VideoRefused("no-address", "Nobody has said where this camera's pictures come from.")
            return await self._process(opened).ask(do, opened.wanted(), **more)
        except VideoRefused as refused:
            self._count(refused.reason)
            raise

    def _process(self, opened: _Opened) -> VideoProcess:
        return self._processes[self._number_of(opened.camera.camera_id)]

    def _number_of(self, camera_id: str) -> int:
        return zlib.crc32(camera_id.encode()) % len(self._processes)

    def _hear(self, states: list[CameraState]) -> None:
        for state in states:
            if PLAYED in state.camera_id:
                continue  # says nothing of the camera, and its id does not come again
            before = self._states.get(state.camera_id)
            if before is not None and state.last_picture_at is None:
                state = msgspec.structs.replace(state, last_picture_at=before.last_picture_at)
            self._states[state.camera_id] = state

    def _count(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1

    def _forget_old(self) -> None:
        now = self._clock.unix_s()
        self._streams = {key: one for key, one in self._streams.items() if one.viewers or one.expires_at > now}
