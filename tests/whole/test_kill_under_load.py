"""The kills of `bench loop` on a small scale: many incidents in progress, everyone connected, SIGKILL at random and in mid-command."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bench import harness
from bench.loop_kills import kill_again_and_again


def test_kills_under_load_lose_double_and_forget_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "WORK", tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    found = kill_again_and_again(port, kills=2, terminals=50, desks=16, seed=5)
    assert found.faults == []
    assert len(found.rounds) == 2
    assert found.views_compared == 66
    # It was a trial: commands were in flight when the server died, and deadlines passed.
    assert found.sent_again > 0
    assert found.acknowledged > 100
    assert found.deadlines_told > 10
