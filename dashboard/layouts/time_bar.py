"""The time bar below the map, and the band that says that the page shows the past. `client/src/time_bar.js` fills both."""

from __future__ import annotations

from dash import html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.parts import icon


def replay_band(page: Page) -> html.Div:
    """Over everything while the past is shown; on a wall too."""
    words = page.words
    return html.Div(
        [
            html.Strong([icon("replay"), words("REPLAY")]),
            html.Time(id=ids.REPLAY_TIME),
            html.Span(id=ids.REPLAY_SPEED, className="speed"),
            html.B(id=ids.REPLAY_NOTE, hidden=True),
            html.Span(words("No command can be given. What happens now goes on being recorded."), className="desk-only"),
            html.Span([html.Kbd("L"), words("back to the present")], className="desk-only"),
        ],
        id=ids.REPLAY_BAND,
        role="status",
        hidden=True,
    )


def time_bar(page: Page) -> html.Footer:
    """How much happened when; hidden on a wall."""
    words = page.words
    return html.Footer(
        [
            html.Button(words("LIVE"), id=ids.TIME_BAR_LIVE, title=words("Back to the present (L)"), **{"aria-pressed": "true"}),
            html.Div(
                [
                    html.Button(
                        icon("step-back"), id=ids.TIME_BAR_PREVIOUS, title=words("Previous event (←), Shift: of the selected incident")
                    ),
                    html.Button([icon("play"), icon("pause")], id=ids.TIME_BAR_PLAY, title=words("Play (Space)")),
                    html.Button(icon("step-on"), id=ids.TIME_BAR_NEXT, title=words("Next event (→), Shift: of the selected incident")),
                    html.Select(id=ids.TIME_BAR_SPEED, title=words("How fast (comma, full stop)")),
                    html.Button(icon("loop"), id=ids.TIME_BAR_LOOP, title=words("Loop: mark its begin, then its end (R)")),
                    html.Button(icon("link"), id=ids.TIME_BAR_LINK, title=words("Copy the link to this moment")),
                ],
                className="time-bar-controls",
            ),
            html.Canvas(id=ids.TIME_BAR_TRACK),
            html.Span(id=ids.TIME_BAR_AT_BOX),
        ],
        id=ids.TIME_BAR,
        **{"aria-label": words("Time bar: events and alarms; drag to a moment of the past")},
    )
