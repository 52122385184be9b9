"""When pictures that a recorder plays were taken: by its own word on each (the ONVIF extension), else by its sender reports, else by where
it said that it begins. A recorder that says none of it may as well play what is live: nothing of it is shown.

Many recorders put into a report when it was sent. Where a span reaches up to the present that looks like a picture's time, so a report is
weighed against what else is known: a date that may be wrong is none.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple

from feeds.video.access_units import AccessUnit
from feeds.video.pull import PullFailed
from feeds.video.rtp import Control

TIMESCALE = 90_000
AROUND_S = (
    30.0  # so far before and after the span a picture of it may lie: recorders begin with a key frame before, and end with one behind
)
# A report may place pictures so much later than they are expected; earlier as far as a key frame lies before what was asked for.
AGREES_S = 2.0
# No recorder's clock is taken to be more wrong: a report that is nearer to when it came may tell when it was sent.
WRONG_CLOCK_S = 300.0
# The count may leap so far and still be the same: behind more there is a gap, or it has begun anew.
LEAP_S = 5.0
_CLOCK = re.compile(r"clock\s*=\s*(\d{8}T\d{6})(?:\.(\d{1,9}))?Z")


class Span(NamedTuple):
    """Of time, Unix s."""

    from_s: float
    to_s: float

    @property
    def header(self) -> str:
        """As RTSP's Range has it (RFC 2326, 3.7), by whole seconds, none of it left out."""
        begin, end = (datetime.fromtimestamp(0, UTC) + timedelta(seconds=s) for s in (self.from_s // 1, -(-self.to_s // 1)))
        return f"clock={begin:%Y%m%dT%H%M%SZ}-{end:%Y%m%dT%H%M%SZ}"

    def is_near(self, at_s: float) -> bool:
        return self.has_begun_at(at_s) and at_s <= self.to_s + AROUND_S

    def has_begun_at(self, at_s: float) -> bool:
        return self.from_s - AROUND_S <= at_s


def begins_at(header: str) -> float | None:
    """Where a Range by the clock begins, Unix s; None for another, or what can't be read."""
    found = _CLOCK.match(header.strip())
    if found is None:
        return None
    try:
        at = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return at.timestamp() + float(f"0.{found[2] or 0}")


class _Line(NamedTuple):
    """Which moment belongs to which RTP timestamp."""

    at_s: float  # Unix s
    timestamp: int

    def at(self, timestamp: int, clock_hz: int) -> float:
        return self.at_s + _signed(timestamp - self.timestamp) / clock_hz


class _Source(Enum):
    """What pictures are dated by."""

    ANSWER = "answer"  # to PLAY
    REPORT = "report"
    PICTURE = "picture"


class SpanTime:
    """Of one stream."""

    def __init__(self, span: Span, clock_hz: int, began_at: float | None, began_with: int | None) -> None:
        """`began_at`: where the recorder says that it begins; `began_with`: the RTP timestamp of that, None: of the first picture."""
        self._span, self._hz = span, clock_hz
        self._began_at = began_at if began_at is not None and span.is_near(began_at) else None
        self._began_with = began_with
        self._newest: AccessUnit | None = None
        self._ticks = 0  # of it, counted on from the first
        self._line: _Line | None = None  # by which pictures are dated
        self._source: _Source | None = None
        self._expected: _Line | None = None  # what a report is weighed against
        self._report: tuple[Control, float] | None = None  # that is to be weighed, and when it came

    def report(self, told: Control, arrived_at: float) -> None:
        """A sender report, which came at that moment (Unix s)."""
        if told.at_s is not None:
            self._report = told, arrived_at

    def of(self, unit: AccessUnit) -> tuple[int, float]:
        """In 1/90000 s, as the recorder counts, and in Unix s. Raises PullFailed for what is not of that time, or may not be."""
        is_first, followed = self._newest is None, None
        if self._newest is None:
            self._begin(unit.timestamp)
        else:
            step = _signed(unit.timestamp - self._newest.timestamp)
            self._ticks += step
            if unit.ssrc != self._newest.ssrc or abs(step) > LEAP_S * self._hz:
                followed = self._line if unit.ssrc == self._newest.ssrc else None
                self._line = self._source = self._expected = None
        self._newest = unit
        taken_at = self._taken_at(unit)
        if taken_at is None and followed is not None and followed.at(unit.timestamp, self._hz) >= self._span.to_s:
            taken_at = followed.at(unit.timestamp, self._hz)  # not to be shown, whether that is right or not
        if taken_at is None:
            words = (
                "The recorder does not say that it plays that time; its address may be one of live pictures."
                if is_first
                else "The recorder does not say when the pictures behind a break were taken."
            )
            raise PullFailed("no-recorder", words)
        # Behind a gap of the recording the next picture may lie far beyond the span, which then is over.
        if not (self._span.is_near(taken_at) if is_first else self._span.has_begun_at(taken_at)):
            raise PullFailed("no-recorder", "The recorder has nothing of that time: it plays another.", is_final=True)
        return self._ticks * TIMESCALE // self._hz, taken_at

    def _begin(self, timestamp: int) -> None:
        if self._began_with is None or abs(_signed(timestamp - self._began_with)) > AROUND_S * self._hz:
            self._began_with = timestamp
        if self._began_at is None:
            self._expected = _Line(self._span.from_s, timestamp)
        else:
            self._line = self._expected = _Line(self._began_at, self._began_with)
            self._source = _Source.ANSWER

    def _taken_at(self, unit: AccessUnit) -> float | None:
        report, self._report = self._report, None
        if unit.taken_at is not None:
            self._line, self._source = _Line(unit.taken_at, unit.timestamp), _Source.PICTURE
        elif report is not None and self._source is not _Source.PICTURE:
            self._weigh(*report, unit)
        return None if self._line is None else self._line.at(unit.timestamp, self._hz)

    def _weigh(self, report: Control, arrived_at: float, unit: AccessUnit) -> None:
        """Believe it or pass it over. Raises PullFailed where nothing explains that it tells another time."""
        if report.at_s is None or report.ssrc != unit.ssrc or abs(_signed(report.timestamp - unit.timestamp)) > AROUND_S * self._hz:
            return
        told = _Line(report.at_s, report.timestamp)
        if self._source is not _Source.REPORT and not self._span.is_near(told.at_s):
            return
        is_expected = self._expected is not None and (-AROUND_S <= told.at_s - self._expected.at(told.timestamp, self._hz) <= AGREES_S)
        may_be_of_sending = abs(arrived_at - told.at_s) <= WRONG_CLOCK_S
        # Where only reports tell, a recording that begins late is later than expected as well.
        if is_expected or (self._source is not _Source.ANSWER and not may_be_of_sending):
            self._line = self._expected = told
            self._source = _Source.REPORT
        elif self._source is _Source.REPORT or not may_be_of_sending:
            raise PullFailed("no-recorder", "The recorder names two times for the same pictures.", is_final=True)


def _signed(ticks: int) -> int:
    """Between two timestamps that begin anew after 32 bits."""
    return (ticks + 2**31) % 2**32 - 2**31
