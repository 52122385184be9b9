"""What every benchmark shares: peers in their own environment, fair turns, figures, the JSON line at the end.

A benchmark is a module of `bench/` with `run() -> dict` and, when it has peers, `PEERS` (their pip requirements) and maybe
`prepare()` (data to make once). Peers live in `.venv-bench`, apart from the program, and run as worker processes that time
their own work, so that neither imports nor pipes are counted.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PEER_ENVIRONMENT = ROOT / ".venv-bench"
WORK = ROOT / "var" / "bench"


class PeerError(Exception):
    """A peer can't be installed, started or asked; the message says why and becomes a note of the result."""


def machine() -> dict[str, Any]:
    """The machine a figure was measured on."""
    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = lines[0].split(":", 1)[1].strip() if lines else ""
    return {
        "cpu": model or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_1m": round(os.getloadavg()[0], 2),
    }


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample below which `share` per cent lie; with 100 samples or fewer the 99th is nearly the largest."""
    return float(np.percentile(np.asarray(samples, dtype=np.float64), share))


def timed(work: Callable[[], object]) -> float:
    """Seconds one call takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def turn_about(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each side, `rounds` times; who begins changes every round, so that no side has the warmer machine."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for i in range(rounds):
        for name in names if i % 2 == 0 else reversed(names):
            taken[name].append(sides[name]())
    return taken


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median of ours over median of theirs: below 1 we are ahead."""
    return statistics.median(ours) / statistics.median(theirs)


def keep_samples(bench: str, samples: Mapping[str, Any]) -> Path:
    """Write the raw samples beside the result; returns the file."""
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"{bench}-samples.json"
    path.write_text(json.dumps(samples, default=float), encoding="utf-8")
    return path


def result(bench: str, figures: Mapping[str, Any], ratios: Mapping[str, float | None], notes: Mapping[str, str]) -> dict[str, Any]:
    """The object a benchmark ends with; floats to five significant digits."""

    def short(value: Any) -> Any:
        return float(f"{value:.5g}") if isinstance(value, float) else value

    return {
        "bench": bench,
        "figures": {k: short(v) for k, v in figures.items()},
        "ratios": {k: short(v) for k, v in ratios.items()},
        "machine": machine(),
        "notes": dict(notes),
    }


def say(line: str) -> None:
    """Progress for whoever watches; the last line of standard output belongs to the result."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main(run: Callable[[], dict[str, Any]]) -> None:
    """`python -m bench.NAME`: run it and end with the JSON line."""
    sys.stdout.write(json.dumps(run(), ensure_ascii=False) + "\n")


def install_peers(requirements: Sequence[str]) -> None:
    """Put peers into `.venv-bench`. Raises PeerError with the installer's last words."""
    python = PEER_ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(PEER_ENVIRONMENT, with_pip=True)
    done = subprocess.run([python, "-m", "pip", "install", "-q", *requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"pip could not install {', '.join(requirements)}: {done.stderr.strip()[-400:]}")


class Peer:
    """A worker process in the peers' environment. It reads one JSON request a line and answers one JSON object a line.

    The worker script answers `{"op": …, …}` with `{"seconds": …, …}` or `{"error": …}`; see bench/peer_roads.py.
    """

    def __init__(self, script: Path) -> None:
        python = PEER_ENVIRONMENT / "bin" / "python"
        if not python.exists():
            raise PeerError(f"{PEER_ENVIRONMENT.name} is missing. Run: python app.py bench prepare")
        WORK.mkdir(parents=True, exist_ok=True)
        # Kept open for the worker's life: a pipe nobody reads would stop it once full.
        self._log = (WORK / f"{script.stem}.log").open("w", encoding="utf-8")
        self._process = subprocess.Popen([python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """One request, one answer. Raises PeerError when the worker has died or refuses."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise PeerError("The peer's worker has no pipes.")
        try:
            stdin.write(json.dumps({"op": op, **request}) + "\n")
            stdin.flush()
        except BrokenPipeError:
            raise PeerError(f"The peer's worker has ended with {self._process.poll()}; see {self._log.name}") from None
        line = stdout.readline()
        if not line:
            raise PeerError(f"The peer's worker has ended with {self._process.wait()}; see {self._log.name}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{op}: {answer['error']}")
        return answer

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
