"""The ticker's rhythm: at once when it may, never too often, not lost by one late tick."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from dashboard.ticker import IDLE_S, LATEST_S, PERIOD_S, Ticker


async def ticks(seconds: float, hurries: list[float]) -> list[float]:
    """Loop times of the ticks within `seconds`, relative to the start; `hurry` is called at `hurries`."""
    loop = asyncio.get_running_loop()
    start, seen = loop.time(), []
    ticker = Ticker(lambda now: seen.append(now - start))
    for at in hurries:
        loop.call_at(start + at, ticker.hurry)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ticker.run(), seconds)
    return seen


async def test_it_ticks_now_and_then_without_a_reason() -> None:
    seen = await ticks(0.55, [])
    assert 4 <= len(seen) <= 6
    assert min(b - a for a, b in itertools.pairwise(seen)) >= IDLE_S - 0.01


async def test_a_move_is_told_at_once_and_many_moves_at_most_twenty_times_a_second() -> None:
    seen = await ticks(0.3, [0.08])
    assert any(0.08 <= at < 0.08 + LATEST_S for at in seen)
    seen = await ticks(1.0, [number / 500 for number in range(500)])
    assert 12 <= len(seen) <= 1 / PERIOD_S + 1


async def test_a_fault_ends_it() -> None:
    def fail(now: float) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await Ticker(fail).run()
