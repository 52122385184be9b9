"""Parts of a page that nothing reads or writes by Dash are handed to the browser whole, as plain markup.

Dash binds every element of a page to its store, and asks each of them at every change of anything whether it is concerned. A desk has
some thirteen hundred elements; a few dozen are ever read or written. The others are drawn by React alone, see `client/src/markup.js`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby
from typing import Any, ClassVar

from dash.development.base_component import Component

HTML = "dash_html_components"


class Markup(Component):
    """Draws `tree`, elements of `dash.html` nested as their children are; no callback finds an id in it."""

    # What Dash asks every component.
    _namespace = "liandong_markup"
    _type = "Markup"
    _children_props: ClassVar[list[str]] = []
    _base_nodes: ClassVar[list[str]] = ["tree"]
    _prop_names: ClassVar[list[str]] = ["tree"]
    _valid_wildcard_attributes: ClassVar[list[str]] = []
    available_properties: ClassVar[list[str]] = ["tree"]
    available_wildcard_properties: ClassVar[list[str]] = []

    def __init__(self, tree: Any) -> None:
        super().__init__(tree=tree)


def with_markup(part: Component, bound: Collection[str]) -> Component:
    """The same part, with all in it that holds no id of `bound` and is plain HTML as markup. Changes `part`."""
    children = getattr(part, "children", None)
    if isinstance(children, list | tuple):
        part.children = list(_joined(children, bound))
    elif isinstance(children, Component):
        part.children = Markup(children) if is_plain(children, bound) else with_markup(children, bound)
    return part


def _joined(children: Collection[Any], bound: Collection[str]) -> Iterator[Any]:
    """Plain neighbours are one markup."""
    for plain, group in groupby(children, lambda one: is_plain(one, bound)):
        if plain:
            yield Markup(list(group))
        else:
            yield from (with_markup(one, bound) for one in group)


def is_plain(part: Any, bound: Collection[str]) -> bool:
    """Whether it is text, or HTML of which nothing is bound."""
    if isinstance(part, list | tuple):
        return all(is_plain(one, bound) for one in part)
    if not isinstance(part, Component):
        return True
    plain = part._namespace == HTML and getattr(part, "id", None) not in bound
    return plain and is_plain(getattr(part, "children", None), bound)
