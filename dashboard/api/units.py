"""Crews: who there is, registration, status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from dashboard.api import views
from dashboard.api.describe import answers
from dashboard.api.shapes import Id, IdempotencyKey, StatusBody, UnitBody, answer, answer_in_thread, known_org
from dashboard.edge import actor_of
from dispatch.duty_commands import RegisterUnit, SetUnitStatus
from dispatch.errors import NotFound
from dispatch.model import Actor, UnitStatus
from operations.access.authority import Action

if TYPE_CHECKING:
    from operations.services import Services

_UNIT = {
    "unit_id": "330203A3",
    "callsign": "江厦A3",
    "kind": "patrol_car",
    "org_code": "330203510000",
    "status": "available",
    "marked": True,
    "registered": True,
    "incident_id": None,
    "lon": 121.5503,
    "lat": 29.8739,
    "position_at": "2026-05-01T12:14:59Z",
}


def router(services: Services) -> APIRouter:
    """Routes under /units."""
    routes = APIRouter(prefix="/units", tags=["units"])

    @routes.get("", responses=answers({"units": [_UNIT]}))
    async def several(request: Request) -> Response:
        """Units the caller may see, with their newest positions."""
        actor, picture = actor_of(request), services.handler.picture
        services.authority.authorise(actor, Action.SEE_PICTURE)
        fixes = views.live_fixes(services)
        return await answer_in_thread(lambda: {"units": views.visible_units(services, actor, picture, fixes)})

    @routes.get("/{unit_id}", responses=answers(_UNIT, problems=(404,)))
    async def one(request: Request, unit_id: str) -> Response:
        """One unit with its newest position."""
        actor, picture = actor_of(request), services.handler.picture
        services.authority.authorise(actor, Action.SEE_PICTURE)
        unit = picture.units.get(unit_id)
        if unit is None or not services.authority.may_see_unit(actor, unit, picture):
            raise NotFound("unknown-unit", f"There is no unit {unit_id[:64]}; register it or check the id.")
        return answer(views.unit_view(services, actor, unit, picture, views.live_fixes(services)))

    @routes.put("/{unit_id}", responses=answers(_UNIT, problems=(400, 413, 422)) | answers(_UNIT, status=201, text="New"))
    async def register(request: Request, unit_id: Id, body: UnitBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Register a crew, or change one. The same again changes nothing."""
        actor = actor_of(request)
        command = RegisterUnit(
            unit_id=unit_id,
            callsign=body.callsign,
            kind=body.kind,
            org_code=known_org(services, "org_code", body.org_code),
            trackers=tuple(body.trackers),
            members=tuple(body.members),
            marked=body.marked,
            radio_group=body.radio_group,
            auxiliary=body.auxiliary,
        )
        is_new = unit_id not in services.handler.picture.units
        await services.handler.handle(command, actor, idempotency_key)
        return answer(_shown_back(services, actor, unit_id), 201 if is_new else 200)

    @routes.put("/{unit_id}/status", responses=answers(_UNIT, problems=(400, 404, 413, 422)))
    async def set_status(request: Request, unit_id: Id, body: StatusBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Set a unit available, committed or off duty. What it does on incidents is set by their commands."""
        actor = actor_of(request)
        command = SetUnitStatus(unit_id=unit_id, status=UnitStatus(body.status), text=body.text)
        await services.handler.handle(command, actor, idempotency_key)
        return answer(_shown_back(services, actor, unit_id))

    return routes


def _shown_back(services: Services, actor: Actor, unit_id: str) -> dict[str, Any]:
    """The unit just written; of one that its writer may not see, as a feed sees none, no more than that it is written."""
    picture = services.handler.picture
    unit = picture.units[unit_id]
    if services.authority.may_see_unit(actor, unit, picture):
        return views.unit_view(services, actor, unit, picture, views.live_fixes(services))
    return {"unit_id": unit_id, "status": unit.status}
