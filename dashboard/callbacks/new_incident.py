"""A new incident is entered by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, words_of
from dashboard.callbacks.further_calls import Answers, carry_out
from dashboard.callbacks.place import register_place
from dispatch.commands import Caller, ReceiveIncident
from dispatch.errors import DispatchError, NotPermitted
from dispatch.model import Actor, Grade

if TYPE_CHECKING:
    from operations.incidents.handle import Outcome
    from operations.services import Services


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""
    register_place(app, services, ids.NEW_PICKER)
    app.clientside_callback(ClientsideFunction("liandong", "choose"), Input(ids.CHOSEN, "data"), prevent_initial_call=True)

    @app.callback(
        Output(ids.NEW_GRADE, "value"),
        Input(ids.NEW_TYPE, "value"),
        prevent_initial_call=True,
    )
    async def on_type(incident_type: str | None) -> Any:
        kind = services.codes.type_by_id.get(incident_type or "")
        return int(kind.grade) if kind else no_update

    @app.callback(
        Output(ids.NEW_ERROR, "children"),
        Output(ids.NEW_DIALOG, "hidden"),
        Output(ids.SAID, "data", allow_duplicate=True),
        Output(ids.CHOSEN, "data"),
        Output(ids.NEW_TEXT, "value"),
        Output(ids.NEW_PICKER.point, "data", allow_duplicate=True),
        Output(ids.NEW_PICKER.place, "value"),
        Input(ids.NEW_SUBMIT, "n_clicks"),
        State(ids.NEW_TYPE, "value"),
        State(ids.NEW_GRADE, "value"),
        State(ids.NEW_TEXT, "value"),
        State(ids.NEW_PICKER.point, "data"),
        State(ids.NEW_CALLER_NAME, "value"),
        State(ids.NEW_CALLER_NUMBER, "value"),
        State(ids.NEW_KEY, "data"),
        State(ids.NEW_ANSWERS, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_submit(
        clicks: int | None,
        incident_type: str | None,
        grade: int,
        text: str | None,
        point: dict[str, Any] | None,
        caller_name: str | None,
        caller_number: str | None,
        key: str | None,
        answers: Answers | None,
        page: dict[str, Any],
    ) -> tuple[Any, ...]:
        words = words_of(page)
        if not clicks:
            return (no_update,) * 7
        if not incident_type:
            return (words("Choose what is reported."), *(no_update,) * 6)
        caller = Caller(name=caller_name or "", number=caller_number or "") if caller_name or caller_number else None
        command = ReceiveIncident(
            incident_type=incident_type,
            grade=Grade(grade),
            text=text or "",
            lon=point["lon"] if point else None,
            lat=point["lat"] if point else None,
            address=(point or {}).get("address") or "",
            caller=caller,
            channel="desk",
        )
        actor, key = actor_of_callback(app, page), f"{key}:{clicks}" if key else None
        try:
            outcome = await receive(services, actor, command, key)
        except DispatchError as refused:
            return (words.refusal(refused), *(no_update,) * 6)
        recorded = chosen = str(outcome.incident_id)
        said = {"kind": "good", "text": words("Recorded.")}
        try:
            chosen = await carry_out(services, actor, recorded, answers or {}, key)
        except DispatchError as refused:  # the call is on record all the same
            said = {"kind": "bad", "text": words.refusal(refused)}
        return "", True, said, {"kind": "incident", "incident_id": chosen}, "", None, None


async def receive(services: Services, actor: Actor, command: ReceiveIncident, key: str | None) -> Outcome:
    """Record the call. Where type and place make an organisation responsible that the actor doesn't command for, the first receiver
    acts all the same: the incident is its own until it is handed over. Raises DispatchError.
    """
    try:
        return await services.handler.handle(command, actor, key)
    except NotPermitted as refused:
        if refused.rule != "outside-scope":
            raise
    return await services.handler.handle(msgspec.structs.replace(command, org_code=actor.org_code), actor, key)
