"""Tracks: every accepted fix, written once a second, readable at any instant. One `TrackStore` per server.

Forms on disk: `storage.track_files`; writing: `storage.track_writer`; reading: `storage.track_reader`; what was closed and what
removed: `storage.track_ledger`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.evidence import file_sha256
from storage.track_reader import TrackReader
from storage.track_removal import Held, Removal, remove_before
from storage.track_slices import pause
from storage.track_writer import TrackWriter

__all__ = ["TrackStore"]


class TrackStore(TrackReader):
    """Both sides of one folder. Readings are for threads; `append` and `state` are for the event loop."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._writer = TrackWriter(folder)
        self._running: asyncio.Task[None] | None = None
        self.append = self._writer.append

    def remove_before(self, before_s: float, held: Sequence[Held], at: datetime, why: str) -> Removal:
        """Remove closed slices that end by `before_s` (Unix s) and that nothing holds; on record first. Blocks on the disk."""
        removal = remove_before(self.folder, self._writer.ledger, before_s, held, at, why, file_sha256)
        self.forget()
        return removal

    def pause(self, since_s: float, until_s: float, longest_s: float) -> tuple[float, float] | None:
        """The newest time longer than `longest_s` with nothing written that ends after `since_s` (Unix s). Blocks on the disk."""
        return pause(self.folder, since_s, until_s, longest_s)

    async def start(self) -> None:
        """Go on from what an earlier run wrote, and write from now on each second."""
        await asyncio.to_thread(lambda: self._writer.carry(self.latest()))
        self._running = asyncio.create_task(self._writer.run())

    async def stop(self) -> None:
        """Write what is left and stop. Raises what ended the writing when that was not this call."""
        if self._running is None:
            return
        self._running.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        finally:
            self._running = None
            self._writer.take()
            await asyncio.to_thread(self._writer.finish)

    def state(self) -> dict[str, Any]:
        """Counters for the health page; `stopped` when nothing writes (any more)."""
        is_writing = self._running is not None and not self._running.done()
        return self._writer.state() if is_writing else self._writer.state() | {"state": "stopped"}
