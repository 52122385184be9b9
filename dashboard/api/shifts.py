"""Shifts and their rosters: planning them, who is on duty when, and the signatures of the hand-over sheet 交接班."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field

from dashboard.api.describe import answers
from dashboard.api.shapes import MAX_ID, MAX_NAME, Body, Id, IdempotencyKey, Instant, Name, answer, answer_in_thread, known_org
from dashboard.edge import actor_of
from dispatch.duty_commands import CancelShift, PlanShift, SignShiftHandover
from dispatch.errors import NotFound
from dispatch.model import Actor, Unit
from dispatch.picture import OperatingPicture
from dispatch.rules.duty import MAX_CREWS, find_shift
from dispatch.shifts import Rostered, Shift
from operations.duty import rosters

if TYPE_CHECKING:
    from operations.services import Services

Json = dict[str, Any]
OrgQuery = Annotated[str | None, Query(max_length=MAX_ID, description="organisation; default: the caller's own")]
_CREW = {"unit_id": "330203A3", "members": ["022117", "022231"], "vehicle": "浙B0117警", "trackers": ["car-0117"], "radio_group": "海曙1"}
_PLAN: Json = {
    "name": "早班",
    "starts_at": "2026-05-01T00:00:00Z",
    "ends_at": "2026-05-01T08:15:00Z",
    "leader": "王所长",
    "radio_group": "海曙1",
    "crews": [_CREW | {"beat": "330203510000-1"}],
}
_SHIFT: Json = {"org_code": "330203510000", "shift_id": "2026-05-01-early", **_PLAN, "signed": []}
_ROSTER = {"org_code": "330203510000", "at": "2026-05-01T01:00:00Z", "keeps_roster": True, "running": [_SHIFT], "next": None}


class CrewBody(Body):
    """One crew in a shift. What is left out is as the crew is registered."""

    unit_id: Id
    members: list[Annotated[str, Field(min_length=1, max_length=MAX_ID)]] = Field([], max_length=20)
    vehicle: Annotated[str, Field(max_length=MAX_ID)] = Field("", description="plate, or what is painted on its roof")
    trackers: list[Id] = Field([], max_length=20)
    radio_group: Annotated[str, Field(max_length=MAX_ID)] = ""
    beat: Annotated[str, Field(max_length=MAX_ID)] = Field("", description="巡区: id in the city's table")


class ShiftBody(Body):
    """A shift with its whole roster."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [_PLAN]},
    )

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    starts_at: Instant
    ends_at: Instant = Field(description="the first instant that is no longer in it; at most 48 hours after its beginning")
    leader: Name = Field("", description="duty leader 值班领导")
    radio_group: Name = Field("", description="where the duty leader is heard")
    crews: list[CrewBody] = Field([], max_length=MAX_CREWS)


class SignatureBody(Body):
    """A duty leader signs the hand-over sheet 交接班."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"side": "outgoing", "name": "王所长", "revision": 4711}]})

    side: Literal["outgoing", "incoming"]
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    revision: int = Field(ge=1, le=2**53, description="of the picture that the sheet was made from")


def seen_org(services: Services, actor: Actor, org: str | None) -> str:
    """The organisation asked for, the caller's own without one: names of people on duty are for their own scope only."""
    org_code = known_org(services, "org", org) if org else actor.org_code
    services.authority.authorise_duty(actor, org_code)
    return org_code


def sees_units(services: Services, actor: Actor, picture: OperatingPicture) -> rosters.SeesUnit:
    """Whether the actor may see a unit."""

    def sees(unit: Unit) -> bool:
        return services.authority.may_see_unit(actor, unit, picture)

    return sees


def _shown(services: Services, actor: Actor, shift: Shift) -> Json:
    """The shift without crews the actor may not know of."""
    picture = services.handler.picture
    sees = sees_units(services, actor, picture)
    return rosters.shift_view(shift, {u for u in shift.crews if u in picture.units and sees(picture.units[u])})


def _one(services: Services, actor: Actor, org_code: str, shift_id: str) -> Json:
    shift = find_shift(services.handler.picture.shifts, org_code, shift_id)
    if shift is None:
        raise NotFound("unknown-shift", f"{org_code} has no shift {shift_id}, or it ended days ago; check the id.")
    return _shown(services, actor, shift)


def router(services: Services) -> APIRouter:
    """Routes under /shifts and /rosters."""
    routes = APIRouter(tags=["duty"])

    @routes.get("/shifts", responses=answers({"shifts": [_SHIFT]}, problems=(422,)))
    async def shifts(
        request: Request,
        org: OrgQuery = None,
    ) -> Response:
        """Shifts of an organisation with their rosters, those of the last days and all that are planned, in order of time."""
        actor = actor_of(request)
        org_code = seen_org(services, actor, org)
        return answer({"shifts": [_shown(services, actor, shift) for shift in services.handler.picture.shifts.get(org_code, ())]})

    @routes.put("/shifts/{org_code}/{shift_id}", responses=answers(_SHIFT, problems=(400, 404, 413, 422)))
    async def plan(request: Request, org_code: Id, shift_id: Id, body: ShiftBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Plan a shift with its whole roster, or plan it anew until it is over."""
        actor, code = actor_of(request), known_org(services, "org_code", org_code)
        crews = tuple(
            Rostered(row.unit_id, tuple(row.members), row.vehicle, tuple(row.trackers), row.radio_group, row.beat) for row in body.crews
        )
        command = PlanShift(
            org_code=code,
            shift_id=shift_id,
            name=body.name,
            starts_at=body.starts_at,
            ends_at=body.ends_at,
            leader=body.leader,
            radio_group=body.radio_group,
            crews=crews,
        )
        await services.handler.handle(command, actor, idempotency_key)
        return answer(_one(services, actor, code, shift_id))

    @routes.delete("/shifts/{org_code}/{shift_id}", status_code=204, responses={204: {"description": "It is not planned any more"}})
    async def cancel(request: Request, org_code: Id, shift_id: Id, idempotency_key: IdempotencyKey = None) -> Response:
        """Take a shift out of the plan. An organisation without any keeps no roster: status alone decides then."""
        command = CancelShift(org_code=known_org(services, "org_code", org_code), shift_id=shift_id)
        await services.handler.handle(command, actor_of(request), idempotency_key)
        return Response(status_code=204)

    @routes.post("/shifts/{org_code}/{shift_id}/signatures", responses=answers(_SHIFT, problems=(400, 404, 413, 422)))
    async def sign(request: Request, org_code: Id, shift_id: Id, body: SignatureBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Sign the hand-over sheet 交接班 as the leader who goes or the one who comes, each under an account of their own."""
        actor, code = actor_of(request), known_org(services, "org_code", org_code)
        command = SignShiftHandover(org_code=code, shift_id=shift_id, side=body.side, name=body.name, revision=body.revision)
        await services.handler.handle(command, actor, idempotency_key)
        return answer(_one(services, actor, code, shift_id))

    @routes.get("/rosters", responses=answers(_ROSTER, problems=(422,)))
    async def roster(
        request: Request,
        org: OrgQuery = None,
        at: Annotated[Instant | None, Query(description="default: now; by the plan as it is now")] = None,
    ) -> Response:
        """Who is on duty, overtime and off duty in an organisation at an instant, the next shift, and musters that run."""
        actor, picture = actor_of(request), services.handler.picture
        org_code, instant = seen_org(services, actor, org), at or services.clock.now()
        return await answer_in_thread(lambda: rosters.roster_view(picture, org_code, instant, sees_units(services, actor, picture)))

    return routes
