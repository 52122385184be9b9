"""Cards of the simpler things that can be selected: a free point, an element of the catalogue."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard.layouts.facts import Facts
from dashboard.layouts.parts import icon

# Where a name is looked for among an element's properties.
_NAMES = ("name", "name_zh", "name_en")


def point_head(lon: float, lat: float, facts: Facts) -> html.Div:
    """Head of the panel for any point of the map."""
    words = facts.words
    return html.Div(
        [
            html.Div([icon("target"), html.H2(words("Point"))], className="head-line"),
            html.Div(html.Span(f"{lon:.5f}, {lat:.5f}"), className="head-facts"),
        ],
        className="head",
    )


def element_card(selection: dict[str, Any], facts: Facts) -> html.Div:
    """Name and properties of one element; what it does not have is not shown."""
    element = str(selection.get("element"))
    properties: dict[str, Any] = selection.get("properties") or {}
    name = element_name(properties, facts) or facts.element_kind(element)
    return html.Div(
        [
            html.Div([icon(element), html.H2(name)], className="head-line"),
            html.Div(
                [html.Span(facts.element_kind(element)), html.Span(f"{selection['lon']:.5f}, {selection['lat']:.5f}")],
                className="head-facts",
            ),
            html.Dl(plain_rows(properties), className="facts"),
        ],
        className="head",
    )


def plain_rows(properties: dict[str, Any]) -> list[html.Div]:
    """Properties as they are named by whoever wrote them; names of the thing are in its head."""
    return [
        html.Div([html.Dt(str(key).replace("_", " ")), html.Dd(_value(value))])
        for key, value in properties.items()
        if key not in _NAMES and value not in (None, "", [], {})
    ]


def element_name(properties: dict[str, Any], facts: Facts) -> str:
    """The element's name in the reader's language, empty when it has none."""
    zh = str(properties.get("name_zh") or properties.get("name") or "")
    return facts.words.pick(zh, str(properties.get("name_en") or ""))


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return str(value)
