"""The kills of `bench loop`: SIGKILL under load, at random instants and in the middle of a command, and everyone resumes.
Then the journal is asked what it holds.

Clients send what was not answered again under the same key, with the same expected version, and go on. Targets of one second make deadlines
pass all the time, also while the server is down. What must hold afterwards is checked in `bench/loop_checks.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bench import harness
from bench.crews import HOST, crew_tokens, desk_tokens, register
from bench.fleet import GROUP, Fleet, street_near
from bench.http import Http, Refused
from bench.loop_checks import Acknowledged, Down, Kills, check_journal, wrong_views
from bench.loop_clients import Desk, Terminal, Told, connect_all
from bench.loop_sides import STEPS, desk_scopes
from bench.processes import Server
from dispatch.organisations import OrganisationTree
from geodata.building.demo_city import ensure_demo_city
from geodata.cities.city import City, open_city

LANES = 24  # incidents in progress at a time
PAUSE_SHARE, PAUSE_S = 0.15, (0.5, 2.5)  # of the steps; long enough for some deadlines to pass
BETWEEN_S = (0.1, 1.0)  # from everyone being back to the next kill
MOST_CONFLICTS = 50  # of one command, before something is wrong
VIEWS_WITHIN_S = 15.0
TARGETS = """
repush_after_s = 10
climb_after_s = 2
[[target]]
step = "acknowledge"
from = "unit_pushed"
seconds = [1, 1, 1, 0]
on_miss = ["alarm", "alarm", "supervise", "supervise"]
[[target]]
step = "depart"
from = "acknowledged"
seconds = [1, 1, 1, 0]
on_miss = ["alarm", "alarm", "supervise", "supervise"]
[[target]]
step = "arrive"
from = "unit_pushed"
seconds = [3, 3, 3, 0]
on_miss = ["alarm", "alarm", "supervise", "supervise"]
[[target]]
step = "feedback"
from = "arrived"
seconds = [1, 1, 1, 0]
on_miss = ["alarm", "alarm", "supervise", "supervise"]
[[target]]
step = "review"
from = "feedback_given"
seconds = [86400, 86400, 86400, 86400]
on_miss = ["alarm", "alarm", "supervise", "supervise"]
"""

T = TypeVar("T")
Json = dict[str, Any]


def kill_again_and_again(port: int, kills: int, terminals: int, desks: int, seed: int) -> Kills:
    """Kill and restart so many times. `terminals`: a multiple of 50."""
    if terminals % GROUP:
        raise ValueError(f"{terminals} terminals can't be registered; take a multiple of {GROUP}")
    folder = _city_with_short_targets()
    with Server("loop-kill-server", port, {"feed": "feed", "desk": "operator"}, folder) as server:
        city = open_city(folder)
        fleet = Fleet(city, terminals, "t")
        told = Told()
        scopes = desk_scopes(OrganisationTree(city.organisations()), desks)
        rooms = [Desk(port, token, scope, told) for scope, token in zip(scopes, desk_tokens(server, scopes), strict=True)]
        tokens = crew_tokens(server, fleet.unit_ids)
        phones = [Terminal(port, token, unit, told) for unit, token in zip(fleet.unit_ids, tokens, strict=True)]
        evening = _Evening(server, city, fleet, rooms, phones, random.Random(seed))
        found = asyncio.run(evening.run(kills))
    check_journal(server, evening.acknowledged, evening.down, found)
    return found


def _city_with_short_targets() -> Path:
    """The demo city with targets of its own."""
    demo = ensure_demo_city(harness.ROOT / "var" / "city")
    folder = harness.WORK / "loop-city"
    folder.mkdir(parents=True, exist_ok=True)
    for entry in demo.iterdir():
        link = folder / entry.name
        link.unlink(missing_ok=True)
        link.symlink_to(entry.resolve())
    (folder / "targets.toml").write_text(TARGETS, encoding="utf-8")
    return folder


class _Evening:
    """Everyone who is connected, and the incidents they carry through."""

    def __init__(self, server: Server, city: City, fleet: Fleet, rooms: list[Desk], phones: list[Terminal], moments: random.Random) -> None:
        self._server = server
        self._city, self._fleet = city, fleet
        self._rooms, self._phones = rooms, phones
        self._moments = moments
        self._http = Http(HOST, server.port, server.headers("desk"))
        self._is_up = asyncio.Event()
        self._is_sending = asyncio.Event()
        self._ending = False
        self._sent_again = 0
        self.acknowledged: list[Acknowledged] = []
        self.down: list[Down] = []

    async def run(self, kills: int) -> Kills:
        found = Kills()
        await register(self._server, self._fleet)
        await connect_all([*self._rooms, *self._phones])
        self._is_up.set()
        async with asyncio.TaskGroup() as group:
            for lane in range(LANES):
                group.create_task(self._lane(lane))
            for _ in range(kills):
                await asyncio.sleep(self._moments.uniform(*BETWEEN_S))
                if len(found.rounds) % 2 == 0:
                    await self._next_command()
                found.rounds.append(await self._kill())
                harness.say(f"loop: kill {len(found.rounds)} of {kills}, {len(self.acknowledged)} commands acknowledged")
            self._ending = True
        found.acknowledged, found.sent_again = len(self.acknowledged), self._sent_again
        found.views_compared = len(self._rooms) + len(self._phones)
        found.views_wrong = await wrong_views(self._server, self._rooms, self._phones, VIEWS_WITHIN_S)
        for client in (*self._rooms, *self._phones):
            client.drop()
        self._http.close()
        return found

    async def _next_command(self) -> None:
        """Until a command has been sent and can't have been answered: a random instant alone may hit nothing but pauses."""
        self._is_sending.clear()
        await self._is_sending.wait()

    async def _kill(self) -> dict[str, float]:
        loop = asyncio.get_running_loop()
        killed_at, began = datetime.now(UTC), loop.time()
        self._server.kill()
        self._is_up.clear()
        await asyncio.to_thread(self._server.start_again)
        up_s = loop.time() - began
        self.down.append(Down(killed_at, datetime.now(UTC)))
        await connect_all([*self._rooms, *self._phones])
        self._is_up.set()
        return {"up_s": up_s, "back_s": loop.time() - began}

    async def _lane(self, lane: int) -> None:
        """One incident after the other, each with another crew; the last one stays open, so that there is something to compare."""
        crews = itertools.cycle(range(lane, len(self._phones), LANES))
        for number in itertools.count():
            is_last = self._ending
            await self._carry(f"{lane}-{number}", next(crews), is_last)
            if is_last:
                return

    async def _carry(self, name: str, crew: int, stays_open: bool) -> None:
        phone = self._phones[crew]
        lon, lat = street_near(self._city.graph, *self._fleet.place(0, crew))
        grade = 4 if stays_open else self._moments.choice((2, 3))  # nothing becomes late while the views are compared
        call = {"incident_type": "theft", "grade": grade, "text": f"call {name}", "lon": lon, "lat": lat}
        received = await self._answered(lambda: self._http.post("/api/v1/incidents", call, f"{name}-receive"))
        incident_id = received["incident_id"]
        self._note("receive", incident_id, received["version"], None)
        await self._at_desk("push", incident_id, f"{name}-push", 1, {"unit_ids": [phone.unit_id]})
        for step in STEPS[2 : -2 if stays_open else -1]:
            await self._pause()
            await self._at_terminal(phone, step, incident_id, f"{name}-{step}")
        if not stays_open:
            await self._close(incident_id, name)

    async def _close(self, incident_id: str, name: str) -> None:
        """With the version the city's desk shows; when that was old, with the newer one, as a person would."""
        for attempt in range(MOST_CONFLICTS):
            version = self._rooms[0].incidents[incident_id]["version"]
            try:
                return await self._at_desk(
                    "close", incident_id, f"{name}-close-{attempt}", version, {"disposition": "settled", "text": "settled"}
                )
            except Refused as refused:
                if refused.status != 409:
                    raise
                await asyncio.sleep(0.05)
        raise RuntimeError(f"call {name} could not be closed: its version went on changing")

    async def _at_desk(self, command: str, incident_id: str, key: str, version: int, fields: Json) -> None:
        body = {"command": command, "expected_version": version, **fields}
        outcome = await self._answered(lambda: self._http.post(f"/api/v1/incidents/{incident_id}/commands", body, key))
        self._note(command, incident_id, outcome["version"], outcome["revision"])

    async def _at_terminal(self, phone: Terminal, command: str, incident_id: str, key: str) -> None:
        fields = {"text": "done"} if command == "feedback" else {}
        result = await self._answered(lambda: phone.order(command, incident_id, key, **fields))
        if not result["ok"]:
            raise RuntimeError(f"{key} was refused: {result}")
        self._note(command, incident_id, result["version"], result["revision"])

    async def _answered(self, send: Callable[[], Awaitable[T]]) -> T:
        """Send until there is an answer."""
        while True:
            await self._is_up.wait()
            self._is_sending.set()
            try:
                return await send()
            except ConnectionError:
                self._sent_again += 1
                await asyncio.sleep(0)

    async def _pause(self) -> None:
        if self._moments.random() < PAUSE_SHARE and not self._ending:
            await asyncio.sleep(self._moments.uniform(*PAUSE_S))

    def _note(self, command: str, incident_id: str, version: int, revision: int | None) -> None:
        self.acknowledged.append(Acknowledged(command, incident_id, version, revision))
