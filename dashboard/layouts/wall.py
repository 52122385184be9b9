"""What only a wall shows: counters that are read from eight metres, and when it last followed a desk."""

from __future__ import annotations

from dash import html

from dashboard import ids
from dashboard.layouts.coverage import coverage_counter
from dashboard.layouts.page import Page
from dashboard.layouts.parts import grade_sign, icon
from dispatch.model import Grade, UnitStatus

_COUNTED = (UnitStatus.AVAILABLE, UnitStatus.DISPATCHED, UnitStatus.EN_ROUTE, UnitStatus.ON_SCENE)


def wall(page: Page) -> html.Aside:
    """The column of counters; hidden on a desk."""
    words = page.words
    grades = [
        html.Div(
            [grade_sign(grade, words), html.B("0", **{"data-grade-count": str(int(grade))}), html.Span(words.grade(grade))],
            className=f"counter grade-{int(grade)}",
        )
        for grade in Grade
    ]
    alarms = html.Div(
        [html.Span(icon("bell"), className="alarm-sign"), html.B("0", **{"data-alarm-count": ""}), html.Span(words("Alarms"))],
        className="counter alarms zero",
    )
    units = [
        html.Div(
            [
                html.Span(html.Span(className="glyph"), className=f"status-sign status-{status}"),
                html.B("0", **{"data-status-count": str(status)}),
                html.Span(words.status(status)),
            ],
            className=f"counter status-{status}",
        )
        for status in _COUNTED
    ]
    return html.Aside(
        [
            html.H2(words("Open incidents")),
            html.Div([*grades, alarms], className="counters"),
            html.H2([words("Units"), html.Span("0", className="total", **{"data-unit-total": ""})]),
            html.Div(units, className="counters"),
            html.H2(words("Coverage")),
            html.Div(coverage_counter(page), className="counters"),
            html.P([html.Span(words("followed a desk ")), html.Span(id=ids.WALL_FOLLOWED), html.Span(words(" ago"))], className="followed"),
        ],
        id=ids.WALL,
    )
