"""NAL units of H.264 and HEVC as they lie in a byte stream (Annex B)."""

from __future__ import annotations

import re
from itertools import pairwise

START = b"\x00\x00\x00\x01"
_START_CODE = re.compile(rb"\x00\x00\x01")


def split(stream: bytes) -> list[bytes]:
    """The units of a byte stream, without start codes and the zeros around them. What stands before the first code is no unit."""
    places = [found.start() for found in _START_CODE.finditer(stream)]
    units = (stream[begin + 3 : end].rstrip(b"\x00") for begin, end in pairwise([*places, len(stream)]))
    return [unit for unit in units if unit]


def join(units: list[bytes] | tuple[bytes, ...]) -> bytes:
    """The byte stream of these units."""
    return b"".join(START + unit for unit in units)


def h264_type(unit: bytes) -> int:
    """1 slice, 5 slice of a key frame (IDR), 6 SEI, 7 SPS, 8 PPS, 9 delimiter."""
    return unit[0] & 0x1F


def hevc_type(unit: bytes) -> int:
    """0–9 slices, 16–21 slices of key frames, 32 VPS, 33 SPS, 34 PPS, 39 SEI."""
    return unit[0] >> 1 & 0x3F
