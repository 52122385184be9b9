"""Accepted sockets, and their end as soon as the session they were opened with is ended.

What ends elsewhere (in another process, by age) is noticed by each socket's own watch, which asks now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from starlette.types import Message, Scope, Send

from dashboard.server import Outlet, bye

UNAUTHENTICATED = 4401  # WebSocket close code
Recheck = Callable[[], Awaitable[bool]]


class _Socket:
    """One connection. Nothing may be written to it before it was accepted."""

    def __init__(self, scope: Scope, recheck: Recheck) -> None:
        self.scope = scope
        self.recheck = recheck
        self.is_accepted = False
        self.has_ended = False  # its session, while it was not accepted yet

    def end(self) -> None:
        self.has_ended = True
        if self.is_accepted:
            bye(Outlet.of(self.scope), "session_ended", UNAUTHENTICATED)


class OpenSockets:
    """Those of one edge; on the event loop."""

    def __init__(self) -> None:
        self._open: set[_Socket] = set()
        self._looking: set[asyncio.Task[None]] = set()

    @contextmanager
    def holding(self, scope: Scope, recheck: Recheck, send: Send) -> Iterator[Send]:
        """Watch a connection; the application sends by what this yields."""
        socket = _Socket(scope, recheck)

        async def sending(message: Message) -> None:
            await send(message)
            if message["type"] == "websocket.accept":
                socket.is_accepted = True
                if socket.has_ended:
                    socket.end()

        self._open.add(socket)
        try:
            yield sending
        finally:
            self._open.discard(socket)

    def look(self) -> None:
        """Sessions were ended: close the sockets that hang on them."""
        task = asyncio.create_task(self._close_ended(), name="sessions-ended")
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _close_ended(self) -> None:
        for socket in tuple(self._open):
            if not socket.has_ended and not await socket.recheck() and socket in self._open:
                socket.end()
