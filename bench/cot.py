"""The peer of `bench live`: taky, a Cursor-on-Target server, with a gateway and clients of its own protocol."""

from __future__ import annotations

import asyncio
import re
import socket
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bench import harness
from bench.fleet import GROUP, Fleet
from bench.processes import Child

PORT = 18353
# The fix rides in a remark of each event; the receiver looks for nothing else.
FIX = re.compile(rb"fix=(\d+)/(\d+);")
LONGEST_FIX = 32  # bytes of such a remark: kept over from one piece of the stream to the next
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


def event(unit_id: str, lon: float, lat: float, remark: str) -> bytes:
    """One position as an end-user device sends it."""
    now = datetime.now(UTC)
    at, stale = now.strftime(TIME), (now + timedelta(seconds=60)).strftime(TIME)
    return (
        f'<event version="2.0" uid="{unit_id}" type="a-f-G-U-C" how="m-g" time="{at}" start="{at}" stale="{stale}">'
        f'<point lat="{lat:.6f}" lon="{lon:.6f}" hae="10.0" ce="5.0" le="5.0"/>'
        f'<detail><contact callsign="{unit_id}" endpoint="*:-1:stcp"/><__group name="Cyan" role="Team Member"/>'
        f'<track speed="11.1" course="91.0"/><remarks>{remark}</remarks></detail></event>'
    ).encode()


class CotClient(asyncio.Protocol):
    """One connection; notes the fixes it receives."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._newest = np.full(fleet.units, -1, dtype=np.int64)
        self.transport: asyncio.Transport | None = None
        self.started_at = 0.0
        self.received: list[tuple[float, float]] = []  # due, latency

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        now = self._loop.time()
        stream = self._rest + data
        end = 0
        for found in FIX.finditer(stream):
            end = found.end()
            fix, unit = int(found[1]), int(found[2])
            if fix > self._newest[unit]:
                self._newest[unit] = fix
                due = self.started_at + fix + (unit // GROUP) / self._fleet.groups
                self.received.append((due, now - due))
        self._rest = stream[end:][-LONGEST_FIX:]


class CotPeer(Child):
    """taky with its gateway and clients; the same `Side` as ours."""

    def __init__(self, fleet: Fleet, clients: int) -> None:
        program = harness.PEER_ENVIRONMENT / "bin" / "taky"
        if not program.exists():
            raise harness.PeerError("taky is not installed. Run: python app.py bench prepare")
        self.fleet = fleet
        self._wanted = clients
        self._clients: list[CotClient] = []
        self._gateway: CotClient | None = None
        folder = harness.WORK / "taky"
        folder.mkdir(parents=True, exist_ok=True)
        settings = f"""[taky]
node_id=BENCH
bind_ip=127.0.0.1
server_address=127.0.0.1
hostname=bench
root_dir={folder}
[cot_server]
port={PORT}
[ssl]
enabled=false
"""
        (folder / "taky.conf").write_text(settings, encoding="utf-8")
        super().__init__("taky", [program, "-c", folder / "taky.conf", "-l", "error"], cwd=folder)

    def __enter__(self) -> CotPeer:
        try:
            self.wait_until(_listens)
        except harness.PeerError:
            self.__exit__(None, None, None)
            raise
        return self

    async def connect(self) -> None:
        """Each client says who it is, as a device does, or it gets nothing."""
        loop = asyncio.get_running_loop()
        self._gateway = (await loop.create_connection(lambda: CotClient(self.fleet), "127.0.0.1", PORT))[1]
        for number in range(self._wanted):
            client = (await loop.create_connection(lambda: CotClient(self.fleet), "127.0.0.1", PORT))[1]
            assert client.transport is not None
            client.transport.write(event(f"client-{number}", 121.5, 29.8, "hello"))
            self._clients.append(client)
        await asyncio.sleep(1.0)

    def start(self, started_at: float) -> None:
        for client in self._clients:
            client.received.clear()
            client.started_at = started_at

    def send(self, fix: int, group: int, due: float) -> None:
        assert self._gateway is not None
        assert self._gateway.transport is not None
        units = range(group * GROUP, (group + 1) * GROUP)
        events = [event(self.fleet.unit_ids[unit], *self.fleet.place(fix, unit), f"fix={fix}/{unit};") for unit in units]
        self._gateway.transport.write(b"".join(events))

    def latencies_s(self, begin: float, end: float) -> NDArray[np.float64]:
        received = [np.array(client.received).reshape(-1, 2) for client in self._clients]
        all_ = np.concatenate(received)
        return all_[(all_[:, 0] >= begin) & (all_[:, 0] < end), 1]

    def close(self) -> None:
        for client in (*self._clients, self._gateway):
            if client is not None and client.transport is not None:
                client.transport.abort()


def _listens() -> bool:
    try:
        socket.create_connection(("127.0.0.1", PORT), 0.5).close()
    except OSError:
        return False
    return True
