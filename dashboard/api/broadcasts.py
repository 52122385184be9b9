"""Broadcasts (通播): one text to desks and to crews on duty, and who has read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from dashboard.api.describe import answers
from dashboard.api.shapes import Body, Id, IdempotencyKey, answer
from dashboard.edge import actor_of
from dispatch.broadcasts import LONGEST, MAX_TEXT, SHORTEST
from dispatch.duty_commands import MarkBroadcastDelivered, ReadBroadcast, RecallBroadcast, SendBroadcast
from dispatch.duty_events import BroadcastSent
from dispatch.errors import NotFound
from dispatch.model import Actor
from operations.access.authority import Action
from operations.outgoing.broadcasts import Json, desk_view, visible_broadcasts

if TYPE_CHECKING:
    from operations.services import Services

_BROADCAST = {
    "broadcast_id": "0196b2a4-77aa-7c31-9d55-2f6b1f0c9a10",
    "org_code": "330203000000",
    "text": "台风红色预警：21 时起全部撤离沿江巡逻点",
    "urgent": True,
    "sent_by": "desk1",
    "sent_by_org": "330203000000",
    "sent_at": "2026-05-01T12:14:59Z",
    "expires_at": "2026-05-01T20:14:59Z",
    "replaces": "",
    "recalled_at": None,
    "recalled_by": "",
    "replaced_by": "",
    "to_this_desk": True,
    "delivered_at": None,
    "read_at": None,
    "read_by": "",
    "progress": {"recipients": 24, "delivered": 23, "read": 22, "waiting": [{"recipient": "330203A3", "delivered": False}], "more": 0},
}


class NewBroadcast(Body):
    """A broadcast to be."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"org_code": "330203", "text": "台风红色预警：21 时起全部撤离沿江巡逻点", "urgent": True}]},
    )

    org_code: Id = Field(description="to this organisation and those below it")
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    urgent: bool = False
    to_crews: bool = Field(True, description="crews on duty now")
    to_desks: bool = True
    lasts_s: int = Field(8 * 3600, ge=round(SHORTEST.total_seconds()), le=round(LONGEST.total_seconds()))
    replaces: Id | None = Field(None, description="broadcast_id of a live one, which is recalled")


class ReceiptBody(Body):
    """What a recipient says."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"recipient": "330203510000", "read": True}]})

    recipient: Id = Field(description="the organisation whose desk it is, or the unit_id of a crew")
    read: bool = Field(description="true: a person has read it; false: it has arrived")


def router(services: Services) -> APIRouter:
    """Routes under /broadcasts."""
    routes = APIRouter(prefix="/broadcasts", tags=["broadcasts"])

    def shown(actor: Actor, broadcast_id: str) -> Json:
        picture = services.handler.picture
        found = picture.broadcasts.get(broadcast_id)
        if found is None:  # a key that was used long ago
            raise NotFound("unknown-broadcast", f"Broadcast {broadcast_id} is no longer kept; look at the ones there are.")
        return desk_view(services.authority, actor, found, picture)

    @routes.get("", responses=answers({"broadcasts": [_BROADCAST]}))
    async def several(request: Request) -> Response:
        """Those the caller's desk got or could recall: live ones, and ended ones for 24 hours, in the order of sending."""
        actor, picture = actor_of(request), services.handler.picture
        services.authority.authorise(actor, Action.READ_BROADCAST)
        seen = visible_broadcasts(services.authority, actor, picture, services.clock.now())
        return answer({"broadcasts": [desk_view(services.authority, actor, one, picture) for one in seen]})

    @routes.post("", status_code=201, responses=answers(_BROADCAST, status=201, text="Sent", problems=(400, 404, 409, 413, 422)))
    async def send(request: Request, body: NewBroadcast, idempotency_key: IdempotencyKey = None) -> Response:
        """Send one to the desks of an organisation and those below it, to their crews on duty, or both."""
        actor = actor_of(request)
        fields = body.model_dump() | {"replaces": body.replaces or ""}
        outcome = await services.handler.handle(SendBroadcast(**fields), actor, idempotency_key)
        sent = next(one.body for one in outcome.events if isinstance(one.body, BroadcastSent))
        return answer(shown(actor, sent.broadcast_id), 201)

    @routes.post("/{broadcast_id}/recall", responses=answers(_BROADCAST, problems=(404,)))
    async def recall(request: Request, broadcast_id: Id, idempotency_key: IdempotencyKey = None) -> Response:
        """Take it off every screen where it still stands."""
        actor = actor_of(request)
        await services.handler.handle(RecallBroadcast(broadcast_id=broadcast_id), actor, idempotency_key)
        return answer(shown(actor, broadcast_id))

    @routes.post("/{broadcast_id}/receipts", status_code=204, responses={204: {"description": "Noted"}} | answers({}, problems=(404,)))
    async def receipt(request: Request, broadcast_id: Id, body: ReceiptBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Say that it has arrived at a recipient, or that a person there has read it. The same again changes nothing."""
        kind = ReadBroadcast if body.read else MarkBroadcastDelivered
        command = kind(broadcast_id=broadcast_id, recipient=body.recipient)
        await services.handler.handle(command, actor_of(request), idempotency_key)
        return Response(status_code=204)

    return routes
