"""Moving units through the real feed socket, several times a second each: for benchmarks of what shows them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bench.processes import Server
from bench.websocket import WebSocket, open_websocket
from geodata.cities.city import City

GROUP = 50  # units of one message
CONNECTIONS = 4  # the server takes 20,000 reports a second of one
SPEED_MPS = 11.0
METRES_PER_DEGREE = 111_195.0
SWING = 60  # fixes until a unit turns round


class Gateway:
    """Feeds that report `units` units, each `fixes_per_s` times a second; groups of GROUP are spread evenly over time."""

    def __init__(self, city: City, most_units: int, fixes_per_s: int) -> None:
        random = np.random.default_rng(7)
        nodes = random.integers(len(city.graph.node_lon), size=most_units)
        self._lon = np.asarray(city.graph.node_lon)[nodes]
        self._lat = np.asarray(city.graph.node_lat)[nodes]
        heading_deg = random.uniform(0, 360, most_units)
        step_deg = SPEED_MPS / fixes_per_s / METRES_PER_DEGREE
        self._step_lon = step_deg * np.sin(np.radians(heading_deg)) / np.cos(np.radians(self._lat))
        self._step_lat = step_deg * np.cos(np.radians(heading_deg))
        self._heading_deg = heading_deg
        self._fixes_per_s = fixes_per_s
        self._fix = 0
        self._sockets: list[WebSocket] = []
        self._waiting = 0  # messages without an answer
        self.units = 0
        self.sent = 0  # fixes
        self.rejected: list[Any] = []

    @classmethod
    async def open(cls, server: Server, city: City, most_units: int, fixes_per_s: int) -> Gateway:
        """Connected, without units."""
        gateway = cls(city, most_units, fixes_per_s)
        for _ in range(CONNECTIONS):
            socket = await open_websocket("127.0.0.1", server.port, "/feeds/v1", server.headers("feed"), gateway._on_answer)
            gateway._sockets.append(socket)
        return gateway

    async def grow(self, units: int) -> None:
        """Report so many units, from now on; returns when the server knows them all."""
        first, self.units = self.units // GROUP, units
        for group in range(first, units // GROUP):
            self._send(group)
        while self._waiting:  # noqa: ASYNC110 answers are counted as they come
            await asyncio.sleep(0.05)
        self._check()

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Fixes flow while inside. Raises RuntimeError when the server refused any."""
        flow = asyncio.create_task(self._flow())
        try:
            yield
        finally:
            flow.cancel()
            await asyncio.gather(flow, return_exceptions=True)
        if flow.done() and not flow.cancelled() and flow.exception() is not None:
            raise RuntimeError("the gateway stopped") from flow.exception()
        self._check()

    def close(self) -> None:
        for socket in self._sockets:
            socket.close()

    async def _flow(self) -> None:
        loop = asyncio.get_running_loop()
        groups = self.units // GROUP
        start = loop.time()
        for round_ in range(1_000_000):
            self._fix += 1
            for group in range(groups):
                due = start + (round_ + group / groups) / self._fixes_per_s
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                self._send(group)

    def _send(self, group: int) -> None:
        """The group's present positions, as one message."""
        at = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        of = slice(group * GROUP, (group + 1) * GROUP)
        turn = self._fix % (2 * SWING)
        way = turn if turn < SWING else 2 * SWING - turn
        heading_deg = self._heading_deg[of] if turn < SWING else (self._heading_deg[of] + 180) % 360
        places = zip(
            range(of.start, of.stop),
            (self._lon[of] + way * self._step_lon[of]).tolist(),
            (self._lat[of] + way * self._step_lat[of]).tolist(),
            heading_deg.tolist(),
            strict=True,
        )
        reports = [
            f'{{"type":"position","unit_id":"b-{unit:05}","lon":{lon:.6f},"lat":{lat:.6f},'
            f'"position_at":"{at}","speed_mps":{SPEED_MPS},"heading_deg":{heading:.0f}}}'
            for unit, lon, lat, heading in places
        ]
        self._waiting += 1
        self.sent += len(reports)
        self._sockets[group % CONNECTIONS].send(f"[{','.join(reports)}]".encode())

    def _on_answer(self, opcode: int, payload: bytes, now: float) -> None:
        self._waiting -= 1
        self.rejected += json.loads(payload)["rejected"]

    def _check(self) -> None:
        if self.rejected:
            raise RuntimeError(f"the server refused positions of the benchmark, so its figures mean nothing: {self.rejected[:3]}")
