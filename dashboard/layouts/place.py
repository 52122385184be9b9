"""Choosing a place: search by name, a click on the map, or no place yet (待定位). Shared by the forms that need one."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from dashboard.i18n import Words
from dashboard.ids import PlacePicker
from dashboard.layouts.page import Page
from dashboard.layouts.parts import field, icon


def place_picker(picker: PlacePicker, page: Page) -> list[Any]:
    """Search, button, and the chosen point in words; `callbacks.place` holds the conversation."""
    words = page.words
    return [
        field(
            words("Place"),
            html.Div(
                [
                    dcc.Dropdown(
                        id=picker.place,
                        labels=dropdown_words(words),
                        options=[],
                        placeholder=words("Road, crossing or place; Chinese or pinyin initials"),
                        search_value="",
                    ),
                    html.Button([icon("target"), html.Span(words("On the map"))], id=picker.pick),
                ],
                className="place-row",
            ),
        ),
        html.Div(
            [
                html.Span(point_label(None, words), id=picker.label),
                html.Button(words("No point"), id=picker.clear, className="quiet"),
            ],
            className="point-row",
        ),
        dcc.Store(id=picker.point),
    ]


def point_label(point: dict[str, Any] | None, words: Words) -> str:
    """What the form says about the chosen point."""
    if point is None:
        return words("not located yet: can be pushed to a station, has no ring")
    place = f"{point['lon']:.5f}, {point['lat']:.5f}"
    return f"{point['address']} · {place}" if point.get("address") else place


def dropdown_words(words: Words) -> dict[str, str]:
    """The dropdown's own words."""
    return {
        "search": words("Search"),
        "clear_search": words("Clear"),
        "clear_selection": words("Clear"),
        "no_options_found": words("Nothing found"),
    }
