"""Stages of one incident along one line of time, a lane for each crew: SVG of pure data, coloured by classes as the map is.

A stage is a bar from its beginning to its end; what lies beyond its target is drawn apart. What has no time, or lies out of order, has
no bar but a sign where it is known to belong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

from dispatch.stage_line import StageSpan, Verdict

WIDTH, LEFT, RIGHT, LANE, HEAD = 960.0, 150.0, 24.0, 46.0, 26.0
_BAR = 16.0
_SHORTEST_S = 60.0
# Steps of the scale, seconds, so that it has at most MOST_TICKS.
_STEPS_S = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)
_MOST_TICKS = 8


class Lane(NamedTuple):
    """One line: its name and the bars on it."""

    name: str
    bars: Sequence[Bar]
    instants: Sequence[tuple[datetime, str]]  # what else happened, each with its word


class Bar(NamedTuple):
    """One stage. `due_at`: when its target ran out; None: measured only, or it did not begin."""

    look: str  # class: push, acknowledge, depart, way, feedback …
    name: str
    begins_at: datetime | None
    ends_at: datetime | None
    due_at: datetime | None
    verdict: Verdict


def bar_of(span: StageSpan, name: str, until: datetime, look: str = "", due_at: datetime | None = None) -> Bar:
    """A stage as a bar; one that was not reached ends where it was given up, `until`."""
    ends_at = span.ends_at
    if span.verdict in (Verdict.UNREACHED, Verdict.LATE_UNREACHED) and span.begins_at is not None:
        ends_at = until
    return Bar(look or span.stage, name, span.begins_at, ends_at, due_at, span.verdict)


def stage_chart(lanes: Sequence[Lane], begins: datetime, ends: datetime, clock: Callable[[datetime], str], label: str) -> str:
    """The SVG. What lies after `ends` is not drawn: the response is minutes, a closing may be days later."""
    seconds = max((ends - begins).total_seconds(), _SHORTEST_S)
    height = HEAD + LANE * len(lanes) + 6

    def x_of(at: datetime) -> float:
        return LEFT + min(max((at - begins).total_seconds() / seconds, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    parts = [_scale(seconds, begins, height, x_of, clock)]
    for number, lane in enumerate(lanes):
        top = HEAD + LANE * number
        parts.append(
            f'<path class="lane" d="M0 {top:.1f}H{WIDTH:g}"/><text class="lane-name" x="4" y="{top + 26:.1f}">{_short(lane.name)}</text>'
        )
        for bar in lane.bars:
            parts.append(_bar(bar, top + 12, x_of))
        parts += [_instant(x_of(at), top, f"{name} {clock(at)}") for at, name in lane.instants if at <= ends]
    head = f'class="stage-chart" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(label)}"'
    return f"<svg {head}>{''.join(parts)}</svg>"


def _instant(x: float, top: float, said: str) -> str:
    return f'<path class="instant" d="M{x:.1f} {top + 6:.1f}V{top + LANE - 6:.1f}"><title>{escape(said)}</title></path>'


def _bar(bar: Bar, top: float, x_of: Callable[[datetime], float]) -> str:
    if bar.verdict in (Verdict.MISSING, Verdict.OUT_OF_ORDER):
        at = bar.ends_at or bar.begins_at
        sign = "?" if bar.verdict == Verdict.MISSING else "⇄"
        return (
            ""
            if at is None
            else f'<text class="no-time" x="{x_of(at):.1f}" y="{top + 12:.1f}">{sign}<title>{escape(bar.name)}</title></text>'
        )
    if bar.begins_at is None or bar.ends_at is None:
        return ""
    left, right = x_of(bar.begins_at), x_of(bar.ends_at)
    look = f"bar {bar.look}{' undone' if bar.verdict in (Verdict.UNREACHED, Verdict.LATE_UNREACHED) else ''}"
    place = f'x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 1.5):.1f}" height="{_BAR:g}"'
    drawn = f'<rect class="{look}" {place}><title>{escape(bar.name)}</title></rect>'
    if bar.due_at is None:
        return drawn
    due = x_of(bar.due_at)
    if bar.verdict in (Verdict.LATE, Verdict.LATE_UNREACHED):
        drawn += (
            f'<rect class="late" x="{max(due, left):.1f}" y="{top + _BAR:.1f}" width="{max(right - max(due, left), 1.5):.1f}" height="4"/>'
        )
    if due < WIDTH - RIGHT - 0.1:
        drawn += f'<path class="due" d="M{due:.1f} {top + _BAR + 1:.1f}l-4 7h8z"/>'
    return drawn


def _scale(seconds: float, begins: datetime, height: float, x_of: Callable[[datetime], float], clock: Callable[[datetime], str]) -> str:
    """Lines at round distances from the call, and the time of day over each."""
    step = next((one for one in _STEPS_S if seconds / one <= _MOST_TICKS), _STEPS_S[-1])
    lines = []
    for number in range(int(seconds // step) + 1):
        at = begins + timedelta(seconds=number * step)
        x = x_of(at)
        lines.append(
            f'<path class="tick" d="M{x:.1f} {HEAD - 6:.1f}V{height:.1f}"/><text class="tick" x="{x:.1f}" y="14">{escape(clock(at))}</text>'
        )
    return "".join(lines)


def _short(name: str) -> str:
    """What fits into the margin."""
    return escape(name if len(name) <= 20 else f"{name[:19]}…")
