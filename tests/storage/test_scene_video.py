"""Chunks of scene video on disk: what was appended is there after any cut, once, in order; a torn end is set aside and counted."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.scene_video import FRAME_BYTES, Chunk, ChunkLog, Recording, RecordingFiles

AT = datetime(2026, 5, 1, 8, tzinfo=UTC)
RECORDING = Recording("0" * 32, "incident-1", "car", "officer", "officer", "330203000000", "video/webm", "x.webm", AT, AT, 0)


def chunk(seq: int, data: bytes = b"") -> Chunk:
    return Chunk(seq, 1000 + seq, 2000 + seq, data or bytes([seq % 256]) * (seq % 50 + 1))


def reopened(path: Path) -> tuple[ChunkLog, list[Chunk]]:
    found: list[Chunk] = []
    return ChunkLog(path, found.append), found


def chunks_in(path: Path) -> list[Chunk]:
    log, found = reopened(path)
    log.close()
    return found


@pytest.fixture
def files(tmp_path: Path) -> RecordingFiles:
    files = RecordingFiles(tmp_path / "scene")
    files.begin(RECORDING)
    return files


def test_what_was_appended_is_there_again_with_both_times(files: RecordingFiles) -> None:
    log = files.open(RECORDING, lambda chunk: None)
    log.append([chunk(0)])
    log.append([chunk(1), chunk(2)])
    log.close()
    again, found = reopened(files.folder(RECORDING) / "chunks")
    assert found == [chunk(0), chunk(1), chunk(2)]
    again.close()
    assert (again.have, again.media_bytes, again.last_device_ms, again.torn_bytes) == (3, 6, 1002, 0)
    assert files.all() == [RECORDING]
    media = files.write_media(RECORDING)
    assert media.path.read_bytes() == b"".join(c.data for c in found)
    assert (media.size_bytes, len(media.times), media.last_device_ms) == (6, 3 * 24, 1002)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_cut_leaves_the_whole_records_before_it_and_the_rest_is_set_aside(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "chunks"
    log, _ = reopened(path)
    sizes = data.draw(st.lists(st.integers(1, 300), min_size=1, max_size=8))
    chunks = [chunk(seq, bytes([seq]) * size) for seq, size in enumerate(sizes)]
    log.append(chunks)
    log.close()
    whole = path.read_bytes()
    cut_at = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut_at] + data.draw(st.binary(max_size=40)))
    ends = [sum(len(c.data) + FRAME_BYTES for c in chunks[: n + 1]) for n in range(len(chunks))]
    again, found = reopened(path)
    kept = sum(end <= cut_at for end in ends)
    assert found[:kept] == chunks[:kept]
    assert found == chunks[: again.have]  # noise may complete a record only by being what stood there
    torn = list(path.parent.glob("torn-*"))
    assert sum(file.stat().st_size for file in torn) == again.torn_bytes
    again.append(chunks[again.have :])
    again.close()
    assert chunks_in(path) == chunks


def test_a_changed_byte_ends_what_is_believed(files: RecordingFiles) -> None:
    path = files.folder(RECORDING) / "chunks"
    log, _ = reopened(path)
    log.append([chunk(0, b"first"), chunk(1, b"second"), chunk(2, b"third")])
    log.close()
    bytes_ = bytearray(path.read_bytes())
    bytes_[2 * FRAME_BYTES + 5 + 1] ^= 1
    path.write_bytes(bytes_)
    again, found = reopened(path)
    assert [c.data for c in found] == [b"first"]
    again.close()
    assert again.torn_bytes == 2 * FRAME_BYTES + 6 + 5


def test_a_full_disk_changes_nothing(files: RecordingFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    log = files.open(RECORDING, lambda chunk: None)
    log.append([chunk(0)])
    path = files.folder(RECORDING) / "chunks"
    before = path.read_bytes()

    def full(descriptor: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            log.append([chunk(1)])
    assert path.read_bytes() == before
    assert log.have == 1
    log.append([chunk(1)])
    log.close()
    assert chunks_in(path) == [chunk(0), chunk(1)]


def test_what_is_acknowledged_was_synced_first(files: RecordingFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    log, synced = files.open(RECORDING, lambda chunk: None), []
    path = files.folder(RECORDING) / "chunks"
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    log.append([chunk(0)])
    log.close()
    assert synced == [path.stat().st_size]


@pytest.mark.parametrize(
    ("recording_id", "incident_id"), [("../x", "i"), ("0" * 31, "i"), ("0" * 32, "../i"), ("0" * 32, ""), ("G" * 32, "i")]
)
def test_ids_that_can_t_name_a_folder_are_refused(files: RecordingFiles, recording_id: str, incident_id: str) -> None:
    bad = Recording(recording_id, incident_id, "car", "officer", "officer", "3302", "video/webm", "x", AT, AT, 0)
    with pytest.raises(ValueError, match="can't be kept under these names"):
        files.begin(bad)
