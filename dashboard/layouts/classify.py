"""The form that changes type, grade and text of an incident as more becomes known."""

from __future__ import annotations

from dash import dcc, html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.parts import field
from dashboard.layouts.place import dropdown_words
from dispatch.codes import Codes
from dispatch.model import Grade


def classify(codes: Codes, page: Page) -> html.Div:
    """The dialog; the incident as it stands is filled in when it opens."""
    words = page.words
    types = [{"label": words.pick(kind.zh, kind.en), "value": kind.id} for kind in codes.incident_type]
    grades = [{"label": f"{int(grade)} {words.grade(grade)}", "value": int(grade)} for grade in Grade]
    return html.Div(
        html.Div(
            [
                html.H2(id=ids.CLASSIFY_TITLE),
                field(words("Type"), dcc.Dropdown(types, id=ids.CLASSIFY_TYPE, labels=dropdown_words(words), clearable=False)),
                field(words("Grade"), dcc.RadioItems(grades, id=ids.CLASSIFY_GRADE, className="grade-choice", inline=True)),
                field(words("What happened"), dcc.Textarea(id=ids.CLASSIFY_TEXT, rows=4, maxLength=4000)),
                html.P(id=ids.CLASSIFY_ERROR, className="error", role="alert"),
                html.Div(
                    [
                        html.Button(words("Cancel"), id=ids.CLASSIFY_CANCEL),
                        html.Button(words("Classify"), id=ids.CLASSIFY_SEND, className="primary"),
                    ],
                    className="dialog-end",
                ),
                dcc.Store(id=ids.CLASSIFY_PENDING),
            ],
            className="dialog",
            role="dialog",
        ),
        id=ids.CLASSIFY_DIALOG,
        className="veil",
        hidden=True,
    )
