"""Token buckets by client: a steady rate and a burst."""

from __future__ import annotations

from dispatch.clock import Clock


class RateLimit:
    """Each key may take `burst` at once and `per_s` a second in the long run."""

    def __init__(self, clock: Clock, per_s: float, burst: int, max_keys: int = 20_000) -> None:
        self._clock = clock
        self._per_s = per_s
        self._burst = float(burst)
        self._max_keys = max_keys
        # By key: when the bucket would be full again (Unix s). A key in the past has a full bucket and can be forgotten.
        self._full_at: dict[str, float] = {}

    def take(self, key: str) -> float:
        """Take one. 0 when it was there, else the seconds until it will be (nothing is taken then)."""
        now_s = self._clock.unix_s()
        longest_s = self._burst / self._per_s
        if len(self._full_at) >= self._max_keys:
            self._full_at = {k: at for k, at in self._full_at.items() if at > now_s}
        # Bounded above too: a clock that was set back must not lock anyone out.
        full_at = self._full_at[key] = min(max(self._full_at.get(key, 0.0), now_s), now_s + longest_s)
        wait_s = full_at + 1.0 / self._per_s - now_s - longest_s
        if wait_s > 1e-9:
            return wait_s
        self._full_at[key] = full_at + 1.0 / self._per_s
        return 0.0
