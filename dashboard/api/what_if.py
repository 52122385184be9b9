"""What if 假设: coverage as it would be, and standby advice. Questions with a body; they change nothing and send nobody."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field, FiniteFloat

from dashboard.api.describe import answers
from dashboard.api.shapes import Body, Id, Latitude, Longitude, answer_in_thread
from dashboard.edge import actor_of
from dashboard.problems import InvalidFields
from dispatch.model import Actor
from operations.access.authority import Action
from operations.situation.what_if import Supposition

if TYPE_CHECKING:
    from operations.services import Services

MOST_MOVES, MOST_POSTS, MOST_CLOSED = 100, 50, 50

_COVERED = {"street_share": [0.0912, 0.4105, 0.6811], "units": 412, "closed": [{"name": "江厦桥", "line": {}}], "rings": None}
_ADVICE = {
    "weighed": "expected_incidents",
    "share_before": 0.8712,
    "share_after": 0.9127,
    "proven": True,
    "gap": 0.0,
    "moves": [
        {
            "unit_id": "330203A3",
            "callsign": "江厦A3",
            "from": {"lon": 121.55, "lat": 29.87},
            "to": {"kind": "duty_post", "names": ["天一广场快反点"], "lon": 121.56, "lat": 29.88},
            "drive_s": 210.0,
            "gain_share": 0.0121,
        }
    ],
}


class PointBody(Body):
    """A point."""

    lon: Longitude
    lat: Latitude


class MoveBody(PointBody):
    """A unit that is supposed to be there."""

    unit_id: Id


class SuppositionBody(Body):
    """What is supposed to be otherwise."""

    moves: list[MoveBody] = Field([], max_length=MOST_MOVES)
    posts: list[PointBody] = Field([], max_length=MOST_POSTS, description="each manned by one more crew, by car")
    closed: list[PointBody] = Field([], max_length=MOST_CLOSED, description="on streets that nobody drives through")
    scope: Annotated[str, Field(max_length=12)] = Field("", description="an organisation within one's own: its area; default: all of it")


class CoverageBody(SuppositionBody):
    """Of what the coverage is asked."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"moves": [{"unit_id": "330203A3", "lon": 121.56, "lat": 29.88}], "gaps": 3}]},
    )

    gaps: Annotated[FiniteFloat, Field(gt=0, le=30)] | None = Field(None, description="the minutes of which the gaps are wanted")
    ring_from: PointBody | None = Field(None, description="where the rings of what can be reached begin")


class AdviceBody(SuppositionBody):
    """How much may be moved."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"units": 20, "within": 3}]})

    units: int = Field(20, ge=1, le=MOST_MOVES, description="no more than so many are moved")
    within: Annotated[FiniteFloat, Field(ge=0.5, le=15)] = Field(3.0, description="minutes")
    longest_drive: Annotated[FiniteFloat, Field(gt=0, le=60)] = Field(10.0, description="minutes; nobody is moved farther")


def router(services: Services) -> APIRouter:
    """`/what-if/coverage`, `/what-if/standby`."""
    routes = APIRouter(prefix="/what-if", tags=["ground"])

    def asker(request: Request, body: SuppositionBody) -> Actor:
        actor: Actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_SCENE)
        return services.authority.at_desk_of(actor, body.scope) if body.scope else actor

    @routes.post("/coverage", responses=answers(_COVERED, problems=(400, 404, 413, 422)))
    async def coverage(request: Request, body: CoverageBody) -> Response:
        """Coverage of one's area as it would be with units elsewhere, posts manned, streets closed. Nothing is changed by asking."""
        ring_from = None if body.ring_from is None else (body.ring_from.lon, body.ring_from.lat)
        found = await services.what_if.coverage(_supposition(body), asker(request, body), body.gaps, ring_from)
        return await answer_in_thread(lambda: found)

    @routes.post("/standby", responses=answers(_ADVICE, problems=(400, 404, 413, 422)))
    async def standby(request: Request, body: AdviceBody) -> Response:
        """Where idle crews should wait so that most of what is expected is near one, with the gain of each move. It sends nobody."""
        supposed, actor = _supposition(body), asker(request, body)
        found: dict[str, Any] = await services.what_if.advise(supposed, actor, body.units, body.within, body.longest_drive)
        return await answer_in_thread(lambda: found)

    return routes


def _supposition(body: SuppositionBody) -> Supposition:
    twice = [unit_id for unit_id, times in Counter(move.unit_id for move in body.moves).items() if times > 1]
    if twice:
        raise InvalidFields.one("moves", f"{twice[0]} is moved twice; a unit can be supposed at one place only")
    return Supposition(
        moves={move.unit_id: (move.lon, move.lat) for move in body.moves},
        posts=[(post.lon, post.lat) for post in body.posts],
        closed=[(point.lon, point.lat) for point in body.closed],
    )
