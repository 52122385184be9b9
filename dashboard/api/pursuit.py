"""Pursuit 追击堵截: where a target may be by now, and who can close its ways out. A question, nothing else: it sends nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from dashboard.api.describe import answers
from dashboard.api.incidents import find_incident
from dashboard.api.shapes import Instant, LatQuery, LonQuery, answer_in_thread
from dashboard.edge import actor_of
from operations.access.authority import Action
from operations.situation.pursuit import Seen

if TYPE_CHECKING:
    from operations.services import Services

_PURSUIT = {
    "at": "2026-05-01T12:05:00Z",
    "seen_at": "2026-05-01T12:03:20Z",
    "elapsed_s": 100.0,
    "profile": "car",
    "factor": 1.5,
    "areas": {"type": "FeatureCollection", "features": []},
    "lines": [
        {
            "lead_s": 180.0,
            "in_time": 1,
            "smaller_streets": 0,
            "places": [
                {
                    "kind": "crossing",
                    "names": ["中山东路", "江厦街"],
                    "target_s": 204.0,
                    "crew": {"unit_id": "330203A3", "callsign": "江厦A3", "arrival_s": 104.0, "turnout_s": 60.0},
                    "margin_s": 100.0,
                }
            ],
        }
    ],
}


def router(services: Services) -> APIRouter:
    """`/pursuit`."""
    routes = APIRouter(tags=["ground"])

    @routes.get("/pursuit", responses=answers(_PURSUIT, problems=(404, 422)))
    async def pursuit(
        request: Request,
        lon: LonQuery,
        lat: LatQuery,
        seen_at: Annotated[
            Instant,
            Query(description="when the target was last seen there; at most 25 minutes ago"),
        ],
        profile: Annotated[Literal["car", "foot"], Query(description="how the target moves")] = "car",
        factor: Annotated[float | None, Query(ge=0.5, le=3, description="how much faster than usual; default: car 1.5, foot 2")] = None,
        heeds_signs: Annotated[bool, Query(description="whether it keeps to one-way streets and turn bans")] = False,
        heading_deg: Annotated[float | None, Query(ge=0, lt=360, description="it goes on that way to the next crossing")] = None,
        incident_id: Annotated[str | None, Query(description="crews on this incident count too", max_length=64)] = None,
    ) -> Response:
        """Where a target may be now, in 1, 3 and 5 minutes; the ways out of each area, and the crew that can close each first."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_SCENE)
        incident = await find_incident(services, actor, incident_id) if incident_id else None
        seen = Seen(lon, lat, seen_at, profile, factor, heeds_signs, heading_deg)
        found = await services.pursuit.pursue(seen, actor, incident)
        return await answer_in_thread(lambda: found)

    return routes
