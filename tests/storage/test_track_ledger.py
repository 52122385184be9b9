"""The ledger tells a removed slice from a lost one; each kind of damage to slices and ledger is named."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from storage import track_verify
from storage.track_files import pack, unpack
from storage.track_ledger import NAME, Entry, TrackLedger
from storage.track_reader import TrackReader
from storage.track_removal import Held
from storage.track_slices import SLICE_S, slice_name
from storage.track_writer import TrackWriter
from storage.tracks import TrackStore

START = 1_760_000_100 // SLICE_S * SLICE_S
AT = datetime(2026, 5, 1, tzinfo=UTC)
CLOSED = 4


def written(folder: Path, slices: int = CLOSED, start: int = START) -> TrackWriter:
    """So many closed slices, one unit a hundredth of a degree farther east in each, and an open one."""
    writer, code, still = TrackWriter(folder), np.zeros(1, np.uint8), np.zeros(1)
    for step in range(slices + 1):
        at = np.array([start + step * SLICE_S + 10.0])
        writer.append(["a"], np.array([0]), at, at + 0.2, np.array([121.0 + step / 100]), np.array([29.9]), still, still, code, code)
        writer.take()
    writer.write()
    writer.pack_finished()
    writer.close()
    return writer


def track(folder: Path, step: int) -> Path:
    return folder / f"{slice_name(START + step * SLICE_S)}.track"


def remove(folder: Path, slices: int, *held: Held):
    return TrackStore(folder).remove_before(START + slices * SLICE_S, held, AT, "older than 30 days")


def test_a_sound_folder_has_no_damage_and_says_its_last_hash(tmp_path):
    written(tmp_path)
    report = TrackReader(tmp_path).verify()
    assert (report.slices, report.damage, report.removed) == (CLOSED + 1, [], 0)
    assert report.ledger_hash == TrackLedger(tmp_path).last_hash() != ""


def test_a_flipped_byte_is_named_with_its_file(tmp_path):
    written(tmp_path)
    path = track(tmp_path, 1)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    (damage,) = TrackReader(tmp_path).verify().damage
    assert damage.startswith(f"{path}: ")


def test_a_slice_that_was_forged_soundly_is_named(tmp_path):
    written(tmp_path)
    path = track(tmp_path, 1)
    piece = unpack(path.read_bytes())
    piece.fixes["lon"] += 500
    path.write_bytes(pack(piece))
    (damage,) = TrackReader(tmp_path).verify().damage
    assert damage.startswith(f"{path}: it is sound and another than was closed")


def test_a_lost_slice_is_damage_and_a_removed_one_is_not(tmp_path):
    written(tmp_path)
    done = remove(tmp_path, 2)
    assert (done.removed, done.held) == (2, 0)
    report = TrackReader(tmp_path).verify()
    assert (report.damage, report.removed, report.gaps) == ([], 2, [])
    path = track(tmp_path, 2)
    path.unlink()
    (damage,) = TrackReader(tmp_path).verify().damage
    assert damage.startswith(f"{path}: it is lost")


@pytest.mark.parametrize("on_record", [True, False])
def test_a_slice_that_goes_while_all_are_read_is_damage_where_its_removal_is_not_on_record(tmp_path, monkeypatch, on_record):
    written(tmp_path)
    noted = track_verify._noted

    def then_gone(*given):
        found = noted(*given)
        if on_record:
            remove(tmp_path, 2)
        else:
            track(tmp_path, 1).unlink()
        return found

    monkeypatch.setattr(track_verify, "_noted", then_gone)
    report = TrackReader(tmp_path).verify()
    assert (report.removed, report.gaps) == (2 if on_record else 0, [])
    assert (report.damage == []) == on_record
    assert all(str(track(tmp_path, 1)) in line for line in report.damage)


def test_a_slice_that_is_not_in_the_ledger_is_named(tmp_path):
    written(tmp_path)
    path = tmp_path / f"{slice_name(START - SLICE_S)}.track"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(track(tmp_path, 0).read_bytes())
    (damage,) = TrackReader(tmp_path).verify().damage
    assert damage.startswith(f"{path}: it is not in the ledger")


@pytest.mark.parametrize("harm", ["changed", "dropped", "reordered"])
def test_a_ledger_that_was_meddled_with_is_named_by_line(tmp_path, harm):
    written(tmp_path)
    ledger = tmp_path / NAME
    lines = ledger.read_bytes().splitlines(keepends=True)
    assert len(lines) == CLOSED
    if harm == "changed":
        lines[1] = lines[1].replace(b'"bytes":', b'"bytes":1')
    elif harm == "dropped":
        del lines[1]
    else:
        lines[1], lines[2] = lines[2], lines[1]
    ledger.write_bytes(b"".join(lines))
    assert any(line.startswith("ledger of tracks, line 2: ") for line in TrackReader(tmp_path).verify().damage)


def test_a_torn_last_line_is_cut_with_the_next_entry(tmp_path):
    written(tmp_path)
    ledger = TrackLedger(tmp_path)
    last = ledger.last_hash()
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"half')
    assert ledger.last_hash() == last
    ledger.append([Entry("removed", slice_name(START), "x", 1, AT, "test")])
    assert [line.wrong for line in ledger.read()] == [""] * (CLOSED + 1)


def test_a_ledger_begins_with_what_was_closed_before_it(tmp_path):
    written(tmp_path)
    (tmp_path / NAME).unlink()
    assert TrackReader(tmp_path).verify().damage == []
    writer, code, still = TrackWriter(tmp_path), np.zeros(1, np.uint8), np.zeros(1)
    at = np.array([START + (CLOSED + 2) * SLICE_S + 1.0])
    writer.append(["a"], np.array([0]), at, at, np.array([121.0]), np.array([29.9]), still, still, code, code)
    writer.take()
    writer.write()
    writer.pack_finished()
    writer.close()
    assert [line.entry.kind for line in TrackLedger(tmp_path).read()] == ["found"] * CLOSED + ["closed"]
    assert TrackReader(tmp_path).verify().damage == []


def test_holds_keep_what_they_cover(tmp_path):
    written(tmp_path)
    span = Held(START + 10.0, START + 20.0)
    place = Held(START, START + CLOSED * SLICE_S, (121.02, 29.9, 200.0))
    elsewhere = Held(START, START + CLOSED * SLICE_S, (120.0, 29.9, 200.0))
    done = remove(tmp_path, CLOSED, span, place, elsewhere)
    # The third slice has a fix there; the fourth begins with the same fix, as every slice begins with what was known.
    assert [track(tmp_path, step).exists() for step in range(CLOSED)] == [True, False, True, True]
    assert (done.removed, done.held) == (1, 3)
    assert TrackReader(tmp_path).verify().damage == []
    assert remove(tmp_path, CLOSED).removed == 3
    assert sorted(path.suffix for path in tmp_path.rglob("*.*")) == [".open"]


def test_the_open_slice_is_never_removed_and_a_crash_before_the_file_went_is_made_good(tmp_path):
    written(tmp_path)
    content = track(tmp_path, 0).read_bytes()
    remove(tmp_path, CLOSED + 10)
    assert TrackReader(tmp_path).verify().slices == 1
    os.makedirs(track(tmp_path, 0).parent, exist_ok=True)
    track(tmp_path, 0).write_bytes(content)  # noted as removed, and still there
    assert TrackReader(tmp_path).verify().damage == []
    lines = len(list(TrackLedger(tmp_path).read()))
    assert remove(tmp_path, CLOSED + 10).removed == 1
    assert len(list(TrackLedger(tmp_path).read())) == lines


def test_a_damaged_slice_is_kept_while_a_hold_with_a_place_covers_its_time(tmp_path):
    written(tmp_path)
    track(tmp_path, 1).write_bytes(b"nothing")
    remove(tmp_path, CLOSED, Held(START, START + CLOSED * SLICE_S, (120.0, 29.9, 200.0)))
    assert [track(tmp_path, step).exists() for step in range(CLOSED)] == [False, True, False, False]


def test_what_was_removed_is_not_answered_from_memory(tmp_path):
    written(tmp_path)
    store = TrackStore(tmp_path)
    assert len(store.state_at(START + 20.0)) == 1
    store.remove_before(START + SLICE_S, [], AT, "older than 30 days")
    assert len(store.state_at(START + 20.0)) == 0
