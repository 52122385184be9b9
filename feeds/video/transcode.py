"""Pictures that browsers can't play (HEVC, MJPEG, …) made into small H.264 ones. Costly: a quarter of a core a camera."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from av.video.reformatter import VideoReformatter

WIDTH, FPS = 640, 15
GOP_S = 2
BIT_RATE = 500_000
_TICK = Fraction(1, 90_000)


class Transcoder:
    """Packets of one camera in, H.264 (Annex B) out. Not thread-safe."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._decoder.thread_count = 1
        self._reformatter = VideoReformatter()
        self._encoder: Any = None
        self._time_base: Fraction | None = None  # of packets; libav leaves it out of the last pictures
        self._next_pts = -1  # pictures before it are left out

    def feed(self, packet: Any) -> list[tuple[bytes, int]]:
        """H.264 packets with their times (1/90000 s). Raises av.FFmpegError when it can't go on."""
        self._time_base = packet.time_base
        return self._through(packet)

    def finish(self) -> list[tuple[bytes, int]]:
        """What is still within. Nothing may be fed after it."""
        out = self._through(None)
        return out if self._encoder is None else out + [(bytes(packet), packet.pts) for packet in self._encoder.encode(None)]

    def _through(self, packet: Any) -> list[tuple[bytes, int]]:
        out: list[tuple[bytes, int]] = []
        try:
            frames = self._decoder.decode(packet)
        except av.InvalidDataError:
            return out  # a damaged picture; the next ones may be whole
        for frame in frames:
            time_base = frame.time_base or self._time_base
            pts = int(frame.pts * time_base / _TICK) if frame.pts is not None and time_base else self._next_pts
            if 0 <= self._next_pts - pts < 90_000:
                continue
            self._next_pts = pts + 90_000 // FPS - 90_000 // (4 * FPS)
            out += self._encode(frame, pts)
        return out

    def _encode(self, frame: av.VideoFrame, pts: int) -> list[tuple[bytes, int]]:
        height = max(2, round(frame.height * WIDTH / frame.width / 2) * 2)
        if self._encoder is None or self._encoder.height != height:
            self._encoder = _encoder(height)
        small = self._reformatter.reformat(frame, width=WIDTH, height=height, format="yuv420p")
        small.pts, small.time_base = pts, _TICK
        small.pict_type = av.video.frame.PictureType.NONE
        return [(bytes(packet), packet.pts) for packet in self._encoder.encode(small)]


def _encoder(height: int) -> Any:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, height, "yuv420p"
    encoder.time_base, encoder.framerate, encoder.bit_rate = _TICK, Fraction(FPS), BIT_RATE
    gop = GOP_S * FPS
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": f"keyint={gop}:scenecut=0:threads=1:repeat-headers=1"}
    return encoder
