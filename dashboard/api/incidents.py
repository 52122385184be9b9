"""Routes of incidents: take a call, list, read, command, see the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from dashboard.api import views
from dashboard.api.command_body import CommandBody, to_command
from dashboard.api.describe import answers
from dashboard.api.shapes import At, IdempotencyKey, Instant, NewIncident, answer, answer_in_thread, known_org, require_point, words
from dashboard.edge import actor_of, datum_of
from dashboard.past import services_at
from dashboard.problems import InvalidFields
from dispatch.commands import Caller, ReceiveIncident
from dispatch.errors import NotFound
from dispatch.evolve import fold
from dispatch.model import OPEN_STAGES, Actor, Incident, Stage
from dispatch.picture import OperatingPicture
from operations.access.authority import Action

if TYPE_CHECKING:
    from operations.incidents.handle import Outcome
    from operations.services import Services

MAX_LIMIT = 500
OPEN = "open"  # short for all stages of a running incident
_STAGES = frozenset(Stage) | {OPEN}

_INCIDENT = {
    "incident_id": "0196b2a4-77aa-7c31-9d55-2f6b1f0c9a10",
    "number": 117,
    "incident_type": "assault",
    "grade": 2,
    "stage": "received",
    "org_code": "330203510000",
    "org_name": "江厦派出所",
    "version": 1,
    "lon": 121.5503,
    "lat": 29.8739,
    "called_at": "2026-05-01T12:14:05Z",
    "received_at": "2026-05-01T12:14:31Z",
    "assignments": [],
}
_OUTCOME = {
    "incident_id": _INCIDENT["incident_id"],
    "version": 2,
    "revision": 20417,
    "events": [{"event": "unit_pushed", "unit_id": "330203A3", "incident_version": 2, "promised_eta_s": 142.0}],
}
SCENE = {
    "incident_id": _INCIDENT["incident_id"],
    "lon": 121.5503,
    "lat": 29.8739,
    "org_code": "330203510000",
    "rings": {"type": "FeatureCollection", "features": []},
    "units": [{"unit_id": "330203A3", "eta_s": 142.0, "turnout_s": 60.0, "arrival_s": 202.0, "ring_minutes": 3.0, "recommended": True}],
    "units_by_ring": [{"minutes": 3.0, "available": 2, "unit_ids": ["330203A3"], "text": "3-min ring: 3:22 with 1:00 turnout"}],
    "cameras": [],
    "elements": [],
    "earlier_incidents": [],
    "weather": None,
}


def router(services: Services) -> APIRouter:
    """Routes under /incidents."""
    routes = APIRouter(prefix="/incidents", tags=["incidents"])

    @routes.post(
        "", status_code=201, responses=answers(_INCIDENT, "Incident", 201, (400, 413, 422), "Received, with the responsible organisation")
    )
    async def receive(request: Request, body: NewIncident, idempotency_key: IdempotencyKey = None) -> Response:
        """Take a call. Without a point the incident is 待定位; a repeated `source_id` changes nothing and answers 200."""
        actor = actor_of(request)
        datum = body.datum or datum_of(request)
        require_point(services, body.lon, body.lat, datum)
        caller = Caller(**body.caller.model_dump()) if body.caller is not None else None
        command = ReceiveIncident(
            **body.model_dump(exclude={"caller", "datum"}),
            caller=caller,
            datum=datum,
            source=actor.name if actor.kind == "token" else "desk",
        )
        outcome = await services.handler.handle(command, actor, idempotency_key)
        return await _received(services, actor, outcome)

    @routes.get("", responses=answers({"incidents": [_INCIDENT], "cursor": None}, problems=(422,)))
    async def several(
        request: Request,
        stage: Annotated[str, Query(description="stages with commas between, or `open`", examples=["open"])] = "",
        scope: Annotated[str, Query(description="organisation code; default: the caller's", examples=["330203"])] = "",
        from_: Annotated[Instant | None, Query(alias="from", description="received at or after")] = None,
        to: Annotated[Instant | None, Query(description="received before")] = None,
        cursor: Annotated[str | None, Query(description="from the page before", max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 100,
    ) -> Response:
        """Incidents of the scope, newest received first, a page at a time; `cursor` asks for the next one."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_PICTURE)
        orgs = _orgs(services, actor, scope)
        try:
            page = await services.history.incidents(stage=_stages(stage), orgs=orgs, from_=from_, to=to, cursor=cursor, limit=limit)
        except ValueError as error:
            raise InvalidFields.one("cursor", str(error)) from None
        picture = services.handler.picture

        def view() -> dict[str, Any]:
            seen = (i for i in page.incidents if services.authority.may_see_incident(actor, i, picture))
            return {"incidents": [views.incident_view(services, actor, i, picture) for i in seen], "cursor": page.cursor}

        return await answer_in_thread(view)

    @routes.get("/{incident_id}", responses=answers(_INCIDENT | {"caller": None}, "Incident", problems=(404,)))
    async def one(request: Request, incident_id: str, at: At = None) -> Response:
        """One incident, also one that ended long ago; with its caller as far as the asker may know."""
        actor = actor_of(request)
        then = await services_at(services, actor, at)
        incident = await find_incident(then, actor, incident_id)
        return answer(await views.with_caller(then, actor, incident, then.handler.picture))

    @routes.get("/{incident_id}/timeline", responses=answers({"events": [_OUTCOME["events"]]}, problems=(404,)))
    async def timeline(request: Request, incident_id: str, at: At = None) -> Response:
        """Everything that happened to it, in order, with both times and who said it; of a past moment, what had been recorded by then."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_HISTORY)
        then = await services_at(services, actor, at)
        incident = await find_incident(then, actor, incident_id)
        events = await then.history.timeline(incident.incident_id)
        shown = await views.visible_events(then, actor, events, then.handler.picture)
        return answer({"incident_id": incident.incident_id, "version": incident.version, "events": shown})

    @routes.post("/{incident_id}/commands", responses=answers(_OUTCOME, problems=(400, 404, 409, 413, 422)))
    async def command(request: Request, incident_id: str, body: CommandBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Push, acknowledge, depart, arrive, feedback, close …; `expected_version` guards against acting on an old picture."""
        actor = actor_of(request)
        given = to_command(incident_id, body, datum_of(request))
        if body.lon is not None:
            require_point(services, body.lon, body.lat, given.datum)  # type: ignore[attr-defined]
        outcome = await services.handler.handle(given, actor, idempotency_key)
        picture = services.handler.picture
        return answer(
            {
                "incident_id": outcome.incident_id,
                "version": outcome.version,
                "revision": outcome.revision,
                "events": [views.event_view(services, actor, recorded, picture) for recorded in outcome.events],
            }
        )

    @routes.get(
        "/{incident_id}/scene", responses=answers({"rings": {}, "units": [], "units_by_ring": [], "cameras": []}, problems=(404, 422))
    )
    async def scene(request: Request, incident_id: str, at: At = None) -> Response:
        """The one-click answer: rings, streets, units with times and reasons, cameras, what is around, earlier incidents, weather."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_SCENE)
        then = await services_at(services, actor, at)
        incident = await find_incident(then, actor, incident_id)
        found = await then.scene.incident_scene(incident, actor)
        return await answer_in_thread(lambda: found)

    return routes


async def find_incident(services: Services, actor: Actor, incident_id: str) -> Incident:
    """The incident as it is now. Raises NotPermitted, and NotFound also when it exists and the actor may not know."""
    services.authority.authorise(actor, Action.SEE_PICTURE)
    picture = services.handler.picture
    incident = picture.incidents.get(incident_id)
    if incident is None and incident_id.isprintable() and len(incident_id) <= 64:
        incident = await services.history.incident(incident_id)
    if incident is None or not services.authority.may_see_incident(actor, incident, picture):
        raise NotFound("unknown-incident", f"There is no incident {incident_id[:64]}; check the id.")
    return incident


async def _received(services: Services, actor: Actor, outcome: Outcome) -> Response:
    """The incident as it was received, so that a repeated key gives the same answer; 200 when another call had brought it before."""
    picture = services.handler.picture
    if outcome.events:
        incident = fold(OperatingPicture(), outcome.events).incidents[outcome.incident_id or ""]
        return answer(views.incident_view(services, actor, incident, picture), 201)
    known = picture.incidents.get(outcome.incident_id or "") or await services.history.incident(outcome.incident_id or "")
    if known is None:
        raise NotFound("unknown-incident", f"There is no incident {outcome.incident_id}; check the id.")
    if not services.authority.may_see_incident(actor, known, picture):
        # It was this actor's call, as a feed's is; what became of it is not its to read.
        return answer({"incident_id": known.incident_id, "number": known.number, "received_at": known.received_at}, 200)
    return answer(views.incident_view(services, actor, known, picture), 200)


def _stages(stage: str) -> list[str] | None:
    if not stage:
        return None
    chosen = set(words("stage", stage, _STAGES))
    return sorted(chosen - {OPEN} | (OPEN_STAGES if OPEN in chosen else set()))


def _orgs(services: Services, actor: Actor, scope: str) -> frozenset[str]:
    visible = services.authority.visible_orgs(actor)
    if not scope:
        return visible
    code = known_org(services, "scope", scope)
    services.authority.authorise(actor, Action.SEE_PICTURE, org_code=code)
    return visible & services.organisations.reach(code, services.clock.now().date(), with_ended=True)
