"""Pulls what a recorder has of a span of time that RTSP itself names, `PLAY` with `Range: clock=…` (RFC 2326, 12.29; ONVIF Streaming
Specification, "Replay"); blocking, for a thread of its own. libav can't send such a range.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
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
from feeds.video.rtsp_client import Answer, Ended, Framed, RtspClient, Unwanted
from feeds.video.sdp import Track, described
from feeds.video.span_time import TIMESCALE, Span, SpanTime, begins_at

REPLAY = {"Require": "onvif-replay"}
SESSION_S = 60.0  # that a session is kept where its device says nothing of it (RFC 2326, 12.37)
# At the pace it was recorded a span takes as long as it is; a recorder that needs more than twice that, and this, comes to no end.
LONGER_S = 30.0
MOST_WITHIN = 64  # pictures that a decoder may hold back; HEVC has 16
_SESSION = re.compile(r"([!-:<-~]{1,200})\s*(?:;\s*timeout\s*=\s*(\d{1,6}))?")
_CHANNELS = re.compile(r"interleaved\s*=\s*(\d{1,3})")
_RTP_TIME = re.compile(r"rtptime\s*=\s*(\d{1,10})")
_WORDS = {
    453: ("unreachable", "The recorder plays as much as it can already; close a picture of it."),
    454: ("unreachable", "The recorder has ended the session; ask again."),
    457: ("no-recorder", "The recorder has nothing of that time."),
    461: ("unplayable", "The recorder does not send over its RTSP connection (TCP); have that switched on."),
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
        with closing(_Recorder(RtspClient(url, OPEN_WITHIN_S, is_wanted), deadline)) as recorder:
            track = recorder.describe()
            recorder.set_up()
            times = recorder.play(span, track)
            yield None
            yield from _packets(_units(recorder, track, times, span, clock), track, may_transcode)
    except Unwanted:
        return
    except (av.FFmpegError, OSError, ValueError) as error:
        raise failure_of(error) from None


class _Recorder:
    """One session."""

    def __init__(self, client: RtspClient, deadline: float) -> None:
        self.client, self._deadline = client, deadline
        self.channel = 0
        self._base = self._all = self._own = client.url  # addresses: what is relative to; of all tracks; of the one that is played
        self._replay = dict(REPLAY)  # taken back where it is not understood
        self._alive = "GET_PARAMETER"
        self._alive_every_s, self._alive_at = SESSION_S / 2, 0.0
        self._is_proven = False  # what keeps it alive, with the log-in of a challenge to it

    def describe(self) -> Track:
        answer = self._ask("DESCRIBE", self.client.url, {"Accept": "application/sdp"})
        found = described(answer.body.decode("utf-8", "replace"))
        if found.track is None:
            raise PullFailed("unplayable", "The recorder plays no pictures.", is_final=True)
        if not found.track.codec:
            raise PullFailed("unplayable", "The recorder plays neither H.264 nor H.265.", is_final=True)
        self._base = answer.get("content-base") or answer.get("content-location") or self.client.url
        self._all, self._own = self._at(found.control), self._at(found.track.control)
        return found.track

    def set_up(self) -> None:
        answer = self._ask("SETUP", self._own, {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"})
        session, transport = _SESSION.match(answer.get("session")), answer.get("transport")
        if session is None:
            raise ValueError("no session")
        self.client.session = session[1]
        if "TCP" not in transport.upper():
            raise PullFailed(*_WORDS[461], is_final=True)
        if channels := _CHANNELS.search(transport):  # else those that were asked for
            self.channel = int(channels[1])
        if session[2]:
            self._alive_every_s = min(max(1.0, float(session[2])), SESSION_S) / 2

    def play(self, span: Span, track: Track) -> SpanTime:
        headers = {"Range": span.header, "Rate-Control": "yes"}
        answer = self._try("PLAY", self._all, headers)
        if answer.status == 459:  # not of all tracks at once
            self._all = self._own
            answer = self._try("PLAY", self._own, headers)
        _check("PLAY", answer)
        self._alive_at = time.monotonic() + self._alive_every_s
        begins_with = _RTP_TIME.search(answer.get("rtp-info"))
        return SpanTime(span, track.clock_hz, begins_at(answer.get("range")), None if begins_with is None else int(begins_with[1]))

    def next(self, deadline: float) -> Framed | Answer:
        """What comes next, the session kept alive meanwhile. Raises TimeoutError, and what the client raises."""
        while True:
            if time.monotonic() >= self._alive_at:
                self._alive_at, self._is_proven = time.monotonic() + self._alive_every_s, False
                self.client.send(self._alive, self._all, {})
            try:
                return self.client.next(min(deadline, self._alive_at))
            except TimeoutError:
                if time.monotonic() >= deadline:
                    raise

    def hear(self, answer: Answer) -> None:
        """To what keeps the session alive. Raises PullFailed when there is none any more."""
        if not self._is_proven and self.client.is_challenged(answer):
            self._is_proven = True
            self.client.send(self._alive, self._all, {})
        elif answer.status in (405, 501, 551) and self._alive != "OPTIONS":
            self._alive, self._alive_at = "OPTIONS", 0.0
        elif answer.status == 454:
            _check(self._alive, answer)

    def close(self) -> None:
        with suppress(OSError, ValueError, Unwanted):
            if self.client.session:
                self.client.send("TEARDOWN", self._all, {})
        self.client.close()

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        answer = self._try(method, url, headers)
        _check(method, answer)
        return answer

    def _try(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        answer = self.client.ask(method, url, headers | self._replay, self._deadline)
        if answer.status == 551 and self._replay:
            self._replay = {}
            answer = self.client.ask(method, url, headers, self._deadline)
        return answer

    def _at(self, control: str) -> str:
        """The address of a part, as devices mean it: put behind the whole, whatever that ends with."""
        if control in ("", "*"):
            return self._base
        return control if "://" in control else f"{self._base.rstrip('/')}/{control.lstrip('/')}"


def _check(method: str, answer: Answer) -> None:
    """Raises PullFailed for what is refused."""
    if answer.status == 200:
        return
    if answer.status in (401, 403):
        raise login_refused()
    if answer.status in (404, 410):
        raise NoSuchStream
    reason, words = _WORDS.get(answer.status, ("unreachable", f"The recorder refuses ({answer.status})."))
    if answer.status == 551 or (method == "PLAY" and answer.status in _NO_RANGE):
        reason, words = (
            "no-recorder",
            "The recorder does not take a span by RTSP (Range); it may take one in its address.",
        )
    elif answer.status // 100 == 3:
        words = "The recorder sends us to another address, which is not followed."
    raise PullFailed(reason, words, is_final=True)


def _units(recorder: _Recorder, track: Track, times: SpanTime, span: Span, clock: Clock) -> Iterator[tuple[AccessUnit, int, float]]:
    """Pictures with their times, to the end of the span or of what comes."""
    units, is_any = AccessUnits(track.codec), False
    for unit in _whole(units, _received(recorder, track, times, span, clock)):
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


def _received(recorder: _Recorder, track: Track, times: SpanTime, span: Span, clock: Clock) -> Iterator[rtp.Received]:
    """The track's packets, until there are no more. A recorder that falls silent has come to its end, as a camera's stream has; one that
    takes nothing has not."""
    heard_at = began_at = time.monotonic()
    longest_s = 2 * (span.to_s - span.from_s) + LONGER_S
    while time.monotonic() - began_at < longest_s:
        try:
            got = recorder.next(heard_at + SILENT_S)
        except (Ended, TimeoutError):
            return
        if isinstance(got, Answer):
            recorder.hear(got)
            continue
        if got.channel == recorder.channel + 1:
            told = rtp.control(got.data)
            times.report(told, clock.unix_s())
            if told.is_bye:
                return
        packet = _packet(got, recorder.channel, track.payload_type)
        if packet is not None:
            heard_at = time.monotonic()
            yield packet


def _packet(got: Framed, channel: int, payload_type: int) -> rtp.Received | None:
    """None for what is none of the track."""
    if got.channel != channel:
        return None
    try:
        packet = rtp.received(got.data)
    except ValueError:
        return None
    return packet if packet.payload_type == payload_type else None


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
