"""The form for a new incident: type, grade, text, and a place by address search, by a click on the map, or none yet (待定位)."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from dashboard import ids
from dashboard.i18n import Words
from dashboard.layouts.page import Page
from dashboard.layouts.parts import icon
from dispatch.codes import Codes
from dispatch.model import Grade


def new_incident(codes: Codes, page: Page) -> html.Div:
    """The dialog; hidden until asked for."""
    words = page.words
    types = [{"label": words.pick(kind.zh, kind.en), "value": kind.id} for kind in codes.incident_type]
    grades = [{"label": f"{int(grade)} {words.grade(grade)}", "value": int(grade)} for grade in Grade]
    return html.Div(
        html.Div(
            [
                html.H2(words("New incident")),
                _field(
                    words("Type"),
                    dcc.Dropdown(
                        types, id=ids.NEW_TYPE, labels=_dropdown_words(words), clearable=False, placeholder=words("What is reported?")
                    ),
                ),
                _field(words("Grade"), dcc.RadioItems(grades, value=3, id=ids.NEW_GRADE, className="grade-choice", inline=True)),
                _field(words("What happened"), dcc.Textarea(id=ids.NEW_TEXT, rows=3, maxLength=4000)),
                _field(
                    words("Place"),
                    html.Div(
                        [
                            dcc.Dropdown(
                                id=ids.NEW_PLACE,
                                labels=_dropdown_words(words),
                                options=[],
                                placeholder=words("Road, crossing or place; Chinese or pinyin initials"),
                                search_value="",
                            ),
                            html.Button([icon("target"), html.Span(words("On the map"))], id=ids.NEW_PICK),
                        ],
                        className="place-row",
                    ),
                ),
                html.Div(
                    [
                        html.Span(point_label(None, words), id=ids.NEW_POINT_LABEL),
                        html.Button(words("No point"), id=ids.NEW_CLEAR, className="quiet"),
                    ],
                    className="point-row",
                ),
                html.Div(
                    [
                        _field(words("Caller's name"), dcc.Input(id=ids.NEW_CALLER_NAME, maxLength=100, autoComplete="off")),
                        _field(words("Caller's number"), dcc.Input(id=ids.NEW_CALLER_NUMBER, maxLength=40, autoComplete="off", type="tel")),
                    ],
                    className="pair",
                ),
                html.P(id=ids.NEW_ERROR, className="error", role="alert"),
                html.Div(
                    [
                        html.Button(words("Cancel"), id=ids.NEW_CANCEL),
                        html.Button(words("Record the incident"), id=ids.NEW_SUBMIT, className="primary"),
                    ],
                    className="dialog-end",
                ),
                dcc.Store(id=ids.NEW_POINT),
                dcc.Store(id=ids.NEW_KEY),
            ],
            className="dialog",
            role="dialog",
        ),
        id=ids.NEW_DIALOG,
        className="veil clear",
        hidden=True,
    )


def point_label(point: dict[str, Any] | None, words: Words) -> str:
    """What the form says about the chosen point."""
    if point is None:
        return words("not located yet: can be pushed to a station, has no ring")
    place = f"{point['lon']:.5f}, {point['lat']:.5f}"
    return f"{point['address']} · {place}" if point.get("address") else place


def _field(label: str, control: object) -> html.Label:
    return html.Label([html.Span(label), control], className="field")


def _dropdown_words(words: Words) -> dict[str, str]:
    return {
        "search": words("Search"),
        "clear_search": words("Clear"),
        "clear_selection": words("Clear"),
        "no_options_found": words("Nothing found"),
    }
