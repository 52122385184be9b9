"""What was answered is on disk: shown by kill -9 at any moment, and by the order of system calls."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dispatch.events import NoteAdded
from storage.database import open_database
from storage.journal import pages
from storage.sql_journal import SqlJournal
from storage.verify import verify

ROOT = Path(__file__).resolve().parents[2]
CHILD = [sys.executable, "-m", "tests.operations.kill_child"]
ACKED = re.compile(r"acked (note-\d+) (\d+)")


def run_until_killed(database: str, first: int, after_s: float) -> dict[str, int]:
    """Keys and revisions of the commands that were answered before the kill."""
    with subprocess.Popen([*CHILD, database, str(first), "100000", "4"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(after_s)
        child.kill()
        # A last line cut short was not an answer.
        return {key: int(revision) for key, revision in ACKED.findall(child.stdout.read())}


def test_kill_at_any_moment_loses_nothing_answered_and_doubles_nothing(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/journal.db"
    moments, acked = random.Random(8), {}
    for round_ in range(4):
        # Each round gives the last keys of the one before again: they may or may not have been recorded.
        first = max((int(key.removeprefix("note-")) for key in acked), default=0)
        answered = run_until_killed(database, first, moments.uniform(0.02, 0.25))
        repeated = acked.keys() & answered.keys()
        assert all(acked[key] == answered[key] for key in repeated)
        acked |= answered
        engine = open_database(database)
        events = list(pages(SqlJournal(engine), 0))
        assert verify(engine).damage == ()
        engine.dispose()
        noted = {r.body.text: r.revision for r in events if isinstance(r.body, NoteAdded)}
        assert len(noted) == sum(isinstance(r.body, NoteAdded) for r in events), f"doubled in round {round_}"
        assert acked.items() <= noted.items(), f"lost in round {round_}"
        assert [r.revision for r in events] == list(range(1, len(events) + 1))
    assert len(acked) > 20


def test_the_disk_is_told_before_the_answer_leaves(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", "/dev/null", "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("strace is not installed or may not trace here")
    log = tmp_path / "calls"
    calls = [strace, "-f", "-e", "trace=fdatasync,fsync,write", "-o", str(log)]
    arguments = [f"sqlite:///{tmp_path}/journal.db", "0", "20", "1"]
    subprocess.run([*calls, *CHILD, *arguments], cwd=ROOT, check=True, capture_output=True, timeout=60)
    lines = log.read_text().splitlines()
    answers = [n for n, line in enumerate(lines) if 'write(1, "acked' in line]
    begun = next(n for n, line in enumerate(lines) if 'write(1, "ready' in line)
    assert len(answers) == 20
    for before, answer in zip([begun, *answers], answers, strict=False):
        between = lines[before:answer]
        assert any(re.search(r"(fdatasync|fsync)\(\d+\) += 0|<\.\.\. (fdatasync|fsync) resumed>.*= 0", line) for line in between), between
