"""Coverage on the strip and the wall, and what stands behind the number. The client fills in the figures."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard import ids
from dashboard.layouts.page import Page
from operations.situation.coverage import GAP_MINUTES
from operations.situation.scene import MINUTES

# What is weighed, by the field of the answer.
_WEIGHED = ("incident_share", "resident_share", "street_share")


def coverage_figure(page: Page) -> html.Div:
    """The number on the strip; pressed, it says what it means."""
    words = page.words
    button = html.Button(
        [
            html.Span(words("{n} min", n=f"{GAP_MINUTES:g}"), className="within"),
            html.B("–", **{"data-coverage": ""}),
            html.Span(className="name", **{"data-coverage-of": ""}),
        ],
        id=ids.COVERAGE_OPEN,
        className="figure coverage unknown",
        title=words("Coverage: what an available unit can be at in {n} min; press for what it means", n=f"{GAP_MINUTES:g}"),
        **{"aria-expanded": "false", "aria-controls": ids.COVERAGE},
    )
    return html.Div([button, _explained(page)], className="figures coverage-holder")


def coverage_counter(page: Page) -> html.Div:
    """The same on a wall."""
    words = page.words
    return html.Div(
        [
            html.Span(words("{n} min", n=f"{GAP_MINUTES:g}"), className="within"),
            html.B("–", **{"data-coverage": ""}),
            html.Span(**{"data-coverage-of": ""}),
        ],
        className="counter coverage unknown",
    )


def gap_legend(page: Page) -> html.Div:
    """What the hatching on the map says."""
    words = page.words
    said = words("Most streets here: no available unit within {n} min, by travel alone", n=f"{GAP_MINUTES:g}")
    return html.Div([html.I(className="hatched"), html.Span(said), html.Span(className="age", **{"data-gaps-age": ""})], id=ids.GAP_LEGEND)


def _explained(page: Page) -> html.Div:
    words = page.words
    names = {
        "incident_share": words("expected incidents"),
        "resident_share": words("residents"),
        "street_share": words("street length"),
    }
    head = html.Tr([html.Th(words("Within")), *(html.Th(words("{n} min", n=f"{m:g}")) for m in MINUTES)])
    rows = [_row(names[field], field) for field in _WEIGHED]
    return html.Div(
        [
            html.H2(words("Coverage")),
            html.P(
                words("Of the area of this desk, what an available unit can be at in time: by road from where it is now, without turnout.")
            ),
            html.Table([html.Thead(head), html.Tbody(rows)]),
            html.P(**{"data-coverage-said": "expected"}),
            html.P(**{"data-coverage-said": "residents"}),
            html.P(**{"data-coverage-said": "units"}),
            html.P([words("Picture of "), html.Span(**{"data-coverage-age": ""}), words(" ago")], className="muted"),
            html.Button([words("Show the gaps on the map"), html.Kbd("g")], id=ids.GAPS_SWITCH, **{"aria-pressed": "false"}),
            html.Button([words("What if…"), html.Kbd("i")], id=ids.WHAT_IF_OPEN),
        ],
        id=ids.COVERAGE,
        hidden=True,
        role="dialog",
        **{"aria-label": words("Coverage")},
    )


def _row(name: str, field: str) -> Any:
    return html.Tr([html.Th(name), *(html.Td("–", **{"data-share": f"{field}:{m:g}"}) for m in MINUTES)])
