"""Failed log-ins, counted by name and address, so that guessing stops. In memory: a restart forgets them."""

from __future__ import annotations

from collections import deque

from dispatch.clock import Clock

ATTEMPTS_WINDOW_S = 300.0
ATTEMPTS_PER_NAME = 5  # from one address
ATTEMPTS_PER_ADDRESS = 20
# Of the second factor, from all addresses together: whoever tries knows the password already, and a code has six digits only.
CODES_PER_NAME = 10
MOST_COUNTED = 10_000  # a flood from many addresses must not eat the memory


class TooManyAttempts(Exception):
    """Too many failed log-ins of this name or address."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"Too many failed log-ins; try again in {retry_after_s:.0f} s.")
        self.retry_after_s = retry_after_s


class Attempts:
    """Failures of one node; on the event loop. A key is what failed: an address, a name from an address, a name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}

    def refuse_too_many(self, limits: dict[str, int]) -> None:
        """Raises TooManyAttempts when one of these keys has failed as often as its limit."""
        now_s = self._clock.unix_s()
        for key, limit in limits.items():
            failures = self._failures.get(key, deque())
            while failures and failures[0] <= now_s - ATTEMPTS_WINDOW_S:
                failures.popleft()
            if not failures:
                self._failures.pop(key, None)
            elif len(failures) >= limit:
                raise TooManyAttempts(failures[0] + ATTEMPTS_WINDOW_S - now_s)

    def count(self, limits: dict[str, int]) -> None:
        """One failure of each key."""
        now_s = self._clock.unix_s()
        if len(self._failures) > MOST_COUNTED:
            recent = now_s - ATTEMPTS_WINDOW_S
            self._failures = {key: times for key, times in self._failures.items() if times[-1] > recent}
        for key in limits:
            self._failures.setdefault(key, deque()).append(now_s)

    def take_back(self, limits: dict[str, int]) -> None:
        """It was no failure after all: the newest of each key does not count."""
        for key in limits:
            if failures := self._failures.get(key):
                failures.pop()
                if not failures:
                    del self._failures[key]

    def forget(self, key: str) -> None:
        """It has succeeded: what failed before does not count."""
        self._failures.pop(key, None)


def by_name(name: str, address: str) -> dict[str, int]:
    """Limits of a name from an address, and of the address; the name's own comes first."""
    return {f"{address}|{name}": ATTEMPTS_PER_NAME} | by_address(address)


def by_address(address: str) -> dict[str, int]:
    """Limits of an address alone."""
    return {address: ATTEMPTS_PER_ADDRESS}


def by_code(name: str, address: str) -> dict[str, int]:
    """Limits of codes for a name from an address."""
    return by_name(name, address) | {f"code|{name}": CODES_PER_NAME}
