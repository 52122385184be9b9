"""The listener over real sockets, UDP and TCP: whole registrations, garbage, bounds, the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from feeds.gb28181 import server
from feeds.gb28181.server import Listener, listen
from tests.feeds.gb28181.device import Device, item, serial_of, status_of
from tests.feeds.gb28181.line import CAMERA, DEVICE, Line
from tests.feeds.jt808.test_server import close, is_ended


@asynccontextmanager
async def listening(line: Line) -> AsyncIterator[int]:
    async with listen(Listener(line.platform, line.stats), "127.0.0.1", 0) as port:
        yield port


class Udp(asyncio.DatagramProtocol):
    """A device's socket."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.got.put_nowait(data)

    async def next(self, kind: bytes = b"SIP/2.0 ") -> bytes:
        """The next answer, or request of that kind; others are left out."""
        async with asyncio.timeout(5):
            while not (data := await self.got.get()).startswith(kind):
                continue
            return data


@asynccontextmanager
async def device_socket(port: int) -> AsyncIterator[tuple[asyncio.DatagramTransport, Udp]]:
    transport, udp = await asyncio.get_running_loop().create_datagram_endpoint(Udp, remote_addr=("127.0.0.1", port))
    try:
        yield transport, udp
    finally:
        transport.close()
        await asyncio.sleep(0)  # it ends with the loop's next turn


async def test_a_camera_registers_by_udp_and_comes_onto_the_map():
    line = Line()
    async with listening(line) as port, device_socket(port) as (transport, udp):
        transport.sendto(b"\x00\xff garbage")
        transport.sendto(b"\r\n\r\n")
        transport.sendto(line.device.register())
        transport.sendto(line.device.register(await udp.next()))
        assert status_of(await udp.next()) == 200
        line.house.clock.advance(1.5)
        asked = await udp.next(b"MESSAGE")
        transport.sendto(line.device.ok(asked))
        lines = ("<SumNum>1</SumNum>", f"<DeviceList>{item(CAMERA, Longitude=121.5, Latitude=29.9)}</DeviceList>")
        transport.sendto(line.device.notify("Catalog", *lines, kind="Response", sn=serial_of(asked)))
        assert status_of(await udp.next()) == 200
    assert line.camera(CAMERA).lon == 121.5
    assert line.stats.rejected == {"bad_message": 1}


async def test_a_camera_registers_by_tcp_in_pieces():
    line = Line()
    line.device = Device(DEVICE, transport="TCP")
    async with listening(line) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def ask(data: bytes) -> bytes:
            for start in range(0, len(data), 100):
                writer.write(data[start : start + 100])
                await writer.drain()
            async with asyncio.timeout(5):
                return await reader.readuntil(b"\r\n\r\n")

        challenge = await ask(line.device.register())
        assert status_of(await ask(line.device.register(challenge))) == 200
        assert status_of(await ask(line.device.notify("Keepalive"))) == 200
        line.house.clock.advance(1.5)
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"MESSAGE sip:")
        await close(writer)


async def test_garbage_ends_a_connection_and_is_counted():
    line = Line()
    async with listening(line) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await is_ended(reader)
        await close(writer)
    assert line.stats.rejected == {"bad_message": 1}


async def test_connections_are_bounded_silent_ones_ended(monkeypatch):
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 1)
    monkeypatch.setattr(server, "IDLE_S", 0.2)
    line = Line()
    async with listening(line) as port:
        reader, first = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.05)
        second_reader, second = await asyncio.open_connection("127.0.0.1", port)
        assert await is_ended(second_reader)
        assert line.stats.rejected == {"too_many_connections": 1}
        assert await is_ended(reader)
        await close(first, second)


async def test_a_fault_of_ours_is_counted_and_the_next_message_taken(monkeypatch):
    line = Line()
    whole, tried = line.platform.receive, asyncio.Event()

    async def broken(message, peer):
        tried.set()
        raise RuntimeError("disk full")

    async with listening(line) as port, device_socket(port) as (transport, udp):
        monkeypatch.setattr(line.platform, "receive", broken)
        transport.sendto(line.device.register())
        async with asyncio.timeout(5):
            await tried.wait()
        monkeypatch.setattr(line.platform, "receive", whole)
        transport.sendto(line.device.register())
        assert status_of(await udp.next()) == 401
    assert line.stats.rejected == {"failed": 1}


async def test_a_port_that_is_taken_is_told():
    async with listening(Line()) as port:
        with pytest.raises(OSError, match="in use"):
            async with listen(Listener(Line().platform, Line().stats), "127.0.0.1", port):
                pass
