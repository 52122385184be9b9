"""While a call is being taken, the form says what it may be a further call about, and takes the answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, facts_for
from dashboard.layouts.further_calls import form_lines
from dispatch.commands import Merge, TellApart
from dispatch.duplicates import Call
from dispatch.errors import Unavailable
from dispatch.model import Actor

if TYPE_CHECKING:
    from dashboard.layouts.facts import Facts
    from operations.services import Services

Answers = dict[str, Any]  # {"same": incident_id or None, "apart": [incident_id]}
MOST_NEW = 50  # incidents a page asks about at a time
MOST_ANSWERS = 20  # of one form; more is no form any more


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    app.clientside_callback(
        ClientsideFunction("liandong", "callAnswered"),
        Output(ids.NEW_ANSWERS, "data"),
        Input(ids.NEW_KEY, "data"),
        Input(ids.NEW_ANSWERED, "data"),
        State(ids.NEW_ANSWERS, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.NEW_ALIKE, "children"),
        Input(ids.NEW_KEY, "data"),
        Input(ids.NEW_TYPED, "data"),
        Input(ids.NEW_TYPE, "value"),
        Input(ids.NEW_PICKER.point, "data"),
        Input(ids.NEW_ANSWERS, "data"),
        State(ids.NEW_TEXT, "value"),
        State(ids.NEW_CALLER_NUMBER, "value"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_typed(
        _key: str | None,
        _typed: Any,
        incident_type: str | None,
        point: dict[str, Any] | None,
        answers: Answers | None,
        text: str | None,
        number: str | None,
        page: dict[str, Any],
    ) -> Any:
        point = point or {}
        call = Call(
            incident_type=incident_type or "",
            text=text or "",
            address=point.get("address") or "",
            called_at=services.clock.now(),
            lon=point.get("lon"),
            lat=point.get("lat"),
        )
        actor = actor_of_callback(app, page)
        return await lines_of(services, actor, call, number or "", answers or {}, facts_for(services, actor, page))

    @app.callback(Output(ids.ALIKE, "data"), Input(ids.ALIKE_ASKED, "data"), State(ids.PAGE, "data"), prevent_initial_call=True)
    async def on_new(asked: dict[str, Any] | None, page: dict[str, Any]) -> Any:
        if not asked:
            return no_update
        incident_ids = [str(one) for one in asked["ids"]]
        return {"of": incident_ids, "alike": await glances(services, actor_of_callback(app, page), incident_ids)}

    app.clientside_callback(ClientsideFunction("liandong", "alike"), Input(ids.ALIKE, "data"), prevent_initial_call=True)


async def glances(services: Services, actor: Actor, incident_ids: list[str]) -> dict[str, int]:
    """Number of the likeliest other incident by id, of those that are alike to one."""
    picture = services.handler.picture
    known = [picture.incidents[id_] for id_ in incident_ids[:MOST_NEW] if id_ in picture.incidents]
    seen = [one for one in known if services.authority.may_see_incident(actor, one, picture)]
    found = await asyncio.to_thread(lambda: [services.further_calls.at_a_glance(actor, one, picture) for one in seen])
    return {one.incident_id: picture.incidents[alike[0].incident_id].number for one, alike in zip(seen, found, strict=True) if alike}


async def lines_of(services: Services, actor: Actor, call: Call, number: str, answers: Answers, facts: Facts) -> Any:
    """What stands in the form."""
    try:
        found = await services.further_calls.of_call(actor, call, number, services.handler.picture, "desk")
    except Unavailable as refused:
        return facts.words.refusal(refused)
    return form_lines(found, answers, facts)


async def carry_out(services: Services, actor: Actor, incident_id: str, answers: Answers, key: str | None) -> str:
    """Do with the call just recorded what was answered while it was taken; the incident to go on with. Raises DispatchError."""
    for at, other in enumerate(answers.get("apart", [])[:MOST_ANSWERS]):
        await services.handler.handle(TellApart(incident_id=incident_id, other=other), actor, key and f"{key}:apart:{at}")
    same = answers.get("same")
    if not same:
        return incident_id
    await services.handler.handle(Merge(incident_id=incident_id, into=same), actor, key and f"{key}:same")
    return str(same)
