"""The one-click answer: who can be there, by road; cameras and elements around. Also as units move on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, facts_for
from dashboard.callbacks.selection import visible_incident
from dashboard.layouts.parts import empty
from dashboard.layouts.scene import scene_panel
from dispatch.errors import DispatchError
from dispatch.model import Actor, Incident

if TYPE_CHECKING:
    from operations.services import Services


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    @app.callback(
        Output(ids.PANEL_SCENE, "children"),
        Output(ids.SCENE, "data"),
        Input(ids.SELECTION, "data"),
        Input(ids.SCENE_TICK, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_scene(selection: dict[str, Any] | None, _tick: Any, page: dict[str, Any]) -> tuple[Any, Any]:
        again = ctx.triggered_id == ids.SCENE_TICK
        children, drawn = await scene_of(services, actor_of_callback(app, page), selection, page)
        # The rings stay while units move: only the list is drawn again.
        return children, no_update if again else drawn

    app.clientside_callback(ClientsideFunction("liandong", "drawScene"), Input(ids.SCENE, "data"), prevent_initial_call=True)


async def scene_of(services: Services, actor: Actor, selection: dict[str, Any] | None, page: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Panel and drawing for a selection; both empty for what has no surroundings.

    The drawing names the selection it belongs to: the browser hides the list until it is that of the present selection.
    """
    kind = (selection or {}).get("kind")
    if selection is None or kind not in ("incident", "point"):
        return [], {"rings": None, "point": None, "selection": selection}
    facts = facts_for(services, actor, page)
    incident: Incident | None = None
    nothing: dict[str, Any] = {"rings": None, "point": None, "selection": selection}
    if kind == "incident":
        incident = await visible_incident(services, actor, selection["incident_id"])
        if incident is None:
            return [], nothing
        if incident.lon is None or incident.lat is None:
            return empty(facts.words("Not located yet: it has no ring. Find its place first, or push it to a station.")), nothing
        lon, lat = incident.lon, incident.lat
    else:
        lon, lat = float(selection["lon"]), float(selection["lat"])
    try:
        found = await services.scene.scene(lon, lat, actor, incident)
    except DispatchError as refused:
        return empty(refused.detail), nothing
    drawn = {"rings": found["rings"], "point": None if incident else [lon, lat], "selection": selection}
    return scene_panel(found, incident, facts), drawn
