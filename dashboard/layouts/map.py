"""The map in the middle, with what lies on it: the notice about schematic streets, the scale of the rings, the attribution."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from dashboard import ids
from dashboard.layouts.coverage import gap_legend
from dashboard.layouts.page import Page
from geodata.cities.city import City


def city_map_panel(city: City, page: Page, figure: dict[str, Any]) -> html.Main:
    """The graph and its legends."""
    words = page.words
    return html.Main(
        [
            dcc.Graph(id=ids.MAP, figure=figure, responsive=True, config={"displayModeBar": False, "scrollZoom": True}),
            html.Div(
                [
                    *(
                        [html.Span(words("Schematic streets: invented for the demo, not for driving"), className="schematic")]
                        if city.schematic
                        else []
                    ),
                    html.Span(city.attribution, className="attribution"),
                ],
                id=ids.MAP_NOTICE,
            ),
            html.Div(
                [html.Span(words("By road, without turnout"), className="label")]
                + [html.Span([html.I(className=f"ring-{m}"), words("{n} min", n=m)]) for m in (1, 3, 5)]
                + [_which_rings(page)],
                id=ids.RING_LEGEND,
            ),
            html.Div([html.I(className="circle-sign"), words("Duty circle: prepared, no ring by road")], id=ids.CIRCLE_LEGEND),
            html.Div(id=ids.CIRCLE_HINT, hidden=True, role="status"),
            gap_legend(page),
            html.Div(words("Click the place on the map; Esc to leave it"), id=ids.PICKING_HINT),
        ],
        id=ids.MAP_PANEL,
    )


def _which_rings(page: Page) -> dcc.RadioItems:
    """The switch says which rings are drawn: those of half of all drives, or of nine in ten."""
    words = page.words
    options = [
        {"label": words("half"), "value": "p50", "title": words("Reached in time on half of all drives (p50)")},
        {"label": words("9 in 10"), "value": "p90", "title": words("Reached in time on nine of ten drives (p90)")},
    ]
    return dcc.RadioItems(options, "p50", id=ids.RINGS_SURE, className="rings-sure", inline=True)
