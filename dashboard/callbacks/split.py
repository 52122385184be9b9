"""A part of an incident becomes one of its own; the page goes there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, State, no_update

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, words_of
from dashboard.callbacks.selection import visible_incident
from dashboard.i18n import Words
from dispatch.commands import Split
from dispatch.errors import DispatchError
from dispatch.events import IncidentSplit
from dispatch.model import Actor, Grade

if TYPE_CHECKING:
    from operations.services import Services


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    @app.callback(
        Output(ids.SPLIT_DIALOG, "hidden"),
        Output(ids.SPLIT_TITLE, "children"),
        Output(ids.SPLIT_TYPE, "value"),
        Output(ids.SPLIT_GRADE, "value"),
        Output(ids.SPLIT_TEXT, "value"),
        Output(ids.SPLIT_ERROR, "children"),
        Output(ids.SPLIT_PENDING, "data"),
        Input(ids.SPLIT_ASKED, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_open(pressed: dict[str, Any], page: dict[str, Any]) -> tuple[Any, ...]:
        incident = await visible_incident(services, actor_of_callback(app, page), pressed["incident"])
        if incident is None:  # it has gone out of sight since the button was drawn
            return (no_update,) * 7
        pending = {"incident": incident.incident_id, "key": f"{page['id']}:split:{incident.incident_id}:{pressed['n']}"}
        return False, f"{words_of(page)('Split')} · #{incident.number}", incident.incident_type, int(incident.grade), "", "", pending

    @app.callback(
        Output(ids.SPLIT_ERROR, "children", allow_duplicate=True),
        Output(ids.SPLIT_DIALOG, "hidden", allow_duplicate=True),
        Output(ids.SAID, "data", allow_duplicate=True),
        Output(ids.CHOSEN, "data", allow_duplicate=True),
        Input(ids.SPLIT_SEND, "n_clicks"),
        State(ids.SPLIT_PENDING, "data"),
        State(ids.SPLIT_TYPE, "value"),
        State(ids.SPLIT_GRADE, "value"),
        State(ids.SPLIT_TEXT, "value"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_send(
        clicks: int | None, pending: dict[str, Any] | None, incident_type: str, grade: int, text: str | None, page: dict[str, Any]
    ) -> tuple[Any, ...]:
        if not clicks or pending is None:
            return (no_update,) * 4
        words = words_of(page)
        pending = pending | {"key": f"{pending['key']}:{clicks}"}
        part_id, error = await send(services, actor_of_callback(app, page), pending, incident_type, grade, text or "", words)
        if error:
            return error, no_update, no_update, no_update
        return "", True, {"kind": "good", "text": f"{words('Split')} ✓"}, {"kind": "incident", "incident_id": part_id}


async def send(
    services: Services, actor: Actor, pending: dict[str, Any], incident_type: str, grade: int, text: str, words: Words
) -> tuple[str, str]:
    """Hand the command over; the id of the new incident, or what was wrong."""
    command = Split(incident_id=pending["incident"], incident_type=incident_type, grade=Grade(grade), text=text, channel="desk")
    try:
        outcome = await services.handler.handle(command, actor, pending["key"])
    except DispatchError as refused:
        return "", words.refusal(refused)
    return next(one.body.part_id for one in outcome.events if isinstance(one.body, IncidentSplit)), ""
