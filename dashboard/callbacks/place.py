"""A place is searched or clicked on the map: the conversation of every place picker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, State, ctx, no_update

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, words_of
from dashboard.i18n import Words
from dashboard.ids import PlacePicker
from dashboard.layouts.place import point_label
from operations.access.authority import Action

if TYPE_CHECKING:
    from geodata.cities.places import Place
    from operations.services import Services

_MOST_PLACES = 12


def register_place(app: Dash, services: Services, picker: PlacePicker) -> None:
    """Bind the conversation of one picker."""

    @app.callback(
        Output(picker.place, "options"),
        Input(picker.place, "search_value"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_search(typed: str | None, page: dict[str, Any]) -> Any:
        if not typed or not typed.strip() or not services.authority.can(actor_of_callback(app, page), Action.SEE_PLACES):
            return no_update
        found = await asyncio.to_thread(services.places.search, typed, None, _MOST_PLACES)
        return place_options(found, typed, words_of(page))

    @app.callback(
        Output(picker.point, "data"),
        Input(picker.place, "value"),
        Input(picker.clear, "n_clicks"),
        prevent_initial_call=True,
    )
    async def on_place(chosen: str | None, _clear: int | None) -> Any:
        if ctx.triggered_id == picker.clear:
            return None
        if not chosen:
            return no_update
        lon, lat, name = chosen.split(",", 2)
        return {"lon": float(lon), "lat": float(lat), "address": name}

    @app.callback(Output(picker.label, "children"), Input(picker.point, "data"), State(ids.PAGE, "data"), prevent_initial_call=True)
    async def on_point(point: dict[str, Any] | None, page: dict[str, Any]) -> str:
        return point_label(point, words_of(page))


def place_options(places: list[Place], typed: str, words: Words) -> list[dict[str, str]]:
    """The list under the search: name, what it is and where, because one name is often a road, a station and a school.

    `search` is what the list is filtered by in the browser: the index has already decided, so everything passes.
    """
    return [
        {
            "label": " · ".join(filter(None, (place.name, words.place_kind(place.kind), place.detail))),
            "value": f"{place.lon},{place.lat},{place.name}",
            "search": typed,
        }
        for place in places
    ]
