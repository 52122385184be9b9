"""RTP over an RTSP connection, as it is sent and as it is read: H.264 (RFC 6184) and HEVC (RFC 7798) in pieces, sender reports (RFC 3550),
and the header extension by which recorders date what they play (ONVIF Streaming Specification, "RTP header extension")."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

PAYLOAD_TYPE = 96
CLOCK_HZ = 90_000
MOST_BYTES = 1398  # of one packet's payload
NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
H264_PIECE, HEVC_PIECE = 28, 49  # types of a unit's fragments (FU-A, FU)
H264_SEVERAL, HEVC_SEVERAL = 24, 48  # types of several units in one packet (STAP-A, AP)
REPLAY_EXTENSION = 0xABAC
SENDER_REPORT, BYE = 200, 203
_KEY, _LAST = 0x80, 0x10  # bits of the extension: a picture to begin with ("C"), the last one there is ("T")


class Packetizer:
    """Numbers and cuts the units of one stream."""

    def __init__(self, codec: str, ssrc: int) -> None:
        self._fragments = _h264_fragments if codec == "h264" else _hevc_fragments
        self._ssrc = ssrc
        self._sequence = ssrc & 0xFFFF
        self._sent_packets = self._sent_bytes = 0

    def packets(self, nals: Sequence[bytes], timestamp: int, extension: bytes = b"") -> list[bytes]:
        """RTP packets of one access unit, the last with the marker."""
        payloads = [piece for unit in nals for piece in ([unit] if len(unit) <= MOST_BYTES else self._fragments(unit))]
        packets = []
        for place, payload in enumerate(payloads):
            marker = 0x80 if place == len(payloads) - 1 else 0
            flags = 0x80 | (0x10 if extension else 0)
            header = struct.pack(">BBHII", flags, marker | PAYLOAD_TYPE, self._sequence, timestamp & 0xFFFFFFFF, self._ssrc)
            self._sequence = (self._sequence + 1) & 0xFFFF
            packets.append(header + extension + payload)
            self._sent_bytes += len(payload)
        self._sent_packets += len(packets)
        return packets

    def sender_report(self, at_s: float, timestamp: int) -> bytes:
        """Says which RTP timestamp belongs to which moment (Unix s)."""
        counts = (self._sent_packets & 0xFFFFFFFF, self._sent_bytes & 0xFFFFFFFF)
        return struct.pack(">BBHIIIIII", 0x80, SENDER_REPORT, 6, self._ssrc, *_ntp(at_s), timestamp & 0xFFFFFFFF, *counts)

    def bye(self) -> bytes:
        """Says that nothing more comes."""
        return struct.pack(">BBHI", 0x81, BYE, 1, self._ssrc)


def replay_extension(at_s: float, is_key: bool) -> bytes:
    """Says when a picture was taken (Unix s)."""
    return struct.pack(">HHIIBBH", REPLAY_EXTENSION, 3, *_ntp(at_s), _KEY if is_key else 0, 0, 0)


def interleaved(channel: int, packet: bytes) -> bytes:
    """A packet as it stands on the RTSP connection."""
    return struct.pack(">cBH", b"$", channel, len(packet)) + packet


class Received(NamedTuple):
    """A packet taken apart."""

    payload_type: int
    marker: bool  # the last of its access unit
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    taken_at: float | None  # Unix s, by the recorder's extension
    is_last: bool  # by the same: nothing follows this picture


def received(packet: bytes) -> Received:
    """Raises ValueError for what is no RTP packet."""
    if len(packet) < 12 or packet[0] >> 6 != 2:
        raise ValueError("no RTP packet")
    flags, kind, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", packet)
    begin, end = 12 + 4 * (flags & 0x0F), len(packet) - (packet[-1] if flags & 0x20 else 0)
    taken_at, is_last = None, False
    if flags & 0x10:
        if begin + 4 > end:
            raise ValueError("an RTP packet ends within its header")
        profile, words = struct.unpack_from(">HH", packet, begin)
        begin += 4 + 4 * words
        if profile == REPLAY_EXTENSION and words >= 3 and begin <= end:
            seconds, part, bits = struct.unpack_from(">IIB", packet, begin - 4 * words)
            taken_at, is_last = _unix_s(seconds, part), bool(bits & _LAST)
    if begin > end:
        raise ValueError("an RTP packet ends within its header")
    return Received(kind & 0x7F, bool(kind & 0x80), sequence, timestamp, ssrc, packet[begin:end], taken_at, is_last)


@dataclass(frozen=True)
class Control:
    """What is of use in a compound RTCP packet."""

    at_s: float | None = None  # Unix s, of `timestamp`, by a sender report; None: there is none
    timestamp: int = 0
    is_bye: bool = False
    ssrc: int = 0  # whose report it is


def control(packet: bytes) -> Control:
    """What can't be read is passed over."""
    told, place = Control(), 0
    while place + 4 <= len(packet) and packet[place] >> 6 == 2:
        kind, words = struct.unpack_from(">xBH", packet, place)
        if kind == SENDER_REPORT and words >= 6 and place + 28 <= len(packet):
            ssrc, seconds, part, timestamp = struct.unpack_from(">IIII", packet, place + 4)
            told = replace(told, at_s=_unix_s(seconds, part), timestamp=timestamp, ssrc=ssrc)
        elif kind == BYE:
            told = replace(told, is_bye=True)
        place += 4 * (words + 1)
    return told


def _ntp(at_s: float) -> tuple[int, int]:
    seconds, part = divmod(at_s + NTP_EPOCH_S, 1.0)
    return int(seconds) & 0xFFFFFFFF, int(part * 2**32)


def _unix_s(seconds: int, part: int) -> float:
    return seconds - NTP_EPOCH_S + part / 2**32


def _h264_fragments(unit: bytes) -> Iterator[bytes]:
    indicator, kind = unit[0] & 0xE0 | H264_PIECE, unit[0] & 0x1F
    for begin, flags in _pieces(len(unit), header=1):
        yield bytes((indicator, flags | kind)) + unit[begin : begin + MOST_BYTES - 2]


def _hevc_fragments(unit: bytes) -> Iterator[bytes]:
    indicator, kind = bytes((unit[0] & 0x81 | HEVC_PIECE << 1, unit[1])), unit[0] >> 1 & 0x3F
    for begin, flags in _pieces(len(unit), header=2):
        yield indicator + bytes((flags | kind,)) + unit[begin : begin + MOST_BYTES - 2]


def _pieces(size: int, header: int) -> Iterator[tuple[int, int]]:
    """Where pieces begin, and the bits that mark the first and the last."""
    begins = range(header, size, MOST_BYTES - 2)
    for begin in begins:
        yield begin, (0x80 if begin == begins[0] else 0) | (0x40 if begin == begins[-1] else 0)
