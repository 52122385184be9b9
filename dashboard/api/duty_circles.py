"""Duty circles (快反圈): set, read, withdrawn, drafted by road, and drilled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, FiniteFloat

from dashboard.api.describe import answers
from dashboard.api.ground import GEOJSON
from dashboard.api.shapes import At, Body, Id, IdempotencyKey, Latitude, LatQuery, Longitude, LonQuery, Name, Text, answer, numbers
from dashboard.edge import actor_of
from dashboard.past import services_at
from dashboard.problems import FieldError, InvalidFields
from dispatch.duty_circles import MAX_CAMERAS, MAX_COUNT, MAX_FORCES, MAX_GATES, MAX_POLYGONS, MAX_TIERS, Force, Gate, Tier
from dispatch.duty_commands import SetDutyCircle, WithdrawDutyCircle
from dispatch.model import UnitKind
from geodata.districts.drawn_areas import polygons_of
from geodata.routing.travel import BadRings
from operations.access.authority import Action
from operations.duty.circle_checks import UnsoundCircle

if TYPE_CHECKING:
    from operations.services import Services

_SQUARE = [[[[121.55, 29.87], [121.56, 29.87], [121.56, 29.88], [121.55, 29.87]]]]
_TIER = {
    "minutes": 1,
    "area": {"type": "MultiPolygon", "coordinates": _SQUARE},
    "forces": [{"org_code": "330203510000", "kind": "patrol_car", "count": 2, "text": "守正门"}],
    "gates": [{"name": "南门", "lon": 121.5503, "lat": 29.8739, "unit_id": "330203A3", "text": ""}],
    "cameras": ["cam-0117"],
    "notes": "",
}
_PLAN: dict[str, Any] = {
    "name": "火车站快反圈",
    "org_code": "330203510000",
    "lon": 121.5503,
    "lat": 29.8739,
    "key_place": "kp-7",
    "tiers": [_TIER],
}
_CIRCLE = _PLAN | {
    "circle_id": "railway",
    "version": 3,
    "set_by": "chen",
    "set_at": "2026-05-01T12:14:59Z",
    "withdrawn": False,
    "org_name": "江厦派出所",
    "org_name_en": "Jiangxia station",
    "may_change": True,
}
_FEATURES = {
    "type": "FeatureCollection",
    "features": [{"type": "Feature", "id": "railway", "geometry": _TIER["area"], "properties": _CIRCLE}],
}
_ROW = {
    "unit_id": "330203A3",
    "callsign": "江厦A3",
    "kind": "patrol_car",
    "org_code": "330203510000",
    "status": "available",
    "inside": True,
    "eta_s": 41.0,
    "in_time": True,
    "fix_age_s": 3.0,
    "why_not": "",
}
_DRILL = {
    "at": "2026-05-01T12:15:00Z",
    "circle_id": "railway",
    "version": 3,
    "tiers": [
        {
            "minutes": 1.0,
            "forces": [{"org_code": "330203510000", "kind": "patrol_car", "count": 2, "text": "", "crews": [_ROW], "missing": 1}],
            "missing": 1,
            "gates": [
                {"name": "南门", "lon": 121.5503, "lat": 29.8739, "unit_id": "330203A3", "text": "", "state": "unmanned", "by": None}
            ],
            "further": [],
            "inside": 1,
            "inside_old": 0,
        }
    ],
    "expected": 2,
    "missing": 1,
    "gates": 1,
    "gates_unmanned": 1,
}

Point = Annotated[list[FiniteFloat], Field(min_length=2, max_length=3)]


class AreaBody(Body):
    """A GeoJSON geometry."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[list[Point]] | list[list[list[Point]]]


class ForceBody(Body):
    """So many crews of a kind."""

    org_code: Id = Field(description="the organisation that brings them, with those below it")
    kind: UnitKind
    count: int = Field(1, ge=1, le=MAX_COUNT)
    text: Name = ""


class GateBody(Body):
    """A point to be closed."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    lon: Longitude
    lat: Latitude
    unit_id: Annotated[str, Field(max_length=64)] = Field(
        "", description="the crew that closes it; empty: whichever of the tier is there; *: whom it was"
    )
    text: Name = ""


class TierBody(Body):
    """One tier."""

    minutes: FiniteFloat
    area: AreaBody
    forces: list[ForceBody] = Field([], max_length=MAX_FORCES)
    gates: list[GateBody] = Field([], max_length=MAX_GATES)
    cameras: list[Id] = Field([], max_length=MAX_CAMERAS)
    notes: Text = ""


class CircleBody(Body):
    """A circle as a whole."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PLAN | {"expected_version": 2}]})

    name: Annotated[str, Field(min_length=1, max_length=200)]
    org_code: Id = Field(description="who answers for it; its commanders may change it")
    lon: Longitude = Field(description="the place")
    lat: Latitude
    key_place: Annotated[str, Field(max_length=64)] = Field("", description="element_id of the key place it is for")
    tiers: list[TierBody] = Field(min_length=1, max_length=MAX_TIERS, description=f"by minutes; each area has at most {MAX_POLYGONS} parts")
    expected_version: int | None = Field(None, ge=0, le=2**31, description="0: there is none yet; 409 when somebody has changed it since")


