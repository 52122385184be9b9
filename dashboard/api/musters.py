"""Signing crews on and off, and musters of reserves 紧急集合."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from dashboard.api.describe import answers
from dashboard.api.shapes import Body, Id, IdempotencyKey, Instant, Text, answer, known_org
from dashboard.api.shifts import OrgQuery, seen_org, sees_units
from dashboard.edge import actor_of
from dispatch.commands import Command
from dispatch.duty_commands import AnswerMuster, EndMuster, MusterReserves, SignOff, SignOn
from dispatch.model import Actor
from dispatch.rules.duty import MAX_CREWS
from operations.duty import rosters

if TYPE_CHECKING:
    from operations.services import Services

Json = dict[str, Any]
_DUTY = {"on_duty": True, "why": "shift", "since": "2026-05-01T00:00:00Z", "until": "2026-05-01T08:15:00Z", "signed_on": True}
_MUSTER = {
    "muster_id": "01970e4b-…",
    "org_code": "330203510000",
    "text": "大型活动散场",
    "by": "chen",
    "called_at": "2026-05-01T20:00:00Z",
    "until": "2026-05-01T23:00:00Z",
    "running": True,
    "crews": [{"unit_id": "330203A3", "callsign": "江厦A3", "coming": None, "text": ""}],
    "answered": 0,
    "coming": 0,
}


class SignBody(Body):
    """A crew says that it is there, or that it goes home."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"command": "sign_on"}, {"command": "sign_off"}]})

    command: Literal["sign_on", "sign_off"]
    text: Text = Field("", description="with sign_off only")
    on_behalf_of: Id | None = Field(None, description="who said it, when the desk enters what came by radio")
    channel: Id | None = None
    happened_at: Instant | None = None


class MusterBody(Body):
    """紧急集合: crews called in, whatever the roster says."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"org_code": "330203510000", "text": "大型活动散场", "until": "2026-05-01T23:00:00Z"}]},
    )

    org_code: Id
    text: Text = Field(description="why")
    until: Instant = Field(description="within 48 hours")
    unit_ids: list[Id] = Field([], max_length=MAX_CREWS, description="empty: every crew of the organisation that is off duty")


class MusterAnswerBody(Body):
    """Whether a crew comes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"unit_id": "330203A3", "coming": True}]})

    unit_id: Id
    coming: bool
    text: Text = ""
    on_behalf_of: Id | None = None
    channel: Id | None = None


class EndBody(Body):
    """Why a muster ends."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "解除"}]})

    text: Text = ""


def _shown(services: Services, actor: Actor, muster_id: str) -> Json:
    picture = services.handler.picture
    return rosters.muster_view(picture, picture.musters[muster_id], services.clock.now(), sees_units(services, actor, picture))


def router(services: Services) -> APIRouter:
    """Routes under /musters, and the duty of one unit."""
    routes = APIRouter(tags=["duty"])

    @routes.post("/units/{unit_id}/commands", responses=answers({"unit_id": "330203A3", **_DUTY}, problems=(400, 404, 413, 422)))
    async def sign_on_or_off(request: Request, unit_id: Id, body: SignBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Sign a crew on or off: its own terminal, or the desk for a crew on the radio."""
        actor = actor_of(request)
        common: Json = {"on_behalf_of": body.on_behalf_of, "channel": body.channel, "happened_at": body.happened_at}
        command: Command = (
            SignOn(unit_id=unit_id, **common) if body.command == "sign_on" else SignOff(unit_id=unit_id, text=body.text, **common)
        )
        await services.handler.handle(command, actor, idempotency_key)
        unit = services.handler.picture.units[unit_id]
        return answer({"unit_id": unit_id, **rosters.duty_view(services.handler.picture, unit, services.clock.now())})

    @routes.get("/musters", responses=answers({"musters": [_MUSTER]}, problems=(422,)))
    async def musters(
        request: Request,
        org: OrgQuery = None,
    ) -> Response:
        """Musters that run in an organisation, newest first, with what each crew has answered."""
        actor, picture, now = actor_of(request), services.handler.picture, services.clock.now()
        running = rosters.musters_of(picture, seen_org(services, actor, org), now)
        return answer({"musters": [rosters.muster_view(picture, muster, now, sees_units(services, actor, picture)) for muster in running]})

    @routes.post("/musters", status_code=201, responses=answers(_MUSTER, status=201, problems=(400, 404, 413, 422)))
    async def muster(request: Request, body: MusterBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Muster reserves 紧急集合: their terminals ring at once, and they may be pushed until the muster ends."""
        actor = actor_of(request)
        command = MusterReserves(
            org_code=known_org(services, "org_code", body.org_code), text=body.text, until=body.until, unit_ids=tuple(body.unit_ids)
        )
        outcome = await services.handler.handle(command, actor, idempotency_key)
        called = [recorded.body.muster_id for recorded in outcome.events]  # type: ignore[union-attr]
        same = (m for m in reversed(services.handler.picture.musters.values()) if (m.org_code, m.text) == (command.org_code, body.text))
        return answer(_shown(services, actor, called[0] if called else next(same).muster_id), 201)

    @routes.post("/musters/{muster_id}/answers", responses=answers(_MUSTER, problems=(400, 404, 413, 422)))
    async def answer_it(request: Request, muster_id: Id, body: MusterAnswerBody, idempotency_key: IdempotencyKey = None) -> Response:
        """A mustered crew comes or does not; the newest word counts."""
        actor = actor_of(request)
        command = AnswerMuster(muster_id=muster_id, **body.model_dump())
        await services.handler.handle(command, actor, idempotency_key)
        return answer(_shown(services, actor, muster_id))

    @routes.post("/musters/{muster_id}/end", responses=answers(_MUSTER, problems=(400, 404, 413, 422)))
    async def end(request: Request, muster_id: Id, body: EndBody, idempotency_key: IdempotencyKey = None) -> Response:
        """End a muster before its time."""
        actor = actor_of(request)
        await services.handler.handle(EndMuster(muster_id=muster_id, text=body.text), actor, idempotency_key)
        return answer(_shown(services, actor, muster_id))

    return routes
