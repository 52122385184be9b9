"""Test cameras on an event loop of their own, so that whoever pulls from them may block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from feeds.video.farm import Farm, TestCamera
from feeds.video.farm_media import Fault


class FarmThread:
    """A running farm; safe to ask from any thread."""

    def __init__(self, farm: Farm, loop: asyncio.AbstractEventLoop) -> None:
        self._farm, self._loop = farm, loop

    def url(self, name: str, quality: str = "sub") -> str:
        return self._farm.url(name, quality)

    def recorder_url(self, name: str) -> str:
        """As a register would hold it."""
        return self._farm.url(name, "recorded") + "?starttime={from:%Y%m%dt%H%M%Sz}&endtime={to:%Y%m%dt%H%M%Sz}"

    def replay_url(self, name: str) -> str:
        """Of a recorder that is told the span by RTSP."""
        return self._farm.url(name, "replay")

    def plays(self, name: str) -> int:
        """How often somebody began to watch it."""
        return self._farm.cameras[name].plays

    def fail(self, name: str, fault: Fault) -> None:
        self._loop.call_soon_threadsafe(self._farm.fail, name, fault)

    @property
    def port(self) -> int:
        return self._farm.port


@contextmanager
def running_farm(*cameras: TestCamera) -> Iterator[FarmThread]:
    """A farm with these cameras until the end of the block."""
    loop, farm = asyncio.new_event_loop(), Farm(list(cameras))
    thread = threading.Thread(target=loop.run_forever, name="farm", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(farm.start(), loop).result(10)
        yield FarmThread(farm, loop)
    finally:
        asyncio.run_coroutine_threadsafe(farm.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
