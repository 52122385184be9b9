"""A WebSocket client that costs the load generator little: it knows what benchmarks need and nothing else."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import Callable

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA

OnMessage = Callable[[int, bytes, float], None]  # opcode, payload, loop time of receipt


class WebSocket(asyncio.Protocol):
    """One connection; `on_message` is called for every text and binary message, `on_end` once when it has ended."""

    def __init__(self, path: str, host: str, headers: dict[str, str], on_message: OnMessage, on_end: Callable[[], None]) -> None:
        self._path, self._host, self._headers = path, host, headers
        self._on_message = on_message
        self._on_end = on_end
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {self._path} HTTP/1.1", f"Host: {self._host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"{name}: {value}" for name, value in self._headers.items()]
        transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        now = self._loop.time()
        if not self.opened.done() and not self._shake_hands():
            return
        start = 0
        while (message := self._next(start)) is not None:
            opcode, first, start = message
            payload = bytes(self._buffer[first:start])
            if opcode == PING:
                self.send(payload, PONG)
            elif opcode == CLOSE:
                self.closed = True
            else:
                self._on_message(opcode, payload, now)
        del self._buffer[:start]

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("The server ended the connection before the handshake."))
        self._on_end()

    def send(self, payload: bytes, opcode: int = TEXT) -> None:
        """One message. The mask is zero: allowed, and nothing to compute."""
        assert self._transport is not None
        size = len(payload)
        if size < 126:
            head = bytes((0x80 | opcode, 0x80 | size))
        elif size < 65_536:
            head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
        self._transport.write(head + bytes(4) + payload)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _shake_hands(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        status = bytes(self._buffer[: self._buffer.find(b"\r\n")])
        del self._buffer[: end + 4]
        if b" 101 " not in status:
            self.opened.set_exception(ConnectionError(f"The server answered {status.decode()!r} to a WebSocket handshake."))
            return False
        self.opened.set_result(None)
        return True

    def _next(self, at: int) -> tuple[int, int, int] | None:
        """(opcode, first byte, end) of the unfragmented message that begins at `at`, None when it is not complete."""
        buffer, size = self._buffer, len(self._buffer)
        if size - at < 2:
            return None
        length, first = buffer[at + 1], at + 2
        if length == 126:
            length, first = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
        elif length == 127:
            length, first = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
        return (buffer[at] & 0x0F, first, first + length) if size >= first + length and size >= first else None


async def open_websocket(
    host: str, port: int, path: str, headers: dict[str, str], on_message: OnMessage, on_end: Callable[[], None] = lambda: None
) -> WebSocket:
    """A connection after its handshake. Raises ConnectionError."""
    _, protocol = await asyncio.get_running_loop().create_connection(
        lambda: WebSocket(path, f"{host}:{port}", headers, on_message, on_end), host, port
    )
    await protocol.opened
    return protocol
