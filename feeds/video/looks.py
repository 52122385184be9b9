"""Looks at key frames: is the picture black, is it always the same? In a thread of its own, and only as often as its budget allows."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from feeds.video.fmp4 import Fragment, Init
from feeds.video.hub import Hub
from feeds.video.mp4_boxes import picture_of

BUDGET = 0.02  # of a core
AT_MOST_EVERY_S = 0.5
EACH_S = 3.0  # one camera; what is noticed after ten seconds need not be looked at each second
BLACK_MEAN, BLACK_SPREAD = 24.0, 4.0  # luma of 16 to 235
# Of the height, above and below: there cameras burn in their name and clock, also over a covered lens. More light than letters have is a
# scene's: a skyline at night above a dark road.
EDGE_SHARE, LETTERS_SHARE, LETTERS_BRIGHTER = 0.2, 0.12, 24
# Two pictures are the same when hardly a point differs: a clock that goes on in one corner makes them differ.
POINT_DIFFERS, POINTS_DIFFER_SHARE = 12, 0.0002
FROZEN_AFTER_S = 10.0
LARGEST_JPEG_PX = 1280  # wide

Luma = NDArray[np.uint8]


def decoded(init: Init, key: Fragment) -> av.VideoFrame:
    """The picture of a key frame. Raises ValueError when there is none in it."""
    # As a file it would be decoded twice, the first time to find out what is in it.
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count, decoder.extradata = 1, init.record
    try:
        frames = decoder.decode(av.Packet(picture_of(key.data))) + decoder.decode(None)
    except av.FFmpegError:
        frames = []
    if not frames:
        raise ValueError("the key frame can't be decoded")
    return frames[0]


def jpeg(init: Init, key: Fragment) -> bytes:
    """The picture of a key frame as JPEG. Raises ValueError when there is none in it."""
    image = decoded(init, key).to_image()
    if image.width > LARGEST_JPEG_PX:
        image = image.resize((LARGEST_JPEG_PX, round(image.height * LARGEST_JPEG_PX / image.width)))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def is_black(luma: Luma) -> bool:
    """Whether there is hardly any light and no pattern, whatever is burnt in above and below."""
    edge = int(luma.shape[0] * EDGE_SHARE)
    middle = luma[edge : luma.shape[0] - edge]
    if float(middle.mean()) >= BLACK_MEAN or float(middle.std()) >= BLACK_SPREAD:
        return False
    lit = np.concatenate((luma[:edge], luma[luma.shape[0] - edge :])) > middle.mean() + LETTERS_BRIGHTER
    return float(lit.mean()) < LETTERS_SHARE


def are_same(one: Luma, other: Luma) -> bool:
    """Whether two pictures show the same, but for what encoding does to them."""
    if one.shape != other.shape:
        return False
    differs = np.maximum(one, other) - np.minimum(one, other) > POINT_DIFFERS
    return int(np.count_nonzero(differs)) < POINTS_DIFFER_SHARE * one.size


@dataclass
class _Seen:
    """What was last seen of a hub."""

    key: Fragment
    luma: Luma
    same_since: float
    black_since: float | None


class Looks:
    """Of one process. `hubs` is asked from the thread."""

    def __init__(
        self, hubs: Callable[[], Collection[Hub]], loop: asyncio.AbstractEventLoop, frozen_after_s: float = FROZEN_AFTER_S
    ) -> None:
        self._hubs, self._loop, self._frozen_after_s = hubs, loop, frozen_after_s
        self._each_s = min(EACH_S, frozen_after_s / 3)
        self._seen: dict[Hub, _Seen] = {}

    def start(self) -> None:
        threading.Thread(target=self._run, name="looks", daemon=True).start()

    def _run(self) -> None:
        while True:
            begun, hubs = time.thread_time(), self._hubs()
            self._seen = {hub: seen for hub, seen in self._seen.items() if hub in hubs}
            for hub in hubs:
                self._look(hub)
            time.sleep(max(AT_MOST_EVERY_S, (time.thread_time() - begun) / BUDGET))

    def _look(self, hub: Hub) -> None:
        before = self._seen.get(hub)
        if hub.key is None or (before is not None and hub.key[1].captured_at - before.key.captured_at < self._each_s):
            return
        init, key = hub.key
        try:
            luma = np.asarray(decoded(init, key).to_ndarray(format="gray"), np.uint8)
        except ValueError:
            return  # nothing to be seen in it; the next may be whole
        black_since = None
        if is_black(luma):
            black_since = before.black_since if before is not None and before.black_since else key.captured_at
        same = before is not None and are_same(before.luma, luma)
        # The first of the same pictures is kept, so that one that changes slowly is not taken for frozen.
        now = _Seen(
            key,
            before.luma if before is not None and same else luma,
            before.same_since if before and same else key.captured_at,
            black_since,
        )
        self._seen[hub] = now
        is_frozen = black_since is None and key.captured_at - now.same_since >= self._frozen_after_s
        with suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(hub.seen, black_since, now.same_since if is_frozen else None)
