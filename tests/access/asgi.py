"""Asking an ASGI application directly, request by request and socket by socket, without a network."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp

from dashboard.server import TRANSPORT

HOST = ("host", "city.test")
Headers = Iterable[tuple[str, str]]

# Everyone asks from an address of their own, so that strangers are not slowed down as one.
_addresses = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What came back: of a request its status, of a socket its close code (0: the asker ended it)."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def every_byte(self) -> bytes:
        return "\n".join(f"{name}: {value}" for name, value in self.headers.items()).encode() + b"\n" + self.body

    @property
    def rule(self) -> str:
        """The rule a problem answer names; empty for other answers."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        return str(json.loads(self.body)["type"]).rsplit(":", 1)[-1]


async def ask(app: ASGIApp, method: str, url: str, headers: Headers = (), body: bytes = b"") -> Answer:
    """One request."""
    status, answered, pieces = 0, {}, []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()  # the asker stays until it has its answer

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            answered.update({name.decode(): value.decode("latin-1") for name, value in message["headers"]})
        elif message["type"] == "http.response.body":
            pieces.append(message.get("body", b""))

    path, _, query = url.partition("?")
    more = [("content-length", str(len(body)))] if body else []
    scope = {**_scope("http", path, query, [*headers, *more]), "method": method, "http_version": "1.1", "scheme": "http"}
    await app(scope, receive, send)
    return Answer(status, b"".join(pieces), answered)


@asynccontextmanager
async def started(app: ASGIApp) -> AsyncIterator[None]:
    """The application between its start-up and its shutdown, as a server tells it of them."""
    events: asyncio.Queue[Any] = asyncio.Queue()
    done: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, events.get, done.put))
    for event in ("startup", "shutdown"):
        await events.put({"type": f"lifespan.{event}"})
        assert (await done.get())["type"] == f"lifespan.{event}.complete"
        if event == "startup":
            yield
    await task


class Transport(asyncio.Transport):
    """Takes what a socket of ours writes past ASGI."""

    def __init__(self, told: Callable[[bytes], None], closed: Callable[[int], None]) -> None:
        super().__init__()
        self._told, self._closed = told, closed
        self._is_closing = False

    def write(self, data: Any) -> None:
        opcode, payload = _message(bytes(data))
        if opcode == 0x8:
            self._closed(int.from_bytes(payload[:2], "big"))
        else:
            self._told(payload)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    def abort(self) -> None:
        self._is_closing = True


class Talk:
    """One open socket: says things and waits for what is said back."""

    def __init__(self, app: ASGIApp, url: str, headers: Headers = ()) -> None:
        path, _, query = url.partition("?")
        self.heard: list[bytes] = []
        self.code = 0  # the server's close code; 0 while it has not closed
        self._incoming: asyncio.Queue[Any] = asyncio.Queue()
        self._news = asyncio.Event()
        transport = Transport(self._hear, self._close)
        scope = _scope("websocket", path, query, headers) | {"scheme": "ws", "subprotocols": [], "extensions": {TRANSPORT: transport}}
        self._task = asyncio.ensure_future(self._run(app, scope))

    async def _run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._incoming.get, self._send)
        finally:
            self._news.set()

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.send":
            self._hear(message["text"].encode() if message.get("text") is not None else message["bytes"])
        elif message["type"] == "websocket.close":
            self._close(message.get("code", 1000))

    def _hear(self, payload: bytes) -> None:
        self.heard.append(payload)
        self._news.set()

    def _close(self, code: int) -> None:
        self.code = code
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": code})
        self._news.set()

    async def __aenter__(self) -> Talk:
        await self._incoming.put({"type": "websocket.connect"})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._incoming.put({"type": "websocket.disconnect", "code": 1000})
        await self._task

    async def say(self, message: Any) -> None:
        await self._incoming.put({"type": "websocket.receive", "text": json.dumps(message)})

    async def until(self, condition: Callable[[], bool], timeout_s: float = 20.0) -> bool:
        """Wait for something to have been heard; False when the server has closed instead."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                if self.code or self._task.done():
                    return False
                self._news.clear()
                await self._news.wait()
        return True

    def texts(self) -> list[dict[str, Any]]:
        return [json.loads(one) for one in self.heard if one[:1] == b"{"]

    @property
    def answer(self) -> Answer:
        return Answer(self.code, b"\n".join(self.heard))


def _scope(kind: str, path: str, query: str, headers: Headers) -> dict[str, Any]:
    number = next(_addresses)
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in (HOST, *headers)],
        "client": (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 40_000),
        "server": ("city.test", 80),
    }


def _message(frame: bytes) -> tuple[int, bytes]:
    """Opcode and payload of one unmasked WebSocket message (RFC 6455, 5.2)."""
    start = {126: 4, 127: 10}.get(frame[1], 2)
    return frame[0] & 0x0F, frame[start:]
