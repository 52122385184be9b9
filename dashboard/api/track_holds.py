"""Holds on tracks: what is kept although its time is over, by whose word and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Path, Request, Response
from pydantic import ConfigDict, Field, FiniteFloat

from dashboard.api.describe import answers
from dashboard.api.shapes import MAX_ID, Body, IdempotencyKey, Instant, Latitude, Longitude, answer
from dashboard.edge import actor_of
from operations.tracking.track_holds import LEAST_RADIUS_M, LONGEST_REASON, MOST_RADIUS_M, NewHold

if TYPE_CHECKING:
    from operations.services import Services

_HOLD = {
    "hold_id": "5f0c…",
    "reason": "复议 2026-117",
    "org_code": "330203000000",
    "set_by": "wang",
    "set_at": "2026-05-02T01:00:00Z",
    "incident_id": "0198c0de-…",
    "from": None,
    "to": None,
    "lon": None,
    "lat": None,
    "radius_m": None,
    "until": "2027-05-02T00:00:00Z",
    "released_by": "",
    "released_at": None,
}


class HoldBody(Body):
    """An incident, or a span with or without a place."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"incident_id": "0198c0de-…", "reason": "复议 2026-117"}]})

    reason: str = Field(min_length=1, max_length=LONGEST_REASON)
    incident_id: str = Field(
        "", max_length=MAX_ID, description="its time is kept, from half an hour before the call to half an hour after the end"
    )
    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None
    lon: Longitude | None = None
    lat: Latitude | None = None
    radius_m: Annotated[FiniteFloat, Field(ge=LEAST_RADIUS_M, le=MOST_RADIUS_M)] | None = None
    until: Instant | None = Field(None, description="default: until it is released")


def router(services: Services) -> APIRouter:
    """`/tracks/holds`."""
    routes = APIRouter(prefix="/tracks/holds", tags=["tracks"])
    holds = services.track_holds

    @routes.get("", responses=answers({"holds": [_HOLD]}))
    async def listed(request: Request) -> Response:
        """Holds that were set from one's own scope: all active ones, then the newest that are released or over."""
        return answer({"holds": await holds.all(actor_of(request))})

    @routes.post("", status_code=201, responses=answers(_HOLD, status=201, problems=(404, 422)))
    async def set_hold(request: Request, body: HoldBody, key: IdempotencyKey = None) -> Response:
        """Keep tracks from being removed when their time is over."""
        new = NewHold(body.reason, body.incident_id, body.from_, body.to, body.lon, body.lat, body.radius_m, body.until)
        return answer(msgspec.to_builtins(await holds.set(actor_of(request), new, key or "", "api")), 201)

    @routes.post("/{hold_id}/release", responses=answers(_HOLD, problems=(404,)))
    async def release(request: Request, hold_id: Annotated[str, Path(max_length=MAX_ID)]) -> Response:
        """Let it go: what it kept is removed with the next night, unless another hold keeps it."""
        return answer(await holds.release(actor_of(request), hold_id, "api"))

    return routes
