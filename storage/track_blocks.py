"""The closed form of a slice: sixteen units a block, each compressed for itself, so that one unit's path reads little. `docs/feeds.md`.

Pure: bytes in, arrays out. Numbers are steps within a unit, zigzag, as byte planes; a day of one unit is decoded at one go.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
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
Octets = NDArray[np.uint8]
Fixes = NDArray[Any]  # storage.track_files.FIX


class Header(msgspec.Struct, frozen=True):
    """What stands before the blocks. Lengths in bytes, compressed."""

    start_s: int
    fixes: int
    units: tuple[int, int]  # length and CRC-32 of the list of unit ids
    blocks: tuple[tuple[int, int], ...]  # length and CRC-32 of each


class _Runs:
    """Pieces of columns, wanted one after the other: of which block each, from which of its numbers on, how many."""

    def __init__(self, block: Ints, first: Ints, count: Ints) -> None:
        self._block, self._count = block, count
        # Of each wanted number, how far it stands behind the beginning of its block's column.
        self._within = np.arange(int(count.sum())) + np.repeat(first - np.cumsum(count) + count, count)

    def bytes_of(self, raw: Octets, begins: Ints) -> Octets:
        """`begins`: where each block's column begins, a byte a number."""
        return raw.take(self._within + np.repeat(begins[self._block], self._count))

    def numbers_of(self, raw: Octets, begins: Ints, numbers: Ints, widths: Ints) -> Ints:
        """The same of columns of `widths` byte planes, each with a byte for every one of the block's `numbers`."""
        found = np.zeros(len(self._within), np.int64)
        for plane in range(int(widths[self._block].max(initial=0))):
            is_there = widths > plane
            octets = self.bytes_of(raw, np.where(is_there, begins + plane * numbers, begins)).astype(np.int64)
            if not is_there.all():
                octets *= np.repeat(is_there[self._block], self._count)
            found |= octets << (8 * plane)
        return found


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


def decode(raw: Octets, sizes: Ints, wanted: Sequence[int] | None, dtype: np.dtype[Any]) -> tuple[Fixes, Ints]:
    """Fixes of uncompressed blocks, one behind the other in `raw`, and how many each gave.

    `wanted`: of each block the place of the one unit to be read; None: all. `unit` counts through all blocks, sixteen a block.
    Raises ValueError where columns don't fit each other.
    """
    if not len(sizes):
        return np.zeros(0, dtype), np.zeros(0, np.int64)
    begins = np.cumsum(sizes) - sizes
    counts, lengths = _tables(raw, begins, sizes)
    totals, is_present = counts.sum(axis=1), counts > 0
    places = begins[:, None] + 4 * _TABLE + np.cumsum(lengths, axis=1) - lengths
    chosen = is_present if wanted is None else is_present & (np.arange(UNITS) == np.asarray(wanted, np.int64)[:, None])
    block, unit = np.nonzero(chosen)
    each = counts[chosen]
    of_fixes = _Runs(block, (np.cumsum(counts, axis=1) - counts)[chosen], each)
    of_firsts = _Runs(block, (np.cumsum(is_present, axis=1) - is_present)[chosen], np.ones_like(each))
    columns = {}
    for number, name in enumerate(NUMBERS):
        runs, of_block = (of_firsts, is_present.sum(axis=1)) if name.startswith("first_") else (of_fixes, totals)
        widths = raw[places[:, number]].astype(np.int64)
        if (lengths[:, number] != 1 + widths * of_block).any():
            raise ValueError(f"column {name} is not as long as its numbers need")
        columns[name] = unzigzag(runs.numbers_of(raw, places[:, number] + 1, of_block, widths))
    fixes = np.empty(len(columns["lag_ds"]), dtype)
    fixes["unit"] = np.repeat(block * UNITS + unit, each)
    for name in STEPPED:
        fixes[name] = columns[name] = _sums(columns[name], each, columns[f"first_{name}"])
    fixes["received_ds"] = columns["lag_ds"] + columns["position_ms"] // 100
    ends = places[:, -1] + lengths[:, -1]
    for number, name in enumerate(BYTES):
        fixes[name] = _sums(of_fixes.bytes_of(raw, ends + number * totals), each, np.zeros(len(each), np.uint8))
    return fixes, np.bincount(block, weights=each, minlength=len(sizes)).astype(np.int64)


def _tables(raw: Octets, begins: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """[blocks, units] fixes of each unit, [blocks, columns] length of each column of numbers."""
    if (sizes < 4 * _TABLE).any():
        raise ValueError("a block is too short for its table")
    table = raw[begins[:, None] + np.arange(4 * _TABLE)].view("<u4").astype(np.int64)
    counts, lengths = table[:, :UNITS], table[:, UNITS:]
    if (4 * _TABLE + lengths.sum(axis=1) + len(BYTES) * counts.sum(axis=1) != sizes).any():
        raise ValueError("a block's columns are not as long as its table says")
    return counts, lengths


def _sums(steps: NDArray[Any], counts: Ints, firsts: NDArray[Any]) -> NDArray[Any]:
    """Running sums that begin anew with each segment of `counts`, each with its own first value. Of bytes modulo 256."""
    sums = np.cumsum(steps, dtype=steps.dtype)
    before = np.concatenate((np.zeros(1, steps.dtype), sums))[np.cumsum(counts) - counts]
    return sums + np.repeat(firsts - before, counts)


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
