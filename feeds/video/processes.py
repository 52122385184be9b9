"""One video process as the server sees it: started, asked, watched over, started again."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from feeds.video.channel import Frames, control
from feeds.video.worker import Setup
from operations.cameras.video import CameraState, VideoRefused

log = structlog.get_logger()
ROOT = Path(__file__).resolve().parents[2]
ANSWER_WITHIN_S = 15.0
READY_WITHIN_S = 5.0  # a request waits so long for a process that is starting
# A process that dies at once, again and again, is started less and less often.
RESTARTS_S = (0.2, 1.0, 5.0)
STEADY_S = 30.0
END_WITHIN_S = 2.0
# It is started when it is first asked for something, or so long after the server; what runs for a moment only needs none.
START_AFTER_S = 5.0


class VideoProcess:
    """Starts `feeds.video.worker` and keeps it running. On the event loop."""

    def __init__(self, number: int, setup: Setup, told: Callable[[list[CameraState]], None]) -> None:
        self.number = number
        self.restarts = self._quick_ends = 0
        self.pid: int | None = None
        self.load: dict[str, Any] = {}  # as it reported last; empty while it is down
        self._setup, self._told = setup, told
        self._secret = ""
        self._port = 0
        self._ready, self._needed = asyncio.Event(), asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep(), name=f"video-process-{self.number}")

    async def stop(self) -> None:
        """End the process, and wait for its end."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper

    @property
    def state(self) -> str:
        """`ok`, `starting`, or `failing` when it has died again and again."""
        if self._ready.is_set():
            return "ok"
        return "failing" if self._quick_ends > 1 else "starting"

    async def ask(self, do: str, wanted: dict[str, Any] | list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """One request. Raises VideoRefused."""
        await self._until_ready()
        writer, number = self._writer, next(self._numbers)
        if writer is None:
            raise _starting()
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            writer.write(control({"id": number, "do": do, "wanted": wanted} | more))
            async with asyncio.timeout(ANSWER_WITHIN_S):
                found = await answer
        except (TimeoutError, ConnectionError):
            raise _starting() from None
        finally:
            self._waiting.pop(number, None)
        if "refused" in found:
            raise VideoRefused(found["refused"], found["words"])
        return found

    async def watch(self, wanted: dict[str, Any]) -> tuple[Frames, asyncio.StreamWriter]:
        """A connection that brings one viewer's messages; close it. Raises ConnectionError."""
        try:
            await self._until_ready()
        except VideoRefused:
            raise ConnectionResetError("the video process is not there") from None
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 18)
        writer.write(control({"secret": self._secret, "do": "watch", "wanted": wanted}))
        return Frames(reader), writer

    async def _until_ready(self) -> None:
        self._needed.set()
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self._ready.wait()
        except TimeoutError:
            raise _starting() from None

    async def _keep(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._needed.wait(), START_AFTER_S)
        while True:
            begun = asyncio.get_running_loop().time()
            code = await self._run()
            self._quick_ends = 0 if asyncio.get_running_loop().time() - begun > STEADY_S else self._quick_ends + 1
            self.restarts += 1
            log.warning("video process ended; starting it again", process=self.number, exit_code=code)
            await asyncio.sleep(RESTARTS_S[min(self._quick_ends, len(RESTARTS_S)) - 1])

    async def _run(self) -> int | None:
        """From its start to its end; its exit code."""
        self._secret = secrets.token_urlsafe(32)
        setup = msgspec.json.encode(msgspec.structs.replace(self._setup, secret=self._secret))
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "feeds.video.worker", stdin=pipe, stdout=pipe, cwd=ROOT, env=_environment()
        )
        self.pid = child.pid
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("the video process has no pipes")
        try:
            child.stdin.write(setup + b"\n")
            self._port = int((await child.stdout.readline()) or b"0")
            if self._port:
                await self._converse()
        except (ConnectionError, OSError) as error:
            log.warning("video process lost", process=self.number, reason=type(error).__name__)
        finally:
            self._forget()
            child.stdin.close()  # which ends it
            try:
                await asyncio.wait_for(child.wait(), END_WITHIN_S)
            except TimeoutError:
                child.kill()
                await child.wait()
        return child.returncode

    async def _converse(self) -> None:
        """Until the connection ends. Raises ConnectionError then."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 18)
        writer.write(control({"secret": self._secret, "do": "control"}))
        frames = Frames(reader)
        self._writer = writer
        self._ready.set()
        try:
            while True:
                for _, content in await frames.next():
                    self._hear(msgspec.msgpack.decode(content))
        finally:
            writer.transport.abort()

    def _hear(self, said: dict[str, Any]) -> None:
        if "states" in said:
            self.load = said["load"]
            self._told(msgspec.convert(said["states"], list[CameraState]))
            return
        waiting = self._waiting.get(said["id"])
        if waiting is not None and not waiting.done():
            waiting.set_result(said)

    def _forget(self) -> None:
        self._ready.clear()
        self._writer, self.pid, self.load = None, None, {}
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the video process has ended"))


def _starting() -> VideoRefused:
    return VideoRefused("starting", "The video process is starting; try again in a few seconds.")


def _environment() -> dict[str, str]:
    """Without the server's own settings: they may hold secrets, and a video process needs none of them."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LIANDONG_")}
