"""What the README of an evidence package says of track slices is enough to read one."""

from __future__ import annotations

import struct
import zlib

import msgspec
import numpy as np
import zstandard

from storage.track_files import FIX, Slice, pack


def read_as_told(content: bytes) -> tuple[list[str], list[tuple[int, ...]]]:
    """A slice read by the README's words alone: unit ids, and of each fix its unit, position_ms, lon, lat, received_ds, four bytes."""
    length = int.from_bytes(content[8:12], "little")
    header = msgspec.msgpack.decode(content[16 : 16 + length])
    pieces, at = [], 16 + length
    for size, crc in [header["units"], *header["blocks"]]:
        assert zlib.crc32(content[at : at + size]) == crc
        pieces.append(zstandard.ZstdDecompressor().decompress(content[at : at + size]))
        at += size
    assert (content[:8], at) == (b"LDTKCLS2", len(content))
    rows = []
    for number, block in enumerate(pieces[1:]):
        table = struct.unpack("<23I", block[:92])
        columns, at = [], 92
        for size in table[16:]:
            width, planes = block[at], block[at + 1 : at + size]
            n = len(planes) // width
            found = (sum(planes[plane * n + i] << 8 * plane for plane in range(width)) for i in range(n))
            columns.append(iter([(value >> 1) ^ -(value & 1) for value in found]))
            at += size
        total = sum(table[:16])
        small = [iter(block[at + k * total : at + (k + 1) * total]) for k in range(4)]
        for unit, count in enumerate(table[:16]):
            values, four = [0, 0, 0], [0, 0, 0, 0]
            for fix in range(count):
                if fix == 0:
                    values = [next(columns[2 * k]) for k in range(3)]
                    four = [0, 0, 0, 0]
                values = [value + next(columns[2 * k + 1]) for k, value in enumerate(values)]
                four = [(value + next(small[k])) % 256 for k, value in enumerate(four)]
                rows.append((16 * number + unit, *values, next(columns[6]) + values[0] // 100, *four))
    assert len(rows) == header["fixes"]
    return msgspec.msgpack.decode(pieces[0]), rows


def test_a_slice_can_be_read_by_the_words_of_the_readme() -> None:
    random = np.random.default_rng(1)
    fixes = np.zeros(300, FIX)
    fixes["unit"] = np.sort(random.integers(37, size=300))
    for name, low, high in (("position_ms", 1.7e12, 1.8e12), ("received_ds", 1.7e10, 1.8e10), ("lon", -1.8e8, 1.8e8), ("lat", -9e7, 9e7)):
        fixes[name] = random.integers(int(low), int(high), 300)
    for name in ("heading", "speed", "status", "flags"):
        fixes[name] = random.integers(256, size=300)
    ids = [f"u{number}" for number in range(37)]
    order = ["unit", "position_ms", "lon", "lat", "received_ds", "heading", "speed", "status", "flags"]
    assert read_as_told(pack(Slice(0, ids, fixes))) == (ids, fixes[order].tolist())
