"""The ticker's rhythm: at once when it may, never too often, not lost by one late tick."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from dashboard.ticker import IDLE_S, LATEST_S, PERIOD_S, Ticker


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock leaps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._leapt_to = 0.0

    def time(self) -> float:
        return self._leapt_to

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self._leapt_to = max(self._leapt_to, self._scheduled[0]._when)
        super()._run_once()


def ticks(seconds: float, hurries: list[float]) -> list[float]:
    """Times of the ticks within `seconds`; `hurry` is called at `hurries`."""

    async def run() -> list[float]:
        loop, seen = asyncio.get_running_loop(), []
        ticker = Ticker(seen.append)
        for at in hurries:
            loop.call_at(at, ticker.hurry)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ticker.run(), seconds)
        return seen

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(run())


def test_it_ticks_now_and_then_without_a_reason() -> None:
    assert ticks(0.55, []) == pytest.approx([k * IDLE_S for k in range(6)])


def test_a_move_is_told_at_once() -> None:
    assert ticks(0.25, [0.08]) == pytest.approx([0.0, 0.08, 0.18])


def test_many_moves_are_told_at_most_twenty_times_a_second() -> None:
    seen = ticks(1.0, [number / 500 for number in range(500)])
    assert len(seen) == pytest.approx(1 / PERIOD_S, abs=1)
    assert min(b - a for a, b in itertools.pairwise(seen)) >= PERIOD_S - LATEST_S


async def test_a_fault_ends_it() -> None:
    def fail(now: float) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await Ticker(fail).run()
