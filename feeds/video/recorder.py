"""Records cameras into the ring, in the process that pulls them: one more subscriber of a camera's hub, and one that yields to viewers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from feeds.video.fmp4 import Fragment, Init
from feeds.video.hub import Hub
from feeds.video.pull import PullFailed
from feeds.video.subscription import Item
from feeds.video.wanted import Wanted
from storage.video_ring import Picture, RingLog

BATCH_S = 0.5  # pictures are written together; a viewer of the past is never so close behind
MOST_BEHIND = 1_500  # fragments that wait for the disk, about a minute; then it goes on with the next key frame
AGAIN_S = 5.0  # after a camera that can't be pulled
YIELDED_S = 30.0  # after it made room for a viewer, or found none
AT_LIMIT = ("at-limit", "transcoding-at-limit")


class Recorders:
    """Of one process, on its event loop. `hub` gives a recording's hub, or raises PullFailed when there is no room for one."""

    def __init__(self, folder: Path, hub: Callable[[Wanted], Hub]) -> None:
        self._folder, self._hub = folder, hub
        self._tasks: dict[Wanted, asyncio.Task[None]] = {}  # the most important first
        self._running: dict[Wanted, Hub] = {}
        self._yielding: set[Wanted] = set()
        self.written_bytes = 0
        self.skipped = 0  # fragments that the disk did not take in time
        self.disk_failures = 0
        self.faults = 0  # recordings that ended by what is neither the camera's nor the disk's
        self._troubles: dict[Wanted, str] = {}  # why one could not be written, until it is again

    def record(self, wanted: Sequence[Wanted]) -> None:
        """From now on these, the most important first, and no others."""
        for gone in set(self._tasks) - set(wanted):
            self._tasks.pop(gone).cancel()
            self._troubles.pop(gone, None)
        self._tasks = {one: self._tasks.get(one) or asyncio.create_task(self._keep(one), name="recorder") for one in wanted}

    def make_room(self, among: Collection[Hub] | None = None) -> bool:
        """End the least important recording that nobody watches, if need be one of these; whether there was one."""
        for wanted in reversed(self._tasks):
            hub = self._running.get(wanted)
            if hub is not None and hub.is_idle and (among is None or hub in among):
                del self._running[wanted]
                self._yielding.add(wanted)
                hub.close(PullFailed("at-limit", "The recording made room for a viewer."))
                return True
        return False

    def state(self) -> dict[str, Any]:
        """For the report to the server."""
        return {
            "recording": len(self._running),
            "to_record": len(self._tasks),
            "recorded_mb": round(self.written_bytes / 1e6, 1),
            "recording_skipped": self.skipped,
            "recording_disk_failures": self.disk_failures,
            "recording_faults": self.faults,
        } | ({"recording_trouble": " · ".join(sorted(set(self._troubles.values())))} if self._troubles else {})

    async def _keep(self, wanted: Wanted) -> None:
        """Until it is cancelled."""
        while True:
            wait_s = AGAIN_S
            ring = RingLog(self._folder, wanted.camera_id)
            try:
                await self._record(wanted, ring)
            except PullFailed as failure:
                wait_s = YIELDED_S if failure.reason in AT_LIMIT or wanted in self._yielding else AGAIN_S
            except OSError as error:
                self.disk_failures += 1
                self._troubles[wanted] = error.strerror or type(error).__name__
            except Exception as error:  # whatever it is, the next try may succeed; ended silently it would never be recorded again
                self.faults += 1
                self._troubles[wanted] = type(error).__name__
            finally:
                self._running.pop(wanted, None)
                self._yielding.discard(wanted)
                await asyncio.shield(asyncio.to_thread(ring.close))
            await asyncio.sleep(wait_s)

    async def _record(self, wanted: Wanted, ring: RingLog) -> None:
        """Raises PullFailed when the camera is given up, OSError when the disk is."""
        hub = self._running[wanted] = self._hub(wanted)
        with hub.subscribe(MOST_BEHIND, is_viewer=False) as subscription:
            skipped = written = 0
            while True:
                items = await subscription.take()
                await asyncio.to_thread(ring.append, [as_kept(item) for item in items if isinstance(item, Init | Fragment)])
                self.skipped += subscription.skipped - skipped
                self.written_bytes += ring.bytes_written - written
                if ring.bytes_written > written:
                    self._troubles.pop(wanted, None)
                skipped, written = subscription.skipped, ring.bytes_written
                await asyncio.sleep(BATCH_S)


def as_kept(item: Item) -> bytes | Picture:
    """What the ring takes of it."""
    if isinstance(item, Fragment):
        return Picture(item.data, item.captured_at, item.time, item.duration, item.is_key, item.by_camera)
    assert isinstance(item, Init)
    return item.data
