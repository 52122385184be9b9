"""One running server for every check of the public contract; it is looked at from outside only."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from websockets.sync.client import ClientConnection, connect

from app import main
from tests.cities import build_test_city
from tests.servers import ROOT, RunningServer

# (role, scope as given on the command line, datum)
TOKENS = (
    ("operator", "3302", "wgs84"),
    ("operator", "330203", "wgs84"),
    ("viewer", "330203000000", "wgs84"),
    ("feed", "3302", "wgs84"),
    ("feed", "330203", "gcj02"),
    ("officer", "3302", "wgs84"),
    ("admin", "3302", "wgs84"),
)
CREWS = 20
PLACE = (121.5503, 29.8739)  # in the old city, on a street


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def app(*arguments: str, stdin: str = "") -> Done:
    """`python app.py …` to its end, in this process: starting Python anew for each would take most of the time."""
    out, err, keyboard = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments)
    except SystemExit as ended:  # argparse
        code = int(ended.code or 0)
    finally:
        sys.stdin = keyboard
        structlog.reset_defaults()
    return Done(code, out.getvalue(), err.getvalue())


def app_process(*arguments: str) -> Done:
    """The same as a process of its own."""
    done = subprocess.run([sys.executable, "app.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@dataclass
class City:
    """The server as an outside program sees it."""

    server: RunningServer
    jt808_port: int
    tokens: dict[tuple[str, str], str]
    _clients: dict[tuple[str, str], httpx.Client] = field(default_factory=dict)

    def api(self, role: str = "operator", scope: str = "3302") -> httpx.Client:
        """A client of `/api/v1` with the token of this role and scope."""
        key = (role, scope)
        if key not in self._clients:
            self._clients[key] = httpx.Client(base_url=f"{self.server.url}/api/v1", headers=self.bearer(role, scope), timeout=20)
        return self._clients[key]

    def bearer(self, role: str, scope: str = "3302") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role, scope]}"}

    def socket(self, path: str, role: str, scope: str = "3302") -> ClientConnection:
        address = f"ws://127.0.0.1:{self.server.port}{path}"
        return connect(address, additional_headers=self.bearer(role, scope), max_size=None, compression=None)

    def incident(self, **more: Any) -> dict[str, Any]:
        """A new incident in the old city."""
        body = {"incident_type": "assault", "grade": 2, "text": "两人打架", "lon": PLACE[0], "lat": PLACE[1]} | more
        answer = self.api().post("/incidents", json={name: value for name, value in body.items() if value is not None})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def unit(self, unit_id: str, **more: Any) -> dict[str, Any]:
        """A registered crew."""
        body = {"callsign": unit_id.upper(), "kind": "patrol_car", "org_code": "330203", "trackers": [f"{unit_id}-gps"]} | more
        answer = self.api().put(f"/units/{unit_id}", json=body)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@pytest.fixture(scope="session")
def a_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small city folder."""
    return build_test_city(tmp_path_factory.mktemp("a-city")).folder


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("contract")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        jt808_port = int(probe.getsockname()[1])
    server = RunningServer(folder, crews=CREWS, options=("--jt808-port", str(jt808_port)))
    server.start()
    try:
        known = City(server, jt808_port, {(role, scope): _token(folder, role, scope, datum) for role, scope, datum in TOKENS})
        _until_crews_report(known)
        yield known
        known.close()
    finally:
        server.stop()


def _until_crews_report(city: City) -> None:
    """The demo feed is a program of its own and comes some seconds after the server."""
    for _ in range(300):
        units = city.api().get("/picture").json()["units"]
        if sum(unit["lon"] is not None for unit in units) >= CREWS // 2:
            return
        time.sleep(0.2)
    raise AssertionError("the demo feed's crews did not report within a minute")


def _token(folder: Path, role: str, scope: str, datum: str) -> str:
    done = app("token", "add", "--data", str(folder), "--role", role, "--scope", scope, "--datum", datum, "--name", f"{role}-{scope}")
    assert done.code == 0, done.err
    return done.out.strip()


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of a refusal; fails when it is none."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:300]}"
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert set(found) >= {"type", "title", "status", "detail"}
    assert found["status"] == status
    return found


def fields(found: dict[str, Any]) -> set[str]:
    """Names of the fields a problem complains of."""
    return {error["field"] for error in found["errors"]}
