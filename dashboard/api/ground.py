"""By road: rings, nearest units, travel times, the scene of any point; and places by name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import FiniteFloat

from dashboard.api.describe import answers
from dashboard.api.incidents import SCENE
from dashboard.api.shapes import At, LatQuery, LonQuery, answer, answer_in_thread, numbers, words
from dashboard.edge import actor_of
from dashboard.past import services_at
from dashboard.problems import InvalidFields
from dispatch.model import UnitKind, UnitStatus
from geodata.cities.places import MAX_QUERY_LENGTH
from geodata.routing.travel import MAX_RINGS, QUANTILES, BadRings, checked_minutes
from geodata.streets.graph import ProfileName
from operations.access.authority import Action
from operations.situation.candidates import TURNOUT_S
from operations.situation.coverage import GAP_MINUTES
from operations.situation.street_view import street_at

if TYPE_CHECKING:
    from operations.services import Services

MAX_UNITS, MAX_PLACES = 200, 50
GEOJSON = "application/geo+json"

_RINGS = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {
                "kind": "ring",
                "minutes": 1.0,
                "direction": "to",
                "profile": "car",
                "edge_metres": 5120.4,
                "street_metres": 2640.2,
                "turnout_included": False,
            },
            "geometry": {"type": "MultiPolygon", "coordinates": [[[[121.55, 29.87], [121.56, 29.87], [121.56, 29.88], [121.55, 29.87]]]]},
        }
    ],
}
_TIMES = {"eta_s": 142.0, "eta_p90_s": 188.0, "distance_m": 1290.0, "turnout_s": 60.0, "arrival_s": 202.0}
_NEAREST = {"units": [{"unit_id": "330203A3", **_TIMES, "reason": "available; within 3 min by road"}]}
_ETA = {
    **_TIMES,
    "delay_s": 35.0,
    "traffic_events": [{"element_id": "rw-7", "name": "中山东路施工", "closes": True, "speed_factor": None}],
    "line": {"type": "LineString", "coordinates": [[121.55, 29.87], [121.56, 29.88]]},
}
_STREET = {
    "name": "中山东路",
    "street_class": "primary",
    "length_m": 310.5,
    "off_street_m": 4.2,
    "directions": [
        {
            "heading_deg": 92,
            "built_s": 23.3,
            "without_siren": {"p50_s": 29.1, "p90_s": 37.0},
            "with_siren": {"p50_s": 24.0, "p90_s": 30.5},
            "observations": 41,
            "traffic_events": [],
        }
    ],
}
_COVERAGE = {
    "picture_at": "2026-05-01T12:00:00Z",
    "positions_known": True,
    "minutes": [1.0, 3.0, 5.0],
    "street_share": [0.0912, 0.4105, 0.6811],
    "street_km": 22310.4,
    "resident_share": [0.2215, 0.7409, 0.9023],
    "incident_share": [0.2541, 0.8712, 0.9633],
    "expected": {"incidents": 4120, "hours": [18, 24], "since": "2025-05-01T12:00:00Z", "as_of": "2026-05-01T11:20:00Z"},
    "units": 412,
    "left_out": {"no_position": 1, "old_position": 6, "off_network": 2},
    "turnout_s": {"patrol_car": 60.0, "foot_patrol": 30.0, "armed_patrol": 80.0},
    "gap_minutes": 3.0,
    "gaps": {
        "type": "FeatureCollection",
        "matched": 1,
        "features": [
            {
                "type": "Feature",
                "properties": {"minutes": 3.0, "street_km": 4.2, "residents_share": 0.0031, "expected_incidents_share": 0.0024},
                "geometry": {"type": "Polygon", "coordinates": [[[121.55, 29.87], [121.56, 29.87], [121.56, 29.88], [121.55, 29.87]]]},
            }
        ],
    },
}
_PLACES = {"places": [{"kind": "road", "name": "中山东路", "lon": 121.5561, "lat": 29.8731, "detail": "海曙区"}]}


def _minutes(field: str, values: Sequence[float]) -> tuple[float, ...]:
    try:
        return checked_minutes(values)
    except BadRings as error:
        raise InvalidFields.one(field, str(error)) from None


def router(services: Services) -> APIRouter:
    """`/rings`, `/nearest`, `/coverage`, `/eta`, `/streets/speeds`, `/scene`, `/places`."""
    routes = APIRouter(tags=["ground"])

    @routes.get("/rings", responses=answers(_RINGS, problems=(422,), media_type=GEOJSON))
    async def rings(
        request: Request,
        lon: LonQuery,
        lat: LatQuery,
        minutes: Annotated[str, Query(description="with commas between", max_length=100)] = "1,3,5",
        direction: Annotated[Literal["to", "from"], Query(description="towards the point, or away from it")] = "to",
        profile: Annotated[ProfileName, Query(description="by car, on foot, or by e-bike")] = "car",
        quantile: Annotated[float, Query(description="0.5: as usual; 0.9: what is reached in time on nine of ten drives")] = 0.5,
        siren: Annotated[bool, Query(description="with the times of drives with siren")] = False,
        streets: Annotated[bool, Query(description="also the reached streets, as MultiLineStrings")] = False,
        at: At = None,
    ) -> Response:
        """Travel-time rings by road, the smallest last. A point off the network is 422 with the distance to the nearest street."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_SCENE)
        levels = numbers("minutes", minutes, 1, MAX_RINGS)
        then = await services_at(services, actor, at)
        try:
            drawn = await then.scene.rings(lon, lat, levels, direction, profile, quantile, siren)
        except BadRings as error:
            raise InvalidFields.one("quantile" if quantile not in QUANTILES else "minutes", str(error)) from None
        more = {} if at is None else {"at": at}
        return await answer_in_thread(lambda: drawn.encodable(streets) | more, GEOJSON)

    @routes.get("/nearest", responses=answers(_NEAREST, problems=(422,)))
    async def nearest(
        request: Request,
        lon: LonQuery,
        lat: LatQuery,
        k: Annotated[int, Query(ge=1, le=MAX_UNITS)] = 10,
        kinds: Annotated[str, Query(description="with commas between; default: any")] = "",
        status: Annotated[str, Query(description="with commas between; default: any", examples=["available"])] = "",
    ) -> Response:
        """The k units soonest at a point by road, each at its own kind's speed, with the reasons for or against it."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_SCENE)
        chosen_kinds = words("kinds", kinds, frozenset(UnitKind))
        statuses = words("status", status, frozenset(UnitStatus))
        return answer({"units": await services.scene.nearest(lon, lat, actor, k, chosen_kinds, statuses)})

    @routes.get("/coverage", responses=answers(_COVERAGE, problems=(422,)))
    async def coverage(
        request: Request,
        minutes: Annotated[str, Query(description="with commas between", max_length=100)] = "1,3,5",
        gaps: Annotated[FiniteFloat | None, Query(description="the minutes of which the gaps are wanted; 0: none")] = GAP_MINUTES,
        scope: Annotated[
            str, Query(description="an organisation within one's own: its area; default: all of one's own", max_length=12)
        ] = "",
        at: At = None,
    ) -> Response:
        """Share of street length, residents and expected incidents of one's area that an available unit can be at in time, by travel alone.

        `gaps` are the areas where most of the street takes longer. A share is null where nothing is known to weigh by, and `expected`
        says how many incidents stand behind `incident_share`. Of a past moment of which no position is kept all is null: `positions_known`.
        """
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_SCENE)
        if scope:
            actor = services.authority.at_desk_of(actor, scope)
        levels = _minutes("minutes", numbers("minutes", minutes, 1, MAX_RINGS))
        gap_minutes = _minutes("gaps", [gaps])[0] if gaps else None
        then = await services_at(services, actor, at)
        found = await then.coverage.of(actor, levels, gap_minutes)
        return await answer_in_thread(lambda: found)

    @routes.get("/eta", responses=answers(_ETA, problems=(422,)))
    async def eta(
        request: Request,
        from_lon: LonQuery,
        from_lat: LatQuery,
        to_lon: LonQuery,
        to_lat: LatQuery,
        kind: Annotated[UnitKind, Query(description="of the unit that goes")] = UnitKind.PATROL_CAR,
        siren: Annotated[bool, Query(description="with the times of drives with siren")] = False,
    ) -> Response:
        """The fastest way between two points: seconds on the road, the turnout before them, both together, metres and the line.

        `traffic_events` are those that lengthen it, by `delay_s`.
        """
        services.authority.authorise(actor_of(request), Action.SEE_SCENE)
        way = await services.scene.eta((from_lon, from_lat), (to_lon, to_lat), kind, siren)
        turnout_s = TURNOUT_S[kind]
        return answer(
            {
                "eta_s": round(way.eta_s, 1),
                "eta_p90_s": round(way.eta_p90_s, 1),
                "turnout_s": turnout_s,
                "arrival_s": round(way.eta_s + turnout_s, 1),
                "distance_m": round(way.distance_m, 1),
                "delay_s": round(way.delay_s, 1),
                "traffic_events": services.traffic.on((*way.edges, *way.without_events)),
                "line": {"type": "LineString", "coordinates": way.lonlat.tolist()},
            }
        )

    @routes.get("/streets/speeds", responses=answers(_STREET, problems=(422,)))
    async def street_speeds(request: Request, lon: LonQuery, lat: LatQuery) -> Response:
        """How long the street at a point takes now, in both directions, and how many drives that was learned from."""
        services.authority.authorise(actor_of(request), Action.SEE_SCENE)
        return answer(await asyncio.to_thread(street_at, services.travel, services.speeds, services.traffic, lon, lat))

    @routes.get("/scene", responses=answers(SCENE, problems=(422,)))
    async def scene(request: Request, lon: LonQuery, lat: LatQuery, at: At = None) -> Response:
        """The one-click answer for any point."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_SCENE)
        then = await services_at(services, actor, at)
        found = await then.scene.scene(lon, lat, actor)
        return await answer_in_thread(lambda: found)

    @routes.get("/places", responses=answers(_PLACES, problems=(422,)))
    async def places(
        request: Request,
        q: Annotated[str, Query(max_length=MAX_QUERY_LENGTH, description="Chinese, pinyin or its initials", examples=["zsdl"])],
        near: Annotated[str, Query(description="lon,lat: among equals these come first", examples=["121.55,29.87"])] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_PLACES)] = 20,
    ) -> Response:
        """Roads, crossings, places and cameras by name, without any service outside."""
        services.authority.authorise(actor_of(request), Action.SEE_PLACES)
        point = None
        if near:
            lon, lat = numbers("near", near, 2, 2)
            point = (lon, lat)
        return answer({"places": await asyncio.to_thread(services.places.search, q, point, limit)})

    return routes
