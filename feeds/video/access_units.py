"""Puts pictures together again out of RTP packets: H.264 (RFC 6184, packetization modes 0 and 1) and HEVC (RFC 7798).

Packets come in order, over TCP. One that is missing was never sent: a recorder that can't keep up leaves some out. What was to follow it
can't be shown whole before the next key frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from feeds.video import h264, nal
from feeds.video.rtp import H264_PIECE, H264_SEVERAL, HEVC_PIECE, HEVC_SEVERAL, Received

LARGEST = 8 << 20  # bytes of one picture
MOST_UNITS = 1_000  # of one picture: a few, or as many as it has slices
_HEVC_KEYS = range(16, 22)


@dataclass(frozen=True)
class AccessUnit:
    """One picture, or a slice of one where the sender marks each as the last."""

    data: bytes  # Annex B
    timestamp: int  # of RTP
    is_key: bool
    taken_at: float | None  # Unix s, by the recorder's extension
    is_last: bool  # by the same
    ssrc: int = 0  # of RTP: whose count `timestamp` is


@dataclass
class _Open:
    """One that is coming."""

    timestamp: int
    is_spoilt: bool
    ssrc: int
    units: list[bytes] = field(default_factory=list)
    piece: bytearray | None = None  # a unit that comes in fragments
    size: int = 0
    taken_at: float | None = None
    is_last: bool = False

    def add(self, unit: bytes) -> bool:
        """Whether there is room for it. Small ones take far more of it than they have bytes."""
        if len(self.units) == MOST_UNITS:
            self.units.clear()
            return False
        self.units.append(unit)
        return True


class AccessUnits:
    """Of one stream."""

    def __init__(self, codec: str, waits_for_key: bool = True) -> None:
        """`codec`: h264 or hevc. `waits_for_key`: what follows a picture that is left out is left out too, to the next key frame."""
        self._waits_for_key = waits_for_key
        self._is_hevc = codec == "hevc"
        self._open: _Open | None = None
        self._expected: tuple[int, int] | None = None  # SSRC, sequence
        self._spoilt_at: int | None = None  # timestamp of the picture that was left out last
        self._needs_key = False
        self._has_marks = False  # the sender says which packet is the last of its picture
        self.lost = 0  # packets that never came
        self.dropped = 0  # pictures left out for want of a part, or of the key frame that was to follow

    def feed(self, packet: Received) -> list[AccessUnit]:
        """What a packet completes."""
        out: list[AccessUnit] = []
        is_behind_gap = self._is_behind_gap(packet)
        if self._open is not None and (is_behind_gap or packet.timestamp != self._open.timestamp):
            self._open.is_spoilt = self._open.is_spoilt or is_behind_gap
            self._finish(out)
        if self._open is None:
            # Whether it is the first packet of its picture can't be told behind a gap.
            self._open = _Open(packet.timestamp, is_behind_gap or packet.timestamp == self._spoilt_at, packet.ssrc)
        if self._open.taken_at is None:
            self._open.taken_at = packet.taken_at
        self._open.is_last = self._open.is_last or packet.is_last
        self._take(self._open, packet.payload)
        if packet.marker:
            self._has_marks = True
            self._finish(out)
        return out

    def rest(self) -> list[AccessUnit]:
        """What was complete when the sender ended, though nothing said so."""
        out: list[AccessUnit] = []
        if self._open is not None and self._has_marks:
            self._open.is_spoilt = True  # its last packet would have said so
        self._finish(out)
        return out

    def _is_behind_gap(self, packet: Received) -> bool:
        expected, self._expected = self._expected, (packet.ssrc, (packet.sequence + 1) & 0xFFFF)
        if expected is None or expected == (packet.ssrc, packet.sequence):
            return False
        missing = (packet.sequence - expected[1]) & 0xFFFF
        # Another source, or a count that goes back, has begun anew: how much is missing nobody knows.
        self.lost += missing if expected[0] == packet.ssrc and missing < 0x8000 else 1
        return True

    def _finish(self, out: list[AccessUnit]) -> None:
        one, self._open = self._open, None
        if one is None or (not one.units and not one.is_spoilt and one.piece is None):
            return
        is_key = any(self._is_key(unit) for unit in one.units)
        if one.is_spoilt or one.piece is not None:
            self.dropped += one.timestamp != self._spoilt_at
            self._spoilt_at, self._needs_key = one.timestamp, self._waits_for_key
        elif self._needs_key and not is_key:
            self.dropped += 1
        else:
            self._needs_key = False
            out.append(AccessUnit(nal.join(one.units), one.timestamp, is_key, one.taken_at, one.is_last, one.ssrc))

    def _is_key(self, unit: bytes) -> bool:
        return nal.hevc_type(unit) in _HEVC_KEYS if self._is_hevc else nal.h264_type(unit) == h264.KEY_SLICE

    def _take(self, one: _Open, payload: bytes) -> None:
        one.size += len(payload)
        if one.size > LARGEST:
            one.is_spoilt, one.piece = True, None
            one.units.clear()
        header = 2 if self._is_hevc else 1
        if one.is_spoilt or not payload:
            return
        kind = nal.hevc_type(payload) if self._is_hevc else nal.h264_type(payload)
        if kind == (HEVC_PIECE if self._is_hevc else H264_PIECE):
            one.is_spoilt = not self._take_piece(one, payload, header)
        elif one.piece is not None:
            one.is_spoilt = True  # its other pieces never come
        elif kind == (HEVC_SEVERAL if self._is_hevc else H264_SEVERAL):
            one.is_spoilt = not _take_several(one, payload, header)
        elif len(payload) >= header and (kind < HEVC_SEVERAL if self._is_hevc else 0 < kind < H264_SEVERAL):
            one.is_spoilt = not one.add(payload)
        else:
            one.is_spoilt = True  # a way of packing that was not agreed upon

    def _take_piece(self, one: _Open, payload: bytes, header: int) -> bool:
        """Whether it belongs where it stands."""
        if len(payload) <= header + 1:
            return False
        flags = payload[header]
        if flags & 0x80:
            if one.piece is not None:
                return False
            own = (payload[0] & 0x81 | (flags & 0x3F) << 1, payload[1]) if self._is_hevc else (payload[0] & 0xE0 | flags & 0x1F,)
            one.piece = bytearray(own)
        if one.piece is None:
            return False
        one.piece += payload[header + 1 :]
        if flags & 0x40:
            unit, one.piece = bytes(one.piece), None
            return one.add(unit)
        return True


def _take_several(one: _Open, payload: bytes, header: int) -> bool:
    """Whether it was whole."""
    place = header
    while place < len(payload):
        size = int.from_bytes(payload[place : place + 2], "big")
        unit = payload[place + 2 : place + 2 + size]
        if not size or size < header or len(unit) < size or not one.add(unit):
            return False
        place += 2 + size
    return True
