"""RTSP 1.0 (RFC 2326) as it lies on a connection that carries the pictures as well: answers, requests of the device's own, packets.

What comes is a device's: everything is bounded in size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

LONGEST_LINE, LONGEST_HEAD, MOST_HEADERS = 4_096, 16 * 1024, 64  # bytes, bytes, lines
LARGEST_BODY = 64 * 1024
PACKET, PACKET_HEAD = 0x24, 4  # how one begins ("$"), and the bytes before what it holds
_STATUS = re.compile(r"RTSP/1\.[0-9] ([0-9]{3})(?: .*)?")
_ASKED = re.compile(r"([A-Z_]{1,20}) \S+ RTSP/1\.\d")


class Framed(NamedTuple):
    """A packet out of the connection."""

    channel: int
    data: bytes


@dataclass(frozen=True)
class Answer:
    """To a request."""

    status: int
    headers: tuple[tuple[str, str], ...]  # names in small letters
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known == name]

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")


@dataclass(frozen=True)
class Asked:
    """A request of the device's own."""

    method: str
    count: str


class Framing:
    """Takes the bytes of one connection apart."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> Framed | Answer | Asked | None:
        """What comes next; None when it is not whole yet. Raises ValueError for what is no RTSP."""
        while self._buffer:
            if self._buffer[0] == PACKET:
                return self._packet()
            if self._buffer[0] not in b"\r\n":
                return self._message()
            del self._buffer[0]
        return None

    def _packet(self) -> Framed | None:
        buffer = self._buffer
        if len(buffer) < PACKET_HEAD:
            return None
        end = PACKET_HEAD + (buffer[2] << 8 | buffer[3])
        if len(buffer) < end:
            return None
        packet = Framed(buffer[1], bytes(buffer[PACKET_HEAD:end]))
        del buffer[:end]
        return packet

    def _message(self) -> Answer | Asked | None:
        if not self._buffer[:1].isalpha():
            raise ValueError("no RTSP")
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 and len(self._buffer) <= LONGEST_HEAD:
            return None
        # As it is written: what a device has to be told again is told in its own bytes, whatever they mean.
        first, *rest = self._buffer[:end].decode("utf-8", "surrogateescape").split("\r\n")
        if not 0 <= end <= LONGEST_HEAD or len(rest) > MOST_HEADERS or max(map(len, (first, *rest))) > LONGEST_LINE:
            raise ValueError("a head is too long")
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in rest))
        told = dict(reversed(headers))
        length = told.get("content-length", "0")
        if not (length.isascii() and length.isdigit() and len(length) < 10) or int(length) > LARGEST_BODY:
            raise ValueError("a body is too long")
        whole = end + 4 + int(length)
        if len(self._buffer) < whole:
            return None
        body = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        if status := _STATUS.fullmatch(first):
            return Answer(int(status[1]), headers, body)
        if asked := _ASKED.fullmatch(first):
            return Asked(asked[1], told.get("cseq", "0")[:10])
        raise ValueError("no RTSP")
