"""Files that recordings are played back from: what could not be made leaves nothing, and the folder never grows beyond its bounds."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from dispatch.clock import ManualClock
from operations.footage.scene_playback import KEPT_FOR_S, Playback, remux
from tests.operations.access_world import NOW
from tests.operations.recorded import recorded


def test_a_file_that_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    source, taken = tmp_path / "source.webm", tmp_path / "taken.webm"
    source.write_bytes(recorded())
    taken.mkdir()  # fails at the very end, as on a disk that is full
    with pytest.raises(OSError, match="directory"):
        remux(source, taken, "webm")
    assert set(tmp_path.iterdir()) == {source, taken}


async def test_what_was_asked_for_last_stays_and_not_too_much_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = None
    playback, now_s = Playback(tmp_path, nothing, nothing, ManualClock(NOW)), NOW.timestamp()
    for name, asked_s, size_bytes in (("old", KEPT_FOR_S + 1, 1), ("first", 30, 40), ("second", 20, 40), ("third", 10, 40)):
        (tmp_path / name).write_bytes(bytes(size_bytes))
        os.utime(tmp_path / name, (now_s - asked_s, now_s - asked_s))
    monkeypatch.setattr("operations.footage.scene_playback.MOST_BYTES", 100)
    playback.start()
    async with asyncio.timeout(5):
        while set(os.listdir(tmp_path)) != {"second", "third"}:  # noqa: ASYNC110 a thread clears
            await asyncio.sleep(0.01)
    await playback.stop()
