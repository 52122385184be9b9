"""Promised times beside actual ones, over a period."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from dashboard.api.describe import answers
from dashboard.api.shapes import MAX_ID, Instant, answer_in_thread, known_org
from dashboard.edge import actor_of
from dashboard.problems import InvalidFields
from dispatch.promises import ArrivalBy
from operations.access.authority import Action
from operations.records.calibration import MAX_DAYS

if TYPE_CHECKING:
    from operations.services import Services

USUAL = timedelta(days=28)
_BIAS = {"n": 118, "bias_s": 21.5, "ratio": 1.094}
_CALIBRATION = {
    "from": "2026-05-01T00:00:00Z",
    "to": "2026-05-29T00:00:00Z",
    "by": "button",
    "org_code": "330200000000",
    "incidents": 812,
    "assignments": 1140,
    "comparable": 911,
    "without_p90": 0,
    "ratio": 1.041,
    "bias_s": 9.0,
    "share_in_p50": 0.46,
    "share_in_p90": 0.88,
    "late_without_arrival": 6,
    "turnout": {"n": 911, "assumed_s": 60.0, "median_s": 52.0, "p90_s": 118.0, "response_s": 262.0},
    "buckets": [
        {
            "from_min": 3.0,
            "to_min": 5.0,
            "n": 240,
            "promised_s": 236.0,
            "actual_s": 249.0,
            "actual_p10_s": 190.0,
            "actual_p90_s": 341.0,
            "ratio": 1.05,
            "share_in_p50": 0.45,
            "share_in_p90": 0.88,
            "n_p90": 240,
            "late_without_arrival": 2,
        }
    ],
    "hours": [{"key": "17", **_BIAS}],
    "districts": [{"key": "330203000000", **_BIAS}],
    "not_comparable": {"recalled": 88, "entered": 61, "no_promise": 80},
}


def router(services: Services) -> APIRouter:
    """`/calibration`."""
    routes = APIRouter(tags=["calibration"])

    @routes.get("/calibration", responses=answers(_CALIBRATION, problems=(422,)))
    async def calibration(
        request: Request,
        from_: Annotated[Instant | None, Query(alias="from", description="incidents received at or after; default: 28 days ago")] = None,
        to: Annotated[Instant | None, Query(description="and before; default: now")] = None,
        by: Annotated[ArrivalBy, Query(description="whose word on the arrival: the button's, or the position's")] = ArrivalBy.BUTTON,
        org: Annotated[str | None, Query(max_length=MAX_ID, description="organisation; default: the caller's own")] = None,
    ) -> Response:
        """Reliability by promised minutes, bias by hour and district, and what could not be compared, by reason."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_CALIBRATION)
        desk = services.authority.at_desk_of(actor, known_org(services, "org", org)) if org else actor
        until = to or services.clock.now()
        since = from_ or until - USUAL
        if not timedelta(0) < until - since <= timedelta(days=MAX_DAYS):
            raise InvalidFields.one("from", f"from {since.isoformat()} to {until.isoformat()} is no period of at most {MAX_DAYS} days.")
        found = await services.calibrations.of(desk, since, until, by)
        return await answer_in_thread(lambda: msgspec.to_builtins(found))

    return routes
