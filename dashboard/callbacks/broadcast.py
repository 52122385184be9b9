"""A broadcast is sent from the desk. What is read, recalled or counted goes between the page and the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, State, no_update

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, words_of
from dashboard.i18n import Words
from dashboard.layouts.broadcast import CREWS, DESKS
from dispatch.duty_commands import SendBroadcast
from dispatch.duty_events import BroadcastSent
from dispatch.errors import DispatchError
from dispatch.model import Actor

if TYPE_CHECKING:
    from operations.services import Services


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    @app.callback(
        Output(ids.BROADCAST_ERROR, "children"),
        Output(ids.BROADCAST_TEXT, "value"),
        Output(ids.BROADCAST_REPLACES, "data"),
        Output(ids.SAID, "data", allow_duplicate=True),
        Input(ids.BROADCAST_SEND, "n_clicks"),
        State(ids.BROADCAST_TO, "value"),
        State(ids.BROADCAST_WHOM, "value"),
        State(ids.BROADCAST_GRADE, "value"),
        State(ids.BROADCAST_TEXT, "value"),
        State(ids.BROADCAST_LASTS, "value"),
        State(ids.BROADCAST_REPLACES, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_send(
        clicks: int | None,
        org_code: str,
        whom: list[str],
        grade: str,
        text: str | None,
        lasts_s: int,
        replaces: str | None,
        page: dict[str, Any],
    ) -> tuple[Any, ...]:
        if not clicks:
            return (no_update,) * 4
        command = SendBroadcast(
            org_code=org_code,
            text=text or "",
            urgent=grade == "urgent",
            to_crews=CREWS in whom,
            to_desks=DESKS in whom,
            lasts_s=lasts_s,
            replaces=replaces or "",
            channel="desk",
        )
        words = words_of(page)
        said, error = await send(services, actor_of_callback(app, page), command, f"{page['id']}:broadcast:{clicks}", words)
        return (error, no_update, no_update, no_update) if error else ("", "", "", {"kind": "good", "text": said})


async def send(services: Services, actor: Actor, command: SendBroadcast, key: str, words: Words) -> tuple[str, str]:
    """Hand the command over; what to say of it, or what was wrong."""
    try:
        outcome = await services.handler.handle(command, actor, key)
    except DispatchError as refused:
        return "", words.refusal(refused)
    sent = next(one.body for one in outcome.events if isinstance(one.body, BroadcastSent))
    return words("Broadcast to {crews} crews and {desks} desks", crews=len(sent.unit_ids), desks=len(sent.desks)), ""
