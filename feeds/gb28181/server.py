"""The SIP listener of GB/T 28181, UDP and TCP on one port: a thin shell around `Platform`, with bounds on everything that waits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import structlog

from feeds.gb28181 import sip
from feeds.gb28181.platform import Platform
from feeds.gb28181.requests import Peer
from feeds.gb28181.sip import BadMessage, Message
from operations.health import FeedHealth

log = structlog.get_logger(__name__)

FEED = "gb28181"
MAX_CONNECTIONS = 5_000
# A device beats every minute; on a connection that has said nothing for so long nobody is left.
IDLE_S = 300.0
# An answer has a few hundred bytes: whoever does not take it for so long has stopped reading.
SEND_TIMEOUT_S = 10.0
# What a reader that stopped may have waiting; a catalogue's query has 600 bytes.
MAX_UNSENT = 256 * 1024
READ_BYTES = 64 * 1024
RECEIVE_BUFFER = 4 * 1024 * 1024
# Datagrams that wait to be taken, and how many are taken at once: each may wait for the journal.
MAX_WAITING = 10_000
WORKERS = 32
TICK_S = 0.25


class Listener(asyncio.DatagramProtocol):
    """Everything that comes in on one port."""

    def __init__(self, platform: Platform, stats: FeedHealth) -> None:
        self._platform = platform
        self._stats = stats
        self._datagrams: asyncio.Queue[tuple[bytes, Peer]] = asyncio.Queue(MAX_WAITING)
        self._udp: asyncio.DatagramTransport | None = None
        self._connections: dict[Peer, tuple[asyncio.StreamWriter, asyncio.Task[Any] | None]] = {}

    # UDP --------------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._udp = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if not data.strip(b"\r\n\0 "):
            return  # keeps a translated address alive
        try:
            self._datagrams.put_nowait((data, Peer("UDP", addr[0], addr[1])))
        except asyncio.QueueFull:
            self._stats.reject("too_busy")  # the device says it again

    async def work(self) -> None:
        """Take datagrams until cancelled."""
        while True:
            data, peer = await self._datagrams.get()
            try:
                message = sip.parse(data)
            except BadMessage as bad:
                self._stats.reject(bad.reason)
                continue
            self._send(peer, await self._receive(message, peer))
            self._send_due()

    async def tick(self) -> None:
        """Ask what is due until cancelled."""
        while True:
            self._platform.tick()
            self._send_due()
            await asyncio.sleep(TICK_S)

    # TCP --------------------------------------------------------------------------------------------------------------

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from accept to end."""
        address = writer.get_extra_info("peername")
        if address is None or len(self._connections) >= MAX_CONNECTIONS:
            self._stats.reject("too_many_connections")
            writer.transport.abort()
            return
        peer = Peer("TCP", address[0], address[1])
        self._connections[peer] = (writer, asyncio.current_task())
        reason = "closed"
        try:
            await self._converse(peer, reader, writer)
        except BadMessage as bad:
            self._stats.reject(bad.reason)
            reason = bad.reason
        except TimeoutError:
            reason = "silent"
        except ConnectionError:
            reason = "lost"
        finally:
            del self._connections[peer]
            writer.transport.abort()
        log.info("video_device_connection_ended", reason=reason)

    async def _converse(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the other side ends. Raises BadMessage, TimeoutError, ConnectionError."""
        stream = sip.Stream()
        while True:
            async with asyncio.timeout(IDLE_S):
                data = await reader.read(READ_BYTES)
            if not data:
                return
            for message in stream.feed(data):
                self._send(peer, await self._receive(message, peer))
                self._send_due()
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await writer.drain()

    # Both -------------------------------------------------------------------------------------------------------------

    async def _receive(self, message: Message, peer: Peer) -> bytes:
        """What to answer. A fault of ours is logged and counted, and the next message is taken."""
        try:
            return await self._platform.receive(message, peer)
        except Exception:
            self._stats.reject("failed")
            log.exception("video_device_message_failed", method=message.method)
            return b""  # the device says it again

    def _send(self, peer: Peer, data: bytes) -> None:
        if not data:
            return
        if peer.transport == "UDP":
            if self._udp is not None and not self._udp.is_closing():
                self._udp.sendto(data, (peer.host, peer.port))
            return
        writer, _ = self._connections.get(peer, (None, None))
        if writer is None:
            return  # the connection has ended; the device registers anew with its next
        writer.write(data)
        if writer.transport.get_write_buffer_size() > MAX_UNSENT:
            writer.transport.abort()

    def _send_due(self) -> None:
        for peer, data in self._platform.due():
            self._send(peer, data)

    async def stop(self) -> None:
        """End every connection, and wait until each has gone."""
        ending = [task for _, task in self._connections.values() if task is not None]
        for writer, _ in self._connections.values():
            writer.transport.abort()
        await asyncio.gather(*ending, return_exceptions=True)


@asynccontextmanager
async def listen(listener: Listener, host: str, port: int) -> AsyncIterator[int]:
    """Serve UDP and TCP on `host`, `port` (0: any free one); yields the port. Raises OSError when it can't be had."""
    server = await asyncio.start_server(listener.serve, host, port, limit=2 * READ_BYTES, backlog=512)
    try:
        port = server.sockets[0].getsockname()[1]
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: listener, (host, port))
        # A catalogue may come as hundreds of datagrams at once; the kernel gives as much as it lets anybody have.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        running = [asyncio.create_task(listener.work()) for _ in range(WORKERS)] + [asyncio.create_task(listener.tick())]
        try:
            yield port
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            transport.close()
    finally:
        server.close()
        await listener.stop()
        await server.wait_closed()
