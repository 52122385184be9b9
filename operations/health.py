"""How well the system hears and keeps up: each feed's age, rate and refusals by reason, and the event loop's lag.

Counters are written on the event loop. `snapshot()` is what `/ready`, the health page and the strip show.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from dispatch.clock import Clock

# A feed is late after this many expected intervals without a word, and silent after SILENT_AFTER of them.
LATE_AFTER = 2.0
SILENT_AFTER = 6.0
# Rates are means over this many whole seconds.
RATE_WINDOW_S = 60
# The loop is asked to wake this often; a minute of overshoots is kept.
LAG_PERIOD_S = 0.05
LAG_SAMPLES = 1200
# A feed that invents reasons could fill memory; further ones are counted together.
MAX_REASONS = 100


class FeedState(StrEnum):
    OK = "ok"
    LATE = "late"
    SILENT = "silent"
    REFUSED = "refused"  # it sends, and nothing of it is taken: a gateway whose clock is wrong
    NEVER = "never"  # not heard since the start


class FeedHealth:
    """Counters of one feed since the start."""

    def __init__(self, name: str, expected_interval_s: float) -> None:
        self.name = name
        self.expected_interval_s = expected_interval_s  # how long it may be quiet without being late; inf: as long as it likes
        self.last_heard_at: float | None = None  # Unix s of the newest message of any content
        self.sessions = 0  # connections open now
        self.accepted = 0
        self.refused_since: float | None = None  # Unix s since which all that came was refused; None while something is taken
        self.rejected: Counter[str] = Counter()  # by reason
        self.warnings: set[str] = set()  # standing doubts, e.g. wrong_datum_suspected
        self._by_second: deque[tuple[int, int]] = deque()  # (second, accepted in it), oldest first

    def heard(self, at: float, accepted: int, refused: int = 0) -> None:
        """A message came at `at` (Unix s) of which `accepted` reports were taken; `refused` said nothing that could be used."""
        self.last_heard_at = at if self.last_heard_at is None else max(self.last_heard_at, at)
        if accepted:
            self.refused_since = None
        elif refused and self.refused_since is None:
            self.refused_since = at
        self.accepted += accepted
        second = int(at)
        if self._by_second and self._by_second[-1][0] == second:
            accepted += self._by_second.pop()[1]
        self._by_second.append((second, accepted))
        while self._by_second[0][0] < second - RATE_WINDOW_S:
            self._by_second.popleft()

    def reject(self, reason: str, count: int = 1) -> None:
        known = reason in self.rejected or len(self.rejected) < MAX_REASONS
        self.rejected[reason if known else "other"] += count

    def state(self, now: float) -> FeedState:
        """As of `now` (Unix s)."""
        if self.last_heard_at is None:
            return FeedState.NEVER
        intervals = (now - self.last_heard_at) / self.expected_interval_s
        if intervals > SILENT_AFTER:
            return FeedState.SILENT
        if self.refused_since is not None and (now - self.refused_since) / self.expected_interval_s > LATE_AFTER:
            return FeedState.REFUSED
        return FeedState.OK if intervals <= LATE_AFTER else FeedState.LATE

    def rate_per_s(self, now: float) -> float:
        """Accepted reports a second over the last whole minute."""
        return sum(count for second, count in self._by_second if now - RATE_WINDOW_S <= second < int(now)) / RATE_WINDOW_S

    def snapshot(self, now: float) -> dict[str, Any]:
        return {
            "state": self.state(now).value,
            "age_s": None if self.last_heard_at is None else round(max(now - self.last_heard_at, 0.0), 1),
            "expected_interval_s": None if math.isinf(self.expected_interval_s) else self.expected_interval_s,
            "sessions": self.sessions,
            "rate_per_s": round(self.rate_per_s(now), 2),
            "accepted": self.accepted,
            "rejected": dict(self.rejected.most_common()),
            "warnings": sorted(self.warnings),
        }


class Health:
    """Everything that is watched. Built empty; feeds appear when first declared or heard."""

    def __init__(self, clock: Clock, expected_interval_s: float = 10.0) -> None:
        self._clock = clock
        self._expected_interval_s = expected_interval_s
        self.feeds: dict[str, FeedHealth] = {}
        self._probes: dict[str, Callable[[], dict[str, Any]]] = {}
        self._lags_s: deque[float] = deque(maxlen=LAG_SAMPLES)
        self.too_many: Counter[str] = Counter()  # requests refused for their rate since the start, by which limit it was

    def feed(self, name: str, expected_interval_s: float | None = None) -> FeedHealth:
        """The feed's counters; declared with the default interval when new."""
        known = self.feeds.get(name)
        if known is None:
            known = self.feeds[name] = FeedHealth(name, expected_interval_s or self._expected_interval_s)
        elif expected_interval_s is not None:
            known.expected_interval_s = expected_interval_s
        return known

    def refuse_rate(self, limit: str) -> None:
        """A request was one too many of its stranger, account, session or address."""
        self.too_many[limit] += 1

    def watch(self, part: str, probe: Callable[[], dict[str, Any]]) -> None:
        """Ask `probe` for the state of `part` at each snapshot. It runs on the event loop: counters only, no I/O."""
        self._probes[part] = probe

    async def watch_loop(self) -> None:
        """Measure how late the event loop wakes, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_PERIOD_S
            await asyncio.sleep(LAG_PERIOD_S)
            self._lags_s.append(max(loop.time() - due, 0.0))

    @property
    def loop_lag_p99_ms(self) -> float | None:
        """99th percentile of the last minute, None before the first sample."""
        if not self._lags_s:
            return None
        ordered = sorted(self._lags_s)
        return round(ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)] * 1000.0, 2)

    def snapshot(self) -> dict[str, Any]:
        """JSON-ready: `feeds` by name, `parts` by name, `loop_lag_p99_ms`, `at` (Unix s)."""
        now = self._clock.unix_s()
        return {
            "at": now,
            "feeds": {name: feed.snapshot(now) for name, feed in sorted(self.feeds.items())},
            "parts": {name: probe() for name, probe in sorted(self._probes.items())},
            "loop_lag_p99_ms": self.loop_lag_p99_ms,
        }
