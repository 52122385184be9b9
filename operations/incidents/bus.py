"""Tells who listens what the journal has just recorded. On the event loop only."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from dispatch.events import Recorded

Batch = tuple[Recorded, ...]


class Subscription:
    """Batches in the order of the journal, one for each commit.

    One that falls more than `maxsize` batches behind loses them all and is told by `overflowed` with the next batch: it takes
    a snapshot of the picture, sets `overflowed` to False, and leaves out events the snapshot already holds.
    """

    def __init__(self, bus: Bus, maxsize: int) -> None:
        self._bus = bus
        self._maxsize = maxsize
        self._waiting: deque[Batch] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self.overflowed = False

    def put(self, batch: Batch) -> None:
        if len(self._waiting) >= self._maxsize:
            self._waiting.clear()
            self.overflowed = True
        self._waiting.append(batch)
        self._wake.set()

    @property
    def is_waiting(self) -> bool:
        """Whether something was told that has not been taken yet."""
        return bool(self._waiting)

    def close(self) -> None:
        """No more batches; who waits for one is woken and the iteration ends."""
        self._closed = True
        self._bus.forget(self)
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Batch]:
        while not self._closed:
            if self._waiting:
                yield self._waiting.popleft()
                continue
            self._wake.clear()
            await self._wake.wait()


class Bus:
    """Everyone who subscribed gets every batch, or learns that it has missed some."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def subscribe(self, maxsize: int = 1000) -> Subscription:
        subscription = Subscription(self, maxsize)
        self._subscriptions.add(subscription)
        return subscription

    def publish(self, batch: Batch) -> None:
        for subscription in tuple(self._subscriptions):
            subscription.put(batch)

    @property
    def is_waiting(self) -> bool:
        """Whether anybody has yet to take what was told."""
        return any(subscription.is_waiting for subscription in self._subscriptions)

    def forget(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)
