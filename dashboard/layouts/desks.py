"""The name of the organisation in the strip, and behind it the desks the reader may open: each county with its stations."""

from __future__ import annotations

from dash import html

from dashboard import ids
from dashboard.layouts.page import Page
from dispatch.organisations import Organisation


def desk_name(name: str, page: Page) -> html.Div:
    """Only the name where there is one desk to open."""
    date = html.Span(id=ids.CLOCK_DATE, className="muted")
    called = html.Strong(name, title=name)
    lines = "city desk" if page.desk else "city"
    if len(page.desks) < 2:
        return html.Div([called, date], className=lines)
    chooser = html.Details(
        [html.Summary(called, title=page.words("Open the desk of another organisation")), _menu(page)],
        className="desks",
    )
    return html.Div([chooser, date], className=lines)


def _menu(page: Page) -> html.Nav:
    """Organisations in the order of the tree; a station under its county."""
    words = page.words
    codes = {one.code for one in page.desks}
    groups: dict[str, list[Organisation]] = {}
    for one in page.desks:
        groups.setdefault(one.parent if one.level == "station" and one.parent in codes else one.code, []).append(one)
    shown = page.desk.code if page.desk else page.desks[0].code
    return html.Nav(
        [
            html.Div([_link(one, "head" if one.code == head else "", shown, page) for one in group], className="desk-group")
            for head, group in groups.items()
        ],
        className="desk-menu",
        **{"aria-label": words("Desks")},
    )


def _link(one: Organisation, kind: str, shown: str, page: Page) -> html.A:
    name = page.words.pick(one.name, one.name_en)
    # The first is the reader's own: its desk is the page itself.
    address = "/" if one == page.desks[0] else f"/station/{one.code}"
    current = {"aria-current": "page"} if one.code == shown else {}
    return html.A(name, href=address, className=kind, title=name, **current)
