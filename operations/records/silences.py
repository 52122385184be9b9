"""Of which times nothing was recorded, or no position: nothing happened then, or nobody wrote it down, which a screen must not pass off
as the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from operations.records.history import History

# Two slices of tracks: shorter ones can't be told everywhere, and the ages of positions on the screen tell them.
SILENT_S = 600.0
# Shorter times without a call or a position are not worth a reader's doubt in figures, where no feed tells positions.
UNRECORDED_S = 3600.0
MOST_PARTS = 5_000  # of a span, in each of which the first and last event are looked for

Span = tuple[float, float]  # Unix s


class Tracks(Protocol):
    """What of `storage.track_reader.TrackReader` matters here."""

    def heard_spans(self, from_at: float, until: float) -> list[Span]: ...


class Silences(NamedTuple):
    """Parts of a span, in order, each of a time longer than `SILENT_S`."""

    no_positions: list[Span]  # without a position, whatever else was recorded
    nothing: list[Span]  # without an event either


async def silences(history: History, tracks: Tracks, from_at: float, until: float, now_s: float) -> Silences:
    """Between two instants, as it is known now; Unix s."""
    no_positions = await asyncio.to_thread(unheard, tracks, from_at, until, now_s)
    nothing = []
    for first, last in no_positions:
        every_s = max(SILENT_S / 2, (last - first) / MOST_PARTS)
        events = await history.recorded_in(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC), every_s)
        nothing += _between(events, first, last)
    return Silences(within(no_positions, from_at, until), within(nothing, from_at, until))


def unheard(tracks: Tracks, from_at: float, until: float, now_s: float) -> list[Span]:
    """Times without a position of anybody, some of which may reach beyond the span by `SILENT_S`. In a thread."""
    begins, ends = from_at - SILENT_S, min(until + SILENT_S, now_s)
    return _between(tracks.heard_spans(begins, ends), begins, ends)


def _between(spans: Iterable[Span], begins: float, ends: float) -> list[Span]:
    """What lies between spans, given in order, where it is longer than `SILENT_S`."""
    found, silent_from = [], begins
    for first, last in [*spans, (ends, ends)]:
        if first - silent_from > SILENT_S:
            found.append((silent_from, first))
        silent_from = max(silent_from, last)
    return found


def within(spans: Iterable[Span], from_at: float, until: float) -> list[Span]:
    """What of each span, given in order, lies between two instants."""
    cut = [(max(first, from_at), min(last, until)) for first, last in spans]
    return [(first, last) for first, last in cut if first < last]
