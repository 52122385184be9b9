"""Who is connected in `bench loop`: desks on `/live` and crews' terminals, each keeping the view a screen would show.

They speak the documented protocols (docs/live-protocol.md, docs/terminal-protocol.md), come back after a cut, and know when they were told.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bench.crews import HOST
from bench.websocket import TEXT, WebSocket, open_websocket

Json = dict[str, Any]
SPREAD_S = 0.5  # over which a crowd connects
COMES_BACK_WITHIN_S = 30.0


@dataclass
class Told:
    """When what became known where. Loop times."""

    desks: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))  # (incident_id, event) → at each desk
    terminals: dict[str, float] = field(default_factory=dict)  # incident_id → first push at the terminal


class Client:
    """One connection that comes back."""

    path = ""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}"}
        self._socket: WebSocket | None = None
        self.is_greeted = False

    async def connect(self, after_s: float = 0.0) -> None:
        """Returns when the handshake is done. Raises ConnectionError."""
        await asyncio.sleep(after_s)
        self.is_greeted = False
        self._socket = await open_websocket(HOST, self._port, self._address(), self._headers, self._on_message, self._on_end)

    def drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _address(self) -> str:
        return self.path

    def _on_message(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == TEXT:
            message = msgspec.json.decode(payload)
            self.is_greeted |= message["type"] == "hello"
            self._hear(message, now)

    def _hear(self, message: Json, now: float) -> None:
        raise NotImplementedError

    def _on_end(self) -> None:
        self.is_greeted = False


class Desk(Client):
    """A command room's page: its open incidents and its units."""

    path = "/live"

    def __init__(self, port: int, token: str, scope: str, told: Told) -> None:
        super().__init__(port, token)
        self.scope = scope
        self._told = told
        self.revision = 0
        self.incidents: dict[str, Json] = {}
        self.units: dict[int, Json] = {}

    def _address(self) -> str:
        return f"/live?revision={self.revision}" if self.revision else "/live"

    def _hear(self, message: Json, now: float) -> None:
        match message["type"]:
            case "hello":
                self.units = {row["index"]: row for row in message["units"]}
                if message["resumed"]:
                    self.incidents = {id_: self.incidents[id_] for id_ in message["incident_ids"] if id_ in self.incidents}
                else:
                    self.incidents = {incident["incident_id"]: incident for incident in message["incidents"]}
            case "units":
                self.units.update({row["index"]: row for row in message["units"]})
                for index in message["gone"]:
                    self.units.pop(index, None)
                return
            case "incident":
                incident = message["incident"]
                self.incidents[incident["incident_id"]] = incident
                if message["event"] is not None:
                    self._told.desks[incident["incident_id"], message["event"]["event"]].append(now)
            case "incident_gone":
                self.incidents.pop(message["incident_id"], None)
            case _:
                return
        self.revision = max(self.revision, message["revision"])


class Terminal(Client):
    """A crew's phone: confirms what arrives at once, and carries out what its crew presses."""

    path = "/terminal/socket"

    def __init__(self, port: int, token: str, unit_id: str, told: Told) -> None:
        super().__init__(port, token)
        self.unit_id = unit_id
        self._told = told
        self._results: dict[str, asyncio.Future[Json]] = {}  # by key
        self.unit: Json = {}
        self.incidents: dict[str, Json] = {}

    async def order(self, command: str, incident_id: str, key: str, **fields: Any) -> Json:
        """The result of a command. Raises ConnectionError when the connection ends first."""
        if self._socket is None or not self.is_greeted:
            raise ConnectionError("the terminal is not connected")
        self._results[key] = asyncio.get_running_loop().create_future()
        self._send({"type": "command", "command": command, "incident_id": incident_id, "key": key, **fields})
        return await self._results[key]

    def _send(self, message: Json) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps(message, ensure_ascii=False).encode())

    def _hear(self, message: Json, now: float) -> None:
        if message.get("unit"):
            self.unit = message["unit"]
        match message["type"]:
            case "hello":
                self.incidents = {incident["incident_id"]: incident for incident in message["incidents"]}
            case "push":
                self._told.terminals.setdefault(message["incident_id"], now)
                self.incidents[message["incident_id"]] = message["incident"]
                self._confirm(message)
            case "incident":
                self.incidents[message["incident"]["incident_id"]] = message["incident"]
            case "recall":
                self.incidents.pop(message["incident_id"], None)
                self._confirm(message)
            case "result":
                self._results.pop(message["key"]).set_result(message)
            case "error" | "bye":
                raise RuntimeError(f"the server said {message} to the terminal of {self.unit_id}")

    def _confirm(self, message: Json) -> None:
        self._send({"type": "delivered", "incident_id": message["incident_id"], "assignment_id": message["assignment_id"]})

    def _on_end(self) -> None:
        super()._on_end()
        cut, self._results = self._results, {}
        for result in cut.values():
            if not result.done():
                result.set_exception(ConnectionError("the server ended the connection"))


async def connect_all(clients: Sequence[Client]) -> None:
    """Everyone within SPREAD_S; returns when all have been greeted. Raises TimeoutError."""
    async with asyncio.TaskGroup() as group:
        for number, client in enumerate(clients):
            group.create_task(client.connect(number / len(clients) * SPREAD_S))
    await until(lambda: all(client.is_greeted for client in clients), COMES_BACK_WITHIN_S, "not everyone was greeted")


async def until(holds: Callable[[], bool], within_s: float, otherwise: str) -> None:
    """Wait until `holds()`. Raises TimeoutError that says `otherwise`."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + within_s
    while not holds():
        if loop.time() > give_up_at:
            raise TimeoutError(f"{otherwise} within {within_s:.0f} s")
        await asyncio.sleep(0.02)
