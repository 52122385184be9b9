"""The two forms of a track slice on disk, and what both decode to. Pure: bytes in, arrays out. `docs/feeds.md` has the layout.

Open slice: 8 bytes magic, then records of length, CRC-32 and payload; a torn last record is recognised and left out.
Closed slice: fixes by unit, the first one absolute, then steps, each column apart as byte planes in zstd.
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

OPEN_MAGIC = b"LDTKOPN1"
CLOSED_MAGIC = b"LDTKCLS1"
UNKNOWN = 255  # heading or speed that nobody reported
FASTEST_KMH = 254

# One fix as kept: 1e-6 degrees, milliseconds for the unit's time, tenths of a second (rounded up) for ours, 2 degrees, km/h:
# the steps of the live frames, so that a replayed frame equals the live one.
FIX = np.dtype(
    [
        ("unit", "<u4"),  # index in the slice's unit list
        ("position_ms", "<i8"),
        ("received_ds", "<i8"),
        ("lon", "<i4"),
        ("lat", "<i4"),
        ("heading", "u1"),
        ("speed", "u1"),
        ("status", "u1"),
        ("flags", "u1"),
    ]
)
BYTE_COLUMNS = ("heading", "speed", "status", "flags")

_RECORD = struct.Struct("<II")  # length of the payload, its CRC-32
_HEAD = struct.Struct("<8sII")  # magic, length of the header, its CRC-32
_UNITS, _FIXES = b"U", b"F"  # first byte of a payload
# Below 10 the files grow by a few per cent, above 12 packing takes several times as long.
_LEVEL = 10


class DamagedSlice(Exception):
    """A closed slice does not hold what was written; the message names the file's part."""


@dataclass(frozen=True)
class Slice:
    """All fixes of one slice, grouped by unit, in order of arrival within a unit."""

    start_s: int  # Unix s
    unit_ids: list[str]
    fixes: NDArray[Any]  # [n] FIX, sorted by unit
    torn_bytes: int = 0  # left out at the end of an open slice

    @property
    def starts(self) -> NDArray[np.int64]:
        """[units + 1] where each unit's fixes begin."""
        return np.searchsorted(self.fixes["unit"], np.arange(len(self.unit_ids) + 1))


def record_of_units(unit_ids: Sequence[str]) -> bytes:
    """Announces units; they get the next indices of the slice."""
    return _record(_UNITS + msgspec.msgpack.encode(list(unit_ids)))


def record_of_fixes(fixes: NDArray[Any]) -> bytes:
    """`fixes` is a FIX array."""
    return _record(_FIXES + fixes.tobytes())


def read_open(content: bytes, start_s: int) -> tuple[Slice, int]:
    """The slice and the length of its sound part: what follows is torn and to be cut. Wrong magic: nothing is sound."""
    unit_ids: list[str] = []
    parts: list[NDArray[Any]] = [np.zeros(0, FIX)]
    place = len(OPEN_MAGIC) if content.startswith(OPEN_MAGIC) else 0
    while place:
        payload = _payload(content, place)
        if payload is None or not _take(payload, unit_ids, parts):
            break
        place += _RECORD.size + len(payload)
    fixes = np.concatenate(parts)
    fixes = fixes[np.argsort(fixes["unit"], kind="stable")]
    return Slice(start_s, unit_ids, fixes, len(content) - place), place


