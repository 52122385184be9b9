"""What a hub has for one who takes it: all that came since he last asked, and less of it when he does not keep up."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from feeds.video.fmp4 import Fragment, Init
from feeds.video.pull import PullFailed


@dataclass(frozen=True)
class Told:
    """What is wrong with the pictures, or that it no longer is."""

    state: str  # ok | late | black | frozen
    since: float  # Unix s
    late_s: float | None = None


Item = Init | Fragment | Told


class Subscription:
    """One who takes what comes."""

    def __init__(self, most_behind: int) -> None:
        self._most = most_behind
        self._items: deque[Item] = deque()
        self._fragments = 0
        self._behind = False  # waits for the next key frame
        self._news = asyncio.Event()
        self._failure: PullFailed | None = None
        self.skipped = 0  # fragments it was spared

    async def take(self) -> list[Item]:
        """All that has come since; waits for something. Raises PullFailed when the camera is given up."""
        await self._news.wait()
        self._news.clear()
        if not self._items and self._failure is not None:
            self._news.set()
            raise self._failure
        items = list(self._items)
        self._items.clear()
        self._fragments = 0
        if self._failure is not None:
            self._news.set()
        return items

    def put(self, item: Item) -> None:
        if isinstance(item, Fragment) and not self._has_room(item):
            return
        self._items.append(item)
        self._news.set()

    def fail(self, failure: PullFailed) -> None:
        self._failure = failure
        self._news.set()

    def _has_room(self, fragment: Fragment) -> bool:
        if self._fragments >= self._most:
            kept = [one for one in self._items if not isinstance(one, Fragment)]
            self.skipped += len(self._items) - len(kept)
            self._items, self._fragments, self._behind = deque(kept), 0, True
        if self._behind and not fragment.is_key:
            self.skipped += 1
            return False
        self._behind = False
        self._fragments += 1
        return True
