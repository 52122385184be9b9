"""Webhooks with the real journal, handler, authority and accounts, and a receiver on loopback that does as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine

from dispatch import commands as c
from dispatch.clock import Clock, ManualClock
from dispatch.model import Actor, Grade, UnitKind
from operations.access.accounts import Accounts
from operations.access.authority import Authority
from operations.incidents.bus import Bus
from operations.incidents.enrich import Unenriched
from operations.incidents.handle import Handler
from operations.outgoing.webhooks import Webhooks
from operations.records.history import History
from storage.accounts import AccountStore
from storage.database import open_database
from storage.sql_journal import SqlJournal
from storage.webhooks import Webhook, WebhookStore
from tests.operations import access_world as world

SYSTEM = Actor("system", "admin", world.CITY, kind="system")


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """A tiny HTTP server. `answer` says what becomes of a request: a status, a whole answer, or None for silence until `letting_go`."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], int | bytes | None] = lambda request: 204
        self.hanging = 0
        self.letting_go = asyncio.Event()
        self.port = 0
        self._connections: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Receiver]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await server.wait_closed()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def events(self, path: str | None = None) -> list[dict[str, Any]]:
        """All events that came, repeated ones too, in the order they came."""
        return [event for r in self.requests if path in (None, r.path) for event in r.content["events"]]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.append(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:]) if name}
                request = Request(head[0].split()[1], headers, await reader.readexactly(int(headers["content-length"])))
                self.requests.append(request)
                answer = self.answer(request)
                if answer is None:
                    self.hanging += 1
                    given_up, let_go = asyncio.create_task(reader.read(1)), asyncio.create_task(self.letting_go.wait())
                    try:
                        await asyncio.wait([given_up, let_go], return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        self.hanging -= 1
                        let_go.cancel()
                    if given_up.done():
                        return
                    given_up.cancel()
                    await asyncio.gather(given_up, return_exceptions=True)
                    answer = 204
                writer.write(answer if isinstance(answer, bytes) else f"HTTP/1.1 {answer} X\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


class World:
    """One node's worth of parts; `restarted` gives a new one on the same database."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.folder = folder
        self.clock = clock or ManualClock(world.NOW)
        self.engine: Engine = open_database(f"sqlite:///{folder}/journal.db")
        self.store = WebhookStore(self.engine)
        tree = world.organisations()
        self.authority = Authority(tree, self.clock)
        self.accounts = Accounts(AccountStore(self.engine), tree, self.clock)
        bus, journal = Bus(), SqlJournal(self.engine)
        self.handler = Handler(journal, self.clock, bus, self.authority, Unenriched())
        self.history = History(journal)
        hosts = ("127.0.0.1",)
        self.webhooks = Webhooks(
            self.store, self.accounts, self.authority, self.history, bus, lambda: self.handler.picture, self.clock, hosts, lambda: 1.0
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        await self.handler.start()
        await self.webhooks.start()
        try:
            yield self
        finally:
            await self.webhooks.stop()
            await self.handler.stop()
            await self.history.stop()
            self.engine.dispose()

    def actor(self, org_code: str = world.CITY, role: str = "commander", name: str = "") -> Actor:
        """A token's actor; the token is made when it is not there yet."""
        name = name or f"{role}-{org_code}"
        actor = Actor(name, role, org_code, kind="token")
        if not self.accounts.still_has(actor):
            self.accounts.add_token(role, org_code, name=name)
        return actor

    async def webhook(self, url: str, *events: str, actor: Actor | None = None) -> Webhook:
        return await self.webhooks.add(actor or self.actor(), url, events or ("*",))

    async def incident(self, text: str = "x", org_code: str = world.STATION, incident_type: str = "theft") -> str:
        caller = c.Caller("王小明", "13812345678")
        command = c.ReceiveIncident(incident_type=incident_type, grade=Grade.ORDINARY, text=text, org_code=org_code, caller=caller)
        outcome = await self.handler.handle(command, SYSTEM)
        assert outcome.incident_id is not None
        return outcome.incident_id

    async def unit(self, unit_id: str, org_code: str = world.STATION, marked: bool = True) -> None:
        command = c.RegisterUnit(unit_id=unit_id, callsign=unit_id, kind=UnitKind.PATROL_CAR, org_code=org_code, marked=marked)
        await self.handler.handle(command, SYSTEM)

    async def do(self, command: c.Command) -> None:
        await self.handler.handle(command, SYSTEM)

    def state(self, webhook: Webhook) -> Any:
        return self.webhooks.one(SYSTEM, webhook.webhook_id)

    def log(self, webhook: Webhook) -> list[Any]:
        return self.store.deliveries(webhook.webhook_id)


async def until(is_so: Callable[[], bool], within_s: float = 8.0) -> None:
    """Wait until it is so; fails when it does not come about."""
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 what is waited for tells nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def at_work(folder: Path, clock: Clock | None = None) -> AsyncIterator[tuple[World, Receiver]]:
    """A running world and a running receiver."""
    async with Receiver().running() as receiver, World(folder, clock).running() as running:
        yield running, receiver
