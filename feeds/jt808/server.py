"""The TCP listener of JT/T 808: a thin shell around `TerminalSession`, with bounds on connections, silence and slow readers."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from dispatch.clock import Clock
from dispatch.model import Actor
from dispatch.picture import OperatingPicture
from feeds.jt808.session import EndOfConnection, FindUnit, TerminalSession, masked
from operations.tracking.intake import Commands, Intake
from operations.tracking.reports import FeedSession

log = structlog.get_logger(__name__)

FEED = "jt808"
MAX_CONNECTIONS = 10_000
# A terminal beats every minute or so; three missed beats and the network has lost it.
IDLE_S = 300.0
# Before it has authenticated it has no reason to wait.
UNPROVEN_IDLE_S = 60.0
# An answer has a few dozen bytes: whoever does not take it for so long has stopped reading.
SEND_TIMEOUT_S = 10.0
READ_BYTES = 16 * 1024


class TerminalListener:
    """All connections of one listener."""

    def __init__(self, intake: Intake, handler: Commands, clock: Clock, org_code: str, secret: bytes, open_registration: bool) -> None:
        """`org_code` is the scope the terminals report in; with `open_registration` unknown ones make units there."""
        self._intake = intake
        self._clock = clock
        self._secret = secret
        self._feed = FeedSession(FEED, Actor(FEED, "feed", org_code, kind="token"))
        self._find_unit = _finder(handler, open_registration)
        self._stats = intake.health.feed(FEED, expected_interval_s=30.0)
        self._conversations: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}
        self._by_number: dict[str, asyncio.StreamWriter] = {}  # of terminals that have proved who they are

    def session(self) -> TerminalSession:
        """The conversation of a new connection."""
        return TerminalSession(self._intake, self._feed, self._stats, self._find_unit, self._secret, self._clock)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from accept to end."""
        if self._stats.sessions >= MAX_CONNECTIONS:
            self._stats.reject("too_many_connections")
            writer.transport.abort()
            return
        session = self.session()
        self._stats.sessions += 1
        self._conversations[writer] = asyncio.current_task()
        reason = "closed"
        try:
            await self._converse(session, reader, writer)
        except EndOfConnection as end:
            reason = str(end)
        except TimeoutError:
            reason = "silent"
        except ConnectionError:
            reason = "lost"
        finally:
            self._stats.sessions -= 1
            del self._conversations[writer]
            for number in [number for number, held_by in self._by_number.items() if held_by is writer]:
                del self._by_number[number]
            writer.transport.abort()
        log.info("terminal_gone", terminal=masked(session.number or ""), reason=reason)

    async def abort_all(self) -> None:
        """End every connection, and wait until each has gone."""
        ending = [task for task in self._conversations.values() if task is not None]
        for writer in self._conversations:
            writer.transport.abort()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _converse(self, session: TerminalSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until the other side ends. Raises EndOfConnection, TimeoutError, ConnectionError."""
        while True:
            async with asyncio.timeout(UNPROVEN_IDLE_S if session.number is None else IDLE_S):
                data = await reader.read(READ_BYTES)
            if not data:
                return
            answers = await session.receive(data)
            self._one_connection_each(session, writer)
            if answers:
                writer.write(answers)
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await writer.drain()

    def _one_connection_each(self, session: TerminalSession, writer: asyncio.StreamWriter) -> None:
        """A terminal that comes back replaces its old connection, which the network may not have ended."""
        if session.number is None:
            return
        before = self._by_number.get(session.number)
        if before is not writer:
            self._by_number[session.number] = writer
            if before is not None:
                before.transport.abort()


@asynccontextmanager
async def listen(listener: TerminalListener, host: str, port: int) -> AsyncIterator[int]:
    """Serve on `host`, `port` (0: any free one); yields the port. Raises OSError when it can't be had."""
    server = await asyncio.start_server(listener.serve, host, port, limit=2 * READ_BYTES, backlog=512)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await listener.abort_all()
        await server.wait_closed()


def _finder(handler: Commands, open_registration: bool) -> FindUnit:
    """Looks a terminal's number up among the trackers of the units, with and without leading zeros."""

    def find_unit(number: str) -> tuple[str, str] | None:
        picture: OperatingPicture = handler.picture
        for written in (number, number.zfill(11), number.zfill(12), number.zfill(20)):
            unit_id = picture.unit_by_tracker.get(written)
            if unit_id is not None:
                return unit_id, written
        # A unit made for it is not named by its number, which everybody who sees the map would see.
        return (f"jt808-{hashlib.sha256(number.encode()).hexdigest()[:10]}", number) if open_registration else None

    return find_unit
