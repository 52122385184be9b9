"""The closed form of slices that earlier versions wrote, to be read: whole columns, each for itself. Pure."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from storage.track_blocks import BYTES, STEPPED, unzigzag

MAGIC = b"LDTKCLS1"
_HEAD = struct.Struct("<8sII")  # magic, length of the header, its CRC-32


def unpack(content: bytes, dtype: np.dtype[Any]) -> tuple[int, list[str], NDArray[Any]]:
    """Start (Unix s), unit ids and fixes. Raises ValueError and what decoding raises."""
    start_s, count, blocks = _blocks(content)
    unit_ids = msgspec.msgpack.decode(blocks["units"], type=list[str])
    counts = _numbers(blocks["counts"])
    fixes = np.empty(count, dtype)
    fixes["unit"] = np.repeat(np.arange(len(unit_ids)), counts)
    starts, present = np.cumsum(counts) - counts, counts > 0
    for name in STEPPED:
        sums = np.cumsum(unzigzag(_numbers(blocks[name])))
        # Steps sum up within a unit: take away what the units before it summed to, which is the sum up to its first fix.
        base = _numbers(blocks[f"first_{name}"]) - sums[starts[present]]
        fixes[name] = sums + np.repeat(base, counts[present])
    fixes["received_ds"] = unzigzag(_numbers(blocks["lag_ds"])) + fixes["position_ms"] // 100
    for name in BYTES:
        fixes[name] = np.cumsum(np.frombuffer(blocks[name], np.uint8), dtype=np.uint8)
    return start_s, unit_ids, fixes


def _blocks(content: bytes) -> tuple[int, int, dict[str, bytes]]:
    """Start, number of fixes and the decompressed columns."""
    _, length, crc = _HEAD.unpack_from(content)
    header_bytes = content[_HEAD.size : _HEAD.size + length]
    if zlib.crc32(header_bytes) != crc:
        raise ValueError("header is damaged")
    header = msgspec.msgpack.decode(header_bytes)
    place, blocks = _HEAD.size + length, {}
    for name, size, column_crc in header["columns"]:
        block = content[place : place + size]
        if zlib.crc32(block) != column_crc:
            raise ValueError(f"column {name} is damaged")
        blocks[name] = zstandard.ZstdDecompressor().decompress(block)
        place += size
    return header["start_s"], header["fixes"], blocks


def _numbers(block: bytes) -> NDArray[np.int64]:
    width = block[0]
    planes = np.frombuffer(block, np.uint8, offset=1).reshape(width, -1)
    numbers = np.zeros((planes.shape[1], 8), np.uint8)
    numbers[:, :width] = planes.T
    return numbers.view("<i8").reshape(-1)
