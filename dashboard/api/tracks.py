"""Where crews have been: all at an instant, one crew's path, who was near a place. For those who may see tracks, of their own scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from dashboard.api.describe import answers
from dashboard.api.shapes import Instant, LatQuery, LonQuery, answer, answer_in_thread, require_point
from dashboard.edge import actor_of
from operations.tracking.track_questions import LEAST_RADIUS_M, LONGEST_NEAR, LONGEST_PATH, MOST_RADIUS_M

if TYPE_CHECKING:
    from operations.services import Services

_UNIT = {"unit_id": "jiangxia-a3", "callsign": "江厦A3", "org_code": "330203510000"}
_SPAN = {"from": "2026-05-01T12:00:00Z", "to": "2026-05-01T14:00:00Z"}
_SILENCE = {"from": "2026-05-01T12:41:09Z", "to": "2026-05-01T12:47:00Z"}
_STAY = {"first_at": "2026-05-01T12:14:03Z", "last_at": "2026-05-01T12:31:40Z", "nearest_m": 12.4, "nearest_at": "2026-05-01T12:15:12Z"}
_STATE = {
    "at": "2026-05-01T12:14:03Z",
    "units": [{"unit": _UNIT, "lon": 121.5503, "lat": 29.8739, "position_at": "2026-05-01T12:14:01Z", "heard_at": "2026-05-01T12:14:02Z"}],
}
_POINT = {
    "position_at": "2026-05-01T12:14:01Z",
    "received_at": "2026-05-01T12:14:02Z",
    "lon": 121.5503,
    "lat": 29.8739,
    "speed_mps": 8.3,
    "heading_deg": 92.0,
}
_PATH = {"unit": _UNIT, **_SPAN, "length_m": 18240.5, "points": [_POINT], "silences": [_SILENCE | {"may_have_come": None}]}
_NEAR = {
    "lon": 121.5503,
    "lat": 29.8739,
    "radius_m": 50.0,
    **_SPAN,
    "there": [{"unit": _UNIT, "stays": [_STAY], "silences": []}],
    "not_excluded": [{"unit": _UNIT, "stays": [], "silences": [_SILENCE | {"may_have_come": True}]}],
    "unrecorded": [],
}
_PATH_HOURS, _NEAR_HOURS = (int(longest.total_seconds() // 3600) for longest in (LONGEST_PATH, LONGEST_NEAR))

_FROM, _TO = "2026-05-01T00:00:00Z", "2026-05-01T01:00:00Z"


def router(services: Services) -> APIRouter:
    """`/tracks/state`, `/tracks/path`, `/tracks/near`."""
    routes = APIRouter(prefix="/tracks", tags=["tracks"])
    questions = services.track_questions

    @routes.get("/state", responses=answers(_STATE, problems=(422,)))
    async def state(
        request: Request, at: Annotated[Instant, Query(description="a past instant", examples=["2026-05-01T00:00:00Z"])]
    ) -> Response:
        """Where every crew of the scope was, as it was known at an instant. The look is written down."""
        units = await questions.at(actor_of(request), at)
        return await answer_in_thread(lambda: {"at": at, "units": units})

    @routes.get("/path", responses=answers(_PATH, problems=(404, 422)))
    async def path(
        request: Request,
        unit_id: Annotated[str, Query(max_length=64, examples=["A12"])],
        from_: Annotated[Instant, Query(alias="from", description="measured at or after", examples=[_FROM])],
        to: Annotated[Instant, Query(description=f"measured before; at most {_PATH_HOURS} hours later", examples=[_TO])],
    ) -> Response:
        """One crew's fixes between two instants, in the order measured, and where nothing is known for more than 30 s."""
        found = await questions.path(actor_of(request), unit_id, from_, to)
        return await answer_in_thread(lambda: msgspec.to_builtins(found))

    @routes.get("/near", responses=answers(_NEAR, problems=(422,)))
    async def near(
        request: Request,
        lon: LonQuery,
        lat: LatQuery,
        from_: Annotated[Instant, Query(alias="from", examples=[_FROM])],
        to: Annotated[Instant, Query(description=f"at most {_NEAR_HOURS} hours later", examples=[_TO])],
        radius_m: Annotated[float, Query(ge=LEAST_RADIUS_M, le=MOST_RADIUS_M, description="metres")] = 50.0,
    ) -> Response:
        """Which crews of the scope were within `radius_m` of a point: each stay with its first, last and nearest instant.

        Between fixes up to 30 s apart the straight way counts; over longer silences nothing is claimed. Crews that came by and were silent
        for long enough to have been there are listed under `not_excluded`. `unrecorded` are times (longer than ten minutes) of which no
        position of anybody is kept: nobody at all is excluded then.
        """
        require_point(services, lon, lat)
        found = await questions.near(actor_of(request), lon, lat, radius_m, from_, to)
        return answer(found)

    return routes
