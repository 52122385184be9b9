"""Something is selected: the panel shows it. Also when the selected thing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Dash, Input, Output, State

from dashboard import ids
from dashboard.callbacks.context import actor_of_callback, facts_for, services_seen
from dashboard.layouts.actions import actions
from dashboard.layouts.camera import camera_card
from dashboard.layouts.clip import beside_clip
from dashboard.layouts.due import what_is_due
from dashboard.layouts.facts import Facts
from dashboard.layouts.further_calls import may_be_the_same
from dashboard.layouts.incident import assignments, incident_head
from dashboard.layouts.notes import notes
from dashboard.layouts.parts import empty
from dashboard.layouts.photo import beside_photo
from dashboard.layouts.premises import earlier_calls, premise_lines
from dashboard.layouts.responsibility import belongs_elsewhere
from dashboard.layouts.scene_recording import beside_recording
from dashboard.layouts.selected import element_card, point_head
from dashboard.layouts.timeline import timeline, uploads
from dashboard.layouts.unit import unit_card
from dashboard.markup import Markup
from dispatch.errors import NotFound, Unavailable
from dispatch.events import Recorded, UploadAdded
from dispatch.model import Actor, Incident
from operations.access.authority import CAMERA, Action
from operations.duty.rosters import duty_view
from operations.situation.candidates import OLD_FIX_S

if TYPE_CHECKING:
    from geodata.districts.responsibility import Answer
    from operations.services import Services

Panel = tuple[Any, Any, dict[str, Any]]  # children above the scene, below it, and what is shown


def register(app: Dash, services: Services) -> None:
    """Bind the conversation."""

    @app.callback(
        Output(ids.PANEL_BODY, "children"),
        Output(ids.PANEL_AFTER, "children"),
        Output(ids.SHOWN, "data"),
        Input(ids.SELECTION, "data"),
        Input(ids.REFRESH, "data"),
        State(ids.PAGE, "data"),
        prevent_initial_call=True,
    )
    async def on_select(selection: dict[str, Any] | None, _refresh: Any, page: dict[str, Any]) -> Panel:
        above, below, shown = await panel_of(await services_seen(app, services), actor_of_callback(app, page), selection, page)
        return Markup(above), Markup(below), shown

    app.clientside_callback(ClientsideFunction("liandong", "panelShows"), Input(ids.SHOWN, "data"), prevent_initial_call=True)


async def panel_of(services: Services, actor: Actor, selection: dict[str, Any] | None, page: dict[str, Any]) -> Panel:
    """What the panel shows for a selection."""
    facts = facts_for(services, actor, page)
    kind = (selection or {}).get("kind")
    if selection is None or kind is None:
        return [], [], {"selection": selection}
    if kind == "incident":
        above, below, shown = await _incident(services, actor, selection["incident_id"], facts)
        return above, below, shown | {"selection": selection}
    if kind == "unit":
        above = _unit(services, actor, selection["unit_id"], facts)
    elif kind == "element":
        above = _element(services, actor, selection, facts)
    else:
        above = point_head(float(selection["lon"]), float(selection["lat"]), facts)
    return above, [], {"selection": selection}


def _element(services: Services, actor: Actor, selection: dict[str, Any], facts: Facts) -> Any:
    """Of a camera what the register says of it now; of the past no more is known than of any other thing."""
    is_camera = selection.get("element") == CAMERA and not facts.is_past
    if is_camera and services.authority.can(actor, Action.SEE_ELEMENTS):
        try:
            return camera_card(services.cameras.one(str(selection.get("id", "")).removeprefix(f"{CAMERA}/")), facts)
        except NotFound:
            pass  # taken out of the register meanwhile: what the map showed of it is still true of the place
    return element_card(selection, facts)


async def visible_incident(services: Services, actor: Actor, incident_id: str) -> Incident | None:
    """The incident as this actor may see it, also one that ended long ago; None when there is none to be seen."""
    picture = services.handler.picture
    incident = picture.incidents.get(incident_id) or await services.history.incident(incident_id)
    if incident is None or not services.authority.may_see_incident(actor, incident, picture):
        return None
    return services.authority.incident_for(actor, incident, picture)


async def _incident(services: Services, actor: Actor, incident_id: str, facts: Facts) -> Panel:
    incident = await visible_incident(services, actor, incident_id)
    if incident is None:
        words = facts.words
        said = words("This incident does not exist, or your account may not see it.")
        return (
            empty(words("At this moment the incident had not come in, or your account may not see it.") if facts.is_past else said),
            [],
            {},
        )
    picture = services.handler.picture
    recorded = [
        one for one in await services.history.timeline(incident_id) if services.authority.may_see_event(actor, one, picture, incident)
    ]
    try:
        known = await services.personal.caller(actor, incident, "desk")
        caller = " ".join(part for part in (known.name, known.number) if part) if known else ""
    except Unavailable as refused:
        caller = facts.words.refusal(refused)
    above = [
        incident_head(incident, facts, caller),
        *premise_lines(
            incident,
            services.premises.warnings(actor, incident, picture),
            await services.premises.emergencies(actor, incident, picture),
            facts,
        ),
        what_is_due(incident, facts),
        *await _may_be_the_same(services, actor, incident, facts),
        *await _earlier_calls(services, actor, incident, facts),
        *belongs_elsewhere(incident, responsible_for(services, incident), facts),
        actions(incident, facts),
        assignments(incident, facts),
        *notes(incident, facts),
    ]
    below = [await _uploads(services, incident, recorded, facts), timeline(recorded, facts)]
    return above, below, {"incident": incident_id, "version": incident.version}


async def _may_be_the_same(services: Services, actor: Actor, incident: Incident, facts: Facts) -> list[Any]:
    try:
        found = await services.further_calls.of_incident(actor, incident, services.handler.picture, "desk")
    except Unavailable as refused:
        return [empty(facts.words.refusal(refused))]
    return may_be_the_same(incident, found, facts)


async def _uploads(services: Services, incident: Incident, recorded: list[Recorded], facts: Facts) -> Any:
    """Photos, videos and files with what is known of each; nothing of that to who may not see evidence."""
    if not facts.may(Action.SEE_EVIDENCE):
        return uploads(recorded, facts, {})
    kept = await services.evidence.records(one.body.upload_id for one in recorded if isinstance(one.body, UploadAdded))
    beside = {
        upload_id: [*beside_photo(manifest, incident, facts), *beside_recording(manifest, facts), *beside_clip(manifest, facts)]
        for upload_id, manifest in kept.items()
    }
    return uploads(recorded, facts, beside, [upload_id for upload_id, manifest in kept.items() if manifest.scene is not None])


async def _earlier_calls(services: Services, actor: Actor, incident: Incident, facts: Facts) -> list[Any]:
    try:
        earlier = await services.personal.calls_of_same_number(actor, incident, "desk")
    except Unavailable as refused:
        return [empty(facts.words.refusal(refused))]
    return earlier_calls([one for one in earlier if one.received_at < incident.received_at], facts)


def responsible_for(services: Services, incident: Incident) -> Answer | None:
    """Whom type and place make responsible; None while the place is unknown."""
    if incident.lon is None or incident.lat is None:
        return None
    return services.responsibility.of(incident.incident_type, incident.lon, incident.lat)


def _unit(services: Services, actor: Actor, unit_id: str, facts: Facts) -> Any:
    picture = services.handler.picture
    unit = picture.units.get(unit_id)
    if unit is None or not services.authority.may_see_unit(actor, unit, picture):
        return empty(facts.words("This unit does not exist, or your account may not see it."))
    incident = picture.incidents.get(unit.incident_id) if unit.incident_id else None
    if incident is not None and not services.authority.may_see_incident(actor, incident, picture):
        incident = None
    duty = duty_view(picture, unit, facts.now)
    beat = services.beats.get(unit.crew.beat)
    fix, on_beat = facts.last_fix(unit_id), None
    if beat is not None and fix is not None and (facts.now - fix.at).total_seconds() <= OLD_FIX_S:  # by now it may be anywhere
        on_beat = services.beats.holds(beat.id, fix.lon, fix.lat)
    with_crew = services.authority.may_see_crew(actor, unit)
    return unit_card(unit, incident, facts, duty, beat.name if beat is not None else unit.crew.beat, on_beat, with_crew)
