"""The closed form of a slice: sixteen units a block, each compressed for itself, so that one unit's path reads little. `docs/feeds.md`.

Pure: bytes in, arrays out. Numbers are steps within a unit, zigzag, as byte planes; a day of one unit is decoded at one go.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

MAGIC = b"LDTKCLS2"
UNITS = 16  # of a block: fewer make files larger, more make a path slower
NUMBERS = ("first_position_ms", "position_ms", "first_lon", "lon", "first_lat", "lat", "lag_ds")
BYTES = ("heading", "speed", "status", "flags")
STEPPED = ("position_ms", "lon", "lat")
HEAD = struct.Struct("<8sII")  # magic, length of the header, its CRC-32
# Below 10 the files grow by a few per cent, above 12 packing takes several times as long.
LEVEL = 10
_TABLE = UNITS + len(NUMBERS)  # u32 at a block's beginning: fixes of each unit, length of each column of numbers

Ints = NDArray[np.int64]
Fixes = NDArray[Any]  # storage.track_files.FIX


class Header(msgspec.Struct, frozen=True):
    """What stands before the blocks. Lengths in bytes, compressed."""

    start_s: int
    fixes: int
    units: tuple[int, int]  # length and CRC-32 of the list of unit ids
    blocks: tuple[tuple[int, int], ...]  # length and CRC-32 of each


@dataclass(frozen=True)
class _Segments:
    """Runs of one unit's fixes: of which block and unit of it, from which fix of the block on, how many; its place among those with any."""

    block: Ints
    unit: Ints
    first: Ints
    count: Ints
    present: Ints


def pack_blocks(start_s: int, unit_ids: Sequence[str], fixes: Fixes) -> bytes:
    """`fixes` are by unit, in order of arrival within one."""
    counts = np.bincount(fixes["unit"], minlength=len(unit_ids)).astype(np.int64)
    starts = np.concatenate(([0], np.cumsum(counts)))
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    units = compressor.compress(msgspec.msgpack.encode(list(unit_ids)))
    blocks = []
    for unit in range(0, len(unit_ids), UNITS):
        of_block = counts[unit : unit + UNITS]
        blocks.append(compressor.compress(_block(fixes[starts[unit] : starts[unit + len(of_block)]], of_block)))
    table = tuple((len(block), zlib.crc32(block)) for block in blocks)
    header = msgspec.msgpack.encode(Header(start_s, len(fixes), (len(units), zlib.crc32(units)), table))
    return b"".join((HEAD.pack(MAGIC, len(header), zlib.crc32(header)), header, units, *blocks))


