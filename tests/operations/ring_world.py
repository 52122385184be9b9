"""A ring with pictures of a burnt-in clock, for tests: what a camera would have sent, without one."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from feeds.video import nal, screen_clock
from feeds.video.farm_media import Encoder, Format
from feeds.video.fmp4 import Fmp4Writer, Fragment, Init
from feeds.video.recorder import as_kept
from feeds.video.street_scene import StreetScene
from storage.video_ring import Picture, RingLog

FPS = 10
GOP_S = 1.0
STALLS_AFTER_S = 3.5  # within a group of pictures


@cache
def film(began_s: float, seconds: float, width: int = 320, height: int = 180, stall_s: float = 0.0) -> tuple[Init | Fragment, ...]:
    """One connection to a camera; each picture carries when it was taken, and is timed by the camera, which sends none for `stall_s`
    after 3.5 s."""

    def taken(tick: int) -> float:
        return tick / FPS + (stall_s if tick / FPS >= STALLS_AFTER_S else 0.0)

    encoder = Encoder(Format(width, height, FPS, 200_000, gop_s=GOP_S))
    scene, writer = StreetScene("gate", width, height), Fmp4Writer()
    units = [
        unit
        for tick in range(round(seconds * FPS))
        for unit in encoder.encode(scene.draw(tick / FPS, round((began_s + taken(tick)) * 1000)), tick)
    ]
    return tuple(
        item
        for unit in [*units, *encoder.finish()]
        for item in writer.feed(nal.join(unit.nals), round(taken(unit.tick) * 90_000), began_s + taken(unit.tick), True)
    )


def fill(folder: Path, camera_id: str, began_s: float, seconds: float, **more: Any) -> None:
    """Write a run into the ring as a recorder does."""
    ring = RingLog(folder / "0", camera_id)
    ring.append([as_kept(item) for item in film(began_s, seconds, **more)])
    ring.close()


def arriving(items: tuple[Init | Fragment, ...], delays_s: list[float]) -> list[bytes | Picture]:
    """The same from a camera that tells no time: each picture is dated when it came."""
    kept = [as_kept(item) for item in items]
    late = iter(delays_s)
    return [item if isinstance(item, bytes) else item._replace(captured_at=item.captured_at + next(late), by_camera=False) for item in kept]


def clocks(file: Path | bytes) -> list[tuple[float, float]]:
    """Of each picture of a clip, by an independent reader: its time in the file, and the instant burnt into it (Unix s)."""
    source = io.BytesIO(file) if isinstance(file, bytes) else str(file)
    with av.open(source) as container:
        return [
            (float(frame.time), (screen_clock.read(np.asarray(frame.to_ndarray(format="gray"), np.uint8)) or 0) / 1000)
            for frame in container.decode(video=0)
        ]
