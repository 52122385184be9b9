"""What protocol adapters share: the bound on how much one connection may say."""

from __future__ import annotations

from collections.abc import Callable


class TokenBucket:
    """Allows `rate_per_s` on average and `burst` at once. The clock is any function of seconds that never runs back."""

    def __init__(self, rate_per_s: float, burst: float, clock_s: Callable[[], float]) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clock_s = clock_s
        self._tokens = burst
        self._filled_at = clock_s()

    def take(self, count: float) -> bool:
        """Whether `count` more are allowed now; refused ones cost nothing."""
        now = self._clock_s()
        self._tokens = min(self._burst, self._tokens + max(now - self._filled_at, 0.0) * self._rate_per_s)
        self._filled_at = now
        if count > self._tokens:
            return False
        self._tokens -= count
        return True
