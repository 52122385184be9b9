"""`bench command`: 50 commands a second through the real server, durable and on the terminal, 700 terminals connected.

Half of the commands push a crew to an incident, half take it back; each reaches a terminal, which confirms it as a phone does
(two more durable writes). Beside it, in turns on the same disk, one raw insert of the same bytes at the same pace.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from bench import harness
from bench.crews import HOST, crew_tokens, register
from bench.fleet import Fleet, street_near
from bench.http import Http
from bench.processes import Server, cpu_s
from bench.websocket import TEXT, WebSocket, open_websocket
from geodata.cities.city import open_city
from geodata.streets.graph import StreetGraph
from tests.postgres import postgres_server, working_folder

PORT = 18355
TERMINALS = 700
HELD = 100  # crews that are on an incident at a time: two seconds from a push to its recall
RATE_PER_S = 50
ROUNDS, WINDOW_S, PEER_WINDOW_S = 5, 8, 4
SETTLE_S = 1.0


class Terminal:
    """A crew's device: confirms at once, and knows when what it waits for came."""

    def __init__(self, unit_id: str, arrivals: dict[tuple[str, str, str], float]) -> None:
        self._unit_id = unit_id
        self._arrivals = arrivals  # (incident, unit, type) → loop time of the first receipt
        self.socket: WebSocket | None = None

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        message = json.loads(payload) if opcode == TEXT else {}
        if message.get("type") in ("push", "recall") and self.socket is not None:
            self._arrivals.setdefault((message["incident_id"], self._unit_id, message["type"]), now)
            confirmed = {"type": "delivered", "incident_id": message["incident_id"], "assignment_id": message["assignment_id"]}
            self.socket.send(json.dumps(confirmed).encode())


