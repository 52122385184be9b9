"""A client that stops reading costs little, is cut off, and slows nobody; a slow one gets the newest, not the backlog."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import uvloop

from dashboard import server
from dashboard.live_hub import MOST_TEXTS, LiveClient, LiveHub
from dashboard.server import SEND_BUFFER, Outlet, listen_socket, websocket_message
from tests import live_client
from tests.dashboard.live_world import LiveWorld, header, live_city
from tests.operations import access_world as world

DESK = world.actor("operator", world.COUNTY)
UNITS = 2_000


@pytest.fixture
def crowd() -> LiveWorld:
    live = LiveWorld()
    for number in range(UNITS):
        live.register(f"unit-{number}")
    return live


async def mute(url: str) -> socket.socket:
    """A raw connection that shakes hands and then never reads again."""
    host, port = url.removeprefix("ws://").removesuffix("/live").split(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what the kernel holds for a reader is the reader's own
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, (host, int(port)))
    key = base64.b64encode(os.urandom(16)).decode()
    actor = header(DESK)["x-actor"]
    lines = [
        "GET /live HTTP/1.1",
        f"Host: {host}:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        f"x-actor: {actor}",
    ]
    await loop.sock_sendall(raw, "\r\n".join([*lines, "", ""]).encode())
    return raw


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_reader_that_stops_is_cut_off_at_a_small_bound_and_slows_nobody(
    crowd: LiveWorld, monkeypatch: pytest.MonkeyPatch, run: Callable[[Any], None]
) -> None:
    monkeypatch.setattr(server, "STALLED_AFTER_S", 1.0)
    run(stop_reading(crowd))


async def stop_reading(crowd: LiveWorld) -> None:
    async with live_city(crowd) as url, live_client.LiveClient(url, header(DESK)) as healthy:
        await healthy.until(lambda: healthy.frames)
        raw = await mute(url)
        hub: LiveHub = crowd.hub
        worst_bytes, worst_gap_s, cut_off_after_s = 0, 0.0, None
        loop = asyncio.get_running_loop()
        started = loop.time()
        all_units = [f"unit-{number}" for number in range(UNITS)]
        while loop.time() - started < 6.0 and cut_off_after_s is None:
            crowd.clock.advance(0.05)
            crowd.move(121.5 + (loop.time() - started) * 1e-3, 29.8, *all_units)
            await asyncio.sleep(0.05)
            stalled = [client for client in hub._clients if client.outlet.waiting_bytes]
            worst_bytes = max([worst_bytes, *(client.outlet.waiting_bytes for client in stalled)])
            if loop.time() - started > 0.5 and len(hub._clients) == 1:
                cut_off_after_s = loop.time() - started
        raw.close()
        gaps = [b.received_at - a.received_at for a, b in zip(healthy.frames, healthy.frames[1:], strict=False)]
        worst_gap_s = max(gaps)
    assert cut_off_after_s is not None, "the mute client is still there"
    assert worst_bytes + 2 * SEND_BUFFER < 1_000_000, "in this process and, at most, in the kernel"
    assert worst_gap_s < 0.5
    assert len(healthy.frames) > 10


def test_connections_inherit_the_small_send_buffer() -> None:
    with listen_socket("127.0.0.1", 0) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER


class SlowTransport:
    """A transport whose kernel takes nothing until told to."""

    def __init__(self) -> None:
        self.waiting = 0
        self.messages: list[bytes] = []
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, message: bytes) -> None:
        self.messages.append(message)
        self.waiting += len(message)

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True


async def slow_client(live: LiveWorld) -> tuple[LiveHub, LiveClient, SlowTransport]:
    transport = SlowTransport()
    outlet = Outlet(transport)  # type: ignore[arg-type]
    hub = LiveHub(live)  # type: ignore[arg-type]
    client = await hub.join(DESK, outlet, None, None, lambda: asyncio.sleep(0, True))
    return hub, client, transport


async def end(hub: LiveHub, client: LiveClient) -> None:
    hub.leave(client)
    await asyncio.sleep(0)


def frames_of(transport: SlowTransport) -> list[bytes]:
    return [message for message in transport.messages if message[0] == 0x82]


async def test_a_slow_client_gets_one_newer_frame_instead_of_the_ones_it_missed() -> None:
    live = LiveWorld()
    for unit_id in ("a", "b"):
        live.register(unit_id)
    live.move(121.5, 29.8, "a", "b")
    hub, client, transport = await slow_client(live)
    transport.waiting = 0
    hub._tick(100.0)
    transport.waiting = 50_000
    for step in range(1, 40):
        live.clock.advance(0.05)
        live.move(121.5 + step * 1e-3, 29.8, "a" if step < 20 else "b")
        hub._tick(100.0 + step * 0.05)
    assert len(frames_of(transport)) == 1
    transport.waiting = 0
    hub._tick(102.0)
    frames = frames_of(transport)
    assert len(frames) == 2
    changed = np.frombuffer(frames[1][2 + 32 :], dtype="<u4,<i4,<i4,V8")
    assert changed["f1"].tolist() == [121_519_000, 121_539_000]
    await end(hub, client)


async def test_texts_wait_in_order_and_too_many_are_given_up_for_a_new_hello() -> None:
    live = LiveWorld()
    hub, client, transport = await slow_client(live)
    transport.waiting = 50_000
    transport.messages.clear()
    for number in range(MOST_TEXTS):
        client.tell(websocket_message(1, f"text {number}".encode()))
    transport.waiting = 0
    client.flush()
    assert transport.messages[:2] == [websocket_message(1, b"text 0"), websocket_message(1, b"text 1")]
    transport.waiting = 50_000
    for number in range(MOST_TEXTS + 1):
        client.tell(websocket_message(1, f"late {number}".encode()))
    assert client.needs_hello
    transport.messages.clear()
    transport.waiting = 0
    hub._tick(100.0)
    assert b'"type":"hello"' in transport.messages[0]
    assert transport.messages[-1][0] == 0x82
    await end(hub, client)


@pytest.mark.parametrize(("moves", "is_cut_off"), [(False, True), (True, False)])
async def test_only_a_client_that_takes_nothing_is_cut_off(moves: bool, is_cut_off: bool) -> None:
    hub, client, transport = await slow_client(LiveWorld())
    transport.waiting = 200_000
    for second in range(1, 8):
        hub._tick(100.0 + second)
        transport.waiting -= 1_000 if moves else 0
    assert transport.aborted is is_cut_off
    await end(hub, client)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_websocket_messages_have_the_length_field_of_the_standard(size: int) -> None:
    message = websocket_message(2, bytes(size))
    head = {0: 2, 125: 2, 126: 4, 65_535: 4, 65_536: 10}[size]
    assert len(message) == head + size
    assert message[0] == 0x82
    assert (message[1] if size < 126 else int.from_bytes(message[2:head], "big")) == size


def test_a_server_started_another_way_is_named() -> None:
    with pytest.raises(RuntimeError, match="server_config"):
        Outlet.of({"type": "websocket", "extensions": {}})
