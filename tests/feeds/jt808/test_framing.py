"""Framing: any content survives, however the stream is cut; garbage is counted and forgotten."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.jt808.framing import MAX_RAW, BadFrame, Deframer, frame
from tests.feeds.jt808.encoder import stuffed


def outcome(data: bytes, *more: bytes) -> list[bytes | str]:
    deframer = Deframer()
    return [item.reason if isinstance(item, BadFrame) else item for piece in (data, *more) for item in deframer.feed(piece)]


def test_the_standards_own_example_of_escapes():
    assert outcome(bytes.fromhex("7e 30 7d 02 08 7d 01 55 7d 02 7e")) == ["bad_checksum"]
    content = bytes.fromhex("307e087d55")
    check = 0x30 ^ 0x7E ^ 0x08 ^ 0x7D ^ 0x55
    assert outcome(bytes.fromhex("7e307d02087d0155") + bytes([check]) + b"\x7e") == [content]


def test_bad_frames_by_reason_and_the_stream_goes_on():
    good = stuffed(b"content")
    assert outcome(b"\x7econtent\x00\x7e" + good) == ["bad_checksum", b"content"]
    assert outcome(b"\x7eab\x7d\x7e" + good) == ["bad_escape", b"content"]
    assert outcome(b"\x7eab\x7d\x05cd\x7e" + good) == ["bad_escape", b"content"]
    assert outcome(b"noise" + good) == ["garbage", b"content"]
    assert outcome(b"\x7ea\x7e" + good) == ["bad_checksum", b"content"]
    assert outcome(b"\x7e\x7e\x7e" + good) == [b"content"]


def test_a_frame_without_end_is_dropped_and_costs_no_memory():
    deframer = Deframer()
    assert list(deframer.feed(b"\x7e")) == []
    for _ in range(1_000):
        assert list(deframer.feed(b"x" * 1_000)) == []
    assert len(deframer._raw) <= MAX_RAW
    assert [str(item) for item in deframer.feed(b"\x7e")] == ["too_long"]
    assert list(deframer.feed(stuffed(b"content"))) == [b"content"]
    assert outcome(b"\x7e" + b"x" * (MAX_RAW + 1) + b"\x7e") == ["too_long"]


CONTENT = st.binary(min_size=1, max_size=60) | st.lists(st.sampled_from([0x7D, 0x7E, 0x01, 0x02]), min_size=1, max_size=60).map(bytes)


@settings(max_examples=200)
@given(st.lists(CONTENT, max_size=5), st.lists(st.integers(0, 400), max_size=6))
def test_any_content_survives_any_cutting(contents, cuts):
    stream = b"".join(stuffed(content) for content in contents)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]
    assert outcome(b"", *pieces) == contents


@settings(max_examples=100)
@given(CONTENT)
def test_our_frames_are_the_standards(content):
    assert frame(content) == stuffed(content)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_no_bytes_break_it(noise):
    assert outcome(noise + b"\x7e", stuffed(b"content"))[-1] == b"content"
