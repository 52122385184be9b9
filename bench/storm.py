"""`bench storm`: a thousand terminals come back within one second, as after a mast or the server was down.

Half of the crews have a push that their terminal has not confirmed, so that their greeting brings it again. A terminal has recovered
when it was greeted and, where one is due, has its push.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bench import harness
from bench.crews import HOST, crew_tokens, register
from bench.fleet import Fleet
from bench.http import Http
from bench.processes import Server, cpu_s
from bench.websocket import TEXT, WebSocket, open_websocket
from geodata.cities.city import open_city

PORT = 18356
TERMINALS = 1_000
PUSHED = 500  # crews whose push waits for their terminal
STORM_S = 1.0
ROUNDS = 5
GIVE_UP_S = 60.0


class Terminal:
    """A crew's device that confirms nothing: what it has not confirmed comes again with every connection."""

    def __init__(self, unit_id: str, token: str, has_push: bool) -> None:
        self.unit_id = unit_id
        self._headers = {"Authorization": f"Bearer {token}"}
        self._awaited = {"hello", "push"} if has_push else {"hello"}
        self._missing: set[str] = set()
        self._socket: WebSocket | None = None
        self._came_at = 0.0  # loop times
        self.recovered_at = 0.0

    @property
    def waited_s(self) -> float:
        """From its own new connection to its greeting and push."""
        return self.recovered_at - self._came_at

    async def connect(self, after_s: float = 0.0) -> None:
        """Come back after so many seconds."""
        await asyncio.sleep(after_s)
        self._missing, self.recovered_at = set(self._awaited), 0.0
        self._came_at = asyncio.get_running_loop().time()
        self._socket = await open_websocket(HOST, PORT, "/terminal/socket", self._headers, self._on_message)

    def drop(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _on_message(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == TEXT and self._missing:
            self._missing.discard(json.loads(payload).get("type"))
            if not self._missing:
                self.recovered_at = now


def run() -> dict[str, Any]:
    """The benchmark; under two minutes."""
    with Server("storm-server", PORT, {"feed": "feed", "desk": "operator"}) as server:
        fleet = Fleet(open_city(server.city), TERMINALS, "t")
        return asyncio.run(_measure(server, fleet, crew_tokens(server, fleet.unit_ids)))


async def _measure(server: Server, fleet: Fleet, tokens: list[str]) -> dict[str, Any]:
    await register(server, fleet)
    await _push(server, fleet)
    terminals = [Terminal(unit, token, number < PUSHED) for number, (unit, token) in enumerate(zip(fleet.unit_ids, tokens, strict=True))]
    rounds: list[dict[str, float]] = []
    waited_s: list[float] = []
    for round_ in range(ROUNDS + 1):  # the first is not counted: accounts and caches wake up
        harness.say(f"storm: round {round_} of {ROUNDS}")
        taken = await _storm(server, terminals)
        if round_:
            rounds.append(taken)
            waited_s += [terminal.waited_s for terminal in terminals]
        for terminal in terminals:
            terminal.drop()
        await asyncio.sleep(2.0)
    figures = {
        "recover_s": harness.percentile([r["recover_s"] for r in rounds], 50),
        "recover_worst_s": max(r["recover_s"] for r in rounds),
        "terminal_p50_s": harness.percentile(waited_s, 50),
        "terminal_p99_s": harness.percentile(waited_s, 99),
        "cpu_s": harness.percentile([r["cpu_s"] for r in rounds], 50),
        "terminals": TERMINALS,
        "waiting_pushes": PUSHED,
        "loop_lag_p99_ms": await asyncio.to_thread(server.loop_lag_p99_ms, "desk"),
    }
    notes = {
        "recover_s": "from the first terminal's new connection to the last one's greeting and push; the connections begin within 1 s",
        "terminal_p99_s": "from each terminal's own new connection to its greeting and push",
        "samples": str(harness.keep_samples("storm", {"rounds": rounds, "waited_s": waited_s}).relative_to(harness.ROOT)),
    }
    return harness.result("storm", figures, {}, notes)


async def _push(server: Server, fleet: Fleet) -> None:
    """An incident for each of the first crews; grade 4, so that no deadline passes meanwhile."""
    http = Http(HOST, PORT, server.headers("desk"))
    for number in range(PUSHED):
        lon, lat = fleet.place(0, number)
        call = {"incident_type": "theft", "grade": 4, "text": f"call {number}", "lon": lon, "lat": lat}
        incident_id = (await http.post("/api/v1/incidents", call))["incident_id"]
        await http.post(f"/api/v1/incidents/{incident_id}/commands", {"command": "push", "unit_ids": [fleet.unit_ids[number]]})
    http.close()


async def _storm(server: Server, terminals: list[Terminal]) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    began_at, cpu_before = loop.time(), cpu_s(server.pid)
    async with asyncio.TaskGroup() as group:
        for number, terminal in enumerate(terminals):
            group.create_task(terminal.connect(number / len(terminals) * STORM_S))
    while not all(terminal.recovered_at for terminal in terminals):
        if loop.time() - began_at > GIVE_UP_S:
            missing = sum(1 for terminal in terminals if not terminal.recovered_at)
            raise RuntimeError(f"{missing} of {len(terminals)} terminals were not greeted within {GIVE_UP_S:.0f} s")
        await asyncio.sleep(0.02)
    return {"recover_s": max(t.recovered_at for t in terminals) - began_at, "cpu_s": cpu_s(server.pid) - cpu_before}


if __name__ == "__main__":
    harness.main(run)
