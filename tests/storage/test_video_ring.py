"""The ring on disk: what was written is there until there is no room for it, whatever a crash has left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.video_ring import ENTRY, FILE_S, TICKS_PER_S, Picture, RingLog, VideoRing, data_of, folder_name

BEGAN = 1_780_000_000.0
INIT = b"ftyp-moov"


def pictures(seconds: float, began: float = BEGAN, fps: int = 5, size: int = 100) -> Iterator[Picture]:
    for number in range(round(seconds * fps)):
        yield Picture(
            bytes([number % 256]) * size, began + number / fps, number * TICKS_PER_S // fps, TICKS_PER_S // fps, number % fps == 0, True
        )


def fill(folder: Path, camera_id: str, seconds: float, began: float = BEGAN, size: int = 100) -> None:
    ring = RingLog(folder / "0", camera_id)
    ring.append([INIT, *pictures(seconds, began, size=size)])
    ring.close()


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    fill(tmp_path, "gate/1 西门", 25)
    ring = VideoRing(tmp_path)
    entries = ring.entries("gate/1 西门", BEGAN, BEGAN + 25)
    written = list(pictures(25))
    assert [entry.captured_at for entry in entries] == pytest.approx([one.captured_at for one in written])
    assert list(data_of(entries)) == [one.data for one in written]
    assert [entry.is_key for entry in entries] == [one.is_key for one in written]
    assert [entry.begins for entry in entries] == [True] + [False] * 124
    assert ring.init(entries[-1]) == INIT
    assert ring.cameras() == ["gate/1 西门"]
    assert ring.entries("another", BEGAN, BEGAN + 25) == []


def test_only_the_files_that_touch_the_span_are_read_and_each_begins_with_a_key_frame(tmp_path: Path) -> None:
    fill(tmp_path, "gate", 60)
    ring = VideoRing(tmp_path)
    entries = ring.entries("gate", BEGAN + 31, BEGAN + 32)
    assert entries[0].is_key
    assert entries[0].captured_at == pytest.approx(BEGAN + 30)
    assert entries[-1].captured_at < BEGAN + 30 + FILE_S
    assert len(list(tmp_path.glob("0/*/*.m4s"))) == 6


def test_a_file_that_is_being_written_can_be_read(tmp_path: Path) -> None:
    log = RingLog(tmp_path / "0", "gate")
    log.append([INIT, *pictures(3)])
    assert len(VideoRing(tmp_path).entries("gate", BEGAN, BEGAN + 5)) == 15
    log.close()


def test_pictures_before_the_first_init_or_key_frame_are_passed_over(tmp_path: Path) -> None:
    first, second, *rest = pictures(3)
    log = RingLog(tmp_path / "0", "gate")
    log.append([first])
    log.append([INIT, second, *rest])
    log.close()
    entries = VideoRing(tmp_path).entries("gate", BEGAN, BEGAN + 5)
    assert entries[0].is_key
    assert entries[0].captured_at == pytest.approx(BEGAN + 1)


def test_an_index_that_says_more_than_its_data_is_believed_as_far_as_the_data_goes(tmp_path: Path) -> None:
    fill(tmp_path, "gate", 5)
    (data,) = tmp_path.glob("0/*/*.m4s")
    index = data.with_suffix(".index")
    data.write_bytes(data.read_bytes()[:1_050])  # torn within the eleventh
    index.write_bytes(index.read_bytes()[:-5])
    assert len(VideoRing(tmp_path).entries("gate", BEGAN, BEGAN + 5)) == 10
    index.write_bytes(b"\0" * (ENTRY.size - 1))
    assert VideoRing(tmp_path).entries("gate", BEGAN, BEGAN + 5) == []


def test_a_second_connection_begins_a_file_of_its_own(tmp_path: Path) -> None:
    log = RingLog(tmp_path / "0", "gate")
    log.append([INIT, *pictures(2)])
    log.append([b"another", *pictures(2, BEGAN + 4)])
    log.close()
    entries = VideoRing(tmp_path).entries("gate", BEGAN, BEGAN + 9)
    assert [place for place, entry in enumerate(entries) if entry.begins] == [0, 10]
    assert len({entry.path for entry in entries}) == 2
    assert VideoRing(tmp_path).init(entries[10]) == b"another"


def test_what_is_old_goes_then_what_is_too_much_the_oldest_first(tmp_path: Path) -> None:
    fill(tmp_path, "gate", 60)
    fill(tmp_path, "square", 40, BEGAN + 20)
    ring = VideoRing(tmp_path)
    before = ring.trim(BEGAN, 1 << 30)
    assert (before.cameras, before.oldest_at) == (2, BEGAN)
    held = ring.trim(BEGAN + 30, 1 << 30)
    assert held.oldest_at == BEGAN + 20
    assert held.bytes < before.bytes
    half = held.bytes // 2
    held = ring.trim(BEGAN, half)
    assert held.bytes <= half
    assert held.oldest_at is not None
    assert held.oldest_at > BEGAN + 30
    assert {len(ring.entries(camera, BEGAN, BEGAN + 60)) > 0 for camera in ("gate", "square")} == {True}


def test_the_newest_file_of_each_camera_stays_however_little_room_there_is(tmp_path: Path) -> None:
    fill(tmp_path, "gate", 25)
    fill(tmp_path, "square", 25)
    assert VideoRing(tmp_path).trim(BEGAN, 0).cameras == 2
    assert len(list(tmp_path.glob("0/*/*.m4s"))) == 2


def test_nothing_is_left_of_a_camera_that_is_not_recorded_any_more(tmp_path: Path) -> None:
    fill(tmp_path, "gate", 25)
    ring = VideoRing(tmp_path)
    assert ring.trim(BEGAN + 3_600, 1 << 30).bytes == 0
    ring.trim(4_000_000_000.0, 1 << 30)  # by then its folder is old, too
    assert not (tmp_path / "0" / folder_name("gate")).exists()
    assert ring.trim(BEGAN, 1).oldest_at is None


def test_a_disk_that_takes_nothing_is_told_and_gone_on_with(tmp_path: Path) -> None:
    log = RingLog(tmp_path / "0", "gate")
    (tmp_path / "0").write_bytes(b"no folder")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        log.append([INIT, *pictures(1)])
    (tmp_path / "0").unlink()
    log.append(list(pictures(2, BEGAN + 10)))
    log.close()
    assert len(VideoRing(tmp_path).entries("gate", BEGAN, BEGAN + 20)) == 10


def test_what_was_removed_while_it_was_read_is_an_error_and_no_other_picture(tmp_path: Path) -> None:
    fill(tmp_path, "gate", 5)
    ring = VideoRing(tmp_path)
    entries = ring.entries("gate", BEGAN, BEGAN + 5)
    ring.trim(BEGAN + 3_600, 0)
    with pytest.raises(FileNotFoundError):
        list(data_of(entries))
