"""The listener over real sockets: many terminals, replaced and idle connections, bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from dispatch.duty_commands import RegisterUnit
from dispatch.model import Actor, UnitKind
from feeds.jt808 import server
from feeds.jt808.server import TerminalListener, listen
from feeds.jt808.session import code_of
from tests.feeds.jt808 import encoder
from tests.operations.fakes import CITY, COUNTY, START, House

SECRET = b"s" * 32


@asynccontextmanager
async def listening(house: House) -> AsyncIterator[int]:
    async with listen(TerminalListener(house.intake, house.handler, house.clock, CITY, SECRET, False), "127.0.0.1", 0) as port:
        yield port


async def add_cars(house: House, count: int) -> list[str]:
    numbers = [f"139{number:08d}" for number in range(count)]
    for number in numbers:
        command = RegisterUnit(unit_id=f"car-{number}", callsign="car", kind=UnitKind.PATROL_CAR, org_code=COUNTY, trackers=(number,))
        await house.handler.handle(command, Actor("setup", "admin", CITY, kind="system"))
    return numbers


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, frame: bytes) -> bytes:
    writer.write(frame)
    async with asyncio.timeout(5):
        return await reader.readuntil(b"\x7e") + await reader.readuntil(b"\x7e")


async def log_in(port: int, number: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await ask(reader, writer, encoder.message(0x0102, code_of(SECRET, number), number))
    return reader, writer


async def is_ended(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(5):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def close(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        try:
            await writer.wait_closed()
        except ConnectionError:
            continue  # the listener had ended it


async def test_fifty_terminals_report_at_once():
    house = House()
    numbers = await add_cars(house, 50)
    async with listening(house) as port:

        async def drive(index: int, number: str) -> None:
            reader, writer = await log_in(port, number)
            for second in range(5):
                body = encoder.position(121.5 + index * 1e-3, 29.9 + second * 1e-4, START + timedelta(seconds=second))
                await ask(reader, writer, encoder.message(0x0200, body, number))
            await close(writer)

        await asyncio.gather(*(drive(index, number) for index, number in enumerate(numbers)))
    assert len(house.tracks.fixes) == 250
    assert house.place_of(f"car-{numbers[7]}") == (121.507, 29.9004)


async def test_a_terminal_that_comes_back_replaces_its_old_connection():
    house = House()
    [number] = await add_cars(house, 1)
    async with listening(house) as port:
        old_reader, old_writer = await log_in(port, number)
        reader, writer = await log_in(port, number)
        assert await is_ended(old_reader)
        body = encoder.position(121.5, 29.9, START)
        assert b"\x02\x00\x00" in await ask(reader, writer, encoder.message(0x0200, body, number))
        assert house.health.feed("jt808").sessions == 1
        await close(old_writer, writer)
    assert house.health.feed("jt808").sessions == 0


async def test_who_never_authenticates_is_ended(monkeypatch):
    monkeypatch.setattr(server, "UNPROVEN_IDLE_S", 0.05)
    async with listening(House()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await is_ended(reader)
        await close(writer)


async def test_connections_are_bounded_and_the_refused_counted(monkeypatch):
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 1)
    house = House()
    [number] = await add_cars(house, 1)
    async with listening(house) as port:
        _, first = await log_in(port, number)
        reader, second = await asyncio.open_connection("127.0.0.1", port)
        assert await is_ended(reader)
        assert house.health.feed("jt808").rejected == {"too_many_connections": 1}
        await close(first, second)


async def test_closing_the_listener_ends_its_connections():
    house = House()
    [number] = await add_cars(house, 1)
    async with listening(house) as port:
        reader, writer = await log_in(port, number)
    assert await is_ended(reader)
    await close(writer)
