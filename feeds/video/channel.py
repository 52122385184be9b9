"""How the server and its video processes talk, over loopback TCP: frames of four bytes of length, one of kind, then the content.

The first frame of a connection is a request with the secret; without it the connection is closed. Then a `control` connection carries
requests, answers and reports; a `watch` connection carries one viewer's messages.
"""

from __future__ import annotations

import asyncio
import struct
from enum import IntEnum
from typing import Any

import msgspec

LARGEST = 16 << 20  # bytes of one frame
_HEAD = struct.Struct(">IB")


class Kind(IntEnum):
    """What a frame holds."""

    CONTROL = 0  # MessagePack
    TEXT = 1  # a text message for the browser
    BINARY = 2  # a binary message for the browser


def frame(kind: Kind, content: bytes) -> bytes:
    return _HEAD.pack(len(content), kind) + content


def control(content: dict[str, Any]) -> bytes:
    return frame(Kind.CONTROL, msgspec.msgpack.encode(content))


class Frames:
    """Takes a stream of bytes apart."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._buffer = bytearray()

    async def next(self) -> list[tuple[Kind, bytes]]:
        """Frames that have come, at least one. Raises ConnectionError at the end."""
        while True:
            found = self._cut()
            if found:
                return found
            data = await self._reader.read(1 << 18)
            if not data:
                raise ConnectionResetError("the other side has closed the connection")
            self._buffer += data

    def _cut(self) -> list[tuple[Kind, bytes]]:
        found, place, buffer = [], 0, self._buffer
        while len(buffer) - place >= _HEAD.size:
            size, kind = _HEAD.unpack_from(buffer, place)
            if size > LARGEST:
                raise ConnectionAbortedError(f"a frame of {size} bytes")
            if len(buffer) - place - _HEAD.size < size:
                break
            place += _HEAD.size
            found.append((Kind(kind), bytes(buffer[place : place + size])))
            place += size
        del buffer[:place]
        return found
