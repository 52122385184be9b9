"""What a test camera's recorder takes: an address with a span, `/NAME/recorded?starttime=20261130t142500z&endtime=20261130t143000z`, or a
span that RTSP tells at a plain address, `/NAME/replay`, as ONVIF has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from dispatch.clock import Clock

PLAYS, REPLAYS = "recorded", "replay"  # the last parts of such addresses
# How a recorder tells when its pictures were taken.
BY_EXTENSION, BY_REPORTS, BY_RANGE = "extension", "reports", "range"
WRITTEN = "%Y%m%dt%H%M%Sz"


def span_of(url: str) -> tuple[float, float] | None:
    """Beginning and end, Unix s; without an end it plays on. None where the address tells no beginning."""
    asked = parse_qs(urlsplit(url.rstrip("/").removesuffix("/track0")).query)
    try:
        from_s, to_s = (_unix_s(asked[name][0]) if name in asked else float("inf") for name in ("starttime", "endtime"))
    except ValueError:
        return None
    return (from_s, to_s) if "starttime" in asked else None


def span_asked(header: str) -> tuple[float, float] | None:
    """Of RTSP's Range, Unix s; None for one that is not by the clock."""
    unit, _, asked = header.partition("=")
    try:
        from_s, to_s = (_unix_s(text.lower()) if text else float("inf") for text in asked.split("-"))
    except ValueError:
        return None
    return (from_s, to_s) if unit == "clock" else None


class PastClock:
    """Shows a moment of the past the first time that it is looked at, and goes on from there."""

    def __init__(self, from_s: float, clock: Clock) -> None:
        self._from_s, self._clock = from_s, clock
        self._behind_s: float | None = None

    def now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=self.unix_s())

    def unix_s(self) -> float:
        if self._behind_s is None:
            self._behind_s = self._clock.unix_s() - self._from_s
        return self._clock.unix_s() - self._behind_s


def _unix_s(text: str) -> float:
    return datetime.strptime(text, WRITTEN).replace(tzinfo=UTC).timestamp()
