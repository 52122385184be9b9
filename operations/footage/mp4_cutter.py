"""Fragmented MP4 as browsers record it (ISO/IEC 14496-12): `ftyp moov`, then `moof mdat` again and again."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from operations.footage.stream_cutting import MOST_INIT_BYTES, MOST_PIECE_BYTES, Piece, Uncuttable

NON_SYNC = 0x0001_0000  # of a sample's flags
_BASE_OFFSET, _DESCRIPTION, _DURATION, _SIZE, _FLAGS = 0x1, 0x2, 0x8, 0x10, 0x20  # fields of tfhd
_DATA_OFFSET, _FIRST_FLAGS, _EACH_DURATION, _EACH_SIZE, _EACH_FLAGS = 0x1, 0x4, 0x100, 0x200, 0x400  # fields of trun
_TFHD_WIDTHS = ((_BASE_OFFSET, 8), (_DESCRIPTION, 4), (_DURATION, 4), (_SIZE, 4))


class Mp4Cutter:
    """A `Cutter` for fragmented MP4."""

    def __init__(self) -> None:
        self.init: bytes | None = None
        self._held = bytearray()
        self._before = bytearray()
        self._moof = b""  # waits for its mdat
        self._video = 0  # track_ID
        self._default_flags = 0
        self._codec = ""

    def feed(self, data: bytes) -> list[Piece]:
        self._held += data
        pieces: list[Piece] = []
        at = 0
        while (found := _box_at(self._held, at)) is not None:
            kind, _, length = found
            if not self._before and kind != b"ftyp":
                raise Uncuttable(f"it begins with {kind!r}, MP4 begins with ftyp")
            if length > MOST_PIECE_BYTES:
                raise Uncuttable(f"a box {kind!r} of {length} bytes; at most {MOST_PIECE_BYTES} are taken")
            if len(self._held) - at < length:
                break
            self._take(kind, bytes(self._held[at : at + length]), pieces)
            at += length
        del self._held[:at]
        return pieces

    def codec(self) -> str:
        if not self._codec:
            raise Uncuttable("no video track of a codec that is known here")
        return self._codec

    def _take(self, kind: bytes, box: bytes, pieces: list[Piece]) -> None:
        if kind == b"moof":
            if self.init is None:
                if not self._video:
                    raise Uncuttable("pictures before any video track was described")
                self.init = bytes(self._before)
            self._moof = box
        elif kind == b"mdat" and self._moof:
            pieces.append(Piece(self._moof + box, self._is_key(self._moof)))
            self._moof = b""
        elif self.init is None:
            self._take_before(kind, box)

    def _take_before(self, kind: bytes, box: bytes) -> None:
        if kind == b"mdat":
            raise Uncuttable("an MP4 file that is not fragmented")
        if kind == b"moov":
            self._read_moov(box[8:])
        self._before += box
        if len(self._before) > MOST_INIT_BYTES:
            raise Uncuttable(f"more than {MOST_INIT_BYTES} bytes before the first picture")

    def _read_moov(self, moov: bytes) -> None:
        for kind, body in _boxes(moov):
            if kind == b"trak" and not self._video and (found := _video_track(body)):
                self._video, self._codec = found
        for kind, body in _boxes(_only(moov, b"mvex")):
            if kind == b"trex" and len(body) >= 24 and _u32(body, 4) == self._video:
                self._default_flags = _u32(body, 20)

    def _is_key(self, moof: bytes) -> bool:
        """Whether the first picture of the fragment is a key frame."""
        for kind, traf in _boxes(moof[8:]):
            if kind != b"traf":
                continue
            tfhd = _only(traf, b"tfhd")
            if len(tfhd) >= 8 and _u32(tfhd, 4) == self._video:
                flags = _first_flags(_only(traf, b"trun"), _default(tfhd, self._default_flags))
                return flags is not None and not flags & NON_SYNC
        return False


def _video_track(trak: bytes) -> tuple[int, str] | None:
    """track_ID and codec; None for sound. `tkhd` has longer times in its version 1."""
    mdia = _only(trak, b"mdia")
    if _only(mdia, b"hdlr")[8:12] != b"vide":
        return None
    tkhd = _only(trak, b"tkhd")
    at = 20 if tkhd[:1] == b"\1" else 12
    if len(tkhd) < at + 4:
        raise Uncuttable("a track without a number")
    return _u32(tkhd, at), _codec(_only(_only(_only(mdia, b"minf"), b"stbl"), b"stsd"))


def _codec(stsd: bytes) -> str:
    """Of the first sample entry; its own boxes begin after 78 bytes."""
    entry = next(_boxes(stsd[8:]), None)
    if entry is None:
        return ""
    kind, body = entry
    if kind in (b"avc1", b"avc3"):
        avcc = _only(body[78:], b"avcC")
        return f"{kind.decode()}.{avcc[1:4].hex()}" if len(avcc) >= 4 else ""
    if kind == b"vp09":
        vpcc = _only(body[78:], b"vpcC")
        return f"vp09.{vpcc[4]:02d}.{vpcc[5]:02d}.{vpcc[6] >> 4:02d}" if len(vpcc) >= 7 else ""
    return ""


def _default(tfhd: bytes, otherwise: int) -> int:
    present = _u32(tfhd, 0) & 0xFF_FFFF
    at = 8 + sum(width for flag, width in _TFHD_WIDTHS if present & flag)
    return _u32(tfhd, at) if present & _FLAGS and len(tfhd) >= at + 4 else otherwise


def _first_flags(trun: bytes, default: int) -> int | None:
    """Flags of the first sample; None when there is no sample."""
    if len(trun) < 8 or _u32(trun, 4) == 0:
        return None
    present = _u32(trun, 0) & 0xFF_FFFF
    at = 8 + (4 if present & _DATA_OFFSET else 0)
    if present & _FIRST_FLAGS:
        return _u32(trun, at) if len(trun) >= at + 4 else None
    if present & _EACH_FLAGS:
        at += sum(4 for flag in (_EACH_DURATION, _EACH_SIZE) if present & flag)
        return _u32(trun, at) if len(trun) >= at + 4 else None
    return default


def _only(body: bytes, wanted: bytes) -> bytes:
    """Body of the first box of a kind; empty without any."""
    return next((inner for kind, inner in _boxes(body) if kind == wanted), b"")


def _boxes(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while (found := _box_at(body, at)) is not None:
        kind, head, length = found
        if at + length > len(body):
            raise Uncuttable(f"a box {kind!r} reaches beyond the one it is in")
        yield kind, body[at + head : at + length]
        at += length


def _box_at(data: bytes | bytearray, at: int) -> tuple[bytes, int, int] | None:
    """Kind, length of the head, length of the whole; None while the head is not whole."""
    if len(data) - at < 8:
        return None
    length, kind = struct.unpack_from(">I4s", data, at)
    head = 8
    if length == 1:
        if len(data) - at < 16:
            return None
        length, head = int.from_bytes(data[at + 8 : at + 16]), 16
    if length < head:
        raise Uncuttable(f"a box {kind!r} of {length} bytes")
    return kind, head, length


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4])
