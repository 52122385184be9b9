"""One unit's fixes out of closed slices: of each only its header and the unit's own block are read, all of them decoded at one go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from storage.track_blocks import MAGIC, UNITS, Header
from storage.track_files import DamagedSlice, fixes_of, read_header, unit_ids_of, unpack, unpacked_bytes

_FIRST_BYTES = 16_384  # holds the header and the unit ids of a city's slice


class UnitReader:
    """Reads one unit out of one slice after the other; `fixes` gives what was found. Blocks on the disk."""

    def __init__(self, unit_id: str) -> None:
        self._unit_id = unit_id
        self._places: dict[tuple[int, int], int | None] = {}  # of the unit, by the list of unit ids: most slices have the same
        self._decompressor = zstandard.ZstdDecompressor()
        self._blocks: list[tuple[Path | str, bytes]] = []  # compressed, and of which file
        self._sizes: list[int] = []  # of each, uncompressed
        self._in_block: list[int] = []
        self._starts_s: list[int] = []
        self._whole: list[NDArray[Any]] = []  # from slices that have no blocks

    def take(self, start_s: int, path: Path | str) -> None:
        """Read a closed slice. Raises DamagedSlice naming the file, FileNotFoundError."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            self._take(start_s, path, descriptor)
        except DamagedSlice as error:
            raise DamagedSlice(f"{path}: {error}") from None
        finally:
            os.close(descriptor)

    def take_whole(self, start_s: int, unit_ids: list[str], fixes: NDArray[Any]) -> None:
        """The same from a slice that is unpacked already."""
        if self._unit_id in unit_ids:
            number = unit_ids.index(self._unit_id)
            own = fixes[np.searchsorted(fixes["unit"], number) : np.searchsorted(fixes["unit"], number + 1)]
            self._whole.append(own[own["received_ds"] >= start_s * 10])

    def fixes(self) -> NDArray[Any]:
        """[n] FIX in the order of slices read as blocks, then of those read whole; without what each carries over from the one before.

        Raises DamagedSlice.
        """
        found, counts = fixes_of(self._uncompressed(), self._sizes, self._in_block)
        begins_ds = np.repeat(np.array(self._starts_s, np.int64) * 10, counts)
        # `take` moves whole fixes; an index of booleans or of numbers moves them field by field, thirty times slower.
        own = found.take(np.flatnonzero(found["received_ds"] >= begins_ds))
        return np.concatenate([own, *self._whole]) if self._whole else own

    def _take(self, start_s: int, path: Path | str, descriptor: int) -> None:
        head = os.pread(descriptor, _FIRST_BYTES, 0)
        if not head.startswith(MAGIC):
            piece = unpack(head + os.pread(descriptor, os.fstat(descriptor).st_size, len(head)))
            self.take_whole(start_s, piece.unit_ids, piece.fixes)
            return
        header, place = read_header(head)
        if place + header.units[0] > len(head):
            head += os.pread(descriptor, place + header.units[0] - len(head), len(head))
        number = self._place(header, head[place : place + header.units[0]])
        if number is None:
            return
        block = number // UNITS
        length, crc = header.blocks[block]
        at = place + header.units[0] + sum([size for size, _ in header.blocks[:block]])
        packed = os.pread(descriptor, length, at)
        self._sizes.append(unpacked_bytes(packed, crc, "a block"))
        self._blocks.append((path, packed))
        self._in_block.append(number % UNITS)
        self._starts_s.append(start_s)

    def _place(self, header: Header, packed: bytes) -> int | None:
        if header.units not in self._places:
            unit_ids = unit_ids_of(packed, header.units[1])
            self._places[header.units] = unit_ids.index(self._unit_id) if self._unit_id in unit_ids else None
        return self._places[header.units]

    def _uncompressed(self) -> NDArray[np.uint8]:
        """All blocks, one behind the other."""
        # Into one place: as many objects, joined, would be twice the megabytes, and the system clears each page of them first.
        raw, begin = np.empty(sum(self._sizes), np.uint8), 0
        into = raw.data
        for (path, packed), size in zip(self._blocks, self._sizes, strict=True):
            try:
                into[begin : begin + size] = self._decompressor.decompress(packed)
            except zstandard.ZstdError as error:
                raise DamagedSlice(f"{path}: a block can't be read: {error}") from None
            begin += size
        return raw
