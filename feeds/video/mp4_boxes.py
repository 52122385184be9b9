"""The few boxes of fragmented MP4 that MediaSource wants (ISO/IEC 14496-12 and -15), for one video track."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from feeds.video.h264 import Sps

TRACK = 1
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
# Sample flags: of a key frame, and of a picture that needs others.
_KEY, _NOT_KEY = 0x02000000, 0x01010000
_WITH_EXTENSION = frozenset({100, 110, 122, 144})  # profiles whose record also tells chroma and bit depth


@dataclass(frozen=True)
class Sample:
    """One picture as it lies in a file; times in ticks of the track."""

    data: bytes
    decoded: int
    offset: int  # shown so much later than decoded; negative: earlier
    duration: int
    is_key: bool


def decoder_record(sps: Sps, pps: Sequence[bytes]) -> bytes:
    """What a decoder is set up with, the content of `avcC`."""
    record = b"\x01" + sps.unit[1:4] + b"\xff\xe1" + struct.pack(">H", len(sps.unit)) + sps.unit + bytes((len(pps),))
    record += b"".join(struct.pack(">H", len(unit)) + unit for unit in pps)
    if sps.unit[1] in _WITH_EXTENSION:
        depth = 0xF8 | sps.bit_depth - 8
        record += bytes((0xFC | sps.chroma_format, depth, depth, 0))
    return record


def init_segment(sps: Sps, record: bytes, timescale: int) -> bytes:
    """`ftyp` and `moov` of a track of this picture size, for decoders set up with `record`."""
    movie = _full(
        b"mvhd", 0, 0, struct.pack(">IIIIIH10x", 0, 0, timescale, 0, 0x10000, 0x100), _MATRIX, bytes(24), struct.pack(">I", TRACK + 1)
    )
    extends = _box(b"mvex", _full(b"trex", 0, 0, struct.pack(">5I", TRACK, 1, 0, 0, 0)))
    return _box(b"ftyp", b"iso5\x00\x00\x02\x00iso5iso6mp41") + _box(b"moov", movie, _track(sps, record, timescale), extends)


def fragment_box(number: int, sample: Sample) -> bytes:
    """`moof` and `mdat` of one picture."""
    fields = struct.pack(">III", sample.duration, len(sample.data), _KEY if sample.is_key else _NOT_KEY)
    flags = 0x1 | 0x100 | 0x200 | 0x400
    if sample.offset:
        fields, flags = fields + struct.pack(">i", sample.offset), flags | 0x800
    header = _full(b"mfhd", 0, 0, struct.pack(">I", number))
    track = _full(b"tfhd", 0, 0x020000, struct.pack(">I", TRACK)) + _full(b"tfdt", 1, 0, struct.pack(">Q", sample.decoded))
    run_size = 12 + 8 + len(fields)
    data_offset = 8 + len(header) + 8 + len(track) + run_size + 8  # from the beginning of moof
    run = _full(b"trun", 1, flags, struct.pack(">Ii", 1, data_offset), fields)
    return _box(b"moof", header, _box(b"traf", track, run)) + _box(b"mdat", sample.data)


def picture_of(fragment: bytes) -> bytes:
    """The picture in a fragment as `fragment_box` makes them."""
    return fragment[int.from_bytes(fragment[:4], "big") + 8 :]


def _track(sps: Sps, record: bytes, timescale: int) -> bytes:
    size = struct.pack(">II", sps.width << 16, sps.height << 16)
    header = _full(b"tkhd", 0, 3, struct.pack(">IIIII8xhhhH", 0, 0, TRACK, 0, 0, 0, 0, 0, 0), _MATRIX, size)
    empty = [_full(name, 0, 0, bytes(4)) for name in (b"stts", b"stsc", b"stco")] + [_full(b"stsz", 0, 0, bytes(8))]
    samples = _box(b"stbl", _full(b"stsd", 0, 0, struct.pack(">I", 1), _sample_entry(sps, record)), *empty)
    where = _box(b"dinf", _full(b"dref", 0, 0, struct.pack(">I", 1), _full(b"url ", 0, 1)))
    media = _box(
        b"mdia",
        _full(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, timescale, 0, 0x55C4, 0)),
        _full(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, b"vide"), b"camera\x00"),
        _box(b"minf", _full(b"vmhd", 0, 1, bytes(8)), where, samples),
    )
    return _box(b"trak", header, media)


def _sample_entry(sps: Sps, record: bytes) -> bytes:
    fields = struct.pack(">6xH16xHHIIIH32xHh", 1, sps.width, sps.height, 0x480000, 0x480000, 0, 1, 24, -1)
    return _box(b"avc1", fields, _box(b"avcC", record))


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)
