"""An incident turns out to be of another type or grade, or its text is put right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, State, no_update

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, words_of
from dashboard.callbacks.selection import visible_incident
from dashboard.i18n import Words
from dispatch.commands import Classify
from dispatch.errors import DispatchError
from dispatch.model import Actor, Grade

if TYPE_CHECKING:
    from operations.services import Services


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    @app.callback(
        Output(ids.CLASSIFY_DIALOG, "hidden"),
        Output(ids.CLASSIFY_TITLE, "children"),
        Output(ids.CLASSIFY_TYPE, "value"),
        Output(ids.CLASSIFY_GRADE, "value"),
        Output(ids.CLASSIFY_TEXT, "value"),
        Output(ids.CLASSIFY_ERROR, "children"),
        Output(ids.CLASSIFY_PENDING, "data"),
        Input(ids.CLASSIFY_ASKED, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_open(pressed: dict[str, Any], page: dict[str, Any]) -> tuple[Any, ...]:
        incident = await visible_incident(services, actor_of_callback(app, page), pressed["incident"])
        if incident is None:  # it has gone out of sight since the button was drawn
            return (no_update,) * 7
        before = {"incident_type": incident.incident_type, "grade": int(incident.grade), "text": incident.text}
        pending = {
            "incident": incident.incident_id,
            "version": incident.version,
            "key": f"{page['id']}:classify:{incident.incident_id}:{incident.version}:{pressed['n']}",
            "before": before,
        }
        return False, f"{words_of(page)('Classify')} · #{incident.number}", *before.values(), "", pending

    @app.callback(
        Output(ids.CLASSIFY_ERROR, "children", allow_duplicate=True),
        Output(ids.CLASSIFY_DIALOG, "hidden", allow_duplicate=True),
        Output(ids.SAID, "data", allow_duplicate=True),
        Input(ids.CLASSIFY_SEND, "n_clicks"),
        State(ids.CLASSIFY_PENDING, "data"),
        State(ids.CLASSIFY_TYPE, "value"),
        State(ids.CLASSIFY_GRADE, "value"),
        State(ids.CLASSIFY_TEXT, "value"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_send(
        clicks: int | None, pending: dict[str, Any] | None, incident_type: str, grade: int, text: str | None, page: dict[str, Any]
    ) -> tuple[Any, ...]:
        if not clicks or pending is None:
            return (no_update,) * 3
        words = words_of(page)
        pending = pending | {"key": f"{pending['key']}:{clicks}"}
        after = {"incident_type": incident_type, "grade": grade, "text": text or ""}
        error = await send(services, actor_of_callback(app, page), pending, after, words)
        return (error, no_update, no_update) if error else ("", True, {"kind": "good", "text": f"{words('Classify')} ✓"})


async def send(services: Services, actor: Actor, pending: dict[str, Any], after: dict[str, Any], words: Words) -> str:
    """Hand over what was changed on the form and nothing else; what was wrong with it, empty when it was taken."""
    changed = {name: value for name, value in after.items() if value != pending["before"][name]}
    if not changed:
        return words("Nothing has been changed.")
    if "grade" in changed:
        changed["grade"] = Grade(changed["grade"])
    command = Classify(incident_id=pending["incident"], expected_version=pending["version"], **changed)
    try:
        await services.handler.handle(command, actor, pending["key"])
    except DispatchError as refused:
        return words.refusal(refused)
    return ""
