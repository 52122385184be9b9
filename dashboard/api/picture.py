"""Everything at once, now or then, and what changed since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from dashboard.api import views
from dashboard.api.describe import answers
from dashboard.api.shapes import At, answer, answer_in_thread
from dashboard.edge import actor_of
from dashboard.past import services_at
from dashboard.problems import InvalidFields
from dispatch.model import Actor
from dispatch.picture import OperatingPicture
from operations.access.authority import Action

if TYPE_CHECKING:
    from operations.services import Services

MAX_EVENTS = 1000

_PICTURE = {
    "revision": 20417,
    "at": "2026-05-01T12:15:00Z",
    "live": True,
    "scope": {"name": "operator", "role": "operator", "org_code": "330200000000"},
    "units": [{"unit_id": "330203A3", "callsign": "江厦A3", "kind": "patrol_car", "status": "available", "lon": 121.5503, "lat": 29.8739}],
    "incidents": [{"incident_id": "0196b2a4-77aa-7c31-9d55-2f6b1f0c9a10", "number": 117, "stage": "received", "grade": 2}],
    "elements": {"street_camera": {"count": 2000, "newest_at": None, "state": "static"}},
}
_CHANGES = {"revision": 20417, "more": False, "events": [{"revision": 20417, "event": "note_added", "incident_id": "…", "text": "…"}]}


def router(services: Services) -> APIRouter:
    """`/picture` and `/changes`."""
    routes = APIRouter(tags=["picture"])

    @routes.get("/picture", responses=answers(_PICTURE, problems=(422,)))
    async def picture(
        request: Request,
        at: At = None,
    ) -> Response:
        """Revision, units with positions, open incidents and element counts the caller may see, as of now or of a past moment."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_PICTURE)
        if at is None:
            now, present, fixes = services.clock.now(), services.handler.picture, views.live_fixes(services)
            return await answer_in_thread(lambda: _picture(services, actor, present, fixes) | {"at": now})
        then = await services_at(services, actor, at)
        fixes = views.live_fixes(then)
        return await answer_in_thread(lambda: _picture(then, actor, then.handler.picture, fixes) | {"at": at, "live": False})

    @routes.get("/changes", responses=answers(_CHANGES, problems=(422,)))
    async def changes(
        request: Request,
        since: Annotated[int, Query(ge=0, le=2**53, description="the revision seen last", examples=[0])],
        limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 500,
    ) -> Response:
        """Journal events after a revision that the caller may see. While `more`, ask again from the `revision` answered."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_HISTORY)
        newest = services.handler.picture.revision
        if since > newest:
            raise InvalidFields.one("since", f"{since} is beyond the newest revision {newest}; read the picture again and go on from there")
        events = await services.history.changes(since, limit)
        shown = await views.visible_events(services, actor, events, services.handler.picture)
        reached = events[-1].revision if events else since
        return answer({"revision": reached, "more": len(events) == limit, "events": shown})

    return routes


def _picture(services: Services, actor: Actor, picture: OperatingPicture, fixes: views.Fixes) -> dict[str, Any]:
    units = views.visible_units(services, actor, picture, fixes)
    incidents = views.visible_incidents(services, actor, picture)
    return {
        "revision": picture.revision,
        "live": True,
        "scope": {"name": actor.name, "role": actor.role, "org_code": actor.org_code, "unit_id": actor.unit_id},
        "units": units,
        "incidents": incidents,
        "elements": views.element_counts(services, actor, units, incidents),
    }
