"""The list of keys."""

from __future__ import annotations

from dash import html

from dashboard import ids
from dashboard.layouts.page import Page


def key_help(page: Page) -> html.Div:
    """All keys of the desk; any click or Esc closes it."""
    words = page.words
    keys = (
        ("j k ↓ ↑", words("next, previous incident")),
        ("Enter", words("centre the map on it")),
        ("p", words("push to the first recommended unit")),
        ("a", words("take on the alarm of the selected incident")),
        ("c", words("claim the selected incident, carry the claim on, take it over")),
        ("s", words("stop the re-push of the selected incident")),
        ("m", words("merge the selected incident with the one it may be the same as")),
        ("d", words("say that the two are not the same")),
        ("o", words("the command that stands out in the panel: locate, review, close, call back")),
        ("n", words("new incident")),
        ("Ctrl + Enter", words("send the form that is open")),
        ("/ :", words("command line: push, close, note, goto and more; Tab completes")),
        ("e", words("fold the elements")),
        ("Shift + " + words("key"), words("switch the element of that key")),
        ("g", words("gaps of coverage on the map")),
        ("i", words("what if units stood elsewhere, streets were closed")),
        ("t", words("replay the last five minutes")),
        ("Space", words("in replay: play, pause")),
        ("l", words("LIVE: back from replay to the present")),
        ("← →", words("in replay: previous, next event; with Shift of the selected incident")),
        (", .", words("in replay: slower, faster")),
        ("r", words("in replay: begin a loop, end it, leave it")),
        ("w", words("show this view on the wall")),
        ("u", words("let the video wall follow this desk, or no longer")),
        ("v", words("large picture: the first camera, the next one, none")),
        ("f", words("that picture on the full screen")),
        ("x", words("close that picture, or the last one")),
        ("y", words("turn that camera: arrows, + −, 1–9 for its presets, 0 for the incident")),
        ("b", words("mark what that picture shows: its clip is kept with the incident")),
        ("h", words("that picture from five minutes before, or live again")),
        ("Esc", words("leave, close, deselect")),
        ("?", words("this list")),
    )
    rows = [html.Div([html.Dt([html.Kbd(key) for key in keys_of.split(" ")]), html.Dd(what)]) for keys_of, what in keys]
    return html.Div(html.Div([html.H2(words("Keys")), html.Dl(rows)], className="dialog small"), id=ids.HELP, className="veil", hidden=True)
