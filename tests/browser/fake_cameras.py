"""Cameras that a test commands: the wire of `/video/{camera_id}`, with one live picture of a burnt-in clock for all of them."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from typing import Any

import av
import msgspec
import numpy as np
from fastapi import FastAPI, Request, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from dashboard.problems import problem
from feeds.video import screen_clock

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
        self._listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Queue[bytes]]] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-picture")
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def join(self) -> tuple[list[bytes], asyncio.Queue[bytes], Any]:
        """What there is, a queue of what comes, and how to leave."""
        listener = asyncio.get_running_loop(), asyncio.Queue[bytes]()
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
    """Grants every stream unless told otherwise. Everything but `mount` may be called from the test's thread."""

    def __init__(self) -> None:
        self.live = LivePicture()
        self.refusals: dict[str, str] = {}  # camera id → reason
        self.asked: list[tuple[str, str]] = []  # camera id, quality
        self.open: Counter[str] = Counter()  # sockets by camera id
        self.silent: set[str] = set()  # cameras that send nothing although they are open
        self._sockets: dict[str, set[tuple[asyncio.AbstractEventLoop, WebSocket]]] = {}

    def mount(self, server: FastAPI, _services: Any) -> None:
        """The three routes."""

        @server.post("/api/v1/cameras/{camera_id}/streams", status_code=201)
        async def open_stream(camera_id: str, request: Request) -> Response:
            quality = (await request.json())["quality"]
            self.asked.append((camera_id, quality))
            if camera_id in self.refusals:
                return problem(503, self.refusals[camera_id], "said by a test")
            url = f"/video/{camera_id}?token={len(self.asked)}"
            stream = {"stream_id": "s", "camera_id": camera_id, "quality": quality, "kind": "ws-fmp4", "url": url}
            return Response(msgspec.json.encode(stream), 201, media_type="application/json")

        @server.get("/api/v1/cameras/{camera_id}/snapshot")
        async def snapshot(camera_id: str) -> Response:
            return problem(503, self.refusals.get(camera_id, "unreachable"), "said by a test")

        @server.websocket("/video/{camera_id}")
        async def stream(socket: WebSocket, camera_id: str) -> None:
            await socket.accept()
            mine = asyncio.get_running_loop(), socket
            self._sockets.setdefault(camera_id, set()).add(mine)
            self.open[camera_id] += 1
            first, queue, leave = self.live.join()
            try:
                await socket.send_json({"mime": f'video/mp4; codecs="{CODEC}"', "codec": CODEC})
                for part in first:
                    await socket.send_bytes(part)
                await asyncio.gather(self._send(socket, camera_id, queue), _until_closed(socket))
            except (WebSocketDisconnect, RuntimeError):
                pass  # the page has gone, or the test has cut it
            finally:
                leave()
                self.open[camera_id] -= 1
                self._sockets[camera_id].discard(mine)

    async def _send(self, socket: WebSocket, camera_id: str, queue: asyncio.Queue[bytes]) -> None:
        while True:
            data = await queue.get()
            if camera_id not in self.silent:
                await socket.send_bytes(data)

    def say(self, camera_id: str, **message: Any) -> None:
        """A text message to whoever watches the camera."""
        for loop, socket in tuple(self._sockets.get(camera_id, ())):
            asyncio.run_coroutine_threadsafe(socket.send_json(message), loop).result(5)

    def cut(self, camera_id: str, code: int = 4000) -> None:
        """End every stream of the camera."""
        for loop, socket in tuple(self._sockets.get(camera_id, ())):
            asyncio.run_coroutine_threadsafe(socket.close(code), loop).result(5)


async def _until_closed(socket: WebSocket) -> None:
    while True:
        await socket.receive_text()
