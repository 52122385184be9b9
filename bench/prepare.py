"""`bench prepare`: fetch every benchmark's peers into `.venv-bench` and make the data they share, once."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import bench
from bench import harness


def run() -> dict[str, Any]:
    """Install the PEERS and call the `prepare()` of every module of `bench/`; what could not be fetched is a note."""
    notes: dict[str, str] = {}
    prepared: list[str] = []
    for info in pkgutil.iter_modules(bench.__path__):
        # Workers of peers import what only the peers' environment has.
        if info.name in ("harness", "prepare") or info.name.startswith("peer_"):
            continue
        module = importlib.import_module(f"bench.{info.name}")
        try:
            if getattr(module, "PEERS", ()):
                harness.say(f"{info.name}: installing {', '.join(module.PEERS)}")
                harness.install_peers(module.PEERS)
            if hasattr(module, "prepare"):
                harness.say(f"{info.name}: preparing data")
                module.prepare()
        except harness.PeerError as error:
            notes[info.name] = str(error)
        prepared.append(info.name)
    return harness.result("prepare", {"benches": prepared}, {}, notes)


if __name__ == "__main__":
    harness.main(run)
