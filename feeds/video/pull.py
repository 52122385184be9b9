"""Pulls one camera over RTSP; blocking, for a thread of its own.

Addresses hold passwords, and what libav says of a failure holds addresses: none of its words leave this module.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import av

from dispatch.clock import Clock
from feeds.video.transcode import Transcoder
from operations.cameras.video import LATEST_S

OPEN_WITHIN_S = 6.0
SILENT_S = 5.0  # a connection that brings nothing for so long is given up
# Hardly any probing: what it would find out is read from the stream here, and it costs 0.2 s of every click. Without `fflags=nobuffer`:
# that would throw away the key frame that is read while the stream is opened.
OPTIONS = {
    "rtsp_transport": "tcp",
    "allowed_media_types": "video",
    "flags": "low_delay",
    "analyzeduration": "1",
    "probesize": "32",
    "fpsprobesize": "0",
    "timeout": str(int(SILENT_S * 1e6)),
    "protocol_whitelist": "rtsp,rtsps,rtp,tcp,tls,crypto",
}
SCHEMES = ("rtsp", "rtsps")
# A camera whose time differs more from ours than its pictures can be late has a wrong clock.
WRONG_CLOCK_S, AHEAD_S = LATEST_S, 1.0
_DELAYS_KEPT = 900  # about a minute of pictures


class PullFailed(Exception):
    """A camera can't be pulled. `reason` is one of `operations.cameras.video.REASONS`; the message holds no address."""

    def __init__(self, reason: str, words: str, is_final: bool = False) -> None:
        super().__init__(words)
        self.reason = reason
        self.is_final = is_final  # trying again would not help


@dataclass(frozen=True)
class Packet:
    """Some H.264 (Annex B)."""

    data: bytes
    pts: int  # 1/90000 s
    captured_at: float  # Unix s
    late_s: float | None  # it came so much after it was taken; None: the camera tells no time, or a wrong one
    by_recorder: bool = False  # `captured_at` is by the recorder that plays it, which tells of no lateness


class NoSuchStream(PullFailed):
    """The device answers, but has nothing under this address."""

    def __init__(self) -> None:
        super().__init__("unreachable", "The device answers, but has no such stream.")


class NotH264(Exception):
    """The stream has another codec, and another address is to be tried first."""


def check_address(url: str) -> None:
    """Raises PullFailed for an address that is not opened: a camera's is no file and no page."""
    try:
        parts = urlsplit(url)
        ok = parts.scheme.lower() in SCHEMES and bool(parts.hostname)
    except ValueError:
        ok = False
    if not ok:
        raise PullFailed("bad-address", "The camera's address is not one of rtsp:// or rtsps://.", is_final=True)


def pull(url: str, clock: Clock, may_transcode: Callable[[], bool], h264_only: bool) -> Iterator[Packet | None]:
    """None once it is connected, then packets until the camera ends the stream.

    `may_transcode` is asked once, when the codec is not H.264. Raises PullFailed, and NotH264 if `h264_only`.
    """
    check_address(url)
    is_open = False
    try:
        with av.open(url, options=OPTIONS, timeout=(OPEN_WITHIN_S, SILENT_S)) as container:
            is_open = True
            if not container.streams.video:
                raise PullFailed("unplayable", "The camera sends no pictures.")
            yield None
            yield from _packets(container, container.streams.video[0], clock, may_transcode, h264_only)
    except (av.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, av.InvalidDataError) and not is_open:  # so also one that starts, or has too many connections: it may pass
            raise PullFailed("unreachable", "What answers at the camera's address hangs up, or speaks no RTSP.") from None
        raise failure_of(error) from None


def _packets(container: Any, stream: Any, clock: Clock, may_transcode: Callable[[], bool], h264_only: bool) -> Iterator[Packet]:
    transcoder: Transcoder | None = None
    if stream.codec_context.name != "h264":
        if h264_only:
            raise NotH264
        transcoder = transcoder_of(stream.codec_context, may_transcode)
    elif stream.codec_context.extradata:
        yield Packet(bytes(stream.codec_context.extradata), 0, clock.unix_s(), None)
    times, scale = CameraTime(), Fraction(90_000) * stream.time_base
    for packet in container.demux(stream):
        if not packet.size:
            continue
        # libav gives the first packet no time.
        pts = packet.pts if packet.pts is not None else packet.dts or 0
        if scale != 1:
            pts = int(pts * scale)
        captured_at, late_s = times.of(pts, _sender_time(packet), clock.unix_s())
        if transcoder is None:
            yield Packet(bytes(packet), pts, captured_at, late_s)
            continue
        for data, own_pts in transcoder.feed(packet):
            yield Packet(data, own_pts, captured_at, late_s)


def transcoder_of(decoder: Any, may_transcode: Callable[[], bool]) -> Transcoder:
    """Raises PullFailed when no more can be transcoded."""
    if not may_transcode():
        raise PullFailed("transcoding-at-limit", "The camera's codec needs transcoding, and no more cameras can be transcoded.", True)
    return Transcoder(decoder)


class CameraTime:
    """When pictures were taken, by the camera's own clock if it tells it, else by when they came."""

    def __init__(self) -> None:
        # Of arrival after the camera's count: number and seconds of those that are the least of all since, or may come to be.
        self._delays: deque[tuple[int, float]] = deque()
        self._pictures = 0

    def of(self, pts: int, sender_at: float | None, arrived_at: float) -> tuple[float, float | None]:
        """Moment (Unix s), and how late it came (s) if the camera tells its time."""
        delay = arrived_at - pts / 90_000
        if self._delays and abs(delay - self._delays[-1][1]) > WRONG_CLOCK_S:
            self._delays.clear()  # its count has begun anew
        while self._delays and self._delays[-1][1] >= delay:
            self._delays.pop()
        self._pictures += 1
        self._delays.append((self._pictures, delay))
        if self._delays[0][0] <= self._pictures - _DELAYS_KEPT:
            self._delays.popleft()
        if sender_at is not None and -AHEAD_S < arrived_at - sender_at < WRONG_CLOCK_S:
            return min(sender_at, arrived_at), max(0.0, arrived_at - sender_at)
        # The network only ever adds: what came fastest tells most.
        return min(pts / 90_000 + self._delays[0][1], arrived_at), None


def _sender_time(packet: Any) -> float | None:
    """Out of the camera's RTCP sender reports, Unix s."""
    if not packet.has_sidedata("prft"):
        return None
    data = bytes(packet.get_sidedata("prft"))
    return float(struct.unpack_from("=q", data)[0]) / 1e6


def login_refused() -> PullFailed:
    return PullFailed("login-refused", "The camera refuses the name and password that are kept for it.", is_final=True)


def failure_of(error: Exception) -> PullFailed:
    """What is said of it: none of its words."""
    if isinstance(error, (av.HTTPUnauthorizedError, av.HTTPForbiddenError)):
        return login_refused()
    if isinstance(error, av.HTTPNotFoundError):
        return NoSuchStream()
    if isinstance(error, (av.InvalidDataError, ValueError)) and not isinstance(error, OSError):
        return PullFailed("unplayable", "What the camera sends is no video.")
    return PullFailed("unreachable", f"The camera can't be reached ({type(error).__name__}).")
