"""The small dialog before a command that needs a reason, a disposition or a note."""

from __future__ import annotations

from dash import dcc, html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.place import dropdown_words


def ask(page: Page) -> html.Div:
    """The dialog; its title, choices and text are set by the command that waits."""
    words = page.words
    return html.Div(
        html.Div(
            [
                html.H2(id=ids.ASK_TITLE),
                html.P(id=ids.ASK_HINT, className="muted"),
                html.Div(
                    dcc.Dropdown(
                        id=ids.ASK_CHOICE,
                        options=[],
                        clearable=False,
                        searchable=False,
                        labels=dropdown_words(words),
                        placeholder=words("Choose"),
                    ),
                    id=ids.ASK_CHOICE_BOX,
                ),
                dcc.Textarea(id=ids.ASK_TEXT, rows=3, maxLength=4000, placeholder=words("In words")),
                html.Div(
                    [html.Button(words("Cancel"), id=ids.ASK_CANCEL), html.Button(words("Send"), id=ids.ASK_SEND, className="primary")],
                    className="dialog-end",
                ),
                dcc.Store(id=ids.ASK_PENDING),
            ],
            className="dialog small",
            role="dialog",
        ),
        id=ids.ASK,
        className="veil",
        hidden=True,
    )
