"""A button in the panel is pressed: the command goes to the handler, and its answer, also a refusal, is said in its own words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from dash import ClientsideFunction, Dash, Input, Output, State, no_update

from dashboard import ids
from dashboard.callbacks.choices import SATISFIED, asked_choices
from dashboard.callbacks.context import actor_of_callback, facts_for
from dashboard.callbacks.selection import visible_incident
from dashboard.layouts.actions import command_label
from dashboard.layouts.facts import Facts
from dispatch.commands import AnyIncidentCommand
from dispatch.errors import DispatchError
from dispatch.model import Actor

if TYPE_CHECKING:
    from operations.services import Services

# Commands that need words or a choice before they are sent.
ASKED = frozenset(
    {"feedback", "refuse", "review", "return", "close", "divert", "mark_invalid", "cancel", "reopen", "note"}
    | {"call_service", "merge", "escalate", "offer_handover", "refuse_handover", "call_back"}
    | {"warn_place", "lift_warning", "reassign"}
)
# Judgements on what the panel showed: they name the version they were made on, and are refused when it has moved on.
JUDGED = frozenset({"review", "return", "close", "divert", "mark_invalid", "cancel", "reopen", "merge", "reassign"})
ON_THE_RADIO = frozenset({"acknowledge", "depart", "arrive", "check_in", "feedback", "refuse", "clear"})
# The field that a choice fills.
CHOSEN_FIELD = {
    "close": "disposition",
    "divert": "to",
    "call_service": "service",
    "merge": "into",
    "offer_handover": "to_org_code",
    "warn_place": "warning",
}
# The field that the button itself fills, and what it is called in the press.
TOLD_FIELD = {
    "stop_repush": ("assignment_id", "assignment"),
    "tell_apart": ("other", "other"),
    "warn_place": ("expires_at", "expires_at"),
    "lift_warning": ("warning_id", "warning"),
    "read_note": ("note_id", "note"),
}
UNFORESEEN = frozenset({"offer_handover", "warn_place", "reassign"})  # choices of which none is so likely that it may stand there by itself
LONG_LIST = 10  # options that are searched rather than read

Said = dict[str, str]  # {"kind": "good" | "bad", "text": …}


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    @app.callback(
        Output(ids.SAID, "data"),
        Output(ids.ASK, "hidden"),
        Output(ids.ASK_TITLE, "children"),
        Output(ids.ASK_CHOICE, "options"),
        Output(ids.ASK_CHOICE, "value"),
        Output(ids.ASK_CHOICE, "searchable"),
        Output(ids.ASK_CHOICE_BOX, "hidden"),
        Output(ids.ASK_HINT, "children"),
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
        if pressed["command"] not in ASKED or "into" in pressed:
            return (await send(services, actor, pending, "", None, facts), *(no_update,) * 9)
        incident = await visible_incident(services, actor, pressed["incident"])
        options = await asked_choices(services, actor, pressed["command"], incident, facts)
        if options == []:
            return ({"kind": "bad", "text": facts.words("There is nothing to choose from.")}, *(no_update,) * 9)
        first = options[0]["value"] if options and pressed["command"] not in UNFORESEEN else None
        is_long = len(options or ()) > LONG_LIST
        asked = question(pending, facts), options or [], first, is_long, options is None, hint(pressed["command"], facts)
        return no_update, False, *asked, "", pending

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


def hint(command: str, facts: Facts) -> str:
    """What has to be known before one answers; empty where the title says it all."""
    words = facts.words
    hints = {
        "merge": words("This one ends as a further call about the chosen one. Its text, caller and files stay under its own number."),
        "escalate": words("The level above is asked to look at it; the responsible organisation stays responsible."),
        "offer_handover": words("It stays with its owner until the other accepts; your own organisation takes it over at once."),
        "warn_place": words("Whoever is sent to this place is told before arriving. Say in words what is known; it expires by itself."),
        "reassign": words("The crews on it are let go, and the chosen one is sent instead. Other services that were called still come."),
        "lift_warning": words("Say why it no longer holds."),
        "call_service": words("Telephone the service; its steps are entered here."),
    }
    return hints.get(command, "")


def command_of(pending: dict[str, Any], text: str, choice: str | None) -> AnyIncidentCommand:
    """The command a button stands for; `choice` is one of its `choices`. Raises msgspec.ValidationError when a field is missing."""
    name, unit_id = pending["command"], pending["unit"]
    fields: dict[str, Any] = {"command": name, "incident_id": pending["incident"]}
    if unit_id:
        fields["unit_ids"] = (unit_id,)
    if name in ON_THE_RADIO:
        fields |= {"on_behalf_of": unit_id, "channel": pending.get("channel", "radio")}
    if pending.get("happened_at"):
        fields["happened_at"] = pending["happened_at"]
    if name in TOLD_FIELD:
        field, told = TOLD_FIELD[name]
        fields[field] = pending[told]
    if text or name in ASKED:
        fields["text"] = text
    if name in CHOSEN_FIELD:
        fields[CHOSEN_FIELD[name]] = choice or pending.get("into", "")
    if name == "call_back":
        fields["satisfied"] = SATISFIED[choice or "unknown"]
    if name in JUDGED:
        fields["expected_version"] = version_shown(pending.get("shown"), pending["incident"])
    return msgspec.convert(fields | _told(pending, choice), AnyIncidentCommand)


def _told(pending: dict[str, Any], choice: str | None) -> dict[str, Any]:
    """What is more than a field of the press or of the choice."""
    match pending["command"]:
        case "claim":
            return {"take_over": bool(pending.get("take_over"))}
        case "note" if choice:
            return {"to_units": (choice,)}
        case "reassign":
            return {"unit_ids": (choice,) if choice else ()}
    return {}


def warning_ends(services: Services, warning: str | None) -> datetime:
    """When a warning that is set at a desk now ends; of a kind that is not in the table (it is refused) in a day."""
    days = next((kind.days for kind in services.codes.place_warning if kind.id == warning), 1.0)
    return services.clock.now() + timedelta(days=days)


def version_shown(shown: dict[str, Any] | None, incident_id: str) -> int | None:
    """Version of the incident in the panel; None when the panel shows something else."""
    version: int | None = shown["version"] if shown and shown.get("incident") == incident_id else None
    return version


async def send(services: Services, actor: Actor, pending: dict[str, Any], text: str, choice: str | None, facts: Facts) -> Said:
    """Hand the command over; the answer for the passing note."""
    if pending["command"] == "warn_place":
        pending = pending | {"expires_at": warning_ends(services, choice)}
    try:
        await services.handler.handle(command_of(pending, text, choice), actor, pending["key"])
    except DispatchError as refused:
        return {"kind": "bad", "text": facts.words.refusal(refused)}
    return {"kind": "good", "text": f"{question(pending, facts)} ✓"}
