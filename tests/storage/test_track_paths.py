"""One unit's path out of closed slices: damage is found and its file named, and a slice is named by the instant at which it begins."""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from storage.track_blocks import HEAD, MAGIC, NUMBERS, UNITS, Header, decode
from storage.track_files import FIX, DamagedSlice, Slice, pack, read_header
from storage.track_paths import UnitReader
from storage.track_slices import SLICE_S, slice_name, slice_start_s

IDS = [f"u{number}" for number in range(2 * UNITS)]


def some_fixes(units: int, each: int, seed: int) -> np.ndarray:
    random, fixes = np.random.default_rng(seed), np.zeros(units * each, FIX)
    fixes["unit"] = np.repeat(np.arange(units), each)
    fixes["received_ds"] = np.tile(np.arange(each) * 30, units)
    fixes["position_ms"] = fixes["received_ds"] * 100 - random.integers(0, 900, len(fixes))
    fixes["lon"], fixes["lat"] = random.integers(-9_000, 9_000, (2, len(fixes)))
    fixes["heading"], fixes["speed"] = random.integers(0, 255, (2, len(fixes)))
    return fixes


def path_of(unit_id: str, *paths: Path) -> list[tuple[int, ...]]:
    reader = UnitReader(unit_id)
    for path in paths:
        reader.take(0, path)
    return [row[1:] for row in reader.fixes().tolist()]


def test_a_path_is_that_of_each_slice_however_wide_their_columns_are(tmp_path):
    """Slices whose steps need one, two and four bytes, one after the other."""
    paths, wanted = [], []
    for number, stretch in enumerate((1, 7_000, 20_000)):
        fixes = some_fixes(len(IDS), 5, number)
        fixes["lon"] *= stretch
        fixes["position_ms"] -= stretch
        paths.append(tmp_path / f"{number}.track")
        paths[-1].write_bytes(pack(Slice(0, IDS, fixes)))
        wanted += [row[1:] for row in fixes[fixes["unit"] == 19].tolist()]
    assert path_of("u19", *paths) == wanted
    assert path_of("u19", *reversed(paths)) == [*wanted[10:], *wanted[5:10], *wanted[:5]]


def test_any_changed_byte_is_named_or_is_of_another_block(tmp_path):
    sound, path = pack(Slice(0, IDS, some_fixes(len(IDS), 3, 1))), tmp_path / "one.track"
    other = tmp_path / "other.track"
    other.write_bytes(sound)
    path.write_bytes(sound)
    wanted = path_of("u3", other, path)
    header, begins = read_header(sound)
    begins += header.units[0]
    own = range(begins, begins + header.blocks[0][0])
    for place in range(len(sound)):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x10]) + sound[place + 1 :])
        if place >= own.stop:
            assert path_of("u3", path) == wanted[:3]
        elif place in own or place < HEAD.size:
            with pytest.raises(DamagedSlice, match=r"one\.track: "):
                path_of("u3", other, path)
    path.write_bytes(sound[: own.stop - 1])
    with pytest.raises(DamagedSlice, match=r"one\.track: a block is damaged"):
        path_of("u3", other, path)


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (b"never compressed", "a block can't be read"),
        (zstandard.ZstdCompressor(write_content_size=False).compress(bytes(200)), "a block does not say how long it is"),
        (zstandard.ZstdCompressor().compress(bytes(200))[:-3], "a block can't be read"),
    ],
)
def test_a_block_that_was_written_wrong_is_named(tmp_path, block, says):
    units = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode(["a"]))
    header = msgspec.msgpack.encode(Header(0, 1, (len(units), zlib.crc32(units)), ((len(block), zlib.crc32(block)),)))
    path = tmp_path / "one.track"
    path.write_bytes(HEAD.pack(MAGIC, len(header), zlib.crc32(header)) + header + units + block)
    with pytest.raises(DamagedSlice, match=rf"one\.track: {says}"):
        path_of("a", path)


def test_a_column_must_be_as_long_as_its_numbers_need():
    """One fix of one unit; a width that is not the column's moves no other column."""
    table = np.array([1] + [0] * (UNITS - 1) + [2] * len(NUMBERS), "<u4").tobytes()
    sound = table + bytes([1, 4]) * len(NUMBERS) + bytes(4)

    def read(block: bytes) -> list[tuple[int, ...]]:
        return decode(np.frombuffer(block, np.uint8), np.array([len(block)]), None, FIX)[0].tolist()

    assert read(sound) == [(0, 4, 2, 4, 4, 0, 0, 0, 0)]
    for column in range(len(NUMBERS)):
        at = len(table) + 2 * column
        with pytest.raises(ValueError, match=f"column {NUMBERS[column]} is not as long as its numbers need"):
            read(sound[:at] + bytes([2]) + sound[at + 1 :])


@given(st.integers(0, 4_102_444_800 // SLICE_S))
def test_a_slice_is_named_by_the_instant_it_begins(number):
    name = slice_name(number * SLICE_S)
    assert slice_start_s(name) == number * SLICE_S
    assert len(name) == len("20260301/080500")
