"""`bench live`: positions in, through checks, picture, tracks and scope, out to clients; against taky, a Cursor-on-Target server.

Both get the same fleet, due at the same instants, over one gateway connection, 50 fixes at a time, and pass it on to 20
clients. A delivery is the first receipt of a fix by a client; its latency counts from the instant the fix was due, so that a
late sender is not hidden. Turn about, window by window, on the same machine, both servers running all the time.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench import harness
from bench.cot import CotPeer
from bench.fleet import GROUP, Fleet, Receipts
from bench.processes import Server, cpu_s, rss_mb, with_descendants
from bench.websocket import BINARY, TEXT, WebSocket, open_websocket
from geodata.cities.city import open_city

PEERS = ("taky",)
PORT = 18352
UNITS, MANY_UNITS, CLIENTS = 1_000, 5_000, 20
WARM_S, WINDOW_S, WINDOWS = 2, 10, 5
LAG_S = 60  # the server's figure is of its last minute, which must not hold a window of the peer, whose load delays everybody
DRAIN_S = 1.0
HEADER = 32
RECORD = np.dtype("<u4,<i4,<i4,V8")


class Side(Protocol):
    """A server with its gateway and its clients."""

    pid: int
    fleet: Fleet

    def send(self, fix: int, group: int, due: float) -> None: ...

    def start(self, started_at: float) -> None: ...

    def latencies_s(self, begin: float, end: float) -> NDArray[np.float64]: ...


@dataclass
class Window:
    """What one side did in one window."""

    expected: int  # deliveries
    inbound: int
    cpu_s: float
    latency_s: NDArray[np.float64]

    @property
    def cpu_per_delivery_us(self) -> float:
        return self.cpu_s / len(self.latency_s) * 1e6


class Liandong:
    """The real server with a feed's gateway and clients of the live socket."""

    def __init__(self, server: Server, fleet: Fleet, at_once: int = GROUP) -> None:
        self.pid = server.pid
        self.fleet = fleet
        self._server = server
        self._at_once = at_once
        self._gateway: WebSocket | None = None
        self._clients: list[WebSocket] = []
        self._receipts: list[Receipts] = []
        self.accepted = 0
        self.rejected: list[Any] = []

    async def connect(self, clients: int = CLIENTS) -> None:
        """Register the fleet by a first report of each unit, then connect the clients."""
        host, port = "127.0.0.1", self._server.port
        self._gateway = await open_websocket(host, port, "/feeds/v1", self._server.headers("feed"), self._on_answer)
        for group in range(self.fleet.groups):
            self.send(0, group, 0.0)
        while self.accepted + len(self.rejected) < self.fleet.units:  # noqa: ASYNC110 answers are counted as they come
            await asyncio.sleep(0.05)
        for _ in range(clients):
            receipts = Receipts(self.fleet)
            reader = _Reader(self.fleet, receipts)
            self._clients.append(await open_websocket(host, port, "/live", self._server.headers("desk"), reader.on_message))
            self._receipts.append(receipts)
        await asyncio.sleep(1.0)

    def start(self, started_at: float) -> None:
        for receipts in self._receipts:
            receipts.forget()
            receipts.started_at = started_at

    def send(self, fix: int, group: int, due: float) -> None:
        assert self._gateway is not None
        reports = self.fleet.reports(fix, group, datetime.now(UTC).timestamp())
        for first in range(0, GROUP, self._at_once):
            self._gateway.send(b"[" + b",".join(reports[first : first + self._at_once]) + b"]")

    def latencies_s(self, begin: float, end: float) -> NDArray[np.float64]:
        return np.concatenate([receipts.within(begin, end) for receipts in self._receipts])

    def alone(self) -> Liandong:
        """The same connections, one position a message."""
        other = Liandong(self._server, self.fleet, at_once=1)
        other._gateway, other._clients, other._receipts = self._gateway, self._clients, self._receipts
        return other

    def close(self) -> None:
        for socket in self._clients:
            socket.close()
        if self._gateway is not None:
            self._gateway.close()

    def _on_answer(self, opcode: int, payload: bytes, now: float) -> None:
        answer = json.loads(payload)
        self.accepted += answer["accepted"]
        self.rejected += answer["rejected"]


