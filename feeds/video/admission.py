"""What one gateway process takes on. The first thing that is refused is a new stream, never a running one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from feeds.video.hub import Hub
from feeds.video.pull import PullFailed
from operations.cameras.video import Quality

# What a stream counts: 64 small ones, or 32 large ones, are half of what a quiet core was seen to carry.
WEIGHT = {Quality.SUB: 1, Quality.MAIN: 2}
CPU_WINDOW_S = 4.0
# Of what viewers may have: a recording is opened only while so much of it is left for them.
RECORDING_SHARE = 0.5

MakeRoom = Callable[[Collection[Hub] | None], bool]


@dataclass(frozen=True)
class Limits:
    """Of one process."""

    load: int = 64  # sum of its streams' weights
    cpu_share: float = 0.6  # of a core; above it no further stream is opened
    transcodes: int = 4
    viewers: int = 500


class Admission:
    """Keeps count for one process; on its event loop."""

    def __init__(self, limits: Limits, make_room: MakeRoom = lambda _among: False) -> None:
        """`make_room` ends the least important recording that nobody watches, if need be one of these hubs; whether there was one."""
        self.limits, self._make_room = limits, make_room
        self._transcoding: set[Hub] = set()
        self._cpu: deque[tuple[float, float]] = deque()  # (when, CPU seconds used until then)

    def admit(self, quality: Quality, running: Collection[Quality]) -> None:
        """Raises PullFailed when a further stream is too much."""
        if not self.fits(quality, running):
            raise PullFailed("at-limit", f"This video process shows {len(running)} streams and takes no more.", is_final=True)
        if running and self.cpu_share > self.limits.cpu_share:
            raise PullFailed("at-limit", f"This video process is busy ({self.cpu_share:.0%} of a core) and takes no more.", is_final=True)

    def fits(self, quality: Quality, running: Collection[Quality]) -> bool:
        return sum(WEIGHT[one] for one in running) + WEIGHT[quality] <= self.limits.load

    def admit_recording(self, quality: Quality, running: Collection[Quality]) -> None:
        """Raises PullFailed when a further stream would leave viewers too little."""
        load = sum(WEIGHT[one] for one in running)
        if load + WEIGHT[quality] > self.limits.load * RECORDING_SHARE or self.cpu_share > self.limits.cpu_share * RECORDING_SHARE:
            raise PullFailed("at-limit", "The rest of this video process is kept for viewers.", is_final=True)

    @property
    def cpu_share(self) -> float:
        """Of a core, over the last seconds; 0 before there were two samples."""
        if len(self._cpu) < 2:
            return 0.0
        (begin, used), (end, used_then) = self._cpu[0], self._cpu[-1]
        return (used_then - used) / (end - begin)

    def sample(self) -> None:
        """Once in a while."""
        now = time.monotonic()
        self._cpu.append((now, time.process_time()))
        while now - self._cpu[0][0] > CPU_WINDOW_S:
            self._cpu.popleft()

    @property
    def transcodes(self) -> int:
        return len(self._transcoding)

    def transcode(self, hub: Hub) -> bool:
        """Whether this one may be transcoded: for a viewer also in the place of a recording, for a recording while it leaves half of the
        places to viewers."""
        if hub in self._transcoding:
            return True
        is_full = len(self._transcoding) >= self.limits.transcodes
        if hub.is_idle:  # only recorded
            recorded = sum(one.is_idle for one in self._transcoding)
            may = not is_full and recorded < max(1, int(self.limits.transcodes * RECORDING_SHARE))
        else:
            may = not is_full or self._make_room(self._transcoding)
        if may:
            self._transcoding.add(hub)
        return may

    def release(self, hub: Hub) -> None:
        self._transcoding.discard(hub)
