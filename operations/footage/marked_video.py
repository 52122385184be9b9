"""A copy of a video in which each picture says who took the copy, when, and of which file: `python -m operations.footage.marked_video`.

A process of its own: pictures are decoded and encoded again, at the cost of a core, and the file may be anybody's. What it is to do comes
as one JSON text on standard input; the copy goes to standard output as it is made, as fragmented MP4. Nothing of the picture is hidden:
who and when lie over it half transparent, and stand with the checksum in a strip below.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import msgspec
import numpy as np
from av.video.reformatter import VideoReformatter

from operations.footage.lettering import Grey, Lettering
from storage.evidence import file_sha256

WIDEST_PX = 1280  # a copy is to be looked at; the original has the rest
LARGEST_PX = 4096 * 2304
MEMORY_BYTES = 3 * 1024**3
NICE = 15  # behind everything that is live
_BLACK, _WHITE, _NO_COLOUR = 16, 235, 128  # of video
_SHARE = 0.4  # of the letters over the picture
_AUDIO = ("aac", "mp3", "opus", "ac3")  # what MP4 takes as it is
# Exit codes
DAMAGED, UNREADABLE, TOO_LONG, TOO_LARGE = 3, 4, 5, 6


class Order(msgspec.Struct, frozen=True):
    """What is to be copied, and what is said in it."""

    source: str
    sha256: str  # what the file must have
    over: str  # across each picture: who and when
    below: list[str]  # in the strip
    fonts: str  # style sheet
    most_s: float  # length of the video


class Refused(Exception):
    """`code` is how the process ends."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def main() -> int:
    """One copy, from standard input to standard output."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    av.logging.set_level(av.logging.PANIC)
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    try:
        write_copy(order, sys.stdout.buffer)
    except Refused as refused:
        sys.stderr.write(str(refused))
        return refused.code
    except (av.FFmpegError, ValueError, IndexError, OSError, MemoryError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}")
        return UNREADABLE
    return 0


def write_copy(order: Order, out: BinaryIO) -> None:
    """Raises Refused before the first byte, and what libav raises."""
    if file_sha256(Path(order.source)) != order.sha256:
        raise Refused(DAMAGED, "the file is not what was kept")
    with av.open(order.source, options={"protocol_whitelist": "file"}) as read:
        video = read.streams.video[0]
        length_s = 0.0 if read.duration is None else read.duration / av.time_base
        if length_s > order.most_s:
            raise Refused(TOO_LONG, f"{length_s:.0f} s")
        if video.width * video.height > LARGEST_PX:
            raise Refused(TOO_LARGE, f"{video.width}×{video.height}")
        options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        with av.open(_Timed(out, length_s), "w", format="mp4", options=options) as written:
            _copy(order, read, written)


def _copy(order: Order, read: Any, written: Any) -> None:
    video = read.streams.video[0]
    video.thread_type = "NONE"
    audio = next((one for one in read.streams.audio if one.codec_context.name in _AUDIO), None)
    heard = None
    encoder: Any = None
    marks: Marks | None = None
    begins: Fraction | None = None
    for packet in read.demux([one for one in (video, audio) if one is not None]):
        if packet.stream is audio:
            if packet.dts is not None and heard is not None:
                packet.stream = heard
                written.mux(packet)
            continue
        for frame in _frames(packet):
            if frame.pts is None:
                continue
            at = frame.pts * frame.time_base
            begins = at if begins is None else begins
            if at - begins > order.most_s:
                raise Refused(TOO_LONG, f"more than {order.most_s:.0f} s")
            if marks is None:
                marks = Marks(order, *_turned_size(frame))
                encoder = _encoder(written, marks, video)
                heard = None if audio is None else written.add_stream_from_template(audio)
            picture = marks.on(frame)
            picture.pts, picture.time_base = round(at / _TICK), _TICK
            written.mux(encoder.encode(picture))
    if encoder is None:
        raise ValueError("there is no picture in it")
    written.mux(encoder.encode(None))


_TICK = Fraction(1, 90_000)


def _frames(packet: Any) -> Iterator[Any]:
    try:
        yield from packet.decode()
    except av.InvalidDataError:
        return  # a damaged picture; the next ones may be whole


def _encoder(written: Any, marks: Marks, video: Any) -> Any:
    stream = written.add_stream("libx264", rate=video.average_rate or 25)
    stream.width, stream.height, stream.pix_fmt = marks.width, marks.height + marks.strip_px, "yuv420p"
    stream.time_base = stream.codec_context.time_base = _TICK
    stream.options = {"preset": "ultrafast", "crf": "23", "x264-params": "keyint=50:threads=1"}
    return stream


def _turned_size(frame: Any) -> tuple[int, int]:
    """As it is to be looked at: phones write how they were held beside the picture."""
    return (frame.height, frame.width) if frame.rotation % 180 else (frame.width, frame.height)


class Marks:
    """What is laid over pictures of one size. `width`, `height` are the copy's, without the strip."""

    def __init__(self, order: Order, width: int, height: int) -> None:
        self.width = min(WIDEST_PX, width) // 2 * 2
        self.height = max(2, round(height * self.width / width / 2) * 2)
        self._reformatter = VideoReformatter()
        letters = Lettering(Path(order.fonts))
        self._below = strip_of(letters, order.below, self.width)
        self.strip_px = self._below.shape[0]
        self._over = letters_over(letters, order.over, self.width, self.height).astype(np.uint16)

    def on(self, frame: Any) -> av.VideoFrame:
        """A picture with its marks."""
        turns = frame.rotation // 90 % 4
        width, height = (self.height, self.width) if turns % 2 else (self.width, self.height)
        small = self._reformatter.reformat(frame, width=width, height=height, format="yuv420p")
        luma, *colours = (np.rot90(_plane(plane), turns) for plane in small.planes)
        light = luma.astype(np.uint16)
        light += (self._over * (_WHITE - np.minimum(light, _WHITE)) // 255).astype(np.uint16)
        picture = av.VideoFrame(self.width, self.height + self.strip_px, "yuv420p")
        _fill(picture.planes[0], np.vstack([light.astype(np.uint8), self._below]))
        grey = np.full((self.strip_px // 2, self.width // 2), _NO_COLOUR, np.uint8)
        for plane, colour in zip(picture.planes[1:], colours, strict=True):
            _fill(plane, np.vstack([colour, grey]))
        return picture


def _plane(plane: Any) -> Grey:
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _fill(plane: Any, values: Grey) -> None:
    lines = np.zeros((plane.height, plane.line_size), np.uint8)
    lines[:, : plane.width] = values
    plane.update(lines.tobytes())


def strip_of(letters: Lettering, texts: list[str], width: int) -> Grey:
    """White on black, as high as it has to be."""
    size_px = max(11, width // 64)
    lines = [line for text in texts for line in letters.lines(text, size_px, width - size_px)]
    drawn = [letters.draw(line, size_px) for line in lines]
    height = sum(one.shape[0] for one in drawn) + size_px // 2
    strip = np.full((height // 2 * 2 + 2, width), _BLACK, np.uint8)
    top = size_px // 4
    for one in drawn:
        part = strip[top : top + one.shape[0], size_px // 2 : size_px // 2 + one.shape[1]]
        part[:] = _BLACK + one[:, : part.shape[1]].astype(np.uint16) * (_WHITE - _BLACK) // 255
        top += one.shape[0]
    return strip


def letters_over(letters: Lettering, text: str, width: int, height: int) -> Grey:
    """Twice across the picture, so that no cut of it is without."""
    over = np.zeros((height, width), np.uint8)
    size_px = max(10, min(height // 8, width * 3 // 2 // max(1, len(text))))
    for number, line in enumerate(letters.lines(text, size_px, width - 2 * size_px)):
        drawn = letters.draw(line, size_px)
        left = max(0, (width - drawn.shape[1]) // 2)
        for third in (1, 2):
            top = height * third // 3 - size_px + number * drawn.shape[0]
            part = over[max(0, top) : top + drawn.shape[0], left : left + drawn.shape[1]]
            part[:] = np.maximum(part, (drawn[: part.shape[0], : part.shape[1]] * _SHARE).astype(np.uint8))
    return over


class _Timed:
    """What is written, with the length in its head: libav, which does not know it while it writes, leaves it out."""

    def __init__(self, out: BinaryIO, length_s: float) -> None:
        self._out, self._length_s = out, length_s

    def write(self, data: bytes) -> int:
        place = bytes(data).find(b"mvhd")
        if place >= 0 and self._length_s > 0:
            data = _with_length(bytes(data), place + 4, self._length_s)
        self._length_s = 0.0 if place >= 0 else self._length_s
        self._out.write(data)
        return len(data)


def _with_length(head: bytes, place: int, length_s: float) -> bytes:
    """ISO/IEC 14496-12, 8.2.2, version 0: two instants, the ticks a second, the length in them."""
    (ticks,) = struct.unpack_from(">I", head, place + 12)
    return head[: place + 16] + struct.pack(">I", round(length_s * ticks)) + head[place + 20 :]


if __name__ == "__main__":
    sys.exit(main())
