"""RTP as a camera sends it over its RTSP connection: H.264 (RFC 6184), HEVC (RFC 7798), sender reports (RFC 3550)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

PAYLOAD_TYPE = 96
CLOCK_HZ = 90_000
MOST_BYTES = 1398  # of one packet's payload
NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970


class Packetizer:
    """Numbers and cuts the units of one stream."""

    def __init__(self, codec: str, ssrc: int) -> None:
        self._fragments = _h264_fragments if codec == "h264" else _hevc_fragments
        self._ssrc = ssrc
        self._sequence = ssrc & 0xFFFF
        self._sent_packets = self._sent_bytes = 0

    def packets(self, nals: Sequence[bytes], timestamp: int) -> list[bytes]:
        """RTP packets of one access unit, the last with the marker."""
        payloads = [piece for unit in nals for piece in ([unit] if len(unit) <= MOST_BYTES else self._fragments(unit))]
        packets = []
        for place, payload in enumerate(payloads):
            marker = 0x80 if place == len(payloads) - 1 else 0
            header = struct.pack(">BBHII", 0x80, marker | PAYLOAD_TYPE, self._sequence, timestamp & 0xFFFFFFFF, self._ssrc)
            self._sequence = (self._sequence + 1) & 0xFFFF
            packets.append(header + payload)
            self._sent_bytes += len(payload)
        self._sent_packets += len(packets)
        return packets

    def sender_report(self, at_s: float, timestamp: int) -> bytes:
        """Says which RTP timestamp belongs to which moment (Unix s)."""
        seconds, part = divmod(at_s + NTP_EPOCH_S, 1.0)
        counts = (self._sent_packets & 0xFFFFFFFF, self._sent_bytes & 0xFFFFFFFF)
        return struct.pack(
            ">BBHIIIIII", 0x80, 200, 6, self._ssrc, int(seconds) & 0xFFFFFFFF, int(part * 2**32), timestamp & 0xFFFFFFFF, *counts
        )


def interleaved(channel: int, packet: bytes) -> bytes:
    """A packet as it stands on the RTSP connection."""
    return struct.pack(">cBH", b"$", channel, len(packet)) + packet


def _h264_fragments(unit: bytes) -> Iterator[bytes]:
    indicator, kind = unit[0] & 0xE0 | 28, unit[0] & 0x1F
    for begin, flags in _pieces(len(unit), header=1):
        yield bytes((indicator, flags | kind)) + unit[begin : begin + MOST_BYTES - 2]


def _hevc_fragments(unit: bytes) -> Iterator[bytes]:
    indicator, kind = bytes((unit[0] & 0x81 | 49 << 1, unit[1])), unit[0] >> 1 & 0x3F
    for begin, flags in _pieces(len(unit), header=2):
        yield indicator + bytes((flags | kind,)) + unit[begin : begin + MOST_BYTES - 2]


def _pieces(size: int, header: int) -> Iterator[tuple[int, int]]:
    """Where pieces begin, and the bits that mark the first and the last."""
    begins = range(header, size, MOST_BYTES - 2)
    for begin in begins:
        yield begin, (0x80 if begin == begins[0] else 0) | (0x40 if begin == begins[-1] else 0)
