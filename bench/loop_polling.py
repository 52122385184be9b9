"""The other side of `bench loop`: a Dash application, and pages that ask it once a second (`bench/peer_polling.py`)."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.crews import HOST
from bench.http import Http
from bench.loop_sides import Call
from bench.peer_polling import connect
from bench.processes import Child

POLL_S = 1.0
CALLBACKS = "/_dash-update-component"
DESK = ("queue.rowData", "timeline.children", "seen.data")
TERMINAL = ("mine.children", "mine-seen.data")
Json = dict[str, Any]


@dataclass
class Polled:
    """How the peer kept up with its pages."""

    due: int = 0
    in_time: int = 0  # answered within POLL_S of being due
    seen: dict[int, list[tuple[float, int]]] = field(
        default_factory=dict
    )  # by desk: loop time and newest revision of each answer with news

    @property
    def in_time_share(self) -> float:
        return self.in_time / self.due


class Page:
    """A page with one `dcc.Interval`: asks with what its stores hold, on a connection of its own."""

    def __init__(self, port: int, outputs: Sequence[str], stores: Json, number: int) -> None:
        self._http = Http(HOST, port, {})
        self._outputs = outputs
        self._stores = stores
        self._number = number

    async def keep_asking(self, first: float, polled: Polled) -> None:
        """Every POLL_S from loop time `first`. While an answer is awaited nothing more is asked; what was due then has not been in time."""
        loop = asyncio.get_running_loop()
        asked = 0
        while True:
            due = first + asked * POLL_S
            await asyncio.sleep(max(due - loop.time(), 0.0))
            polled.due += 1
            asked += 1
            answer = await self._http.post(CALLBACKS, _callback(self._outputs, ("tick.n_intervals", asked), self._stores))
            now = loop.time()
            polled.in_time += now - due <= POLL_S
            if answer["response"]:
                self._take(answer["response"], now, polled)
            while first + asked * POLL_S < now - POLL_S:
                polled.due += 1
                asked += 1

    def _take(self, response: Json, now: float, polled: Polled) -> None:
        revision_store = self._outputs[-1].split(".")[0]
        self._stores[revision_store] = response[revision_store]["data"]
        if revision_store == "seen":
            polled.seen.setdefault(self._number, []).append((now, self._stores["seen"]))
        else:
            self.show(response["mine"]["children"])

    def show(self, children: Sequence[Json]) -> None:
        """What the page draws; a terminal's page does more."""

    def close(self) -> None:
        self._http.close()


class TerminalPage(Page):
    """Confirms what is pushed, durably, as our terminals do."""

    def __init__(self, port: int, unit_id: str, number: int) -> None:
        super().__init__(port, TERMINAL, {"unit": unit_id, "mine-seen": -1}, number)
        self._unit_id = unit_id
        self._shown = ""
        self._confirming: set[asyncio.Task[Any]] = set()

    def show(self, children: Sequence[Json]) -> None:
        incident_id = children[0]["props"]["children"] if children else ""
        if incident_id and incident_id != self._shown:
            command = {"command": "delivered", "incident_id": incident_id, "unit_id": self._unit_id}
            task = asyncio.create_task(self._http.post(CALLBACKS, _send(command)))
            self._confirming.add(task)
            task.add_done_callback(self._confirming.discard)
        self._shown = incident_id


class Polling(Child):
    """The Dash application as a child process. `Side` of `bench/loop.py`."""

    def __init__(
        self, port: int, database: Path, scopes: Mapping[str, frozenset[str]], desk_scopes: Sequence[str], unit_ids: Sequence[str]
    ) -> None:
        """`scopes`: the organisations within each scope."""
        for old in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
            old.unlink(missing_ok=True)
        with contextlib.closing(connect(str(database))) as connection:
            rows = [(scope, code) for scope, codes in scopes.items() for code in sorted(codes)]
            connection.executemany("insert into scopes values (?, ?)", rows)
        self._port = port
        self._scopes = scopes
        self._desk_scopes, self._unit_ids = desk_scopes, unit_ids
        self._http = Http(HOST, port, {})
        self._recorded: list[tuple[int, float, str]] = []  # revision, due at (loop time), organisation
        self.polled = Polled()
        super().__init__("loop-peer", [sys.executable, "-m", "bench.peer_polling", str(port), str(database)])

    def __enter__(self) -> Polling:
        self.wait_until(self._is_up)
        return self

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self._port}/_dash-layout", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    @contextlib.asynccontextmanager
    async def clients(self, desks: int, terminals: int) -> AsyncIterator[None]:
        """So many pages ask while inside. Raises what a page has met."""
        self.polled, self._recorded = Polled(), []
        pages = [Page(self._port, DESK, {"scope": self._desk_scopes[n], "seen": -1}, n) for n in range(desks)]
        pages += [TerminalPage(self._port, self._unit_ids[n], n) for n in range(terminals)]
        first = asyncio.get_running_loop().time() + 0.1
        asking = [asyncio.create_task(page.keep_asking(first + n / len(pages) * POLL_S, self.polled)) for n, page in enumerate(pages)]
        try:
            yield
        finally:
            for task in asking:
                task.cancel()
            outcomes = await asyncio.gather(*asking, return_exceptions=True)
            for page in pages:
                page.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def step(self, name: str, call: Call, due: float) -> None:
        command: Json = {"command": name, "incident_id": f"call-{call.number:06}", "org_code": call.org_code}
        command |= call.fields if name == "receive" else {"unit_id": call.unit_id}
        answer = await self._http.post(CALLBACKS, _send(command))
        self._recorded.append((answer["response"]["recorded"]["data"], due, call.org_code))

    def desk_delays_s(self) -> list[float]:
        """Command due → on each page of a desk in whose scope it is; of what the pages have seen since they were opened."""
        delays: list[float] = []
        for desk, answers in self.polled.seen.items():
            within = self._scopes[self._desk_scopes[desk]]
            for revision, due, org_code in self._recorded:
                at = next((at for at, seen in answers if seen >= revision), None)
                if org_code in within and at is not None:
                    delays.append(at - due)
        return delays


def _send(command: Json) -> Json:
    return _callback(("recorded.data",), ("send.n_clicks", 1), {"command": command})


def _callback(outputs: Sequence[str], trigger: tuple[str, int], stores: Json) -> Json:
    """The request that Dash's renderer sends for a callback."""
    id_, name = trigger[0].split(".")
    several = len(outputs) > 1
    listed = [dict(zip(("id", "property"), output.split("."), strict=True)) for output in outputs]
    return {
        "output": f"..{'...'.join(outputs)}.." if several else outputs[0],
        "outputs": listed if several else listed[0],
        "inputs": [{"id": id_, "property": name, "value": trigger[1]}],
        "changedPropIds": [trigger[0]],
        "parsedChangedPropsIds": [trigger[0]],
        "state": [{"id": store, "property": "data", "value": value} for store, value in stores.items()],
    }