def command_of(circle_id: str, body: CircleBody) -> SetDutyCircle:
    """Raises InvalidFields where an area is not nested as its type says."""
    tiers = []
    for number, tier in enumerate(body.tiers):
        try:
            area = polygons_of(tier.area.type, tier.area.coordinates)
        except ValueError as error:
            raise InvalidFields.one(f"tiers[{number}].area", str(error)) from None
        forces = tuple(Force(one.org_code, one.kind, one.count, one.text) for one in tier.forces)
        gates = tuple(Gate(one.name, one.lon, one.lat, one.unit_id, one.text) for one in tier.gates)
        tiers.append(Tier(tier.minutes, area, forces, gates, tuple(tier.cameras), tier.notes))
    fields = body.model_dump(include={"name", "org_code", "lon", "lat", "key_place", "expected_version"})
    return SetDutyCircle(circle_id=circle_id, tiers=tuple(tiers), **fields)


def field_errors(faults: Iterable[tuple[str, str]]) -> InvalidFields:
    """Faults of a circle as errors of its fields."""
    return InvalidFields(*(FieldError(field, detail) for field, detail in faults))


def router(services: Services) -> APIRouter:
    """Routes under /duty-circles, and a draft by road."""
    routes = APIRouter(tags=["duty circles"])

    @routes.get("/duty-circles", responses=answers(_FEATURES, media_type=GEOJSON))
    async def several(request: Request, at: At = None) -> Response:
        """Those the caller may see, as GeoJSON: one Feature a circle, of its widest area, with everything else as properties."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_DUTY_CIRCLES)
        circles = (await services_at(services, actor, at)).duty_circles
        features = [circles.feature(actor, one) for one in circles.visible(actor)]
        return answer({"type": "FeatureCollection", "features": features}, media_type=GEOJSON)

    @routes.get("/duty-circle-draft", responses=answers({"tiers": [_TIER]}, problems=(422,)))
    async def draft(
        request: Request,
        lon: LonQuery,
        lat: LatQuery,
        minutes: Annotated[str, Query(description="with commas between", max_length=100)] = "1,3,5",
    ) -> Response:
        """The rings by road towards a point as tiers to begin with: outlines of few corners, nothing else. Nothing is kept."""
        services.authority.authorise(actor_of(request), Action.SET_DUTY_CIRCLE)
        try:
            tiers = await services.drills.draft(lon, lat, numbers("minutes", minutes, 1, MAX_TIERS))
        except BadRings as error:
            raise InvalidFields.one("minutes", str(error)) from None
        return answer({"tiers": tiers})

    @routes.get("/duty-circles/{circle_id}", responses=answers(_CIRCLE, problems=(404,)))
    async def one(request: Request, circle_id: Id) -> Response:
        """One circle as it stands."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_DUTY_CIRCLES)
        return answer(services.duty_circles.view(actor, services.duty_circles.get(actor, circle_id)))

    @routes.put("/duty-circles/{circle_id}", responses=answers(_CIRCLE, problems=(400, 404, 409, 413, 422)))
    async def write(request: Request, circle_id: Id, body: CircleBody, idempotency_key: IdempotencyKey = None) -> Response:
        """Set a circle, or change it as a whole."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SET_DUTY_CIRCLE)
        picture = services.handler.picture
        try:
            command = services.drills.checks.checked(
                command_of(circle_id, body), lambda unit_id: services.authority.knows_unit(actor, unit_id, picture)
            )
        except UnsoundCircle as unsound:
            raise field_errors(unsound.faults) from None
        await services.handler.handle(command, actor, idempotency_key)
        return answer(services.duty_circles.view(actor, services.duty_circles.get(actor, circle_id)))

    @routes.delete(
        "/duty-circles/{circle_id}",
        status_code=204,
        responses={204: {"description": "It no longer holds"}} | answers({}, problems=(404, 409, 422)),
    )
    async def withdraw(
        request: Request,
        circle_id: Id,
        text: Annotated[str, Query(description="why", max_length=4000)] = "",
        expected_version: Annotated[int | None, Query(ge=0, le=2**31)] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Take a circle off. Its versions stay in the journal."""
        command = WithdrawDutyCircle(circle_id=circle_id, text=text, expected_version=expected_version)
        await services.handler.handle(command, actor_of(request), idempotency_key)
        return Response(status_code=204)

    @routes.get("/duty-circles/{circle_id}/drill", responses=answers(_DRILL, problems=(404,)))
    async def drill(request: Request, circle_id: Id) -> Response:
        """Who is inside now, or could be in time, against who should be; of the crews the caller may see."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_DUTY_CIRCLES)
        return answer(await services.drills.drill(services.duty_circles.get(actor, circle_id), actor))

    return routes
