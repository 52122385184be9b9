"""A real node (`app.py run`) on the small test city in a process of its own, that can be killed and started again."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from dashboard.client.build import build
from settings import Settings
from single_commands import open_accounts
from storage.cameras import CameraSource, CameraStore
from storage.database import open_database
from tests.cities import CITY, WEST, build_test_city, degrees
from tests.servers import ends_with_us

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a-long-enough-password"
READY_WITHIN_S = 120.0  # on two shared cores


class Node:
    """The server, and a desk that speaks to it over the API."""

    def __init__(self, folder: Path) -> None:
        build()
        city = build_test_city(folder)
        self._city, self.data = city.folder, folder / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = Settings(city=self._city, data=self.data, demo=False)
        self.accounts = open_accounts(self._settings, self._city)
        token = self.accounts.add_token("operator", CITY, name="desk")
        self._desk = httpx.Client(base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=20.0)
        self._process: subprocess.Popen[bytes] | None = None

    def write_addresses(self, cameras: Sequence[CameraSource]) -> None:
        """Into the store, before it starts: a running node takes no address of its own machine."""
        engine = open_database(self._settings.database_url)
        CameraStore(engine).write(cameras)
        engine.dispose()

    def start(self) -> None:
        command = [sys.executable, "app.py", "run", "--no-demo", "--jt808-port", "0", "--log-level", "error"]
        command += ["--city", str(self._city), "--data", str(self.data), "--port", str(self.port)]
        self._process = subprocess.Popen(ends_with_us(command), cwd=ROOT, stdout=subprocess.DEVNULL)
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            assert self._process.poll() is None, f"the server ended with {self._process.returncode}"
            try:
                if self._desk.get("/health").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(f"the server was not ready within {READY_WITHIN_S:.0f} s")

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is said."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self._desk.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)

    def ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = self._desk.request(method, path, **more)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def fetch(self, path: str) -> bytes:
        """Bytes of an upload, as the desk gets them."""
        answer = self._desk.get(f"{self.url}{path}")
        assert answer.is_success, answer.text
        return answer.content

    def register(self, unit_id: str, callsign: str, account: str, org_code: str = WEST) -> None:
        """A crew, and an account whose phone it is."""
        self.ask("PUT", f"/units/{unit_id}", json={"callsign": callsign, "kind": "patrol_car", "org_code": org_code})
        self.accounts.add_user(account, PASSWORD, "officer", org_code, unit_id=unit_id)

    def incident(self, *unit_ids: str, **fields: Any) -> str:
        """Received, and pushed to the units."""
        lon, lat = degrees(900, 820)
        known = {"incident_type": "assault", "grade": 2, "text": "两人打架", "lon": lon, "lat": lat, "address": "中山东路 128 号"}
        incident_id: str = self.ask("POST", "/incidents", json=known | fields)["incident_id"]
        if unit_ids:
            self.command(incident_id, "push", unit_ids=list(unit_ids))
        return incident_id

    def command(self, incident_id: str, name: str, headers: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
        """By the desk's operator, or whoever `headers` name."""
        return self.ask("POST", f"/incidents/{incident_id}/commands", json={"command": name} | fields, headers=headers)

    def events(self, incident_id: str, name: str = "") -> list[dict[str, Any]]:
        found = self.ask("GET", f"/incidents/{incident_id}/timeline")["events"]
        return [event for event in found if name in ("", event["event"])]

    def unit(self, unit_id: str) -> dict[str, Any]:
        return next(unit for unit in self.ask("GET", "/picture")["units"] if unit["unit_id"] == unit_id)

    def clear_up(self) -> None:
        for incident in self.ask("GET", "/incidents", params={"stage": "open"})["incidents"]:
            self.command(incident["incident_id"], "cancel")


def wait_for(what: Any, within_s: float = 15.0) -> Any:
    """Ask again until the answer is true; the answer."""
    until = time.monotonic() + within_s
    while not (answer := what()):
        assert time.monotonic() < until, f"not true within {within_s:.0f} s"
        time.sleep(0.05)
    return answer
