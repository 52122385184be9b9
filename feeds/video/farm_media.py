"""What a test camera sends: a street encoded while somebody watches, or a loop that was encoded before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import Any

import av

from feeds.video import nal
from feeds.video.street_scene import Canvas, StreetScene

LOOP_S = 4


class Fault(StrEnum):
    """What a camera does wrong, on command."""

    NONE = "none"
    DROP = "drop"  # cuts connections and takes none
    STALL = "stall"  # keeps the connection and sends nothing
    FREEZE = "freeze"  # sends one picture again and again, with the time it had
    BLACK = "black"
    RESOLUTION = "resolution"  # another size in the middle of the stream
    NO_KEY = "no-key"  # no key frame any more
    GARBAGE = "garbage"  # random bytes instead of pictures


@dataclass(frozen=True)
class Format:
    """How a stream is encoded."""

    width: int
    height: int
    fps: int
    bit_rate: int
    codec: str = "h264"  # h264 | hevc
    slices: int = 1  # of a picture
    b_frames: int = 0
    gop_s: float = 2.0


SUB = Format(640, 360, 15, 500_000)
MAIN = Format(1280, 720, 25, 2_000_000)


@dataclass(frozen=True)
class Unit:
    """One access unit."""

    nals: tuple[bytes, ...]
    is_key: bool
    tick: int  # when its picture was taken, in frames


class Encoder:
    """Pictures in, access units out; a key frame carries its parameter sets. Not thread-safe."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self._context = _open(form)
        self.parameters = tuple(nal.split(bytes(self._context.extradata or b"")))
        self.wants_key = False

    def encode(self, canvas: Canvas, tick: int) -> list[Unit]:
        """Units that are ready; with B-frames some later than their picture."""
        frame = av.VideoFrame.from_ndarray(canvas, format="yuv420p")
        frame.pts, frame.time_base = tick, Fraction(1, self.form.fps)
        if self.wants_key:
            frame.pict_type, self.wants_key = av.video.frame.PictureType.I, False
        return [self._unit(packet) for packet in self._context.encode(frame)]

    def finish(self) -> list[Unit]:
        """What is left."""
        return [self._unit(packet) for packet in self._context.encode(None)]

    def _unit(self, packet: Any) -> Unit:
        slices = tuple(unit for unit in nal.split(bytes(packet)) if not self._is_remark(unit))
        is_key = bool(packet.is_keyframe)
        return Unit(self.parameters + slices if is_key else slices, is_key, packet.pts)

    def _is_remark(self, unit: bytes) -> bool:
        return nal.h264_type(unit) == 6 if self.form.codec == "h264" else nal.hevc_type(unit) in (39, 40)


def _open(form: Format) -> Any:
    context = av.CodecContext.create("libx264" if form.codec == "h264" else "libx265", "w")
    context.width, context.height, context.pix_fmt = form.width, form.height, "yuv420p"
    context.time_base, context.framerate, context.bit_rate = Fraction(1, form.fps), Fraction(form.fps), form.bit_rate
    context.flags |= av.codec.context.Flags.global_header
    gop = round(form.gop_s * form.fps)
    common = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={form.b_frames}:open-gop=0"
    if form.codec == "h264":
        own = {
            "x264-params": f"{common}:slices={form.slices}:sliced-threads=0:threads=1:rc-lookahead=0:sync-lookahead=0",
            "forced-idr": "1",
        }
    else:
        looks_ahead = form.b_frames + 1 if form.b_frames else 0  # x265 wants more than there are B-frames in a row
        own = {"x265-params": f"{common}:log-level=none:pools=none:frame-threads=1:rc-lookahead={looks_ahead}", "forced-idr": "1"}
    context.options = own | {"preset": "ultrafast"} | ({} if form.b_frames else {"tune": "zerolatency"})
    context.open()
    return context


class LiveStreet:
    """Encodes the street as it is now, for as long as it is asked. Its calls come from one thread at a time."""

    def __init__(self, name: str, form: Format) -> None:
        self.form = form
        self._name = name
        self._frozen: tuple[Canvas, int] | None = None
        self._start(form)

    @property
    def parameters(self) -> tuple[bytes, ...]:
        return self._encoder.parameters

    def begin(self) -> None:
        """Somebody begins to watch: the next picture is a key frame."""
        self._encoder.wants_key = True

    def units(self, tick: int, fault: Fault) -> list[Unit]:
        """What is to be sent at a tick (frames since 1970)."""
        wanted = replace(self.form, width=480, height=272) if fault is Fault.RESOLUTION else self.form
        if wanted != self._encoder.form:
            self._start(wanted)
        at_s = tick / self.form.fps
        shown_ms = round(at_s * 1000)
        if fault is Fault.FREEZE:
            self._frozen = self._frozen or (self._scene.draw(at_s, shown_ms), tick)
            return self._encoder.encode(self._frozen[0], tick)
        self._frozen = None
        return self._encoder.encode(self._scene.black(shown_ms) if fault is Fault.BLACK else self._scene.draw(at_s, shown_ms), tick)

    def _start(self, form: Format) -> None:
        self._encoder, self._scene = Encoder(form), StreetScene(self._name, form.width, form.height)


class Loop:
    """Encoded once for all cameras, sent for ever; its cells show the time within the loop (ms). Costs nothing but sending."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self._units, self.parameters = _loop(form)

    def begin(self) -> None:
        """A loop has its key frames where they are."""

    def units(self, tick: int, fault: Fault) -> list[Unit]:
        """What is to be sent at a tick. Raises ValueError for a fault that only a live street has."""
        if fault in (Fault.FREEZE, Fault.BLACK, Fault.RESOLUTION):
            raise ValueError(f"a loop can't {fault}; use a live street")
        place = tick % len(self._units)
        unit = self._units[place]
        return [replace(unit, tick=tick - place + unit.tick)]


@cache
def _loop(form: Format) -> tuple[tuple[Unit, ...], tuple[bytes, ...]]:
    encoder, scene, units = Encoder(form), StreetScene("loop", form.width, form.height), []
    for tick in range(LOOP_S * form.fps):
        shown_ms = round(tick / form.fps * 1000)
        units += encoder.encode(scene.draw(tick / form.fps, shown_ms, f"LOOP {shown_ms / 1000:06.3f} S"), tick)
    return tuple(units + encoder.finish()), encoder.parameters
