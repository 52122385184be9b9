"""A button in the panel is pressed: the command goes to the handler, and its answer, also a refusal, is said in its own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, facts_for
from dashboard.layouts.facts import Facts
from dashboard.layouts.incident import command_label
from dispatch.commands import AnyIncidentCommand
from dispatch.errors import DispatchError
from dispatch.model import Actor

if TYPE_CHECKING:
    from operations.services import Services

# Commands that need words or a choice before they are sent.
ASKED = frozenset({"feedback", "refuse", "review", "return", "close", "divert", "mark_invalid", "cancel", "reopen", "note"})
# Judgements on what the panel showed: they name the version they were made on, and are refused when it has moved on.
JUDGED = frozenset({"review", "return", "close", "divert", "mark_invalid", "cancel", "reopen"})
ON_THE_RADIO = frozenset({"acknowledge", "depart", "arrive", "feedback", "refuse", "clear"})
SERVICES_TO_DIVERT_TO = ("119", "120", "122", "12345")

Said = dict[str, str]  # {"kind": "good" | "bad", "text": …}


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    @app.callback(
        Output(ids.SAID, "data"),
        Output(ids.ASK, "hidden"),
        Output(ids.ASK_TITLE, "children"),
        Output(ids.ASK_CHOICE, "options"),
        Output(ids.ASK_CHOICE, "value"),
        Output(ids.ASK_CHOICE_BOX, "hidden"),
        Output(ids.ASK_TEXT, "value"),
        Output(ids.ASK_PENDING, "data"),
        Input(ids.PRESSED, "data"),
        State(ids.SHOWN, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_act(pressed: dict[str, Any], shown: dict[str, Any] | None, page: dict[str, Any]) -> tuple[Any, ...]:
        actor = actor_of_callback(app, page)
        facts = facts_for(services, actor, page)
        key = f"{page['id']}:{pressed['command']}:{pressed['incident']}:{pressed['unit']}:{pressed['n']}"
        pending = {**pressed, "key": key, "shown": shown}
        if pressed["command"] not in ASKED:
            return (await send(services, actor, pending, "", None, facts), *(no_update,) * 7)
        options = choices(pressed["command"], facts)
        return (no_update, False, question(pending, facts), options, options[0]["value"] if options else None, not options, "", pending)

    @app.callback(
        Output(ids.SAID, "data", allow_duplicate=True),
        Output(ids.ASK, "hidden", allow_duplicate=True),
        Input(ids.ASK_SEND, "n_clicks"),
        State(ids.ASK_PENDING, "data"),
        State(ids.ASK_TEXT, "value"),
        State(ids.ASK_CHOICE, "value"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_answer(
        clicks: int | None, pending: dict[str, Any] | None, text: str | None, choice: str | None, page: dict[str, Any]
    ) -> Any:
        if not clicks or pending is None:
            return no_update, no_update
        actor = actor_of_callback(app, page)
        pending = pending | {"key": f"{pending['key']}:{clicks}"}
        said = await send(services, actor, pending, text or "", choice, facts_for(services, actor, page))
        return said, said["kind"] == "good"

    app.clientside_callback(ClientsideFunction("liandong", "toast"), Input(ids.SAID, "data"), prevent_initial_call=True)


def question(pending: dict[str, Any], facts: Facts) -> str:
    """Title of the dialog."""
    label = command_label(pending["command"], facts)
    return f"{label} · {facts.callsign(pending['unit'])}" if pending["unit"] else label


def choices(command: str, facts: Facts) -> list[dict[str, str]]:
    """What is chosen from before the command is sent; empty where words suffice."""
    if command == "close":
        return [{"label": facts.disposition_name(one.id), "value": one.id} for one in facts.codes.disposition]
    if command == "divert":
        return [{"label": number, "value": number} for number in SERVICES_TO_DIVERT_TO]
    return []


def command_of(pending: dict[str, Any], text: str, choice: str | None) -> AnyIncidentCommand:
    """The command a button stands for. Raises msgspec.ValidationError when a field that it needs is missing."""
    name, unit_id = pending["command"], pending["unit"]
    fields: dict[str, Any] = {"command": name, "incident_id": pending["incident"]}
    if unit_id:
        fields["unit_ids"] = (unit_id,)
    if name in ON_THE_RADIO:
        fields |= {"on_behalf_of": unit_id, "channel": "radio"}
    if text or name in ASKED:
        fields["text"] = text
    if name == "close":
        fields["disposition"] = choice or ""
    if name == "divert":
        fields["to"] = choice or ""
    if name in JUDGED:
        fields["expected_version"] = version_shown(pending.get("shown"), pending["incident"])
    return msgspec.convert(fields, AnyIncidentCommand)


def version_shown(shown: dict[str, Any] | None, incident_id: str) -> int | None:
    """Version of the incident in the panel; None when the panel shows something else."""
    version: int | None = shown["version"] if shown and shown.get("incident") == incident_id else None
    return version


async def send(services: Services, actor: Actor, pending: dict[str, Any], text: str, choice: str | None, facts: Facts) -> Said:
    """Hand the command over; the answer for the passing note."""
    try:
        await services.handler.handle(command_of(pending, text, choice), actor, pending["key"])
    except DispatchError as refused:
        return {"kind": "bad", "text": facts.words.refusal(refused)}
    return {"kind": "good", "text": f"{question(pending, facts)} ✓"}
