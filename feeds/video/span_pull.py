"""Pulls what a recorder has of a span of time that RTSP itself names, `PLAY` with `Range: clock=…` (RFC 2326, 12.29; ONVIF Streaming
Specification, "Replay"); blocking, for a thread of its own. libav can't send such a range.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from typing import Any

import av

from dispatch.clock import Clock
from feeds.video import nal, rtp
from feeds.video.access_units import AccessUnit, AccessUnits
from feeds.video.pull import (
    OPEN_WITHIN_S,
    SILENT_S,
    NoSuchStream,
    Packet,
    PullFailed,
    check_address,
    failure_of,
    login_refused,
    transcoder_of,
)
from feeds.video.rtsp_client import Ended, RtspClient, Unwanted
from feeds.video.rtsp_framing import Answer, Framed
from feeds.video.rtsp_session import GONE, LOGIN_REFUSED, NO_OPTION, NO_TRANSPORT, Refused, Session
from feeds.video.sdp import Track
from feeds.video.span_time import TIMESCALE, Span, SpanTime, begins_at

REPLAY = {"Require": "onvif-replay"}
# At the pace it was recorded a span takes as long as it is; a recorder that needs more than twice that, and this, comes to no end.
LONGER_S = 30.0
MOST_WITHIN = 64  # pictures that a decoder may hold back; HEVC has 16
_RTP_TIME = re.compile(r"rtptime\s*=\s*(\d{1,10})")
_WORDS = {
    453: ("unreachable", "The recorder plays as much as it can already; close a picture of it."),
    454: ("unreachable", "The recorder has ended the session; ask again."),
    457: ("no-recorder", "The recorder has nothing of that time."),
    NO_TRANSPORT: ("unplayable", "The recorder does not send over its RTSP connection (TCP); have that switched on."),
    503: ("unreachable", "The recorder is busy; try again later."),
}
_NO_RANGE = frozenset({400, 405, 451, 455, 456, 501})


def pull_span(
    url: str, span: Span, clock: Clock, may_transcode: Callable[[], bool], is_wanted: Callable[[], bool]
) -> Iterator[Packet | None]:
    """None once the recorder plays, then packets to the end of the span.

    `may_transcode` is asked once, when the codec is not H.264. `is_wanted` is asked again and again: it ends within a second when nobody
    wants the pictures any more. Raises PullFailed.
    """
    check_address(url)
    deadline = time.monotonic() + OPEN_WITHIN_S
    try:
        with closing(Session(RtspClient(url, OPEN_WITHIN_S, is_wanted), deadline, REPLAY)) as session:
            track = _track(session)
            session.set_up()
            times = _play(session, span)
            yield None
            yield from _packets(_units(session, track, times, span, clock), track, may_transcode)
    except Unwanted:
        return
    except Refused as refused:
        raise _failure(refused) from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise failure_of(error) from None


def _track(session: Session) -> Track:
    track = session.describe()
    if track is None:
        raise PullFailed("unplayable", "The recorder plays no pictures.", is_final=True)
    if not track.codec:
        raise PullFailed("unplayable", "The recorder plays neither H.264 nor H.265.", is_final=True)
    return track


def _play(session: Session, span: Span) -> SpanTime:
    answer = session.play({"Range": span.header, "Rate-Control": "yes"})
    begins_with = _RTP_TIME.search(answer.get("rtp-info"))
    return SpanTime(span, session.track.clock_hz, begins_at(answer.get("range")), None if begins_with is None else int(begins_with[1]))


def _next(session: Session, deadline: float) -> Framed | Answer:
    """What comes next, the session kept alive meanwhile. Raises TimeoutError, and what the client raises."""
    while True:
        if time.monotonic() >= session.alive_at:
            session.keep_alive()
        try:
            return session.client.next(min(deadline, session.alive_at))
        except TimeoutError:
            if time.monotonic() >= deadline:
                raise


def _failure(refused: Refused) -> PullFailed:
    """What is said of what is refused."""
    if refused.status in LOGIN_REFUSED:
        return login_refused()
    if refused.status in GONE:
        return NoSuchStream()
    reason, words = _WORDS.get(refused.status, ("unreachable", f"The recorder refuses ({refused.status})."))
    if refused.status == NO_OPTION or (refused.method == "PLAY" and refused.status in _NO_RANGE):
        reason, words = (
            "no-recorder",
            "The recorder does not take a span by RTSP (Range); it may take one in its address.",
        )
    elif refused.status // 100 == 3:
        words = "The recorder sends us to another address, which is not followed."
    return PullFailed(reason, words, is_final=True)


def _units(session: Session, track: Track, times: SpanTime, span: Span, clock: Clock) -> Iterator[tuple[AccessUnit, int, float]]:
    """Pictures with their times, to the end of the span or of what comes."""
    units, is_any = AccessUnits(track.codec), False
    for unit in _whole(units, _received(session, times, span, clock)):
        pts, taken_at = times.of(unit)
        if taken_at >= span.to_s:
            break
        is_any = True
        yield unit, pts, taken_at
        if unit.is_last:
            break
    if not is_any and units.dropped:
        raise PullFailed(
            "unplayable", f"None of the recorder's pictures came whole; {units.lost} packets of them never came.", is_final=True
        )


def _whole(units: AccessUnits, packets: Iterator[rtp.Received]) -> Iterator[AccessUnit]:
    for packet in packets:
        yield from units.feed(packet)
    yield from units.rest()


def _received(session: Session, times: SpanTime, span: Span, clock: Clock) -> Iterator[rtp.Received]:
    """The track's packets, until there are no more. A recorder that falls silent has come to its end, as a camera's stream has; one that
    takes nothing has not."""
    heard_at = began_at = time.monotonic()
    longest_s = 2 * (span.to_s - span.from_s) + LONGER_S
    while time.monotonic() - began_at < longest_s:
        try:
            got = _next(session, heard_at + SILENT_S)
        except (Ended, TimeoutError):
            return
        if isinstance(got, Answer):
            session.hear(got)
            continue
        if session.is_control(got):
            told = rtp.control(got.data)
            times.report(told, clock.unix_s())
            if told.is_bye:
                return
        packet = session.packet(got)
        if packet is not None:
            heard_at = time.monotonic()
            yield packet


def _packets(units: Iterator[tuple[AccessUnit, int, float]], track: Track, may_transcode: Callable[[], bool]) -> Iterator[Packet]:
    if track.codec == "h264":
        if track.parameters:
            yield Packet(nal.join(track.parameters), 0, 0.0, None)
        for unit, pts, taken_at in units:
            yield Packet(unit.data, pts, taken_at, None, by_recorder=True)
        return
    decoder: Any = av.CodecContext.create(track.codec, "r")
    decoder.extradata = nal.join(track.parameters) or None
    transcoder = transcoder_of(decoder, may_transcode)
    dates: dict[int, float] = {}  # by time in the stream
    for unit, pts, taken_at in units:
        packet = av.Packet(unit.data)
        packet.pts = packet.dts = pts
        packet.time_base = Fraction(1, TIMESCALE)
        dates[pts] = taken_at
        if len(dates) > MOST_WITHIN:
            del dates[next(iter(dates))]
        yield from _dated(transcoder.feed(packet), dates)
    yield from _dated(transcoder.finish(), dates)


def _dated(pictures: list[tuple[bytes, int]], dates: dict[int, float]) -> Iterator[Packet]:
    """What comes out of a decoder was put in some pictures ago."""
    for data, pts in pictures:
        if (taken_at := dates.get(pts)) is not None:
            yield Packet(data, pts, taken_at, None, by_recorder=True)
