"""Viewers of cameras without a screen: they ask for a stream, take what comes and count pictures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench import harness
from bench.processes import Server

BEGIN_WITHIN_S = 20.0


class Viewers:
    """One viewer of each camera; all have had a picture when the block begins."""

    def __init__(self, server: Server, names: Sequence[str], quality: str) -> None:
        self._server, self._names, self._quality = server, names, quality
        self._pictures = [0] * len(names)
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._names)

    async def __aenter__(self) -> Self:
        headers = self._server.headers("desk")
        begun = [asyncio.Event() for _ in self._names]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self._server.port}", headers=headers, timeout=20.0) as client:
            for place, name in enumerate(self._names):
                url = await granted(client, name, self._quality)
                self._tasks.append(asyncio.create_task(self._watch(place, url, headers, begun[place])))
        try:
            async with asyncio.timeout(BEGIN_WITHIN_S):
                await asyncio.gather(*(one.wait() for one in begun))
        except TimeoutError:
            await self.stop()
            raise harness.PeerError(f"{sum(not one.is_set() for one in begun)} of {len(begun)} streams did not begin") from None
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def count(self) -> list[int]:
        """Pictures of each since the last call."""
        counted, self._pictures = self._pictures, [0] * len(self._names)
        return counted

    async def _watch(self, place: int, url: str, headers: dict[str, str], begun: asyncio.Event) -> None:
        address = f"ws://127.0.0.1:{self._server.port}{url}"
        async with connect(address, additional_headers=headers, compression=None, max_size=None) as socket:
            async for message in socket:
                if isinstance(message, bytes):
                    pictures = message.count(b"moof")
                    self._pictures[place] += pictures
                    if pictures:
                        begun.set()


async def granted(client: httpx.AsyncClient, name: str, quality: str) -> str:
    """The address of a stream. Raises PeerError with the reason when it is refused."""
    answer = await client.post(f"/api/v1/cameras/{name}/streams", json={"quality": quality})
    if answer.status_code != 201:
        raise harness.PeerError(f"{answer.status_code}: {answer.json().get('detail', '')}")
    url: str = answer.json()["url"]
    return url


async def back_after_cut_s(server: Server, name: str, fail: Callable[[str], None]) -> float:
    """From the camera's return to the next picture at a viewer that stayed."""
    headers = server.headers("desk")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=headers, timeout=20.0) as client:
        url = await granted(client, name, "sub")
    async with connect(f"ws://127.0.0.1:{server.port}{url}", additional_headers=headers, compression=None, max_size=None) as socket:
        await _picture(socket)
        fail("drop")
        await asyncio.sleep(2.0)
        fail("none")
        begun = time.monotonic()
        await _new_beginning(socket)
        return time.monotonic() - begun


async def _picture(socket: ClientConnection) -> None:
    while not (isinstance(message := await socket.recv(), bytes) and b"moof" in message):
        pass


async def _new_beginning(socket: ClientConnection) -> None:
    """What was on its way when the camera was cut ends with a text that says a stream begins anew."""
    try:
        async with asyncio.timeout(BEGIN_WITHIN_S):
            while "mime" not in _text(await socket.recv()):
                pass
            await _picture(socket)
    except (TimeoutError, ConnectionClosed):
        raise RuntimeError("the camera's picture did not come back") from None


def _text(message: str | bytes) -> dict[str, Any]:
    return json.loads(message) if isinstance(message, str) else {}
