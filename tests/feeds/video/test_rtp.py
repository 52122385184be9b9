"""Packets that were written by hand after the standards are read, and what is written is read back."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.video import rtp

# 2026-11-30 14:25:00.5 UTC: 1 796 048 700.5 Unix s, 4 005 037 500 s since 1900 and a half.
AT_S, NTP = 1_796_048_700.5, bytes.fromhex("eeb805bc80000000")
REPLAY = bytes.fromhex("abac0003") + NTP


def test_the_moment_of_the_example_is_right() -> None:
    assert struct.pack(">II", int(AT_S) + 2_208_988_800, 1 << 31) == NTP


@pytest.mark.parametrize(
    ("packet", "payload", "taken_at", "is_last"),
    [
        ("80600001 00000002 00000003 6588", "6588", None, False),
        ("90e00001 00000002 00000003" + REPLAY.hex() + "a0050000 6588", "6588", AT_S, False),
        ("90600001 00000002 00000003" + REPLAY.hex() + "10050000 6588", "6588", AT_S, True),
        # Two more sources, and 3 bytes to fill up.
        ("b2600001 00000002 00000003 0000000a 0000000b" + REPLAY.hex() + "00000000 6588 000003", "6588", AT_S, False),
        # Behind the recorder's words another extension has its own (JPEG, 0xFFD8).
        ("90600001 00000002 00000003 abac0005" + NTP.hex() + "00000000 ffd80000 00000000 6588", "6588", AT_S, False),
        ("90600001 00000002 00000003 bede0001 10aa0000 6588", "6588", None, False),
        ("90600001 00000002 00000003 abac0001 eeb805bc 6588", "6588", None, False),
    ],
)
def test_packets_are_taken_apart(packet: str, payload: str, taken_at: float | None, is_last: bool) -> None:
    got = rtp.received(bytes.fromhex(packet))
    assert (got.payload_type, got.sequence, got.timestamp, got.ssrc) == (96, 1, 2, 3)
    assert (got.payload.hex(), got.taken_at, got.is_last) == (payload, taken_at, is_last)
    assert got.marker is (packet[2] == "e")


@pytest.mark.parametrize(
    "packet", ["", "80600001", "00600001 00000002 00000003 65", "90600001 00000002 00000003 abac0003 00", "a0600001 00000002 00000003 0009"]
)
def test_what_is_none_is_refused(packet: str) -> None:
    with pytest.raises(ValueError, match="RTP packet"):
        rtp.received(bytes.fromhex(packet))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_refused(data: bytes) -> None:
    rtp.control(data)
    try:
        got = rtp.received(data)
    except ValueError:
        return
    assert got.payload in data


@given(st.floats(0, 4e9), st.booleans(), st.binary(min_size=1, max_size=4_000))
def test_what_is_written_is_read_back(at_s: float, is_key: bool, unit: bytes) -> None:
    packets = [rtp.received(one) for one in rtp.Packetizer("h264", 70_000).packets([unit], 2**32 + 5, rtp.replay_extension(at_s, is_key))]
    assert [one.marker for one in packets] == [False] * (len(packets) - 1) + [True]
    assert {(one.timestamp, one.ssrc, one.payload_type, one.is_last) for one in packets} == {(5, 70_000, 96, False)}
    if at_s < 2_085_978_495:  # later the seconds since 1900 take more than 32 bits
        assert all(one.taken_at == pytest.approx(at_s, abs=1e-5) for one in packets)


def test_reports_and_a_farewell_are_found_in_what_is_compound() -> None:
    packetizer = rtp.Packetizer("h264", 3)
    report, names = packetizer.sender_report(AT_S, 2**32 + 9), bytes.fromhex("81ca0002 00000003 01000000")
    assert rtp.control(report + names) == rtp.Control(AT_S, 9, False, 3)
    assert rtp.control(names + packetizer.bye()) == rtp.Control(None, 0, True)
    assert rtp.control(report[:20]) == rtp.Control()
