"""The form for a new incident: type, grade, text, and a place by address search, by a click on the map, or none yet (待定位)."""

from __future__ import annotations

from dash import dcc, html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.parts import field
from dashboard.layouts.place import dropdown_words, place_picker
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
                field(
                    words("Type"),
                    dcc.Dropdown(
                        types, id=ids.NEW_TYPE, labels=dropdown_words(words), clearable=False, placeholder=words("What is reported?")
                    ),
                ),
                field(words("Grade"), dcc.RadioItems(grades, value=3, id=ids.NEW_GRADE, className="grade-choice", inline=True)),
                field(words("What happened"), dcc.Textarea(id=ids.NEW_TEXT, rows=3, maxLength=4000)),
                *place_picker(ids.NEW_PICKER, page),
                html.Div(
                    [
                        field(words("Caller's name"), dcc.Input(id=ids.NEW_CALLER_NAME, maxLength=100, autoComplete="off")),
                        field(words("Caller's number"), dcc.Input(id=ids.NEW_CALLER_NUMBER, maxLength=40, autoComplete="off", type="tel")),
                    ],
                    className="pair",
                ),
                html.Div(id=ids.NEW_ALIKE, className="due-lines"),
                html.P(id=ids.NEW_ERROR, className="error", role="alert"),
                html.Div(
                    [
                        html.Button(words("Cancel"), id=ids.NEW_CANCEL),
                        html.Button(words("Record the incident"), id=ids.NEW_SUBMIT, className="primary"),
                    ],
                    className="dialog-end",
                ),
                dcc.Store(id=ids.NEW_KEY),
                dcc.Store(id=ids.NEW_TYPED),
                dcc.Store(id=ids.NEW_ANSWERED),
                dcc.Store(id=ids.NEW_ANSWERS),
            ],
            className="dialog",
            role="dialog",
        ),
        id=ids.NEW_DIALOG,
        className="veil clear",
        hidden=True,
    )
