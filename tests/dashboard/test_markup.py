"""What goes to the browser as markup, and that nothing goes so that somebody reads or writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from plotly.utils import PlotlyJSONEncoder

from dashboard.application import bound_ids
from dashboard.markup import Markup, is_plain, with_markup
from tests.dashboard.api_world import ApiCity
from tests.dashboard.pages_world import pages_of, parts_of

CLIENT = Path("dashboard/client/src")


def shape(part: Any) -> Any:
    """What is bound by name and children; markup as a set of the texts in it."""
    if isinstance(part, Markup):
        return set(re.findall(r"[a-z]{4,}\d", json.dumps(part, cls=PlotlyJSONEncoder)))
    if isinstance(part, list):
        return [shape(one) for one in part]
    if isinstance(part, Component):
        return {getattr(part, "id", part._type): shape(getattr(part, "children", None))}
    return part


def test_what_holds_no_bound_id_is_markup_and_neighbours_are_one() -> None:
    page = html.Div(
        [
            html.P("text1"),
            html.Div([html.B("text2"), html.I("text3")], id="free"),
            "text4",
            html.Div([html.Span("text5"), html.Div(id="bound")]),
            dcc.Store(id="store"),
            html.Div(html.Em("text6"), id="other-bound"),
        ],
        id="page",
    )
    assert shape(with_markup(page, {"bound", "other-bound"})) == {
        "page": [
            {"text1", "text2", "text3", "text4"},
            {"Div": [{"text5"}, {"bound": None}]},
            {"store": None},
            {"other-bound": {"text6"}},
        ]
    }


def test_what_is_not_html_is_never_markup() -> None:
    assert is_plain(["text", None, 3, html.Ul([html.Li("a"), [html.Li("b")]])], ())
    assert not is_plain(html.Ul([html.Li("a"), [html.Li(dcc.Input())]]), ())
    assert not is_plain(html.Ul(html.Li("a", id="bound")), {"bound"})


def test_text_stays_text() -> None:
    hostile = '<img src=x onerror="alert(1)">'
    told = json.loads(json.dumps(Markup(html.P(hostile, title=hostile)), cls=PlotlyJSONEncoder))
    assert told["props"]["tree"]["props"] == {"children": hostile, "title": hostile}


def test_whatever_is_read_written_or_told_is_dashs_own(city: ApiCity) -> None:
    app, _ = pages_of(city)
    layout = app.layout()
    own = {str(part.id) for part in parts_of(layout) if getattr(part, "id", None)}
    told = {name for path in CLIENT.rglob("*.js") for name in re.findall(r"setProps\(\"([a-z-]+)\"", path.read_text(encoding="utf-8"))}
    told |= {f"{form}-dialog" for form in ("new", "locate", "classify", "correct", "split")}  # by a name put together
    bound = {name for name in bound_ids(app) if "{" not in name}
    assert len(told) > 15
    assert len(bound) > 60
    assert told | bound <= own
    assert len(list(parts_of(layout))) < 250  # of some thousand elements
