"""Cameras that a test commands: the wire of `/video/{camera_id}`, with one live picture of a burnt-in clock for all of them."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import av
import numpy as np

from feeds.video import screen_clock
from operations.cameras.video import CameraState, Quality, Snapshot, Stream, StreamKind, VideoRefused
from storage.cameras import CameraSource

WIDTH, HEIGHT, FPS = 320, 180, 12
CODEC = "avc1.42c00c"


class _Parts:
    """What libav's muxer writes, until it is fetched."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def fetch(self) -> bytes:
        fetched, self._written = bytes(self._written), bytearray()
        return fetched


class LivePicture:
    """Encodes the present time, again and again, in a thread; keeps the pictures since the last key picture."""

    def __init__(self) -> None:
        self.init = b""
        self.gop: list[bytes] = []
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Queue[Any]]] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-picture")
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def join(self) -> tuple[list[bytes], asyncio.Queue[Any], Any]:
        """What there is, a queue of what comes, and how to leave."""
        listener = asyncio.get_running_loop(), asyncio.Queue[Any]()
        with self._lock:
            self._listeners.add(listener)
            return [self.init, b"".join(self.gop)], listener[1], lambda: self._listeners.discard(listener)

    def _run(self) -> None:
        parts = _Parts()
        flags = "frag_every_frame+empty_moov+default_base_moof"
        with av.open(parts, "w", format="mp4", options={"movflags": flags}) as out:
            video = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS)})
            video.width, video.height, video.pix_fmt, video.profile = WIDTH, HEIGHT, "yuv420p", "Baseline"
            picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
            for number in itertools.count():
                if self._ended.wait(1 / FPS):
                    return
                picture[:HEIGHT] = 70
                picture[60:120, number * 7 % (WIDTH - 60) :][:, :60] = 180
                screen_clock.burn(picture[:HEIGHT], round(time.time() * 1000))
                for packet in video.encode(av.VideoFrame.from_ndarray(picture, "yuv420p")):
                    out.mux(packet)
                    self._take(parts.fetch(), packet.is_keyframe)

    def _take(self, data: bytes, is_key: bool) -> None:
        # The first write is `ftyp` and `moov`; the muxer is one picture behind, so the second key packet brings out the first.
        at = data.find(b"moof") - 4
        if not self.init:
            self.init, data = (data, b"") if at < 0 else (data[:at], data[at:])
        if not data:
            return
        with self._lock:
            self.gop = [data] if _begins_with_key(data) else [*self.gop, data]
            for loop, queue in self._listeners:
                loop.call_soon_threadsafe(queue.put_nowait, data)


def _begins_with_key(fragment: bytes) -> bool:
    """Whether the fragment's one sample is a sync sample, by the flags in its `trun` or `tfhd`."""
    trun = fragment.find(b"trun")
    flags = int.from_bytes(fragment[trun + 5 : trun + 8], "big")
    if flags & 0x4:  # first-sample-flags, after the count and the data offset
        return not fragment[trun + 16 + 1] & 1 if flags & 1 else not fragment[trun + 12 + 1] & 1
    tfhd = fragment.find(b"tfhd")
    return not fragment[tfhd + 4 + 4 + 4 + 4 + 4 + 1] & 1


class FakeCameras:
    """A video gateway behind the real routes and socket; grants every stream unless told otherwise.

    Attributes may be changed, and `say` and `cut` called, from the test's thread.
    """

    def __init__(self) -> None:
        self.live = LivePicture()
        self.refusals: dict[str, str] = {}  # camera id → reason
        self.asked: list[tuple[str, str]] = []  # camera id, quality
        self.open_now: Counter[str] = Counter()  # streams that are watched, by camera id
        self.silent: set[str] = set()  # cameras that send nothing although they are open
        self.converted: set[str] = set()  # cameras of a format that browsers don't play
        self._ids = itertools.count()
        self._watching: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Queue[Any]]]] = {}

    def mount(self, _server: Any, services: Any) -> None:
        services.video.gateway = self

    def say(self, camera_id: str, **message: Any) -> None:
        """A text message to whoever watches the camera."""
        self._put(camera_id, json.dumps(message))

    def cut(self, camera_id: str) -> None:
        """End every stream of the camera."""
        self._put(camera_id, None)

    def _put(self, camera_id: str, item: str | None) -> None:
        for loop, queue in tuple(self._watching.get(camera_id, ())):
            loop.call_soon_threadsafe(queue.put_nowait, item)

    # As `operations.cameras.video.VideoGateway`

    async def open(self, camera: CameraSource, quality: Quality) -> Stream:
        camera_id = camera.camera_id
        self.asked.append((camera_id, str(quality)))
        if camera_id in self.refusals:
            raise VideoRefused(self.refusals[camera_id], "said by a test")
        until = datetime.now(UTC) + timedelta(seconds=30)
        return Stream(f"{camera_id}/{next(self._ids)}", camera_id, quality, StreamKind.WS_FMP4, f"/video/{camera_id}", CODEC, until)

    async def watch(self, stream_id: str) -> AsyncGenerator[str | bytes, None]:
        camera_id = stream_id.split("/")[0]
        first, queue, leave = self.live.join()
        mine = asyncio.get_running_loop(), queue
        self._watching.setdefault(camera_id, set()).add(mine)
        self.open_now[camera_id] += 1
        try:
            yield json.dumps({"mime": f'video/mp4; codecs="{CODEC}"', "codec": CODEC, "transcoded": camera_id in self.converted})
            for part in first:
                yield part
            while (item := await queue.get()) is not None:
                if isinstance(item, str) or camera_id not in self.silent:
                    yield item
        finally:
            leave()
            self.open_now[camera_id] -= 1
            self._watching[camera_id].discard(mine)

    async def close(self, stream_id: str) -> None:
        """Nothing is held for one that nobody watches."""

    async def snapshot(self, camera: CameraSource) -> Snapshot:
        raise VideoRefused(self.refusals.get(camera.camera_id, "unreachable"), "said by a test")

    def states(self) -> dict[str, CameraState]:
        return {}

    def state(self) -> dict[str, Any]:
        return {"state": "ok"}