def pack(piece: Slice) -> bytes:
    """The closed form."""
    fixes = piece.fixes
    is_first = np.concatenate(([True], np.diff(fixes["unit"].astype(np.int64)) != 0)) if len(fixes) else np.zeros(0, bool)
    blocks = {
        "units": msgspec.msgpack.encode(piece.unit_ids),
        "counts": _planes(np.bincount(fixes["unit"], minlength=len(piece.unit_ids))),
    }
    for name in ("position_ms", "lon", "lat"):
        blocks[f"first_{name}"] = _planes(fixes[name][is_first])
        blocks[name] = _planes(_zigzag(np.where(is_first, 0, _steps(fixes[name]))))
    blocks["lag_ds"] = _planes(_zigzag(fixes["received_ds"] - fixes["position_ms"] // 100))
    for name in BYTE_COLUMNS:
        blocks[name] = np.diff(fixes[name], prepend=np.uint8(0)).tobytes()  # modulo 256
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    packed = {name: compressor.compress(block) for name, block in blocks.items()}
    columns = [(name, len(block), zlib.crc32(block)) for name, block in packed.items()]
    header = msgspec.msgpack.encode({"start_s": piece.start_s, "fixes": len(fixes), "columns": columns})
    return b"".join((_HEAD.pack(CLOSED_MAGIC, len(header), zlib.crc32(header)), header, *packed.values()))


def unpack(content: bytes) -> Slice:
    """What `pack` wrote. Raises DamagedSlice."""
    start_s, count, blocks = _blocks(content)
    try:
        unit_ids = msgspec.msgpack.decode(blocks["units"], type=list[str])
        counts = _numbers(blocks["counts"])
        fixes = np.empty(count, FIX)
        fixes["unit"] = np.repeat(np.arange(len(unit_ids)), counts)
        starts = np.cumsum(counts) - counts
        for name in ("position_ms", "lon", "lat"):
            steps = _unzigzag(_numbers(blocks[name]))
            present = counts > 0
            sums = np.cumsum(steps)
            # Steps sum up within a unit: take away what the units before it summed to, which is the sum up to its first fix.
            base = _numbers(blocks[f"first_{name}"]) - sums[starts[present]]
            fixes[name] = sums + np.repeat(base, counts[present])
        fixes["received_ds"] = _unzigzag(_numbers(blocks["lag_ds"])) + fixes["position_ms"] // 100
        for name in BYTE_COLUMNS:
            fixes[name] = np.cumsum(np.frombuffer(blocks[name], np.uint8), dtype=np.uint8)
    except (KeyError, ValueError, IndexError, msgspec.MsgspecError) as error:
        raise DamagedSlice(f"columns do not fit each other: {error}") from None
    return Slice(start_s, unit_ids, fixes)


def _blocks(content: bytes) -> tuple[int, int, dict[str, bytes]]:
    """Start, number of fixes and the decompressed columns. Raises DamagedSlice."""
    try:
        magic, length, crc = _HEAD.unpack_from(content)
        header_bytes = content[_HEAD.size : _HEAD.size + length]
        if magic != CLOSED_MAGIC or zlib.crc32(header_bytes) != crc:
            raise DamagedSlice("header is damaged or of another format")
        header = msgspec.msgpack.decode(header_bytes)
        place = _HEAD.size + length
        blocks = {}
        for name, size, column_crc in header["columns"]:
            block = content[place : place + size]
            if zlib.crc32(block) != column_crc:
                raise DamagedSlice(f"column {name} is damaged")
            blocks[name] = zstandard.ZstdDecompressor().decompress(block)
            place += size
        return header["start_s"], header["fixes"], blocks
    except (struct.error, KeyError, TypeError, ValueError, msgspec.MsgspecError, zstandard.ZstdError) as error:
        raise DamagedSlice(f"can't be read: {error}") from None


def _record(payload: bytes) -> bytes:
    return _RECORD.pack(len(payload), zlib.crc32(payload)) + payload


def _payload(content: bytes, place: int) -> bytes | None:
    """The record at `place`; None when it is not whole or its CRC is wrong."""
    if place + _RECORD.size > len(content):
        return None
    length, crc = _RECORD.unpack_from(content, place)
    payload = content[place + _RECORD.size : place + _RECORD.size + length]
    return payload if len(payload) == length and zlib.crc32(payload) == crc else None


def _take(payload: bytes, unit_ids: list[str], parts: list[NDArray[Any]]) -> bool:
    """Add one record; False when it makes no sense."""
    if payload[:1] == _UNITS:
        unit_ids += msgspec.msgpack.decode(payload[1:], type=list[str])
        return True
    if payload[:1] != _FIXES or (len(payload) - 1) % FIX.itemsize:
        return False
    parts.append(np.frombuffer(payload, FIX, offset=1))
    return True


def _steps(values: NDArray[Any]) -> NDArray[np.int64]:
    steps = values.astype(np.int64)
    steps[1:] -= values[:-1]
    return steps


def _zigzag(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Small numbers of either sign as small unsigned ones: high bytes of both become 0."""
    return (values << 1) ^ (values >> 63)


def _unzigzag(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return (values >> 1) ^ -(values & 1)


def _planes(values: NDArray[Any]) -> bytes:
    """First bytes of all numbers, then second bytes …: like bytes stand together and compress. As many as the largest needs."""
    numbers = np.ascontiguousarray(values, dtype="<i8")
    widest = int(numbers.max(initial=0)) if int(numbers.min(initial=0)) >= 0 else -1
    width = 8 if widest < 0 else max(1, (widest.bit_length() + 7) // 8)
    return bytes([width]) + np.ascontiguousarray(numbers.view(np.uint8).reshape(-1, 8)[:, :width].T).tobytes()


def _numbers(block: bytes) -> NDArray[np.int64]:
    width = block[0]
    planes = np.frombuffer(block, np.uint8, offset=1).reshape(width, -1)
    numbers = np.zeros((planes.shape[1], 8), np.uint8)
    numbers[:, :width] = planes.T
    return numbers.view("<i8").reshape(-1)
