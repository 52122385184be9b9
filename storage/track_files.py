"""The two forms of a track slice on disk, and what both decode to. Pure: bytes in, arrays out. `docs/feeds.md` has the layout.

Open slice: 8 bytes magic, then records of length, CRC-32 and payload; a torn last record is recognised and left out.
Closed slice: fixes by unit in blocks (`storage.track_blocks`); those of earlier versions in columns (`storage.track_columns`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from storage import track_columns
from storage.track_blocks import HEAD, MAGIC, Header, decode, pack_blocks

OPEN_MAGIC = b"LDTKOPN1"
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
_UNITS, _FIXES = b"U", b"F"  # first byte of a payload
_HEADERS = msgspec.msgpack.Decoder(Header)


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
    return pack_blocks(piece.start_s, piece.unit_ids, piece.fixes)


def unpack(content: bytes) -> Slice:
    """What `pack` wrote, also by earlier versions. Raises DamagedSlice."""
    if content.startswith(track_columns.MAGIC):
        return Slice(*_reading(track_columns.unpack, content, FIX))
    header, place = read_header(content)
    unit_ids, place = _unit_ids(content, place, header)
    blocks, decompressor = [], zstandard.ZstdDecompressor()
    for number, (length, crc) in enumerate(header.blocks):
        blocks.append(_uncompressed(content[place : place + length], crc, f"block {number}", decompressor))
        place += length
    fixes, _ = fixes_of(np.frombuffer(b"".join(blocks), np.uint8), [len(block) for block in blocks], None)
    if len(fixes) != header.fixes:
        raise DamagedSlice(f"columns do not fit each other: {len(fixes)} fixes, {header.fixes} were written")
    return Slice(header.start_s, unit_ids, fixes)


def read_header(content: bytes) -> tuple[Header, int]:
    """The header, and where it ends. Raises DamagedSlice."""
    try:
        magic, length, crc = HEAD.unpack_from(content)
        header = content[HEAD.size : HEAD.size + length]
        if magic != MAGIC or zlib.crc32(header) != crc:
            raise DamagedSlice("header is damaged or of another format")
        return _HEADERS.decode(header), HEAD.size + length
    except (struct.error, msgspec.MsgspecError) as error:
        raise DamagedSlice(f"can't be read: {error}") from None


def unit_ids_of(packed: bytes, crc: int) -> list[str]:
    """The list of unit ids as it stands behind the header. Raises DamagedSlice."""
    try:
        return msgspec.msgpack.decode(_uncompressed(packed, crc, "units"), type=list[str])
    except msgspec.MsgspecError as error:
        raise DamagedSlice(f"can't be read: {error}") from None


def _unit_ids(content: bytes, place: int, header: Header) -> tuple[list[str], int]:
    length, crc = header.units
    return unit_ids_of(content[place : place + length], crc), place + length


def unpacked_bytes(packed: bytes, crc: int, name: str) -> int:
    """How long compressed bytes are uncompressed, once they are what was written. Raises DamagedSlice."""
    if zlib.crc32(packed) != crc:
        raise DamagedSlice(f"{name} is damaged")
    try:
        size = zstandard.frame_content_size(packed)
    except zstandard.ZstdError as error:
        raise DamagedSlice(f"{name} can't be read: {error}") from None
    if size < 0:
        raise DamagedSlice(f"{name} does not say how long it is")
    return size


def _uncompressed(packed: bytes, crc: int, name: str, decompressor: zstandard.ZstdDecompressor | None = None) -> bytes:
    if zlib.crc32(packed) != crc:
        raise DamagedSlice(f"{name} is damaged")
    try:
        return (decompressor or zstandard.ZstdDecompressor()).decompress(packed)
    except zstandard.ZstdError as error:
        raise DamagedSlice(f"{name} can't be read: {error}") from None


def fixes_of(raw: NDArray[np.uint8], sizes: Sequence[int], places: Sequence[int] | None) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Fixes of uncompressed blocks, one behind the other, of one unit whose place in each is given or of all; how many each block gave.

    Raises DamagedSlice.
    """
    return _reading(decode, raw, np.array(sizes, np.int64), places, FIX)


def _reading(read: Callable[..., Any], *given: Any) -> Any:
    try:
        return read(*given)
    except (struct.error, KeyError, TypeError, ValueError, IndexError, msgspec.MsgspecError, zstandard.ZstdError) as error:
        raise DamagedSlice(f"columns do not fit each other: {error}") from None


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
