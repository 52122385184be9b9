"""What if 假设: the banner that says that nothing is real, and the card with the figures and the standby advice."""

from __future__ import annotations

from dash import html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.parts import icon
from operations.situation.coverage import GAP_MINUTES
from operations.situation.scene import MINUTES


def what_if_banner(page: Page) -> html.Div:
    """Over everything while something is supposed."""
    words = page.words
    said = words("Nothing on this map is so: nobody is moved, nothing is closed, nothing is sent. Esc leaves it.")
    return html.Div([html.Strong(words("What if")), html.Span(said)], id=ids.WHAT_IF_BANNER, role="status", hidden=True)


def what_if(page: Page) -> html.Section:
    """Hidden until somebody supposes something; `client/src/whatif.js` fills it."""
    words = page.words
    head = html.Tr([html.Th(words("Within")), *(html.Th(words("{n} min", n=f"{m:g}")) for m in MINUTES)])
    rows = [
        html.Tr([html.Th(name), *(html.Td("–", **{"data-supposed": f"{field}:{k}"}) for k in range(len(MINUTES)))])
        for field, name in (
            ("incident_share", words("expected incidents")),
            ("resident_share", words("residents")),
            ("street_share", words("street length")),
        )
    ]
    return html.Section(
        [
            html.Div(
                [
                    html.H2(words("What if")),
                    html.Button(icon("close"), id=ids.WHAT_IF_CLOSE, className="quiet", title=words("Leave it (Esc)")),
                ],
                className="pursuit-head",
            ),
            html.P(words("Drag an available unit or a duty post on the map; coverage follows."), className="muted"),
            html.Div(
                [
                    html.Button([icon("plus"), html.Span(words("A crew here"))], id=ids.WHAT_IF_CREW),
                    html.Button([icon("close"), html.Span(words("Close a street"))], id=ids.WHAT_IF_STREET),
                    html.Button(words("Start over"), id=ids.WHAT_IF_AFRESH, className="quiet"),
                ],
                className="pursuit-row",
            ),
            html.Table([html.Thead(head), html.Tbody(rows)]),
            html.P(
                words("In brackets: against the live picture. Hatched: most streets beyond {n} min.", n=f"{GAP_MINUTES:g}"),
                className="muted",
            ),
            html.P(id=ids.WHAT_IF_WHY, className="error", role="alert"),
            html.Div(id=ids.WHAT_IF_LIST, className="supposed-list"),
            html.Div(
                [
                    html.Label([words("Move at most"), html.Span(id=ids.WHAT_IF_UNITS)], className="units"),
                    html.Button(words("Advise"), id=ids.WHAT_IF_ADVISE, className="primary"),
                ],
                className="pursuit-row advise",
            ),
            html.Div(id=ids.WHAT_IF_ADVICE, className="advice"),
        ],
        id=ids.WHAT_IF,
        hidden=True,
        **{"aria-label": words("What if")},
    )
