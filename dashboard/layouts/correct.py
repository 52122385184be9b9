"""The form that puts right when a crew reached a stage, or takes the last one back. A reason is needed."""

from __future__ import annotations

from dash import dcc, html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.parts import field

MOVE, TAKE_BACK = "move", "take_back"


def correct(page: Page) -> html.Div:
    """The dialog; crew, stages and times are filled in when it opens."""
    words = page.words
    ways = [
        {"label": words("It was reached at another time"), "value": MOVE},
        {"label": words("It was not reached: take it back"), "value": TAKE_BACK},
    ]
    return html.Div(
        html.Div(
            [
                html.H2(id=ids.CORRECT_TITLE),
                html.P(words("What was first said stays on record beside the correction."), className="muted"),
                field(words("Stage"), dcc.RadioItems([], id=ids.CORRECT_STAGE, className="grade-choice", inline=True)),
                dcc.RadioItems(ways, MOVE, id=ids.CORRECT_WAY, className="plain-choice"),
                field(
                    words("Right time"),
                    dcc.Input(id=ids.CORRECT_TIME, type="text", maxLength=8, placeholder="08:15:00", autoComplete="off"),
                ),
                field(words("Why"), dcc.Textarea(id=ids.CORRECT_TEXT, rows=3, maxLength=4000)),
                html.P(id=ids.CORRECT_ERROR, className="error", role="alert"),
                html.Div(
                    [
                        html.Button(words("Cancel"), id=ids.CORRECT_CANCEL),
                        html.Button(words("Correct"), id=ids.CORRECT_SEND, className="primary"),
                    ],
                    className="dialog-end",
                ),
                dcc.Store(id=ids.CORRECT_PENDING),
            ],
            className="dialog small",
            role="dialog",
        ),
        id=ids.CORRECT_DIALOG,
        className="veil",
        hidden=True,
    )
