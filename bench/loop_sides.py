"""What both sides of `bench loop` are given: incidents, step by step. And our side: the real server with its sockets.

Each step is one durable command. The other side: `bench/loop_polling.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bench.crews import HOST
from bench.http import Http
from bench.loop_clients import Client, Desk, Terminal, Told, connect_all
from bench.processes import Server
from dispatch.organisations import OrganisationTree

STEPS = ("receive", "push", "acknowledge", "depart", "arrive", "feedback", "close")  # and `delivered`, which the terminal says by itself
EVENTS = {
    "receive": "incident_received",
    "push": "unit_pushed",
    "acknowledge": "acknowledged",
    "depart": "departed",
    "arrive": "arrived",
    "feedback": "feedback_given",
    "close": "incident_closed",
}
CITY_DESKS = 4
Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """An incident to come: what it is, where, and whose it is."""

    number: int
    unit_id: str
    lon: float
    lat: float
    org_code: str  # responsible, by the place

    @property
    def fields(self) -> Json:
        return {"incident_type": "theft", "grade": 3, "text": f"店铺失窃，报警人在现场等候 {self.number}", "lon": self.lon, "lat": self.lat}


class Side(Protocol):
    """A server with its clients."""

    pid: int

    def clients(self, desks: int, terminals: int) -> contextlib.AbstractAsyncContextManager[None]:
        """So many of them are connected while inside."""
        ...

    async def step(self, name: str, call: Call, due: float) -> None:
        """Carry out one step of the loop, due at a loop time; returns when it is durable."""
        ...


class Ours:
    """The real server: sockets to desks and terminals, commands over HTTP and from the terminals."""

    def __init__(self, server: Server, told: Told, desks: Sequence[Desk], terminals: Mapping[str, Terminal]) -> None:
        self.pid = server.pid
        self.told = told
        self.due: dict[tuple[str, str], tuple[float, Call]] = {}  # (incident_id, event) → when its command was due
        self._desks, self._terminals = desks, terminals
        self._http = Http(HOST, server.port, server.headers("desk"))
        self._ids: dict[int, str] = {}  # by the call's number

    @contextlib.asynccontextmanager
    async def clients(self, desks: int, terminals: int) -> AsyncIterator[None]:
        everyone: list[Client] = [*self._desks[:desks], *list(self._terminals.values())[:terminals]]
        await connect_all(everyone)
        try:
            yield
        finally:
            for client in everyone:
                client.drop()

    async def step(self, name: str, call: Call, due: float) -> None:
        if name == "receive":
            incident = await self._http.post("/api/v1/incidents", call.fields)
            self._ids[call.number] = incident["incident_id"]
        incident_id = self._ids[call.number]
        self.due[incident_id, EVENTS[name]] = due, call
        commands = f"/api/v1/incidents/{incident_id}/commands"
        match name:
            case "receive":
                pass
            case "push":
                await self._http.post(commands, {"command": "push", "unit_ids": [call.unit_id]})
            case "close":
                await self._http.post(commands, {"command": "close", "disposition": "settled", "text": "双方和解"})
            case _:
                text = {"text": "已处理，无人受伤"} if name == "feedback" else {}
                result = await self._terminals[call.unit_id].order(name, incident_id, f"{call.number}-{name}", **text)
                if not result["ok"]:
                    raise RuntimeError(f"{name} of call {call.number} was refused: {result}")


def desk_scopes(tree: OrganisationTree, desks: int) -> list[str]:
    """Scopes of desks: some at the city, one in each county, the others in stations that have a command room."""
    counties = [o.code for o in tree.all() if o.level == "county"]
    stations = [o.code for o in tree.all() if o.level == "station" and o.has_command_room]
    at_city = min(CITY_DESKS, desks)
    return [tree.city.code] * at_city + (counties + stations)[: desks - at_city]
