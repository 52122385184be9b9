"""Pursuit 追击堵截: the card over the map that says what is assumed, which ways out there are, and who can close them first."""

from __future__ import annotations

import json

from dash import html

from dashboard import ids
from dashboard.i18n import Words
from dashboard.layouts.page import Page
from dashboard.layouts.parts import icon
from geodata.routing.pursuit import LEADS_S
from operations.situation.pursuit import FACTORS

FACTOR_CHOICES = (1.0, 1.25, 1.5, 2.0, 2.5)


def pursuit(page: Page) -> html.Section:
    """Hidden until a pursuit begins; `client/src/pursuit.js` fills it."""
    words = page.words
    return html.Section(
        [
            html.Div(
                [
                    icon("pursuit"),
                    html.H2(words("Pursuit")),
                    html.Span(id=ids.PURSUIT_SEEN, className="seen"),
                    html.Button(icon("close"), id=ids.PURSUIT_CLOSE, className="quiet", title=words("End the pursuit (Esc)")),
                ],
                className="pursuit-head",
            ),
            html.Div(
                [
                    html.Button("−1 min", id=ids.PURSUIT_EARLIER, title=words("Seen a minute earlier")),
                    html.Button("+1 min", id=ids.PURSUIT_LATER, title=words("Seen a minute later")),
                    html.Button([icon("target"), html.Span(words("New sighting"))], id=ids.PURSUIT_AGAIN, className="primary"),
                ],
                className="pursuit-row",
            ),
            html.Div(
                [
                    html.Div(
                        [
                            html.Button(words("by car"), **{"data-profile": "car", "aria-pressed": "true"}),
                            html.Button(words("on foot"), **{"data-profile": "foot", "aria-pressed": "false"}),
                        ],
                        id=ids.PURSUIT_PROFILE,
                        className="segments",
                        role="group",
                        **{"data-factors": json.dumps(FACTORS)},
                    ),
                    _choice(
                        ids.PURSUIT_FACTOR,
                        words("How much faster than usual"),
                        [(f"{factor:g}", f"× {factor:g}") for factor in FACTOR_CHOICES],
                    ),
                    _choice(ids.PURSUIT_HEADING, words("Which way it went"), _headings(words)),
                    html.Button(words("keeps to signs"), id=ids.PURSUIT_SIGNS, **{"aria-pressed": "false"}),
                ],
                className="pursuit-row",
            ),
            html.P(id=ids.PURSUIT_ASSUMED, className="assumed", role="status"),
            html.Div(
                [
                    html.Span([html.I(className="escape-now"), words("may be here now")]),
                    *(html.Span([html.I(className="escape-later"), words("in {n} min", n=f"{lead_s / 60:g}")]) for lead_s in LEADS_S),
                ],
                className="pursuit-legend",
            ),
            html.Div(id=ids.PURSUIT_LINES, className="segments", role="group", **{"aria-label": words("Closing line")}),
            html.Div(id=ids.PURSUIT_PLACES, className="pursuit-places"),
            html.Div(id=ids.PURSUIT_SIGHTINGS, className="pursuit-sightings"),
        ],
        id=ids.PURSUIT,
        hidden=True,
        **{"aria-label": words("Pursuit")},
    )


def pursue_button(lon: float, lat: float, incident_id: str | None, words: Words) -> html.Button:
    """Begins a pursuit with the target last seen there, now."""
    asked = {"lon": lon, "lat": lat, "incident": incident_id}
    return html.Button([icon("pursuit"), html.Span(words("Pursuit from here"))], className="pursue", **{"data-pursue": json.dumps(asked)})


def _choice(name: str, title: str, options: list[tuple[str, str]]) -> html.Select:
    return html.Select([html.Option(label, value=value) for value, label in options], id=name, title=title)


def _headings(words: Words) -> list[tuple[str, str]]:
    names = (words("N"), words("NE"), words("E"), words("SE"), words("S"), words("SW"), words("W"), words("NW"))
    return [("", words("any way")), *((str(45 * k), name) for k, name in enumerate(names))]
