"""The socket of a camera's pictures: what goes through, how it ends, what a reader that has stopped costs."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from dashboard.edge import Visitor
from dashboard.server import listen_socket, server_config
from dashboard.video import add_video
from dispatch.errors import NotPermitted
from dispatch.model import Actor
from operations.cameras.video import REASONS, VideoRefused

ACTOR = Actor("desk", "operator", "330200000000")


class FakeVideo:
    """Sends what it is told, then waits."""

    def __init__(self) -> None:
        self.messages: list[str | bytes | Exception] = []
        self.asked: list[tuple[str, str, str]] = []
        self.floods = self.is_played_out = False
        self.sent = self.ended = 0

    async def watch(self, actor: Actor, camera_id: str, token: str, session: str) -> AsyncGenerator[str | bytes, None]:
        self.asked.append((camera_id, token, session))
        try:
            for message in self.messages:
                if isinstance(message, Exception):
                    raise message
                yield message
            while not self.is_played_out:
                await asyncio.sleep(0 if self.floods else 60)
                self.sent += 1
                yield bytes(20_000)
        finally:
            self.ended += 1


class World:
    def __init__(self) -> None:
        self.video, self.holds, self.port = FakeVideo(), True, 0
        self.services: Any = SimpleNamespace(video=self.video, authority=SimpleNamespace(can=lambda actor, action: True))

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/video/gate?token=t1"


async def until(condition: Callable[[], bool], within_s: float = 12.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(world: World) -> AsyncIterator[World]:
    server, listening = FastAPI(), listen_socket("127.0.0.1", 0)
    add_video(server, world.services)

    async def holds() -> bool:
        return world.holds

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault("state", {})["visitor"] = Visitor(ACTOR, "wgs84", True, holds, "session-1")
        await server(scope, receive, send)

    uv = uvicorn.Server(server_config(application))
    world.port = listening.getsockname()[1]
    task = asyncio.create_task(uv.serve(sockets=[listening]))
    await until(lambda: uv.started)
    try:
        yield world
    finally:
        uv.should_exit = True
        await task


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running(World()) as one:
        yield one


async def closed(world: World) -> tuple[int, list[Any]]:
    """Close code, and what was said before."""
    said: list[Any] = []
    async with connect(world.url, compression=None) as socket:
        with suppress(ConnectionClosed):
            async for message in socket:
                said.append(message)
    return socket.close_code or 0, said


async def test_messages_go_through_as_they_are(world: World) -> None:
    world.video.messages = ['{"mime":"x"}', b"init", b"fragment" * 10_000]
    async with connect(world.url, compression=None) as socket:
        assert [await socket.recv() for _ in range(3)] == world.video.messages
    assert world.video.asked == [("gate", "t1", "session-1")]
    await until(lambda: world.video.ended > 0)


@pytest.mark.parametrize("reason", REASONS)
async def test_a_refusal_is_said_in_both_languages(world: World, reason: str) -> None:
    world.video.messages = [VideoRefused(reason, "in words")]
    code, said = await closed(world)
    told = json.loads(said[0])
    assert code == (4410 if reason == "expired" else 4503)
    assert told["refused"] == reason
    assert told["message_en"]
    assert any("一" <= letter <= "鿿" for letter in told["message_zh"])


async def test_what_has_been_played_to_its_end_closes_without_a_word_after_its_last_picture(world: World) -> None:
    world.video.messages, world.video.is_played_out = ['{"mime":"x"}', b"init", *(b"fragment" * 20_000,) * 20], True
    assert await closed(world) == (1000, world.video.messages)


async def test_who_may_not_is_not_served(world: World) -> None:
    world.video.messages = [NotPermitted("role-not-permitted", "no")]
    assert (await closed(world))[0] == 4403


async def test_a_session_that_has_ended_ends_the_pictures(world: World) -> None:
    world.holds = False
    assert (await closed(world))[0] == 4401


async def test_a_reader_that_stops_is_cut_off_and_costs_little(world: World) -> None:
    world.video.floods = True
    plain = sockets.socket()
    plain.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 16_384)
    plain.connect(("127.0.0.1", world.port))
    head = f"GET /video/gate?token=t HTTP/1.1\r\nHost: 127.0.0.1:{world.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    plain.sendall((head + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
    await until(lambda: world.video.ended > 0)
    plain.close()
    assert world.video.sent * 20_000 < 1_000_000
