"""An incident gets its point, or a better one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from dashboard import ids
from dashboard.callbacks.commands import version_shown
from dashboard.callbacks.context import actor_of_callback, words_of
from dashboard.callbacks.place import register_place
from dashboard.callbacks.selection import visible_incident
from dashboard.i18n import Words
from dispatch.commands import Locate
from dispatch.errors import DispatchError
from dispatch.model import Actor, Incident

if TYPE_CHECKING:
    from operations.services import Services


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""
    picker = ids.LOCATE_PICKER
    register_place(app, services, picker)
    app.clientside_callback(ClientsideFunction("liandong", "located"), Input(ids.LOCATED, "data"), prevent_initial_call=True)

    @app.callback(
        Output(ids.LOCATE_DIALOG, "hidden"),
        Output(ids.NEW_DIALOG, "hidden", allow_duplicate=True),  # it would lie over this one
        Output(ids.LOCATE_TITLE, "children"),
        Output(picker.point, "data", allow_duplicate=True),
        Output(picker.place, "value"),
        Output(ids.LOCATE_ERROR, "children"),
        Output(ids.LOCATE_PENDING, "data"),
        Input(ids.LOCATE_ASKED, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_open(pressed: dict[str, Any], page: dict[str, Any]) -> tuple[Any, ...]:
        incident = await visible_incident(services, actor_of_callback(app, page), pressed["incident"])
        if incident is None:  # it has gone out of sight since the button was drawn
            return (no_update,) * 7
        pending = {"incident": incident.incident_id, "key": f"{page['id']}:locate:{incident.incident_id}:{incident.version}:{pressed['n']}"}
        return False, True, title(incident, words_of(page)), point_of(incident), None, "", pending

    @app.callback(
        Output(ids.LOCATE_ERROR, "children", allow_duplicate=True),
        Output(ids.LOCATE_DIALOG, "hidden", allow_duplicate=True),
        Output(ids.SAID, "data", allow_duplicate=True),
        Output(ids.LOCATED, "data"),
        Input(ids.LOCATE_SEND, "n_clicks"),
        State(ids.LOCATE_PENDING, "data"),
        State(picker.point, "data"),
        State(ids.SHOWN, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_send(
        clicks: int | None, pending: dict[str, Any] | None, point: dict[str, Any] | None, shown: dict[str, Any] | None, page: dict[str, Any]
    ) -> tuple[Any, ...]:
        if not clicks or pending is None:
            return (no_update,) * 4
        words = words_of(page)
        pending = pending | {"key": f"{pending['key']}:{clicks}", "shown": shown}
        error = await send(services, actor_of_callback(app, page), pending, point, words)
        if error or point is None:
            return error, no_update, no_update, no_update
        return "", True, {"kind": "good", "text": words("The place is set.")}, {"lon": point["lon"], "lat": point["lat"]}


def title(incident: Incident, words: Words) -> str:
    """What the form is about."""
    said = words("Locate") if incident.lon is None else words("Move the point")
    return f"{said} · #{incident.number}"


def point_of(incident: Incident) -> dict[str, Any] | None:
    """The point as the picker holds it."""
    if incident.lon is None:
        return None
    return {"lon": incident.lon, "lat": incident.lat, "address": incident.address}


async def send(services: Services, actor: Actor, pending: dict[str, Any], point: dict[str, Any] | None, words: Words) -> str:
    """Hand the point over; what was wrong with it, empty when it was taken.

    The panel stands beside the form, so the version is the one it shows now, not the one the form was opened on.
    """
    if point is None:
        return words("Choose a place, or click it on the map.")
    command = Locate(
        incident_id=pending["incident"],
        lon=point["lon"],
        lat=point["lat"],
        address=point.get("address") or "",
        expected_version=version_shown(pending.get("shown"), pending["incident"]),
    )
    try:
        await services.handler.handle(command, actor, pending["key"])
    except DispatchError as refused:
        return words.refusal(refused)
    return ""
