"""Response times of today for a wall: large figures, and a row for each county (below a county, for each station)."""

from __future__ import annotations

from dash import html

from dashboard import ids
from dashboard.layouts.page import Page

# Which share or time of which stage, as the client fills it in.
_CARDS = (
    ("first_arrival", "p50_s"),
    ("first_arrival", "p90_s"),
    ("acknowledge", "within_target"),
    ("arrive", "within_target"),
)


def wall_kpi(page: Page) -> html.Section:
    """Empty until the client has asked; shown by the style sheet on `/wall?screen=kpi` only."""
    words = page.words
    names = {
        ("first_arrival", "p50_s"): words("call received to first arrival, median"),
        ("first_arrival", "p90_s"): words("call received to first arrival, nine in ten"),
        ("acknowledge", "within_target"): words("acknowledged within the target"),
        ("arrive", "within_target"): words("arrived within the target"),
    }
    cards = [html.Div([html.B("–", **{"data-kpi": f"{stage}:{field}"}), html.Span(names[stage, field])]) for stage, field in _CARDS]
    heads = (words("Organisation"), words("incidents"), words("first arrival"), words("acknowledged"), words("arrived"))
    return html.Section(
        [
            html.H2([words("Response times today"), html.Span(id=ids.WALL_KPI_AGE, className="kpi-age")]),
            html.Div([html.Div([html.B("–", **{"data-kpi": "incidents"}), html.Span(words("incidents"))]), *cards], className="kpi-cards"),
            html.Table([html.Thead(html.Tr([html.Th(head) for head in heads])), html.Tbody(id=ids.WALL_KPI_ROWS)]),
        ],
        id=ids.WALL_KPI,
    )
