"""Servers under test as child processes: started, asked, measured with all their descendants, ended by their own id."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench import harness
from geodata.building.demo_city import ensure_demo_city
from serving import allow_many_connections

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
START_WITHIN_S = 90.0


def with_descendants(pid: int) -> list[int]:
    """The process and everything it has started that still runs."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        fields = _stat(int(entry)) if entry.isdigit() else None
        if fields is not None:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of the whole tree so far: user and system, of threads and of descendants that have ended as well."""
    total = 0
    for one in with_descendants(pid):
        fields = _stat(one)
        if fields is not None:
            total += sum(int(ticks) for ticks in fields[11:15])
    return total / TICKS_PER_S


def rss_mb(pids: Sequence[int]) -> float:
    """Resident memory of processes together."""
    total = 0
    for one in pids:
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1])
        except OSError:
            continue  # ended meanwhile
    return total * os.sysconf("SC_PAGE_SIZE") / 1e6


def name_of(pid: int) -> str:
    """Of the program that a process runs; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third on; None when it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


class Child:
    """A server in a process group of its own."""

    def __init__(self, name: str, command: list[str | Path], cwd: Path = harness.ROOT) -> None:
        harness.WORK.mkdir(parents=True, exist_ok=True)
        self._log = (harness.WORK / f"{name}.log").open("w", encoding="utf-8")
        self._command, self._cwd = command, cwd
        self._process = self._begin()
        self.pid = self._process.pid
        self.name = name

    def _begin(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, cwd=self._cwd, stdout=self._log, stderr=self._log, start_new_session=True)

    def wait_until(self, ready: Any) -> None:
        """Wait until `ready()` is true. Raises PeerError when the server ends before or takes too long."""
        give_up_at = time.perf_counter() + START_WITHIN_S
        while not ready():
            if self._process.poll() is not None or time.perf_counter() > give_up_at:
                raise harness.PeerError(f"{self.name} did not start (exit code {self._process.poll()}); see {self._log.name}")
            time.sleep(0.1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGTERM)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()


class Server(Child):
    """The real server, `app.py run --no-demo`, on a fresh data folder and the demo city."""

    def __init__(self, name: str, port: int, roles: dict[str, str], city: Path | None = None) -> None:
        """`roles`: one token each, by its name. `city`: another one than the demo city."""
        if _listens(port):
            raise harness.PeerError(f"port {port} is in use; end the program that listens there (an earlier benchmark that was cut off?)")
        allow_many_connections()  # of the clients
        self.city = city or ensure_demo_city(harness.ROOT / "var" / "city")
        self.data = harness.WORK / f"{name}-data"
        shutil.rmtree(self.data, ignore_errors=True)
        options = ["--data", str(self.data), "--city", str(self.city)]
        app = [sys.executable, str(harness.ROOT / "app.py")]
        self.tokens = {name: _token([*app, "token", "add", "--role", role, "--name", name, *options]) for name, role in roles.items()}
        self.port = port
        super().__init__(name, [*app, "run", "--no-demo", "--port", str(port), "--jt808-port", "0", *options])

    def __enter__(self) -> Self:
        try:
            self.wait_until(lambda: self._is_up())
        except harness.PeerError:
            self.__exit__(None, None, None)
            raise
        return self

    def kill(self) -> None:
        """SIGKILL to it and everything it started, as a power cut would."""
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def start_again(self) -> None:
        """After a kill, on the same data; returns when it answers."""
        self._process = self._begin()
        self.pid = self._process.pid
        self.wait_until(lambda: self._is_up())

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/health", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path: str, token: str) -> Any:
        """Answer of a GET request, decoded."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {self.tokens[token]}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def headers(self, token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[token]}"}

    def loop_lag_p99_ms(self, token: str) -> float | None:
        """99th percentile of how late the server's event loop woke in the last minute."""
        lag: float | None = self.get("/api/v1/ready", token).get("loop_lag_p99_ms")
        return lag


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _token(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=harness.ROOT)
    if done.returncode:
        raise harness.PeerError(f"{' '.join(command[1:])} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout.split()[-1]
