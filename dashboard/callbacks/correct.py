"""A desk puts right when a crew reached a stage, or takes the last one back, and says why."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, State, no_update

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, facts_for
from dashboard.callbacks.selection import visible_incident
from dashboard.layouts.correct import MOVE, TAKE_BACK
from dashboard.layouts.facts import Facts
from dispatch.commands import CorrectStage
from dispatch.errors import DispatchError
from dispatch.model import Actor, Assignment, AssignmentStage
from dispatch.rules.corrections import INSTANT_OF

if TYPE_CHECKING:
    from operations.services import Services


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    @app.callback(
        Output(ids.CORRECT_DIALOG, "hidden"),
        Output(ids.CORRECT_TITLE, "children"),
        Output(ids.CORRECT_STAGE, "options"),
        Output(ids.CORRECT_STAGE, "value"),
        Output(ids.CORRECT_WAY, "value"),
        Output(ids.CORRECT_TEXT, "value"),
        Output(ids.CORRECT_ERROR, "children"),
        Output(ids.CORRECT_PENDING, "data"),
        Input(ids.CORRECT_ASKED, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_open(pressed: dict[str, Any], page: dict[str, Any]) -> tuple[Any, ...]:
        actor = actor_of_callback(app, page)
        incident = await visible_incident(services, actor, pressed["incident"])
        assignment = None if incident is None else incident.assignment_of(pressed["unit"])
        times = {} if assignment is None else reached(assignment)
        if incident is None or not times:  # it has gone out of sight, or back, since the button was drawn
            return (no_update,) * 8
        facts = facts_for(services, actor, page)
        options = [{"label": f"{facts.words.stage(stage)} {facts.clock(at)}", "value": str(stage)} for stage, at in times.items()]
        pending = {
            "incident": incident.incident_id,
            "version": incident.version,
            "unit": pressed["unit"],
            "key": f"{page['id']}:correct:{incident.incident_id}:{incident.version}:{pressed['n']}",
            "times": {str(stage): at.isoformat() for stage, at in times.items()},
        }
        title = f"{facts.words('Correct')} · {facts.callsign(pressed['unit'])}"
        return False, title, options, options[-1]["value"], MOVE, "", "", pending

    @app.callback(
        Output(ids.CORRECT_TIME, "value"),
        Input(ids.CORRECT_STAGE, "value"),
        Input(ids.CORRECT_PENDING, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_stage(stage: str | None, pending: dict[str, Any] | None, page: dict[str, Any]) -> Any:
        at = (pending or {}).get("times", {}).get(stage or "")
        return facts_for(services, actor_of_callback(app, page), page).clock(datetime.fromisoformat(at)) if at else no_update

    @app.callback(
        Output(ids.CORRECT_ERROR, "children", allow_duplicate=True),
        Output(ids.CORRECT_DIALOG, "hidden", allow_duplicate=True),
        Output(ids.SAID, "data", allow_duplicate=True),
        Input(ids.CORRECT_SEND, "n_clicks"),
        State(ids.CORRECT_PENDING, "data"),
        State(ids.CORRECT_STAGE, "value"),
        State(ids.CORRECT_WAY, "value"),
        State(ids.CORRECT_TIME, "value"),
        State(ids.CORRECT_TEXT, "value"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_send(
        clicks: int | None,
        pending: dict[str, Any] | None,
        stage: str,
        way: str,
        clock: str | None,
        text: str | None,
        page: dict[str, Any],
    ) -> tuple[Any, ...]:
        if not clicks or pending is None:
            return (no_update,) * 3
        actor = actor_of_callback(app, page)
        facts = facts_for(services, actor, page)
        pending = pending | {"key": f"{pending['key']}:{clicks}"}
        error = await send(services, actor, pending, stage, None if way == TAKE_BACK else clock or "", text or "", facts)
        return (error, no_update, no_update) if error else ("", True, {"kind": "good", "text": f"{facts.words('Correct')} ✓"})


def reached(assignment: Assignment) -> dict[AssignmentStage, datetime]:
    """The stages that can be corrected, with their times, in their order."""
    instants = {stage: getattr(assignment, name) for stage, name in INSTANT_OF.items()}
    return {stage: at for stage, at in instants.items() if at is not None}


async def send(services: Services, actor: Actor, pending: dict[str, Any], stage: str, clock: str | None, text: str, facts: Facts) -> str:
    """Hand the correction over; `clock` None takes the stage back. What was wrong, empty when it was taken."""
    at = None
    if clock is not None:
        at = nearest_instant(clock, datetime.fromisoformat(pending["times"][stage]), facts)
        if at is None:
            return facts.words("Give the time as 08:15 or 08:15:00.")
    command = CorrectStage(
        incident_id=pending["incident"],
        expected_version=pending["version"],
        unit_ids=(pending["unit"],),
        stage=AssignmentStage(stage),
        at=at,
        text=text,
    )
    try:
        await services.handler.handle(command, actor, pending["key"])
    except DispatchError as refused:
        return facts.words.refusal(refused)
    return ""


def nearest_instant(clock: str, was_at: datetime, facts: Facts) -> datetime | None:
    """A time of day in the city, on the day that brings it nearest to what it corrects; None where it is no time of day."""
    try:
        wanted = time.fromisoformat(clock.strip().replace("：", ":"))
    except ValueError:
        return None
    if wanted.tzinfo is not None:
        return None
    day = was_at.astimezone(facts.zone).date()
    days = (datetime.combine(day + timedelta(days=k), wanted, facts.zone).astimezone(UTC) for k in (-1, 0, 1))
    return min(days, key=lambda at: abs(at - was_at))
