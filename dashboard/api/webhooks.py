"""Webhooks: events sent to other programs. What is sent, and how it is verified: docs/api.md."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field

from dashboard.api.describe import answers, problem_answer
from dashboard.api.shapes import Body, Id, IdempotencyKey, answer
from dashboard.edge import actor_of
from dashboard.problems import InvalidFields
from dispatch.events import AnyEvent
from operations.outgoing.webhook_request import LONGEST_URL, BadSecret, BadUrl, key_of
from operations.outgoing.webhook_worker import EVERYTHING, Worker
from storage.webhooks import KEPT_DELIVERIES, Delivery

if TYPE_CHECKING:
    from operations.services import Services

EVENT_NAMES = (EVERYTHING, *(str(kind.__struct_config__.tag) for kind in get_args(AnyEvent)))
EventName = Literal[EVENT_NAMES]  # type: ignore[valid-type]

_ID = "0196b2a4-77aa-7c31-9d55-2f6b1f0c9a10"
_WEBHOOK = {
    "webhook_id": _ID,
    "url": "https://records.police.example/liandong",
    "events": ["incident_closed", "incident_received"],
    "owner": "records",
    "role": "commander",
    "org_code": "330203000000",
    "created_at": "2026-05-01T12:00:00Z",
    "state": "failing",
    "reason": "no answer within 5 s",
    "failures": 3,
    "failing_since": "2026-05-01T12:14:00Z",
    "next_attempt_at": "2026-05-01T12:15:07Z",
    "revision": 20417,
}
_DELIVERY = {
    "delivery_id": f"{_ID}-20410-20417",
    "at": "2026-05-01T12:14:59Z",
    "after_revision": 20410,
    "revision": 20417,
    "events": 2,
    "status": 200,
    "duration_ms": 12.4,
    "reason": "",
}

_DELETED: dict[Any, Any] = {204: {"description": "Deleted"}, 404: problem_answer("There is no such webhook, or it may not be known")}


class NewWebhook(Body):
    """A webhook to be."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"url": "https://records.police.example/liandong", "events": ["incident_received", "incident_closed"]}]
        },
    )

    url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL, description="its host must be in the setting webhook_hosts")]
    events: list[EventName] = Field(min_length=1, max_length=len(EVENT_NAMES), description="names of events, or * for all")
    secret: Annotated[str, Field(max_length=128)] | None = Field(
        None, description="whsec_ and 24 to 64 bytes in base64; left out, one is made"
    )


class RedeliverBody(Body):
    """From where to send again."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"after_revision": 20410}]})

    after_revision: int | None = Field(None, ge=0, le=2**53, description="send everything after it once more; none: only try again now")


def router(services: Services) -> APIRouter:
    """Routes under /webhooks."""
    routes = APIRouter(prefix="/webhooks", tags=["webhooks"])
    webhooks = services.webhooks

    made = answers(_WEBHOOK | {"secret": "whsec_…"}, status=201, text="New", problems=(400, 409, 413, 422))

    @routes.post("", status_code=201, responses=made)
    async def add(request: Request, body: NewWebhook, idempotency_key: IdempotencyKey = None) -> Response:
        """Have events of the caller's scope sent to an address from now on. The secret is in this answer only."""
        actor = actor_of(request)
        try:
            if body.secret is not None:
                key_of(body.secret)
            hook = await webhooks.add(actor, body.url, body.events, body.secret, idempotency_key)
        except BadUrl as refused:
            raise InvalidFields.one("url", str(refused)) from None
        except BadSecret as refused:
            raise InvalidFields.one("secret", str(refused)) from None
        return answer(_view(webhooks.one(actor, hook.webhook_id)) | {"secret": hook.secret}, 201)

    @routes.get("", responses=answers({"webhooks": [_WEBHOOK]}))
    async def several(request: Request) -> Response:
        """Webhooks of the caller's scope with how they fare: `ok`, `failing` or `disabled`."""
        return answer({"webhooks": [_view(worker) for worker in webhooks.of(actor_of(request))]})

    @routes.delete("/{webhook_id}", status_code=204, responses=_DELETED)
    async def remove(request: Request, webhook_id: Id) -> Response:
        """Send nothing more, and forget its log."""
        await webhooks.remove(actor_of(request), webhook_id)
        return Response(status_code=204)

    @routes.get("/{webhook_id}/deliveries", responses=answers({"deliveries": [_DELIVERY]}, problems=(404, 422)))
    async def deliveries(
        request: Request, webhook_id: Id, limit: Annotated[int, Query(ge=1, le=KEPT_DELIVERIES)] = KEPT_DELIVERIES
    ) -> Response:
        """The newest attempts, newest first. `status` null: no answer; `reason` empty: delivered."""
        found = await webhooks.deliveries(actor_of(request), webhook_id, limit)
        return answer({"deliveries": [_delivery_view(delivery) for delivery in found]})

    @routes.post("/{webhook_id}/redeliver", responses=answers(_WEBHOOK, problems=(400, 404, 413, 422)))
    async def redeliver(request: Request, webhook_id: Id, body: RedeliverBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Try again now, also when it was disabled; with `after_revision` everything after it is sent once more."""
        return answer(_view(await webhooks.redeliver(actor_of(request), webhook_id, body.after_revision)))

    return routes


def _view(worker: Worker) -> dict[str, Any]:
    """Without the secret."""
    hook = worker.hook
    return {
        "webhook_id": hook.webhook_id,
        "url": hook.url,
        "events": hook.events,
        "owner": hook.owner_name,
        "role": hook.owner_role,
        "org_code": hook.org_code,
        "created_at": _instant(hook.created_at),
        "state": worker.state,
        "reason": hook.reason,
        "failures": hook.failures,
        "failing_since": _instant(hook.failing_since),
        "next_attempt_at": _instant(worker.next_attempt_at),
        "revision": worker.reached,
    }


def _delivery_view(delivery: Delivery) -> dict[str, Any]:
    return msgspec.structs.asdict(delivery) | {"at": _instant(delivery.at)}


def _instant(unix_s: float | None) -> datetime | None:
    return None if unix_s is None else datetime.fromtimestamp(unix_s, UTC)
