"""A server under test with crews on duty: known by a first position, each with a token of its own for its terminal."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bench.fleet import Fleet
from bench.processes import Server
from bench.websocket import open_websocket
from settings import Settings
from single_commands import open_accounts

HOST = "127.0.0.1"


def crew_tokens(server: Server, unit_ids: Sequence[str]) -> list[str]:
    """Secrets of the crews' terminals."""
    accounts = open_accounts(Settings(data=server.data, demo=False), server.city)
    return [accounts.add_token("officer", name=f"terminal-{unit_id}", unit_id=unit_id) for unit_id in unit_ids]


def desk_tokens(server: Server, scopes: Sequence[str]) -> list[str]:
    """Secrets of desks, one for each scope named; scopes may repeat."""
    accounts = open_accounts(Settings(data=server.data, demo=False), server.city)
    return [accounts.add_token("operator", scope=scope, name=f"desk-{number}") for number, scope in enumerate(scopes)]


async def register(server: Server, fleet: Fleet) -> None:
    """Every crew is known by its first position. The server needs a token named `feed`. Raises RuntimeError when one was refused."""
    answers: list[Any] = []
    feed = await open_websocket(
        HOST, server.port, "/feeds/v1", server.headers("feed"), lambda _, text, __: answers.append(json.loads(text))
    )
    for group in range(fleet.groups):
        feed.send(b"[" + b",".join(fleet.reports(0, group, time.time())) + b"]")
    while len(answers) < fleet.groups:  # noqa: ASYNC110 answers are counted as they come
        await asyncio.sleep(0.05)
    feed.close()
    refuse_rejected(answers)


async def drive(server: Server, fleet: Fleet, seconds: float) -> None:
    """Every crew reports once a second, for so long. Raises RuntimeError when a position was refused."""
    answers: list[Any] = []
    feed = await open_websocket(
        HOST, server.port, "/feeds/v1", server.headers("feed"), lambda _, text, __: answers.append(json.loads(text))
    )
    loop = asyncio.get_running_loop()
    start = loop.time()
    for step in range(int(seconds * fleet.groups)):
        await asyncio.sleep(max(start + step / fleet.groups - loop.time(), 0.0))
        fix, group = divmod(step, fleet.groups)
        feed.send(b"[" + b",".join(fleet.reports(fix + 1, group, datetime.now(UTC).timestamp())) + b"]")
    feed.close()
    refuse_rejected(answers)


def refuse_rejected(answers: list[Any]) -> None:
    if rejected := [answer["rejected"] for answer in answers if answer["rejected"]]:
        raise RuntimeError(f"the server refused positions of the benchmark: {rejected[0][:3]}")
