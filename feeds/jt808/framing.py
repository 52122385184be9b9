"""From a byte stream to frames: 0x7e at both ends, 0x7d escapes, a check byte. No I/O.

Whatever lies between two 0x7e is a candidate frame, so that a stream finds its feet again after any garbage.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import xor

FLAG = 0x7E
ESCAPE = 0x7D
# Header 21 bytes at most, body 1,023, check byte, every byte escaped: 2,090. Longer is no frame.
MAX_RAW = 2_100


class BadFrame(Exception):
    """A frame or message that can't be taken; the message is the reason counted in the feed's health."""

    @property
    def reason(self) -> str:
        return str(self)


class Deframer:
    """Collects bytes of one connection and yields the unescaped, checked content of frames, without the check byte."""

    def __init__(self) -> None:
        self._raw = bytearray()  # since the last flag
        self._in_frame = False  # a flag was seen; before it nothing can be a frame
        self._too_long = False  # what follows up to the next flag is dropped

    def feed(self, data: bytes) -> Iterator[bytes | BadFrame]:
        """Content of each frame that is complete now, or what is wrong with it."""
        *closed, rest = data.split(bytes([FLAG]))
        for piece in closed:
            content = self._end_of_piece(piece)
            self._in_frame = True
            if content is not None:
                yield content
        self._raw += rest
        if len(self._raw) > MAX_RAW:
            self._raw.clear()
            self._too_long = True

    def _end_of_piece(self, piece: bytes) -> bytes | BadFrame | None:
        """What stood before a flag; None when nothing did."""
        raw = bytes(self._raw) + piece
        too_long, self._too_long = self._too_long or len(raw) > MAX_RAW, False
        self._raw.clear()
        if not raw and not too_long:
            return None
        if too_long or not self._in_frame:
            return BadFrame("too_long" if too_long else "garbage")
        try:
            return checked(unescaped(raw))
        except BadFrame as bad:
            return bad


def frame(content: bytes) -> bytes:
    """A whole frame around header and body."""
    return b"\x7e" + escaped(content + bytes([check_byte(content)])) + b"\x7e"


def escaped(content: bytes) -> bytes:
    return content.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")


def unescaped(raw: bytes) -> bytes:
    """Raises BadFrame("bad_escape") for an escape that stands for nothing."""
    if ESCAPE not in raw:
        return raw
    first, *pieces = raw.split(b"\x7d")
    content = bytearray(first)
    for piece in pieces:
        if piece[:1] not in (b"\x01", b"\x02"):
            raise BadFrame("bad_escape")
        content += (b"\x7d" if piece[0] == 1 else b"\x7e") + piece[1:]
    return bytes(content)


def checked(content: bytes) -> bytes:
    """Content without its check byte. Raises BadFrame("bad_checksum")."""
    if len(content) < 2 or check_byte(content[:-1]) != content[-1]:
        raise BadFrame("bad_checksum")
    return content[:-1]


def check_byte(content: bytes) -> int:
    return reduce(xor, content, 0)
