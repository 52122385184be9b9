"""Closed slices stay as they were closed and nothing is written twice, whenever the disk refuses or the server stops."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from storage import track_writer
from storage.track_ledger import NAME, Entry, TrackLedger
from storage.track_reader import TrackReader
from storage.track_slices import SLICE_S, slice_name
from storage.track_writer import TrackWriter
from storage.tracks import TrackStore
from tests.storage.test_track_ledger import AT
from tests.storage.test_tracks import START, append

LATER = START + SLICE_S


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[TrackWriter]:
    writer = TrackWriter(tmp_path)
    yield writer
    writer.close()


def heard(folder: Path) -> list[float]:
    """When all that is kept was received."""
    return [float(at) for _, state in TrackReader(folder).replay(START - 1, START + 10 * SLICE_S) for at in state.received_at.tolist()]


def refusing(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, times: int, when: Callable[..., bool] = lambda *_: True) -> None:
    """Let a call fail as on a full disk, some times where it is `when`."""
    done, left = getattr(owner, name), [times]

    def refuse(*given, **named):
        if left[0] and when(*given):
            left[0] -= 1
            raise OSError(28, "No space left on device")
        return done(*given, **named)

    monkeypatch.setattr(owner, name, refuse)


async def test_a_restart_with_the_clock_set_back_leaves_closed_slices_as_they_are(tmp_path):
    first = TrackWriter(tmp_path)
    for second in range(100):
        append(first, (0, START + second, START + second, 121.1))
    append(first, (0, LATER, LATER, 121.2))
    first.write()
    first.pack_finished()
    first.close()
    (tmp_path / f"{slice_name(LATER)}.open").unlink()  # nothing but the closed one tells how far it had come
    second_run = TrackStore(tmp_path)
    await second_run.start()
    append(second_run, (0, START + 200, START + 200, 121.3))
    append(second_run, (0, START + 200 + 2 * SLICE_S, START + 200 + 2 * SLICE_S, 121.4))
    second_run._writer.take()
    second_run._writer.write()
    second_run._writer.pack_finished()
    assert [line.entry.slice for line in TrackLedger(tmp_path).read()] == [slice_name(START), slice_name(LATER)]
    assert heard(tmp_path) == [*(START + second for second in range(100)), LATER, START + 200 + 2 * SLICE_S]
    await second_run.stop()
    assert TrackReader(tmp_path).verify().damage == []


async def test_a_damaged_or_removed_slice_is_over_too_and_an_open_one_is_gone_on_with(tmp_path, writer):
    append(writer, (0, START + 9, START + 9, 121.1))
    writer.write()
    for name, begins in (("open", START + 9), ("track", START + SLICE_S)):
        again = TrackWriter(tmp_path)
        again.carry(None)
        assert again._received_ds == begins * 10
        (tmp_path / f"{slice_name(START)}.{name}").rename(tmp_path / f"{slice_name(START)}.track")
        (tmp_path / f"{slice_name(START)}.track").write_bytes(b"damaged")
    TrackLedger(tmp_path).append([Entry("removed", slice_name(LATER), "x", 1, AT, "test")])
    last = TrackWriter(tmp_path)
    last.carry(None)
    assert last._received_ds == (LATER + SLICE_S) * 10


def test_a_closed_slice_is_never_opened_again(tmp_path, writer):
    append(writer, (0, START, START, 121.1), (0, LATER, LATER, 121.2))
    writer.write()
    writer.pack_finished()
    other = TrackWriter(tmp_path)
    append(other, (0, START + 5, START + 5, 121.3))
    other.write()
    assert "is closed" in other.state()["failure"]
    assert not (tmp_path / f"{slice_name(START)}.open").exists()


def test_a_clock_behind_what_was_written_is_said(tmp_path, writer):
    append(writer, (0, LATER, LATER, 121.1))
    append(writer, (0, LATER + 1, LATER - 59, 121.1))
    writer.write()
    assert writer.state()["state"] == "ok"
    append(writer, (0, LATER + 2, LATER - 61, 121.1))
    writer.write()
    assert writer.state()["failure"].startswith("the clock is 61 s behind")


def test_what_was_written_of_a_batch_is_not_written_again_when_the_next_slice_is_refused(tmp_path, monkeypatch, writer):
    append(writer, (0, START + 1, START + 1, 121.1))
    writer.write()
    for second in range(290, 310):
        append(writer, (0, START + second, START + second, 121.2))
    writer._waiting = [np.concatenate(writer._waiting)]
    refusing(monkeypatch, writer, "_append", 1, lambda content: writer._slice_start_s == LATER)
    writer.write()
    assert writer.state()["state"] == "failing"
    assert (writer.fixes, writer.state()["waiting"]) == (11, 10)
    writer.pack_finished()
    writer.write()
    writer.pack_finished()
    assert heard(tmp_path) == [START + 1, *(START + second for second in range(290, 310))]
    assert writer.state() == {"state": "ok", "fixes": 21, "waiting": 0, "dropped": 0, "torn_bytes": 0, "failure": ""}
    assert TrackReader(tmp_path).verify().damage == []


@pytest.mark.parametrize("call", ["open", "rename", "unlink"])
def test_a_disk_that_refuses_to_close_a_slice_is_said_and_asked_again(tmp_path, monkeypatch, writer, call):
    append(writer, (0, START, START, 121.1), (0, LATER, LATER, 121.2), (0, LATER + SLICE_S, LATER + SLICE_S, 121.2))
    writer.write()
    refusing(monkeypatch, Path, call, 2, lambda path, *_: path.suffix in (".part", ".open") and path.stem == slice_name(START)[-6:])
    for _ in range(2):
        writer.pack_finished()
        assert writer.state()["state"] == "failing"
        assert slice_name(START) in writer.state()["failure"]
        assert not (tmp_path / f"{slice_name(LATER)}.open").exists()  # the others are closed
    writer.pack_finished()
    assert writer.state()["failure"] == ""
    assert sorted(line.entry.slice for line in TrackLedger(tmp_path).read()) == [slice_name(START), slice_name(LATER)]
    assert TrackReader(tmp_path).verify().damage == []


def test_what_is_not_taken_any_more_is_bounded_and_counted(monkeypatch, writer):
    monkeypatch.setattr(track_writer, "MAX_WAITING", 3)
    store = TrackStore(writer.folder)
    for second in range(5):
        append(store, (0, START + second, START + second, 121.1))
    assert (store.state()["waiting"], store.state()["dropped"]) == (3, 2)


def test_a_long_torn_tail_costs_no_line_of_the_ledger(tmp_path):
    ledger = TrackLedger(tmp_path)
    entry = Entry("removed", slice_name(START), "x", 1, AT, "a long reason " * 600)
    ledger.append([entry, entry])
    for torn in (b"", b"x" * 4095, b"x" * 4096, b"x" * 20_000):
        with (tmp_path / NAME).open("ab") as file:
            file.write(torn)
        lines = list(ledger.read())
        assert ledger.last_hash() == lines[-1].hash
        ledger.append([entry])
        assert [line.wrong for line in ledger.read()] == [""] * (len(lines) + 1)
    (tmp_path / NAME).write_bytes(b"x" * 9_000)
    assert ledger.last_hash() == ""


def test_a_ledger_begins_with_all_its_first_lines_or_is_not_there(tmp_path, monkeypatch):
    refusing(monkeypatch, os, "fsync", 1)
    entries = [Entry("found", slice_name(START + step * SLICE_S), "x", 1, AT) for step in range(3)]
    with pytest.raises(OSError, match="No space"):
        TrackLedger(tmp_path).append(entries)
    assert not TrackLedger(tmp_path).exists
    TrackLedger(tmp_path).append(entries)
    assert [line.entry for line in TrackLedger(tmp_path).read()] == entries
