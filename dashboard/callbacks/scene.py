"""The one-click answer: who can be there, by road; cameras and elements around. Also as units move on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx, no_update

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, facts_for, services_seen
from dashboard.callbacks.selection import visible_incident
from dashboard.layouts.parts import empty
from dashboard.layouts.scene import scene_panel, tile_of
from dashboard.layouts.unlocated import unlocated_panel
from dashboard.markup import Markup
from dispatch.errors import DispatchError
from dispatch.model import Actor, Incident, Unit, UnitStatus
from operations.access.authority import Action

if TYPE_CHECKING:
    from operations.services import Services


QUANTILE_OF = {"p50": 0.5, "p90": 0.9}


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    @app.callback(
        Output(ids.PANEL_SCENE, "children"),
        Output(ids.SCENE, "data"),
        Output(ids.SCENE_AT, "data"),
        Input(ids.SELECTION, "data"),
        Input(ids.SCENE_TICK, "data"),
        Input(ids.RINGS_SURE, "value"),
        State(ids.SCENE_AT, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_scene(
        selection: dict[str, Any] | None, _tick: Any, sure: str | None, drawn_at: list[float] | None, page: dict[str, Any]
    ) -> Any:
        again = ctx.triggered_id == ids.SCENE_TICK
        then = await services_seen(app, services)
        children, drawn = await scene_of(then, actor_of_callback(app, page), selection, page, QUANTILE_OF.get(sure or "", 0.5))
        # The rings stay while units move: only the list is drawn again. They change with the incident's point and grade and with the
        # streets: closures, slow traffic, what was learned. They go where there is none:
        # also those of the present, when a moment is looked at before there was the incident.
        reach = reach_of(drawn)
        if again and reach is not None and reach == drawn_at:
            return Markup(children), no_update, no_update
        return Markup(children), drawn, reach

    app.clientside_callback(ClientsideFunction("liandong", "drawScene"), Input(ids.SCENE, "data"), prevent_initial_call=True)


def reach_of(drawn: dict[str, Any]) -> list[float] | None:
    """What tells drawn rings from others: the point they lead to, and metres of street in each; None where there is no point."""
    if drawn["at"] is None:
        return None
    features = [] if drawn["rings"] is None else drawn["rings"]["features"]
    return [*drawn["at"], *(f["properties"]["edge_metres"] for f in features if f["properties"]["kind"] == "ring")]


async def scene_of(
    services: Services, actor: Actor, selection: dict[str, Any] | None, page: dict[str, Any], quantile: float = 0.5
) -> tuple[Any, dict[str, Any]]:
    """Panel and drawing for a selection, its rings of this quantile; both empty for what has no surroundings.

    The drawing names the selection it belongs to: the browser hides the list until it is that of the present selection.
    """
    nothing: dict[str, Any] = {"rings": None, "at": None, "point": None, "cameras": [], "selection": selection}
    kind = (selection or {}).get("kind")
    if selection is None or kind not in ("incident", "point") or not services.authority.can(actor, Action.SEE_SCENE):
        return [], nothing
    facts = facts_for(services, actor, page)
    incident: Incident | None = None
    if kind == "incident":
        incident = await visible_incident(services, actor, selection["incident_id"])
        if incident is None:
            return [], nothing
        if incident.lon is None or incident.lat is None:
            return unlocated_panel(incident, able_units(services, actor, incident), facts), nothing
        lon, lat = incident.lon, incident.lat
    else:
        lon, lat = float(selection["lon"]), float(selection["lat"])
    try:
        found = await services.scene.scene(lon, lat, actor, incident, quantile)
    except DispatchError as refused:
        return empty(facts.words.refusal(refused)), nothing
    drawn = {"rings": found["rings"], "at": [lon, lat], "point": None if incident else [lon, lat], "selection": selection}
    drawn["cameras"] = [tile_of(camera) | {"has_pictures": camera["has_pictures"]} for camera in found["cameras"]]
    return scene_panel(found, incident, facts), drawn


def able_units(services: Services, actor: Actor, incident: Incident) -> list[Unit]:
    """Available units of the responsible organisation, and of those below it, that the actor may see and command; by callsign."""
    picture, authority = services.handler.picture, services.authority
    codes = services.organisations.reach(incident.org_code, services.clock.now().date())
    found = [
        unit
        for unit in picture.units.values()
        if unit.status == UnitStatus.AVAILABLE
        and unit.org_code in codes
        and authority.may_see_unit(actor, unit, picture)
        and authority.in_scope(actor, unit.org_code)
    ]
    return sorted(found, key=lambda unit: (unit.callsign, unit.unit_id))
