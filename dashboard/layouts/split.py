"""The form that makes a part of an incident an incident of its own (拆警)."""

from __future__ import annotations

from dash import dcc, html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.parts import field
from dashboard.layouts.place import dropdown_words
from dispatch.codes import Codes
from dispatch.model import Grade


def split(codes: Codes, page: Page) -> html.Div:
    """The dialog; type and grade of the first incident are filled in when it opens."""
    words = page.words
    types = [{"label": words.pick(kind.zh, kind.en), "value": kind.id} for kind in codes.incident_type]
    grades = [{"label": f"{int(grade)} {words.grade(grade)}", "value": int(grade)} for grade in Grade]
    return html.Div(
        html.Div(
            [
                html.H2(id=ids.SPLIT_TITLE),
                html.P(words("It gets a number of its own, at the same place until that is moved."), className="muted"),
                field(words("What is split off"), dcc.Textarea(id=ids.SPLIT_TEXT, rows=4, maxLength=4000)),
                field(words("Type"), dcc.Dropdown(types, id=ids.SPLIT_TYPE, labels=dropdown_words(words), clearable=False)),
                field(words("Grade"), dcc.RadioItems(grades, id=ids.SPLIT_GRADE, className="grade-choice", inline=True)),
                html.P(id=ids.SPLIT_ERROR, className="error", role="alert"),
                html.Div(
                    [
                        html.Button(words("Cancel"), id=ids.SPLIT_CANCEL),
                        html.Button(words("Split"), id=ids.SPLIT_SEND, className="primary"),
                    ],
                    className="dialog-end",
                ),
                dcc.Store(id=ids.SPLIT_PENDING),
            ],
            className="dialog",
            role="dialog",
        ),
        id=ids.SPLIT_DIALOG,
        className="veil",
        hidden=True,
    )
