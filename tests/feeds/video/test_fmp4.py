"""What a camera sends, however it is cut, becomes MP4 that an independent reader plays; what can't be played is passed over and counted."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from functools import cache

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.video import h264, looks, nal
from feeds.video.farm_media import Encoder, Format, Unit
from feeds.video.fmp4 import Fmp4Writer, Fragment, Init
from feeds.video.street_scene import StreetScene

FPS = 10
TICK = 9_000  # of 1/90000 s


@cache
def film(slices: int = 1, b_frames: int = 0, width: int = 320, height: int = 180, pictures: int = 24) -> tuple[Unit, ...]:
    encoder = Encoder(Format(width, height, FPS, 300_000, slices=slices, b_frames=b_frames, gop_s=0.8))
    scene = StreetScene("gate", width, height)
    units = [unit for tick in range(pictures) for unit in encoder.encode(scene.draw(tick / FPS, tick * 100), tick)]
    return tuple(units + encoder.finish())


def feed(writer: Fmp4Writer, units: Sequence[Unit], origin: int = 0) -> list[Init | Fragment]:
    return [item for unit in units for item in writer.feed(nal.join(unit.nals), origin + unit.tick * TICK, unit.tick / FPS)]


def played(items: Sequence[Init | Fragment]) -> list[av.VideoFrame]:
    """By libav, which shares nothing with the writer."""
    file = io.BytesIO(b"".join(item.data for item in items))
    with av.open(file, format="mp4") as container:
        return list(container.decode(video=0))


def fragments(items: Sequence[Init | Fragment]) -> list[Fragment]:
    return [item for item in items if isinstance(item, Fragment)]


@pytest.mark.parametrize("slices", [1, 3])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_film_plays_whole_and_in_order(slices: int, b_frames: int) -> None:
    units = film(slices, b_frames)
    items = feed(Fmp4Writer(), units)
    frames = played(items)
    assert len(frames) == len(units)
    assert isinstance(items[0], Init)
    first = looks.decoded(items[0], fragments(items)[0])
    assert (first.to_ndarray() == frames[0].to_ndarray()).all()
    assert {frame.width for frame in frames} == {320}
    shown = [frame.time for frame in frames]
    assert shown == sorted(shown)
    steps = [b - a for a, b in itertools.pairwise(shown[b_frames * 2 :])]
    assert all(abs(step - 1 / FPS) < 0.001 for step in steps)
    assert items[0].mime == f'video/mp4; codecs="{items[0].codec}"'
    assert fragments(items)[0].is_key


def test_decoding_never_comes_after_showing_with_b_pictures() -> None:
    writer = Fmp4Writer()
    items = fragments(feed(writer, film(b_frames=2)))
    times = [item.time for item in items]
    assert times == sorted(set(times))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_cut_of_the_stream_gives_the_same_pictures(data: st.DataObject) -> None:
    """Slices apart, pictures together, parameter sets alone: after the first picture nothing is lost."""
    slices = data.draw(st.sampled_from([1, 3]))
    flat = [(unit.tick, one) for unit in film(slices) for one in unit.nals]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(flat) - 1), max_size=len(flat) - 1)))
    writer, items = Fmp4Writer(), []
    for begin, end in itertools.pairwise([0, *cuts, len(flat)]):
        items += writer.feed(nal.join([one for _, one in flat[begin:end]]), flat[begin][0] * TICK, 0.0)
    items += writer.feed(nal.join([b"\x09\xf0"]), 0, 0.0)  # a delimiter: the last picture is at its end
    assert len(fragments(items)) == len(film(slices))
    times = [item.time for item in fragments(items)]
    assert times == sorted(set(times))
    assert len(played(items)) == len(film(slices))
    assert writer.malformed == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(2**33), 2**33), min_size=2, max_size=30))
def test_any_times_of_a_camera_give_times_that_grow_without_gaps(pts: list[int]) -> None:
    key = next(unit for unit in film() if unit.is_key)
    writer = Fmp4Writer()
    times = [item.time for at in pts for item in writer.feed(nal.join(key.nals), at, 0.0) if isinstance(item, Fragment)]
    steps = [b - a for a, b in itertools.pairwise(times)]
    assert len(times) == len(pts)
    assert all(0 < step < 3 * 90_000 for step in steps)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=60), max_size=20))
def test_rubbish_makes_nothing_and_is_no_error(rubbish: list[bytes]) -> None:
    writer = Fmp4Writer()
    for one in rubbish:
        writer.feed(nal.START + one, 0, 0.0)
    items = [*feed(writer, film()[:3]), *(item for one in rubbish for item in writer.feed(nal.START + one, 0, 0.0))]
    assert fragments(items)


def test_a_changed_size_brings_a_new_beginning() -> None:
    writer = Fmp4Writer()
    first, second = feed(writer, film()), feed(writer, film(width=480, height=272), origin=240 * TICK)
    inits = [item for item in first + second if isinstance(item, Init)]
    assert [(one.width, one.height) for one in inits] == [(320, 180), (480, 272)]
    assert isinstance(second[0], Init)
    assert fragments(second)[0].is_key
    assert fragments(second)[0].time > fragments(first)[-1].time
    assert {frame.width for frame in played(second)} == {480}


def test_a_camera_that_was_away_goes_on_after_a_new_beginning() -> None:
    writer = Fmp4Writer()
    first = feed(writer, film())
    writer.begin_again()
    second = feed(writer, film()[3:], origin=-(10**9))
    assert isinstance(second[0], Init)
    assert fragments(second)[0].is_key
    assert 0 < fragments(second)[0].time - fragments(first)[-1].time <= 2 * TICK


def test_nothing_is_shown_before_a_key_frame_and_the_wait_is_counted() -> None:
    writer = Fmp4Writer()
    without = [unit for unit in film() if not unit.is_key]
    writer.feed(nal.join(film()[0].nals[:2]), 0, 0.0)
    assert feed(writer, without) == []
    assert writer.before_key == len(without)
    feed(writer, film())
    assert writer.before_key == 0


def test_the_moment_of_a_picture_goes_with_it() -> None:
    items = fragments(feed(Fmp4Writer(), film()))
    assert [item.captured_at for item in items] == [tick / FPS for tick in range(24)]


@pytest.mark.parametrize(("width", "height"), [(320, 180), (640, 360), (1280, 720), (1920, 1080), (474, 266)])
def test_the_size_is_read_of_an_sps(width: int, height: int) -> None:
    sps = next(one for one in Encoder(Format(width, height, 25, 500_000)).parameters if nal.h264_type(one) == 7)
    read = h264.read_sps(sps)
    assert (read.width, read.height, read.frames_only, read.is_plain) == (width, height, True, True)
    assert read.reorder == 0


def sps_of(across: int, down: int) -> bytes:
    """The shortest there is, of so many macroblocks."""
    head = "1" * 4 + "010" + "0"  # its number, frame number, order and its length are 0, one reference frame
    size = "".join(f"{n:0{2 * n.bit_length() - 1}b}" for n in (across, down))
    bits = f"{head}{size}10001"
    return b"\x67\x42\x00\x1e" + int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def test_a_size_that_no_level_has_is_refused_before_anybody_makes_room_for_it() -> None:
    largest = h264.read_sps(sps_of(512, 272))
    assert (largest.width, largest.height) == (8192, 4352)
    with pytest.raises(h264.Malformed):
        h264.read_sps(sps_of(1024, 768))


def test_b_pictures_are_announced_by_the_sps() -> None:
    sps = next(one for one in Encoder(Format(320, 180, 25, 500_000, b_frames=2)).parameters if nal.h264_type(one) == 7)
    assert h264.read_sps(sps).reorder


@given(st.binary(max_size=40))
def test_an_sps_is_read_or_refused(rubbish: bytes) -> None:
    try:
        h264.read_sps(rubbish)
    except h264.Malformed:
        return
    assert len(rubbish) >= 5


@given(st.lists(st.binary(min_size=1, max_size=30).filter(lambda one: b"\x00\x00" not in one and one[-1]), max_size=10))
def test_units_are_split_as_they_were_joined(units: list[bytes]) -> None:
    assert nal.split(nal.join(units)) == units
