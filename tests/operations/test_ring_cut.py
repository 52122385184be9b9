"""Cutting by copy: the clip begins with the key frame at or before what was asked, and says truly when its first picture was taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.video.recorder import as_kept
from operations.footage.ring_cut import Cut, NothingThere, plan, write
from storage.video_ring import RingLog, VideoRing
from tests.operations.ring_world import FPS, arriving, clocks, fill, film

BEGAN = 1_780_000_000.0


def cut(folder: Path, from_s: float, to_s: float) -> Cut:
    return plan(VideoRing(folder).entries("gate", from_s, to_s), from_s, to_s)


def clip(folder: Path, made: Cut) -> list[tuple[float, float]]:
    target = folder / "clip.mp4"
    write(made, VideoRing(folder), target)
    assert not list(folder.glob("*.fragments"))
    return clocks(target)


def test_a_clip_begins_at_the_key_frame_before_and_its_clock_is_its_start(tmp_path: Path) -> None:
    fill(tmp_path, "gate", BEGAN, 24)
    made = cut(tmp_path, BEGAN + 5.5, BEGAN + 14)
    shown = clip(tmp_path, made)
    assert made.start_at == pytest.approx(BEGAN + 5, abs=0.001)
    assert made.end_at == pytest.approx(BEGAN + 14.1, abs=0.001)
    assert made.by_camera
    assert made.gaps_s == ()
    assert shown[0][0] == 0.0
    assert len(shown) == 91
    for at_s, burnt_s in shown:
        assert made.start_at + at_s == pytest.approx(burnt_s, abs=0.002)


def test_where_the_ring_begins_later_so_does_the_clip(tmp_path: Path) -> None:
    fill(tmp_path, "gate", BEGAN, 5)
    made = cut(tmp_path, BEGAN - 60, BEGAN + 30)
    assert (made.start_at, made.end_at) == (pytest.approx(BEGAN), pytest.approx(BEGAN + 5))


@pytest.mark.parametrize(("from_s", "to_s"), [(-20.0, -10.0), (10.0, 20.0)])
def test_a_span_without_a_picture_is_no_clip(tmp_path: Path, from_s: float, to_s: float) -> None:
    fill(tmp_path, "gate", BEGAN, 5)
    with pytest.raises(NothingThere):
        cut(tmp_path, BEGAN + from_s, BEGAN + to_s)
    with pytest.raises(NothingThere):
        plan([], BEGAN, BEGAN + 1)


def test_while_the_camera_was_away_the_clip_has_a_gap_and_its_clock_goes_on(tmp_path: Path) -> None:
    fill(tmp_path, "gate", BEGAN, 4)
    fill(tmp_path, "gate", BEGAN + 10, 4)
    made = cut(tmp_path, BEGAN, BEGAN + 20)
    shown = clip(tmp_path, made)
    assert made.gaps_s == (pytest.approx(6.1, abs=0.01),)
    assert len(shown) == 8 * FPS
    for at_s, burnt_s in shown:
        assert made.start_at + at_s == pytest.approx(burnt_s, abs=0.002)


@pytest.mark.parametrize("by_camera", [True, False])
def test_while_a_connected_camera_was_silent_the_clip_has_a_gap_and_its_clock_goes_on(tmp_path: Path, by_camera: bool) -> None:
    kept = [as_kept(item) for item in film(BEGAN, 12, stall_s=4.0)]
    log = RingLog(tmp_path / "0", "gate")
    log.append([item if isinstance(item, bytes) else item._replace(by_camera=by_camera) for item in kept])
    log.close()
    made = cut(tmp_path, BEGAN, BEGAN + 20)
    shown = clip(tmp_path, made)
    assert made.gaps_s == (pytest.approx(4.1, abs=0.01),)
    assert len(shown) == 12 * FPS, "also what follows the silence before the next key frame"
    for at_s, burnt_s in shown:
        assert made.start_at + at_s == pytest.approx(burnt_s, abs=0.002)


def test_a_clock_that_is_put_back_stops_no_pictures(tmp_path: Path) -> None:
    kept = [as_kept(item) for item in film(BEGAN, 6)]
    log = RingLog(tmp_path / "0", "gate")
    log.append(
        [item if isinstance(item, bytes) or item.time < 4 * 90_000 else item._replace(captured_at=item.captured_at - 2) for item in kept]
    )
    log.close()
    made = cut(tmp_path, BEGAN - 5, BEGAN + 20)
    assert made.gaps_s == ()
    assert len(clip(tmp_path, made)) == 6 * FPS


@pytest.mark.parametrize("after_s", [0.0, 0.02, 1.0])
def test_after_the_last_picture_there_is_nothing(tmp_path: Path, after_s: float) -> None:
    fill(tmp_path, "gate", BEGAN, 5)
    ended_s = cut(tmp_path, BEGAN, BEGAN + 30).end_at
    with pytest.raises(NothingThere):
        cut(tmp_path, ended_s - 0.001 + after_s, ended_s + 30)


def test_where_the_format_changed_the_longer_part_is_taken(tmp_path: Path) -> None:
    fill(tmp_path, "gate", BEGAN, 3)
    fill(tmp_path, "gate", BEGAN + 4, 6, width=480, height=272)
    made = cut(tmp_path, BEGAN, BEGAN + 20)
    assert made.start_at == pytest.approx(BEGAN + 4)
    assert len(clip(tmp_path, made)) == 6 * FPS


def test_without_the_cameras_time_the_picture_that_came_fastest_tells(tmp_path: Path) -> None:
    late = [0.9, 0.8, 0.5] + [0.05, 0.3, 0.2] * 19
    log = RingLog(tmp_path / "0", "gate")
    log.append(arriving(film(BEGAN, 6), late))
    log.close()
    made = cut(tmp_path, BEGAN, BEGAN + 10)
    assert not made.by_camera
    assert made.start_at == pytest.approx(BEGAN + 0.05, abs=0.005)
    assert clip(tmp_path, made)[0][1] == pytest.approx(made.start_at, abs=0.06)


def test_what_the_ring_lost_meanwhile_is_an_error_and_leaves_no_clip(tmp_path: Path) -> None:
    fill(tmp_path, "gate", BEGAN, 5)
    made = cut(tmp_path, BEGAN, BEGAN + 5)
    VideoRing(tmp_path).trim(BEGAN + 3_600, 0)
    with pytest.raises(FileNotFoundError):
        write(made, VideoRing(tmp_path), tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()
    assert not list(tmp_path.glob("*.fragments"))
