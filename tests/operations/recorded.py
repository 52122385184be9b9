"""Short videos as a browser's recorder writes them: streamed, a key frame a second, sizes of clusters unknown."""

from __future__ import annotations

import io
from functools import cache

import av
import numpy as np

FPS = 10
_STREAMED = {"webm": {"live": "1"}, "mp4": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}}
_CODECS = {"webm": "libvpx", "mp4": "libx264"}


class _Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False


@cache
def recorded(container: str = "webm", seconds: int = 4) -> bytes:
    """Noise that moves, 96 × 64: libav begins a cluster with a key frame only where the one before is not too small."""
    written = _Unseekable()
    with av.open(written, "w", format=container, options=_STREAMED[container]) as out:
        more = {"sc_threshold": "0", "bf": "0"} if container == "mp4" else {"kf-min-dist": str(FPS)}
        stream = out.add_stream(_CODECS[container], rate=FPS, options={"g": str(FPS)} | more)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 96, 64, "yuv420p", 400_000
        noise = np.random.default_rng(1).integers(0, 255, (64, 96, 3), np.uint8)
        for number in range(seconds * FPS):
            picture = np.roll(noise, number * 3, axis=1)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return written.getvalue()


def pictures(video: bytes) -> int:
    """How many pictures a decoder gets out of it."""
    with av.open(io.BytesIO(video)) as read:
        return sum(1 for _ in read.decode(video=0))
