"""One figure against a range: where most lie, from the middle one to nine in ten, and where this one does. SVG of pure data."""

from __future__ import annotations

from html import escape

WIDTH, HEIGHT, EDGE = 220.0, 18.0, 7.0


def range_bar(middle: float | None, high: float | None, value: float | None, most: float, label: str) -> str:
    """`middle` to `high` as a bar, `value` as a diamond, on a line from 0 to `most`; empty where neither is known."""
    if (middle is None and value is None) or most <= 0:
        return ""

    def x_of(figure: float) -> float:
        return EDGE + min(max(figure / most, 0.0), 1.0) * (WIDTH - 2 * EDGE)

    parts = [f'<path class="axis" d="M{EDGE:g} {HEIGHT / 2:g}H{WIDTH - EDGE:g}"/>']
    if middle is not None:
        left, right = x_of(middle), x_of(middle if high is None else high)
        parts.append(f'<rect class="most" x="{left:.1f}" y="5" width="{max(right - left, 2):.1f}" height="8" rx="2"/>')
        parts.append(f'<path class="middle" d="M{left:.1f} 3V15"/>')
    if value is not None:
        parts.append(f'<path class="this" d="M{x_of(value):.1f} 2l6 7l-6 7l-6 -7z"/>')
    return f'<svg class="range-bar" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
