"""Packs H.264 as it comes from a camera into fragmented MP4 for MediaSource: one fragment a picture, nothing is decoded.

Cameras differ in how they cut a stream: a packet may hold a picture, a slice of one, or several pictures. Pictures are told apart by their
slices, not by packets. Times come from the camera; where they jump, the stream goes on without a gap.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from feeds.video import h264, nal
from feeds.video.mp4_boxes import Sample, decoder_record, fragment_box, init_segment

TIMESCALE = 90_000  # ticks a second, of times in and out
LONGEST_STEP = 3 * TIMESCALE  # between two pictures; more is a jump of the camera's clock
FIRST_STEP = TIMESCALE // 25  # until a step is known
MOST_REORDER = 4  # pictures; with more, times can't be put in order soon enough to be live


@dataclass(frozen=True)
class Init:
    """What a player needs before the first fragment, and again whenever it changes."""

    codec: str  # `avc1.640028`
    width: int
    height: int
    data: bytes
    record: bytes  # what a decoder is set up with

    @property
    def mime(self) -> str:
        return f'video/mp4; codecs="{self.codec}"'


@dataclass(frozen=True)
class Fragment:
    """One picture."""

    is_key: bool
    data: bytes
    captured_at: float  # Unix s
    time: int  # when it is decoded, ticks since the stream's beginning
    duration: int  # ticks
    by_camera: bool = False  # `captured_at` is by the camera's own clock, else by when it came


class _When(NamedTuple):
    """Of a packet: as its camera counts, and as the world does."""

    pts: int
    captured_at: float
    by_camera: bool


@dataclass
class _Picture:
    slices: list[bytes]
    is_key: bool
    when: _When


class Timeline:
    """Turns a camera's times into ones that only grow, with decoding before showing. Ticks."""

    def __init__(self) -> None:
        self.reorder = 0  # pictures
        self._shift: int | None = None  # from the camera's times to ours
        self._shown = 0  # time of the newest picture
        self._step = FIRST_STEP
        self._decoded = -1
        self._waiting: list[int] = []  # times of pictures whose turn to be decoded by is yet to come, a heap

    def place(self, pts: int) -> tuple[int, int, int]:
        """When the next picture is decoded, how much later it is shown, and how long it lasts."""
        shown = self._ours(pts)
        self._shown = shown
        decoded = self._turn(shown)
        if shown < decoded and self.reorder < MOST_REORDER:
            self.reorder += 1
        decoded = max(decoded, self._decoded + 1)
        if self.reorder and 0 < decoded - self._decoded < LONGEST_STEP and self._decoded >= 0:
            self._step = max(decoded - self._decoded, self._step // 2)
        self._decoded = decoded
        return decoded, shown - decoded, self._step

    def break_here(self) -> None:
        """The camera's times begin anew: the next picture follows the last."""
        self._shift = None

    def _ours(self, pts: int) -> int:
        if self._shift is None:
            begin = self._shown + self._step if self._decoded >= 0 else (self.reorder + 1) * FIRST_STEP
            self._shift = begin - pts
            return begin
        step = pts + self._shift - self._shown
        usual = -TIMESCALE < step < LONGEST_STEP and step != 0 if self.reorder else 0 < step < LONGEST_STEP
        if not usual:
            self._shift = self._shown + self._step - pts
            step = self._step
        if not self.reorder:
            self._step = step
        return self._shown + step

    def _turn(self, shown: int) -> int:
        """The smallest of the last times: pictures are decoded in the order of showing, `reorder` places ahead."""
        heapq.heappush(self._waiting, shown)
        if len(self._waiting) > self.reorder:
            while len(self._waiting) > self.reorder + 1:
                heapq.heappop(self._waiting)
            return heapq.heappop(self._waiting)
        return self._waiting[0] - (self.reorder + 1 - len(self._waiting)) * self._step


class Fmp4Writer:
    """Packets of one camera in; init segments and fragments out. Not thread-safe."""

    def __init__(self) -> None:
        self.sps: h264.Sps | None = None
        self.malformed = 0  # units that could not be read
        self.before_key = 0  # pictures passed over for want of a key frame since the last one that could be begun with
        self._pps: dict[int, bytes] = {}
        self._written: tuple[bytes, ...] | None = None  # parameter sets of the last init segment
        self._pending: _Picture | None = None
        self._holds = False  # a picture may go on in the next packet
        self._lost = True  # nothing may be shown before the next key frame
        self._number = 0
        self._timeline = Timeline()

    def feed(self, packet: bytes, pts: int, captured_at: float, by_camera: bool = False) -> list[Init | Fragment]:
        """What a packet (Annex B) completes. `pts` in ticks, any origin; `by_camera`: whose clock `captured_at` is by."""
        out: list[Init | Fragment] = []
        for unit in nal.split(packet):
            try:
                self._take(unit, _When(pts, captured_at, by_camera), out)
            except h264.Malformed:
                self.malformed += 1
        if not self._holds:
            self._finish(out)
        return out

    def begin_again(self) -> None:
        """The camera was connected to anew: the stream goes on with its next key frame, after a new init segment."""
        self._pending, self._lost, self._written = None, True, None
        self._timeline.break_here()

    def _take(self, unit: bytes, when: _When, out: list[Init | Fragment]) -> None:
        kind = nal.h264_type(unit)
        if kind in (h264.SLICE, h264.KEY_SLICE):
            self._take_slice(unit, kind == h264.KEY_SLICE, when, out)
            return
        if kind in (h264.SEI, h264.SPS, h264.PPS, h264.DELIMITER):
            self._finish(out)  # they stand before a picture
        if kind == h264.SPS and (self.sps is None or unit != self.sps.unit):
            self.sps = h264.read_sps(unit)
            self._pps.clear()
            self._timeline.reorder = max(self._timeline.reorder, min(self.sps.reorder or 0, MOST_REORDER))
            self._holds = self._holds or not self.sps.frames_only
        elif kind == h264.PPS:
            self._pps[h264.pps_number(unit)] = unit

    def _take_slice(self, unit: bytes, is_key: bool, when: _When, out: list[Init | Fragment]) -> None:
        head = h264.read_slice(unit)
        picture = self._pending
        if head.is_b and not self._timeline.reorder:
            self._timeline.reorder = 1
        second_field = picture is not None and self.sps is not None and not self.sps.frames_only and picture.when.pts == when.pts
        if picture is not None and (head.first_macroblock or second_field):
            picture.slices.append(unit)
        elif head.first_macroblock:
            self._holds = True  # its picture went out with the packet before; from now on they wait for their ends
        else:
            self._finish(out)
            self._pending = _Picture([unit], is_key, when)

    def _finish(self, out: list[Init | Fragment]) -> None:
        picture, self._pending = self._pending, None
        if picture is None:
            return
        if self.sps is None or not self._pps:
            self.before_key += 1
            return
        parameters = (self.sps.unit, *(self._pps[number] for number in sorted(self._pps)))
        if parameters != self._written:
            self._lost = True
        if self._lost and not picture.is_key:
            self.before_key += 1
            return
        self._lost, self.before_key = False, 0
        if parameters != self._written:
            self._written = parameters
            record = decoder_record(self.sps, parameters[1:])
            data = init_segment(self.sps, record, TIMESCALE)
            out.append(Init(self.sps.codec, self.sps.width, self.sps.height, data, record))
        out.append(self._fragment(picture))

    def _fragment(self, picture: _Picture) -> Fragment:
        decoded, offset, duration = self._timeline.place(picture.when.pts)
        self._number += 1
        data = fragment_box(self._number, Sample(_lengthened(picture.slices), decoded, offset, duration, picture.is_key))
        return Fragment(picture.is_key, data, picture.when.captured_at, decoded, duration, picture.when.by_camera)


def _lengthened(slices: Iterable[bytes]) -> bytes:
    """Units with their lengths before them, as MP4 has them."""
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in slices)
