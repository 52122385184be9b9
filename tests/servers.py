"""A whole server as a child process, as `make run` starts it, for tests that look at it from outside."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
STARTS_WITHIN_S = 120.0  # the demo city is built first where it is not there yet
DEMO_PASSWORD = "liandong-demo"


def ends_with_us(command: list[str]) -> list[str]:
    """The command, so that it is killed when these tests are: a server left over would take its part of the machine from others."""
    setpriv = shutil.which("setpriv")
    return command if setpriv is None else [setpriv, "--pdeathsig", "KILL", "--", *command]


class RunningServer:
    """`python app.py run` on a free port with its own data folder; can be killed and started again on the same data."""

    def __init__(self, data: Path, *, crews: int = 40, incidents_per_day: int = 0, options: tuple[str, ...] = ()) -> None:
        self.data = data
        self.port = _free_port()
        self._options = options
        self._environment = os.environ | {
            "LIANDONG_DEMO_CREWS": str(crews),
            "LIANDONG_DEMO_INCIDENTS_PER_DAY": str(incidents_per_day),
            "LIANDONG_JT808_PORT": "0",
            "LIANDONG_VIDEO_RING_CAMERAS": "0",  # synthetic cameras that nobody looks at would be drawn for it
        }
        self._clients: list[httpx.Client] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until it answers. Raises AssertionError with its last words when it does not."""
        command = [sys.executable, "app.py", "run", "--data", str(self.data), "--port", str(self.port), *self._options]
        with (self.data / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                ends_with_us(command), cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        give_up_at = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < give_up_at and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/api/v1/health", timeout=2).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise AssertionError(f"the server did not start:\n{self.words()}")

    def kill(self) -> None:
        """SIGKILL to the server and everything it started, as a power cut would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to stop, as an operator would; its exit code must be 0."""
        for client in self._clients:
            client.close()
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop within 20 s:\n{self.words()}") from None

    def words(self) -> str:
        """The end of its log."""
        return (self.data / "server.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def client(self, name: str) -> httpx.Client:
        """An HTTP client logged in as a demo account."""
        client = httpx.Client(base_url=self.url, headers={"Origin": self.url}, timeout=20)
        self._clients.append(client)
        answer = client.post("/login", data={"name": name, "password": DEMO_PASSWORD, "next": "/"})
        assert answer.status_code in (302, 303), answer.text
        return client


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
