"""Broadcasts (通播) at a desk: the form, what was sent and who has read it, and what has come in and must be read."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.parts import field, icon
from dashboard.layouts.place import dropdown_words
from dispatch.broadcasts import MAX_TEXT
from dispatch.organisations import OrganisationTree
from operations.access.permissions import Action, is_granted

CREWS, DESKS = "crews", "desks"
HOUR_S = 3600


def broadcast_button(page: Page) -> html.Button:
    """In the strip, with how many have yet to be read; hidden from those who neither send nor get any."""
    return html.Button(
        [icon("broadcast"), html.Span(id=ids.BROADCAST_UNREAD, hidden=True)],
        id=ids.BROADCAST_OPEN,
        title=page.words("Broadcasts"),
        hidden=not is_granted(page.role, Action.READ_BROADCAST),
    )


def received_broadcasts() -> html.Div:
    """Filled by `client/src/broadcasts.js`; over the map until each is read."""
    return html.Div(id=ids.BROADCASTS_RECEIVED, role="alert", hidden=True)


def broadcasts(organisations: OrganisationTree, page: Page) -> html.Div:
    """The dialog: the form, hidden from those who may not send, and the list."""
    words = page.words
    return html.Div(
        html.Div(
            [
                html.Div(
                    [html.H2(words("Broadcasts")), html.Button(icon("close"), id=ids.BROADCAST_CLOSE, title=words("Close (Esc)"))],
                    className="dialog-head",
                ),
                html.Div(_form(organisations, page), className="broadcast-form", hidden=not is_granted(page.role, Action.BROADCAST)),
                html.Div(id=ids.BROADCASTS_SENT, className="broadcast-list"),
            ],
            className="dialog broadcasts",
            role="dialog",
        ),
        id=ids.BROADCAST_DIALOG,
        className="veil",
        hidden=True,
    )


def _form(organisations: OrganisationTree, page: Page) -> list[Any]:
    words = page.words
    own = [one for one in organisations.all() if one.code in page.own]
    own.sort(key=lambda one: len(organisations.ancestors(one.code)))
    to = [{"label": words.pick(one.name, one.name_en), "value": one.code} for one in own]
    whom = [{"label": words("Crews on duty"), "value": CREWS}, {"label": words("Desks"), "value": DESKS}]
    grades = [{"label": words("normal"), "value": "normal"}, {"label": words("urgent"), "value": "urgent"}]
    lasts = [{"label": words("{n} h", n=hours), "value": hours * HOUR_S} for hours in (1, 8, 24, 168)]
    return [
        field(
            words("To, with everything below it"),
            dcc.Dropdown(to, to[0]["value"] if to else None, id=ids.BROADCAST_TO, labels=dropdown_words(words), clearable=False),
        ),
        html.Div(
            [
                field(
                    words("Who gets it"), dcc.Checklist(whom, [CREWS, DESKS], id=ids.BROADCAST_WHOM, inline=True, className="grade-choice")
                ),
                field(words("How urgent"), dcc.RadioItems(grades, "normal", id=ids.BROADCAST_GRADE, inline=True, className="grade-choice")),
            ],
            className="pair",
        ),
        field(words("Text"), dcc.Textarea(id=ids.BROADCAST_TEXT, rows=4, maxLength=MAX_TEXT)),
        field(words("Holds for"), dcc.RadioItems(lasts, 8 * HOUR_S, id=ids.BROADCAST_LASTS, inline=True, className="grade-choice")),
        html.P(id=ids.BROADCAST_ERROR, className="error", role="alert"),
        html.Div([html.Button(words("Send"), id=ids.BROADCAST_SEND, className="primary")], className="dialog-end"),
        dcc.Store(id=ids.BROADCAST_REPLACES),
    ]
