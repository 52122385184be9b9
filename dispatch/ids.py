"""Identifiers that sort by time of birth."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID


def uuid7(unix_s: float, random: Callable[[int], bytes]) -> str:
    """A UUID version 7 (RFC 9562) for the instant `unix_s`; `random(n)` gives n random bytes (`os.urandom`)."""
    milliseconds = int(unix_s * 1000) & (1 << 48) - 1
    noise = int.from_bytes(random(10), "big")
    value = milliseconds << 80 | 0x7 << 76 | (noise >> 62 & 0xFFF) << 64 | 0b10 << 62 | noise & (1 << 62) - 1
    return str(UUID(int=value))
