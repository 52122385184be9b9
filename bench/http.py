"""An HTTP client that costs the load generator little: keep-alive connections, JSON in and out, nothing else."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

RESTS_AT_MOST_S = 2.5


class Refused(RuntimeError):
    """An answer that is none of success."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.Transport | None = None
        self.is_closed = False
        self.rests_since = 0.0  # loop time of the last answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        if self.is_closed or self.transport is None:
            raise ConnectionError("the server has closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0 or self._answer is None or self._answer.done():
            return
        head = bytes(self._buffer[:head_end]).decode("latin-1").lower()
        length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("content-length:"))
        end = head_end + 4 + length
        if len(self._buffer) >= end:
            answer = int(head.split(" ", 2)[1]), bytes(self._buffer[head_end + 4 : end])
            del self._buffer[:end]
            self.rests_since = asyncio.get_running_loop().time()
            self._answer.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server ended the connection"))


class Http:
    """Requests to one server, each on a free connection."""

    def __init__(self, host: str, port: int, headers: dict[str, str]) -> None:
        self._host, self._port = host, port
        self._head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._free: list[_Connection] = []

    async def post(self, path: str, body: dict[str, Any], key: str | None = None) -> Any:
        """The decoded answer. Raises Refused when it is none of success, ConnectionError when the server is gone."""
        self._forget_rested()
        connection = self._free.pop() if self._free else await self._connect()
        content = json.dumps(body).encode()
        lines = f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: application/json\r\n"
        lines += f"Content-Length: {len(content)}\r\n{self._head}"
        if key is not None:
            lines += f"Idempotency-Key: {key}\r\n"
        status, answer = await connection.ask(lines.encode() + b"\r\n" + content)
        self._free.append(connection)
        if not 200 <= status < 300:
            raise Refused(status, f"POST {path} was answered with {status}: {answer[:300].decode()}")
        return json.loads(answer)

    async def _connect(self) -> _Connection:
        return (await asyncio.get_running_loop().create_connection(_Connection, self._host, self._port))[1]

    def _forget_rested(self) -> None:
        """The server closes connections that have rested for five seconds, and may be doing it while a request is on its way."""
        now = asyncio.get_running_loop().time()
        for connection in self._free:
            if now - connection.rests_since > RESTS_AT_MOST_S and connection.transport is not None:
                connection.transport.abort()
                connection.is_closed = True
        self._free = [connection for connection in self._free if not connection.is_closed]

    def close(self) -> None:
        for connection in self._free:
            if connection.transport is not None:
                connection.transport.abort()
