"""How far a long command is: one line drawn over on a terminal, few plain lines in a log."""

from __future__ import annotations

import io

import pytest

from progress_bar import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_is_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    screen = Terminal()
    with ProgressBar(screen) as progress:
        progress("streets", 0.0)
        progress("base map, " + "x" * 100, 0.5)
        progress("done", 1.0)
    drawn = screen.getvalue()
    assert drawn.count("\r") == 3
    assert drawn.count("\n") == 1
    assert drawn.endswith("\n")
    assert f"\r{'█' * 15}{'░' * 15}  50%  base map, xxx" in drawn
    assert all(len(line.removesuffix("\x1b[K\n").removesuffix("\x1b[K")) <= 60 for line in drawn.split("\r"))


def test_a_failure_begins_on_a_line_of_its_own() -> None:
    screen = Terminal()

    def fail() -> None:
        with ProgressBar(screen) as progress:
            progress("streets", 0.2)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert screen.getvalue().endswith("streets\x1b[K\n")


def test_elsewhere_a_line_every_tenth() -> None:
    log = io.StringIO()
    with ProgressBar(log) as progress:
        for step in range(1001):
            progress(f"part {step}", step / 1000)
    said = log.getvalue().splitlines()
    assert said[0] == "  0%  part 0"
    assert said[-1] == "100%  part 1000"
    assert len(said) == 11
    assert not {"\r", "\x1b"} & set(log.getvalue())
