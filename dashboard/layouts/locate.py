"""The form that sets or moves an incident's point."""

from __future__ import annotations

from dash import dcc, html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.place import place_picker


def locate(page: Page) -> html.Div:
    """The dialog; it leaves the map free, because the place may be clicked on it."""
    words = page.words
    return html.Div(
        html.Div(
            [
                html.H2(id=ids.LOCATE_TITLE),
                *place_picker(ids.LOCATE_PICKER, page),
                html.P(id=ids.LOCATE_ERROR, className="error", role="alert"),
                html.Div(
                    [
                        html.Button(words("Cancel"), id=ids.LOCATE_CANCEL),
                        html.Button(words("Set the place"), id=ids.LOCATE_SEND, className="primary"),
                    ],
                    className="dialog-end",
                ),
                dcc.Store(id=ids.LOCATE_PENDING),
                dcc.Store(id=ids.LOCATED),
            ],
            className="dialog",
            role="dialog",
        ),
        id=ids.LOCATE_DIALOG,
        className="veil clear",
        hidden=True,
    )
