"""Turning a camera: who holds it, moves, presets, looking at a place."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field, FiniteFloat

from dashboard.api.describe import answers, problem_answer
from dashboard.api.shapes import Body, Id, Latitude, Longitude, answer
from dashboard.edge import actor_of
from dashboard.problems import InvalidFields
from dispatch.errors import NotFound
from dispatch.model import Actor
from operations.access.authority import Action
from operations.cameras.ptz import LONGEST_PRESET, Hold
from operations.cameras.ptz_driver import Velocity

if TYPE_CHECKING:
    from operations.services import Services

_HOLDER = {
    "name": "zhao",
    "org_code": "330203510000",
    "org_name": "鼓楼派出所",
    "since": "2026-05-01T12:14:30Z",
    "until": "2026-05-01T12:15:12Z",
    "own": True,
}
_STATE = {
    "camera_id": "cam-0117",
    "org_code": "330203510000",
    "org_name": "鼓楼派出所",
    "turns": True,
    "may_operate": True,
    "why": "",
    "may_save": False,
    "may_take_over": False,
    "holder": _HOLDER,
}
_DIRECTION = {"camera_id": "cam-0117", "at": "2026-05-01T12:14:30Z", "heading_deg": 123.4, "tilt_deg": -9.5, "is_zoomed": False, "why": ""}
_HELD: dict[Any, Any] = {
    409: problem_answer("Another holds the camera; `detail` says who and for how long"),
    503: problem_answer("The camera did not do it; `type` says why: camera-unreachable, camera-timeout, camera-not-authorised, …"),
}
Speed = Annotated[FiniteFloat, Field(ge=-1, le=1)]
Token = Annotated[str, Field(min_length=1, max_length=LONGEST_PRESET, pattern=r"^[^\x00-\x1f]+$")]


class PtzBody(Body):
    """What a camera is to do."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"do": "move", "pan": 0.5, "tilt": 0, "zoom": 0}]})

    do: Literal["hold", "release", "move", "stop", "go", "look"]
    take_over: bool = Field(False, description="hold: also from somebody who stands below")
    pan: Speed = Field(0.0, description="move: speed to the right, -1 to 1")
    tilt: Speed = Field(0.0, description="move: speed upwards")
    zoom: Speed = Field(0.0, description="move: speed inwards")
    preset: Token | None = Field(None, description="go: token of one of its presets")
    incident_id: Id | None = Field(None, description="look: at this incident's place")
    lon: Longitude | None = Field(None, description="look: at this point, WGS-84")
    lat: Latitude | None = None


class PresetBody(Body):
    """A preset to be."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "北口"}]})

    name: Token
    preset: Token | None = Field(None, description="the one to be written over; none: a new one")


def router(services: Services) -> APIRouter:
    """Routes under /cameras that turn one."""
    routes = APIRouter(prefix="/cameras/{camera_id}", tags=["cameras"])
    ptz = services.ptz

    @routes.get("/ptz", responses=answers(_STATE, problems=(404,)))
    async def state(request: Request, camera_id: Id) -> Response:
        """Whether it can be turned, whether the caller may (else `why`), and who holds it until when."""
        actor = actor_of(request)
        services.authority.authorise(actor, Action.SEE_ELEMENTS)
        return answer(_state(services, actor, camera_id))

    @routes.post("/ptz", responses=answers(_STATE, problems=(400, 404, 413, 422)) | _HELD)
    async def turn(request: Request, camera_id: Id, body: PtzBody) -> Response:
        """Hold it, let it go, move it, stop it, send it to a preset, have it look at a place. A move stops by itself after a second
        unless it is asked again."""
        actor = actor_of(request)
        match body.do:
            case "hold":
                await ptz.take(actor, camera_id, body.take_over)
            case "release":
                await ptz.release(actor, camera_id)
            case "move":
                await ptz.move(actor, camera_id, Velocity(body.pan, body.tilt, body.zoom))
            case "stop":
                await ptz.halt(actor, camera_id)
            case "go":
                if body.preset is None:
                    raise InvalidFields.one("preset", "name the preset to go to")
                await ptz.go(actor, camera_id, body.preset)
            case "look":
                services.authority.authorise(actor, Action.OPERATE_CAMERA)
                lon, lat, about = await _place(services, actor, body)
                await ptz.look(actor, camera_id, lon, lat, about)
        return answer(_state(services, actor, camera_id))

    @routes.get("/direction", responses=answers(_DIRECTION, problems=(404,)))
    async def direction(request: Request, camera_id: Id) -> Response:
        """Where one that turns looks now, as it tells itself; `why` says why that is not known, and `heading_deg` is null then."""
        return answer(await services.camera_directions.now(actor_of(request), camera_id))

    _add_presets(routes, services)
    return routes


def _add_presets(routes: APIRouter, services: Services) -> None:
    ptz = services.ptz

    @routes.get("/presets", responses=answers({"presets": [{"token": "1", "name": "北口"}]}, problems=(404, 422)) | _HELD)
    async def presets(request: Request, camera_id: Id) -> Response:
        """Positions that the camera keeps, asked of it now."""
        return answer({"presets": await ptz.presets(actor_of(request), camera_id)})

    @routes.post("/presets", status_code=201, responses=answers({"token": "4"}, status=201, problems=(400, 404, 413, 422)) | _HELD)
    async def save(request: Request, camera_id: Id, body: PresetBody) -> Response:
        """Keep where it looks now."""
        return answer({"token": await ptz.save(actor_of(request), camera_id, body.name, body.preset)}, 201)


async def _place(services: Services, actor: Actor, body: PtzBody) -> tuple[float, float, str]:
    """Where to look, and what the audit calls it. Raises NotFound, InvalidFields."""
    if body.incident_id is None:
        if body.lon is None or body.lat is None:
            raise InvalidFields.one("incident_id", "name an incident, or a point by lon and lat")
        return body.lon, body.lat, f"{body.lon:.5f},{body.lat:.5f}"
    picture = services.handler.picture
    incident = picture.incidents.get(body.incident_id) or await services.history.incident(body.incident_id)
    if incident is None or not services.authority.may_see_incident(actor, incident, picture):
        raise NotFound("unknown-incident", f"There is no incident {body.incident_id}; check the id.")
    if incident.lon is None or incident.lat is None:
        raise InvalidFields.one("incident_id", "the incident has no place yet; locate it first")
    return incident.lon, incident.lat, incident.incident_id


def _state(services: Services, actor: Actor, camera_id: str) -> dict[str, Any]:
    camera, ptz = services.cameras.one(camera_id), services.ptz
    held = ptz.holder(camera_id)
    why = ptz.why_not(actor, camera)
    return {
        "camera_id": camera_id,
        "org_code": camera.org_code,
        "org_name": _org_name(services, camera.org_code),
        "turns": camera.turns,
        "may_operate": not why,
        "why": why,
        "may_save": not why and services.authority.can(actor, Action.SAVE_PRESET),
        "may_take_over": not why and held is not None and not held.is_of(actor) and ptz.may_take_over(actor, held),
        "holder": None if held is None else _holder(services, held, actor),
    }


def _holder(services: Services, held: Hold, actor: Actor) -> dict[str, str | datetime | bool]:
    return {
        "name": held.name,
        "org_code": held.org_code,
        "org_name": _org_name(services, held.org_code),
        "since": held.since,
        "until": held.until,
        "own": held.is_of(actor),
    }


def _org_name(services: Services, code: str) -> str:
    known = services.organisations.get(code)
    return code if known is None else known.name
