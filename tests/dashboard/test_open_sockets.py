"""Sockets end with the session they were opened with: at once, on a real server, and no other does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI, WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from dashboard.edge import Edge
from dashboard.live import add_live
from dashboard.open_sockets import OpenSockets
from dashboard.server import TRANSPORT
from operations.access.accounts import Accounts, sha256_of
from storage.accounts import AccountStore
from storage.database import open_database
from tests.dashboard.live_world import LiveWorld, serving
from tests.live_client import LiveClient
from tests.operations.access_world import organisations
from tests.operations.test_accounts import GOOD
from tests.passwords import QUICK

AT_ONCE_S = 2.0  # the sockets' own watches would take 30


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[tuple[Accounts, str]]:
    """Accounts, and the address of a server with the live socket and a bare one."""
    live = LiveWorld()
    engine = open_database(f"sqlite:///{folder / 'sockets.sqlite'}")
    accounts = Accounts(AccountStore(engine), organisations(), live.clock, hasher=QUICK)
    server = FastAPI()
    add_live(server, live)  # type: ignore[arg-type]

    @server.websocket("/bare")
    async def bare(socket: WebSocket) -> None:
        await socket.accept()
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass

    try:
        async with serving(Edge(server, accounts, live.clock, server.routes)) as address:
            yield accounts, f"ws://{address}"
    finally:
        engine.dispose()


async def cookie_of(accounts: Accounts, name: str) -> str:
    cookie = await accounts.login(name, GOOD, "10.0.0.1")
    assert cookie is not None
    return cookie


def header(cookie: str) -> dict[str, str]:
    return {"Cookie": f"liandong_session={cookie}"}


async def test_the_sockets_of_an_ended_session_close_at_once_and_no_others(tmp_path: Path) -> None:
    async with house(tmp_path) as (accounts, url):
        await asyncio.to_thread(accounts.add_user, "zhang", GOOD, "operator", "3302")
        lost, kept = [await cookie_of(accounts, "zhang") for _ in range(2)]
        async with (
            LiveClient(url + "/live", header(lost)) as ends,
            LiveClient(url + "/live", header(kept)) as stays,
            connect(url + "/bare", additional_headers=header(lost)) as bare,
        ):
            await stays.until(lambda: ends.frames and stays.frames)
            await accounts.end_session(sha256_of(lost))
            async with asyncio.timeout(AT_ONCE_S):
                await ends.until(lambda: ends.close_code is not None)
                await bare.wait_closed()
            assert ends.of_type("bye")[0]["reason"] == "session_ended"
            assert (ends.close_code, bare.close_code) == (4401, 4401)
            frames = len(stays.frames)
            await stays.until(lambda: len(stays.frames) > frames)
            assert stays.close_code is None
            with pytest.raises(ConnectionClosed):
                async with connect(url + "/live", additional_headers=header(lost)) as again:
                    await again.recv()


async def test_logging_out_and_ending_all_close_sockets_too(tmp_path: Path) -> None:
    async with house(tmp_path) as (accounts, url):
        await asyncio.to_thread(accounts.add_user, "zhang", GOOD, "operator", "3302")
        first, second = [await cookie_of(accounts, "zhang") for _ in range(2)]
        async with LiveClient(url + "/live", header(first)) as one, LiveClient(url + "/live", header(second)) as two:
            await two.until(lambda: one.frames and two.frames)
            async with asyncio.timeout(AT_ONCE_S):
                await accounts.logout(first)
                await one.until(lambda: one.close_code is not None)
                assert two.close_code is None
                await accounts.end_sessions_of("zhang")
                await two.until(lambda: two.close_code is not None)
        assert (one.close_code, two.close_code) == (4401, 4401)


async def test_a_session_that_ends_while_its_socket_is_being_opened_is_noticed() -> None:
    """Between who it is and its acceptance: nothing may be written before the handshake, everything ends after it."""
    written: list[bytes] = []
    closed = asyncio.Event()

    class Transport:
        def is_closing(self) -> bool:
            return closed.is_set()

        def get_write_buffer_size(self) -> int:
            return 0

        def write(self, message: bytes) -> None:
            written.append(message)

        def close(self) -> None:
            closed.set()

        def abort(self) -> None:
            closed.set()

    async def send(message: object) -> None:
        assert not written

    async def has_ended() -> bool:
        return False

    sockets = OpenSockets()
    with sockets.holding({"type": "websocket", "extensions": {TRANSPORT: Transport()}}, has_ended, send) as sending:
        sockets.look()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not closed.is_set()
        await sending({"type": "websocket.accept"})
        assert closed.is_set()
        assert b"session_ended" in b"".join(written)
