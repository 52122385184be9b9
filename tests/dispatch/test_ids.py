"""Identifiers are UUIDs of version 7 that sort by their time."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from dispatch.ids import uuid7

MOMENTS = st.floats(0, 4_000_000_000)
NOISE = st.binary(min_size=10, max_size=10)


@given(MOMENTS, NOISE)
def test_version_variant_and_time(unix_s: float, noise: bytes) -> None:
    value = UUID(uuid7(unix_s, lambda n: noise[:n]))
    assert (value.version, value.variant) == (7, "specified in RFC 4122")
    assert value.int >> 80 == int(unix_s * 1000)


@given(MOMENTS, st.integers(1, 10**6), NOISE, NOISE)
def test_a_later_one_sorts_after_an_earlier_one(unix_s: float, later_ms: int, first: bytes, second: bytes) -> None:
    assert uuid7(unix_s, lambda n: first) < uuid7(unix_s + (later_ms + 1) / 1000, lambda n: second)


def test_all_noise_is_used() -> None:
    ones = UUID(uuid7(0, lambda n: b"\xff" * n)).int
    noughts = UUID(uuid7(0, lambda n: b"\x00" * n)).int
    assert bin(ones ^ noughts).count("1") == 74
