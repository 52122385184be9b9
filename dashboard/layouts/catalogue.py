"""The catalogue panel over the map: 12 categories, 25 elements, each with its switch, key, count and age."""

from __future__ import annotations

from dash import html

from dashboard import ids
from dashboard.layouts.page import Page
from dashboard.layouts.parts import icon
from dispatch.catalogue import Catalogue, Category


def catalogue_panel(catalogue: Catalogue, page: Page) -> html.Nav:
    """The panel; the client fills in counts and ages."""
    words = page.words
    return html.Nav(
        [
            html.Button([icon("layers"), html.Span(words("Elements"))], id=ids.CATALOGUE_FOLD, title=words("Fold or unfold (e)")),
            html.Div([_category(category, page) for category in catalogue.categories], className="catalogue-list"),
        ],
        id=ids.CATALOGUE,
    )


def _category(category: Category, page: Page) -> html.Div:
    words = page.words
    rows = [
        html.Button(
            [
                icon(kind.id),
                html.Span(words.pick(kind.zh, kind.en), className="name"),
                html.Span(className="feed-state"),
                html.Span("–", className="count"),
                html.Kbd(kind.key.upper()),
            ],
            className="element",
            title=words("{element}: Shift+{key} switches it", element=words.pick(kind.zh, kind.en), key=kind.key.upper()),
            **{"data-element": kind.id, "data-state": "no_feed", "aria-pressed": str(kind.on).lower()},
        )
        for kind in category.elements
    ]
    return html.Div([html.Div(words.pick(category.zh, category.en), className="category-name"), html.Div(rows)], className="category")