def _block(fixes: Fixes, counts: Ints) -> bytes:
    first = np.zeros(len(fixes), np.bool_)
    first[(np.cumsum(counts) - counts)[counts > 0]] = True
    numbers = {"lag_ds": planes(zigzag(fixes["received_ds"] - fixes["position_ms"] // 100))}
    for name in STEPPED:
        values = fixes[name].astype(np.int64)
        numbers[f"first_{name}"] = planes(zigzag(values[first]))
        numbers[name] = planes(zigzag(np.where(first, 0, np.diff(values, prepend=0))))
    table = np.zeros(_TABLE, "<u4")
    table[: len(counts)] = counts
    table[UNITS:] = [len(numbers[name]) for name in NUMBERS]
    steps = (np.where(first, fixes[name], np.diff(fixes[name], prepend=np.uint8(0))).astype(np.uint8).tobytes() for name in BYTES)
    return b"".join((table.tobytes(), *(numbers[name] for name in NUMBERS), *steps))


def decode(blocks: Sequence[bytes], wanted: Sequence[int] | None, dtype: np.dtype[Any]) -> tuple[Fixes, Ints]:
    """Fixes of uncompressed blocks, and how many each block gave. `wanted`: of each block the place of the one unit to be read; None: all.

    `unit` counts through all blocks, sixteen a block. Raises ValueError where columns don't fit each other.
    """
    if not blocks:
        return np.zeros(0, dtype), np.zeros(0, np.int64)
    raw = np.frombuffer(b"".join(blocks), np.uint8)
    sizes = np.array([len(block) for block in blocks], np.int64)
    begins = np.cumsum(sizes) - sizes
    if (sizes < 4 * _TABLE).any():
        raise ValueError("a block is too short for its table")
    table = np.stack([np.frombuffer(block, "<u4", _TABLE) for block in blocks]).astype(np.int64)
    counts, lengths = table[:, :UNITS], table[:, UNITS:]
    totals = counts.sum(axis=1)
    if (4 * _TABLE + lengths.sum(axis=1) + len(BYTES) * totals != sizes).any():
        raise ValueError("a block's columns are not as long as its table says")
    places = begins[:, None] + 4 * _TABLE + np.cumsum(lengths, axis=1) - lengths
    segments = _segments(counts, wanted)
    block = np.repeat(segments.block, segments.count)
    # Of each fix: its place within its block.
    within = np.arange(len(block)) + np.repeat(segments.first - np.cumsum(segments.count) + segments.count, segments.count)
    fixes = np.empty(len(block), dtype)
    fixes["unit"] = np.repeat(segments.block * UNITS + segments.unit, segments.count)
    present: Ints = (counts > 0).sum(axis=1)
    for name in STEPPED:
        steps = unzigzag(_gather(raw, places[:, NUMBERS.index(name)], totals, block, within))
        firsts = unzigzag(_gather(raw, places[:, NUMBERS.index(f"first_{name}")], present, segments.block, segments.present))
        fixes[name] = _sums(steps, segments.count) + np.repeat(firsts, segments.count)
    lag = unzigzag(_gather(raw, places[:, NUMBERS.index("lag_ds")], totals, block, within))
    fixes["received_ds"] = lag + fixes["position_ms"] // 100
    ends = places[:, -1] + lengths[:, -1]
    for number, name in enumerate(BYTES):
        fixes[name] = _sums(raw[(ends + number * totals)[block] + within].astype(np.int64), segments.count)
    return fixes, np.bincount(segments.block, weights=segments.count, minlength=len(blocks)).astype(np.int64)


def _segments(counts: Ints, wanted: Sequence[int] | None) -> _Segments:
    firsts = np.cumsum(counts, axis=1) - counts
    present: Ints = np.cumsum(counts > 0, axis=1) - (counts > 0)
    chosen = counts > 0
    if wanted is not None:
        chosen &= np.arange(UNITS) == np.asarray(wanted, np.int64)[:, None]
    block, place = np.nonzero(chosen)
    return _Segments(block, place, firsts[chosen], counts[chosen], present[chosen])


def _gather(raw: NDArray[np.uint8], places: Ints, lengths: Ints, block: Ints, within: Ints) -> Ints:
    """Numbers out of byte planes: of each wanted one its block, and its place in that block's column of `lengths` numbers."""
    widths = raw[np.minimum(places, len(raw) - 1)].astype(np.int64)
    values = np.zeros(len(within), np.int64)
    for plane in range(int(widths.max(initial=0))):
        at = (places + 1 + plane * lengths)[block] + within
        deep = widths[block] > plane
        values |= np.where(deep, raw[np.where(deep, at, 0)], 0).astype(np.int64) << (8 * plane)
    return values


def _sums(steps: Ints, counts: Ints) -> Ints:
    """Running sums that begin anew with each segment."""
    sums = np.cumsum(steps)
    before = np.concatenate(([0], sums))[np.cumsum(counts) - counts]
    return sums - np.repeat(before, counts)


def planes(values: Ints) -> bytes:
    """First bytes of all numbers, then second bytes …: like bytes stand together and compress. As many as the largest needs."""
    numbers = np.ascontiguousarray(values, dtype="<i8")
    widest = int(numbers.max(initial=0)) if int(numbers.min(initial=0)) >= 0 else -1
    width = 8 if widest < 0 else max(1, (widest.bit_length() + 7) // 8)
    return bytes([width]) + np.ascontiguousarray(numbers.view(np.uint8).reshape(-1, 8)[:, :width].T).tobytes()


def zigzag(values: Ints) -> Ints:
    """Small numbers of either sign as small unsigned ones: high bytes of both become 0."""
    return (values << 1) ^ (values >> 63)


def unzigzag(values: Ints) -> Ints:
    return (values >> 1) ^ -(values & 1)
