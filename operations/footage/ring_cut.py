"""Cutting a span out of the ring, by copy: from the key frame at or before its beginning, on the clock of its pictures.

A ring holds runs: from one connection to the camera to the next. Within a run pictures follow each other by the camera's own count;
where a run lies in time is told by all of its pictures together, so that one that came late moves nothing. Between runs, and where a
connected camera sent nothing, the clip has a gap as long.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from operations.footage.scene_playback import remux
from storage.video_ring import TICKS_PER_S, Entry, VideoRing, data_of

GAP_S = 0.5  # without a picture for longer is told as a gap
PARTED_S = 1.0  # from one picture to the next, of the count and the time they were taken; more is no jitter


class NothingThere(Exception):
    """The ring has no picture of the span."""


@dataclass(frozen=True)
class Cut:
    """What is taken, and when each picture of it is decoded, in ticks from the first."""

    entries: tuple[Entry, ...]
    decoded: tuple[int, ...]
    start_at: float  # Unix s, when the first picture was taken
    end_at: float
    by_camera: bool  # that, by the camera's own clock
    gaps_s: tuple[float, ...]  # longer than GAP_S without a picture


@dataclass(frozen=True)
class _Run:
    entries: tuple[Entry, ...]
    anchor_s: float  # Unix s at its count's zero
    by_camera: bool

    def taken(self, entry: Entry) -> float:
        return self.anchor_s + entry.time / TICKS_PER_S

    def part(self, from_s: float, to_s: float) -> _Run | None:
        """From the key frame at or before `from_s`, else from the first one; None where nothing of it was taken in the span."""
        keys = [place for place, entry in enumerate(self.entries) if entry.is_key]
        if not keys or self.taken(self.entries[-1]) < from_s:
            return None
        first = max((place for place in keys if self.taken(self.entries[place]) <= from_s), default=keys[0])
        taken = tuple(entry for entry in self.entries[first:] if self.taken(entry) <= to_s)
        return _Run(taken, self.anchor_s, self.by_camera) if taken else None


def plan(entries: Sequence[Entry], from_s: float, to_s: float) -> Cut:
    """Of one camera's entries, in their order. Raises NothingThere.

    Where the format changed within the span, one file can't hold both: the longer part is taken.
    """
    runs = [part for run in _runs(entries) if (part := run.part(from_s, to_s)) is not None]
    if not runs:
        raise NothingThere
    pictures_by_init: dict[int, int] = {}
    for run in runs:
        pictures_by_init[run.entries[0].init] = pictures_by_init.get(run.entries[0].init, 0) + len(run.entries)
    init = max(pictures_by_init, key=lambda one: pictures_by_init[one])
    return _joined([run for run in runs if run.entries[0].init == init])


def write(cut: Cut, ring: VideoRing, target: Path) -> None:
    """The clip as an MP4 with its length and an index in front. Raises OSError when the ring has lost some of it meanwhile, and what
    libav raises."""
    fragments = target.with_suffix(".fragments")
    try:
        with fragments.open("wb") as file:
            file.write(ring.init(cut.entries[0]))
            for data, decoded in zip(data_of(cut.entries), cut.decoded, strict=True):
                file.write(_timed(data, decoded))
        remux(fragments, target, "mp4")
    finally:
        fragments.unlink(missing_ok=True)


def _runs(entries: Sequence[Entry]) -> list[_Run]:
    begun: list[list[Entry]] = []
    for entry in entries:
        if not begun or entry.begins or entry.init != begun[-1][-1].init or entry.time < begun[-1][-1].time:
            begun.append([])
        begun[-1].append(entry)
    return [_placed(_counted_on(run)) for run in begun]


def _counted_on(entries: Sequence[Entry]) -> list[Entry]:
    """Of one connection, counted on through its silences: a stream for a screen is written without them (`feeds.video.fmp4.Timeline`)."""
    counted, lag = [entries[0]], 0  # ticks
    for before, after in pairwise(entries):
        taken_s, counted_s = after.captured_at - before.captured_at, (after.time - before.time) / TICKS_PER_S
        is_told = after.by_camera == before.by_camera and taken_s > 0  # not of a clock that was put back
        if is_told and abs(taken_s - counted_s) > PARTED_S:
            lag += round((taken_s - counted_s) * TICKS_PER_S)
        counted.append(after._replace(time=after.time + lag))
    return counted


def _placed(entries: Sequence[Entry]) -> _Run:
    by_camera = [entry.captured_at - entry.time / TICKS_PER_S for entry in entries if entry.by_camera]
    if by_camera:
        return _Run(tuple(entries), median(by_camera), True)
    # The network only ever adds: what came fastest tells most.
    return _Run(tuple(entries), min(entry.captured_at - entry.time / TICKS_PER_S for entry in entries), False)


def _joined(runs: Sequence[_Run]) -> Cut:
    start_at = runs[0].taken(runs[0].entries[0])
    entries: list[Entry] = []
    decoded: list[int] = []
    for run in runs:
        shift = round((run.anchor_s - start_at) * TICKS_PER_S)
        for entry in run.entries:
            at = entry.time + shift
            if not decoded or at > decoded[-1]:  # a run that was counted on two clocks may overlap the one before by a little
                entries.append(entry)
                decoded.append(at)
    end_at = start_at + (decoded[-1] + entries[-1].duration) / TICKS_PER_S
    gaps = [(after - before) / TICKS_PER_S for before, after in pairwise(decoded)]
    return Cut(
        tuple(entries),
        tuple(decoded),
        start_at,
        end_at,
        all(run.by_camera for run in runs),
        tuple(round(gap, 2) for gap in gaps if gap > GAP_S),
    )


def _timed(fragment: bytes, decoded: int) -> bytes:
    """The same fragment, decoded at another time: its `tfdt` is the only thing that says when."""
    place = fragment.find(b"tfdt", 0, 256)
    if place < 0:
        raise OSError("the ring holds something that is no fragment")
    return fragment[: place + 8] + struct.pack(">Q", decoded) + fragment[place + 16 :]