class Station:
    """The desk's side: one incident near each crew, and the next command."""

    def __init__(self, http: Http, unit_ids: list[str], incident_ids: list[str]) -> None:
        self._http = http
        self._unit_ids = unit_ids
        self._incident_ids = incident_ids
        self._count = 0
        self._turns = [asyncio.Lock() for _ in unit_ids]
        self.arrivals: dict[tuple[str, str, str], float] = {}

    async def next_command(self, window: Window, due: float) -> None:
        """Push a crew, or take back the one pushed HELD commands before."""
        turn, place = divmod(self._count, HELD)
        self._count += 1
        crew = (turn // 2 * HELD + place) % len(self._unit_ids)
        incident_id, unit_id = self._incident_ids[crew], self._unit_ids[crew]
        name = "push" if turn % 2 == 0 else "recall"  # also the type of the message on the terminal
        key = f"bench-{self._count}"
        async with self._turns[crew]:  # nobody takes back a push that has not been answered; the wait counts as delay
            self.arrivals.pop((incident_id, unit_id, name), None)
            loop = asyncio.get_running_loop()
            sent_at = loop.time()
            await self._http.post(f"/api/v1/incidents/{incident_id}/commands", {"command": name, "unit_ids": [unit_id]}, key)
            window.answered_s.append(loop.time() - sent_at)
        window.expected.append((incident_id, unit_id, name, due))


class Window:
    """What one window of our side took."""

    def __init__(self) -> None:
        self.answered_s: list[float] = []  # command sent → answered, which is when it is durable
        self.expected: list[tuple[str, str, str, float]] = []
        self.arrived_s: list[float] = []  # command due → on the terminal
        self.cpu_s = 0.0


def run() -> dict[str, Any]:
    """The benchmark; about three minutes."""
    with Server("command-server", PORT, {"feed": "feed", "desk": "operator"}) as server:
        city = open_city(server.city)
        fleet = Fleet(city, TERMINALS, "t")
        return asyncio.run(_measure(server, fleet, city.graph, crew_tokens(server, fleet.unit_ids)))


async def _measure(server: Server, fleet: Fleet, graph: StreetGraph, tokens: list[str]) -> dict[str, Any]:
    notes: dict[str, str] = {
        "server time": "from sending a command over HTTP to its answer, which leaves only after fsync",
        "p50_ms, p99_ms": "from the instant a command was due to its message at the crew's terminal",
        "raw insert": "one row with the bytes of one journal event, committed alone, at the same pace, on the same disk",
    }
    async with _desk(server, fleet, graph, tokens) as station:
        sample = json.dumps(await asyncio.to_thread(server.get, "/api/v1/changes?since=0", "desk"))[:1_000].encode()
        ours: list[Window] = []
        sqlite_s: list[list[float]] = []
        postgres_s: list[list[float]] = []
        with ExitStack() as stack:
            peers = {"sqlite": (stack.enter_context(_sqlite(sample)), sqlite_s)}
            binaries = working_folder()
            if binaries is None:
                notes["postgres"] = "no PostgreSQL binaries that start here; pip install pgserver"
            else:
                peers["postgres"] = (stack.enter_context(_postgres(binaries, sample)), postgres_s)
            await _window(server, station)  # not counted: caches and the disk wake up
            for round_ in range(ROUNDS):
                harness.say(f"command: round {round_ + 1} of {ROUNDS}")
                ours.append(await _window(server, station))
                for insert, taken in peers.values():
                    taken.append(await asyncio.to_thread(_paced, insert))
        lag = await asyncio.to_thread(server.loop_lag_p99_ms, "desk")
    return _result(ours, sqlite_s, postgres_s, lag, notes)


@asynccontextmanager
async def _desk(server: Server, fleet: Fleet, graph: StreetGraph, tokens: list[str]) -> AsyncIterator[Station]:
    """Units registered, terminals connected, incidents received."""
    await register(server, fleet)
    http = Http(HOST, PORT, server.headers("desk"))
    incident_ids = []
    for number in range(TERMINALS):
        lon, lat = street_near(graph, *fleet.place(0, number))
        call = {"incident_type": "theft", "grade": 3, "text": f"call {number}", "lon": lon, "lat": lat}
        incident_ids.append((await http.post("/api/v1/incidents", call))["incident_id"])
    station = Station(http, fleet.unit_ids, incident_ids)
    terminals = []
    for unit_id, token in zip(fleet.unit_ids, tokens, strict=True):
        terminal = Terminal(unit_id, station.arrivals)
        headers = {"Authorization": f"Bearer {token}"}
        terminal.socket = await open_websocket(HOST, PORT, "/terminal/socket", headers, terminal.on_message)
        terminals.append(terminal)
    await asyncio.sleep(SETTLE_S)
    try:
        yield station
    finally:
        for terminal in terminals:
            if terminal.socket is not None:
                terminal.socket.close()
        http.close()


async def _window(server: Server, station: Station) -> Window:
    """RATE_PER_S commands a second for WINDOW_S; a late answer does not hold up the next command."""
    loop = asyncio.get_running_loop()
    window = Window()
    start = loop.time() + 0.1
    cpu_before = cpu_s(server.pid)
    async with asyncio.TaskGroup() as commands:
        for number in range(RATE_PER_S * WINDOW_S):
            due = start + number / RATE_PER_S
            await asyncio.sleep(max(due - loop.time(), 0.0))
            commands.create_task(station.next_command(window, due))
    await asyncio.sleep(SETTLE_S)
    window.cpu_s = cpu_s(server.pid) - cpu_before
    for incident_id, unit_id, kind, due in window.expected:
        arrived_at = station.arrivals.get((incident_id, unit_id, kind))
        if arrived_at is not None:
            window.arrived_s.append(arrived_at - due)
    return window


def _paced(insert: Callable[[], None]) -> list[float]:
    """Seconds of each raw insert, RATE_PER_S a second: a disk that rests between is not the disk of a tight loop."""
    taken = []
    start = time.perf_counter()
    for number in range(RATE_PER_S * PEER_WINDOW_S):
        time.sleep(max(start + number / RATE_PER_S - time.perf_counter(), 0.0))
        taken.append(harness.timed(insert))
    return taken


@contextmanager
def _sqlite(row: bytes) -> Any:
    """One insert into SQLite, write-ahead log, synchronous=FULL."""
    path = harness.WORK / "command-peer.sqlite"
    for old in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with suppress(FileNotFoundError):
            old.unlink()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        connection.execute("create table events (revision integer primary key, body blob not null)")
        yield lambda: connection.execute("insert into events (body) values (?)", (row,))


@contextmanager
def _postgres(binaries: Path, row: bytes) -> Any:
    """One insert into PostgreSQL, fsync=on, over its own socket."""
    with postgres_server(binaries) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table events (revision bigserial primary key, body bytea not null)")
        yield lambda: connection.execute("insert into events (body) values (%s)", (row,))


def _result(
    ours: list[Window], sqlite_s: list[list[float]], postgres_s: list[list[float]], lag: float | None, notes: dict[str, str]
) -> dict[str, Any]:
    answered = [statistics.median(w.answered_s) for w in ours]
    arrived_ms = [seconds * 1e3 for w in ours for seconds in w.arrived_s]
    answered_ms = [seconds * 1e3 for w in ours for seconds in w.answered_s]
    medians = {"sqlite": [statistics.median(s) for s in sqlite_s], "postgres": [statistics.median(s) for s in postgres_s]}
    figures: dict[str, Any] = {
        "p50_ms": harness.percentile(arrived_ms, 50),
        "p99_ms": harness.percentile(arrived_ms, 99),
        "delivered_share": len(arrived_ms) / sum(len(w.expected) for w in ours),
        "answered_p50_ms": harness.percentile(answered_ms, 50),
        "answered_p99_ms": harness.percentile(answered_ms, 99),
        "cpu_ms_per_command": statistics.median([w.cpu_s / len(w.answered_s) * 1e3 for w in ours]),
        "commands_per_s": RATE_PER_S,
        "terminals": TERMINALS,
        "loop_lag_p99_ms": lag,
        "sqlite_insert_ms": statistics.median(medians["sqlite"]) * 1e3,
        "postgres_insert_ms": statistics.median(medians["postgres"]) * 1e3 if postgres_s else None,
    }
    ratios = {
        "vs_sqlite_insert": harness.ratio(answered, medians["sqlite"]),
        "vs_postgres_insert": harness.ratio(answered, medians["postgres"]) if postgres_s else None,
    }
    raw = {
        "answered_s": [w.answered_s for w in ours],
        "arrived_s": [w.arrived_s for w in ours],
        "sqlite_s": sqlite_s,
        "postgres_s": postgres_s,
    }
    harness.keep_samples("command", raw)
    return harness.result("command", figures, ratios, notes)


if __name__ == "__main__":
    harness.main(run)
