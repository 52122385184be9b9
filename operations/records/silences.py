"""Of which times nothing was recorded, or no position: nothing happened then, or nobody wrote it down, which a screen must not pass off
as the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from operations.services import Services

# Two slices of tracks: shorter ones can't be told everywhere, and the ages of positions on the screen tell them.
SILENT_S = 600.0
MOST_PARTS = 5_000  # of a span, in each of which the first and last event are looked for

Span = tuple[float, float]  # Unix s


class Silences(NamedTuple):
    """Parts of a span, in order, each of a time longer than `SILENT_S`."""

    no_positions: list[Span]  # without a position, whatever else was recorded
    nothing: list[Span]  # without an event either


async def silences(services: Services, from_at: float, until: float) -> Silences:
    """Between two instants, Unix s."""
    begins, ends = from_at - SILENT_S, min(until + SILENT_S, services.clock.unix_s())
    heard = await asyncio.to_thread(services.tracks.heard_spans, begins, ends)
    unheard = _between(heard, begins, ends)
    nothing = []
    for first, last in unheard:
        every_s = max(SILENT_S / 2, (last - first) / MOST_PARTS)
        events = await services.history.recorded_in(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC), every_s)
        nothing += _between(events, first, last)
    return Silences(_within(unheard, from_at, until), _within(nothing, from_at, until))


def _between(spans: Iterable[Span], begins: float, ends: float) -> list[Span]:
    """What lies between spans, given in order, where it is longer than `SILENT_S`."""
    found, silent_from = [], begins
    for first, last in [*spans, (ends, ends)]:
        if first - silent_from > SILENT_S:
            found.append((silent_from, first))
        silent_from = max(silent_from, last)
    return found


def _within(spans: Iterable[Span], from_at: float, until: float) -> list[Span]:
    cut = [(max(first, from_at), min(last, until)) for first, last in spans]
    return [(first, last) for first, last in cut if first < last]
