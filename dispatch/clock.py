"""Time is passed in: the only module that may ask the machine what time it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What everyone who needs the time is handed."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        ...

    def unix_s(self) -> float:
        """The same instant as Unix seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def unix_s(self) -> float:
        return time.time()


class ManualClock:
    """A clock that moves only when told to: tests, and later replay."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def unix_s(self) -> float:
        return self._at.timestamp()

    def advance(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)

    def set(self, at: datetime) -> None:
        self._at = at