class _Reader:
    """One client: which index is which unit, and what frames say of it."""

    def __init__(self, fleet: Fleet, receipts: Receipts) -> None:
        self._fleet = fleet
        self._receipts = receipts
        self._unit_by_index = np.full(1024, -1, dtype=np.int64)

    def on_message(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == BINARY:
            records = np.frombuffer(payload, RECORD, offset=HEADER)
            unit = self._unit_by_index[records["f0"]]
            known = unit >= 0
            self._receipts.add(unit[known], records["f1"][known].astype(np.int64), now)
        elif opcode == TEXT and (text := json.loads(payload))["type"] in ("hello", "units"):
            for row in text["units"]:
                index = row["index"]
                while index >= len(self._unit_by_index):
                    self._unit_by_index = np.concatenate([self._unit_by_index, np.full_like(self._unit_by_index, -1)])
                self._unit_by_index[index] = self._fleet.number_by_id.get(row["unit_id"], -1)


class Run:
    """Windows of load on one side or the other; each side's fixes go on where its last window ended."""

    def __init__(self) -> None:
        self._next_fix: dict[int, int] = {}  # by the fleet's id

    async def window(self, side: Side, seconds: int = WINDOW_S, warm_s: int = WARM_S) -> Window:
        loop = asyncio.get_running_loop()
        fleet = side.fleet
        first_fix = self._next_fix.get(id(fleet), 1)
        self._next_fix[id(fleet)] = first_fix + warm_s + seconds
        start = loop.time() + 0.1
        side.start(start - first_fix)
        begin, end = start + warm_s, start + warm_s + seconds
        cpu_before = 0.0
        for second in range(warm_s + seconds):
            for group in range(fleet.groups):
                due = start + second + group / fleet.groups
                if (wait := due - loop.time()) > 0:
                    await asyncio.sleep(wait)
                if second == warm_s and group == 0:
                    cpu_before = cpu_s(side.pid)
                side.send(first_fix + second, group, due)
                if wait <= 0:
                    await asyncio.sleep(0)
        if (wait := end - loop.time()) > 0:
            await asyncio.sleep(wait)
        cpu_after = cpu_s(side.pid)
        await asyncio.sleep(DRAIN_S)
        inbound = fleet.units * seconds
        return Window(inbound * CLIENTS, inbound, cpu_after - cpu_before, side.latencies_s(begin, end))


def run() -> dict[str, Any]:
    """The benchmark; about five minutes."""
    with Server("live-server", PORT, {"feed": "feed", "desk": "operator"}) as server:
        return asyncio.run(_measure(server))


async def _measure(server: Server) -> dict[str, Any]:
    city = open_city(server.city)
    load = Run()
    ours = Liandong(server, Fleet(city, UNITS, "u"))
    await ours.connect()
    notes: dict[str, str] = {
        "schedule": f"{GROUP} units are due at the same instant and travel in one message on our side, in one write on the peer's",
        "p99_ms": "from the instant a fix is due to its receipt by a client, all windows pooled",
        "cpu": "user and system time of the server's whole process tree",
    }
    our_windows, peer_windows = await _turn_about(load, ours, city, notes)
    single = await load.window(ours.alone())
    rss = rss_mb(with_descendants(server.pid))
    await load.window(ours, seconds=LAG_S)
    lag = await asyncio.to_thread(server.loop_lag_p99_ms, "desk")
    ours.close()
    harness.say("live: 5,000 units")
    many = Liandong(server, Fleet(city, MANY_UNITS, "m"))
    await many.connect()
    sustained = await load.window(many, warm_s=5)
    lag_many = await asyncio.to_thread(server.loop_lag_p99_ms, "desk")
    many.close()
    if ours.rejected or many.rejected:
        raise RuntimeError(
            f"the server refused positions of the benchmark, so its figures mean nothing: {(ours.rejected + many.rejected)[:3]}"
        )
    harness.keep_samples("live", {"ours": [_raw(w) for w in our_windows], "taky": [_raw(w) for w in peer_windows], "many": _raw(sustained)})
    return _result(our_windows, peer_windows, single, sustained, {"rss_mb": rss, "lag": lag, "lag_many": lag_many}, notes)


async def _turn_about(load: Run, ours: Liandong, city: Any, notes: dict[str, str]) -> tuple[list[Window], list[Window]]:
    """WINDOWS windows of each side, the peer's when it can be started."""
    our_windows: list[Window] = []
    peer_windows: list[Window] = []
    try:
        peer_context = CotPeer(Fleet(city, UNITS, "u"), CLIENTS)
    except harness.PeerError as error:
        notes["taky"] = str(error)
        for _ in range(WINDOWS):
            our_windows.append(await load.window(ours))
        return our_windows, peer_windows
    with peer_context as peer:
        await peer.connect()
        for round_ in range(WINDOWS):
            harness.say(f"live: round {round_ + 1} of {WINDOWS}")
            for side, windows in ((ours, our_windows), (peer, peer_windows))[:: 1 if round_ % 2 == 0 else -1]:
                windows.append(await load.window(side))
        peer.close()
    return our_windows, peer_windows


def _result(
    ours: list[Window], peer: list[Window], single: Window, many: Window, server: dict[str, Any], notes: dict[str, str]
) -> dict[str, Any]:
    latency_ms = np.concatenate([w.latency_s for w in ours]) * 1e3
    many_ms = many.latency_s * 1e3
    share_many = len(many_ms) / many.expected
    our_us = [w.cpu_per_delivery_us for w in ours]
    peer_us = [w.cpu_per_delivery_us for w in peer]
    figures: dict[str, Any] = {
        "p50_ms": harness.percentile(latency_ms, 50),
        "p99_ms": harness.percentile(latency_ms, 99),
        "delivered_share": sum(len(w.latency_s) for w in ours) / sum(w.expected for w in ours),
        "sustained_5000x20": bool(share_many >= 0.99 and harness.percentile(many_ms, 99) < 1000),
        "sustained_5000x20_share": share_many,
        "sustained_5000x20_p99_ms": harness.percentile(many_ms, 99),
        "sustained_5000x20_cpu_share_of_a_core": many.cpu_s / WINDOW_S,
        "cpu_us_per_delivery": statistics.median(our_us),
        "cpu_us_per_inbound": statistics.median([w.cpu_s / w.inbound * 1e6 for w in ours]),
        "cpu_us_per_inbound_single_messages": single.cpu_s / single.inbound * 1e6,
        "cpu_us_per_delivery_single_messages": single.cpu_per_delivery_us,
        "rss_mb": server["rss_mb"],
        "loop_lag_p99_ms": server["lag"],
        "loop_lag_p99_ms_5000x20": server["lag_many"],
    }
    if peer:
        peer_ms = np.concatenate([w.latency_s for w in peer]) * 1e3
        figures |= {
            "taky_cpu_us_per_delivery": statistics.median(peer_us),
            "taky_p50_ms": harness.percentile(peer_ms, 50),
            "taky_p99_ms": harness.percentile(peer_ms, 99),
            "taky_delivered_share": sum(len(w.latency_s) for w in peer) / sum(w.expected for w in peer),
        }
    return harness.result("live", figures, {"cpu_per_delivery_vs_taky": harness.ratio(our_us, peer_us) if peer else None}, notes)


def _raw(window: Window) -> dict[str, Any]:
    """What is kept of a window: each tenth of a percentile says what 200,000 samples would."""
    shares = np.arange(0, 100.05, 0.1)
    quantiles = np.percentile(window.latency_s, shares).round(6).tolist() if len(window.latency_s) else []
    return {"expected": window.expected, "delivered": len(window.latency_s), "cpu_s": window.cpu_s, "latency_s_by_permille": quantiles}


if __name__ == "__main__":
    harness.main(run)
