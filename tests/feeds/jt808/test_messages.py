"""Messages: the two versions, positions with their signs and times, real devices' frames."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.jt808 import messages
from feeds.jt808.framing import BadFrame, Deframer
from feeds.jt808.messages import Message, decode
from tests.feeds.jt808 import encoder

AT = datetime(2026, 3, 1, 8, 0, 5, tzinfo=UTC)


def decoded(frame: bytes) -> Message:
    (content,) = Deframer().feed(frame)
    if isinstance(content, BadFrame):
        raise content
    return decode(content)


@pytest.mark.parametrize("version", [2013, 2019])
def test_the_header_of_both_versions(version):
    message = decoded(encoder.message(0x0002, b"body", "13912345678", 4711, version, part=(2, 3)))
    assert (message.message_id, message.version, message.number, message.serial) == (0x0002, version, "13912345678", 4711)
    assert (message.body, message.part, message.parts) == (b"body", 2, 3)


@pytest.mark.parametrize("version", [2013, 2019])
def test_an_answer_goes_to_the_number_in_the_version_of_the_question(version):
    question = decoded(encoder.message(0x0200, b"", "13912345678", 7, version))
    answer = decode(messages.platform_answer(question, 99, messages.UNSUPPORTED))
    assert (answer.message_id, answer.version, answer.number, answer.serial) == (0x8001, version, "13912345678", 99)
    assert answer.body == bytes.fromhex("0007 0200 03")
    answer = decode(messages.register_answer(question, 1, messages.REGISTERED, b"code"))
    assert (answer.message_id, answer.body) == (0x8100, bytes.fromhex("0007 00") + b"code")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "bad_header"),
        (bytes.fromhex("0002 0000 0139 1234"), "bad_header"),
        (bytes.fromhex("0002 4000 01") + bytes(8), "bad_header"),
        (bytes.fromhex("0002 0001 013912345678 0001"), "bad_length"),
        (bytes.fromhex("0002 0000 013912345678 0001 00"), "bad_length"),
        (bytes.fromhex("0002 0400 013912345678 0001"), "encrypted"),
        (bytes.fromhex("0002 2000 013912345678 0001 0003 0004"), "bad_header"),
        (bytes.fromhex("0002 2000 013912345678 0001 0003 0000"), "bad_header"),
    ],
)
def test_bad_headers_by_reason(content, reason):
    with pytest.raises(BadFrame, match=reason):
        decode(content)


def test_signs_speed_heading_and_chinas_time():
    fix = messages.fix(encoder.position(-58.5, -34.6, AT, kmh=72.0, heading=359))
    assert (fix.lon, fix.lat, fix.has_fix, fix.heading_deg, fix.position_at) == (-58.5, -34.6, True, 359.0, AT)
    assert fix.speed_mps == pytest.approx(20.0)
    assert not messages.fix(encoder.position(121.5, 29.9, AT, has_fix=False)).has_fix
    body = bytearray(encoder.position(121.5, 29.9, AT))
    body[22:28] = bytes.fromhex("000000000000")
    assert messages.fix(bytes(body)).position_at is None
    with pytest.raises(BadFrame, match="bad_body"):
        messages.fix(bytes(body[:27]))


def test_a_batch_keeps_what_is_whole():
    one, two = encoder.position(121.5, 29.9, AT), encoder.position(121.6, 29.9, AT + timedelta(seconds=3))
    assert [fix.lon for fix in messages.batch(encoder.batch(one, two))] == [121.5, 121.6]
    assert [str(fix) for fix in list(messages.batch(encoder.batch(one, b"x")))[1:]] == ["bad_body"]
    assert [str(fix) for fix in list(messages.batch(encoder.batch(one, two)[:-1]))[1:]] == ["bad_body"]
    assert [str(fix) for fix in messages.batch(bytes.fromhex("ffff01"))] == ["bad_body"]
    with pytest.raises(BadFrame, match="bad_body"):
        list(messages.batch(b"\0"))


@settings(max_examples=150)
@given(
    st.integers(-180_000_000, 180_000_000),
    st.integers(-90_000_000, 90_000_000),
    st.integers(946_771_200, 3_092_601_600).map(lambda unix_s: datetime.fromtimestamp(unix_s, UTC)),
    st.integers(0, 65_535),
    st.integers(0, 359),
    st.binary(max_size=40),
)
def test_any_position_comes_back(lon, lat, at, tenth_kmh, heading, extra):
    fix = messages.fix(encoder.position(lon / 1e6, lat / 1e6, at, tenth_kmh / 10, heading, extra=extra))
    assert (round(fix.lon * 1e6), round(fix.lat * 1e6), fix.position_at, fix.heading_deg) == (lon, lat, at, heading)
    assert fix.speed_mps == pytest.approx(tenth_kmh / 36)


@settings(max_examples=200)
@given(st.binary(max_size=80))
def test_no_bytes_break_the_decoders(noise):
    for read in (decode, messages.fix, lambda body: list(messages.batch(body))):
        with contextlib.suppress(BadFrame):
            read(noise)


def test_real_devices_frames_decode_or_are_rejected_for_a_reason(shared_data: Path):
    outcomes: Counter[str] = Counter()
    lines = (shared_data / "vectors" / "jt808" / "frames-a.hex").read_text().split()
    for line in lines:
        outcomes["/".join(sorted({_outcome(content) for content in Deframer().feed(bytes.fromhex(line))}))] += 1
    assert outcomes == {
        "position": 28,
        "position without fix": 7,
        "batch of 1": 2,
        "batch of 6": 1,
        "registration": 2,
        "authentication": 1,
        "unsupported 0210": 1,
        "unsupported 0701": 1,
        "unsupported 0702": 1,
        "unsupported 0900": 3,
        "unsupported 6006": 1,
        "encrypted": 2,
        "bad_checksum": 4,  # two have flags inside that should have been escaped
        "bad_escape": 2,
    }


def _outcome(content: bytes | BadFrame) -> str:
    if isinstance(content, BadFrame):
        return content.reason
    try:
        message = decode(content)
    except BadFrame as bad:
        return bad.reason
    match message.message_id:
        case messages.POSITION:
            fix = messages.fix(message.body)
            assert fix.position_at is not None
            return "position" if fix.has_fix else "position without fix"
        case messages.BATCH_POSITIONS:
            fixes = list(messages.batch(message.body))
            assert not any(isinstance(fix, BadFrame) for fix in fixes)
            return f"batch of {len(fixes)}"
        case messages.REGISTER:
            messages.check_registration(message)
            return "registration"
        case messages.AUTHENTICATE:
            return "authentication" if messages.authentication_code(message) else "bad_body"
    return f"unsupported {message.message_id:04x}"
